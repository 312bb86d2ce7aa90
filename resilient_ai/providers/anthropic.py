"""The Anthropic dialect: Messages, token counts, batches, models and files, of API versions 2023-06-01 and 2026-10-21.

The version stands in a header (``anthropic-version``), which a fallback gets as the client sent it. Sources: anthropic
2.12 and the published API reference, autumn 2026.
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
from .streams.anthropic import STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DIALECT", "VERTEX"]

ROOTS = {"messages": "messages", "models": "models", "files": "files", "complete": "completions"}
"""The first segment below the version, and its family. Batches and counts stand below ``messages``."""


VERTEX = frozenset({"rawPredict", "streamRawPredict"})
"""How Vertex names the calls of this dialect, behind a colon."""
_HOSTED = "Vertex and Bedrock have paths and keys of their own"


@lru_cache(maxsize=1024)
def endpoint(method: str, path: str) -> Endpoint:
    """What a method and a path say. The API's own path begins behind its version."""
    segments = [segment for segment in path.split("/") if segment]
    hosted = _hosted(segments)
    if hosted is not None:
        return hosted
    at = segments.index("v1") + 1 if "v1" in segments else 0
    root = segments[at] if at < len(segments) else ""
    if root not in ROOTS:
        return Endpoint(family="other", operation=_operation(method, "other", []), path=None)
    family, below = ROOTS[root], segments[at + 1 :]
    if family == "messages" and below:
        family = {"batches": "batches", "count_tokens": "count_tokens"}.get(below[0], "messages")
        below = below[1:]
    return Endpoint(
        family=family,
        operation=_operation(method, family, below),
        path="/".join(segments[at:]),
        ids=(below[0],) if below and family in _WITH_IDS else (),
        version="v1",
    )


def _hosted(segments: list[str]) -> Endpoint | None:
    """A call at Vertex (``…/models/claude-x:rawPredict``) or Bedrock (``/model/claude-x/invoke``)."""
    name, _, action = segments[-1].rpartition(":") if segments else ("", "", "")
    if action in VERTEX and name:
        model = name
    elif len(segments) == 3 and segments[0] == "model":
        model = segments[1]
    else:
        return None
    counts = model == "count-tokens"
    return Endpoint(
        family="count_tokens" if counts else "messages",
        operation=Operation.IDEMPOTENT if counts else Operation.STATELESS,
        path="messages",
        model=None if counts else model,
        stays=_HOSTED,
    )


_WITH_IDS = frozenset({"batches", "files"})


def _operation(method: str, family: str, below: list[str]) -> Operation:
    if method in ("GET", "HEAD", "OPTIONS", "DELETE") or family == "count_tokens" or below[-1:] == ["cancel"]:
        return Operation.IDEMPOTENT
    return Operation.STATELESS if family in ("messages", "completions") else Operation.CREATING


_ACTING = ("code_execution_", "mcp_toolset", "agent_toolset_")
"""Server tools that act at the vendor, or elsewhere from there; their types end in a date. (Those of the program's own
computer are run by the program, and web_search and web_fetch only read.)"""
_WORDS = (b'"container"', b'"mcp_servers"', b'"file_id"', *(b'"%b' % tool.encode() for tool in _ACTING))
"""What a body that acts somewhere, or speaks of something made earlier, has in it."""
_PROGRAM = frozenset({"input", "input_examples", "input_schema", "metadata", "schema"})
"""Fields that hold the program's own data: a tool's arguments and their description, the schema of an answer."""


def effects(family: str, body: bytes) -> tuple[bool, tuple[str, ...]]:
    """Whether a call acts at the vendor (code execution, connectors, a container), and the ids its body speaks of."""
    if family not in ("messages", "batches") or not any(word in body for word in _WORDS):
        return False, ()
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):  # the vendor will say so
        return False, ()
    if not isinstance(parsed, dict):
        return False, ()
    request = cast("dict[str, Any]", parsed)
    container = request.get("container")
    tools = items_of(request.get("tools"))
    acts = bool(container) or bool(request.get("mcp_servers")) or any(map(_acts, tools))
    if isinstance(container, dict):
        container = cast("dict[str, Any]", container).get("id")
    ids = [container] if isinstance(container, str) else []
    return acts, (*ids, *values_of(request, "file_id", program=_PROGRAM))


def _acts(tool: Any) -> bool:
    kind = cast("dict[str, Any]", tool).get("type") if isinstance(tool, dict) else None
    return isinstance(kind, str) and kind.startswith(_ACTING)


_CONTENT = {"messages": "content", "completions": "completion", "count_tokens": "input_tokens"}
"""A top-level field that an answer of the family has."""


def inside_success(family: str, body: Any, asked: bool) -> FailureKind | None:
    """The failure inside an HTTP 200: an error body, or another schema."""
    content = _CONTENT.get(family) if asked else None
    if not isinstance(body, dict):
        return None if content is None else FailureKind.BROKEN
    answer = cast("dict[str, Any]", body)
    if answer.get("type") == "error":
        return in_success(answer) or FailureKind.BROKEN
    return None if content is None or answer.get(content) is not None else in_success(answer) or FailureKind.BROKEN


def answers_in_json(family: str) -> bool:
    """Whether an answer of the family is JSON, or a stream of it, and nothing else."""
    return family in _CONTENT


def tells_failure(family: str, body: Any) -> bool:  # noqa: ARG001  # a Dialect's signature
    """None does: an error inside a 200 is no answer of its family."""
    return False


def made(family: str, body: Any) -> tuple[str, ...]:
    """The ids of what an answer says was made: batches, files, containers."""
    if not isinstance(body, dict):
        return ()
    answer = cast("dict[str, Any]", body)
    if family == "messages":
        container = answer.get("container")
        answer = cast("dict[str, Any]", container) if isinstance(container, dict) else {}
    elif family not in _WITH_IDS:
        return ()
    identifier = answer.get("id")
    return (identifier,) if isinstance(identifier, str) else ()


_CONTAINER = re.compile(rb'"container"\s*:\s*\{[^{}]{0,300}?"id"\s*:\s*"([^"\\]{1,256})"')


def made_by_stream(family: str, beginning: bytes) -> tuple[str, ...]:
    """The container that a stream says at its beginning."""
    found = _CONTAINER.search(beginning) if family == "messages" else None
    return () if found is None else (found[1].decode("utf-8", "replace"),)


def key_header(key: str, base_url: str, headers: Mapping[bytes, bytes]) -> tuple[str, str]:  # noqa: ARG001  # a Dialect's signature
    """The key goes where the client has its own: the same client, pointed there, would send it so. (SDKs before 1.0
    write ``x-api-key``, later ones a bearer's, and hosts of this dialect differ in what they take.)"""
    return ("x-api-key", key) if b"x-api-key" in headers else ("authorization", f"Bearer {key}")


DIALECT = Dialect(
    name="anthropic",
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
    request_id=b"request-id",
    forwarded=frozenset(
        {
            "accept",
            "accept-encoding",
            "content-type",
            "user-agent",
            "anthropic-version",
            "anthropic-beta",
            "idempotency-key",
            "traceparent",
        }
    ),
    query=frozenset({"beta", "limit", "before_id", "after_id"}),
    key_header=key_header,
)
