"""What is written for Gemini is read as the same, or refused; and Google's own types take it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resilient_ai.providers.canonical import (
    Answer,
    Choice,
    Document,
    Image,
    Message,
    Refusal,
    Request,
    Text,
    ToolCall,
    ToolResult,
)
from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping, refusing
from resilient_ai.providers.codecs.content import CODEC
from resilient_ai.testing._server.gemini.validate import GENERATE, camel, check
from tests.unit.providers.codecs import made

if TYPE_CHECKING:
    from resilient_ai.providers.codecs.base import Written

types: Any = pytest.importorskip("google.genai", minversion="3").types

SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    **{name: one for name, one in made.SETTINGS.items() if name not in ("verbosity", "budget")},
    "effort": st.sampled_from(["low", "medium", "high"]),
    "budget": st.integers(1, 24576),
}
CAN = made.Can(
    settings=SETTINGS,
    parts=(made.texts, made.images, made.nameless_documents, made.audio),
    results=(made.texts, made.images, made.nameless_documents),
    parallel=False,
    ids=made.any_ids,
    mixed=True,
    refusals=True,
    prefill=True,
    first=("user", "assistant"),
)
ASKED = Asked({}, "gemini-3-pro", stream=False)


def asked_of(written: Written) -> Asked:
    """The request, as a transport takes it in."""
    model, _, method = written.path.removeprefix("v1beta/models/").partition(":")
    return Asked(json.loads(json.dumps(written.body)), model, stream=method == "streamGenerateContent")


def as_told(request: Request) -> Request:
    """What of a request Gemini's form tells: calls without ids, the model's
    words in one, words without a mark that they are
    a refusal, the words of a result in one, one strictness for all tools."""
    ids: dict[str, str] = {}
    messages: list[Message] = []
    for message in request.messages:
        parts = [_part(part, ids) for part in message.parts]
        messages.append(Message(message.role, joined(parts) if message.role == "assistant" else parts))
    choice, strict = request.choice, None
    if request.tools and any(tool.strict for tool in request.tools) and (choice is None or choice.kind == "auto"):
        choice, strict = Choice("auto"), True
    schema = request.schema
    if schema is not None and schema.schema is not None:
        told = schema.schema if schema.description is None else {**schema.schema, "description": schema.description}
        schema = replace(schema, schema=told, name=None, description=None, strict=None)
    tools = [replace(tool, strict=strict) for tool in request.tools]
    return replace(request, messages=messages, tools=tools, choice=choice, schema=schema)


def joined(parts: list[Any]) -> list[Any]:
    found: list[Any] = []
    for part in parts:
        if found and isinstance(found[-1], Text) and isinstance(part, Text):
            found[-1] = Text(found[-1].text + part.text)
        else:
            found.append(part)
    return found


def _part(part: Any, ids: dict[str, str]) -> Any:
    match part:
        case Refusal(text):
            return Text(text)
        case ToolCall(one):
            return replace(part, id=ids.setdefault(one, f"call_{len(ids)}"))
        case ToolResult(call, name, parts, failed):
            texts = [one.text for one in parts if isinstance(one, Text)]
            rest = [one for one in parts if not isinstance(one, Text)]
            joined: list[Any] = [Text("\n".join(texts))] if texts else []
            return ToolResult(ids.get(call, call), name, joined + [_part(one, ids) for one in rest], failed)
        case Image(detail="auto"):
            return replace(part, detail=None)
        case Document():
            return replace(part, name=None)
        case _:
            return part


def accepted(written: Written) -> None:
    """Google's types and the simulator take it."""
    body = written.body
    check(GENERATE, camel(body), asked_of(written).model)
    for content in body["contents"]:
        types.Content.model_validate(content)
        assert content["parts"]
    if "systemInstruction" in body:
        types.Content.model_validate(body["systemInstruction"])
    for tool in body.get("tools", ()):
        types.Tool.model_validate(tool)
    if "toolConfig" in body:
        types.ToolConfig.model_validate(body["toolConfig"])
    config = dict(body.get("generationConfig", {}))
    thinking = config.pop("thinkingConfig", None)
    types.GenerationConfig.model_validate(config)
    types.ThinkingConfig.model_validate(thinking or {})


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(made.requests(CAN))
def test_request(request: Request) -> None:
    request.model = "gemini-3-pro"  # which wants signatures
    request.goes_on = True
    written = CODEC.write_request(request, refusing, None)
    accepted(written)
    again = CODEC.read_request(asked_of(written), refusing)
    assert not made.differing(as_told(again), as_told(request))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(made.requests(made.ANYTHING))
def test_anything_is_the_same_or_refused(request: Request) -> None:
    try:
        written = CODEC.write_request(request, refusing, None)
    except Untranslatable as error:
        assert error.why
        noted = dropping()
        try:
            accepted(CODEC.write_request(request, noted, None))
        except Untranslatable:
            return
        assert noted.noted
        return
    accepted(written)
    again = CODEC.read_request(asked_of(written), refusing)
    one, other = as_told(request), as_told(again)
    one.effort, one.verbosity = _level(one.effort), None  # refused, but for "medium"
    assert not made.differing(other, one)


def _level(effort: str | None) -> str | None:
    return {"minimal": "low", "xhigh": "high", "max": "high"}.get(effort or "", effort)


ANSWERS = made.answers(usage=st.none() | made.usages(written=False), many=True, mixed=True, refusals=True)


def answer_as_told(answer: Answer) -> Answer:
    """Texts in one, calls by their number."""
    ids: dict[str, str] = {}
    return replace(answer, parts=joined([_part(part, ids) for part in answer.parts]))


@given(ANSWERS)
def test_answer(answer: Answer) -> None:
    told = CODEC.write_answer(answer, ASKED)
    types.GenerateContentResponse.model_validate(told)
    assert answer_as_told(CODEC.read_answer(json.loads(json.dumps(told)))) == answer_as_told(answer)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(ANSWERS.flatmap(lambda answer: st.tuples(st.just(answer), made.told(answer))), made.chunks)
def test_stream(told: tuple[Answer, list[Any]], sizes: list[int]) -> None:
    answer, deltas = told
    stream = made.written(CODEC, ASKED, deltas)
    for line in stream.split(b"\r\n\r\n")[:-1]:
        types.GenerateContentResponse.model_validate(json.loads(line.removeprefix(b"data: ")))
    again = made.whole(made.read(CODEC, made.chunked(stream, sizes)))
    assert answer_as_told(again) == answer_as_told(answer)


@given(ANSWERS.flatmap(made.told))
def test_nothing_ends_before_it_is_closed(deltas: list[Any]) -> None:
    stream = made.written(CODEC, ASKED, deltas[:-1])
    assert b"finishReason" not in stream
