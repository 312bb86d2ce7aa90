"""The store in a file, and all that may happen to a file."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai.errors import ConfigurationError
from resilient_ai.stores import SQLiteStore, StoreRepaired
from resilient_ai.stores import _database as database
from tests.some_stores import Cipher, entry
from tests.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOAK = os.environ.get("SOAK") == "1"


def made(path: Path, number: int = 40, **said: Any) -> SQLiteStore:
    """A store with entries whose data tells their key."""
    store = SQLiteStore(path, **said)
    for one in range(number):
        store.set(f"key{one}", answer(one))
    return store


def answer(number: int) -> Any:
    return entry(f"key{number}:".encode() * (1 + number * 37 % 900), namespace=f"n{number % 3}")


def told(work: Callable[[], Any]) -> Any:
    """What it gives; and once more, if something was put out of the way."""
    for _ in range(60):
        try:
            return work()
        except StoreRepaired:
            continue
    raise AssertionError("it is never repaired")


def never_wrong(store: SQLiteStore, number: int = 40) -> int:
    """How many are still found; each as it was written."""
    found = 0
    for one in range(number):
        kept = told(lambda one=one: store.get(f"key{one}"))
        if kept is not None:
            assert kept.data == answer(one).data
            found += 1
    for key, kept in store.entries():
        assert kept.data == answer(int(key.removeprefix("key"))).data
    return found


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(folder: Path) -> dict[str, bytes]:
    return {found.name: found.read_bytes() for found in folder.iterdir()}


def run(program: str, *words: object, wanted: int = 0, **said: Any) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **said,
    )
    assert done.returncode == wanted, done.stderr
    return done.stdout


# ---- the files


def test_for_the_owner_alone(tmp_path: Path) -> None:
    """Promise 34: whatever the umask."""
    before = os.umask(0)
    try:
        store = made(tmp_path / "new" / "cache.db")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "new") == 0o700
    there = list((tmp_path / "new").iterdir())
    assert {found.name for found in there} == {"cache.db", "cache.db-wal", "cache.db-shm", "cache.db.salt"}
    assert {mode_of(found) for found in there} == {0o600}
    store.close()
    (tmp_path / "new" / "cache.db").chmod(0o644)
    assert never_wrong(store) == 40
    assert mode_of(tmp_path / "new" / "cache.db") == 0o600


def test_where_it_lies_if_nobody_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the user's state folder, and never in the working directory; made when it is first used."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert SQLiteStore().path == tmp_path / "state" / "resilient_ai" / "cache.sqlite3"
    assert not (tmp_path / "state").exists()
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    store = SQLiteStore()
    assert store.path == tmp_path / ".local" / "state" / "resilient_ai" / "cache.sqlite3"
    store.set("a", entry())
    assert mode_of(store.path.parent) == 0o700


@pytest.mark.parametrize("wrong", ["", ":memory:", b"x.db", 5])
def test_what_is_no_path(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="path=…"):
        SQLiteStore(wrong)


@pytest.mark.parametrize("wrong", [0, 1024, 5e9, "1"])
def test_what_is_no_size(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_bytes=…"):
        SQLiteStore(tmp_path / "a", max_bytes=wrong)


def test_two_stores_share_a_file_and_its_salt(tmp_path: Path) -> None:
    one, two = (SQLiteStore(tmp_path / "a b?#%ä.db") for _ in range(2))
    one.set("a", entry())
    assert two.get("a") == one.get("a") is not None
    assert one.salt == two.salt
    one.close()
    assert SQLiteStore(tmp_path / "a b?#%ä.db").get("a") is not None


def test_bounded_on_the_disk(tmp_path: Path) -> None:
    """Promise 34: bounded under many writes (SOAK: a million), the log too."""
    dice = random.Random(1)
    store = SQLiteStore(tmp_path / "cache.db", max_bytes=1024 * 1024)
    most = 0
    for number in range(1_000_000 if SOAK else 1500):
        store.set(str(number), entry(dice.randbytes(dice.choice([10, 500, 5000, 40_000]))))
        if number % 50 == 0:
            sizes = {name: len(data) for name, data in files(tmp_path).items()}
            assert sizes["cache.db"] <= 1024 * 1024
            most = max(most, sum(sizes.values()))
    assert most < 8 * 1024 * 1024


# ---- files that are not as they were


def test_any_byte_flipped(tmp_path: Path) -> None:
    """Promise 30: 1,000 random flips (SOAK: 20,000): no crash, no wrong answer, and the store works."""
    dice = random.Random(30)
    store = made(tmp_path / "cache.db", 15)
    store.close()
    first = files(tmp_path)
    shutil.rmtree(tmp_path)
    served = 0
    for _ in range(20_000 if SOAK else 1000):
        spoilt = {name: bytearray(data) for name, data in first.items()}
        name = dice.choice(["cache.db"] * 9 + ["cache.db.salt"])
        # One in three among the first pages, where all that is not an answer stands.
        span = len(spoilt[name]) if dice.random() < 0.7 else min(len(spoilt[name]), 8192)
        spoilt[name][dice.randrange(span)] ^= 1 << dice.randrange(8)
        tmp_path.mkdir()
        for file, data in spoilt.items():
            (tmp_path / file).write_bytes(data)
        store = SQLiteStore(tmp_path / "cache.db")
        served += never_wrong(store, 15)
        told(lambda store=store: store.set("key1", answer(1)))
        assert told(lambda store=store: store.get("key1")) is not None
        store.close()
        shutil.rmtree(tmp_path)
    assert served > 1000  # most flips spoil one entry


def test_the_log_flipped(tmp_path: Path) -> None:
    """The same of a log that a killed process left."""
    dice = random.Random(31)
    store = made(tmp_path / "cache.db")
    left = files(tmp_path)
    store.close()
    assert len(left["cache.db-wal"]) > 100_000
    for _ in range(3000 if SOAK else 100):
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
        spoilt = {name: bytearray(data) for name, data in left.items()}
        name = dice.choice(["cache.db-wal", "cache.db-wal", "cache.db-shm"])
        spoilt[name][dice.randrange(len(spoilt[name]))] ^= 1 << dice.randrange(8)
        for file, data in spoilt.items():
            (tmp_path / file).write_bytes(data)
        store = SQLiteStore(tmp_path / "cache.db")
        never_wrong(store)
        told(lambda store=store: store.set("key1", answer(1)))
        assert never_wrong(store) > 0
        store.close()


@pytest.mark.parametrize("which", ["cache.db", "cache.db.salt"])
def test_cut_at_any_byte(tmp_path: Path, which: str) -> None:
    store = made(tmp_path / "cache.db", 10)
    store.close()
    first = files(tmp_path)
    size = len(first[which])
    cuts = range(size) if SOAK or size < 100 else sorted({0, 1, 99, 100, 101, *range(0, size, 997), size - 1})
    for cut in cuts:
        for moved in tmp_path.iterdir():  # of the last cut: too many that are not known as ours are no more moved aside
            moved.unlink()
        for name, data in first.items():
            (tmp_path / name).write_bytes(data[:cut] if name == which else data)
        store = SQLiteStore(tmp_path / "cache.db")
        never_wrong(store, 10)
        told(lambda store=store: store.set("key1", answer(1)))
        assert never_wrong(store, 10) > 0
        store.close()


def foreign(path: Path, what: str) -> None:
    if what == "text":
        path.write_text("dear diary\n" * 1000)
        return
    db = sqlite3.connect(path)
    if what == "ours, newer":
        db.close()
        made(path).close()
        db = sqlite3.connect(path)
        db.execute(f"PRAGMA user_version = {database.SCHEMA + 1}")
    elif what == "ours, with a trigger":
        db.close()
        made(path).close()
        db = sqlite3.connect(path)
        db.execute("CREATE TRIGGER t AFTER INSERT ON resilient_ai_entries BEGIN DELETE FROM resilient_ai_leases; END")
    else:
        db.execute("CREATE TABLE diary (words TEXT)")
        db.execute("INSERT INTO diary VALUES ('dear diary')")
    db.commit()
    db.close()


@pytest.mark.parametrize("what", ["text", "a database", "ours, newer", "ours, with a trigger"])
def test_what_is_none_of_ours_is_moved_aside(tmp_path: Path, what: str) -> None:
    """Promise 30. What is no store at all is kept as it is: somebody gave the wrong path."""
    path = tmp_path / "cache.db"
    foreign(path, what)
    was = path.read_bytes()
    store = SQLiteStore(path)
    with pytest.raises(StoreRepaired, match="was moved to"):
        store.get("key1")
    store.set("key1", answer(1))
    assert store.get("key1") == SQLiteStore(path).get("key1") is not None
    (moved,) = [file for file in tmp_path.iterdir() if file.name.startswith("cache.db.")
                and not file.name.endswith(".salt")]  # fmt: skip
    assert moved.read_bytes() == was
    store.purge(before=0)
    assert moved.exists() == (not what.startswith("ours"))


def test_only_a_few_are_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    for _ in range(8):
        foreign(path, "ours, newer")
        store = SQLiteStore(path)
        with pytest.raises(StoreRepaired):
            store.set("key1", answer(1))
        assert store.get("key1") is not None  # it was kept all the same
        store.close()
        path.unlink()
    moved = [file for file in tmp_path.iterdir() if ".aside-" in file.name]
    assert len(moved) == 3
    assert {mode_of(file) for file in moved} == {0o600}


def test_nobody_elses_files_pile_up(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    for _ in range(8):
        path.write_text("dear diary")
        with pytest.raises(StoreRepaired):
            SQLiteStore(path).set("a", entry())
    path.write_text("dear diary")
    with pytest.raises(OSError, match="keep coming"):
        SQLiteStore(path).set("a", entry())


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "cache.db").mkdir()
    (tmp_path / "cache.db" / "file").write_text("kept")
    with pytest.raises(OSError, match=r"cache\.db"):
        SQLiteStore(tmp_path / "cache.db").get("a")
    assert (tmp_path / "cache.db" / "file").exists()


@pytest.mark.parametrize("how", ["file", "file and log", "folder"])
def test_removed_while_it_is_open(tmp_path: Path, how: str) -> None:
    """It is made anew, with the salt it had: whoever has it open goes on with the new one."""
    folder = tmp_path / "folder"
    path = folder / "cache.db"
    one, two = made(path), SQLiteStore(path)
    salt = one.salt
    assert never_wrong(two) == 40
    if how == "folder":
        shutil.rmtree(folder)
    else:
        for name in ("cache.db", *(["cache.db-wal", "cache.db-shm"] if how != "file" else [])):
            (folder / name).unlink()
    with pytest.raises(StoreRepaired, match="removed or replaced"):
        one.get("key1")
    assert one.get("key1") is None
    one.set("key1", answer(1))
    with pytest.raises(StoreRepaired, match="removed or replaced"):
        two.set("key2", answer(2))
    assert two.get("key1") == one.get("key1") is not None
    assert one.get("key2") is not None
    assert one.salt == two.salt == salt
    assert SQLiteStore(path).salt == salt


# ---- trouble with the disk


def test_where_nothing_can_be_made() -> None:
    store = SQLiteStore("/proc/sys/nowhere/cache.db")
    began = time.monotonic()
    for use in (
        lambda: store.get("a"),
        lambda: store.set("a", entry()),
        lambda: store.salt,
        lambda: store.purge(before=1),
    ):
        with pytest.raises(OSError, match="proc"):
            use()
    assert time.monotonic() - began < 1


FULL = """
import resource, sys, time
from resilient_ai.stores import SQLiteStore, StoreRepaired
from tests.some_stores import entry
store = SQLiteStore(sys.argv[1])
store.set("first", entry(b"x" * 1000))
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
failed = 0
for number in range(40):
    try:
        store.set(str(number), entry(b"y" * 9000))
    except OSError:
        failed += 1
    else:
        assert store.get(str(number)) is not None or failed
    kept = store.get("first")
    assert kept is not None and kept.data == b"x" * 1000
assert failed > 10, failed
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.set("last", entry(b"z"))
assert store.get("last").data == b"z"
print("fine")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file (RLIMIT_FSIZE)")
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """Promise 31: it says so, serves what it has, and goes on when there is room."""
    assert run(FULL, tmp_path / "cache.db") == "fine\n"


def test_locked_by_another(tmp_path: Path) -> None:
    """Promise 31: 50 ms for a write (and room for a loaded machine); reading goes on."""
    store = made(tmp_path / "cache.db")
    other = sqlite3.connect(tmp_path / "cache.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(OSError, match="SQLITE_BUSY"):
        store.set("a", entry())
    assert 0.03 < time.monotonic() - began < 1
    assert never_wrong(store) == 40
    other.execute("ROLLBACK")
    other.close()
    store.set("a", entry())


def crowd(store: SQLiteStore, first: Callable[[sqlite3.Connection], object]) -> Any:
    """What comes of a look-up beside a thread that is at the file for 200 ms: four times what processes wait."""
    there = threading.Event()

    def work(db: sqlite3.Connection) -> None:
        there.set()
        assert not threading.Event().wait(0.2)
        first(db)

    with ThreadPoolExecutor() as pool:
        pool.submit(store._file.run, work)  # pyright: ignore[reportPrivateUsage]  # another thread's transaction, begun and not ended
        assert there.wait(10)
        return store.get("00")


def test_many_threads_are_no_failure(tmp_path: Path) -> None:
    """Whoever waits for the threads of the same program gets what is there, though that takes longer than 50 ms."""
    store = made(tmp_path / "cache.sqlite3", 1)
    kept = answer(0)
    store.set("00", kept)
    assert crowd(store, lambda _: None) == kept


def test_what_fails_for_one_thread_fails_for_those_who_wait(tmp_path: Path) -> None:
    """Else a thousand would each wait for a file that is locked, one after the other."""
    store = made(tmp_path / "cache.sqlite3", 1)
    kept = answer(0)
    store.set("00", kept)

    def busy(_: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error

    with pytest.raises(TimeoutError):
        crowd(store, busy)
    assert store.get("00") == kept


# ---- many at once


WRITER = """
import random, sys
from resilient_ai.stores import SQLiteStore, StoreRepaired
from tests.some_stores import entry
path, seed, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store, dice, busy, found = SQLiteStore(path, max_bytes=2 * 1024 * 1024), random.Random(seed), 0, 0
print("ready", flush=True)
while number:
    number -= 1
    key = f"key{dice.randrange(300)}"
    try:
        kept = store.get(key)
        if kept is not None:
            found += 1
            assert kept.data == key.encode() * (len(kept.data) // len(key)), "a wrong answer"
        store.set(key, entry(key.encode() * dice.randrange(1, 2000)))
    except OSError as error:
        busy += 1
        assert "SQLITE_BUSY" in str(error) or "temporarily" in str(error), error
print(busy, found)
"""


def writers(path: Path, count: int, number: int) -> list[subprocess.Popen[str]]:
    return [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(seed), str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for seed in range(count)
    ]


def test_many_processes_write_at_once(tmp_path: Path) -> None:
    """They begin at once too, with no file there."""
    began = writers(tmp_path / "cache.db", 4, 300)
    found = 0
    for process in began:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        found += int(out.split()[-1])
    assert found > 100
    assert not [name for name in files(tmp_path) if "aside" in name]


def test_killed_in_the_middle_of_writing(tmp_path: Path) -> None:
    """The file opens, and no wrong answer is served: 200 times (a few in short)."""
    dice = random.Random(9)
    path = tmp_path / "cache.db"
    for _ in range(200 if SOAK else 6):
        (process,) = writers(path, 1, -1)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(dice.uniform(0, 0.1))
        process.kill()
        process.communicate()
        store = SQLiteStore(path)
        for key, kept in store.entries():
            assert kept.data == key.encode() * (len(kept.data) // len(key))
        store.set("key1", entry(b"key1"))
        assert store.get("key1") is not None
        store.close()
    assert not [name for name in files(tmp_path) if "aside" in name]


FORKED = """
import os, sys, threading
from resilient_ai.stores import SQLiteStore, StoreRepaired
from tests.some_stores import entry
store, stop = SQLiteStore(sys.argv[1]), threading.Event()
store.set("a", entry(b"parent"))

def busy():
    while not stop.is_set():
        try:
            store.set("b", entry(b"b" * 5000)); store.get("b")
        except OSError:
            pass

threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads: thread.start()
for number in range(20):
    child = os.fork()
    if child == 0:
        kept = store.get("a")
        good = kept is not None and kept.data == b"parent"
        for _ in range(20):
            try:
                store.set(f"child{number}", entry(b"c"))
                break
            except OSError:
                pass
        sys.exit(0 if good else 1) if number % 2 else os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads: thread.join()
assert store.get("b").data == b"b" * 5000
assert len([key for key, _ in store.entries() if key.startswith("child")]) > 10
print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_forks(tmp_path: Path) -> None:
    """In the middle of what threads do: each child has a connection of its own, and none hangs."""
    assert run(FORKED, tmp_path / "cache.db") == "fine\n"


# ---- erasure


def test_overwritten_while_it_is_open(tmp_path: Path) -> None:
    """Its log is no part of what took its place, and does not stay where no erasure finds it."""
    store = SQLiteStore(tmp_path / "cache.db")
    store.set("a", entry(b"canary" * 100))
    foreign(tmp_path / "cache.db", "text")
    assert b"canary" in b"".join(files(tmp_path).values())
    assert told(lambda: SQLiteStore(tmp_path / "cache.db").get("a")) is None
    assert b"canary" not in b"".join(files(tmp_path).values())


@pytest.mark.parametrize("seed", [13, 24, 30])
def test_no_byte_is_left_between_the_cells_of_a_page(tmp_path: Path, seed: int) -> None:
    """SQLite moves cells about as a tree shrinks, and leaves what it moved in the gaps, secure_delete or not."""
    dice = random.Random(seed)
    store = SQLiteStore(tmp_path / "cache.db")
    for number in range(200):
        whose = "t7" if number % 2 else "t8"
        written = entry(b"x" * dice.choice([1, 30, 200, 2000]), stored=1e9 + number, namespace=f"digest-{whose}")
        store.set(f"{whose}-{number % 80:04}", written)
    assert store.purge(namespace="digest-t7") == 40
    assert b"digest-t7" not in b"".join(files(tmp_path).values())
    assert store.get("t8-0000") is not None


@pytest.mark.parametrize("encrypt", [None, Cipher()], ids=["plain", "encrypted"])
def test_no_byte_is_left(tmp_path: Path, encrypt: Any) -> None:
    """Not in the file, its log, its free pages, nor in what was moved aside; others' answers are still served."""
    dice = random.Random(34)
    store = SQLiteStore(tmp_path / "cache.db", encrypt=encrypt)

    def write(number: int) -> None:
        whose = "t7" if number % 2 else "t8"
        size = dice.choice([1, 30, 200, 2000])
        store.set(
            f"{whose}-{number % 80:04}",
            entry(f"canary-{whose}!".encode() * size, namespace=f"digest-{whose}", subject=f"of-{whose}"),
        )

    for number in range(300):
        write(number)
    other = SQLiteStore(tmp_path / "cache.db", encrypt=encrypt)
    assert other.get("t7-0001") is not None
    db = sqlite3.connect(tmp_path / "cache.db")
    db.execute("PRAGMA user_version = 99")  # the next to open it moves it aside, with all that is in it
    db.commit()
    db.close()
    fresh = SQLiteStore(tmp_path / "cache.db", encrypt=encrypt)
    assert told(lambda: fresh.get("t8-0000")) is None
    assert [name for name in files(tmp_path) if ".aside-" in name]
    assert told(lambda: store.get("t8-0000")) is told(lambda: other.get("t8-0000")) is None
    for number in range(300):
        write(number)
    eights = sum(key.startswith("t8") for key, _ in store.entries())
    assert (b"canary-t7" in b"".join(files(tmp_path).values())) == (encrypt is None)
    assert store.purge(namespace="digest-t7") == 40
    left = b"".join(files(tmp_path).values())
    for gone in (b"canary-t7", b"digest-t7", b"of-t7", b"t7-00"):
        assert gone not in left
    assert sum(key.startswith("t8") for key, _ in store.entries()) == eights == 40
    assert other.get("t8-0000") is not None
    store.clear()
    left = b"".join(files(tmp_path).values())
    assert b"canary" not in left
    assert b"digest-t8" not in left


def test_a_corrupt_file_is_erased_as_a_whole(tmp_path: Path) -> None:
    store = made(tmp_path / "cache.db")
    store.close()
    path = tmp_path / "cache.db"
    data = bytearray(path.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096] ^= 0x40
    path.write_bytes(data)
    store.purge(namespace="n1")
    assert b"key1:" not in b"".join(files(tmp_path).values())


def test_retention_removes_the_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    store = SQLiteStore(tmp_path / "cache.db", retention=50)
    for number in range(10):
        store.set(str(number), entry(b"canary", stored=now))
    monkeypatch.setattr(time, "time", lambda: now + 60)
    store._next_sweep = 0.0
    assert store.get("1") is None
    store.close()
    assert b"canary" not in b"".join(files(tmp_path).values())


# ---- leases


def test_leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (SQLiteStore(tmp_path / "cache.db") for _ in range(2))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    assert one.claim("a", seconds=10, owner="one")
    assert one.claim("a", seconds=20, owner="one")
    assert not two.claim("a", seconds=10, owner="two")
    assert two.claim("b", seconds=10, owner="two")
    two.release("a", owner="two")
    assert not two.claim("a", seconds=10, owner="two")
    monkeypatch.setattr(time, "time", lambda: now + 21)
    assert two.claim("a", seconds=10, owner="two")
    two.release("a", owner="two")
    assert one.claim("a", seconds=1e300, owner="one")
    monkeypatch.setattr(time, "time", lambda: now + 3700)
    assert two.claim("a", seconds=10, owner="two")
    monkeypatch.setattr(time, "time", lambda: now - 1e8)  # set back: nobody is shut out for years
    assert one.claim("a", seconds=10, owner="one")


def test_an_entry_that_was_changed_is_removed_and_told(tmp_path: Path) -> None:
    store = made(tmp_path / "cache.db")
    db = sqlite3.connect(tmp_path / "cache.db")
    db.execute("UPDATE resilient_ai_entries SET record = zeroblob(500) WHERE key = 'key1'")
    db.execute("UPDATE resilient_ai_entries SET record = 'text' WHERE key = 'key2'")
    db.execute("UPDATE resilient_ai_entries SET key = 'other' WHERE key = 'key3'")
    db.commit()
    db.close()
    for key in ("key1", "key2", "other"):
        assert key not in dict(store.entries())
        with pytest.raises(StoreRepaired, match="not as it was written"):
            store.get(key)
        assert store.get(key) is None
    assert never_wrong(store) == 37
