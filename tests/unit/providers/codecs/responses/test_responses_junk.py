"""What has another schema is refused, and raises nothing else."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai.providers.canonical import Request
from resilient_ai.providers.codecs.base import Asked, dropping, refusing
from resilient_ai.providers.codecs.responses import CODEC
from resilient_ai.providers.streams.base import OTHER_SCHEMA
from tests.unit.providers.codecs import made
from tests.unit.providers.codecs.responses.test_responses_answers import ANSWER, CALL, MESSAGE
from tests.unit.providers.codecs.responses.test_responses_requests import ASKING
from tests.unit.providers.codecs.responses.test_responses_streams import BEGINNING, DONE, TELLING, calling, deltas_of


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_of_another_schema_it_is_refused(data: st.DataObject) -> None:
    body = made.spoilt(data, ASKING)
    for lost in (refusing, dropping()):
        try:
            request = CODEC.read_request(Asked(body, "m", stream=False), lost)
        except OTHER_SCHEMA:
            continue
        assert isinstance(request, Request)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_of_another_schema_they_are_refused(data: st.DataObject) -> None:
    with contextlib.suppress(*OTHER_SCHEMA):
        CODEC.read_answer(made.spoilt(data, {**ANSWER, "output": [MESSAGE, CALL]}))
    events = [*BEGINNING, *TELLING, *calling(1, "call_1", "look", ["{}"]), DONE]
    at = data.draw(st.integers(0, len(events) - 1))
    fields = made.spoilt(data, events[at])
    with contextlib.suppress(*OTHER_SCHEMA):
        deltas_of([*events[:at], fields if isinstance(fields, dict) else {}, *events[at + 1 :]])
