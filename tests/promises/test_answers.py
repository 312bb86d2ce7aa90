"""Promises 22, 23 and 25: what HTTP 200 says and is no answer, and what is no HTTP, under the three big SDKs."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Cache, Pipeline, Retry, outcome, wrap
from resilient_ai.testing import Fault
from tests.sdk.modes import failing, two_modes

from .big import BIG, GENAI, Api, big, in_long, in_sync, in_two, needs, to, wrapped

if TYPE_CHECKING:
    from collections.abc import Generator

    from resilient_ai.testing import SimulatedProvider
    from tests.sdk.modes import Mode

ONCE = Retry(attempts=1)
JSON = {"content_type": "application/json"}
SSE = {"content_type": "text/event-stream"}


def _says(body: str, **headers: str) -> Fault:
    return Fault.status(200, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


NO_ANSWERS = {
    "an error body": Fault.error_in_stream(after_tokens=0),
    "html": _says("<html><body>Bad gateway</body></html>", content_type="text/html; charset=utf-8"),
    "html that says it is JSON": _says("<html><body>Bad gateway</body></html>", **JSON),
    "nothing": _says("", **JSON),
    "nothing, without a type": _says(""),
    "a gateway's words": _says("upstream connect error", content_type="text/plain"),
    "cut JSON": Fault.truncated_clean(after_tokens=0),
    "no JSON": Fault.malformed_json(),
    "another schema": _says('{"hello": 1}', **JSON),
    "a list": _says("[]", **JSON),
    "null": _says("null", **JSON),
    "a word": _says('"ok"', **JSON),
    "an empty stream": _says("", **SSE),
    "wrong length": Fault.wrong_length(),
    "reset": Fault.reset(),
    "truncated": Fault.truncated(after_tokens=0),
    "packed, and cut": Fault.gzip_cut(after_tokens=0),
    "not packed, though it says so": _says('{"hello": 1}', content_encoding="gzip", **JSON),
}
UNSTREAMED = "JSON where a stream was asked for"
STREAMED = {
    **{name: fault for name, fault in NO_ANSWERS.items() if name != "wrong length"},  # a stream has none
    UNSTREAMED: Fault.not_streamed(),
}


async def ask(api: Api, client: Any, mode: Mode, *, stream: bool) -> Any:
    return await (api.streamed(client, mode) if stream else api.call(client, mode))


CASES = [
    pytest.param(api, name, stream, id=f"{api.dialect}-{name}{', streamed' if stream else ''}", marks=needs(api))
    for api in BIG
    for stream, names in ((False, NO_ANSWERS), (True, STREAMED))
    for name in names
    if (api, name) != (GENAI, UNSTREAMED)  # which its SDK reads all the same
]
cases = pytest.mark.parametrize(("api", "name", "stream"), CASES)


@in_long
@cases
def test_no_answer_moves_on(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider, name: str, stream: bool
) -> None:
    """Promise 22: another target is asked, and the program sees nothing of it."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, ONCE, fallback=[backup])
        primary.fault((STREAMED if stream else NO_ANSWERS)[name])
        assert await ask(api, client, mode, stream=stream)
        await api.end(client, given)

    mode.run(script)
    assert (primary.count(), backup.count()) == (1, 1)


@in_long
@cases
def test_no_answer_is_an_error_of_the_sdk_and_is_not_kept(
    api: Api, mode: Mode, primary: SimulatedProvider, name: str, stream: bool
) -> None:
    """Promises 22, 23, 25: never a short answer, never a raw error of JSON or types; never stored."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, ONCE, Cache(ttl=60, stale_if_error=60))
        primary.fault((STREAMED if stream else NO_ANSWERS)[name])
        error = await failing(ask(api, client, mode, stream=stream))
        assert isinstance(error, api.errors()), repr(error)
        primary.heal()
        answer = await api.call(client, mode)
        assert outcome(answer).source == "fresh"
        assert api.text(answer)
        await api.end(client, given)

    mode.run(script)
    assert primary.count() == 2


# ---- what is no HTTP

GARBAGE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "zeros": b"\0" * 512,
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "a status that is none": b"HTTP/1.1 9999 OK\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "chunks that are none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n",
    "a head without end": b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 300_000,
    "nothing at all": b"",
}


@contextmanager
def speaking(said: bytes) -> Generator[str]:
    """A server that says the same to everybody, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65536)
                        connection.sendall(said)
                        connection.shutdown(socket.SHUT_WR)
                        connection.settimeout(1.0)
                        while connection.recv(65536):
                            pass
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@big
@in_two
@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_an_error_of_the_sdk(api: Api, mode: Mode, backup: SimulatedProvider, name: str) -> None:
    """Promises 23 and 25; and with a fallback, its answer."""

    async def script(origin: str) -> None:
        given = api.make(mode.is_async, origin + api.path, "sk-any")
        alone = wrap(given, Pipeline.default(ONCE, isolated=True))
        error = await failing(api.call(alone, mode))
        assert isinstance(error, api.errors()), repr(error)
        client = wrap(given, Pipeline.default(ONCE, isolated=True), fallback=[to(backup, api)])
        assert outcome(await api.call(client, mode)).answered_by == "backup:*"
        await api.end(alone, client, given)

    with speaking(GARBAGE[name]) as origin:
        mode.run(script, origin)


# ---- Gemini's own

MALFORMED = json.dumps({"candidates": [{"content": {}, "finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}]})


@pytest.mark.parametrize("api", [pytest.param(GENAI, marks=needs(GENAI))], ids=["gemini"])
@two_modes
def test_what_nobody_can_read_is_asked_again_and_told_in_its_own_words(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider
) -> None:
    """Regression: a candidate without content, since the model's call of a function was malformed, was an answer."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, Retry(wait=0, budget=1.0), fallback=[backup])
        primary.fault(_says(MALFORMED, **JSON))
        assert outcome(await api.call(client, mode)).answered_by == "backup:*"
        alone = wrap(given, Pipeline.default(Retry(wait=0, budget=1.0), isolated=True))
        answer = await api.call(alone, mode)
        assert answer.candidates[0].finish_reason.name == "MALFORMED_FUNCTION_CALL"
        await api.end(alone, client, given)

    mode.run(script)
    assert (primary.count(), backup.count()) == (2 + 3, 1)


@big
@in_sync
def test_a_sound_answer_is_one(api: Api, mode: Mode, primary: SimulatedProvider) -> None:
    """Promise 23: packed, or in pieces that come late, it is the right one."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, ONCE)
        expected = api.text(await api.call(given, mode)), await api.streamed(given, mode)
        for fault in (Fault.gzip(), Fault.paced(0.005)):
            primary.fault(fault)
            assert (api.text(await api.call(client, mode)), await api.streamed(client, mode)) == expected
        await api.end(client, given)

    mode.run(script)
    assert {request.status for request in primary.requests()} == {200}
