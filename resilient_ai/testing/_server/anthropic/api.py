"""Anthropic's paths, its key, its errors and the headers of its answers."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from ..fields import NOTHING
from ..replies import Json, Refusal, Reply, encode, waits
from ..world import Ask, World, parse_json
from . import batches, messages, models
from .validate import COUNT, CREATE, CREATE_BATCH, check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...records import Provider
    from ..dialect import Handler
    from ..fields import Spec
    from ..meter import Level

VERSIONS: Final = frozenset({"2023-06-01", "2026-10-21"})
"""The values of `anthropic-version` that are taken; the older 2023-01-01 is long gone."""

_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}

_OUTAGES: Final = {
    401: "invalid x-api-key",
    403: "Your API key does not have permission to use the specified resource.",
    404: "Not found",
    429: "This request would exceed your organization's rate limit.",
    500: "Internal server error",
    503: "Service temporarily unavailable",
    504: "The request timed out.",
    529: "Overloaded",
}


class _Route(NamedTuple):
    method: str
    pattern: re.Pattern[str]
    spec: Spec
    handler: Handler


class Anthropic:
    """The dialect "anthropic"."""

    def family(self, path: str) -> str:
        """Of all that stands under /v1/messages, token counts and batches are families of their own."""
        rest = path.removeprefix("/v1/")
        if rest.startswith("messages/batches"):
            return "batches"
        if rest.startswith("messages/count_tokens"):
            return "count_tokens"
        name = rest.partition("/")[0]
        return name if name in {"messages", "models"} else "other"

    def begin(self, method: str, path: str, query: Mapping[str, str]) -> Ask:
        """Nothing but what it is."""
        return Ask(method=method, path=path, query=query)

    def credential(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:  # noqa: ARG002
        """`Authorization: Bearer` as SDKs since 2.0 send it, or `x-api-key`."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" and token.strip() else None)

    def judge(self, ask: Ask, headers: Mapping[str, str], body: bytes | None, provider: Provider) -> Handler:
        """Size, key, path, version, body, fields, model: in this order."""
        if body is None:
            raise Refusal(413, "Request exceeds the maximum size")
        self._check_key(headers, provider)
        route = self._find(ask)
        version = headers.get("anthropic-version")
        if version is None:
            raise Refusal(400, "anthropic-version: header is required")
        if version not in VERSIONS:
            raise Refusal(400, f'anthropic-version: "{version}" is not a valid version')
        if route.spec.content == "json":
            if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                raise Refusal(400, "Unsupported content type. Expected application/json.")
            ask.json = _parsed(body)
            check(route.spec, ask.json, version=version)
            self._check_models(ask, provider)
        return route.handler

    def _check_key(self, headers: Mapping[str, str], provider: Provider) -> None:
        given = self.credential(headers, {})
        if given is None:
            raise Refusal(401, "x-api-key header is required")
        if given not in provider.accepted_keys:
            raise Refusal(401, "invalid x-api-key")

    def _check_models(self, ask: Ask, provider: Provider) -> None:
        if ask.model and ask.model not in provider.served_models:
            raise Refusal(404, f"model: {ask.model}")

    def _find(self, ask: Ask) -> _Route:
        known = False
        for route in _ROUTES:
            if found := route.pattern.fullmatch(ask.path):
                if route.method == ask.method:
                    ask.args = found.groups()
                    return route
                known = True
        raise Refusal(405, "Method Not Allowed") if known else Refusal(404, "Not found")

    def streams(self, ask: Ask) -> bool:
        """`"stream": true`."""
        return ask.json.get("stream") is True

    def unstreamed(self, ask: Ask, handler: Handler) -> Handler:
        """Without `stream`."""
        ask.json = {**ask.json, "stream": False}
        return handler

    def ping(self) -> bytes:
        """An event of its own."""
        return b'event: ping\ndata: {"type":"ping"}\n\n'

    def refuse(self, refusal: Refusal, ask: Ask) -> Reply:
        """`{"type": "error", "error": {type, message}, "request_id"}`."""
        kind = refusal.kind or _kind(refusal.status)
        return _error(refusal.status, kind, refusal.message, ask)

    def outage(self, status: int, ask: Ask) -> Reply:
        """The same shape."""
        return _error(status, _kind(status), _OUTAGES.get(status, f"The upstream answered {status}."), ask)

    def limited(self, wait: float | str | None, ask: Ask) -> Reply:
        """`Retry-After` in whole seconds."""
        headers = {name: value for name, value in waits(wait).items() if name == "retry-after"}
        return dataclasses.replace(self.outage(429, ask), headers=headers)

    def levels(self, levels: Mapping[str, Level]) -> Mapping[str, str]:
        """`anthropic-ratelimit-*`; the moment of the full refill by the clock."""
        told: dict[str, str] = {}
        for name, level in levels.items():
            full = datetime.now(UTC) + timedelta(seconds=level.reset + 1)  # whole seconds, and never too early
            told[f"anthropic-ratelimit-{name}-limit"] = str(level.limit)
            told[f"anthropic-ratelimit-{name}-remaining"] = str(level.remaining)
            told[f"anthropic-ratelimit-{name}-reset"] = full.strftime("%Y-%m-%dT%H:%M:%SZ")
        return told

    def break_stream(self, reply: Reply, code: str, sequence: int, ask: Ask) -> bytes:  # noqa: ARG002
        """An `error` event; `code` is the error's type (one of another vendor's is told as `api_error`)."""
        kind = code if code in _KINDS.values() else "api_error"
        told = _error(200, kind, "Overloaded" if kind == "overloaded_error" else "Internal server error", ask)
        return b"event: error\ndata: " + told.body + b"\n\n"

    def sign(self, ask: Ask, milliseconds: int) -> Mapping[str, str]:  # noqa: ARG002
        """The request's id, and whose key it was."""
        return {"request-id": ask.request_id, "anthropic-organization-id": "00000000-0000-4000-8000-000000000000"}


def _kind(status: int) -> str:
    return _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")


def _error(status: int, kind: str, message: str, ask: Ask) -> Reply:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": ask.request_id}
    return Reply(status=status, body=encode(body))


def _parsed(body: bytes) -> Json:
    try:
        return parse_json(body)
    except Refusal:
        raise Refusal(400, "The request body is not valid JSON") from None


def _run_line(world: World, params: Json) -> Reply:
    """One request of a batch; a batch is checked only when it is worked through, as at the vendor."""
    dialect, ask = Anthropic(), Ask(method="POST", path="/v1/messages", query={}, json=params)
    ask.request_id = world.new_id("req_")
    try:
        check(CREATE, params, version="2023-06-01")
        if ask.model not in world.models:
            raise Refusal(404, f"model: {ask.model}")
        return messages.create(world, dataclasses.replace(ask, json={**params, "stream": False}))
    except Refusal as refusal:
        return dialect.refuse(refusal, ask)


def _results(world: World, ask: Ask) -> Reply:
    return batches.results(world, ask, _run_line)


def _route(method: str, pattern: str, spec: Spec, handler: Handler) -> _Route:
    return _Route(method, re.compile("/v1" + pattern.replace("{id}", "([^/]+)")), spec, handler)


_ROUTES: Final = (
    _route("POST", "/messages", CREATE, messages.create),
    _route("POST", "/messages/count_tokens", COUNT, messages.count_tokens),
    _route("POST", "/messages/batches", CREATE_BATCH, batches.create),
    _route("GET", "/messages/batches", NOTHING, batches.listed),
    _route("GET", "/messages/batches/{id}", NOTHING, batches.get),
    _route("POST", "/messages/batches/{id}/cancel", NOTHING, batches.cancel),
    _route("GET", "/messages/batches/{id}/results", NOTHING, _results),
    _route("DELETE", "/messages/batches/{id}", NOTHING, batches.delete),
    _route("GET", "/models", NOTHING, models.listed),
    _route("GET", "/models/{id}", NOTHING, models.get),
)
