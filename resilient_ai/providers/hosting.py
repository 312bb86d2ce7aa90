"""A request as one host wants it: its path, its body without what the host does not take."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from .._host import Host
from .base import items_of, url_of
from .codecs.base import Untranslatable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .base import Dialect, Endpoint
    from .codecs.base import Lost

__all__ = ["PLAIN", "fitted", "key_header", "may_change", "serves", "url_at"]

PLAIN = Host()
"""A host of which nothing is known."""

Object = dict[str, Any]

_HARMLESS = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "user",
    }
)
"""Fields that say nothing of the answer."""
_DEFAULTS: dict[str, Any] = {
    "disable_parallel_tool_use": False,
    "frequency_penalty": 0,
    "logprobs": False,
    "modalities": ["text"],
    "n": 1,
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "response_format": {"type": "text"},
    "store": False,
    "strict": False,
    "temperature": 1,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1,
    "verbosity": "medium",
}
"""Values that ask for what is done anyway (OpenAI's reference). ``null`` and what is empty do so everywhere."""

_WRAPPED = {"bedrock": "bedrock-2023-05-31", "vertex": "vertex-2023-10-16"}
"""The version of the Anthropic API as its hosts want it in the body (anthropic-python 2.12)."""


_LACKS = {"openai-chat": "responses", "openai-responses": "chat"}


def serves(host: Host, family: str, dialect: str) -> bool:
    """Whether a host of a wire format has the endpoints of a family."""
    if dialect == "openai" and family == _LACKS.get(host.dialect):
        return False
    return host.families is None or family in host.families


def url_at(host: Host, base_url: str, endpoint: Endpoint, model: str | None, *, stream: bool) -> str:
    """Where a host has an endpoint.

    Raises:
        Untranslatable: the model cannot stand in its path.
    """
    path = (host.stream_path if stream else None) or host.path
    if path == "{path}":
        return url_of(base_url, endpoint, model)
    if "{model}" in path:
        name = model or endpoint.model or ""
        if name in ("", ".", ".."):
            raise Untranslatable("model", "it cannot stand in a path")
        path = path.replace("{model}", quote(name, safe=":"))
    return f"{base_url}/{path.replace('{path}', endpoint.path or '')}"


def key_header(
    host: Host, dialect: Dialect, key: str, base_url: str, headers: Mapping[bytes, bytes]
) -> tuple[str, str]:
    """The header that carries a target's key. ``headers``: the request's own, by lower-case name."""
    if host.auth == "dialect" or not isinstance(host.auth, str):
        return dialect.key_header(key, base_url, headers)
    if host.auth == "azure" and not key.startswith("eyJ"):  # as every JSON Web Token does
        return "api-key", key
    return "authorization", f"Bearer {key}"


def fitted(body: bytes, host: Host, name: str, lost: Lost, headers: Mapping[bytes, bytes] | None = None) -> bytes:
    """The body as a host takes it; untouched, and not even read, where none of what the host does not take occurs.

    Args:
        body: JSON.
        host: whose it is to be.
        name: how the host is called.
        lost: told of each field that asks for something which the host does not do.
        headers: those of the request, by lower-case name: Bedrock wants one of them in the body.

    Raises:
        Untranslatable: ``lost`` does.
    """
    if not (host.wrapping or _says_something(body, host)):
        return body
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):  # the vendor will say so
        return body
    if not isinstance(parsed, dict):
        return body
    request = cast("Object", parsed)
    changed = _fit(request, host, name, lost)
    if host.wrapping:
        changed = _wrap(request, host.wrapping, headers or {})
    return _written(request) if changed else body


def _written(request: Object) -> bytes:
    try:
        return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can say
        return json.dumps(request, separators=(",", ":")).encode()


def may_change(host: Host) -> bool:
    """Whether there is any request that a host wants otherwise."""
    return bool(host.words or host.wrapping or host.developer != "developer")


def _says_something(body: bytes, host: Host) -> bool:
    """Whether a body has the name of a field in it that the host does not take, or a role."""
    if host.words and _pattern(host.words).search(body):
        return True
    return host.developer != "developer" and b'"developer"' in body


@lru_cache(maxsize=128)  # as few as there are hosts
def _pattern(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Finds any of the names. (To look for each by itself takes as long as to parse a large body.)"""
    return re.compile(rb'"(?:%b)"\s*:' % b"|".join(map(re.escape, names)))


def _fit(request: Object, host: Host, name: str, lost: Lost) -> bool:
    """Change a request as its host wants it. Whether anything was."""
    changed = False
    for path in (*host.strips, *host.rejects, *host.ignores):
        ignored = path in host.ignores
        for where, owner, field in _found(request, path.split(".")):
            if path not in host.strips and not _asks_nothing(field, owner[field]):
                lost(where, f"{name} {'ignores' if ignored else 'rejects'} it")
            elif ignored:
                continue  # it does no harm there, and its bytes stay as they are
            del owner[field]
            changed = True
    for old, new in host.renames:
        if old in request:
            value = request.pop(old)
            request.setdefault(new, value)
            changed = True
    if host.developer != "developer":
        changed |= _rename_role(request, host.developer)
    most, asked = host.most_temperature, request.get("temperature")
    if most is not None and isinstance(asked, int | float) and asked > most:
        lost("temperature", f"{name} takes {most:g} at most")
        request["temperature"] = most
        changed = True
    return changed


def _asks_nothing(field: str, value: Any) -> bool:
    """Whether a field may be left out and nothing is lost."""
    if field in _HARMLESS or value is None or value in ("", [], {}):
        return True
    return field in _DEFAULTS and value == _DEFAULTS[field]


def _found(request: Any, path: list[str], above: str = "") -> Iterator[tuple[str, Object, str]]:
    """Each place that a path leads to: as the caller wrote it, the object it is a member of, its name."""
    if path[0] == "*":
        for at, item in enumerate(items_of(request)):
            yield from _found(item, path[1:], f"{above}[{at}]")
        return
    if not isinstance(request, dict):
        return
    members = cast("Object", request)
    name = path[0]
    if name not in members:
        return
    where = f"{above}.{name}" if above else name
    if len(path) == 1:
        yield where, members, name
    else:
        yield from _found(members[name], path[1:], where)


def _rename_role(request: Object, role: str) -> bool:
    """Give developer messages the role that the host knows for them."""
    changed = False
    for message in (*items_of(request.get("messages")), *items_of(request.get("input"))):
        if isinstance(message, dict) and cast("Object", message).get("role") == "developer":
            message["role"] = role
            changed = True
    return changed


def _wrap(request: Object, wrapping: str, headers: Mapping[bytes, bytes]) -> bool:
    """A request of the Anthropic dialect as Bedrock and Vertex want it: the model stands in the path."""
    request.pop("model", None)
    request.setdefault("anthropic_version", _WRAPPED[wrapping])
    beta = headers.get(b"anthropic-beta")
    if wrapping == "bedrock":
        request.pop("stream", None)
        if beta:
            request.setdefault("anthropic_beta", [name.strip() for name in beta.decode("latin-1").split(",")])
    return True
