"""A file or a film that breaks off is gone on with where its server lets it be: the very bytes, once each, or the SDK's
own error."""

from __future__ import annotations

import gc
import importlib
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import Deadline, Pipeline, outcome, record, wrap
from resilient_ai.testing import Fault

from .modes import FLAVOURS, MODES, Mode, close, do, each, entered, modes, two_modes
from .store import (
    AT,
    BODY,
    ETAG,
    FRAMES,
    STREAMED,
    Store,
    at_once,
    client_of,
    cut_short,
    hangs_up,
    only_says,
    read,
    sends,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .store import Answer

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


@modes
@pytest.mark.parametrize("chunked", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("what", ["file", "video"])
def test_gone_on_with_where_it_broke_off(mode: Mode, what: str, chunked: bool) -> None:
    async def script(store: Store) -> None:
        client = client_of(mode, store)
        with record() as calls:
            assert await at_once(client, what) == BODY
        first, second = calls[0].attempts
        assert first.startswith("primary: transient (HTTP 200)")
        assert second.startswith("primary: answered")
        assert (calls[0].answered_by, calls[0].source, calls[0].degraded) == ("primary", "fresh", False)
        await close(client)

    with Store(sends(cut=AT, chunked=chunked), sends(chunked=chunked)) as store:
        mode.run(script, store)
        first, second = store.asked
    assert "range" not in first
    assert (second["range"], second["if-range"], second["accept-encoding"]) == (f"bytes={AT}-", ETAG, "identity")
    assert second["authorization"] == first["authorization"]


@two_modes
def test_each_byte_once_as_it_comes(mode: Mode) -> None:
    """Three times at most, each from where the one before broke off; the fourth cut is the SDK's own error."""
    cuts = [sends(cut=part * 50_000) for part in (1, 2, 3, 4)]

    async def script(store: Store) -> None:
        client = client_of(mode, store)
        assert await read(client) == BODY
        await close(client)

    with Store(*cuts[:3], sends()) as store:
        mode.run(script, store)
        assert [asked.get("range") for asked in store.asked] == [None, "bytes=50000-", "bytes=100000-", "bytes=150000-"]

    async def broken(store: Store) -> None:
        client = client_of(mode, store)
        error, got = await cut_short(client)
        assert type(error) is openai.APIConnectionError
        assert got == BODY[:200_000]
        assert len(outcome(error).attempts) == 4
        await close(client)

    with Store(*cuts, sends()) as store:
        mode.run(broken, store)
        assert len(store.asked) == 4


@two_modes
@pytest.mark.parametrize("name", FLAVOURS)
def test_an_http_client_s_download_too(mode: Mode, name: str) -> None:
    """Where the API sends its client elsewhere for the file, this is who fetches it."""
    flavour = importlib.import_module(name)

    async def script(store: Store) -> None:
        client = wrap(mode.http_client(flavour))
        assert (await do(client.get(f"{store.url}/a/film.mp4"))).content == BODY
        await close(client)

    with Store(sends(cut=AT), sends()) as store:
        mode.run(script, store)


@two_modes
def test_a_file_without_an_etag_by_its_date(mode: Mode) -> None:
    dated: dict[str, Any] = {
        "etag": None,
        "last_modified": "Sun, 22 Nov 2026 10:00:00 GMT",
        "date": "Sun, 22 Nov 2026 12:00:00 GMT",
    }

    async def script(store: Store) -> None:
        client = client_of(mode, store)
        assert await read(client) == BODY
        await close(client)

    with Store(sends(cut=AT, **dated), sends(**dated)) as store:
        mode.run(script, store)
        assert store.asked[1]["if-range"] == dated["last_modified"]


NOT_THE_REST: dict[str, Answer] = {
    "all of it again": sends(status=200, content_range=None, content_length=str(len(BODY) - AT)),
    "from elsewhere": sends(content_range=f"bytes {AT - 1}-{len(BODY) - 1}/{len(BODY)}"),
    "of another length": sends(content_range=f"bytes {AT}-{len(BODY)}/{len(BODY) + 1}"),
    "not to the end": sends(content_range=f"bytes {AT}-{len(BODY) - 2}/{len(BODY)}"),
    "without a total": sends(content_range=f"bytes {AT}-{len(BODY) - 1}/*"),
    "without a range": sends(content_range=None),
    "of another length than it says": sends(content_length=str(len(BODY) - AT - 1)),
    "of another file": sends(etag='"two"'),
    "packed": sends(content_encoding="gzip"),
    "no such part": only_says(416, content_range=f"bytes */{len(BODY)}"),
    "gone": only_says(404),
    "elsewhere": only_says(302, location="/other"),
    "nothing": only_says(204),
}


@two_modes
@pytest.mark.parametrize("what", NOT_THE_REST)
def test_nothing_else_is_glued_on(mode: Mode, what: str) -> None:
    """Promise 19: what came is a beginning of the file, and then the SDK's own error, at once."""

    async def script(store: Store) -> None:
        client = client_of(mode, store)
        error, got = await cut_short(client)
        assert type(error) is openai.APIConnectionError
        assert got == BODY[:AT]
        first, second = outcome(error).attempts
        assert first.startswith("primary: transient (HTTP 200)")
        assert second.startswith("primary: broken (HTTP")
        await close(client)

    with Store(sends(cut=AT), NOT_THE_REST[what], sends()) as store:
        mode.run(script, store)
        assert len(store.asked) == 2


@two_modes
@pytest.mark.parametrize("trouble", [hangs_up, only_says(503), only_says(429, retry_after="0.01"), only_says(500)])
def test_trouble_on_the_way_to_the_rest_is_tried_again(mode: Mode, trouble: Answer) -> None:
    async def script(store: Store) -> None:
        client = client_of(mode, store)
        assert await read(client) == BODY
        await close(client)

    with Store(sends(cut=AT), trouble, trouble, sends()) as store:
        mode.run(script, store)
        assert len(store.asked) == 4

    async def broken(store: Store) -> None:
        client = client_of(mode, store)
        error, got = await cut_short(client)
        assert type(error) is openai.APIConnectionError
        assert got == BODY[:AT]
        await close(client)

    with Store(sends(cut=AT), trouble) as store:
        mode.run(broken, store)
        assert len(store.asked) == 4


@two_modes
def test_no_long_wait_before_a_body_that_has_begun(mode: Mode) -> None:
    async def script(store: Store) -> None:
        client = client_of(mode, store)
        started = time.monotonic()
        error, _ = await cut_short(client)
        assert type(error) is openai.APIConnectionError
        assert time.monotonic() - started < 2
        await close(client)

    with Store(sends(cut=AT), only_says(503, retry_after="60"), sends()) as store:
        mode.run(script, store)
        assert len(store.asked) == 2


@modes
def test_a_body_that_falls_silent_is_gone_on_with(mode: Mode) -> None:
    async def script(store: Store) -> None:
        client = client_of(mode, store, Pipeline.default(Deadline(idle=0.3)))
        started = time.monotonic()
        with record() as calls:
            assert await read(client) == BODY
        assert 0.3 <= time.monotonic() - started < 2
        assert calls[0].attempts[0].startswith("primary: silent (HTTP 200)")
        await close(client)

    with Store(sends(cut=AT, stall=True), sends()) as store:
        mode.run(script, store)


@modes
def test_not_beyond_the_deadline(mode: Mode) -> None:
    """Promise 6: silent again and again, it ends when it is to end."""

    async def script(store: Store) -> None:
        client = client_of(mode, store, Pipeline.default(Deadline(total=1, idle=0.4)))
        started = time.monotonic()
        error, got = await cut_short(client)
        assert type(error) is openai.APITimeoutError
        assert got == BODY[:AT]
        assert time.monotonic() - started < 1.25
        await close(client)

    with Store(sends(cut=AT, stall=True)) as store:
        mode.run(script, store)
        assert 2 <= len(store.asked) <= 3


@two_modes
def test_let_go_of_in_the_middle_of_the_rest(mode: Mode) -> None:
    """The connection the rest comes by is closed with the body."""

    async def script(store: Store) -> None:
        client = client_of(mode, store)
        async with entered(STREAMED["file"](client)) as response:
            got = b""
            async for chunk in each(response.iter_bytes()):
                got += chunk
                if len(got) > AT:
                    break
        assert store.closed.wait(1)
        await close(client)

    with Store(sends(cut=AT), sends(cut=2 * AT, stall=True)) as store:
        mode.run(script, store)
        assert len(store.asked) == 2


def test_dropped_in_the_middle_of_the_rest() -> None:
    """Let go of by the collector, it is closed at the next call, by somebody who holds no lock."""
    with Store(sends(cut=AT), sends(cut=2 * AT, stall=True), sends()) as store:
        client = client_of(MODES[0], store)
        response: Any = STREAMED["file"](client).__enter__()
        chunks: Iterator[bytes] | None = iter(response.iter_bytes(1000))
        got = b"".join(next(chunks) for _ in range(AT // 1000 + 10))
        assert BODY.startswith(got)
        del response, chunks
        gc.collect()
        assert client.files.content("file-1").content == BODY
        assert store.closed.wait(1)
        client.close()


@modes
def test_with_the_simulator(mode: Mode, primary: Any) -> None:
    """A film and a file, cut in their middle and in the middle of the rest."""

    async def script() -> None:
        client = wrap(mode.openai(primary))
        made = await do(client.files.create(file=("big.bin", BODY), purpose="assistants"))
        primary.fault(Fault.truncated(count=2), family="files")
        assert (await do(client.files.content(made.id))).content == BODY
        film = await do(client.videos.create_and_poll(prompt="waves", model="sora-2"))
        whole = (await do(client.videos.download_content(film.id))).content
        primary.fault(Fault.truncated(count=2), family="videos")
        assert (await do(client.videos.download_content(film.id))).content == whole
        await close(client)

    mode.run(script)
    assert primary.count("files") == 4


@two_modes
@pytest.mark.parametrize("name", FLAVOURS)
def test_through_a_transport_of_the_program_s_own(mode: Mode, name: str) -> None:
    """It knows nothing of our limits, nor checks lengths: what it says to be longer is gone on with, too."""
    flavour = importlib.import_module(name)
    asked: list[str | None] = []

    def answer(request: Any) -> Any:
        start = request.headers.get("range")
        asked.append(start)
        headers = {
            "etag": ETAG,
            "accept-ranges": "bytes",
            "content-type": "video/mp4",
            "content-length": str(len(BODY)),
        }
        if start is None:
            return flavour.Response(200, headers=headers, stream=flavour.ByteStream(BODY[:AT]))
        headers |= {
            "content-range": f"bytes {AT}-{len(BODY) - 1}/{len(BODY)}",
            "content-length": str(len(BODY) - AT),
        }
        return flavour.Response(206, headers=headers, stream=flavour.ByteStream(BODY[AT:]))

    async def script() -> None:
        client = wrap(mode.http_client(flavour, transport=flavour.MockTransport(answer)))
        assert (await do(client.get("http://store.test/film.mp4"))).content == BODY
        await close(client)

    mode.run(script)
    assert asked == [None, f"bytes={AT}-"]
