"""Where calls may go: into which regions, to which hosts. The decision only; the transports ask for it at each send."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import urlsplit

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._target import Target

__all__ = ["Bound", "Egress", "Places", "Rule", "hosts_of", "narrowed", "places_of", "port_of", "region_of", "words_of"]

Words = tuple[str, ...]
"""The regions something is in, each by its word."""
Places = tuple[tuple[str, Words], ...]
"""Patterns of hosts, and where these are; the first that fits holds."""

_PORTS = {"http": 80, "https": 443}


class Bound(NamedTuple):
    """What holds calls back. Bound once more, they are held back by both.

    Attributes:
        regions: a host must be in each of them.
        hosts: lists of patterns; a host must fit one of each list.
    """

    regions: Words = ()
    hosts: tuple[Words, ...] = ()

    def __str__(self) -> str:
        said = [f"region {' and '.join(self.regions)}"] if self.regions else []
        return "; ".join([*said, *(f"hosts {', '.join(patterns)}" for patterns in self.hosts)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """Where the calls of a pipeline may go. Looked at before each send, whatever sends: retries, hedges, fallbacks,
    redirects, probes, what runs in the background.

    A region is a word: where a target is (``Target(region=…)``), where a host is (``regions=``), or where one of the
    few hosts is whose vendors say it (docs/egress.md). What nobody said is in no region. A call or a block narrows it
    further by ``options(region=…, hosts=…)``; nothing widens it.

    Patterns of hosts are a host (``"api.eu.example"``, ``"10.0.0.7"``, ``"[::1]"``), any below one (``"*.internal"``,
    not ``internal`` itself), either with a port (``"localhost:8080"``) or for all ports.

    Args:
        region: calls go nowhere else. Default: anywhere.
        hosts: patterns of the only hosts that calls go to. Default: any.
        regions: where hosts are: patterns mapped to a region, or to several that all hold (``("eu", "eu-de")``); the
            first pattern that fits holds, and goes before what a vendor says. Default: nothing more than is known.

    Raises:
        ConfigurationError: what is no region, no pattern, or an empty list.
    """

    region: str | None = None
    hosts: Sequence[str] | None = None
    regions: Mapping[str, str | Sequence[str]] | Places = ()

    def __post_init__(self) -> None:
        if self.region is not None:
            object.__setattr__(self, "region", region_of("Egress(region=…)", self.region))
        if self.hosts is not None:
            object.__setattr__(self, "hosts", hosts_of("Egress(hosts=…)", self.hosts))
        object.__setattr__(self, "regions", _mapped("Egress(regions=…)", self.regions))

    @property
    def bound(self) -> Bound | None:
        """What it asks for; None if it only says where hosts are."""
        return narrowed(None, self.region, self.hosts, source="Egress")

    @property
    def places(self) -> Places:
        """Where it says that hosts are."""
        return cast("Places", self.regions)


def narrowed(outer: Bound | None, region: str | None, hosts: Sequence[str] | None, *, source: str) -> Bound | None:
    """What is asked for here, inside of what was asked for already; None if nothing is.

    Raises:
        ConfigurationError: a region or a list that is none.
    """
    if region is None and hosts is None:
        return outer
    regions, lists = outer or Bound()
    if region is not None:
        regions = tuple(dict.fromkeys((*regions, region_of(f"{source}: region", region))))
    if hosts is not None:
        lists = tuple(dict.fromkeys((*lists, hosts_of(f"{source}: hosts", hosts))))
    return Bound(regions, lists)


class Rule:
    """What holds one call back, and where hosts are known to be.

    Attributes:
        name: equal for equal rules, and for no others, in any process: a part of the key of what is kept.
    """

    __slots__ = ("_bound", "_known", "_places", "name")

    def __init__(self, bound: Bound, places: Places, known: Callable[[str], Words]) -> None:
        self._bound = bound
        self._places = places
        self._known = known
        self.name = hashlib.blake2b(repr((tuple(bound), places)).encode(), digest_size=16).hexdigest()

    def bars(self, host: str, port: int) -> str | None:
        """Why nothing may be sent to ``host`` (as a URL has it, without brackets); None if it may."""
        for patterns in self._bound.hosts:
            if not any(_fits(pattern, host, port) for pattern in patterns):
                return f"{_at(host, port)} is not among the hosts allowed"
        if not self._bound.regions:
            return None
        words = self._where(host, port)
        for region in self._bound.regions:
            if region not in words:
                where = f"is in {', '.join(words)}" if words else "is in no region that is known"
                return f"not in region {region}: {_at(host, port)} {where}"
        return None

    def _where(self, host: str, port: int) -> Words:
        for pattern, words in self._places:
            if _fits(pattern, host, port):
                return words
        return self._known(_plain(host))


def places_of(egress: Egress | None, targets: Iterable[Target]) -> Places:
    """Where hosts are, as the pipeline says and then its targets.

    Raises:
        ConfigurationError: one host is said to be in two places.
    """
    places = () if egress is None else egress.places
    for target in targets:
        if target.region is None or target.base_url is None:
            continue
        url, words = urlsplit(target.base_url), words_of(target.name, target.region)
        host, port = _ascii(url.hostname or ""), port_of(url.scheme, url.port)
        said = next((known for pattern, known in places if _fits(pattern, host, port)), None)
        if said is None:
            places = (*places, (f"{_shown(host)}:{port}", words))
        elif set(said) != set(words):
            raise ConfigurationError(
                f"{target.name}: {_shown(host)} is said to be in {' '.join(words)} here and in {' '.join(said)} "
                "elsewhere; a region is a host's: name it once, or give the targets hosts of their own"
            )
    return places


def _ascii(host: str) -> str:
    """A name as it stands on the wire; one that has no such form fits no pattern, and is in no region."""
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def port_of(scheme: str, port: int | None) -> int:
    """The port that a URL names, or its scheme's."""
    return _PORTS.get(scheme, 0) if port is None else port


# Regions


def words_of(source: str, given: object) -> Words:
    """A region, or several, as words.

    Raises:
        ConfigurationError: it is none.
    """
    if isinstance(given, tuple | list):
        words = tuple(region_of(source, word) for word in cast("Sequence[object]", given))
        if words:
            return words
        raise ConfigurationError(f"{source}: no region is named; leave it out if it is not known")
    return (region_of(source, given),)


def region_of(source: str, word: object) -> str:
    """A region's word, in lower case.

    Raises:
        ConfigurationError: it is none.
    """
    if isinstance(word, str) and word.strip() and word.strip().isprintable() and "," not in word:
        return word.strip().lower()
    raise ConfigurationError(f"{source} is a region, in a word of your own such as 'eu'; got {word!r}")


# Hosts


class _Pattern(NamedTuple):
    host: str
    below: bool
    port: int | None


def hosts_of(source: str, given: object) -> Words:
    """Patterns of hosts, each found sound.

    Raises:
        ConfigurationError: it is no list of such.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigurationError(f"{source} is a list of hosts, e.g. ['api.eu.example', '*.internal']; got {given!r}")
    patterns = tuple(_sound(source, one) for one in cast("Sequence[object]", given))
    if not patterns:
        raise ConfigurationError(f"{source} is empty: nothing could be sent; leave it out to allow every host")
    return patterns


def _mapped(source: str, given: object) -> Places:
    if isinstance(given, Mapping):
        items = cast("Iterable[tuple[object, object]]", given.items())  # pyright: ignore[reportUnknownMemberType]  # checked below
    elif isinstance(given, tuple):
        items = cast("Iterable[tuple[object, object]]", given)  # mapped already: a copy of another Egress
    else:
        raise ConfigurationError(f"{source} maps hosts to regions, {{'api.eu.example': 'eu'}}; got {given!r}")
    return tuple((_sound(source, host), words_of(source, words)) for host, words in items)


def _sound(source: str, given: object) -> str:
    text = given.strip().lower() if isinstance(given, str) else ""
    if not text or _pattern(text) is None:
        url = isinstance(given, str) and not {"/", "@", "?"}.isdisjoint(given)  # not quoted: it may hold a secret
        raise ConfigurationError(
            f"{source}: a host is 'api.eu.example', '*.internal' for all below it, '10.0.0.7' or '[::1]', with or "
            f"without a port, in ASCII (xn--…); got {'a URL, more than a host' if url else repr(given)}"
        )
    return text


_IN_NAMES = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._")


@lru_cache(maxsize=1024)
def _pattern(text: str) -> _Pattern | None:
    """The pattern that is written so; None if it is none."""
    below = text.startswith("*.")
    rest, port = text[2:] if below else text, None
    if rest.startswith("[") or rest.count(":") > 1:  # an IPv6 address: in brackets, if a port follows
        host, _, after = rest.removeprefix("[").partition("]")
        sound = not below and set(host) <= set("0123456789abcdef:.") and rest.startswith("[") == ("]" in rest)
    else:
        host, colon, after = rest.partition(":")
        after = colon + after
        sound = set(host) <= _IN_NAMES and all(host.removesuffix(".").split("."))
    if after:
        digits = after[1:]
        if not (after[0] == ":" and digits.isascii() and digits.isdigit() and 0 < int(digits[:6]) < 65536):
            return None
        port = int(digits)
    return _Pattern(_plain(host), below, port) if sound and host else None


def _fits(text: str, host: str, port: int) -> bool:
    pattern = _pattern(text)
    if pattern is None or pattern.port not in (None, port):
        return False
    host = _plain(host)
    return host.endswith(f".{pattern.host}") if pattern.below else host == pattern.host


def _plain(host: str) -> str:
    """A host as it is compared: in lower case, without the dot of an absolute name."""
    return host.lower().removesuffix(".")


def _at(host: str, port: int) -> str:
    return _shown(host) if port in _PORTS.values() else f"{_shown(host)}:{port}"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
