"""Bodies that are bytes: a file, a film, speech. One that ends early is never taken for whole."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import openai
import pytest

from resilient_ai import Fallback, Pipeline, Retry, options, outcome, wrap

from .modes import FLAVOURS, MODES, Mode, close, do, failing, http, modes, two_modes
from .store import AT, BODY, FRAMES, WAYS, Store, at_once, client_of, cut_short, sends

if TYPE_CHECKING:
    from .store import Answer

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


@modes
@pytest.mark.parametrize("chunked", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("what", WAYS)
def test_a_body_that_ends_early_is_the_sdk_s_own_error(mode: Mode, what: str, chunked: bool) -> None:
    """Promises 23 and 25: read at once, and as it comes; nobody is asked again once bytes have been handed on."""

    async def script(store: Store) -> None:
        client = client_of(mode, store)
        error = await failing(at_once(client, what))
        assert type(error) is openai.APIConnectionError
        assert outcome(error).attempts
        error, got = await cut_short(client, what)
        assert type(error) is openai.APIConnectionError
        assert BODY.startswith(got)
        assert len(got) < len(BODY)
        await close(client)

    with Store(sends(cut=AT, chunked=chunked, accept_ranges=None)) as store:
        mode.run(script, store)
        assert len(store.asked) == 2


@two_modes
def test_one_that_ends_before_its_first_byte_is_tried_again(mode: Mode) -> None:
    """Speech, too: nobody has heard anything."""

    async def script(store: Store) -> None:
        client = client_of(mode, store)
        assert await at_once(client, "speech") == BODY
        await close(client)

    with Store(sends(cut=0), sends()) as store:
        mode.run(script, store)
        assert len(store.asked) == 2


@two_modes
@pytest.mark.parametrize("name", FLAVOURS)
def test_an_http_client_gets_its_own_error(mode: Mode, name: str) -> None:
    flavour = importlib.import_module(name)

    async def script(store: Store) -> None:
        client = wrap(mode.http_client(flavour))

        async def fetch() -> None:
            await do(client.get(f"{store.url}/a/film.mp4"))

        error = await failing(fetch())
        assert type(error) is flavour.RemoteProtocolError
        await close(client)

    with Store(sends(cut=AT, accept_ranges=None)) as store:
        mode.run(script, store)


NOT_TO_BE: dict[str, Answer] = {
    "weak": sends(cut=AT, etag='W/"one"'),
    "no mark": sends(cut=AT, etag=None),
    "no quotes": sends(cut=AT, etag="one"),
    "too young": sends(
        cut=AT,
        etag=None,
        last_modified="Sun, 22 Nov 2026 12:00:00 GMT",
        date="Sun, 22 Nov 2026 12:00:00 GMT",
    ),
    "no ranges": sends(cut=AT, accept_ranges="none"),
    "partial": sends(cut=AT, status=206, content_range=f"bytes 0-{len(BODY) - 1}/{len(BODY)}"),
    "events": sends(cut=AT, content_type="text/event-stream"),
}


@pytest.mark.parametrize("what", NOT_TO_BE)
def test_not_where_the_same_bytes_are_not_certain(what: str) -> None:
    mode = MODES[0]

    async def script(store: Store) -> None:
        client = client_of(mode, store)
        error, _ = await cut_short(client)
        assert type(error) is openai.APIConnectionError
        await close(client)

    with Store(NOT_TO_BE[what]) as store:
        mode.run(script, store)
        assert len(store.asked) == 1


@two_modes
def test_not_what_is_made_anew(mode: Mode) -> None:
    """Speech is a POST: asked again it would be made, and paid, again."""

    async def script(store: Store) -> None:
        client = client_of(mode, store)
        error, got = await cut_short(client, "speech")
        assert type(error) is openai.APIConnectionError
        assert got == BODY[:AT]
        await close(client)

    with Store(sends(cut=AT)) as store:
        mode.run(script, store)
        assert len(store.asked) == 1


@two_modes
def test_not_where_it_was_not_asked_for(mode: Mode) -> None:
    """An empty pipeline is invisible; and a program may say that what breaks is to be an error."""

    async def script(store: Store) -> None:
        client = client_of(mode, store, Pipeline())
        assert isinstance((await cut_short(client))[0], http.RemoteProtocolError)  # as it comes from the bare SDK
        await close(client)
        for pipeline in (Pipeline(Retry()), Pipeline.default(Fallback(rescue=("error",)))):
            client = client_of(mode, store, pipeline)
            assert type((await cut_short(client))[0]) is openai.APIConnectionError
            await close(client)
        client = client_of(mode, store)
        with options(rescue=("error",)):
            assert type((await cut_short(client))[0]) is openai.APIConnectionError
        await close(client)

    with Store(sends(cut=AT)) as store:
        mode.run(script, store)
        assert len(store.asked) == 4
