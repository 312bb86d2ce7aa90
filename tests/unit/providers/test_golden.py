"""Every golden answer of tests/wire is read as it says: codes and words before the status, a CDN's page as such."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai.failures import FailureKind
from resilient_ai.providers.headers import asked_wait, should_retry
from resilient_ai.providers.kinds import classify, in_stream, in_success, never_fits
from resilient_ai.providers.registry import DIALECTS
from resilient_ai.providers.said import said_by
from resilient_ai.providers.streams.reading import Reading
from resilient_ai.testing import VendorError, vendor_errors
from tests.wire.golden import VENDORS, body_of, read

NOW = 1_800_000_000.0


def parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


ERRORS = [(vendor, read(vendor)["dialect"], row) for vendor in VENDORS for row in read(vendor)["errors"]]


@pytest.mark.parametrize(("dialect", "row"), [e[1:] for e in ERRORS], ids=[f"{e[0]}-{e[2]['case']}" for e in ERRORS])
def test_an_error_answer(dialect: str, row: dict[str, Any]) -> None:
    """Promises 1, 4, 8: what an error means, how long it asks to wait, and whether another send is of use."""
    spoken, body = DIALECTS[dialect], parsed(body_of(row))
    headers = {name.encode(): value.encode() for name, value in row.get("headers", {}).items()}
    assert spoken.classify(row["status"], body) is FailureKind(row["kind"])
    asked = asked_wait(headers, NOW)
    assert (spoken.wait(body) if asked is None else asked) == pytest.approx(row.get("wait"))
    assert (False if never_fits(body) else should_retry(headers)) is row.get("should_retry")


def test_the_rows_are_distinct() -> None:
    """A row that another one repeats would show nothing of its own."""
    names = [(vendor, row["case"]) for vendor, _, row in ERRORS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", read("inside_200")["answers"], ids=lambda row: row["case"])
def test_an_answer_with_http_200(row: dict[str, Any]) -> None:
    """Promise 22, as far as the dialects go."""
    said = DIALECTS[row["dialect"]].inside_success(row["family"], row["body"], True)
    assert said is (None if row["kind"] is None else FailureKind(row["kind"]))


@pytest.mark.parametrize("row", read("in_streams")["errors"], ids=lambda row: row["case"])
def test_an_error_inside_a_stream(row: dict[str, Any]) -> None:
    """Promise 22: its kind, wherever in it the stream is cut."""
    told = DIALECTS[row["dialect"]].told_in_stream
    assert told(row["text"].encode()) is FailureKind(row["kind"])


# fmt: off
KEYS = [
    "error", "code", "type", "message", "details", "reason", "violations", "quotaId", "innererror", "metadata",
    "raw", "flagged_input", "retryDelay", "detail", "status", "promptFeedback", "id", "name", "error_code",
    "blockReason", "container", "tools", "file", "response",
]
# fmt: on
STREAMED = [error for error in vendor_errors() if error.stream is not None]
FAMILIES = {"anthropic": "messages", "gemini": "generate_content"}


@pytest.mark.parametrize("error", STREAMED, ids=str)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_a_stream_s_error_is_found_in_whatever_chunks_it_comes(error: VendorError, step: int) -> None:
    """Promise 22: the streams of the simulator's table, which was written by another hand."""
    spoken = DIALECTS[error.vendor if error.vendor in FAMILIES else "openai"]
    family = error.family or FAMILIES.get(error.vendor, "chat")
    watch = Reading(spoken.streams[family])
    stream = (error.stream or "").encode()
    for start in range(0, len(stream), step):
        watch.feed(stream[start : start + step])
    watch.end()
    assert watch.seen or watch.error is not None
    if watch.error is None:
        assert error.kind == "refused"  # a blocked prompt is Gemini's proper answer
    else:
        kind = spoken.told_in_stream(watch.error)
        assert kind.value == error.kind or (error.kind == "broken" and kind.meaning.counts)


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(JSON, st.sampled_from([200, 400, 403, 404, 429, 500]), st.sampled_from(sorted(DIALECTS)))
@settings(max_examples=150, deadline=None)
def test_no_body_is_beyond_reading(body: Any, status: int, dialect: str) -> None:
    """Whatever JSON a server sends, it is judged, and nothing raises."""
    spoken = DIALECTS[dialect]
    said_by(body)
    in_success(body)
    never_fits(body)
    assert isinstance(classify(status, body), FailureKind)
    assert isinstance(spoken.classify(status, body), FailureKind)
    wait = spoken.wait(body)
    assert wait is None or 0 < wait <= 86_400
    for family in ("chat", "responses", "messages", "generate_content", "interactions", "batches", "files", "videos"):
        spoken.inside_success(family, body, True)
        spoken.tells_failure(family, body)
        assert all(isinstance(identifier, str) for identifier in spoken.made(family, body))
        spoken.effects(family, json.dumps(body).encode())


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_bytes_of_a_stream_are_beyond_reading(garbage: bytes) -> None:
    assert isinstance(in_stream(garbage), FailureKind)
    for spoken in DIALECTS.values():
        for family in ("chat", "responses", "messages", "interactions"):
            spoken.made_by_stream(family, garbage)
            spoken.effects(family, b'{"tools":["file_id","mcp"' + garbage)
