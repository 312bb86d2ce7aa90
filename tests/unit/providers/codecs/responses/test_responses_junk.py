"""What has another schema is refused, and raises nothing else."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai.providers.canonical import Request
from resilient_ai.providers.codecs.base import Asked, dropping, refusing
from resilient_ai.providers.codecs.responses import CODEC
from resilient_ai.providers.streams.base import OTHER_SCHEMA
from tests.unit.providers.codecs.responses.test_responses_answers import ANSWER, CALL, MESSAGE
from tests.unit.providers.codecs.responses.test_responses_requests import ASKING, Json
from tests.unit.providers.codecs.responses.test_responses_streams import BEGINNING, DONE, TELLING, calling, deltas_of

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ASKING, "type", "role"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def spoilt(data: st.DataObject, value: Any) -> Any:
    """The same with something else somewhere in it."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 5)):
        members: Json = value  # pyright: ignore[reportUnknownVariableType]
        name = data.draw(st.sampled_from(sorted(members)))
        return {**members, name: spoilt(data, members[name])}
    if isinstance(value, list) and value and data.draw(st.integers(0, 5)):
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        at = data.draw(st.integers(0, len(items) - 1))
        return [*items[:at], spoilt(data, items[at]), *items[at + 1 :]]
    return data.draw(JUNK)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_of_another_schema_it_is_refused(data: st.DataObject) -> None:
    body = spoilt(data, ASKING)
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
        CODEC.read_answer(spoilt(data, {**ANSWER, "output": [MESSAGE, CALL]}))
    events = [*BEGINNING, *TELLING, *calling(1, "call_1", "look", ["{}"]), DONE]
    at = data.draw(st.integers(0, len(events) - 1))
    fields = spoilt(data, events[at])
    with contextlib.suppress(*OTHER_SCHEMA):
        deltas_of([*events[:at], fields if isinstance(fields, dict) else {}, *events[at + 1 :]])
