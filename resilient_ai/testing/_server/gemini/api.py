"""Gemini's paths (its own and Vertex's), its key, and its errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from ..fields import NOTHING
from ..replies import Json, Refusal, Reply, encode
from ..world import Ask, parse_json
from . import content, embeddings, models
from .validate import BATCH_EMBED, COUNT, EMBED, GENERATE, camel, check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...records import Provider
    from ..dialect import Handler
    from ..fields import Spec
    from ..meter import Level

_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_OUTAGES: Final = {
    401: "Request had invalid authentication credentials.",
    403: "The caller does not have permission",
    404: "Requested entity was not found.",
    429: "Resource has been exhausted (e.g. check quota).",
    500: "An internal error has occurred. Please retry.",
    503: "The model is overloaded. Please try again later.",
    504: "The request timed out. Please try again.",
}
_FAMILIES: Final = {
    "generateContent": "generate_content",
    "streamGenerateContent": "generate_content",
    "countTokens": "count_tokens",
    "embedContent": "embeddings",
    "batchEmbedContents": "embeddings",
}
_PATH: Final = re.compile(
    r"/(?P<version>v1|v1beta|v1beta1|v1alpha)/(?:projects/[^/]+/locations/[^/]+/publishers/google/)?"
    r"models(?:/(?P<model>[^/:]+)(?::(?P<action>\w+))?)?"
)
_NO_KEY: Final = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other"
    " form of API consumer identity to call this API."
)


class _Route(NamedTuple):
    method: str
    spec: Spec
    handler: Handler


_ROUTES: Final = {
    "generateContent": _Route("POST", GENERATE, content.generate),
    "streamGenerateContent": _Route("POST", GENERATE, content.stream),
    "countTokens": _Route("POST", COUNT, content.count_tokens),
    "embedContent": _Route("POST", EMBED, embeddings.one),
    "batchEmbedContents": _Route("POST", BATCH_EMBED, embeddings.several),
}
_LIST: Final = _Route("GET", NOTHING, models.listed)
_GET: Final = _Route("GET", NOTHING, models.get)


class Gemini:
    """The dialect "gemini"."""

    def family(self, path: str) -> str:
        """By what is done with the model."""
        found = _PATH.fullmatch(path)
        if not found:
            return "other"
        return _FAMILIES.get(found["action"], "other") if found["action"] else "models"

    def begin(self, method: str, path: str, query: Mapping[str, str]) -> Ask:
        """The path names the model."""
        found = _PATH.fullmatch(path)
        return Ask(method=method, path=path, query=query, deployment=found["model"] if found else None)

    def credential(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """`x-goog-api-key`, `?key=`, or Vertex's `Authorization: Bearer`."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else None
        return headers.get("x-goog-api-key") or query.get("key") or bearer or None

    def judge(self, ask: Ask, headers: Mapping[str, str], body: bytes | None, provider: Provider) -> Handler:
        """Path, size, key, body, model, fields: in this order."""
        route = self._find(ask)
        if body is None:
            raise Refusal(400, "Request payload size exceeds the limit: 26214400 bytes.")
        given = self.credential(headers, ask.query)
        if given is None:
            raise Refusal(403, _NO_KEY)
        if given not in provider.accepted_keys:
            raise Refusal(400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")
        if route.spec.content == "json":
            ask.json = _parsed(body)
            if ask.model not in provider.served_models:
                raise Refusal(404, _not_found(ask.path, ask.model))
            check(route.spec, ask.json, ask.model)
        return route.handler

    def _find(self, ask: Ask) -> _Route:
        found = _PATH.fullmatch(ask.path)
        if not found or (found["action"] and found["action"] not in _ROUTES):
            raise Refusal(404, "Requested entity was not found.")
        route = _ROUTES[found["action"]] if found["action"] else _GET if found["model"] else _LIST
        if route.method != ask.method:
            raise Refusal(404, "Requested entity was not found.")
        return route

    def streams(self, ask: Ask) -> bool:
        """`:streamGenerateContent?alt=sse`."""
        return ask.path.endswith(":streamGenerateContent") and ask.query.get("alt") == "sse"

    def unstreamed(self, ask: Ask, handler: Handler) -> Handler:  # noqa: ARG002
        """As `:generateContent`."""
        return content.generate if handler is content.stream else handler

    def ping(self) -> bytes:
        """A chunk without a word: its SDK takes a comment for malformed JSON."""
        return b"data: " + encode({"candidates": [{**content.empty(), "index": 0}]}) + b"\r\n\r\n"

    def refuse(self, refusal: Refusal, ask: Ask) -> Reply:  # noqa: ARG002
        """`{"error": {code, message, status, details}}`; a refusal's code is told as the reason in its details."""
        details: list[Json] = []
        if refusal.code:
            details.append(
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": refusal.code,
                    "domain": "googleapis.com",
                    "metadata": {"service": "generativelanguage.googleapis.com"},
                }
            )
        if refusal.param:
            violations = [{"field": refusal.param, "description": refusal.message}]
            details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations})
        return _error(refusal.status, refusal.message, details)

    def outage(self, status: int, ask: Ask) -> Reply:  # noqa: ARG002
        """The same shape."""
        return _error(status, _OUTAGES.get(status, f"The upstream answered {status}."))

    def limited(self, wait: float | str | None, ask: Ask) -> Reply:  # noqa: ARG002
        """No header tells the wait: it stands in the body."""
        retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait}s"}
        message = "You exceeded your current quota, please check your plan and billing details."
        return _error(429, message, [] if wait is None else [retry])

    def levels(self, levels: Mapping[str, Level]) -> Mapping[str, str]:  # noqa: ARG002
        """It tells nothing of them."""
        return {}

    def break_stream(self, reply: Reply, code: str, sequence: int, ask: Ask) -> bytes:  # noqa: ARG002
        """A chunk with an error in it; `code` is the status it tells (another vendor's is told as INTERNAL)."""
        status = next((status for status, name in _STATUSES.items() if name == code), 500)
        return b"data: " + _error(status, _OUTAGES.get(status, "Internal error encountered.")).body + b"\r\n\r\n"

    def sign(self, ask: Ask, milliseconds: int) -> Mapping[str, str]:  # noqa: ARG002
        """It tells no id, only how long it took."""
        return {"server-timing": f"gfet4t7; dur={milliseconds}", "vary": "Origin, X-Origin, Referer"}


def _error(status: int, message: str, details: list[Json] | None = None) -> Reply:
    told: Json = {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}
    return Reply(status=status, body=encode({"error": {**told, **({"details": details} if details else {})}}))


def _not_found(path: str, model: str) -> str:
    version, action = path.split("/")[1], path.rpartition(":")[2]
    return (
        f"models/{model} is not found for API version {version}, or is not supported for {action}."
        " Call ModelService.ListModels to see the list of available models and their supported methods."
    )


def _parsed(body: bytes) -> Json:
    try:
        given: Json = camel(parse_json(body))
    except (Refusal, RecursionError):
        raise Refusal(400, "Invalid JSON payload received. Expected a value.") from None
    return given
