"""The store in a real Redis, and all that may happen to a server."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai.errors import ConfigurationError
from resilient_ai.stores import RedisStore, StoreBusy
from tests.redis_server import RedisServer, require_redis
from tests.some_stores import Cipher, entry, shared_redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENT = 5.0
"""Where it is not the time that is tested."""


@pytest.fixture(autouse=True)
def _needs_redis() -> None:
    require_redis()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    started = RedisServer(tmp_path)
    yield started
    started.stop()


def took(work: Callable[[], object]) -> float:
    """Seconds until it failed as a store does."""
    began = time.monotonic()
    with pytest.raises(OSError, match=r"."):
        work()
    return time.monotonic() - began


def quickest(work: Callable[[], object]) -> float:
    """Of three: a loaded machine may stall any one of them."""
    return min(took(work) for _ in range(3))


def test_two_machines_share_a_server(server: RedisServer) -> None:
    one, two = (RedisStore(server.url, timeout=PATIENT) for _ in range(2))
    one.set("a", entry())
    assert two.get("a") == one.get("a") is not None
    assert one.salt == two.salt
    apart = RedisStore(server.url, prefix="other", timeout=PATIENT)
    assert apart.get("a") is None
    assert apart.salt != one.salt
    apart.clear()
    assert one.get("a") is not None


def test_a_client_of_ones_own(server: RedisServer) -> None:
    import redis

    client = redis.Redis(port=server.port)
    RedisStore(client).set("a", entry())
    assert RedisStore(server.url, timeout=PATIENT).get("a") is not None
    with pytest.raises(ConfigurationError, match="decode_responses"):
        RedisStore(redis.Redis(port=server.port, decode_responses=True))
    client.close()


def test_a_client_of_valkey_s(server: RedisServer) -> None:
    valkey = pytest.importorskip("valkey")
    client = valkey.Valkey(port=server.port, socket_timeout=PATIENT, retry=None)
    store = RedisStore(client)
    store.set("a", entry())
    assert store.get("a") is not None
    server.stop()
    took(lambda: store.get("a"))
    client.close()


def test_what_is_no_server() -> None:
    import redis.asyncio

    for wrong, why in ((5, "URL"), (redis.Redis, "URL"), ("http://me:secret@host", "redis://")):
        with pytest.raises(ConfigurationError, match=why) as refused:
            RedisStore(wrong)  # type: ignore[arg-type]  # wrong on purpose
        assert "secret" not in str(refused.value)
    with pytest.raises(ConfigurationError, match=r"redis\.Redis"):
        RedisStore(redis.asyncio.Redis())
    for said in (
        {"prefix": ""},
        {"prefix": "a*"},
        {"prefix": 5},
        {"retention": 0},
        {"timeout": None},
        {"max_bytes": "1"},
    ):
        with pytest.raises(ConfigurationError):
            RedisStore("redis://localhost", **said)


def test_redis_removes_what_is_over(server: RedisServer) -> None:
    store = RedisStore(server.url, retention=0.3, timeout=PATIENT)
    store.set("a", entry(b"canary"))
    store.set("old", entry(b"canary", stored=time.time() - 1))
    assert store.get("old") is None
    end = time.monotonic() + 10
    while b"canary" in server.say("GET", "{resilient_ai}:e:a"):
        assert time.monotonic() < end
        time.sleep(0.05)
    store.set("b", entry())
    assert b":1\r\n" in server.say("ZCARD", "{resilient_ai}:order")


def test_the_bytes_in_use_are_known(server: RedisServer) -> None:
    """Promise 34: bounded, whatever is replaced, erased or runs out meanwhile."""
    store = RedisStore(server.url, max_bytes=100_000, timeout=PATIENT)
    for number in range(500):
        store.set(f"key{number % 70}", entry(b"x" * (number * 37 % 5000)))
        if number % 50 == 0:
            assert int(server.say("GET", "{resilient_ai}:bytes").split(b"\r\n")[1]) <= 100_000
    assert store.get("key9") is not None
    store.purge(before=time.time() + 1)
    assert int(server.say("GET", "{resilient_ai}:bytes").split(b"\r\n")[1]) == 0
    assert b"$" not in server.say("KEYS", "*:e:*")


def test_a_server_that_was_emptied(server: RedisServer) -> None:
    """Whoever goes on gives it the salt it had; if somebody else was first, theirs is taken."""
    one = RedisStore(server.url, timeout=PATIENT)
    one.set("a", entry())
    salt = one.salt
    server.say("FLUSHALL")
    assert one.get("a") is None
    one.set("a", entry())
    two = RedisStore(server.url, timeout=PATIENT)
    assert two.salt == salt
    assert two.get("a") is not None
    server.say("FLUSHALL")
    three = RedisStore(server.url, timeout=PATIENT)
    assert three.salt != salt
    one.set("a", entry())
    one.set("a", entry())
    assert one.salt == three.salt
    assert three.get("a") is not None


# ---- trouble


def test_down_restarted_and_up_again(server: RedisServer) -> None:
    """Promise 32."""
    store = RedisStore(server.url)
    RedisStore(server.url, timeout=PATIENT).set("a", entry())
    server.stop()
    for work in (
        lambda: store.get("a"),
        lambda: store.set("a", entry()),
        lambda: store.purge(before=1),
        lambda: store.salt,
    ):
        assert quickest(work) < 0.1
    server.start()
    back = RedisStore(server.url, timeout=PATIENT)
    back.set("b", entry())
    assert back.get("b") is not None


def test_killed_while_connected(server: RedisServer) -> None:
    store = RedisStore(server.url, timeout=PATIENT)
    store.set("a", entry())
    server.stop()
    took(lambda: store.get("a"))
    server.start()
    store.set("a", entry())
    assert store.get("a") is not None


def test_a_server_that_hangs(server: RedisServer) -> None:
    """Promise 32, SIGSTOP: with a connection, and without one."""
    store, fresh = (RedisStore(server.url) for _ in range(2))
    patient = RedisStore(server.url, timeout=PATIENT)
    patient.set("a", entry())
    assert quickest_get(store)
    server.signal(signal.SIGSTOP)
    try:
        for one in (store, fresh):
            assert quickest(lambda one=one: one.get("a")) < 0.1
            assert quickest(lambda one=one: one.set("a", entry())) < 0.15
    finally:
        server.signal(signal.SIGCONT)
    assert patient.get("a") is not None


def quickest_get(store: RedisStore) -> bool:
    """Whether it gives an answer in time, if not at once then soon."""
    for _ in range(20):
        try:
            return store.get("a") is not None
        except OSError:
            time.sleep(0.05)
    return False


def test_out_of_memory(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, "--maxmemory", "2mb", "--maxmemory-policy", "noeviction")
    try:
        store = RedisStore(server.url, timeout=PATIENT)
        for number in range(2):
            store.set(str(number), entry(os.urandom(100_000)))

        def fill() -> None:
            for more in range(2, 100):
                store.set(str(more), entry(os.urandom(100_000)))

        with pytest.raises(OSError, match=r"OOM|OutOfMemory") as failed:
            fill()
        assert failed.value.__cause__ is None
        assert store.get("0") is not None
        store.get("99")
    finally:
        server.stop()


def test_a_server_that_forgets_as_it_likes(tmp_path: Path) -> None:
    """Also the bounds and the salt: no wrong answer, no exception, and entries end in their time."""
    server = RedisServer(tmp_path, "--maxmemory", "3mb", "--maxmemory-policy", "allkeys-random")
    try:
        store = RedisStore(server.url, timeout=PATIENT)
        for number in range(300):
            store.set(f"key{number}", entry(b"%d" % number * 8000))
            kept = store.get(f"key{number // 2}")
            assert kept is None or kept.data == b"%d" % (number // 2) * 8000
    finally:
        server.stop()


def test_a_password_is_never_told(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, "--requirepass", "right")
    try:
        for url in (
            server.url,
            server.url.replace("//", "//:open-sesame@"),
            server.url.replace("//", "//u:open-sesame@"),
        ):
            store = RedisStore(url, timeout=PATIENT)
            with pytest.raises(OSError, match="redis") as failed:
                store.get("a")
            assert "sesame" not in f"{failed.value!r} {failed.value.__cause__!r} {store!r}"
        RedisStore(server.url.replace("//", "//:right@"), timeout=PATIENT).set("a", entry())
    finally:
        server.stop()


class Drips:
    """Begins a reply that never ends: a byte now and then, each long before a read's time is over."""

    EVERY = 0.02

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listening.getsockname()[1]}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listening.accept()
                with line, contextlib.suppress(OSError):
                    line.recv(65536)
                    line.sendall(b"$100000\r\n")
                    while not self._over.wait(self.EVERY):
                        line.sendall(b"x")

    def stop(self) -> None:
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)


def test_a_server_that_drips() -> None:
    """Promise 32. Regression: each byte of a reply had the whole time again, and a call waited for half an hour."""
    drips = Drips()
    try:
        store = RedisStore(drips.url)
        began = time.monotonic()
        with pytest.raises(OSError, match="redis: TimeoutError"):
            store.get("a")
        assert time.monotonic() - began < 2.0
        assert quickest(lambda: store.get("a")) < 0.1
    finally:
        drips.stop()


@pytest.mark.parametrize("kind", ["Connection", "SSLConnection", "UnixDomainSocketConnection"])
def test_what_is_used_of_redis_py_is_there(kind: str) -> None:
    """The contract: where a connection makes its socket. A release that renames it must fail here."""
    connection = pytest.importorskip("redis.connection")
    assert callable(getattr(connection, kind)._connect)


SAYINGS = [
    b"", b"\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$-5\r\n", b"$99999999999\r\nabc", b":abc\r\n", b"*99999\r\n",
    b"*2\r\n", b"+OK\r\n", b"$3\r\nabc\r\n", b":17\r\n", b"*-1\r\n", b"$-1\r\n", b"-ERR no\r\n", b"\x00\xff" * 99,
    b"*1\r\n" * 5000, b"$3\r\n\xff\xff\xff\r\n", b"-OOM\r\n", b"_\r\n", b"%1\r\n", b"*2\r\n$1\r\n0\r\n$1\r\nx\r\n",
]  # fmt: skip


@pytest.mark.parametrize("saying", SAYINGS, ids=lambda said: repr(said[:12]))
def test_garbage(saying: bytes) -> None:
    """Whatever answers there: a miss or an OSError, never an exception of redis-py's, and soon."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    line, _ = listening.accept()
                except OSError:
                    return
                with line:
                    line.settimeout(0.5)
                    try:
                        while line.recv(65536):
                            line.sendall(saying)
                    except OSError:
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        store = RedisStore(f"redis://127.0.0.1:{listening.getsockname()[1]}")
        began = time.monotonic()
        uses: list[Callable[[], Any]] = [
            lambda: store.get("a"),
            lambda: store.set("a", entry()),
            lambda: store.delete("a"),
            lambda: next(iter(store.entries()), None),
            lambda: store.claim("a", seconds=5, owner="me"),
            lambda: store.release("a", owner="me"),
            lambda: store.salt,
        ]
        for use in uses:
            try:
                assert use() in (None, False, True)
            except OSError as error:
                assert error.__cause__ is None
        assert time.monotonic() - began < 5
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


# ---- erasure, leases


@pytest.mark.parametrize("encrypt", [None, Cipher()], ids=["plain", "encrypted"])
def test_no_byte_is_left(tmp_path: Path, encrypt: Any) -> None:
    """Neither in the server nor in what it writes to its disk."""
    server = RedisServer(tmp_path, "--save", "3600 100000", "--appendonly", "yes")
    try:
        store = RedisStore(server.url, encrypt=encrypt, timeout=PATIENT)
        for number in range(400):
            whose = "t7" if number % 2 else "t8"
            said: Any = {"namespace": f"digest-{whose}", "subject": f"of-{whose}"}
            store.set(f"{whose}-{number}", entry(b"canary-" + whose.encode() * (number % 9 + 1), **said))
        server.say("BGSAVE")
        settled(server)
        assert (b"canary-t7" in on_disk(tmp_path)) == (encrypt is None)
        assert b"digest-t7" in on_disk(tmp_path)
        assert store.purge(namespace="digest-t7") == 200
        end = time.monotonic() + 20
        while any(canary in on_disk(tmp_path) for canary in (b"canary-t7", b"digest-t7", b"of-t7", b"t7-1")):
            assert time.monotonic() < end
            time.sleep(0.1)
        assert sum(1 for _ in store.entries()) == 200
        assert store.get("t8-0") is not None
    finally:
        server.stop()


def on_disk(folder: Path) -> bytes:
    found = b""
    for file in folder.rglob("*"):
        try:
            found += file.read_bytes() if file.is_file() else b""
        except FileNotFoundError:
            continue
    return found


def settled(server: RedisServer) -> None:
    end = time.monotonic() + 20
    while (
        b"rdb_bgsave_in_progress:1" in (said := server.say("INFO", "persistence")) or b"rewrite_in_progress:1" in said
    ):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_server_that_is_not_to_be_asked(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """As hosted ones are not: it is erased there, and somebody is told of the disk."""
    server.say("ACL", "SETUSER", "default", "-config", "-bgsave")
    store = RedisStore(server.url, timeout=PATIENT)
    store.set("a", entry(namespace="n"))
    assert store.purge(namespace="n") == 1
    assert "not asked to renew it" in caplog.text


def test_leases() -> None:
    url = shared_redis().url
    one, two = (RedisStore(url, prefix="leases", timeout=PATIENT) for _ in range(2))
    assert one.claim("a", seconds=60, owner="one")
    assert one.claim("a", seconds=0.2, owner="one")
    two.release("a", owner="two")
    end = time.monotonic() + 10
    while not two.claim("a", seconds=60, owner="two"):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert not one.claim("a", seconds=1e300, owner="one")
    two.release("a", owner="two")
    assert one.claim("a", seconds=1e300, owner="one")
    one.release("a", owner="one")


# ---- a crowd


def crowd(works: list[Callable[[], object]]) -> list[object]:
    """What each came to, the class of an exception included; all begun together."""
    came: list[object] = [None] * len(works)
    ready = threading.Barrier(len(works))

    def run(at: int) -> None:
        ready.wait(30)
        try:
            came[at] = works[at]()
        except OSError as error:
            came[at] = type(error)

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return came


def test_a_thousand_threads_share_few_connections(server: RedisServer) -> None:
    """They wait for one, and that is no failure of the server's."""
    server.say("CONFIG", "SET", "maxclients", "64")
    store = RedisStore(server.url, timeout=PATIENT)
    store.set("a", entry())
    server.say("CLIENT", "PAUSE", "500")  # else the first are done before the last begin
    came = crowd([lambda: store.get("a")] * 1000)
    assert [one for one in came if one is None or one is OSError] == []
    said = dict(line.split(b":", 1) for line in server.say("INFO", "stats").split(b"\r\n") if b":" in line)
    assert int(said[b"total_connections_received"]) < 40


def test_what_fails_for_one_fails_for_those_who_wait(server: RedisServer) -> None:
    """A hundred threads before a server that hangs: not one after the other."""
    store = RedisStore(server.url, timeout=0.3)
    assert quickest_get(store) is False  # it is connected, and there is nothing
    server.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        came = crowd([lambda: store.get("a")] * 100)
        seconds = time.monotonic() - began
    finally:
        server.signal(signal.SIGCONT)
    assert set(came) == {OSError}
    assert seconds < 2.0  # one after the other, by eight connections: 3.6


def test_a_crowd_that_does_not_end_is_no_failure(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for long enough for a connection goes on without, and nobody is told that the server failed."""
    from resilient_ai.stores import _redis_client

    monkeypatch.setattr(_redis_client, "CROWD", 0.05)
    store = RedisStore(server.url, timeout=PATIENT)
    store.set("a", entry())
    server.signal(signal.SIGSTOP)
    others = [threading.Thread(target=store.get, args=("a",)) for _ in range(_redis_client.CONNECTIONS)]
    try:
        for other in others:
            other.start()
        time.sleep(0.2)
        for work in (lambda: store.get("a"), lambda: store.set("a", entry())):
            with pytest.raises(StoreBusy):
                work()
    finally:
        server.signal(signal.SIGCONT)
        for other in others:
            other.join(30)
    assert store.get("a") is not None
