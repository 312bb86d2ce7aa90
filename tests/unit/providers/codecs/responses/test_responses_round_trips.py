"""Whatever the canonical form says, OpenAI's Responses say too, or it is refused by name; and nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai.providers.canonical import Answer, Image, Message, Request, Tool, ToolResult, Usage
from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping, refusing
from resilient_ai.providers.codecs.responses import CODEC
from tests.unit.providers.codecs import made

ASKED = Asked({"model": "gpt-5.6", "input": "hello"}, "gpt-5.6", stream=True)
SETTINGS = {
    **{name: made.SETTINGS[name] for name in ("temperature", "top_p", "effort", "verbosity", "schema")},
    "max_tokens": st.integers(16, 100_000),
}
CAN = made.Can(
    settings=SETTINGS,
    parts=tuple(part for part in made.EVERY_PART if part is not made.audio),
    results=(made.texts, made.images, made.image_urls, made.documents),
    ids=made.any_ids,
    middle=True,
    mixed=True,
    refusals=True,
    prefill=True,
    first=("user", "assistant"),
)


def read(body: dict[str, Any]) -> Request:
    return CODEC.read_request(Asked(body, body["model"], bool(body.get("stream"))), refusing)


def plain(request: Request) -> Request:
    """What is the same here: a picture looked at as the vendor likes, a tool that is not strict."""
    return replace(
        request,
        messages=[replace(message, parts=[_plain(part) for part in message.parts]) for message in request.messages],
        tools=[_tool(tool) for tool in request.tools],
    )


def _plain(part: Any) -> Any:
    if isinstance(part, ToolResult):
        return replace(part, parts=[_plain(one) for one in part.parts])
    if isinstance(part, Image) and part.detail == "auto":
        return replace(part, detail=None)
    return part


def _tool(tool: Tool) -> Tool:
    none = tool.parameters is None or not tool.parameters.get("properties")
    strict = bool(tool.strict)
    return replace(tool, strict=strict, parameters=None if none else tool.parameters)


@settings(max_examples=60, deadline=None)
@given(made.requests(CAN))
def test_a_request_it_can_say(request: Request) -> None:
    back = plain(read(CODEC.write_request(request, refusing, None).body))
    assert made.differing(plain(request), back) == {}


@settings(max_examples=60, deadline=None)
@given(made.requests(made.ANYTHING))
def test_any_request_is_said_or_refused(request: Request) -> None:
    try:
        body = CODEC.write_request(request, refusing, None).body
    except Untranslatable:
        noted = dropping()
        try:
            assert CODEC.write_request(request, noted, None).body["store"] is False
        except Untranslatable as refused:
            assert refused.path == "messages", "only where nothing is left to ask"
        assert noted.noted
    else:
        assert made.differing(plain(request), plain(read(body))) == {}


def told_once(answer: Answer) -> Answer:
    """Numbers that are not told are none here."""
    usage = answer.usage
    if usage is not None:
        usage = Usage(usage.input, usage.output, usage.cached or 0, usage.written or 0, usage.reasoning or 0)
    return replace(answer, usage=usage)


answers = made.answers(many=True, mixed=True, refusals=True)


@settings(max_examples=60, deadline=None)
@given(answers)
def test_an_answer(answer: Answer) -> None:
    assert CODEC.read_answer(CODEC.write_answer(answer, ASKED)) == told_once(answer)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_stream(data: st.DataObject) -> None:
    """In whatever pieces it is told, and in whatever chunks it comes."""
    answer = data.draw(answers)
    stream = made.written(CODEC, ASKED, data.draw(made.told(answer)))
    deltas = made.read(CODEC, made.chunked(stream, data.draw(made.chunks)))
    assert made.whole(deltas) == told_once(answer)


def test_messages_keep_where_they_stood() -> None:
    said = [{"role": "developer", "content": "be brief"}, {"role": "user", "content": "hello"}]
    request = read({"model": "m", "instructions": "be kind", "input": said})
    assert [message.at for message in request.messages] == ["instructions", "input[0]", "input[1]"]
    assert request.messages[2] == Message("user", [made.Text("hello")])
