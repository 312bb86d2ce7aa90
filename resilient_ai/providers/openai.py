"""The OpenAI dialect: Chat, Responses and the media endpoints, and whoever else speaks it (Azure, vLLM, …).

Sources: the paths, fields and codes of openai-python 3.54 and the published API reference, autumn 2026.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from .._call import Operation
from ..failures import FailureKind
from .base import Dialect, Endpoint, items_of, values_of
from .kinds import classify, in_stream, in_success
from .said import asks_to_wait
from .streams.openai import STREAMS
from .streams.openai_chat import FAILED

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DIALECT",
    "answers_in_json",
    "effects",
    "endpoint",
    "inside_success",
    "made",
    "made_by_stream",
    "tells_failure",
]

ROOTS = {
    "chat": "chat",
    "completions": "completions",
    "responses": "responses",
    "embeddings": "embeddings",
    "moderations": "moderations",
    "images": "images",
    "audio": "audio",
    "videos": "videos",
    "files": "files",
    "uploads": "files",
    "batches": "batches",
    "models": "models",
}
"""The first segment of a path below the API's root, and its family."""
_ELSEWHERE = frozenset(
    {
        "agents",
        "assistants",
        "chatkit",
        "containers",
        "conversations",
        "evals",
        "fine_tuning",
        "live",
        "organization",
        "realtime",
        "skills",
        "threads",
        "vector_stores",
    }
)
"""First segments of endpoints with no family of their own: a ``files`` below them is not the Files API's."""

_MAKERS = frozenset({"videos", "files", "batches"})
_NO_IDS = frozenset({"chat", "completions", "embeddings", "moderations", "images", "audio", "models"})
_VERBS = frozenset({"compact", "input_tokens", "characters", "edits", "extensions"})
"""Segments below a root that are no ids."""
_SAFE_ACTIONS = frozenset({"cancel", "compact", "input_tokens"})
"""POSTs that make nothing new."""
_KEPT_AUDIO = frozenset({"agents", "sessions", "voices"})
"""What is made below ``audio`` and stays there."""
_MISTRALS = {
    "agents/completions": "chat",
    "chat/classifications": "moderations",
    "chat/moderations": "moderations",
    "fim/completions": "completions",
}
"""Endpoints that Mistral alone has, and the families whose answers theirs are like."""


@lru_cache(maxsize=1024)
def endpoint(method: str, path: str) -> Endpoint:
    """What a method and a path say."""
    segments = [segment for segment in path.split("/") if segment]
    last = "/".join(segments[-2:])
    if method == "POST" and last in _MISTRALS:
        stays = "no other vendor has this endpoint of Mistral's"
        return Endpoint(family=_MISTRALS[last], operation=Operation.STATELESS, path=last, stays=stays)
    at = _root(segments)
    if at is None:
        return Endpoint(family="other", operation=_unknown(method), path=None)
    family = ROOTS[segments[at]]
    below = segments[at + 1 :]
    ids = () if family in _NO_IDS or not below or below[0] in _VERBS else (below[0],)
    if family == "chat" and len(below) > 1:
        ids = (below[1],)
    return Endpoint(family=family, operation=_operation(method, family, below), path="/".join(segments[at:]), ids=ids)


def _root(segments: list[str]) -> int | None:
    """Where the API's own path begins: past an Azure deployment's name, and past a ``models`` that is a prefix."""
    for at, segment in enumerate(segments):
        if segment in _ELSEWHERE:
            return None
        if segment not in ROOTS or (at and segments[at - 1] == "deployments"):
            continue
        if segment == "models" and at + 1 < len(segments) and segments[at + 1] in ROOTS:
            continue
        return at
    return None


def _unknown(method: str) -> Operation:
    return Operation.IDEMPOTENT if method in ("GET", "HEAD", "OPTIONS", "DELETE") else Operation.CREATING


def _operation(method: str, family: str, below: list[str]) -> Operation:
    if method != "POST":
        return _unknown(method)
    if below and (below[-1] in _SAFE_ACTIONS or (family == "chat" and len(below) > 1)):
        return Operation.IDEMPOTENT  # of a stored chat only its metadata can be changed
    return Operation.CREATING if family in _MAKERS or (below and below[0] in _KEPT_AUDIO) else Operation.STATELESS


_WORDS: dict[str, tuple[bytes, ...]] = {
    "chat": (b'"store"', b'"file_id"'),
    "responses": (
        b'"conversation"',
        b'"background"',
        b'"mcp"',
        b'"code_interpreter"',
        b'shell"',
        b'"previous_response_id"',
        b'"file_id"',
    ),
    "batches": (b'"input_file_id"',),
    "videos": (b'"video_id"', b'"file_id"'),
    "images": (b'"file_id"',),
}
"""What a body that leaves something behind, or speaks of something made earlier, has in it. Without one of these words
(nearly always) it is not parsed."""

_ACTING = ("mcp", "code_interpreter", "shell", "local_shell")
"""Tools that act at the vendor, or elsewhere from there."""
_PROGRAM = frozenset({"metadata", "parameters", "schema"})
"""Fields that hold the program's own data: its notes, the schemas of a tool's arguments and of an answer. (A tool's
arguments and its answers are strings.)"""
_TOP_IDS = ("previous_response_id", "conversation", "input_file_id", "video_id")


def effects(family: str, body: bytes) -> tuple[bool, tuple[str, ...]]:
    """Whether an otherwise stateless call leaves something behind (a stored item, a job, a tool that acts), and the ids
    of things made earlier that its JSON body speaks of."""
    for word in _WORDS.get(family, ()):
        if word in body:
            break
    else:
        return False, ()
    try:
        request: Any = json.loads(body)
    except (ValueError, RecursionError):  # the vendor will say so
        return False, ()
    return _effects(family, cast("dict[str, Any]", request)) if isinstance(request, dict) else (False, ())


def _effects(family: str, request: dict[str, Any]) -> tuple[bool, tuple[str, ...]]:
    leaves = family == "chat" and request.get("store") is True
    if family == "responses":
        given: Any = request.get("tools")
        tools: list[Any] = given if isinstance(given, list) else []  # pyright: ignore[reportUnknownVariableType]
        acting = any(isinstance(tool, dict) and tool.get("type") in _ACTING for tool in tools)  # pyright: ignore[reportUnknownMemberType]
        leaves = acting or bool(request.get("conversation")) or request.get("background") is True
    ids = [_id_in(request.get(name)) for name in _TOP_IDS]
    inner = {**request, "prompt": _values_in(request.get("prompt"))}
    return leaves, tuple(found for found in (*ids, *values_of(inner, "file_id", program=_PROGRAM)) if found)


def _values_in(prompt: Any) -> list[Any]:
    """The values that fill in a stored prompt: texts, pictures and files under the program's own names."""
    variables = cast("dict[str, Any]", prompt).get("variables") if isinstance(prompt, dict) else None
    return list(cast("dict[str, Any]", variables).values()) if isinstance(variables, dict) else []


def _id_in(value: Any) -> str | None:
    """An id, or the id of an object (``conversation`` takes either)."""
    if isinstance(value, dict):
        value = cast("dict[str, Any]", value).get("id")
    return value if isinstance(value, str) else None


_NAMED: dict[str, tuple[str, ...]] = {
    "videos": ("id",),
    "files": ("id",),
    "batches": ("id", "output_file_id", "error_file_id"),
    "responses": ("id",),
    "chat": ("id",),
}
"""The fields of a family's answer with ids of things that can be asked for later."""


def made(family: str, body: Any) -> tuple[str, ...]:
    """The ids of what an answer says was made."""
    if not isinstance(body, dict):
        return ()
    answer: dict[str, Any] = body  # pyright: ignore[reportUnknownVariableType]
    return tuple(found for name in _NAMED.get(family, ()) if isinstance(found := answer.get(name), str))


_STREAMED: dict[str, re.Pattern[bytes]] = {
    "responses": re.compile(rb'"response"\s*:\s*\{\s*"id"\s*:\s*"([^"\\]{1,256})"'),
    "chat": re.compile(rb'data:\s*\{\s*"id"\s*:\s*"([^"\\]{1,256})"'),
}


def made_by_stream(family: str, beginning: bytes) -> tuple[str, ...]:
    """The id that an event stream says at its beginning."""
    pattern = _STREAMED.get(family)
    found = pattern.search(beginning) if pattern is not None else None
    return (found[1].decode("utf-8", "replace"),) if found is not None else ()


_CONTENT: dict[str, tuple[str, ...]] = {
    "chat": ("choices",),
    "completions": ("choices",),
    "embeddings": ("data",),
    "responses": ("output", "status"),
    "images": ("data",),
    "moderations": ("results",),
}
"""One or two top-level fields, of which an answer of the family has at least one."""


def inside_success(family: str, body: Any, asked: bool) -> FailureKind | None:
    """The failure inside an HTTP 200, if it is one: an error body, ``status: failed``, another schema.

    ``asked``: it answers a POST to the family's own endpoint, so that its schema is known.
    """
    content = _CONTENT.get(family) if asked else None
    if not isinstance(body, dict):
        return None if content is None else FailureKind.BROKEN
    answer: dict[str, Any] = body  # pyright: ignore[reportUnknownVariableType]
    if tells_failure(family, answer):
        return in_success(answer) or FailureKind.TRANSIENT
    if content is None or _has(answer, content):
        return None
    return in_success(answer) or FailureKind.BROKEN


def _has(answer: dict[str, Any], content: tuple[str, ...]) -> bool:
    """Whether an answer has what one of its family has. No choices at all are an answer where it is told what they cost
    or why the prompt was filtered (Azure); null is nobody's."""
    if answer.get("choices") == [] and content == ("choices",):
        return answer.get("usage") is not None or "prompt_filter_results" in answer
    return answer.get(content[0]) is not None or answer.get(content[-1]) is not None


def answers_in_json(family: str) -> bool:
    """Whether an answer of the family is JSON, or a stream of it, and nothing else."""
    return family in _CONTENT


def tells_failure(family: str, body: Any) -> bool:
    """Whether it is a proper answer of its family that says by itself that it failed."""
    if not isinstance(body, dict):
        return False
    answer = cast("dict[str, Any]", body)
    if family == "responses":
        return answer.get("status") == "failed"
    if family == "chat":
        for choice in items_of(answer.get("choices")):
            if isinstance(choice, dict) and choice.get("finish_reason") in FAILED:  # pyright: ignore[reportUnknownMemberType]
                return True
    return False


FORWARDED = frozenset(
    {"accept", "accept-encoding", "content-type", "user-agent", "openai-beta", "idempotency-key", "traceparent"}
)
QUERY = frozenset({"variant", "limit", "after", "before", "order", "include", "include[]", "starting_after", "purpose"})


def key_header(key: str, base_url: str, headers: Mapping[bytes, bytes]) -> tuple[str, str]:  # noqa: ARG001  # a Dialect's signature
    """Every server of this dialect takes a bearer's key, Azure's ``/openai/v1`` included."""
    return "authorization", f"Bearer {key}"


DIALECT = Dialect(
    name="openai",
    endpoint=endpoint,
    effects=effects,
    classify=classify,
    wait=asks_to_wait,
    inside_success=inside_success,
    tells_failure=tells_failure,
    answers_in_json=answers_in_json,
    made=made,
    made_by_stream=made_by_stream,
    streams=STREAMS,
    told_in_stream=in_stream,
    request_id=b"x-request-id",
    forwarded=FORWARDED,
    query=QUERY,
    key_header=key_header,
)
