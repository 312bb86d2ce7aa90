"""OpenAI's API, on its own paths and on Azure's."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from . import routes
from .replies import Refusal, Reply, encode, error, go_duration, outage, waits
from .validate import check, check_key, check_model, credential, read_body
from .world import Ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..records import Provider
    from .dialect import Handler
    from .meter import Level


class OpenAI:
    """The dialect "openai"."""

    def family(self, path: str) -> str:
        """The first word after the API's root."""
        return routes.family(path)

    def begin(self, method: str, path: str, query: Mapping[str, str]) -> Ask:
        """On Azure the path names the deployment, which stands for the model."""
        found = routes.place(path)
        return Ask(method=method, path=path, query=query, azure=found.azure, deployment=found.deployment)

    def credential(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:  # noqa: ARG002
        """`Authorization: Bearer`, or Azure's `api-key`."""
        return credential(headers)

    def judge(self, ask: Ask, headers: Mapping[str, str], body: bytes | None, provider: Provider) -> Handler:
        """Path, size, key, body, fields, model: in this order."""
        route, ask.args = routes.find(ask.method, routes.place(ask.path).rest)
        if body is None:
            raise Refusal(413, "Maximum content size limit (26214400) exceeded.", code="request_too_large")
        if route.needs_key:
            check_key(headers, provider.accepted_keys, azure=ask.azure)
        if ask.deployment and "api-version" not in ask.query:
            raise Refusal(404, "Resource not found", code="404")
        read_body(route.spec, headers.get("content-type", ""), body, ask)
        check(route.spec, ask)
        check_model(provider.served_models, ask)
        return route.handler

    def streams(self, ask: Ask) -> bool:
        """`"stream": true`."""
        return ask.json.get("stream") is True

    def unstreamed(self, ask: Ask, handler: Handler) -> Handler:
        """Without `stream`."""
        ask.json = {**ask.json, "stream": False}
        return handler

    def ping(self) -> bytes:
        """A comment, as servers of this dialect send it."""
        return b": keep-alive\n\n"

    def refuse(self, refusal: Refusal, ask: Ask) -> Reply:  # noqa: ARG002
        """`{"error": {message, type, param, code}}`."""
        return refusal.reply()

    def outage(self, status: int, ask: Ask) -> Reply:  # noqa: ARG002
        """The same shape."""
        return outage(status)

    def limited(self, wait: float | str | None, ask: Ask) -> Reply:  # noqa: ARG002
        """`Retry-After` in whole seconds, and `retry-after-ms`."""
        reply = error(429, "Rate limit reached for requests.", code="rate_limit_exceeded")
        return dataclasses.replace(reply, headers=waits(wait))

    def levels(self, levels: Mapping[str, Level]) -> Mapping[str, str]:
        """`x-ratelimit-*`; the time to the full refill in Go's notation."""
        told: dict[str, str] = {}
        for name, level in levels.items():
            told[f"x-ratelimit-limit-{name}"] = str(level.limit)
            told[f"x-ratelimit-remaining-{name}"] = str(level.remaining)
            told[f"x-ratelimit-reset-{name}"] = go_duration(level.reset)
        return told

    def break_stream(self, reply: Reply, code: str, sequence: int, ask: Ask) -> bytes:  # noqa: ARG002
        """A Responses stream has an `error` event, the others a chunk with an error in it."""
        message = "The server had an error while processing your request."
        if reply.named_events:
            told = {"type": "error", "code": code, "message": message, "param": None, "sequence_number": sequence}
            return b"event: error\ndata: " + encode(told) + b"\n\n"
        return b"data: " + error(500, message, code=code).body + b"\n\n"

    def sign(self, ask: Ask, milliseconds: int) -> Mapping[str, str]:
        """The id by which support finds a request, and how long it took."""
        return {"x-request-id": ask.request_id, "openai-processing-ms": str(milliseconds)}
