"""A place a call may go: a vendor, a model, and how to get there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from .errors import ConfigurationError

__all__ = ["PRIMARY", "SAME_MODEL", "Key", "Target", "salted_hash"]

PRIMARY = "primary"
"""The name of wherever the program's own client points to."""

SAME_MODEL = "*"
"""As a target's model: the model the caller asked for."""

Key = str | Callable[[], str]
"""An API key, or a callable that returns one (tokens that expire)."""

_SALT = os.urandom(16)


@lru_cache(maxsize=256)  # a program has few keys, and asks for the same ones at every call
def salted_hash(secret: bytes | str) -> str:
    """A short name for a secret, useless outside this process (the salt is drawn anew in each)."""
    data = secret.encode() if isinstance(secret, str) else secret
    return hashlib.blake2b(data, key=_SALT, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call may go.

    Args:
        name: ``"vendor:model"``, split at the first colon only. ``"vendor:*"`` keeps the caller's own model, as for the
            same model on another host. Known vendors fill in all that is left out; for any other, ``base_url`` is
            needed, and the vendor's part is a name of your own.
        base_url: where the vendor's API begins, e.g. ``"https://api.openai.com/v1"``; no user name, no query.
        api_key: the key, or a callable that returns one and is asked at each call. Default: the vendor's usual
            environment variable.
        dialect: the wire format spoken there. Default: the vendor's.

    Raises:
        ConfigurationError: the name is not of the form ``"vendor:model"``, or an argument is of the wrong type or form.
    """

    name: str
    base_url: str | None = field(default=None, kw_only=True)
    api_key: Key | None = field(default=None, kw_only=True, repr=False)
    dialect: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise ConfigurationError(f"a target is named by a string 'vendor:model', got {type(self.name).__name__}")
        vendor, colon, model = self.name.partition(":")
        if not (colon and vendor.strip() and model.strip()):
            raise ConfigurationError(
                f"a target is named 'vendor:model', or 'vendor:*' for the caller's own model; got {self.name!r}"
            )
        if self.base_url is not None and not self.base_url.startswith(("http://", "https://")):
            raise ConfigurationError(f"{self.name}: base_url starts with http:// or https://, got {self.base_url!r}")
        if self.base_url is not None and any(sign in self.base_url for sign in "@?#"):
            raise ConfigurationError(  # not quoted: a base_url of this kind may hold a secret, and is shown in logs
                f"{self.name}: base_url holds no user name, password, query or fragment; the key goes into api_key=…"
            )
        if self.api_key is not None and not (isinstance(self.api_key, str) or callable(self.api_key)):
            raise ConfigurationError(f"{self.name}: api_key is a string, or a callable that returns one")

    @property
    def vendor(self) -> str:
        """The part before the first colon."""
        return self.name.partition(":")[0]

    @property
    def model(self) -> str | None:
        """The part after the first colon; None if the caller's own model is kept."""
        model = self.name.partition(":")[2]
        return None if model == SAME_MODEL else model

    def key(self) -> str | None:
        """The key to use now."""
        return self.api_key() if callable(self.api_key) else self.api_key

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes two targets the same one, with no secret in it."""
        if self.api_key is None:
            key = ""
        elif isinstance(self.api_key, str):
            key = salted_hash(self.api_key)
        else:
            # By its name, not by its identity: a program that builds its client anew for each call makes it anew, too.
            named = self.api_key if hasattr(self.api_key, "__qualname__") else type(self.api_key)
            key = f"callable {named.__module__}.{named.__qualname__}"
        return (self.name, self.base_url or "", self.dialect or "", key)
