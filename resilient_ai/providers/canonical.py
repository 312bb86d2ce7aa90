"""The one form through which every dialect's calls, answers and streams are translated into every other's.

It is what all of them can say, and no more. It has one way to say a thing: neighbouring messages of one role are one
message, but a system message holds one text; no text is empty, and no message; a tool's arguments are JSON without
spaces, and what the vendor bound to itself (signatures, sealed thoughts, marks for its prompt cache) is not in it.
These are plain, mutable objects, made a few dozen times in every translated call: frozen ones cost three times as much
to make.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

__all__ = [
    "Alive",
    "Answer",
    "Audio",
    "Choice",
    "Closed",
    "Delta",
    "Document",
    "Failed",
    "Finished",
    "Image",
    "Message",
    "Opened",
    "Part",
    "PartClosed",
    "PartDelta",
    "PartOpened",
    "Refusal",
    "Request",
    "Role",
    "Schema",
    "Stop",
    "Text",
    "Tool",
    "ToolCall",
    "ToolResult",
    "Usage",
    "Used",
    "arguments_of",
    "object_of",
]

Role = Literal["system", "user", "assistant", "tool"]
"""Who speaks. ``tool`` messages hold results, and nothing else."""

Stop = Literal["stop", "length", "tool_calls", "content_filter"]
"""Why an answer ended: by itself or at a stop sequence, at the limit of its length, to have tools called, or since
somebody would not have it said."""

# What a message is made of. ``at`` says where a part stood in the caller's request (``messages[3].content[1]``), for
# those that some dialect cannot say; it is no part of what is said.


@dataclass(slots=True)
class Text:
    """Words."""

    text: str


@dataclass(slots=True)
class Refusal:
    """Words of a model that will not do it; in an assistant's message, or an answer."""

    text: str


@dataclass(slots=True)
class Image:
    """A picture: its bytes in base64 with their media type, or a web address.

    Attributes:
        detail: how closely it is to be looked at, as OpenAI has it; None for the vendor's own choice.
    """

    data: str | None = None
    media_type: str | None = None
    url: str | None = None
    detail: str | None = None
    at: str = field(default="", compare=False)


@dataclass(slots=True)
class Document:
    """A file: its bytes in base64 with their media type (``application/pdf``, ``text/plain``), or a web address."""

    data: str | None = None
    media_type: str | None = None
    url: str | None = None
    name: str | None = None
    at: str = field(default="", compare=False)


@dataclass(slots=True)
class Audio:
    """A sound: its bytes in base64 and their format as a media type (``audio/wav``)."""

    data: str
    media_type: str
    at: str = field(default="", compare=False)


@dataclass(slots=True)
class ToolCall:
    """A tool that the model wants called.

    Attributes:
        id: what its result will refer to.
        arguments: JSON, as text without spaces; of a model's answer as it came.
    """

    id: str
    name: str
    arguments: str
    at: str = field(default="", compare=False)


@dataclass(slots=True)
class ToolResult:
    """What a tool said.

    Attributes:
        call: the id of the call that it answers.
        name: the tool's name, which Gemini wants; read off the call it answers.
        parts: texts, pictures, documents.
        failed: whether the tool failed.
    """

    call: str
    name: str
    parts: list[Text | Image | Document]
    failed: bool = False
    at: str = field(default="", compare=False)


Part = Text | Refusal | Image | Document | Audio | ToolCall | ToolResult


@dataclass(slots=True)
class Message:
    """A turn of a conversation. Two that follow each other are of different roles, but for ``system``."""

    role: Role
    parts: list[Part]
    at: str = field(default="", compare=False)


@dataclass(slots=True)
class Tool:
    """A function that the model may ask for; ``parameters`` is a JSON schema, None for a function that takes none."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    at: str = field(default="", compare=False)


@dataclass(slots=True)
class Choice:
    """Which tools the model may or must ask for: ``auto``, ``none``, ``any`` (at least one), or the one ``named``."""

    kind: Literal["auto", "none", "any", "named"]
    name: str | None = None


@dataclass(slots=True)
class Schema:
    """The JSON schema that the answer's text is to follow; ``schema`` is None for any JSON object."""

    schema: dict[str, Any] | None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


@dataclass(slots=True)
class Request:
    """What is asked. None, or nothing in a list, is what the caller left to the vendor.

    Attributes:
        model: as the target calls it.
        parallel: False if the model is to ask for one tool at a time.
        max_tokens: the most tokens of the answer, thoughts included.
        effort: how much the model is to think: none, minimal, low, medium, high, xhigh, max.
        budget: tokens that it may think for, where the caller counts them instead.
        stream: whether the answer is wanted in pieces.
        goes_on: whether the caller's vendor goes on with the words of the assistant's that end the conversation. (Of
            OpenAI's no model does: it answers behind them.)
        at: by the name of a field here, where it stood in the caller's request, if it has another name there.
    """

    model: str
    messages: list[Message]
    tools: list[Tool] = field(default_factory=list[Tool])
    choice: Choice | None = None
    parallel: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] = field(default_factory=list[str])
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    effort: str | None = None
    budget: int | None = None
    verbosity: str | None = None
    schema: Schema | None = None
    stream: bool = False
    goes_on: bool = field(default=False, compare=False)
    at: dict[str, str] = field(default_factory=dict[str, str], compare=False)

    def path(self, name: str) -> str:
        """What the caller calls one of the fields."""
        return self.at.get(name, name)

    def begun(self) -> Message | None:
        """The assistant's words that the caller's vendor would go on with; None if there are none."""
        last = self.messages[-1] if self.goes_on and self.messages else None
        return last if last is not None and last.role == "assistant" else None


@dataclass(slots=True)
class Usage:
    """Tokens, as the vendor counted them.

    Attributes:
        input: all of the request's, those read from a prompt cache included.
        output: all of the answer's, thoughts included.
        cached: those of the input that were read from a prompt cache; None if the vendor says nothing of it.
        written: those that were written to one.
        reasoning: those of the output that were thoughts.
    """

    input: int
    output: int
    cached: int | None = None
    written: int | None = None
    reasoning: int | None = None


@dataclass(slots=True)
class Answer:
    """What is answered: texts, refusals and tool calls in their order. Thoughts are their vendor's own, and not told.

    Attributes:
        created: seconds since 1970; None if the vendor does not say.
        stop_sequence: the stop sequence that it ended at, if the vendor says so.
        usage: None if the vendor told none.
    """

    id: str
    model: str
    parts: list[Text | Refusal | ToolCall]
    stop: Stop
    created: int | None = None
    stop_sequence: str | None = None
    usage: Usage | None = None


# The pieces of a stream. One that is whole is: Opened, parts, Finished, Used if the vendor tells it, Closed. A part is:
# PartOpened, PartDelta as often as there is something, PartClosed; the next one opens only then. ``part`` counts them.


class Opened(NamedTuple):
    """The answer begins."""

    id: str
    model: str
    created: int | None = None


class PartOpened(NamedTuple):
    """A part begins; ``id`` and ``name`` are a tool call's."""

    part: int
    sort: Literal["text", "refusal", "tool"]
    id: str = ""
    name: str = ""


class PartDelta(NamedTuple):
    """More of a part: words, or a piece of a tool's arguments."""

    part: int
    text: str


class PartClosed(NamedTuple):
    """A part is whole."""

    part: int


class Finished(NamedTuple):
    """Why the answer ends."""

    stop: Stop
    stop_sequence: str | None = None


class Used(NamedTuple):
    """What it cost. The last one counts."""

    usage: Usage


class Alive(NamedTuple):
    """Nothing to be told, but the vendor is at work: a ping, a thought."""


class Failed(NamedTuple):
    """The vendor tells an error, and the stream is over: the event, parsed."""

    event: dict[str, Any]


class Closed(NamedTuple):
    """The signal by which a whole answer ends in its dialect was seen."""


Delta = Opened | PartOpened | PartDelta | PartClosed | Finished | Used | Alive | Failed | Closed


def arguments_of(given: Any) -> str:
    """A tool's arguments as text, from the object that some dialects have.

    Raises:
        ValueError: a number in it is none that JSON has.
    """
    return _encode(given)


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
"""``json.dumps`` with these settings would make an encoder each time."""


def object_of(arguments: str) -> dict[str, Any]:
    """A tool's arguments as an object; nothing at all is an empty one.

    Raises:
        ValueError: they are no JSON.
        TypeError: they are no object.
    """
    value: Any = _decode(arguments) if arguments.strip() else {}
    if not isinstance(value, dict):
        raise TypeError("a tool's arguments are no object")
    return value  # pyright: ignore[reportUnknownVariableType]


def _no_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")


_decode = json.JSONDecoder(parse_constant=_no_constant).decode
"""`json.loads` takes NaN and the infinite, which would be written into a body that is no JSON."""
