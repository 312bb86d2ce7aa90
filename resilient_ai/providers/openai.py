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
from .base import Dialect, Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DIALECT",
    "STREAM_ERRORS",
    "TERMINAL",
    "answers_in_json",
    "classify",
    "effects",
    "endpoint",
    "inside_success",
    "made",
    "made_by_stream",
    "tells_failure",
    "told_in_stream",
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

_MAKERS = frozenset({"videos", "files", "batches"})
_NO_IDS = frozenset({"chat", "completions", "embeddings", "moderations", "images", "audio", "models"})
_VERBS = frozenset({"compact", "input_tokens", "characters", "edits", "extensions"})
"""Segments below a root that are no ids."""
_SAFE_ACTIONS = frozenset({"cancel", "compact", "input_tokens"})
"""POSTs that make nothing new."""


@lru_cache(maxsize=1024)
def endpoint(method: str, path: str) -> Endpoint:
    """What a method and a path say."""
    segments = [segment for segment in path.split("/") if segment]
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
    if below and below[-1] in _SAFE_ACTIONS:
        return Operation.IDEMPOTENT
    return Operation.CREATING if family in _MAKERS else Operation.STATELESS


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
    inner = {name: value for name, value in request.items() if name != "metadata"}  # the program's own words
    return leaves, tuple(found for found in (*ids, *_file_ids(inner)) if found)


def _id_in(value: Any) -> str | None:
    """An id, or the id of an object (``conversation`` takes either)."""
    if isinstance(value, dict):
        value = cast("dict[str, Any]", value).get("id")
    return value if isinstance(value, str) else None


def _file_ids(request: dict[str, Any]) -> list[str]:
    """Every ``file_id`` in a request, at whatever depth."""
    found: list[str] = []
    rest: list[Any] = [request]
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            members = cast("dict[str, Any]", item)
            if isinstance(members.get("file_id"), str):
                found.append(members["file_id"])
            rest.extend(members.values())
        elif isinstance(item, list):
            rest.extend(item)  # pyright: ignore[reportUnknownArgumentType]
    return found


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


_QUOTA = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    }
)
_CODES: dict[str, FailureKind] = {
    **dict.fromkeys(_QUOTA, FailureKind.QUOTA),
    "context_length_exceeded": FailureKind.TOO_LONG,
    "content_filter": FailureKind.REFUSED,
    "content_policy_violation": FailureKind.REFUSED,
    "invalid_prompt": FailureKind.REFUSED,
    "moderation_blocked": FailureKind.REFUSED,
    "model_not_found": FailureKind.GONE,
    "DeploymentNotFound": FailureKind.GONE,
    "invalid_api_key": FailureKind.AUTH,
    "rate_limit_exceeded": FailureKind.RATE_LIMITED,
    "slow_down": FailureKind.RATE_LIMITED,
    "server_is_overloaded": FailureKind.OVERLOADED,
    "server_error": FailureKind.TRANSIENT,
}
_STATUSES: dict[int, FailureKind] = {
    401: FailureKind.AUTH,
    402: FailureKind.QUOTA,
    403: FailureKind.AUTH,
    408: FailureKind.TRANSIENT,
    409: FailureKind.TRANSIENT,
    410: FailureKind.GONE,
    429: FailureKind.RATE_LIMITED,
    503: FailureKind.OVERLOADED,
    529: FailureKind.OVERLOADED,
}
"""Any other 4xx is the caller's, any other 5xx is transient."""


def classify(status: int, body: Any) -> FailureKind:
    """The kind of an error answer. ``body`` is the parsed JSON, or None where it is none.

    The code in the body is believed before the status; a 403 or 404 that is not the API's own JSON comes from something
    in between (a CDN, a gateway), and passes.
    """
    error = error_of(body)
    kind = _by_code(error)
    if kind is not None and not (kind is FailureKind.TRANSIENT and status < 500):
        return kind
    if status in (403, 404) and error is None:
        return FailureKind.TRANSIENT
    return _STATUSES.get(status, FailureKind.TRANSIENT if status >= 500 else FailureKind.CALLER)


def error_of(body: Any) -> dict[str, Any] | None:
    """The error object of an answer in this dialect, if there is one."""
    error = body.get("error") if isinstance(body, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) else None  # pyright: ignore[reportUnknownVariableType]


def _by_code(error: dict[str, Any] | None) -> FailureKind | None:
    if error is None:
        return None
    code = error.get("code")
    kind = _CODES.get(code) if isinstance(code, str) else None
    return kind or (FailureKind.QUOTA if error.get("type") == "insufficient_quota" else None)


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
        return _by_code(error_of(answer)) or FailureKind.TRANSIENT
    if content is None or content[0] in answer or content[-1] in answer:
        return None
    return _by_code(error_of(answer)) or FailureKind.BROKEN


def answers_in_json(family: str) -> bool:
    """Whether an answer of the family is JSON, or a stream of it, and nothing else."""
    return family in _CONTENT


def tells_failure(family: str, body: Any) -> bool:
    """Whether it is a proper answer of its family that says by itself that it failed."""
    return family == "responses" and isinstance(body, dict) and cast("dict[str, Any]", body).get("status") == "failed"


TERMINAL: dict[str, tuple[bytes, ...]] = {
    "chat": (b"data: [DONE]", b"data:[DONE]"),
    "completions": (b"data: [DONE]", b"data:[DONE]"),
    "responses": (
        b'"type":"response.completed"',
        b'"type": "response.completed"',
        b'"type":"response.incomplete"',
        b'"type": "response.incomplete"',
        b'"type":"response.failed"',
        b'"type": "response.failed"',
        b'"type":"error"',
        b'"type": "error"',
    ),
}
"""What ends a family's event stream. (Inside a JSON string the quotation marks and line ends would be escaped.)"""

STREAM_ERRORS: dict[str, tuple[bytes, ...]] = {
    "chat": (b'data: {"error"', b'data:{"error"'),
    "completions": (b'data: {"error"', b'data:{"error"'),
    "responses": TERMINAL["responses"][4:],
}
"""How a family's event stream tells an error."""

_CODE = re.compile(rb'"code"\s*:\s*"([^"\\]{1,64})"')


def told_in_stream(error: bytes) -> FailureKind:
    """The kind of an error that a stream told; ``error`` begins where it does."""
    code = _CODE.search(error)
    return FailureKind.TRANSIENT if code is None else _CODES.get(code[1].decode("latin-1"), FailureKind.TRANSIENT)


FORWARDED = frozenset(
    {"accept", "accept-encoding", "content-type", "user-agent", "openai-beta", "idempotency-key", "traceparent"}
)
QUERY = frozenset({"variant", "limit", "after", "before", "order", "include", "include[]", "starting_after", "purpose"})


def wait(body: Any) -> float | None:  # noqa: ARG001  # a Dialect's signature
    """Nothing: this dialect's waits stand in headers."""
    return None


def key_header(key: str, base_url: str, headers: Mapping[bytes, bytes]) -> tuple[str, str]:  # noqa: ARG001  # as above
    """Every server of this dialect takes a bearer's key, Azure's ``/openai/v1`` included."""
    return "authorization", f"Bearer {key}"


DIALECT = Dialect(
    name="openai",
    endpoint=endpoint,
    effects=effects,
    classify=classify,
    wait=wait,
    inside_success=inside_success,
    tells_failure=tells_failure,
    answers_in_json=answers_in_json,
    made=made,
    made_by_stream=made_by_stream,
    terminal=TERMINAL,
    stream_errors=STREAM_ERRORS,
    told_in_stream=told_in_stream,
    request_id=b"x-request-id",
    forwarded=FORWARDED,
    query=QUERY,
    key_header=key_header,
)
