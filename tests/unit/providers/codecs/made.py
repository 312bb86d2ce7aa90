"""Requests, answers and streams of the canonical form, made by hypothesis: for the round trips of every codec.

All are in the normal form that canonical.py describes, so that what a codec reads can be compared by `==`. A test asks
for what its dialect can say; what it cannot is in `ANYTHING`, for "the same, or refused". Values that are every
vendor's default (a temperature of 1, penalties of 0, parallel tools) are not made: codecs may leave them out.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from hypothesis import strategies as st

from resilient_ai.providers.canonical import (
    Alive,
    Answer,
    Audio,
    Choice,
    Closed,
    Delta,
    Document,
    Finished,
    Image,
    Message,
    Opened,
    Part,
    PartClosed,
    PartDelta,
    PartOpened,
    Refusal,
    Request,
    Role,
    Schema,
    Stop,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
    Used,
    arguments_of,
)
from resilient_ai.providers.sse import EventDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resilient_ai.providers.codecs.base import Asked, Codec, StreamReader

Json = dict[str, Any]

# What requests are made of. -------------------------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20).filter(
    lambda text: bool(text.strip()) and not text.startswith("Tool error: ")
)
"""Never empty, as in the normal form; never what a codec marks a failed result with."""
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,15}", fullmatch=True)
"""Of tools and schemas."""
ids = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
"""That every vendor takes; `any_ids` are other vendors'."""
any_ids = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("abc_é", max_size=4), inner, max_size=2),
    max_leaves=4,
)
objects: st.SearchStrategy[Json] = st.dictionaries(st.text("abcxyz_", min_size=1, max_size=6), values, max_size=3)
arguments = objects.map(arguments_of)
"""A tool's: JSON without spaces."""


def _schema(properties: dict[str, str]) -> Json:
    return {
        "type": "object",
        "properties": {name: {"type": sort} for name, sort in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


sorts = st.sampled_from(["string", "number", "integer", "boolean"])
schemas = st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), sorts, max_size=3).map(_schema)
"""Objects that say all, as the strictest vendor wants them."""

base64s = st.sampled_from(["AA==", "aGVsbG8=", "iVBORw0KGgo="])
urls = st.sampled_from(["https://example.org/a.png", "https://example.com/b?c=d&e=%20f"])
texts = st.builds(Text, words)
images = st.builds(Image, data=base64s, media_type=st.sampled_from(["image/png", "image/jpeg", "image/webp"]))
image_urls = st.builds(Image, url=urls)
detailed_images = st.builds(replace, images | image_urls, detail=st.sampled_from(["low", "high", "auto"]))
documents = st.builds(Document, data=base64s, media_type=st.just("application/pdf"), name=st.just("a.pdf"))
nameless_documents = st.builds(Document, data=base64s, media_type=st.just("application/pdf"))
text_documents = st.builds(Document, data=base64s, media_type=st.just("text/plain"), name=st.just("a.txt"))
document_urls = st.builds(Document, url=st.just("https://example.org/a.pdf"))
audio = st.builds(Audio, data=base64s, media_type=st.sampled_from(["audio/wav", "audio/mp3"]))

tools = st.builds(
    Tool,
    names,
    description=st.none() | words,
    parameters=st.none() | schemas,
    strict=st.none() | st.booleans(),
)

PORTABLE = (texts, images)
EVERY_PART = (
    *(texts, images, image_urls, detailed_images, documents, nameless_documents, text_documents),
    *(document_urls, audio),
)
"""What a user's message may hold."""

SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "max_tokens": st.integers(1, 100_000),
    "temperature": st.sampled_from([0, 0.0, 0.2, 0.7]),
    "top_p": st.sampled_from([0.1, 0.9]),
    "top_k": st.integers(1, 100),
    "stop": st.lists(words, min_size=1, max_size=4, unique=True),
    "seed": st.integers(0, 2**31 - 1),
    "presence_penalty": st.sampled_from([-1.5, 0.5]),
    "frequency_penalty": st.sampled_from([-0.5, 1.5]),
    "effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    "budget": st.integers(1024, 32_000),
    "verbosity": st.sampled_from(["low", "medium", "high"]),
    "schema": st.builds(
        Schema, schemas, names, description=st.none() | words, strict=st.none() | st.booleans()
    ),
}  # fmt: skip
"""By the name of a field of `Request`, how it is made. Pass a changed copy for what the dialect takes."""


@dataclass(frozen=True, kw_only=True)
class Can:
    """What a dialect can say.

    Attributes:
        settings: of `SETTINGS`; each is made or left out.
        parts: of a user's message.
        results: of a tool's.
        failed: a tool's failure.
        ids: of tool calls.
        tools: how they are made; None for no tools at all.
        choices, parallel: of tools.
        middle: system messages between others.
        mixed: texts between and behind tool calls.
        many: more than one text in a message of the assistant's.
        refusals: in the assistant's messages.
        prefill: the last message may be the assistant's.
        first: who may begin, behind the system messages.
    """

    settings: dict[str, st.SearchStrategy[Any]]
    parts: Sequence[st.SearchStrategy[Any]] = PORTABLE
    results: Sequence[st.SearchStrategy[Any]] = (texts,)
    failed: bool = True
    ids: st.SearchStrategy[str] = ids
    tools: st.SearchStrategy[Tool] | None = tools
    choices: tuple[str, ...] = ("auto", "none", "any", "named")
    parallel: bool = True
    middle: bool = False
    mixed: bool = False
    many: bool = True
    refusals: bool = False
    prefill: bool = False
    first: tuple[Role, ...] = ("user",)


ANYTHING = Can(
    settings=SETTINGS,
    parts=EVERY_PART,
    results=(texts, images, image_urls, documents),
    ids=any_ids,
    middle=True,
    mixed=True,
    refusals=True,
    prefill=True,
    first=("user", "assistant"),
)


def said(can: Can, *, within: Sequence[str]) -> Can:
    """The same, of fewer settings."""
    return replace(can, settings={name: can.settings[name] for name in within})


@st.composite
def requests(draw: st.DrawFn, can: Can) -> Request:
    """A request in the normal form."""
    made = draw(st.lists(can.tools, max_size=3, unique_by=lambda tool: tool.name)) if can.tools is not None else []
    for index, tool in enumerate(made):
        tool.at = f"tools[{index}]"
    request = Request(
        model=draw(st.sampled_from(["gpt-5.6", "claude-sonnet-5", "models-1"])),
        messages=draw(_conversations(can, [tool.name for tool in made])),
        tools=made,
        stream=draw(st.booleans()),
    )
    if made:
        request.choice = draw(st.none() | _choices(can, made))
        request.parallel = draw(st.sampled_from([None, False])) if can.parallel else None
    wanted = draw(st.lists(st.sampled_from(sorted(can.settings)), unique=True, max_size=5)) if can.settings else []
    for name in wanted:
        if name != "budget" or request.effort is None:
            setattr(request, name, draw(can.settings[name]))
            if name == "effort":
                request.budget = None
    return request


@st.composite
def _choices(draw: st.DrawFn, can: Can, made: list[Tool]) -> Choice:
    kind: Any = draw(st.sampled_from(can.choices))
    return Choice(kind, draw(st.sampled_from(made)).name if kind == "named" else None)


@st.composite
def _conversations(draw: st.DrawFn, can: Can, callable_: list[str]) -> list[Message]:
    system = st.builds(Message, st.just("system"), st.lists(texts, min_size=1, max_size=1))
    found = draw(st.lists(system, max_size=2))
    role = draw(st.sampled_from(can.first))
    used: set[str] = set()
    for turn in range(draw(st.integers(1, 5))):
        if can.middle and turn and found[-1].role != "assistant" and draw(st.integers(0, 5)) == 0:
            found.append(draw(system))
        if role == "user":
            found.append(Message("user", draw(st.lists(st.one_of(*can.parts), min_size=1, max_size=3))))
            role = "assistant"
            continue
        one = draw(_turns(can, callable_, used))
        found.append(one)
        calls = [part for part in one.parts if isinstance(part, ToolCall)]
        if calls:
            found.append(Message("tool", [draw(_results(can, call)) for call in calls]))
        role = "assistant" if calls and draw(st.booleans()) else "user"
    if found[-1].role in ("assistant", "system") and not can.prefill:
        found.append(Message("user", [draw(texts)]))
    return _placed(found)


def _placed(messages: list[Message]) -> list[Message]:
    """Say of each part where it stood: a refusal tells it."""
    for index, message in enumerate(messages):
        message.at = f"messages[{index}]"
        for number, part in enumerate(message.parts):
            if not isinstance(part, Text | Refusal):
                part.at = f"{message.at}.content[{number}]"
            if isinstance(part, ToolResult):
                for inner, one in enumerate(part.parts):
                    if not isinstance(one, Text):
                        one.at = f"{part.at}.content[{inner}]"
    return messages


@st.composite
def _turns(draw: st.DrawFn, can: Can, callable_: list[str], used: set[str]) -> Message:
    """What the assistant said: texts, a refusal, tool calls."""
    called = draw(st.lists(st.sampled_from(callable_), max_size=3)) if callable_ else []
    calls: list[Part] = []
    for name in called:
        one = draw(can.ids.filter(lambda one: one not in used))
        used.add(one)
        calls.append(ToolCall(one, name, draw(arguments)))
    most = 2 if can.many else 1
    spoken: list[Part] = draw(st.lists(texts, min_size=0 if calls else 1, max_size=most))
    if can.refusals and draw(st.integers(0, 5)) == 0:
        spoken = [Refusal(draw(words))]
    parts = spoken + calls
    return Message("assistant", draw(st.permutations(parts)) if can.mixed else parts)


@st.composite
def _results(draw: st.DrawFn, can: Can, call: ToolCall) -> ToolResult:
    parts = draw(st.lists(st.one_of(*can.results), max_size=2))
    return ToolResult(call.id, call.name, parts, failed=can.failed and draw(st.integers(0, 3)) == 0)


# Answers. -------------------------------------------------------------------------------------------------------------


@st.composite
def usages(draw: st.DrawFn, *, cached: bool = True, written: bool = True, reasoning: bool = True) -> Usage:
    """What an answer costs: of the parts of a count, those that the dialect tells."""
    found = Usage(0, 0)
    if cached:
        found.cached = draw(st.none() | st.integers(0, 1000))
    if written:
        found.written = draw(st.none() | st.integers(0, 1000))
    if reasoning:
        found.reasoning = draw(st.none() | st.integers(0, 1000))
    found.input = draw(st.integers(0, 1000)) + (found.cached or 0) + (found.written or 0)
    found.output = draw(st.integers(0, 1000)) + (found.reasoning or 0)
    return found


@st.composite
def answers(
    draw: st.DrawFn,
    *,
    usage: st.SearchStrategy[Usage | None] = st.none() | usages(),  # noqa: B008
    created: st.SearchStrategy[int | None] = st.integers(1, 2_000_000_000),  # noqa: B008
    stops: tuple[Stop, ...] = ("stop", "length", "content_filter"),
    many: bool = False,
    mixed: bool = False,
    refusals: bool = False,
    stop_sequences: bool = False,
) -> Answer:
    """An answer: as in `Can`, and ``stops`` are those of an answer without tool calls."""
    calls: list[Any] = draw(st.lists(st.builds(ToolCall, ids, names, arguments), max_size=3, unique_by=lambda c: c.id))
    parts: list[Any] = draw(st.lists(texts, max_size=2 if many else 1))
    if refusals and not calls and draw(st.booleans()):
        parts = [Refusal(draw(words))]
    parts += calls
    if mixed:
        parts = draw(st.permutations(parts))
    answer = Answer(
        id=draw(ids),
        model=draw(st.sampled_from(["gpt-5.6", "claude-sonnet-5"])),
        parts=parts,
        stop="tool_calls" if calls else draw(st.sampled_from(stops)),
        created=draw(created),
        usage=draw(usage),
    )
    if stop_sequences and answer.stop == "stop":
        answer.stop_sequence = draw(st.none() | words)
    return answer


# Streams. -------------------------------------------------------------------------------------------------------------


def _cut(text: str, cuts: list[int]) -> list[str]:
    places = sorted({cut % (len(text) + 1) for cut in cuts} | {0, len(text)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


@st.composite
def told(draw: st.DrawFn, answer: Answer, *, alive: bool = True) -> list[Delta]:
    """The stream of an answer, in any pieces, with signs of life between them."""
    found: list[Delta] = [Opened(answer.id, answer.model, answer.created)]
    for number, part in enumerate(answer.parts):
        text = part.arguments if isinstance(part, ToolCall) else part.text
        if isinstance(part, ToolCall):
            found.append(PartOpened(number, "tool", part.id, part.name))
        else:
            found.append(PartOpened(number, "refusal" if isinstance(part, Refusal) else "text"))
        found += [PartDelta(number, piece) for piece in _cut(text, draw(st.lists(st.integers(0, 99), max_size=3)))]
        found.append(PartClosed(number))
    found.append(Finished(answer.stop, answer.stop_sequence))
    if answer.usage is not None:
        found.append(Used(answer.usage))
    found.append(Closed())
    for at in draw(st.lists(st.integers(0, 99), max_size=2)) if alive else ():
        found.insert(at % len(found), Alive())
    return found


def whole(deltas: Sequence[Delta]) -> Answer:
    """The answer that a whole stream tells. It holds the stream to the order that canonical.py describes.

    Raises:
        AssertionError: it is not in that order, or not whole.
    """
    rest = [delta for delta in deltas if not isinstance(delta, Alive)]
    opened = rest.pop(0)
    assert isinstance(opened, Opened), rest
    assert isinstance(rest[-1], Closed), rest
    answer = Answer(opened.id, opened.model, [], "stop", created=opened.created)
    sort: Literal["text", "refusal", "tool"] | None = None
    text, one, finished = "", PartOpened(0, "text"), False
    for delta in rest[:-1]:
        if isinstance(delta, PartOpened):
            assert sort is None, deltas
            assert not finished, deltas
            assert delta.part == len(answer.parts), deltas
            one, sort, text = delta, delta.sort, ""
        elif isinstance(delta, PartDelta):
            assert sort is not None, deltas
            assert delta.part == one.part, deltas
            text += delta.text
        elif isinstance(delta, PartClosed):
            assert sort is not None, deltas
            assert delta.part == one.part, deltas
            answer.parts.append(
                ToolCall(one.id, one.name, text)
                if sort == "tool"
                else Refusal(text)
                if sort == "refusal"
                else Text(text)
            )
            sort = None
        elif isinstance(delta, Finished):
            assert sort is None, deltas
            assert not finished, deltas
            answer.stop, answer.stop_sequence, finished = delta.stop, delta.stop_sequence, True
        else:
            assert isinstance(delta, Used), deltas
            answer.usage = delta.usage
    assert finished, deltas
    return answer


def written(codec: Codec, asked: Asked, deltas: Sequence[Delta]) -> bytes:
    """A stream's bytes, as the codec writes them."""
    writer = codec.writer(asked)
    return b"".join(writer.write(delta) for delta in deltas)


def chunked(stream: bytes, sizes: Sequence[int]) -> list[bytes]:
    """The stream in chunks of these sizes, and the rest."""
    found, at = list[bytes](), 0
    for size in sizes:
        found.append(stream[at : at + size])
        at += size
    return [*found, stream[at:]]


chunks = st.lists(st.integers(0, 50), max_size=30)
"""Their sizes."""


def read(codec: Codec, chunks: Sequence[bytes]) -> list[Delta]:
    """What the codec reads of a stream."""
    decoder, reader = EventDecoder(), codec.reader()
    return [
        delta
        for chunk in chunks
        for event in decoder.feed(chunk)
        if event.data
        for delta in read_event(reader, event.name, event.data)
    ]


def read_event(reader: StreamReader, name: bytes, data: bytes) -> list[Delta]:
    """What the reader says to an event."""
    return reader.done() if data == b"[DONE]" else reader.read(name, json.loads(data))


junk: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "role", "text", "content", "url", "a"]), inner, max_size=3)
    ),
    max_leaves=5,
)
"""What JSON may hold, and no dialect does."""


def spoilt(data: st.DataObject, value: Any) -> Any:
    """The same JSON with something else somewhere in it, or with something missing."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 5)):
        members: Json = value  # pyright: ignore[reportUnknownVariableType]
        name = data.draw(st.sampled_from(sorted(members)))
        if not data.draw(st.integers(0, 5)):
            return {one: inner for one, inner in members.items() if one != name}
        return {**members, name: spoilt(data, members[name])}
    if isinstance(value, list) and value and data.draw(st.integers(0, 5)):
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        at = data.draw(st.integers(0, len(items) - 1))
        return [*items[:at], spoilt(data, items[at]), *items[at + 1 :]]
    return data.draw(junk)


def differing(one: Request, other: Request) -> dict[str, tuple[Any, Any]]:
    """The fields in which two requests differ, for a message that can be read."""
    said = [field.name for field in fields(Request) if field.compare]
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in said}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
