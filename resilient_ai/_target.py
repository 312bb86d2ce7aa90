"""A place a call may go: a vendor, a model, and how to get there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from inspect import iscoroutinefunction
from typing import Any, cast
from urllib.parse import urlsplit

from ._allowance import Allowance, allowed
from ._capabilities import Capabilities
from ._egress import words_of
from ._host import Host
from ._http_settings import HttpSettings
from .errors import ConfigurationError, Failure
from .failures import FailureKind

__all__ = ["PRIMARY", "SAME_MODEL", "Key", "Target", "check_url", "keyed", "salted_digest", "salted_hash"]

PRIMARY = "primary"
"""The name of wherever the program's own client points to."""

SAME_MODEL = "*"
"""As a target's model: the model the caller asked for."""

Key = str | Callable[[], str]
"""An API key, or a callable that returns one (tokens that expire)."""

MOST_KEYS = 64
"""Keys of one target."""

_SALT = os.urandom(16)


@lru_cache(maxsize=256)  # a program has few keys, and asks for the same ones at every call
def salted_hash(secret: bytes | str) -> str:
    """A short name for a secret, useless outside this process (the salt is drawn anew in each)."""
    return salted_digest(secret.encode() if isinstance(secret, str) else secret)


def salted_digest(data: bytes) -> str:
    """The same for data that is not asked for again and again: it is not kept."""
    return hashlib.blake2b(data, key=_SALT, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call may go.

    Args:
        name: ``"vendor:model"``, split at the first colon only. ``"vendor:*"`` keeps the caller's own model, as for the
            same model on another host. Known vendors fill in all that is left out; for any other, ``base_url`` is
            needed, and the vendor's part is a name of your own.
        base_url: where the vendor's API begins, e.g. ``"https://api.openai.com/v1"``; no user name, no query.
        api_key: the key, or a callable that returns one and is asked each time a call comes here, and once more if its
            key is refused; one that fails ends that turn, and the next target is asked. Or several of them, in a list:
            the next is used when one is limited, out of money or refused. White space around a key is taken off.
            Default: the vendor's usual environment variable.
        dialect: the wire format spoken there. Default: the vendor's.
        host: what is known of its API, where the name says nothing of it: the name of a known one (``"vllm"``), or a
            :class:`resilient_ai.hosts.Host` of your own. Default: the vendor's.
        http: its own proxy, authority and client certificate (:class:`resilient_ai.hosts.HttpSettings`). Default: those
            that the client has for its address.
        region: where it is, in a word of your own (``"eu"``), or several that all hold (``("eu", "eu-de")``), for calls
            that may go to a region only (:class:`~resilient_ai.Egress`). Default: not said.
        capabilities: what its model can do (:class:`resilient_ai.models.Capabilities`): a call that needs more is not
            sent there. Default, also for what is left out: what is known of the model.
        requests_per_minute, tokens_per_minute, concurrency: what its key may ask of its model
            (:class:`~resilient_ai.RateLimiter` says how they are kept; the pipeline gets one if it has none). Default:
            what the pipeline's ``RateLimiter`` says, if it has one.

    Raises:
        ConfigurationError: the name is not of the form ``"vendor:model"``, or an argument is of the wrong type or form.
        TypeError: one that holds a key is pickled, which would tell it.
    """

    name: str
    base_url: str | None = field(default=None, kw_only=True)
    api_key: Key | Sequence[Key] | None = field(default=None, kw_only=True, repr=False)
    dialect: str | None = field(default=None, kw_only=True)
    host: Host | str | None = field(default=None, kw_only=True, repr=False)
    http: HttpSettings | None = field(default=None, kw_only=True, repr=False)
    region: str | Sequence[str] | None = field(default=None, kw_only=True)
    capabilities: Capabilities | None = field(default=None, kw_only=True, repr=False)
    requests_per_minute: int | None = field(default=None, kw_only=True)
    tokens_per_minute: int | None = field(default=None, kw_only=True)
    concurrency: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.base_url is not None:
            check_url(self.name, self.base_url)
        if not isinstance(self.dialect, str | None):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ConfigurationError(f"{self.name}: dialect is a string, got {type(self.dialect).__name__}")
        if not isinstance(self.host, Host | str | None):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ConfigurationError(
                f"{self.name}: host is the name of a known one, or a Host, got {type(self.host).__name__}"
            )
        if self.region is not None:
            object.__setattr__(self, "region", _region(self.name, self.region))
        if not isinstance(self.http, HttpSettings | None):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ConfigurationError(f"{self.name}: http is an HttpSettings, got {type(self.http).__name__}")
        if not isinstance(self.capabilities, Capabilities | None):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ConfigurationError(
                f"{self.name}: capabilities are Capabilities(…), got {type(self.capabilities).__name__}"
            )
        _ = self.allowance
        object.__setattr__(self, "api_key", _keys(self.name, self.api_key))

    @property
    def vendor(self) -> str:
        """The part before the first colon."""
        return self.name.partition(":")[0]

    @property
    def model(self) -> str | None:
        """The part after the first colon; None if the caller's own model is kept."""
        model = self.name.partition(":")[2]
        return None if model == SAME_MODEL else model

    @property
    def allowance(self) -> Allowance | None:
        """What it may be asked; None if it says nothing of that."""
        return allowed(self.name, self.requests_per_minute, self.tokens_per_minute, self.concurrency)

    def key(self) -> str | None:
        """The key to use now; of several the first.

        Raises:
            ConfigurationError: the callable returned no sound key. What the callable itself raises is let through.
        """
        key = self.api_key
        if isinstance(key, str) or key is None:
            return key
        if callable(key):
            return _sound_key(self.name, key())
        return self.each()[0].key()

    def each(self) -> tuple[Target, ...]:
        """The same target with one key at a time."""
        given = cast("object", self.api_key)
        if not isinstance(given, tuple):
            return (self,)
        return tuple(replace(self, api_key=key) for key in cast("tuple[Key, ...]", given))

    @property
    def place(self) -> tuple[str | None, ...]:
        """What targets that differ in their keys alone have in common."""
        return (self.name, self.base_url, self.dialect, *_way(self.http))

    def __copy__(self) -> Target:
        return self

    def __deepcopy__(self, memo: object) -> Target:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        if self.http is not None and self.http.is_secret:
            raise TypeError(
                f"{self.name}: a target whose http settings hold a password, or an SSLContext, is not pickled"
            )
        if self.api_key is not None:
            raise TypeError(
                f"{self.name}: a target with a key is not pickled, since the pickle would hold the key in clear; "
                "build it anew where it is needed, or leave api_key out and set the vendor's environment variable"
            )
        said = {one.name: getattr(self, one.name) for one in fields(Target) if one.name not in ("name", "api_key")}
        return (_without_key, (self.name, said))

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes two targets the same one, with no secret in it."""
        may = self.allowance
        own = () if may is None else (str(may),)
        if self.region is not None:
            own = (*own, f"region {self.region}")
        if self.capabilities is not None:
            own = (*own, str(self.capabilities))
        return (
            self.name,
            self.base_url or "",
            self.dialect or "",
            self.credential,
            *own,
            *_told_of(self.host),
            *_way(self.http),
        )

    @property
    def credential(self) -> str:
        """The key as a salted hash; empty if there is none."""
        if self.api_key is None:
            return ""
        if isinstance(self.api_key, str):
            return salted_hash(self.api_key)
        if isinstance(self.api_key, tuple):
            return " ".join(one.credential for one in self.each())
        # By its name, not by its identity: a program that builds its client anew for each call makes it anew, too.
        named: Any = self.api_key if hasattr(self.api_key, "__qualname__") else type(self.api_key)
        # A method of a built-in object (``itertools.cycle(keys).__next__``) has no module of its own, or None.
        module = getattr(named, "__module__", None) or type(getattr(named, "__self__", named)).__module__
        return f"callable {module}.{named.__qualname__}"


@dataclass(frozen=True, slots=True)
class _Keyed(Target):
    """A target with the key that its callable has given. Keys come and go; what is kept is kept for whoever gives them:
    limits are the account's, not the token's."""

    giver: Target | None = field(default=None, kw_only=True, repr=False)

    @property
    def credential(self) -> str:
        """The giver's stable name."""
        return "" if self.giver is None else self.giver.credential


def keyed(target: Target | None, *, alone: bool = False) -> Target | None:
    """The target with the key of its callable, as it is now. ``alone``: no other callable of its name gives keys for
    this place, so that what is kept may be kept under that name.

    Raises:
        Failure: of this target alone, if its callable, foreign code, has none to give.
    """
    if target is None or not callable(target.api_key):
        return target
    try:
        now = replace(target, api_key=target.key())
        return _Keyed(**{one.name: getattr(now, one.name) for one in fields(now)}, giver=target) if alone else now
    except Exception as error:
        if type(error).__module__.startswith("billiard"):  # Celery's soft time limit, from a signal, speaks of the task
            raise
        why = f"its api_key callable gave no key ({type(error).__name__})"  # what the error says may hold a secret
        raise Failure(why, kind=FailureKind.AUTH, target=target.name) from error


def _told_of(host: Host | str | None) -> tuple[str, ...]:
    """What is said of a host, as one short word."""
    if isinstance(host, Host):
        return (host.identity,)
    return () if host is None else (host,)


def _way(http: HttpSettings | None) -> tuple[str, ...]:
    """The settings, as a salted hash: they may hold a password."""
    return () if http is None else (salted_hash(f"{http.proxy} {http.verify} {http.cert}"),)


def _without_key(name: str, said: dict[str, Any]) -> Target:
    return Target(name, **said)


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise ConfigurationError(f"a target is named by a string 'vendor:model', got {type(name).__name__}")
    vendor, colon, model = name.partition(":")
    if not (colon and vendor.strip() and model.strip() and name.isprintable()):
        raise ConfigurationError(
            f"a target is named 'vendor:model', or 'vendor:*' for the caller's own model, without control characters; "
            f"got {name!r}"
        )


def check_url(name: str, url: object) -> None:
    """Refuse what is no plain URL. It is never quoted: one that holds a secret would tell it."""
    if not isinstance(url, str):
        raise ConfigurationError(f"{name}: base_url is a string, got {type(url).__name__}")
    if any(sign in url for sign in "@?#"):
        raise ConfigurationError(
            f"{name}: base_url holds no user name, password, query or fragment; the key goes into api_key=…"
        )
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"{name}: base_url starts with http:// or https://")
    if not url.isprintable() or " " in url:
        raise ConfigurationError(f"{name}: base_url holds no space or control character")
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named:
        raise ConfigurationError(f"{name}: base_url names no host, or no sound port, after http:// or https://")


def _region(name: str, given: object) -> str | tuple[str, ...]:
    words = words_of(f"{name}: region", given)
    return words if isinstance(given, tuple | list) else words[0]


def _keys(name: str, given: object) -> Key | tuple[Key, ...] | None:
    """The key, or several of them, each once."""
    if not isinstance(given, list | tuple):
        return _one_key(name, given)
    each = [_one_key(name, key) for key in cast("Sequence[object]", given)]
    sound = tuple(dict.fromkeys(key for key in each if key is not None))
    if not sound or None in each:
        raise ConfigurationError(f"{name}: api_key holds no key; leave it out if the vendor takes none")
    if len(sound) > MOST_KEYS:
        raise ConfigurationError(f"{name}: api_key holds {len(sound)} keys, and {MOST_KEYS} are the most")
    return sound


def _one_key(name: str, key: object) -> Key | None:
    if isinstance(key, str):
        return _sound_key(name, key)
    if key is None or (callable(key) and not iscoroutinefunction(key)):
        return cast("Key | None", key)
    raise ConfigurationError(f"{name}: api_key is a string, or a callable that returns one (not awaited), or a list")


def _sound_key(name: str, key: object) -> str:
    """The key without what a file or a shell left around it. It is never quoted."""
    if not isinstance(key, str):
        raise ConfigurationError(f"{name}: the api_key callable returned no string but {type(key).__name__}")
    key = key.strip()
    if not key:
        raise ConfigurationError(f"{name}: api_key is empty; leave it out if the vendor takes none")
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError(f"{name}: api_key holds a character no key has: a header takes printable ASCII only")
    return key
