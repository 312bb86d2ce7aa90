"""What is read off a request, whatever the dialect."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .._call import Operation
    from ..failures import FailureKind
    from .streams.base import Grammar

__all__ = ["Dialect", "Endpoint", "Span", "form_field", "items_of", "model_of", "top_level", "url_of", "values_of"]

LOOK = 16 * 1024
"""Bytes from either end of a body that are parsed to prove that a key stands at its top level; beyond, all of it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a request goes, as far as its method and path tell.

    Attributes:
        family: the endpoint family; "other" for one we do not know.
        operation: what a repeat costs.
        path: the path from the API's root on, e.g. ``chat/completions``; None for one we do not know.
        ids: ids of resources in the path.
        model: the model, where the path names it and not the body; ``{model}`` stands for it in ``path``.
        version: the API's version as the path has it before ``path``, where a base URL may leave it out (``v1``).
        stays: why the request cannot go to another target, although its endpoint is known.
    """

    family: str
    operation: Operation
    path: str | None
    ids: tuple[str, ...] = ()
    model: str | None = None
    version: str = ""
    stays: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A wire format: all that the transports ask about it.

    A request's and an answer's *family* is the one of its :class:`Endpoint`; bodies are parsed JSON unless bytes.

    Attributes:
        name: as in ``Target(dialect=…)``.
        endpoint: (method, path): where a request goes.
        effects: (family, body): whether an otherwise stateless call leaves something behind, and the ids of things made
            earlier that its body speaks of.
        classify: (status, body): the kind of an error answer; the body is None where it was no JSON.
        wait: (body): seconds that an error's body asks to wait; None if it does not.
        inside_success: (family, body, asked): the failure inside an HTTP 200; None if it is none. ``asked``: it answers
            a POST to the family's own endpoint, so that its schema is known.
        tells_failure: (family, body): whether it is a proper answer of its family that says by itself that it failed.
        answers_in_json: (family): whether an answer is JSON, or a stream of it, and nothing else.
        made: (family, body): the ids of what an answer says was made.
        made_by_stream: (family, beginning): the ids that an event stream says at its beginning.
        streams: by family, how its event stream is read.
        told_in_stream: (bytes from where a stream's error begins): its kind.
        request_id: the header of an answer with the provider's id for the request, in lower case.
        forwarded: headers that a fallback gets, besides ``x-stainless-*``, which say what the SDK is. No other: any may
            hold a secret.
        query: query parameters that a fallback gets. No other: some gateways take keys there.
        key_header: (key, base URL, the request's own headers by lower-case name): the header that carries the key of a
            target.
    """

    name: str
    endpoint: Callable[[str, str], Endpoint]
    effects: Callable[[str, bytes], tuple[bool, tuple[str, ...]]]
    classify: Callable[[int, Any], FailureKind]
    wait: Callable[[Any], float | None]
    inside_success: Callable[[str, Any, bool], FailureKind | None]
    tells_failure: Callable[[str, Any], bool]
    answers_in_json: Callable[[str], bool]
    made: Callable[[str, Any], tuple[str, ...]]
    made_by_stream: Callable[[str, bytes], tuple[str, ...]]
    streams: Mapping[str, Grammar]
    told_in_stream: Callable[[bytes], FailureKind]
    request_id: bytes
    forwarded: frozenset[str]
    query: frozenset[str]
    key_header: Callable[[str, str, Mapping[bytes, bytes]], tuple[str, str]]


_VERSIONED = re.compile(r"/v\d\w*(?:/|\Z)")


def url_of(base_url: str, endpoint: Endpoint, model: str | None) -> str:
    """Where an endpoint stands below another base URL, which may have the API's version in it or leave it to the
    request: ``https://api.anthropic.com`` and ``https://host/anthropic/v1`` are both right."""
    path = endpoint.path or ""
    if endpoint.model is not None:
        path = path.replace("{model}", (model or endpoint.model).removeprefix("models/"))
    if endpoint.version and not _VERSIONED.search(base_url):
        path = f"{endpoint.version}/{path}"
    return f"{base_url}/{path}"


@dataclass(frozen=True, slots=True)
class Span:
    """A string value in a body, and where its bytes stand (for JSON with the quotation marks)."""

    value: str
    start: int
    end: int

    def replaced(self, body: bytes, value: str, *, quoted: bool) -> bytes:
        """The body with ``value`` in this one's place."""
        new = json.dumps(value).encode() if quoted else value.encode()
        return body[: self.start] + new + body[self.end :]


_MEMBER = rb'\s*"\w+"\s*:\s*(?:"[^"\\]{0,200}"|true|false|null|-?[0-9.eE+-]{1,30})\s*'
_MODEL = rb'\s*"model"\s*:\s*"([^"\\]{1,200})"'
_MODEL_FIRST = re.compile(rb"\s*\{(?:" + _MEMBER + rb",){0,20}" + _MODEL)
"""The brace that opens the body, plain members, the model: it stands at the top level (openai 3 writes it so)."""
_MODEL_LAST = re.compile(rb"[{,]" + _MODEL + rb"(?:," + _MEMBER + rb"){0,20}\s*\}\s*\Z")
"""The model, plain members, the one brace that ends the body: the same from the other end (openai 2, curl)."""

TAIL = 400
"""Bytes at the end of a body that are searched for a model."""


def model_of(body: bytes) -> str | None:
    """The model that a JSON body names."""
    match = _MODEL_FIRST.match(body) or _MODEL_LAST.search(body, max(0, len(body) - TAIL))
    if match is not None:
        return match[1].decode("utf-8", "replace")
    span = top_level(body, "model")
    return None if span is None else span.value


def top_level(body: bytes, key: str) -> Span | None:
    """The string under ``key`` at the top level of a JSON object, without parsing what stands around it.

    A key found near the end is at the top level exactly if what follows it, with ``{`` put before, is a whole object;
    one found near the beginning, if what precedes it, with ``}`` put behind, is. (A megabyte of messages between costs
    one search.) If neither proves it, the whole body is parsed.
    """
    name = b'"%s"' % key.encode()
    last = body.rfind(name)
    if last < 0:
        return None
    if len(body) - last <= LOOK and _is_object(b"{" + body[last:]):
        return _value(body, last + len(name))
    first = body.find(name)
    if first <= LOOK and _is_object(body[:first].rstrip().removesuffix(b",") + b"}"):
        return _value(body, first + len(name))
    return _searched(body, key)


def _searched(body: bytes, key: str) -> Span | None:
    """The last value under ``key``, found by reading the members of the outermost object one after the other."""
    try:
        text = body.decode()
        members = list(_members(text))
    except (ValueError, RecursionError):
        return None
    value, start, end = next((found for name, *found in reversed(members) if name == key), (None, 0, 0))
    if not isinstance(value, str):
        return None
    before = len(text[:start].encode())
    return Span(value, before, before + len(text[start:end].encode()))


_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def _members(text: str) -> Iterator[tuple[Any, Any, int, int]]:
    """Each member of the object that ``text`` is: its name, its value, and where that stands.

    Raises:
        ValueError: it is no object.
    """
    at = _past(text, _SPACE.match(text, 0), "{")
    while True:
        name, at = _DECODER.raw_decode(text, at)
        start = _past(text, _SPACE.match(text, at), ":")
        value, end = _DECODER.raw_decode(text, start)
        yield name, value, start, end
        space = _SPACE.match(text, end)
        if space is not None and text[space.end() : space.end() + 1] == "}":
            return
        at = _past(text, space, ",")


def _past(text: str, space: re.Match[str] | None, sign: str) -> int:
    """Where to read on after the space, the sign and the space behind it."""
    at = 0 if space is None else space.end()
    if text[at : at + 1] != sign:
        raise ValueError(f"no {sign} at {at}")
    after = _SPACE.match(text, at + 1)
    return at + 1 if after is None else after.end()


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


_VALUE = re.compile(rb'\s*:\s*("(?:[^"\\]|\\.)*")')


def _value(body: bytes, at: int) -> Span | None:
    match = _VALUE.match(body, at)
    if match is None:
        return None
    try:
        return Span(str(json.loads(match[1])), match.start(1), match.end(1))
    except ValueError:  # an escape or a byte that is none: the provider is to say so
        return None


def items_of(value: Any) -> list[Any]:
    """The items of a list; none of what is no list."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def values_of(request: dict[str, Any], *names: str, program: frozenset[str]) -> list[str]:
    """Every string that stands under one of the names in a request, at whatever depth.

    ``program``: fields that hold the program's own data (a tool's arguments, a schema), whose names are not the API's.
    """
    found: list[str] = []
    rest: list[Any] = [request]
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            members = cast("dict[str, Any]", item)
            found += [value for name in names if isinstance(value := members.get(name), str)]
            rest += [value for name, value in members.items() if name not in program]
        else:
            rest.extend(items_of(item))
    return found


def form_field(body: bytes, name: str) -> Span | None:
    """The value of a short text field in a multipart body. Looked for in its first and last 64 KiB."""
    pattern = re.compile(
        rb'form-data; name="%s"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]{0,500})\r\n' % re.escape(name.encode())
    )
    for start in dict.fromkeys((0, max(0, len(body) - 65536))):
        match = pattern.search(body, start, start + 65536)
        if match is not None:
            return Span(match[1].decode("utf-8", "replace"), match.start(1), match.end(1))
    return None
