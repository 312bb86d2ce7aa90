"""The Gemini dialect: of Google's Gemini API (v1, v1beta) and of Vertex AI.

The model and the method stand in the path: ``/v1beta/models/gemini-pro:generateContent``, at Vertex below
``/v1/projects/…/publishers/google``, which there belongs into a target's base URL. Sources: google-genai 3.4 and the
published API reference, autumn 2026.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from .._call import Operation
from ..failures import FailureKind
from .base import Dialect, Endpoint, items_of, values_of
from .kinds import classify, in_stream, in_success
from .said import asks_to_wait
from .streams.gemini import MALFORMED, STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DIALECT", "METHODS"]

_S, _I, _C = Operation.STATELESS, Operation.IDEMPOTENT, Operation.CREATING

METHODS: dict[str, tuple[str, Operation]] = {
    "generateContent": ("generate_content", _S),
    "streamGenerateContent": ("generate_content", _S),
    "generateAnswer": ("generate_content", _S),
    "embedContent": ("embeddings", _S),
    "batchEmbedContents": ("embeddings", _S),
    "countTokens": ("count_tokens", _I),
    "computeTokens": ("count_tokens", _I),
    "predict": ("images", _S),
    "predictLongRunning": ("videos", _C),
    "fetchPredictOperation": ("videos", _I),
    "batchGenerateContent": ("batches", _C),
    "asyncBatchEmbedContent": ("batches", _C),
    "cancel": ("batches", _I),
    "register": ("files", _C),
}
"""What stands after the colon: its family, and what a repeat costs."""

ROOTS = {
    "models": "models",
    "tunedModels": "models",
    "endpoints": "models",
    "files": "files",
    "operations": "videos",
    "batches": "batches",
    "batchPredictionJobs": "batches",
    "cachedContents": "caches",
    "interactions": "interactions",
    "fileSearchStores": "files",
}
"""Where the API's own path begins, and the family of what has no method after a colon."""

_MODELS = frozenset({"models", "tunedModels", "endpoints"})
"""Roots below which a method is called on a model."""
_ELSEWHERE = frozenset({"agents", "environments", "triggers", "webhooks", "voices", "credentials", "tuningJobs"})
"""Roots with no family of their own: a ``files`` below them is not the Files API's."""
_VERSION = re.compile(r"v\d\w*")
_UPLOAD = "an upload in steps ends where it began"
_TUNED = "a tuned model is nowhere else"


@lru_cache(maxsize=1024)
def endpoint(method: str, path: str) -> Endpoint:
    """What a method and a path say."""
    segments = [segment for segment in path.split("/") if segment]
    at = _root(segments)
    if at is None:
        return Endpoint(family="other", operation=_plain(method), path=None)
    version = next((segment for segment in segments[:at] if _VERSION.fullmatch(segment)), "v1beta")
    stays = _UPLOAD if "upload" in segments[:at] else None
    root, below = segments[at].partition(":")[0], segments[at + 1 :]
    action = segments[-1].rpartition(":")[2] if ":" in segments[-1] else ""
    if action in METHODS:
        family, operation = METHODS[action]
        if root in _MODELS and len(below) == 1:
            return Endpoint(
                family=family,
                operation=operation,
                path=f"{root}/{{model}}:{action}",
                model=below[0].rpartition(":")[0],
                version=version,
                stays=stays if root == "models" else _TUNED,
            )
    else:
        family, operation = ROOTS[root], _plain(method)
        if family == "interactions" and method == "POST":
            operation = _I if below[-1:] == ["cancel"] else _S
    if "operations" in below:
        family = "videos"
    return Endpoint(
        family=family,
        operation=operation,
        path="/".join(segments[at:]),
        ids=_ids(family, below),
        version=version,
        stays=stays,
    )


def _root(segments: list[str]) -> int | None:
    """Where the API's own path begins: behind the version, and behind a project and a publisher."""
    for at, segment in enumerate(segments):
        name = segment.partition(":")[0]
        if name in _ELSEWHERE:
            return None
        if name in ROOTS:
            return at
    return None


def _plain(method: str) -> Operation:
    return _I if method in ("GET", "HEAD", "OPTIONS", "DELETE") else _C


def _ids(family: str, below: list[str]) -> tuple[str, ...]:
    """The id of a resource in a path: what follows ``operations``, or the root."""
    if "operations" in below:
        below = below[below.index("operations") + 1 :]
    return (below[0].partition(":")[0],) if below and family != "models" else ()


_WORDS = (
    b'"codeExecution"',
    b'"code_execution"',
    b'"mcp_server"',
    b'"fileUri"',
    b'"file_uri"',
    b'"cachedContent"',
    b'"cached_content"',
    b'"previous_interaction_id"',
    b'"previousInteractionId"',
    b'"fileName"',
    b'"operationName"',
)
"""What a body that acts at the vendor, or speaks of something made earlier, has in it; see `effects` for the fields."""

_NAMES = ("fileUri", "file_uri", "cachedContent", "cached_content", "fileName", "file_name", "operationName")
_PREVIOUS = ("previous_interaction_id", "previousInteractionId")
_PROGRAM = frozenset(
    {
        "args",
        "arguments",
        "labels",
        "metadata",
        "parameters",
        "parametersJsonSchema",
        "parameters_json_schema",
        "response",
        "responseJsonSchema",
        "responseSchema",
        "response_format",
        "response_json_schema",
        "response_schema",
        "result",
    }
)
"""Fields that hold the program's own data: a function's arguments, what it returned, the schemas of both."""


def effects(family: str, body: bytes) -> tuple[bool, tuple[str, ...]]:
    """Whether a call runs code at the vendor, or is stored there, and the ids that its body speaks of.

    An interaction is stored unless it says ``store: false``.
    """
    kept = family == "interactions"
    if not kept and not any(word in body for word in _WORDS):
        return False, ()
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):  # the vendor will say so
        return False, ()
    if not isinstance(parsed, dict):
        return False, ()
    request = cast("dict[str, Any]", parsed)
    tools = items_of(request.get("tools"))
    leaves = any(map(_acts, tools)) or (kept and (request.get("store") is not False or bool(request.get("background"))))
    ids = [_last(name) for name in values_of(request, *_NAMES, program=_PROGRAM) if _is_ours(name)]
    ids += [value for name in _PREVIOUS if isinstance(value := request.get(name), str)]
    return leaves, tuple(ids)


def _acts(tool: Any) -> bool:
    """Code that is run at the vendor, and servers that it calls. (Search and URL context only read.)"""
    if not isinstance(tool, dict):
        return False
    members = cast("dict[str, Any]", tool)
    acting = ("codeExecution", "code_execution", "mcpServers", "mcp_servers")
    return any(name in members for name in acting) or members.get("type") in ("code_execution", "mcp_server")


def _is_ours(name: str) -> bool:
    """Whether a name is one of the API's own, and no address of somebody else's (``gs://``, YouTube)."""
    return bool(re.search(r"(?:\A|/)(?:files|cachedContents|operations)/[^/]+\Z", name))


def _last(name: str) -> str:
    return name.rpartition("/")[2]


_CONTENT: dict[str, tuple[str, ...]] = {
    "generate_content": ("candidates", "promptFeedback"),
    "embeddings": ("embedding", "embeddings", "predictions"),
    "count_tokens": ("totalTokens", "tokensInfo"),
}
"""Top-level fields, of which an answer of the family has at least one."""


def inside_success(family: str, body: Any, asked: bool) -> FailureKind | None:
    """The failure inside an HTTP 200: an error body, a blocked prompt, what nobody can read, another schema.

    A stream that was not asked for as events is a list of answers.
    """
    content = _CONTENT.get(family) if asked else None
    if isinstance(body, list) and family == "generate_content":
        items = items_of(body)
        if any(map(_said_something, items)):  # what comes after it is told in its own words
            items = [item for item in items if not _malformed(item)]
        kinds = [kind for item in items if (kind := inside_success(family, item, asked)) is not None]
        return kinds[0] if kinds else None if items or not asked else FailureKind.BROKEN
    if not isinstance(body, dict):
        return None if content is None else FailureKind.BROKEN
    answer = cast("dict[str, Any]", body)
    if family == "generate_content" and _blocked(answer):
        return FailureKind.REFUSED
    if family == "generate_content" and _malformed(answer):
        return FailureKind.BROKEN
    if content is None or any(name in answer for name in content) or (family == "generate_content" and _bare(answer)):
        return None
    return in_success(answer) or FailureKind.BROKEN


def _blocked(answer: dict[str, Any]) -> bool:
    feedback = answer.get("promptFeedback")
    return not answer.get("candidates") and isinstance(feedback, dict) and "blockReason" in feedback


def _malformed(answer: Any) -> bool:
    """Whether an answer has nothing to say, and that for such a reason."""
    candidates = _candidates(answer)
    reasons = {str(one.get("finishReason")) for one in candidates}
    return bool(candidates) and reasons <= MALFORMED and not _said_something(answer)


def _said_something(answer: Any) -> bool:
    """Whether a candidate has any content."""
    contents = [one.get("content") for one in _candidates(answer)]
    return any(cast("dict[str, Any]", content).get("parts") for content in contents if isinstance(content, dict))


def _candidates(answer: Any) -> list[dict[str, Any]]:
    if not isinstance(answer, dict):
        return []
    candidates: list[Any] = items_of(cast("dict[str, Any]", answer).get("candidates"))
    return [cast("dict[str, Any]", one) for one in candidates if isinstance(one, dict)]


def _bare(answer: dict[str, Any]) -> bool:
    """A part of a stream that only counts tokens."""
    return "usageMetadata" in answer


def answers_in_json(family: str) -> bool:
    """Whether an answer of the family is JSON, or a stream of it, and nothing else."""
    return family in _CONTENT


def tells_failure(family: str, body: Any) -> bool:
    """A blocked prompt, or what nobody can read, is a proper answer, which the program is to see."""
    if family != "generate_content" or not isinstance(body, dict):
        return False
    answer = cast("dict[str, Any]", body)
    return _blocked(answer) or _malformed(answer)


_MADE = frozenset({"videos", "files", "batches", "caches", "interactions"})


def made(family: str, body: Any) -> tuple[str, ...]:
    """The ids of what an answer says was made: the last part of its name, or its id."""
    if family not in _MADE or not isinstance(body, dict):
        return ()
    answer = cast("dict[str, Any]", body)
    inner = answer.get("file")
    if isinstance(inner, dict):
        answer = cast("dict[str, Any]", inner)
    name = answer.get("id") if family == "interactions" else answer.get("name")
    return (_last(name),) if isinstance(name, str) and name else ()


_EVENT = json.JSONDecoder().raw_decode


def told_in_stream(error: bytes) -> FailureKind:
    """The kind of what an event stream told instead of an answer: an error, a blocked prompt, what nobody can read."""
    text = error.decode("utf-8", "replace")
    try:
        event, _ = _EVENT(text, max(0, text.find("{")))
    except (ValueError, RecursionError):
        return in_stream(error)
    if isinstance(event, dict) and tells_failure("generate_content", event):
        return FailureKind.REFUSED if _blocked(cast("dict[str, Any]", event)) else FailureKind.BROKEN
    return in_stream(error)


_INTERACTION = re.compile(rb'"interaction"\s*:\s*\{[^{}]{0,300}?"id"\s*:\s*"([^"\\]{1,256})"')


def made_by_stream(family: str, beginning: bytes) -> tuple[str, ...]:
    """The interaction that a stream says at its beginning."""
    found = _INTERACTION.search(beginning) if family == "interactions" else None
    return () if found is None else (found[1].decode("utf-8", "replace"),)


def key_header(key: str, base_url: str, headers: Mapping[bytes, bytes]) -> tuple[str, str]:  # noqa: ARG001  # a Dialect's signature
    """An API key has a header of its own; Vertex takes a bearer's token, unless it is given what looks like a key."""
    host = urlsplit(base_url).hostname or ""
    if host.endswith("aiplatform.googleapis.com") and not key.startswith(("AIza", "AQ.")):
        return "authorization", f"Bearer {key}"
    return "x-goog-api-key", key


DIALECT = Dialect(
    name="gemini",
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
    told_in_stream=told_in_stream,
    request_id=b"x-request-id",
    forwarded=frozenset(
        {
            "accept",
            "accept-encoding",
            "content-type",
            "user-agent",
            "x-goog-api-client",
            "x-server-timeout",
            "traceparent",
        }
    ),
    query=frozenset({"alt", "pageSize", "pageToken", "stream", "last_event_id"}),
    key_header=key_header,
)
