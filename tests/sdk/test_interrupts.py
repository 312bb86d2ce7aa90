"""What is no failure passes: at once, untouched, with nothing sent after it, no permit kept and no evidence left.

Promises 7, 11 and 12.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
import time
from typing import Any, Self

import pytest
import trio

from resilient_ai import CircuitBreaker, Pipeline, Retry, wrap
from resilient_ai.testing import Fault

from .modes import HELLO, MODEL, MODES, OPENAI_3, Mode, chat, circuits, close, do, each, failing, http, modes, two_modes

TIGHT = CircuitBreaker(consecutive=1, open_for=(20, 30))
"""One failure that counted would open it."""


class Interrupt:
    """Raises in the main thread, by a signal, after so many seconds."""

    def __init__(self, error: BaseException, seconds: float, *, again: float = 0.0) -> None:
        self.at = 0.0
        self._error = error
        self._old = signal.signal(signal.SIGALRM, self._strike)
        signal.setitimer(signal.ITIMER_REAL, seconds, again)

    def _strike(self, *_: Any) -> None:
        self.at = time.monotonic()
        raise self._error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._old)


class UsersOwn(Exception):
    pass


def _soft_time_limit() -> Exception:
    exceptions = pytest.importorskip("billiard.exceptions")
    return exceptions.SoftTimeLimitExceeded()


ERRORS: dict[str, Any] = {
    "KeyboardInterrupt": KeyboardInterrupt,
    "SystemExit": SystemExit,
    "celery's soft time limit": _soft_time_limit,
    "the user's own": UsersOwn,
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("where", ["connected", "body", "waiting"])
def test_a_signal_in_a_blocking_call(
    primary: Any, backup: Any, to_backup: Any, permits: list[Any], name: str, where: str
) -> None:
    error = ERRORS[name]()
    mode = Mode("sync")
    # openai 2 takes any Exception for a lost connection, wraps it and (bare) tries again: compared with bare below.
    given = mode.openai(primary, max_retries=0)
    retry = Retry(wait=20) if where == "waiting" else Retry()
    client = wrap(given, Pipeline.default(retry, TIGHT if where != "waiting" else CircuitBreaker()), fallback=to_backup)
    if where == "waiting":
        client = wrap(given, Pipeline.default(retry))
    for which in (given, client):  # what is imported at a first call is not what is shown here
        which.chat.completions.create(model=MODEL, messages=HELLO)
    primary.fault({"connected": Fault.blackhole(), "body": Fault.drip_body(0.05), "waiting": Fault.status(500)}[where])

    def call(which: Any) -> tuple[BaseException, float]:
        with Interrupt(error, 0.3) as interrupt:
            try:
                which.chat.completions.create(model=MODEL, messages=HELLO)
            except BaseException as raised:
                return raised, time.monotonic() - interrupt.at
        raise AssertionError("it did not pass")

    raised, took = call(client)
    assert took < 0.1
    if where != "waiting":
        bare, _ = call(given)
        assert type(raised) is type(bare)
        assert raised is error or raised.__cause__ is error
        assert (raised is error) or (not OPENAI_3 and isinstance(error, Exception))
    gc.collect()
    time.sleep(0.05)
    assert backup.count() == 0
    assert primary.count() == 2 + (1 if where == "waiting" else 2)  # the wrapped call's and the bare one's
    assert all(permit.ended for permit in permits)
    assert {circuit.state for circuit in circuits().values()} == {"closed"}
    primary.heal()
    assert client.chat.completions.create(model=MODEL, messages=HELLO).choices
    client.close()
    given.close()


@pytest.mark.parametrize("mode", MODES[1:], ids=lambda mode: mode.name)
@pytest.mark.parametrize("where", ["connected", "body", "waiting", "stream"])
def test_a_cancelled_task(mode: Mode, primary: Any, backup: Any, permits: list[Any], where: str) -> None:
    async def script() -> None:
        pipeline = Pipeline.default(Retry(wait=20)) if where == "waiting" else Pipeline.default(TIGHT)
        client = wrap(mode.openai(primary), pipeline)
        primary.fault(
            {
                "connected": Fault.blackhole(),
                "body": Fault.drip_body(0.05),
                "waiting": Fault.status(500),
                "stream": Fault.stalled(after_tokens=2),
            }[where]
        )

        async def work() -> None:
            answer = await chat(client, stream=where == "stream")
            if where == "stream":
                async for _ in each(answer):
                    pass

        if mode.name == "asyncio":
            task = asyncio.create_task(work())
            await asyncio.sleep(0.3)
            task.cancel()
            started = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            with trio.move_on_after(0.3) as scope:
                await work()
            started = scope.deadline + time.monotonic() - trio.current_time()
            assert scope.cancelled_caught
        assert time.monotonic() - started < 0.4  # 0.1 where nothing else runs
        assert primary.count() == 1
        gc.collect()
        primary.heal()
        assert await chat(client)
        assert all(permit.ended for permit in permits)
        assert {circuit.state for circuit in circuits().values()} == {"closed"}
        await close(client)

    mode.run(script)
    assert backup.count() == 0


@modes
def test_a_response_never_read(mode: Mode, primary: Any, permits: list[Any]) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(TIGHT))
        for _ in range(3):
            await chat(client, stream=True)
        gc.collect()
        assert await chat(client)
        await close(client)

    mode.run(script)
    gc.collect()
    for circuit in circuits().values():
        circuit.admit(time.monotonic()).release()
    assert len(permits) == 5
    assert all(permit.ended for permit in permits)
    assert {circuit.state for circuit in circuits().values()} == {"closed"}


@two_modes
def test_a_user_s_error_in_their_own_transport(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    """A bug, or a rule of theirs: it is not taken for an outage."""

    def handle(request: Any) -> Any:
        raise UsersOwn("not with me")

    async def script() -> None:
        bare = mode.openai(primary, max_retries=0, http_client=mode.http_client(transport=http.MockTransport(handle)))
        client = wrap(bare, Pipeline.default(TIGHT), fallback=to_backup)
        assert type(await failing(chat(client))) is type(await failing(chat(bare)))
        assert {circuit.state for circuit in circuits().values()} == {"closed"}
        await close(client, bare)

    mode.run(script)
    assert backup.count() == 0


def _let_drop(kind: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what strikes in a finaliser or a weak reference's callback, where the interpreter can only report and drop it,
    this kind is no failure of the test; any other still is."""
    told = sys.unraisablehook

    def hook(what: Any) -> None:
        if not issubclass(what.exc_type, kind):
            told(what)

    monkeypatch.setattr(sys, "unraisablehook", hook)


@pytest.mark.skipif(not OPENAI_3, reason="struck inside httpcore's lock, the bare SDK on it never answers again")
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning", "ignore:unclosed:ResourceWarning")
def test_interrupts_in_a_tight_loop(primary: Any, permits: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the signal strikes, no permit is lost. (Of connections the bare SDK loses some, too.)"""
    _let_drop(KeyboardInterrupt, monkeypatch)
    client = wrap(Mode("sync").openai(primary), Pipeline.default(TIGHT, Retry(attempts=1)))
    client.chat.completions.create(model=MODEL, messages=HELLO)
    interrupted = 0
    for number in range(60):
        # Again, since one that strikes in a finaliser is reported and dropped by the interpreter.
        with Interrupt(KeyboardInterrupt(), 0.002 + number * 0.0001, again=0.2):
            try:
                while True:
                    client.chat.completions.create(model=MODEL, messages=HELLO)
            except KeyboardInterrupt:
                interrupted += 1
    assert interrupted == 60
    assert all(permit.ended for permit in permits)
    assert {circuit.state for circuit in circuits().values()} == {"closed"}
    gc.collect()
    assert client.chat.completions.create(model=MODEL, messages=HELLO).choices
    client.close()


def test_threads_share_one_client(primary: Any) -> None:
    client = wrap(Mode("sync").openai(primary))
    answers: list[Any] = []

    def work() -> None:
        answers.extend(client.chat.completions.create(model=MODEL, messages=HELLO) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 40
    client.close()


@two_modes
def test_tasks_share_one_client(mode: Mode, primary: Any) -> None:
    """Many tasks, one client."""

    async def script() -> None:
        client = wrap(mode.openai(primary))
        if mode.is_async:
            answers = await asyncio.gather(*(chat(client) for _ in range(20)))
            assert len({answer.choices[0].message.content for answer in answers}) == 1
        assert (await do(client.models.list())).data
        await close(client)

    mode.run(script)
