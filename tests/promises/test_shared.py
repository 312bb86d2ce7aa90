"""Promise 33: equal calls at once share one request, and nothing else. The three big SDKs over real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from resilient_ai import Pipeline, Retry, SingleFlight, options, outcome, wrap
from resilient_ai.testing import Fault
from tests.sdk.flights import Gathered, at_once, in_flight, nothing_left, soon
from tests.sdk.modes import failing

from .big import LONG, Api, big, in_each, in_sync, wrapped

if TYPE_CHECKING:
    from resilient_ai.testing import SimulatedProvider
    from tests.sdk.modes import Mode

MANY = 1000 if LONG else 100
ALL = SingleFlight(joins="all")


@in_each
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_one_request_and_an_answer_for_each(api: Api, mode: Mode, stream: bool, primary: SimulatedProvider) -> None:
    primary.fault(Fault.slow(MANY / 100))  # until all have come: a thousand threads take more than a second

    async def script() -> None:
        given, client = wrapped(api, mode, primary, ALL)

        async def one() -> str:
            return await api.streamed(client, mode) if stream else api.text(await api.call(client, mode))

        texts = await at_once(mode, [one] * MANY)
        assert texts[0]
        assert set(texts) == {texts[0]}
        assert await soon(mode, nothing_left)
        await api.end(client, given)

    mode.run(script)
    assert primary.count() == 1


@in_each
def test_not_asked_for_each_is_its_own(api: Api, mode: Mode, primary: SimulatedProvider) -> None:
    """Neither without it, nor with it where no temperature is named."""
    primary.fault(Fault.slow(0.3))

    async def script() -> None:
        for strategies in ((), (SingleFlight(),)):
            given, client = wrapped(api, mode, primary, *strategies)
            answers = await at_once(mode, [lambda client=client: api.call(client, mode)] * 5)
            assert len(answers) == 5
            await api.end(client, given)

    mode.run(script)
    assert primary.count() == 10


@in_each
def test_who_leaves_leaves_alone(api: Api, mode: Mode, primary: SimulatedProvider) -> None:
    """One has no time, one (in a loop) is cancelled, and one of those may be the first: all others are answered."""
    primary.fault(Fault.slow(1.5))

    async def script() -> None:
        given, client = wrapped(api, mode, primary, ALL)
        scope: Any = anyio.CancelScope() if mode.is_async else None

        async def first() -> None:
            if mode.is_async:
                with scope:
                    await api.call(client, mode)
            else:
                await api.call(client, mode)

        async def follows() -> str:
            await soon(mode, lambda: in_flight() > 0)
            return api.text(await api.call(client, mode))

        async def short() -> BaseException:
            await soon(mode, lambda: in_flight() > 0)
            with options(deadline=0.3):
                return await failing(api.call(client, mode))

        async def cancels() -> None:
            assert await soon(mode, lambda: in_flight() > 90)
            if mode.is_async:
                scope.cancel()

        got = await at_once(mode, [first, *[follows] * 97, short, cancels])
        assert got[0] is None
        assert got[-1] is None, got[-1]
        assert isinstance(got[-2], api.errors())
        assert len(set(got[1:-2])) == 1
        assert await soon(mode, nothing_left)
        await api.end(client, given)

    mode.run(script)
    assert primary.count() == 1


@in_each
def test_a_failure_reaches_each_once(api: Api, mode: Mode, primary: SimulatedProvider) -> None:
    """As an exception of its own, and without a stampede: repeats are made for all."""
    primary.fault(Fault.status(500))

    async def script() -> None:
        given = api.client(mode, primary)
        client = wrap(given, Pipeline(ALL, Gathered(mode, 100), Retry(attempts=2)))
        errors: list[Any] = await at_once(mode, [lambda: api.call(client, mode)] * 100)
        assert all(isinstance(error, api.errors()) for error in errors)
        assert len({id(error) for error in errors}) == 100
        joined = [outcome(error).joined for error in errors]
        assert joined.count(False) == 1
        await api.end(client, given)

    mode.run(script)
    assert primary.count() <= 2


@big
@in_sync
def test_a_signal_in_the_first_thread(api: Api, mode: Mode, primary: SimulatedProvider) -> None:
    """An exception that is no failure strikes the one whose request it is; all others are answered. (A task is struck
    by its cancellation: `test_who_leaves_leaves_alone`.)"""
    primary.fault(Fault.slow(1.0))

    class Interrupt(BaseException):
        """As a signal's handler raises one."""

    async def script() -> None:
        given = api.client(mode, primary)
        client = wrap(given, Pipeline(ALL, Gathered(mode, 20, strikes=Interrupt)))

        async def one() -> Any:
            try:
                return api.text(await api.call(client, mode))
            except Interrupt:
                return "struck"

        got = await at_once(mode, [one] * 20)
        assert got.count("struck") == 1
        assert len(set(got)) == 2
        assert await soon(mode, nothing_left)
        await api.end(client, given)

    mode.run(script)
    assert primary.count() == 1
