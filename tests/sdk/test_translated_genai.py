"""google-genai calls a program's functions by itself, and keeps its chats: also while another vendor answers, and when
the first one does again."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import CircuitBreaker, Fallback, Pipeline, Retry, wrap
from resilient_ai.testing import Fault, Provider, Simulator

from .modes import Mode, do, each, two_modes
from .translated import GENAI, target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest.importorskip("google.genai", minversion="3")
pytestmark = [
    # The bare google-genai's own, on aiohttp.
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
    pytest.mark.parametrize("spoken", ["openai-chat", "openai-responses", "anthropic"]),
]

MODEL = "gemini-3-pro"
"""It wants its function calls back signed, and refuses those of which there is no signature."""
ROUNDS = 4


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    own = Provider("own-gemini", dialect="gemini", tool_rounds=ROUNDS)
    others = (Provider(f"other-{dialect}", dialect=dialect, tool_rounds=ROUNDS) for dialect in ("openai", "anthropic"))
    with Simulator(own, *others) as simulator:
        yield simulator


def program(calls: list[str], between: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """What a program says of its functions, which count their calls. (The SDK copies what methods are bound to.)"""

    def weather(city: str) -> str:
        """The weather in a city."""
        calls.append(city)
        between()
        return "sun"

    def clock(city: str) -> dict[str, Any]:
        """The time in a city."""
        calls.append(city)
        return {"hour": 12}

    def broken(city: str) -> str:
        """Nothing."""
        calls.append(city)
        raise RuntimeError("there is no such city")

    return {"tools": [weather, clock, broken], "max_output_tokens": 40}


def wrapped(mode: Mode, vendors: Simulator, spoken: str) -> tuple[Any, Any]:
    """The bare client, and one that goes on at another vendor's, and returns at once."""
    bare = GENAI.make(mode.is_async, vendors["own-gemini"])
    calm = CircuitBreaker(minimum_calls=1000, consecutive=1000)
    return bare, wrap(bare, Pipeline.default(Fallback([target(vendors, spoken)]), Retry(attempts=1), calm))


async def whole(answer: Any, *, streamed: bool) -> str:
    """What an answer says, whole or in events."""
    if not streamed:
        return str((await do(answer)).text)
    return "".join([event.text or "" async for event in each(await do(answer))])


@two_modes
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
def test_functions_are_called_automatically(mode: Mode, streamed: bool, spoken: str, vendors: Simulator) -> None:
    """As often as the other vendor asks for them, each with its result where it belongs: the vendors would say."""
    vendors["own-gemini"].fault(Fault.status(503))
    calls: list[str] = []

    async def script() -> str:
        bare, client = wrapped(mode, vendors, spoken)
        models = client.aio.models if mode.is_async else client.models
        ask = models.generate_content_stream if streamed else models.generate_content
        said = await whole(ask(model=MODEL, contents="hello", config=program(calls)), streamed=streamed)
        await GENAI.end(mode, client, bare)
        return said

    assert mode.run(script).strip()
    assert len(calls) == ROUNDS * 3
    upstream = vendors["other-anthropic" if spoken == "anthropic" else "other-openai"]
    assert upstream.count() == ROUNDS + 1
    assert [one.complaint for one in upstream.requests() if one.complaint] == []


@two_modes
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
def test_the_vendor_changes_in_the_middle_of_a_loop(
    mode: Mode, streamed: bool, spoken: str, vendors: Simulator
) -> None:
    """After each round of calls the other one answers; neither finds fault with the history, nor does the program."""
    own, changes = vendors["own-gemini"], cycle((False, True))

    def change() -> None:
        own.heal()
        if not next(changes):
            own.fault(Fault.status(503))

    calls: list[str] = []

    async def script() -> str:
        bare, client = wrapped(mode, vendors, spoken)
        chats = client.aio.chats if mode.is_async else client.chats
        chat = chats.create(model=MODEL, config=program(calls, change))
        ask = chat.send_message_stream if streamed else chat.send_message
        said = await whole(ask("hello"), streamed=streamed)
        await GENAI.end(mode, client, bare)
        return said

    assert mode.run(script).strip()
    assert len(calls) == ROUNDS * 3
    upstream = vendors["other-anthropic" if spoken == "anthropic" else "other-openai"]
    assert (own.count(), upstream.count()) == (5, 2)  # 1, 3 and 5 are its own; 2 and 4 it refuses first
    assert [one.complaint for one in (*own.requests(), *upstream.requests()) if one.complaint] == []


@two_modes
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
def test_a_chat_moves_to_another_vendor_and_back(mode: Mode, streamed: bool, spoken: str, vendors: Simulator) -> None:
    """The vendor changes with every question; nobody finds fault with the history."""
    own, calls = vendors["own-gemini"], list[str]()

    async def script() -> list[str]:
        bare, client = wrapped(mode, vendors, spoken)
        chats = client.aio.chats if mode.is_async else client.chats
        chat = chats.create(model=MODEL, config=program(calls))
        said: list[str] = []
        for number, well in enumerate((True, False, True, False, True)):
            own.heal()
            if not well:
                own.fault(Fault.status(503))
            ask = chat.send_message_stream if streamed else chat.send_message
            said.append(await whole(ask(f"question {number}"), streamed=streamed))
        await GENAI.end(mode, client, bare)
        return said

    assert all(words.strip() for words in mode.run(script))
    upstream = vendors["other-anthropic" if spoken == "anthropic" else "other-openai"]
    assert [one.complaint for one in (*own.requests(), *upstream.requests()) if one.complaint] == []
    assert upstream.count() == 2
