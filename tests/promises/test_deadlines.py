"""Promises 6 and 7: deadlines, cancellation and interrupts under the three big SDKs, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio

from resilient_ai import CircuitBreaker, Deadline, Retry, options
from resilient_ai.testing import Fault
from tests.sdk.modes import MODES, failing
from tests.sdk.test_interrupts import ERRORS, Interrupt

from .big import BIG, Api, big, in_each, in_sync, needs, wrapped

if TYPE_CHECKING:
    from resilient_ai.testing import SimulatedProvider
    from tests.sdk.modes import Mode

FAULTS = {
    "black hole": Fault.blackhole(),
    "a byte of all every 0.4 s": Fault.drip(0.4),
    "a byte of the body every 0.4 s": Fault.drip_body(0.4),
}


@in_each
@pytest.mark.parametrize(
    ("how", "stream"),
    [
        ("black hole", False),
        ("a byte of all every 0.4 s", False),
        *[("a byte of the body every 0.4 s", s) for s in (False, True)],
    ],
)
def test_a_call_returns_by_its_deadline(
    api: Api, mode: Mode, primary: SimulatedProvider, how: str, stream: bool
) -> None:
    """Promise 6: within a quarter of a second of it, although each read finds a byte in time."""
    limit = 0.6

    async def script() -> None:
        given, client = wrapped(api, mode, primary)
        primary.fault(FAULTS[how])
        started = time.monotonic()
        with options(deadline=limit):
            error = await failing(api.streamed(client, mode) if stream else api.call(client, mode))
        assert time.monotonic() - started < limit + 0.25
        assert isinstance(error, api.errors())
        await api.end(client, given)

    mode.run(script)
    assert primary.count() == 1


@big
@in_sync
def test_a_wait_between_attempts_ends_at_the_deadline(api: Api, mode: Mode, primary: SimulatedProvider) -> None:
    """Promise 6: waits are inside it too; one that does not fit is not begun."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, Deadline(total=1.0), Retry(attempts=9, wait=0.3, budget=1.0))
        primary.fault(Fault.status(500))
        started = time.monotonic()
        error = await failing(api.call(client, mode))
        assert time.monotonic() - started < 1.25
        assert isinstance(error, api.errors())
        await api.end(client, given)

    mode.run(script)
    assert 1 < primary.count() <= 4


WHERE = {
    "connected": Fault.blackhole(),
    "in the body": Fault.drip_body(0.05),
    "between attempts": Fault.status(500),
}


@big
@in_sync
@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("where", WHERE)
def test_an_interrupt_passes(
    api: Api,
    mode: Mode,
    primary: SimulatedProvider,
    backup: SimulatedProvider,
    permits: list[Any],
    name: str,
    where: str,
) -> None:
    """Promise 7: KeyboardInterrupt, SystemExit, Celery's soft time limit, the program's own: within 100 ms, as the bare
    SDK raises it, nothing sent after it, no permit kept."""
    error = ERRORS[name]()
    waiting = where == "between attempts"
    retry = Retry(wait=20) if waiting else Retry()
    given, client = wrapped(api, mode, primary, retry, fallback=[] if waiting else [backup])
    for which in (client, given):  # what is imported at a first call is not what is shown here
        api.ask(which, False, False)
    before = primary.count()
    primary.fault(WHERE[where])
    with Interrupt(error, 0.3) as interrupt:
        try:
            api.ask(client, False, False)
        except BaseException as caught:
            raised, took = caught, time.monotonic() - interrupt.at
        else:
            raise AssertionError("it did not pass")
    assert took < 0.1
    chain = {raised, raised.__cause__, raised.__context__}
    assert error in chain, raised  # anthropic takes any Exception for a lost connection, and wraps it
    assert raised is error or isinstance(raised, api.errors())
    gc.collect()
    time.sleep(0.05)
    assert (primary.count(), backup.count()) == (before + 1, 0)
    assert all(permit.ended for permit in permits)
    primary.heal()
    assert api.text(api.ask(client, False, False))
    mode.run(api.end, client, given)


CANCELLED = [
    pytest.param(api, mode, id=f"{api.dialect}-{mode.name}", marks=needs(api))
    for api in BIG
    for mode in MODES[1:]
    if api.trio or mode.name != "trio"
]


@pytest.mark.parametrize(("api", "mode"), CANCELLED)
@pytest.mark.parametrize("where", WHERE)
def test_a_cancelled_task_ends_at_once(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider, permits: list[Any], where: str
) -> None:
    """Promise 7, and 12: within 100 ms, nothing sent after it, no permit kept, and no evidence left."""
    waiting = where == "between attempts"
    tight = CircuitBreaker(consecutive=1, open_for=(20, 30))  # one failure that counted would open it

    async def script() -> float:
        strategies = (Retry(wait=20),) if waiting else (tight,)
        given, client = wrapped(api, mode, primary, *strategies, fallback=[] if waiting else [backup])
        await api.call(client, mode)
        primary.fault(WHERE[where])
        if mode.name == "asyncio":
            task = asyncio.create_task(api.call(client, mode))
            await asyncio.sleep(0.3)
            began = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(api.call, client, mode)
                await trio.sleep(0.3)
                began = time.monotonic()
                nursery.cancel_scope.cancel()
        took = time.monotonic() - began
        primary.heal()
        assert (primary.count(), backup.count()) == (2, 0)
        assert all(permit.ended for permit in permits)
        assert api.text(await api.call(client, mode))
        await api.end(client, given)
        return took

    assert mode.run(script) < 0.1
    assert (primary.count(), backup.count()) == (3, 0)
