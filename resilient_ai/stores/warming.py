"""Filling a cache before it is needed: requests from a file, asked one after the other through a wrapped client."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from .._context import record
from ..errors import ConfigurationError, UnsupportedClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from .._journal import Outcome

__all__ = ["Warmed", "awarm", "warm"]

MAX_LINE = 4 * 1024 * 1024
"""Bytes of a line: four times the longest request whose answer is kept unless more is asked for."""

_FORM = ("stream", "stream_options")
_METHODS = frozenset({"POST"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmed:
    """What became of the requests of a file.

    Attributes:
        asked: how many were sent to somebody; what may be kept of their answers is now.
        had: how many had an answer that was fresh.
    """

    asked: int
    had: int


class _Ask(NamedTuple):
    line: int
    path: str
    body: dict[str, Any]


def warm(client: Any, *, requests: str | PathLike[str]) -> Warmed:
    """Ask every request of a file once, one after the other, so that its answer is kept. Run again, it goes on where it
    ended: what has a fresh answer (``Cache(ttl=…)``) is not asked for.

    Args:
        client: a sync client of openai, anthropic or groq, or an httpx or httpx2 client with a base URL, wrapped with a
            pipeline that has a ``Cache``. An httpx client's requests have keys of their own, unless its headers are
            those of the SDK.
        requests: a file of JSON lines: ``{"path": "/chat/completions", "body": {"model": …, "messages": …}}``; ``path``
            as the client's own methods have it, below its base URL. ``"method"`` may say ``"POST"``. ``stream`` is left
            out: an answer that is kept serves either form.

    Raises:
        ConfigurationError: a line that is no such request, before anything is sent; or the client is not wrapped.
        UnsupportedClient: another kind of client.
        OSError: the file cannot be read.
        Exception: what the client raises for a request, with its line in the notes.
    """
    return _Count(_sender(client)).run(_requests(requests))


async def awarm(client: Any, *, requests: str | PathLike[str]) -> Warmed:
    """The same with an async client."""
    return await _Count(_sender(client)).arun(_requests(requests))


class _Count:
    """Sends one after the other, and counts."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self._asked = self._had = 0

    def run(self, asks: list[_Ask]) -> Warmed:
        for ask in asks:
            with record() as calls:
                try:
                    _raise_if_failed(self._send(ask))
                except Exception as error:
                    error.add_note(f"line {ask.line}")
                    raise
            self._count(calls)
        return Warmed(asked=self._asked, had=self._had)

    async def arun(self, asks: list[_Ask]) -> Warmed:
        for ask in asks:
            with record() as calls:
                try:
                    _raise_if_failed(await self._send(ask))
                except Exception as error:
                    error.add_note(f"line {ask.line}")
                    raise
            self._count(calls)
        return Warmed(asked=self._asked, had=self._had)

    def _count(self, calls: list[Outcome]) -> None:
        if not calls:
            raise ConfigurationError("the client is not wrapped, or switched off: nothing of its answers is kept")
        if calls[-1].source == "cache":
            self._had += 1
        else:
            self._asked += 1


def _raise_if_failed(answer: Any) -> None:
    """An httpx response says of itself that it is an error; SDKs raise."""
    if hasattr(answer, "raise_for_status"):
        answer.raise_for_status()


def _sender(client: Any) -> Any:
    if hasattr(client, "build_request"):  # httpx
        return partial(_by_http, client)
    if hasattr(client, "with_options") and hasattr(client, "post"):  # made by Stainless
        return partial(_by_sdk, client)
    raise UnsupportedClient(
        f"{type(client).__name__} cannot be given requests from a file; give a wrapped client of openai, anthropic, "
        "groq, httpx or httpx2"
    )


def _by_http(client: Any, ask: _Ask) -> Any:
    return client.post(ask.path.lstrip("/"), json=ask.body)


def _by_sdk(client: Any, ask: _Ask) -> Any:
    return client.post(ask.path, cast_to=object, body=ask.body)


def _requests(path: str | PathLike[str]) -> list[_Ask]:
    """The requests of a file, all of them read, so that a mistake in one is told before any is sent."""
    with Path(path).open("rb") as file:
        return [_request(number, line) for number, line in _lines(file)]


def _lines(file: Any) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := cast("bytes", file.readline(MAX_LINE + 1)):
        number += 1
        if len(line) > MAX_LINE:
            raise ConfigurationError(f"line {number} has more than {MAX_LINE} bytes")
        if line.strip():
            yield number, line


def _request(number: int, line: bytes) -> _Ask:
    """A line as a request. It is never quoted: it holds a prompt."""
    try:
        said: Any = json.loads(line)
    except (ValueError, RecursionError):
        said = None
    told = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
    path, body = told.get("path"), told.get("body")
    method, beyond = told.get("method", "POST"), told.keys() - {"method", "path", "body"}
    if method not in _METHODS or beyond or not isinstance(path, str) or not isinstance(body, dict):
        raise ConfigurationError(
            f'line {number} is no request; write {{"path": "/chat/completions", "body": {{…}}}}, each in one line'
        )
    if "://" in path:
        raise ConfigurationError(f"line {number}: path is below the client's base URL, and no URL of its own")
    asked = cast("dict[str, Any]", body)
    return _Ask(number, path, {name: value for name, value in asked.items() if name not in _FORM})
