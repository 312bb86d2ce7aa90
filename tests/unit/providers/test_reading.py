"""What is read off a body without parsing all of it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai.providers.base import form_field, model_of, top_level

WORDS = st.sampled_from(
    ["model", "mode", '"model"', "model\\", '","model":"x"}', "{", "}", "ü", "", "gpt-4o", "a" * 50]
)
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(WORDS, VALUES, max_size=6)
PADDING = "p" * 20_000  # more than is looked at from either end


def dumped(value: object, *, compact: bool, ascii: bool) -> bytes:
    return json.dumps(value, separators=(",", ":") if compact else None, ensure_ascii=ascii).encode()


@given(OBJECTS, st.booleans(), st.booleans(), st.sampled_from([None, "first", "last", "both"]))
@settings(max_examples=300, deadline=None)
def test_the_model_is_what_a_parser_says(value: dict[str, Any], compact: bool, ascii: bool, pad: str | None) -> None:
    """However large the body, and whatever else in it is called so."""
    if pad in ("first", "both"):
        value = {"pad": PADDING, **value}
    if pad in ("last", "both"):
        value = {**value, "end": {"model": PADDING}}
    body = dumped(value, compact=compact, ascii=ascii)
    wanted = value.get("model")
    span = top_level(body, "model")
    if not isinstance(wanted, str):
        assert span is None
        assert model_of(body) is None
        return
    assert span is not None
    assert span.value == wanted
    assert json.loads(body[span.start : span.end]) == wanted
    assert model_of(body) == wanted
    changed = json.loads(span.replaced(body, 'new "one"', quoted=True))
    assert changed == {**value, "model": 'new "one"'}


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_garbage_is_no_model_and_no_error(garbage: bytes) -> None:
    """The program's own mistake goes to the provider as it is."""
    for body in (garbage, b'{"model":"' + garbage, b'{"model":"\\x"' + garbage, garbage + b'"model":"a"}'):
        top_level(body, "model")
        model_of(body)
        form_field(body, "model")


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"\\x"}',
        b'{"model":"\\ud800',
        b"[" * 100_000 + b'"model":"x"',
        b'{"a":' * 100_000 + b'"model":"x"',
        b'{"model":"caf\xe9"}',
        b'{"a":' + b"[" * 5000 + b"]" * 5000 + b',"model":"x","b":"' + b"p" * 20_000 + b'"}',
    ],
)
def test_bodies_that_no_parser_takes(body: bytes) -> None:
    top_level(body, "model")
    model_of(body)


def test_many_inner_models_cost_one_pass() -> None:
    """A megabyte of records that each name a model, round the one that counts."""
    records = [{"model": "inner", "text": "x" * 500}] * 2000
    body = json.dumps({"before": records, "model": "outer", "after": records}).encode()
    started = time.process_time()
    span = top_level(body, "model")
    assert span is not None
    assert span.value == "outer"
    assert time.process_time() - started < 1


def part(name: str, value: str, extra: str = "") -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n{extra}\r\n{value}\r\n'.encode()


@pytest.mark.parametrize("extra", ["", "Content-Type: text/plain\r\n"])
@pytest.mark.parametrize("size", [10, 200_000])
@pytest.mark.parametrize("first", [True, False])
def test_a_form_field(extra: str, size: int, first: bool) -> None:
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="model"\r\n\r\n' + b"\0" * size + b"\r\n"
    fields = part("other", "x") + part("model", "sora-2", extra)
    body = (fields + file if first else file + fields) + b"--b--\r\n"
    span = form_field(body, "model")
    assert span is not None
    assert span.value == "sora-2"
    assert b"veo" in span.replaced(body, "veo", quoted=False)
    assert len(span.replaced(body, "veo", quoted=False)) == len(body) - 3
    assert form_field(body, "absent") is None
    assert form_field(b"", "model") is None
