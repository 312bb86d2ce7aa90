"""A pool's lives: one in each process, one in each event loop, and nothing left of those that are over."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio

from resilient_ai._runtime.loops import current_loop_token, is_over
from resilient_ai.transports._pool import owned
from resilient_ai.transports._private import POOL
from tests.transports.servers import Server, client_tls
from tests.transports.sides import Side, awaited, sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

linux = pytest.mark.skipif(sys.platform != "linux", reason="counts the open files in /proc")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def in_a_child(work: Callable[[], str]) -> str:
    """What `work` returns in a forked child; its exception's text if it raises."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, work().encode())
        except BaseException as error:
            os.write(write, repr(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        answer = told.read()
    os.waitpid(child, 0)
    return answer


def descriptor(answer: Any) -> int:
    return answer.extensions["network_stream"].get_extra_info("socket").fileno()


@sides("sync")
def test_an_interrupt_while_a_lock_is_taken(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 7. Regression: struck between a lock's being taken and its block, it left the connection locked, and
    the next call waited for ever."""
    core = "httpcore" if side.flavour == "httpx" else "httpcore2"
    lock: Any = importlib.import_module(f"{core}._synchronization").Lock
    enter, struck = lock.__enter__, list[bool]()

    def strike(self: Any) -> Any:
        enter(self)
        if not struck:
            struck.append(True)
            raise KeyboardInterrupt
        return self

    with Server() as server, side.client(owned(side.transport())) as client:
        assert client.get(server.url).status_code == 200
        monkeypatch.setattr(lock, "__enter__", strike)
        with pytest.raises(KeyboardInterrupt):
            client.get(server.url)
        answers: list[int] = []
        thread = threading.Thread(target=lambda: answers.append(client.get(server.url).status_code), daemon=True)
        thread.start()
        thread.join(10)
        assert answers == [200]


@forks
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # 3.12 warns of forking beside threads: the server's
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@sides("sync")
def test_forked_children_connect_anew(side: Side, tls: bool) -> None:
    """With one pool after a fork "the child used the parent's socket": answers went to the wrong process."""
    with Server(tls=tls) as server, side.client(owned(side.transport(verify=client_tls()))) as client:
        parent = client.get(server.url)
        assert parent.text == "1"

        def work() -> str:
            with pytest.raises(OSError):
                os.fstat(descriptor(parent))
            return " ".join([client.get(server.url).text, client.get(server.url).text])

        for number in range(2, 12):
            assert in_a_child(work) == f"{number} {number}"
            assert client.get(server.url).text == "1"  # no shutdown, no TLS farewell was sent on it


@forks
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@sides("sync")
def test_a_fork_in_the_middle_of_an_answer(side: Side) -> None:
    """The rest of it is the parent's: the child gets an error at once, and no byte."""
    with Server() as server, side.client(owned(side.transport())) as client:
        with client.stream("GET", server.url + "/halves") as answer:
            parts = answer.iter_raw()
            assert next(parts) == b"first"

            def work() -> str:
                with pytest.raises(side.module.ReadError):
                    next(parts)
                answer.close()
                return client.get(server.url).text

            assert in_a_child(work) == "2"
            assert list(parts) == [b"after"]
        assert client.get(server.url).text == "1"


@forks
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@sides("sync")
def test_a_fork_while_another_thread_holds_the_pool_s_lock(side: Side) -> None:
    """The lock is free in the child's pool, and in the pool of an answer the child still closes."""
    with Server() as server, side.client(owned(side.transport())) as client:
        answer = client.send(client.build_request("GET", server.url), stream=True)
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with getattr(client._transport, POOL)._pool._optional_thread_lock:
                held.set()
                done.wait(5)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()

        def work() -> str:
            answer.close()
            return client.get(server.url).text

        assert in_a_child(work) == "2"
        done.set()
        thread.join()
        answer.close()


@forks
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@sides("asyncio")
def test_a_fork_inside_a_running_loop(side: Side) -> None:
    """The child's own loop has a pool of its own; the parent's connection, watched by its loop, works on."""
    with Server() as server:
        client = side.client(owned(side.transport()))

        async def script() -> None:
            parent = await client.get(server.url)

            def work() -> str:
                with pytest.raises(OSError):
                    os.fstat(descriptor(parent))
                return asyncio.run(side.get(client, server.url))

            for number in range(2, 7):
                assert in_a_child(work) == str(number)
                assert await side.get(client, server.url) == "1"

        asyncio.run(script())


@forks
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@sides("asyncio", "trio")
def test_a_fork_between_two_loops(side: Side) -> None:
    with Server() as server:
        client = side.client(owned(side.transport()))
        assert side.run(side.get, client, server.url) == "1"
        assert in_a_child(lambda: side.run(side.get, client, server.url)) == "2"
        assert side.run(side.get, client, server.url) == "3"


@pytest.fixture
def told_of_nothing(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """asyncio and trio log what goes wrong while they end; warnings are errors by configuration."""
    yield
    gc.collect()
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


@linux
@pytest.mark.usefixtures("told_of_nothing")
@sides("asyncio", "trio")
def test_one_client_in_many_runs(side: Side) -> None:
    """Bare openai 3 says "Event loop is closed" in a second asyncio.run: we connect anew, and nothing stays open."""
    with Server() as server:
        client = side.client(owned(side.transport()))

        async def script() -> list[str]:
            return [await side.get(client, server.url), await side.get(client, server.url)]

        before = open_files()
        for number in range(1, 6):
            assert side.run(script) == [str(number)] * 2
        wait_until(lambda: open_files() <= before)


def wait_until(condition: Callable[[], bool]) -> None:
    """The server's threads close their ends a moment later."""
    for _ in range(100):
        if condition():
            return
        threading.Event().wait(0.02)
    assert condition()


@pytest.mark.usefixtures("told_of_nothing")
@sides("asyncio")
def test_trio_then_asyncio_then_trio(side: Side) -> None:
    """httpcore's backend settles on the library of its first loop; ours is one for each loop."""
    with Server() as server:
        client = side.client(owned(side.transport()))
        for number, mode in enumerate(["trio", "asyncio", "trio"], 1):
            assert Side(side.flavour, mode).run(side.get, client, server.url) == str(number)


@linux
@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")  # as asyncio says of such a loop
@sides("asyncio")
def test_loops_closed_without_a_word(side: Side) -> None:
    """A loop closed without `shutdown_asyncgens`: its sockets are closed when the next loop comes."""
    with Server() as server:
        client = side.client(owned(side.transport()))

        def run() -> str:
            loop = asyncio.new_event_loop()
            try:
                return loop.run_until_complete(side.get(client, server.url))
            finally:
                loop.close()

        before = open_files()
        for number in range(1, 6):
            assert run() == str(number)
        wait_until(lambda: open_files() <= before + 2)  # the last one's two ends
        asyncio.run(side.close(client))
        wait_until(lambda: open_files() <= before)
        gc.collect()


@pytest.mark.usefixtures("told_of_nothing")
@sides("asyncio", "trio")
def test_two_loops_at_once(side: Side) -> None:
    """Each thread's loop has its own connections; closing in one leaves the other's alone."""
    with Server() as server:
        client = side.client(transport := owned(side.transport()))
        first, second = threading.Event(), threading.Event()
        used = []

        async def script() -> None:
            used.extend([await side.get(client, server.url), await side.get(client, server.url)])
            first.set()
            assert second.wait(5)
            used.append(await side.get(client, server.url))

        thread = threading.Thread(target=side.run, args=(script,))
        thread.start()

        async def other() -> str:
            answer = await side.get(side.client(transport), server.url)
            await transport._pool._pools[id(current_loop_token())].aclose()
            return answer

        assert first.wait(5)
        assert side.run(other) == "2"
        second.set()
        thread.join()
        assert used == ["1", "1", "1"]


DROPPED = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # httpx's tell the same when not closed


@DROPPED
@sides("asyncio")
def test_a_dropped_client_closes_its_connections(side: Side) -> None:
    """A server that builds a client for each call keeps no connection of theirs."""
    closed = threading.Semaphore(0)

    class Counting(Server):
        def serve(self, connection: Any, number: int) -> None:
            super().serve(connection, number)
            closed.release()

    async def script() -> None:
        for _ in range(3):
            await side.get(side.client(owned(side.transport())), server.url)
        gc.collect()
        await asyncio.sleep(0.05)
        gc.collect()
        assert all(closed.acquire(timeout=1) for _ in range(3))

    with Counting() as server:
        side.run(script)


@DROPPED
@sides("sync", "asyncio")
def test_a_dropped_client_s_answer_is_read_to_its_end(side: Side) -> None:
    """`return await Client().send(..., stream=True)`: the answer keeps its connection open, as httpx's does."""

    async def script() -> bytes:
        client = side.client(owned(side.transport()))
        answer = await awaited(client.send(client.build_request("GET", server.url + "/halves"), stream=True))
        del client
        gc.collect()
        if side.mode == "asyncio":
            await asyncio.sleep(0.02)
        body = await awaited(answer.read() if side.mode == "sync" else answer.aread())
        await side.close(answer)
        return body

    with Server() as server:
        assert side.run(script) == b"firstafter"
    gc.collect()


@pytest.mark.parametrize("run", [lambda script: asyncio.run(script()), trio.run], ids=["asyncio", "trio"])
def test_the_token_of_a_loop(run: Any) -> None:
    """One object for a run, another for the next, over when the run is; none outside."""

    async def script() -> object:
        assert current_loop_token() is current_loop_token()
        assert not is_over(current_loop_token())
        return current_loop_token()

    first, second = run(script), run(script)
    assert first is not second
    assert is_over(first)
    with pytest.raises(RuntimeError):
        current_loop_token()
