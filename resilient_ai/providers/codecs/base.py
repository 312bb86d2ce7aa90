"""What the codecs of every dialect have in common: how each is asked, and how it says what it cannot carry over."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..canonical import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...failures import FailureKind
    from ..canonical import Answer, Delta, Part, Request, Role

__all__ = [
    "ANSWERS_BEHIND",
    "FAILED",
    "NO_SUCH_TOOL",
    "NO_TOOLS",
    "Asked",
    "Codec",
    "Lost",
    "StreamReader",
    "StreamWriter",
    "Untranslatable",
    "Written",
    "add_turn",
    "dropping",
    "made_up",
    "on_the_web",
    "refusing",
]

FAILED = "Tool error: "
"""What the result of a tool that failed begins with, in dialects that have no field for that."""


ANSWERS_BEHIND = "this vendor would go on with the assistant's last words, where the caller's answers them"
NO_TOOLS = "there are no tools to be called"
NO_SUCH_TOOL = "the tool to be called is not among the tools"

_LONGEST = 200
"""So many characters of a path are shown."""


def shown(path: str) -> str:
    """A path as it may stand in a log: names of fields are the program's own, and may be of any length, hold line
    breaks, or what a terminal obeys."""
    if len(path) <= _LONGEST and path.isprintable():
        return path
    short = path if len(path) <= _LONGEST else f"{path[:_LONGEST]}…"
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in short)


class Untranslatable(ValueError):
    """Something cannot be said in the other dialect.

    Attributes:
        path: where it stands, as the caller wrote it: ``messages[3].content[1]``. It holds no word of the prompt.
        why: the reason, without anything of the request's.
    """

    def __init__(self, path: str, why: str) -> None:
        path, why = shown(path), shown(why)
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


class Lost(Protocol):
    """Told of what would be lost. It raises `Untranslatable`, or the codec goes on without it."""

    def __call__(self, path: str, why: str) -> None:
        """What stands at ``path`` in the caller's request cannot be carried over, since ``why``."""
        ...


def refusing(path: str, why: str) -> None:
    """Nothing may be lost.

    Raises:
        Untranslatable: always.
    """
    raise Untranslatable(path, why)


MOST_NOTED = 100
"""Paths of one request that are noted; whoever loses more has no use for a list."""


@dataclass(frozen=True, slots=True)
class dropping:  # noqa: N801  # used as the function that it stands for
    """What is lost is noted, and the codec goes on without it."""

    noted: list[str] = field(default_factory=list[str])

    def __call__(self, path: str, why: str) -> None:
        """Note the path."""
        del why
        if len(self.noted) < MOST_NOTED:
            self.noted.append(shown(path))
        elif len(self.noted) == MOST_NOTED:
            self.noted.append("…")


def made_up(prefix: str, *of: object) -> str:
    """An id for what has none: the same one for the same thing."""
    return prefix + hashlib.blake2b(repr(of).encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()


def on_the_web(url: str | None) -> bool:
    """Whether a vendor can fetch what stands at this address."""
    return url is not None and url[:8].lower().startswith(("https://", "http://"))


def add_turn(messages: list[Message], role: Role, parts: list[Part], at: str) -> None:
    """Put what was said behind the rest. Neighbours of one role are one message, and none is empty."""
    if not parts:
        return
    if messages and messages[-1].role == role:
        messages[-1].parts += parts
    else:
        messages.append(Message(role, parts, at))


class Asked(NamedTuple):
    """A request in its dialect.

    Attributes:
        body: its JSON.
        model: the model that it names, wherever it does.
        stream: whether it asks for a stream, wherever it does.
    """

    body: dict[str, Any]
    model: str
    stream: bool


class Written(NamedTuple):
    """A request as a dialect has it.

    Attributes:
        path: from the API's root on, with the API's version where a base URL leaves it out: as an `Endpoint` has it.
        query: parameters.
        body: its JSON.
        headers: of the dialect's own, but for the key's: the API's version.
    """

    path: str
    body: dict[str, Any]
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


class StreamReader(Protocol):
    """Reads the events of one stream. Of another schema both raise AttributeError, KeyError, TypeError, ValueError."""

    def read(self, name: bytes, fields: dict[str, Any]) -> list[Delta]:
        """What an event says: its name, and its parsed object."""
        ...

    def done(self) -> list[Delta]:
        """What follows from the data that ends the stream and is no JSON."""
        ...


class StreamWriter(Protocol):
    """Writes one stream."""

    def write(self, delta: Delta) -> bytes:
        """The events that say it; empty where there is nothing to say, or not yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """How one family of a dialect is read and written. All are pure functions of what they are given.

    What is read may have any schema: the functions that read raise `Untranslatable` for what the canonical form cannot
    say, and AttributeError, KeyError, TypeError or ValueError for what the vendor would not accept either.

    Attributes:
        dialect, family: whose it is, as `Dialect` and `Endpoint` have it.
        read_request: (the caller's request, lost).
        write_request: (the request, lost, the most tokens the model can answer with, if known): it may raise
            `Untranslatable` even where losses are allowed, for what the call makes no sense without.
        read_answer: (a whole plain answer, parsed). An answer that failed or was blocked never comes here.
        write_answer: (the answer, the caller's own request): with all that the SDK's types want to be there.
        reader: makes what reads one stream.
        writer: (the caller's own request): makes what writes one stream.
        read_error: (an error answer's parsed body, or a stream's error event): its words; None if it has none.
        write_error: (status, kind, words): an error answer's body; the same object tells it in a stream.
    """

    dialect: str
    family: str
    read_request: Callable[[Asked, Lost], Request]
    write_request: Callable[[Request, Lost, int | None], Written]
    read_answer: Callable[[dict[str, Any]], Answer]
    write_answer: Callable[[Answer, Asked], dict[str, Any]]
    reader: Callable[[], StreamReader]
    writer: Callable[[Asked], StreamWriter]
    read_error: Callable[[Any], str | None]
    write_error: Callable[[int, FailureKind, str], dict[str, Any]]
