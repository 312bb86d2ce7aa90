"""What a program says to us in the headers of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._context import Options, current, said
from ..errors import ConfigurationError
from ._flavour import fields
from ._place import OURS

if TYPE_CHECKING:
    from ._place import Place

__all__ = ["options_of", "strip"]


def options_of(request: Any, headers: dict[bytes, bytes], place: Place) -> Options:
    """The options in force for a request: the block's, then its own headers', which are taken off it.

    Raises:
        ConfigurationError: a header says what no option can be.
    """
    outer = current.get()
    if not place.ours:  # nearly always
        return outer
    ours = {name: value for name, value in headers.items() if name.startswith(OURS)}
    strip(request)
    return _read(outer, {name[len(OURS) :].decode(): value.decode("latin-1").strip() for name, value in ours.items()})


def strip(request: Any) -> None:
    """Take our own headers off a request: they are nobody else's."""
    for name in fields(request.headers):
        if name.startswith(OURS):
            del request.headers[name.decode()]


_OPTIONS = frozenset(
    {
        "deadline", "fallback", "cache", "namespace", "subject", "tag", "priority", "patience", "rescue", "region",
        "hosts",
    }
)  # fmt: skip


def _read(outer: Options, words: dict[str, str]) -> Options:
    unknown = words.keys() - _OPTIONS
    if unknown:
        raise ConfigurationError(f"there is no option header x-resilient-ai-{min(unknown)}")
    fallback = words.get("fallback")
    if fallback not in (None, "on", "off"):
        raise ConfigurationError(f"x-resilient-ai-fallback takes on or off, got {fallback!r}")
    cache: Any = words.get("cache")
    priority: Any = words.get("priority")
    rescue: Any = words.get("rescue")
    hosts = words.get("hosts")
    return said(
        outer,
        deadline=_seconds(words, "deadline"),
        fallback=None if fallback is None else fallback == "on",
        cache=cache,
        namespace=words.get("namespace"),
        subject=words.get("subject"),
        tag=words.get("tag"),
        priority=priority,
        patience=_seconds(words, "patience"),
        rescue=None if rescue is None else tuple(word.strip() for word in rescue.split(",")),
        region=words.get("region"),
        hosts=None if hosts is None else [host.strip() for host in hosts.split(",")],
        source="x-resilient-ai-*",
    )


def _seconds(words: dict[str, str], name: str) -> float | None:
    word = words.get(name)
    try:
        return None if word is None else float(word)
    except ValueError:
        raise ConfigurationError(f"x-resilient-ai-{name} takes seconds, got {word!r}") from None
