"""What is known of one API beyond the dialect it speaks: where it stands, how it is asked, what it makes of fields."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol, cast, get_args, runtime_checkable

from .errors import ConfigurationError

__all__ = ["Auth", "Host", "Signer"]

Auth = Literal["dialect", "bearer", "azure", "aws", "google"]
"""How a key, or what stands for one, is sent; see :class:`Host`."""

Wrapping = Literal["", "bedrock", "vertex"]


@runtime_checkable
class Signer(Protocol):
    """Signs a request, at each send: a program's own way for :class:`Host`'s ``auth``."""

    def sign(self, *, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """The headers to add.

        It may block (a token is fetched): under an async client it is called in a thread. What it raises fails this
        target alone; only the exception's type is told.

        Args:
            method: e.g. ``POST``.
            url: the whole URL.
            headers: those that go with the request, by lower-case name, without the ones of the connection.
            body: what is sent.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What is known of one API: a row of :data:`resilient_ai.hosts.HOSTS`, or your own.

    A field of a request is named by its path from the body's root: ``seed``, ``tools.*.function.strict`` (``*`` is each
    item of a list). Of ``rejects`` and ``ignores`` no target is sent anything that would change the answer: a field at
    its default value, and one that says nothing of the answer (``user``, ``metadata``, ``store=False``, …), is left out
    silently; for any other the target is skipped, and the field's name told; it is left out instead, if
    ``Fallback(on_untranslatable="drop")`` says so.

    Args:
        base_url: where the API begins. A name in braces is an environment variable, ``|`` stands between several of
            which the first that is set counts: ``https://bedrock-runtime.{AWS_REGION|AWS_DEFAULT_REGION}…``. Default:
            the target gives it.
        dialect: the wire format; ``"openai-chat"`` has no ``/responses``. Default ``"openai"``.
        families: the endpoint families it serves. Default: all of the dialect's.
        variables: environment variables its key is usually kept in.
        auth: how the key is sent. ``"dialect"``: as its dialect does (the default). ``"bearer"``: always as a bearer's.
            ``"azure"``: in ``api-key``, a token of Entra as a bearer's. ``"aws"``: as a bearer's if there is one, else
            the request is signed (Signature Version 4) with botocore's credentials. ``"google"``: as a bearer's, by
            google-auth's default credentials if none is given. Or a :class:`Signer` of your own.
        path: below the base URL; ``{path}`` is the endpoint's own (``chat/completions``), ``{model}`` the model.
        stream_path: the same for a request that asks for a stream. Default: ``path``.
        query: parameters that every request has; they are never shown.
        headers: headers that every request has; they are never shown.
        rejects: fields that it answers with an error.
        ignores: fields that it takes and does nothing with.
        strips: fields that it rejects, and that can be left out: it does so anyway.
        renames: fields that it knows under another name.
        developer: the role that it knows ``developer`` messages by. Default: the same.
        most_temperature: the highest temperature; above it, it answers as if that had been asked.
        wrapping: how a request of the Anthropic dialect is changed: ``"bedrock"``, ``"vertex"``. Default: not at all.
        terminated: whether a chat's stream ends with ``[DONE]``; if not, its finish reason is the end.
        note: what else a program should know of it.
        source: where this was read.
        checked: when, as ``YYYY-MM``.

    Raises:
        ConfigurationError: an argument is of the wrong type or form.
    """

    base_url: str | None = None
    dialect: str = "openai"
    families: frozenset[str] | None = None
    variables: tuple[str, ...] = ()
    auth: Auth | Signer = "dialect"
    path: str = "{path}"
    stream_path: str | None = None
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    rejects: frozenset[str] = frozenset()
    ignores: frozenset[str] = frozenset()
    strips: frozenset[str] = frozenset()
    renames: tuple[tuple[str, str], ...] = ()
    developer: str = "developer"
    most_temperature: float | None = None
    wrapping: Wrapping = ""
    terminated: bool = True
    note: str = ""
    source: str = ""
    checked: str = ""
    words: tuple[bytes, ...] = field(init=False, repr=False, compare=False)
    """Names of which a body that may need to be changed has one."""

    def __post_init__(self) -> None:
        for name in ("families", "rejects", "ignores", "strips"):
            object.__setattr__(self, name, _names(name, getattr(self, name), optional=name == "families"))
        object.__setattr__(self, "variables", tuple(_strings("variables", self.variables)))
        for name in ("query", "headers", "renames"):
            object.__setattr__(self, name, _pairs(name, getattr(self, name)))
        if not (self.auth in get_args(Auth) or isinstance(self.auth, Signer)):
            raise ConfigurationError(f"Host(auth=…) is one of {', '.join(get_args(Auth))}, or has a sign() method")
        if self.wrapping not in get_args(Wrapping):
            raise ConfigurationError(f"Host(wrapping=…) is 'bedrock' or 'vertex', got {self.wrapping!r}")
        for path in (self.path, self.stream_path):
            if path is not None and not _PATH.fullmatch(path):
                raise ConfigurationError(
                    "Host(path=…) is a path below the base URL, in which {path} stands for the endpoint's own and "
                    f"{{model}} for the model, e.g. 'openai/deployments/{{model}}/{{path}}'; got {path!r}"
                )
        object.__setattr__(self, "words", _words(self))

    def __hash__(self) -> int:
        return hash((self.base_url, self.dialect, self.path))

    @property
    def identity(self) -> str:
        """What is said, as one short word; equal for equal hosts in this process."""
        told: list[Any] = [getattr(self, one.name) for one in fields(self) if one.compare]
        text = repr([sorted(cast("frozenset[str]", one)) if isinstance(one, frozenset) else one for one in told])
        return hashlib.blake2b(text.encode(), key=_SALT, digest_size=8).hexdigest()

    @property
    def names_model(self) -> bool:
        """Whether the model stands in the path."""
        return "{model}" in self.path


_SALT = os.urandom(16)
"""A header of a program's own may hold a secret."""
_PATH = re.compile(r"(?!/)(?:[\w./:~-]|\{path\}|\{model\})+(?<!/)")


def _words(host: Host) -> tuple[bytes, ...]:
    names = [*host.rejects, *host.ignores, *host.strips, *(name for name, _ in host.renames)]
    if host.most_temperature is not None:
        names.append("temperature")
    # Of a path the last name: those before it are every request's.
    return tuple(sorted({name.rpartition(".")[2].encode() for name in names}))


def _names(argument: str, given: object, *, optional: bool) -> frozenset[str] | None:
    if given is None and optional:
        return None
    return frozenset(_strings(argument, given))


def _strings(argument: str, given: object) -> list[str]:
    several = isinstance(given, frozenset | set | tuple | list)
    items = [*cast("Iterable[object]", given)] if several else [None]
    sound = [item for item in items if isinstance(item, str) and item]
    if len(sound) != len(items):
        raise ConfigurationError(f"Host({argument}=…) takes several names, e.g. Host({argument}=('seed', 'n'))")
    return sound


def _pairs(argument: str, given: object) -> tuple[tuple[str, str], ...]:
    items = cast("Mapping[object, object]", given).items() if isinstance(given, Mapping) else given
    each = [*cast("Iterable[object]", items)] if isinstance(items, Iterable) else [None]
    pairs = [tuple(_strings(argument, item)) for item in each]
    if any(len(pair) != 2 for pair in pairs):
        raise ConfigurationError(f"Host({argument}=…) takes pairs of strings, or a mapping of strings")
    return tuple((pair[0], pair[1]) for pair in pairs)
