"""What holds a request back, asked at the lowest send; and how a program hears of it."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._context import current
from .._egress import Bound, Rule, port_of
from .._target import PRIMARY
from ..errors import ConfigurationError, NotAllowed
from ..providers.regions import known_regions
from ..strategies.fallback import Fallback
from ._flavour import fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._egress import Places
    from ..pipeline import Pipeline
    from ._flavour import Flavour

__all__ = ["barred", "bind_again", "check", "reachable", "refusal", "rule_of", "says_bound", "url_of"]

log = logging.getLogger("resilient_ai")

HEADERS = (b"x-resilient-ai-region", b"x-resilient-ai-hosts")
"""By which a single request is bound."""


@lru_cache(maxsize=256)  # as few as a program has pipelines and words
def rule_of(ours: Bound | None, bound: Bound | None, places: Places) -> Rule:
    """What holds a call back that is ``bound`` by its options, in a pipeline that says ``ours`` and ``places``."""
    both = [one for one in (ours, bound) if one is not None]
    regions = tuple(dict.fromkeys(word for one in both for word in one.regions))
    hosts = tuple(dict.fromkeys(patterns for one in both for patterns in one.hosts))
    return Rule(Bound(regions, hosts), places, known_regions)


def barred(rule: Rule, url: Any) -> str | None:
    """Why nothing may be sent to ``url``, a flavour's URL, read as its pool reads it; None if it may."""
    return _decided(rule, url.raw_host, url.scheme, url.port)


@lru_cache(maxsize=1024)  # the same few hosts are looked at several times in every call
def _decided(rule: Rule, host: bytes, scheme: str, port: int | None) -> str | None:
    return rule.bars(host.decode("ascii"), port_of(scheme, port))


@lru_cache(maxsize=256)  # as few as a program has targets; to read one takes longer than all the rest
def url_of(flavour: Flavour, text: str) -> Any:
    """A target's URL as the flavour reads it."""
    return flavour.module.URL(text)


def check(rule: Rule, request: Any) -> None:
    """Let a request pass, or not.

    Raises:
        NotAllowed: it may not be sent there.
    """
    why = barred(rule, request.url)
    if why is not None:
        raise NotAllowed(f"not sent: {why}")


def refusal(rule: Rule, request: Any, flavour: Flavour) -> Exception | None:
    """What the bare program sees of a request that may not be sent: its transport's own error, as if nobody could be
    reached there. None if it may."""
    why = barred(rule, request.url)
    if why is None:
        return None
    error: Exception = flavour.ConnectError(f"not sent: {why}", request=request)
    error.__cause__ = NotAllowed(str(error))
    return error


def bind_again(request: Any, response: Any, headers: Mapping[bytes, bytes]) -> None:
    """Put back on a request what bound it, if it is redirected: the http client makes the next request of this one, and
    it comes through here again."""
    if 300 <= response.status_code < 400:
        for name in HEADERS:
            if name in headers:
                request.headers[name.decode()] = headers[name].decode("latin-1")


def says_bound(request: Any) -> bool:
    """Whether a request, or the block round it, says what it is bound to."""
    return current.get().bound is not None or any(name in HEADERS for name in fields(request.headers))


def reachable(pipeline: Pipeline, base_url: str | None) -> None:
    """See to it that the calls of a client can go somewhere, and say which targets they never go to.

    Args:
        pipeline: its own word holds for all calls; what options say is not known yet.
        base_url: where the client points; None if that is not one place.

    Raises:
        ConfigurationError: neither there nor to any target.
    """
    bound = None if pipeline.egress is None else pipeline.egress.bound
    if bound is None:
        return
    rule = rule_of(bound, None, pipeline.places)
    fallback = pipeline.find(Fallback)
    targets = () if fallback is None else fallback.every_target()
    named = {target.name: why for target in targets if (why := _barred_text(rule, target.base_url)) is not None}
    primary = _barred_text(rule, base_url)
    if primary is not None and len(named) == len({target.name for target in targets}):
        said = "; ".join(f"{name}: {why}" for name, why in ({PRIMARY: primary} | named).items())
        raise ConfigurationError(
            f"by its egress nothing could ever be sent: {said}. Say where hosts are, Egress(regions={{'api.example': "
            "'eu'}) or Target(region=…), or name a target that it may go to"
        )
    for name, why in named.items():
        log.warning("fallback %s is never asked: %s", name, why)


def _barred_text(rule: Rule, url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    return rule.bars(parts.hostname or "", port_of(parts.scheme, parts.port))
