"""What this codec writes it reads again as the same, or it refuses it by name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.providers.canonical import Answer, Audio, Choice, Request, Schema, Text, ToolCall
from resilient_ai.providers.codecs.base import Asked, Untranslatable, refusing
from resilient_ai.providers.codecs.messages import CODEC
from resilient_ai.testing._server.anthropic.validate import CREATE, check
from tests.unit.providers.codecs import made
from tests.unit.providers.codecs.made import Can

OLD, NEW = "claude-haiku-4-5", "claude-opus-4-8"
ASKED = Asked({}, NEW, stream=False)

_TEXTS = st.builds(made.Document, data=st.just("aGVsbG8="), media_type=st.just("text/plain"), name=st.just("a.txt"))
_PARTS = (made.texts, made.images, made.image_urls, made.documents, made.nameless_documents, _TEXTS)
_SAYS = ("max_tokens", "stop", "schema")
_BOTH = Can(
    settings={name: made.SETTINGS[name] for name in _SAYS},
    parts=_PARTS,
    results=(made.texts, made.images, made.image_urls, made.documents),
    mixed=True,
)
CAN = {
    OLD: replace(
        _BOTH,
        prefill=True,
        settings={**_BOTH.settings, "temperature": made.SETTINGS["temperature"], "top_k": made.SETTINGS["top_k"]},
    ),
    NEW: replace(_BOTH, settings={**_BOTH.settings, "effort": st.sampled_from(["low", "medium", "high", "max"])}),
}
"""What two generations of models can say."""


def asked(body: dict[str, Any]) -> Asked:
    return Asked(body, body["model"], body.get("stream") is True)


def again(request: Request, most: int | None = None) -> Request:
    """Through JSON, as the vendor would check it."""
    written = CODEC.write_request(request, refusing, most)
    assert written.path == "v1/messages"
    ((name, version),) = written.headers
    assert name == "anthropic-version"
    body = json.loads(json.dumps(written.body, allow_nan=False))
    check(CREATE, body, version=version)
    return CODEC.read_request(asked(body), refusing)


def plain(request: Request) -> Request:
    """The same, less what this dialect has one way to say where the canonical form has more."""
    choice = request.choice
    if choice is None and request.parallel is False and request.tools:
        choice = Choice("auto")
    return replace(
        request,
        choice=choice,
        parallel=None if choice is not None and choice.kind == "none" else request.parallel,
        max_tokens=0,
        schema=None if request.schema is None else Schema(request.schema.schema, strict=True),
        tools=[replace(tool, strict=tool.strict or None) for tool in request.tools],
    )


@pytest.mark.parametrize("model", [OLD, NEW])
@given(data=st.data())
def test_a_request_is_read_as_it_was_written(data: st.DataObject, model: str) -> None:
    request = replace(data.draw(made.requests(CAN[model])), model=model, goes_on=True)
    if request.messages[-1].role == "assistant":
        last = request.messages[-1].parts
        last[:] = [Text(part.text.rstrip()) if isinstance(part, Text) else part for part in last]
        last[:] = [part for part in last if not isinstance(part, ToolCall)] or [Text("so")]
    if request.schema is not None:
        request.schema.description = None
    read = again(request)
    assert plain(read) == plain(request), made.differing(plain(request), plain(read))
    if request.max_tokens is not None:
        assert read.max_tokens == min(request.max_tokens, 64_000 if model == OLD else 128_000)


@given(made.requests(made.ANYTHING), st.sampled_from([OLD, NEW, "claude-3-opus-20240229", "claude-opus-6", "kimi-k3"]))
def test_anything_is_valid_or_refused(request: Request, model: str) -> None:
    try:
        again(replace(request, model=model))
    except Untranslatable as error:
        assert error.path


@given(made.requests(made.ANYTHING), st.sampled_from([OLD, NEW]))
def test_sounds_are_never_dropped_in_silence(request: Request, model: str) -> None:
    request.messages[-1].parts.append(Audio("AA==", "audio/wav", at="here"))
    with pytest.raises(Untranslatable):
        again(replace(request, model=model))


answers = made.answers(created=st.none(), many=True, mixed=True, stop_sequences=True)


@given(answers)
def test_an_answer_is_read_as_it_was_written(answer: Answer) -> None:
    body = json.loads(json.dumps(CODEC.write_answer(answer, ASKED), allow_nan=False))
    if answer.usage is None:
        answer.usage = CODEC.read_answer(body).usage
        assert answer.usage is not None
        assert (answer.usage.input, answer.usage.output) == (0, 0)
    assert CODEC.read_answer(body) == answer


@given(st.data(), answers, made.chunks)
def test_a_stream_is_read_as_it_was_written(data: st.DataObject, answer: Answer, chunks: list[int]) -> None:
    stream = made.written(CODEC, ASKED, data.draw(made.told(answer)))
    read = made.whole(made.read(CODEC, made.chunked(stream, chunks)))
    if answer.usage is None:
        read.usage = None
    assert read == answer


@given(made.answers(refusals=True), made.chunks)
def test_a_refusal_becomes_words_that_were_refused(answer: Answer, chunks: list[int]) -> None:
    body = CODEC.write_answer(answer, ASKED)
    read = CODEC.read_answer(body)
    assert [part for part in read.parts if isinstance(part, ToolCall)] == [
        part for part in answer.parts if isinstance(part, ToolCall)
    ]
    texts = [part.text for part in answer.parts if not isinstance(part, ToolCall)]
    assert [part.text for part in read.parts if not isinstance(part, ToolCall)] == texts
