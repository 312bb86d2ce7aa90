"""Requests whose answers a cache may keep: those that leave no state behind. (Of the answers: :mod:`.whole`.)

It is told by fields of each API. Sources: the parameters of openai 3.54, anthropic 2.12, google-genai 3.4, cohere 7.3
and ollama 0.6, and the published API references, autumn 2026.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from .._call import Operation
from .base import items_of

if TYPE_CHECKING:
    from .base import Endpoint

__all__ = ["Leaving", "State", "leaving", "state_of"]

Members = dict[str, Any]
Judge = Callable[["Members", bytes], "State"]


class State(enum.Enum):
    """What a request leaves behind, or stands on, at the vendor."""

    NONE = "none"
    KEPT = "kept"
    """Something is stored there, or was, or is looked up: a conversation, a file, the web."""
    ACTS = "acts"
    """It makes something, or something acts for it: a job, code that runs, a connector."""


def state_of(dialect: str, endpoint: Endpoint, body: bytes) -> State:
    """What a request with this JSON body leaves behind, or stands on."""
    if endpoint.operation is not Operation.STATELESS or endpoint.ids:
        return State.ACTS
    known = leaving(dialect, endpoint.family)
    return State.NONE if known is None else known.behind(body)


def leaving(dialect: str, family: str) -> Leaving | None:
    """Who tells what is left behind by the requests of an endpoint that leaves nothing itself; None if they do not
    either."""
    return _REQUESTS.get((dialect, family))


class Leaving:
    """An endpoint whose requests may leave something behind, by what their bodies say."""

    __slots__ = ("_inside", "_judge", "_names", "_words")

    def __init__(self, judge: Judge, names: Iterable[str], *, inside: Iterable[str] = (), every: bool = False) -> None:
        """``names``: of members of the body; ``inside``: of members anywhere in it. ``every`` one is read."""
        self._judge = judge
        self._names = None if every else frozenset(names)
        self._inside = tuple(f'"{name}"'.encode() for name in inside)
        self._words = tuple(f'"{name}"'.encode() for name in names)

    def behind(self, body: bytes, names: Iterable[str] | None = None) -> State:
        """What a request's JSON body leaves behind. One that is no object leaves nothing.

        ``names``: of the body's members, if they are known: then it is not looked through for them.
        """
        if not self._speaks(body, names):
            return State.NONE
        try:
            request: Any = json.loads(body)
        except (ValueError, RecursionError):  # the vendor will say so
            return State.ACTS
        return self._judge(cast("Members", request), body) if isinstance(request, dict) else State.NONE

    def _speaks(self, body: bytes, names: Iterable[str] | None) -> bool:
        """Whether one of the words is there."""
        if self._names is None:
            return True
        for word in self._inside:  # a generator costs more than the search
            if word in body:
                return True
        if names is not None:
            return not self._names.isdisjoint(names)
        return any(word in body for word in self._words)


_ACTING = frozenset({"mcp", "code_interpreter", "shell", "local_shell"})
"""OpenAI's tools that act at the vendor, or elsewhere from there."""
_OWN = frozenset({"function", "custom", "apply_patch", "computer", "computer_use_preview", "namespace"})
"""Tools that the program runs itself."""


def _types(request: Members) -> set[str]:
    """The types of its tools; that of a function, where a tool has none."""
    found: set[str] = set()
    for tool in items_of(request.get("tools")):
        kind: Any = cast("Members", tool).get("type", "function") if isinstance(tool, dict) else "function"
        found.add(kind if isinstance(kind, str) else "?")
    return found


def _tools(kinds: set[str]) -> State:
    if kinds & _ACTING:
        return State.ACTS
    return State.KEPT if kinds - _OWN else State.NONE


def _worst(*states: State) -> State:
    return next((state for state in (State.ACTS, State.KEPT) if state in states), State.NONE)


def _has(request: Members, *names: str) -> State:
    return State.KEPT if any(request.get(name) for name in names) else State.NONE


def _files(request: Members, body: bytes) -> State:  # noqa: ARG001  # a judge's signature
    """Whether it speaks of a file that was uploaded. Where such a word is the program's own, no more is lost than an
    answer that could have been kept."""
    return State.KEPT if b'"file_id"' in body else State.NONE


_LOOK_UP = ("web_search_options", "search_parameters", "plugins")
"""How OpenAI, xAI and OpenRouter are asked to look something up for a chat."""


def _chat(request: Members, body: bytes) -> State:
    return _worst(_has(request, "store", *_LOOK_UP), _tools(_types(request)), _files(request, body))


def _responses(request: Members, body: bytes) -> State:
    """Stored unless it says ``store: false``; a prompt that is stored there may be another one tomorrow."""
    if request.get("background") is True:
        return State.ACTS
    stored = State.NONE if request.get("store") is False else State.KEPT
    stands_on = _has(request, "previous_response_id", "conversation", "prompt")
    return _worst(stored, stands_on, _tools(_types(request)), _files(request, body))


_ACTING_MESSAGES = ("code_execution_", "mcp_toolset", "agent_toolset_")
_OWN_MESSAGES = ("function", "custom", "computer_", "bash_", "text_editor_", "memory_")


def _messages(request: Members, body: bytes) -> State:
    kinds = _types(request)
    if (
        request.get("container")
        or request.get("mcp_servers")
        or any(kind.startswith(_ACTING_MESSAGES) for kind in kinds)
    ):
        return State.ACTS
    looks_up = any(not kind.startswith(_OWN_MESSAGES) for kind in kinds)
    return State.KEPT if looks_up else _files(request, body)


_OWN_GEMINI = frozenset({"functionDeclarations", "function_declarations", "computerUse", "computer_use"})
_ACTING_GEMINI = frozenset({"codeExecution", "code_execution", "mcpServers", "mcp_servers"})
_STORED_GEMINI = ("fileUri", "file_uri", "cachedContent", "cached_content")


def _generate(request: Members, body: bytes) -> State:
    names = {
        name for tool in items_of(request.get("tools")) if isinstance(tool, dict) for name in cast("Members", tool)
    }
    if names & _ACTING_GEMINI:
        return State.ACTS
    stands_on = any(f'"{name}"'.encode() in body for name in _STORED_GEMINI)
    return State.KEPT if names - _OWN_GEMINI or stands_on else State.NONE


def _interactions(request: Members, body: bytes) -> State:  # noqa: ARG001
    if request.get("background") is True or {"code_execution", "mcp_server"} & _types(request):
        return State.ACTS
    stored = State.NONE if request.get("store") is False else State.KEPT
    previous = _has(request, "previous_interaction_id", "previousInteractionId", "agent")
    return _worst(stored, previous, State.KEPT if _types(request) - {"function"} else State.NONE)


def _cohere(request: Members, body: bytes) -> State:  # noqa: ARG001
    return _worst(_has(request, "connectors", "conversation_id"), _tools(_types(request)))


_REQUESTS: dict[tuple[str, str], Leaving] = {
    ("openai", "chat"): Leaving(_chat, ("tools", "store", *_LOOK_UP), inside=["file_id"]),
    ("openai", "responses"): Leaving(_responses, (), every=True),
    ("openai", "images"): Leaving(_files, (), inside=["file_id"]),
    ("anthropic", "messages"): Leaving(_messages, ("tools", "container", "mcp_servers"), inside=["file_id"]),
    ("gemini", "generate_content"): Leaving(_generate, ("tools",), inside=_STORED_GEMINI),
    ("gemini", "interactions"): Leaving(_interactions, (), every=True),
    ("cohere", "chat"): Leaving(_cohere, ("tools", "connectors", "conversation_id")),
}
"""The endpoints whose requests may leave something behind."""
