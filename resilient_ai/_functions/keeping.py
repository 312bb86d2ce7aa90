"""What a cache needs to know of a function: which calls are the same, how a value becomes bytes and is had again."""

from __future__ import annotations

import functools
import hashlib
import inspect
import logging
import pickle
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from .._keying import CacheKey
from .._packed import Packed
from ..errors import ConfigurationError
from ..stores.base import digest
from ..stores.memory import MemoryStore

if TYPE_CHECKING:
    from .._keying import Keying
    from ..strategies.cache import Cache

__all__ = ["Codec", "Keeping", "Key", "keeping_for"]

log = logging.getLogger("resilient_ai")

Key = Callable[..., Hashable]
"""Called with the arguments of a call."""

_ATOMS = frozenset({str, bytes, int, float, bool, type(None)})


class Codec(Protocol):
    """How a value becomes bytes, and is had again: ``json``, ``pickle``, or an object of the program's own."""

    def dumps(self, value: Any, /) -> bytes | str:
        """The value as bytes, or as text. Whatever it raises, the value is not kept."""
        ...

    def loads(self, data: bytes, /) -> Any:
        """The value again. Whatever it raises, there is none."""
        ...


class Keeping(NamedTuple):
    """How the calls of one function are kept.

    Attributes:
        key: what a call asks for.
        codec: see there.
        told: not empty once it was told that a value cannot be kept.
    """

    key: Key
    codec: Codec
    told: list[str]

    def named(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], keying: Keying) -> CacheKey | None:
        """The key of a call of the function called ``name``; None if its value is not to be kept.

        Raises:
            ConfigurationError: what the program's ``key`` gave is none.
        """
        said = self.key(*args, **kwargs)
        if said is None:
            return None
        if type(said) is not str:
            _check(said)
        begun = _begun(keying, name)
        whole = begun.digest.copy()
        whole.update(repr(said).encode(errors="backslashreplace"))
        return CacheKey(whole.hexdigest(), begun.space, begun.subject)

    def packed(self, value: Any) -> Packed | None:
        """The value for a store; None if it cannot be kept, which is told once."""
        try:
            data = self.codec.dumps(value)
        except Exception as error:  # noqa: BLE001 - each codec says by exceptions of its own what it does not take
            if not self.told:
                self.told.append(type(error).__name__)
                log.warning(
                    "the cache cannot keep what a function returned, a %s: its codec raised %s; told once",
                    type(value).__name__,
                    type(error).__name__,
                )
            return None
        return Packed(data=data.encode() if isinstance(data, str) else bytes(data), stale_ok=True)

    def unpacked(self, data: bytes) -> tuple[Any] | None:
        """The value again, boxed; None if it cannot be had."""
        try:
            return (self.codec.loads(data),)
        except Exception:  # noqa: BLE001 - as above: what was written by another version of the program, perhaps
            return None


class _Begun(NamedTuple):
    """The beginning of all keys of one function."""

    digest: Any  # the standard library has no public name for a hash's type
    space: str
    subject: str | None


@lru_cache(maxsize=256)  # as few as a program has functions and tenants
def _begun(keying: Keying, name: str) -> _Begun:
    salt = keying.salt
    space = digest(salt, "function", name) if keying.namespace is None else digest(salt, "namespace", keying.namespace)
    subject = None if keying.subject is None else digest(salt, "subject", keying.subject)
    head = f"{space} {subject}\nfunction {name}\n"
    return _Begun(
        hashlib.blake2b(salt + b"\n" + head.encode(errors="backslashreplace"), digest_size=32), space, subject
    )


def _check(said: object) -> None:
    """Raise ConfigurationError unless it looks the same whenever it is: an object's repr() may tell where it lies."""
    if type(said) in _ATOMS:
        return
    if type(said) is not tuple:
        raise ConfigurationError(
            f"key=… gives a string, bytes, a number, None (do not keep this one) or a tuple of such; "
            f"got {type(said).__name__}"
        )
    for part in cast("tuple[object, ...]", said):
        _check(part)


def keeping_for(
    cache: Cache | None, fn: Any, *, name: str | None, operation: str, key: Any, codec: Any
) -> Keeping | None:
    """How the function's calls are kept; None without a cache.

    Raises:
        ConfigurationError: with a cache, something is missing that it needs; without one, something is said of it.
    """
    if cache is None or cache.does_nothing:
        if key is not None or codec is not None:
            what = "key" if key is not None else "codec"
            raise ConfigurationError(f"{what}=… is for a cache, and this pipeline has no Cache that keeps anything")
        return None
    if key is None:
        raise ConfigurationError(
            "a Cache cannot tell which calls of a function are the same: say it by key=, a function of the same "
            "arguments (guard(fn, key=lambda prompt: prompt)), or leave the Cache out here"
        )
    if not callable(key) or isinstance(key, type):
        raise ConfigurationError(f"key=… is a function of the call's arguments, got {type(key).__name__}")
    if operation != "stateless":
        raise ConfigurationError(
            "a Cache keeps what a call returns that creates nothing: say operation='stateless' if that is so, or "
            "leave the Cache out here"
        )
    if name is None and not _is_one_of_a_kind(fn):
        raise ConfigurationError(
            "a Cache cannot tell this function from others of its kind (a method, a partial, a lambda, a closure): "
            "give name=, another one for each account or server that it asks"
        )
    return Keeping(key, _codec(codec, cache), [])


def _codec(codec: Any, cache: Cache) -> Codec:
    if codec is None:
        if cache.store is None or isinstance(cache.store, MemoryStore):
            return pickle
        raise ConfigurationError(
            f"what lies in a {type(cache.store).__name__} may be read by others, or written: say by codec= how a value "
            "becomes bytes (codec=json). Only in memory it is pickled"
        )
    if not all(callable(getattr(codec, name, None)) for name in ("dumps", "loads")):
        raise ConfigurationError(f"codec=… has dumps(value) and loads(data), as json has; got {type(codec).__name__}")
    return cast("Codec", codec)


def _is_one_of_a_kind(fn: Any) -> bool:
    """Whether there is one function of its name: it stands in a module, or a class, and has nothing of its own."""
    owner = getattr(fn, "__self__", None)
    if isinstance(fn, functools.partial) or not inspect.isroutine(fn) or not (owner is None or inspect.ismodule(owner)):
        return False
    return "<" not in fn.__qualname__ and getattr(fn, "__closure__", None) is None
