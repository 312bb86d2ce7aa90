"""The dialects we know, and how a target's missing parts are filled in."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .._host import Host
from .._target import check_url
from ..errors import ConfigurationError
from . import anthropic, cohere, gemini, ollama, openai
from .codecs.table import TONGUES, translates
from .hosts import HOSTS, host_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._target import Target
    from .base import Dialect

__all__ = ["DIALECTS", "SPOKEN", "UNTERMINATED", "dialect_of", "resolved"]

log = logging.getLogger("resilient_ai")

OPENAI, ANTHROPIC, GEMINI = openai.DIALECT, anthropic.DIALECT, gemini.DIALECT
COHERE, OLLAMA = cohere.DIALECT, ollama.DIALECT
DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (OPENAI, ANTHROPIC, GEMINI, COHERE, OLLAMA)}
"""The wire formats we know, by name."""

_BY_END = dict.fromkeys(cohere.PATHS, COHERE) | dict.fromkeys(ollama.PATHS, OLLAMA)


UNTERMINATED = {"api.perplexity.ai"}
"""Hosts of the OpenAI dialect that end a chat's stream without ``[DONE]``: there its finish reason is the end. A
program adds its own by :func:`resilient_ai.control.accept_unterminated`."""


def dialect_of(method: str, path: str, headers: Mapping[bytes, bytes]) -> Dialect:  # noqa: ARG001  # agreed on so
    """The dialect that a request speaks, by its path and its headers (by lower-case name): a plain http client may
    speak several. What says nothing of another is OpenAI's."""
    if b"anthropic-version" in headers:
        return ANTHROPIC
    if b"x-goog-api-key" in headers or b"x-goog-api-client" in headers:
        return GEMINI if "/openai/" not in path else OPENAI
    return _by_path(path)


@lru_cache(maxsize=1024)
def _by_path(path: str) -> Dialect:
    """What a path alone says."""
    action = path.rpartition(":")[2] if ":" in path else ""
    if action in gemini.METHODS:
        return GEMINI
    if action in anthropic.VERTEX or path.endswith("/v1/messages") or path.startswith("/model/"):
        return ANTHROPIC
    return _BY_END.get(path[path.rfind("/", 0, path.rfind("/")) :], OPENAI)


SPOKEN: Mapping[str, str] = {name: of.dialect for name, of in TONGUES.items() if of.dialect != name}
"""Dialects of a target that are another one with fewer endpoints, and the one they are."""


def resolved(targets: Sequence[Target], *, dialect: str | None = "openai") -> tuple[Target, ...]:
    """The targets with all that was left out filled in. One without its key is left out, with a warning.

    Args:
        targets: as the program gave them.
        dialect: the dialect that the client speaks; None for a plain http client, which may speak any.

    Raises:
        ConfigurationError: an unknown vendor without a base URL; a target that speaks a dialect into which nothing is
            translated, or one that nobody knows; no target left.
    """
    ready: list[Target] = []
    missing: list[str] = []
    for target in targets:
        filled, lack = _filled(target, dialect)
        if lack is None:
            ready.append(filled)
        else:
            missing.append(lack)
            log.warning("fallback %s is skipped: %s", target.name, lack)
    if targets and not ready:
        raise ConfigurationError(f"no fallback is left: {'; '.join(missing)}")
    return tuple(ready)


def _filled(target: Target, dialect: str | None) -> tuple[Target, str | None]:
    host = _host_of(target)
    told = target.dialect if target.dialect not in (None, SPOKEN.get(host.dialect)) else host.dialect
    if told not in TONGUES:
        raise ConfigurationError(f"{target.name}: unknown dialect {told!r}; known are {', '.join(sorted(TONGUES))}")
    spoken = SPOKEN.get(told, told)
    if dialect is not None and spoken != dialect and not translates(dialect, told):
        raise ConfigurationError(
            f"{target.name} speaks the {spoken} dialect and this client {dialect}: nothing is translated between them. "
            f"Name a target that speaks {dialect}, or that vendor's {dialect}-compatible endpoint "
            f"with base_url=… and dialect={dialect!r}"
        )
    base_url = target.base_url or _base_url(target.name, host)
    _check_azure(target.name, base_url, host)
    key = target.api_key or _environment(host.variables)
    host = host if host.dialect == told else replace(host, dialect=told)
    whole = replace(target, base_url=base_url.rstrip("/"), api_key=key, dialect=told, host=host)
    return whole, None if key is not None else _lack(host)


def _environment(names: Sequence[str]) -> str | None:
    """The first of the variables that is set."""
    return next((os.environ[name] for name in names if os.environ.get(name, "").strip()), None)


def _host_of(target: Target) -> Host:
    """What is known of where the target points to."""
    if isinstance(target.host, Host):
        return target.host
    if target.host is not None:
        return host_named(target.host)
    named = HOSTS.get(target.vendor)
    if named is None:
        if target.base_url is None:
            known = ", ".join(sorted(HOSTS))
            raise ConfigurationError(
                f"{target.name}: unknown vendor {target.vendor!r}; give base_url=…, or use {known}"
            )
        return _UNKNOWN
    if target.dialect is None or SPOKEN.get(target.dialect, target.dialect) == SPOKEN.get(named.dialect, named.dialect):
        return named
    # The same vendor's endpoint for another dialect, if it has one.
    return HOSTS.get(f"{target.vendor}-{target.dialect}") or Host(dialect=target.dialect, variables=named.variables)


_UNKNOWN = Host()
_PLACE = re.compile(r"\{([A-Z0-9_|]+)\}")


def _base_url(name: str, host: Host) -> str:
    """Where a host stands, by the environment if need be.

    Raises:
        ConfigurationError: nobody says where.
    """
    if host.base_url is None:
        raise ConfigurationError(f"{name}: give base_url=…, where its API begins")
    missing: list[str] = []

    def value(found: re.Match[str]) -> str:
        names = found[1].split("|")
        told = _environment(names)
        if told is None:
            missing.append(" or ".join(names))
        return (told or "").strip().rstrip("/")

    url = _located(_PLACE.sub(value, host.base_url))
    if missing:
        shape = _PLACE.sub("NAME", host.base_url)
        if host.base_url.startswith("{"):
            shape = f"https://{shape}"
        raise ConfigurationError(
            f"{name}: give base_url=…, e.g. {shape!r}, or set {' and '.join(dict.fromkeys(missing))} in the environment"
        )
    check_url(name, url)
    return url


_LOCATIONS = {
    "https://global-aiplatform.googleapis.com/": "https://aiplatform.googleapis.com/",
    "https://us-aiplatform.googleapis.com/": "https://aiplatform.us.rep.googleapis.com/",
    "https://eu-aiplatform.googleapis.com/": "https://aiplatform.eu.rep.googleapis.com/",
}
"""Vertex's locations that are none of a region's, and their hosts (anthropic-python 2.12, lib/vertex)."""


def _located(url: str) -> str:
    for shape, host in _LOCATIONS.items():
        url = host + url.removeprefix(shape) if url.startswith(shape) else url
    return url


_AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")


def _check_azure(name: str, base_url: str, host: Host) -> None:
    """Say at once what would else be a 404 in an outage.

    Raises:
        ConfigurationError: it is the resource's address, and not its API's.
    """
    parts = urlsplit(base_url)
    if (parts.hostname or "").endswith(_AZURE) and parts.path in ("", "/") and host.path == "{path}":
        raise ConfigurationError(
            f"{name}: base_url ends with /openai/v1 at Azure (for the older URLs, with a dated version: "
            "host='azure-deployments')"
        )


def _lack(host: Host) -> str | None:
    """What a target without a key lacks."""
    if not isinstance(host.auth, str):
        return None  # whoever signs knows who asks
    module, extra = _LIBRARIES.get(host.auth, ("", ""))
    if module:
        if _is_there(module):
            return None  # it finds out by itself who asks
        return f"no key, and no {module} to sign with: pip install 'resilient-ai[{extra}]', or give api_key=…"
    return None if not host.variables else f"no key: set {host.variables[0]} or give api_key=…"


_LIBRARIES = {"aws": ("botocore", "bedrock"), "google": ("google.auth", "vertex")}


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package above it
        return False
