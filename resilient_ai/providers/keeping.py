"""What a cache may keep: requests that leave no state behind, and answers that are whole.

Both are told by fields of each API. Sources: the parameters and the words for an answer's end in openai 3.54,
anthropic 2.12, google-genai 3.4, cohere 7.3 and ollama 0.6, and the published API references, autumn 2026.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from .._call import Operation
from .base import items_of

if TYPE_CHECKING:
    from .base import Endpoint

__all__ = ["State", "calls_tools", "is_judged", "is_whole", "left_by", "state_of"]

Members = dict[str, Any]
Judge = Callable[["Members", bytes], "State"]


class State(enum.Enum):
    """What a request leaves behind, or stands on, at the vendor."""

    NONE = "none"
    KEPT = "kept"
    """Something is stored there, or was, or is looked up: a conversation, a file, the web."""
    ACTS = "acts"
    """It makes something, or something acts for it: a job, code that runs, a connector."""


# Requests


def state_of(dialect: str, endpoint: Endpoint, body: bytes) -> State:
    """What a request with this JSON body leaves behind, or stands on."""
    if endpoint.operation is not Operation.STATELESS or endpoint.ids:
        return State.ACTS
    return left_by(dialect, endpoint.family, body)


def left_by(dialect: str, family: str, body: bytes, names: Iterable[str] | None = None) -> State:
    """What the JSON body of a request leaves behind whose endpoint leaves nothing. One that is no object does neither.

    ``names``: of the body's members, if they are known: then it is not looked through for them.
    """
    known = _REQUESTS.get((dialect, family))
    if known is None or not known.speaks(body, names):
        return State.NONE
    try:
        request: Any = json.loads(body)
    except (ValueError, RecursionError):  # the vendor will say so
        return State.ACTS
    return known.judge(cast("Members", request), body) if isinstance(request, dict) else State.NONE


class _Known:
    """An endpoint whose requests may leave something behind.

    Attributes:
        judge: who reads a request in which there is one of the words for that.
    """

    __slots__ = ("_inside", "_names", "_words", "judge")

    def __init__(self, judge: Judge, names: Iterable[str], *, inside: Iterable[str] = (), every: bool = False) -> None:
        """``names``: of members of the body; ``inside``: of members anywhere in it. ``every`` one is read."""
        self.judge = judge
        self._names = None if every else frozenset(names)
        self._inside = tuple(f'"{name}"'.encode() for name in inside)
        self._words = tuple(f'"{name}"'.encode() for name in names)

    def speaks(self, body: bytes, names: Iterable[str] | None) -> bool:
        """Whether one of the words is there."""
        if self._names is None or any(word in body for word in self._inside):
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


_REQUESTS: dict[tuple[str, str], _Known] = {
    ("openai", "chat"): _Known(_chat, ("tools", "store", *_LOOK_UP), inside=["file_id"]),
    ("openai", "responses"): _Known(_responses, (), every=True),
    ("openai", "images"): _Known(_files, (), inside=["file_id"]),
    ("anthropic", "messages"): _Known(_messages, ("tools", "container", "mcp_servers"), inside=["file_id"]),
    ("gemini", "generate_content"): _Known(_generate, ("tools",), inside=_STORED_GEMINI),
    ("gemini", "interactions"): _Known(_interactions, (), every=True),
    ("cohere", "chat"): _Known(_cohere, ("tools", "connectors", "conversation_id")),
}
"""The endpoints whose requests may leave something behind."""


# Answers


def is_judged(dialect: str, family: str) -> bool:
    """Whether an answer says by its fields whether it is complete; any other is, that came whole."""
    return (dialect, family) in _ANSWERS


def is_whole(dialect: str, family: str, answer: Any) -> bool:
    """Whether an answer, as parsed JSON, is complete, and no refusal: worth being given again."""
    judge = _ANSWERS.get((dialect, family))
    if judge is None:
        return True
    return isinstance(answer, dict) and judge(cast("Members", answer))


_ENDS = frozenset({"stop", "tool_calls", "function_call", "tool_use", "end_turn", "stop_sequence", "eos", "eos_token"})
"""Why a chat ended that is complete, OpenAI's words and those of compatible servers. ``length`` is not among them: what
was cut short may be whole the next time."""


def _whole_chat(answer: Members) -> bool:
    choices = items_of(answer.get("choices"))
    if answer.get("error"):  # of a gateway, beside what it had by then
        return False
    return bool(choices) and all(
        isinstance(choice, dict) and _whole_choice(cast("Members", choice)) for choice in choices
    )


def _whole_choice(choice: Members) -> bool:
    """An answer in sound has an id there, which is gone within the hour (``expires_at``)."""
    message: Any = choice.get("message")
    said: Members = cast("Members", message) if isinstance(message, dict) else {}
    if choice.get("finish_reason") not in _ENDS or choice.get("error"):
        return False
    return not said.get("refusal") and not said.get("audio")


def _whole_response(answer: Members) -> bool:
    if answer.get("status") != "completed":
        return False
    parts = [part for item in items_of(answer.get("output")) if isinstance(item, dict)
             for part in items_of(cast("Members", item).get("content"))]  # fmt: skip
    return not any(isinstance(part, dict) and cast("Members", part).get("type") == "refusal" for part in parts)


def _whole_images(answer: Members) -> bool:
    """A picture, and no link to one: those end within the hour."""
    return not any(isinstance(one, dict) and cast("Members", one).get("url") for one in items_of(answer.get("data")))


def _whole_message(answer: Members) -> bool:
    return answer.get("stop_reason") in ("end_turn", "stop_sequence", "tool_use")


def _whole_candidates(answer: Members) -> bool:
    feedback: Any = answer.get("promptFeedback")
    if isinstance(feedback, dict) and cast("Members", feedback).get("blockReason"):
        return False
    candidates = items_of(answer.get("candidates"))
    return bool(candidates) and all(
        isinstance(one, dict) and cast("Members", one).get("finishReason") == "STOP" for one in candidates
    )


def _whole_predictions(answer: Members) -> bool:
    predictions = items_of(answer.get("predictions"))
    return bool(predictions) and not any("raiFilteredReason" in one for one in predictions if isinstance(one, dict))


def _whole_cohere(answer: Members) -> bool:
    return answer.get("finish_reason") in ("COMPLETE", "STOP_SEQUENCE", "TOOL_CALL")


def _whole_ollama(answer: Members) -> bool:
    return answer.get("done") is True and answer.get("done_reason", "stop") == "stop"


def _whole_embeddings(answer: Members) -> bool:
    """Some servers say 200 with nothing in it. openai raises for that; kept, it would do so until its time is over."""
    return bool(items_of(answer.get("data")))


_ANSWERS: dict[tuple[str, str], Callable[[Members], bool]] = {
    ("openai", "chat"): _whole_chat,
    ("openai", "completions"): _whole_chat,
    ("openai", "responses"): _whole_response,
    ("openai", "embeddings"): _whole_embeddings,
    ("openai", "images"): _whole_images,
    ("anthropic", "messages"): _whole_message,
    ("anthropic", "completions"): _whole_message,
    ("gemini", "generate_content"): _whole_candidates,
    ("gemini", "interactions"): lambda answer: answer.get("status") == "completed",
    ("gemini", "images"): _whole_predictions,
    ("cohere", "chat"): _whole_cohere,
    ("ollama", "chat"): _whole_ollama,
    ("ollama", "completions"): _whole_ollama,
}

_CALLS = re.compile(
    rb'"(?:tool_calls|functionCall|\w*tool_use|\w+_call|mcp_approval_request)"(?!\s*:\s*(?:null|\[\s*\]))'
)
"""A tool call, but not the empty fields that some compatible servers put into every answer."""


def calls_tools(answer: bytes) -> bool:
    """Whether an answer, plain or as a stream, asks for a tool to be used, or tells of one that was."""
    # The plain search first: it is many times as quick, and nearly always enough.
    if b"tool_" not in answer and b'_call"' not in answer and b"functionCall" not in answer:
        return False
    return _CALLS.search(answer) is not None
