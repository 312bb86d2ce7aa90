"""One stream, read by many: what is held, who sets the pace, and what becomes of one that is too slow."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai._runtime.sync import SYNC, drive
from resilient_ai.transports._fanout import AHEAD, BEHIND, HELD, Cursor, Fanout, LeftBehind, SyncFanout

KIB = 1024
RUNTIME: Any = SYNC


def fanout(source: Any = None) -> Fanout:
    return Fanout(source, RUNTIME)


def rest(of: Fanout, cursor: Cursor) -> list[bytes]:
    found: list[bytes] = []
    while chunk := of.take(cursor):
        found.append(chunk)
    return found


@given(st.lists(st.sampled_from(["feed", 0, 1, 2, "join"]), max_size=60))
@settings(max_examples=200, deadline=None)
def test_each_reads_all_of_it_in_its_own_time(steps: list[Any]) -> None:
    shared = fanout()
    fed: list[bytes] = []
    cursors = [Cursor() for _ in range(3)]
    seen: list[list[bytes]] = [list[bytes]() for _ in cursors]
    assert all(shared.enter(cursor) for cursor in cursors)
    for step in steps:
        if step == "feed":
            fed.append(b"%d." % len(fed))
            shared.feed(fed[-1])
        elif step == "join":
            cursors.append(Cursor())
            seen.append(list[bytes]())
            assert shared.enter(cursors[-1])
        elif chunk := shared.take(cursors[int(step)]):
            seen[step].append(chunk)
    shared.finish(None)
    for cursor, had in zip(cursors, seen, strict=True):
        assert had + rest(shared, cursor) == fed
        assert shared.take(cursor) is None


def test_the_beginning_is_held_for_a_while() -> None:
    shared, first = fanout(), Cursor()
    shared.enter(first)
    for _ in range(HELD // KIB):
        shared.feed(b"x" * KIB)
        assert shared.take(first)
    assert shared.whole
    shared.feed(b"x" * KIB)
    assert shared.take(first)
    shared.feed(b"x")
    assert not shared.whole
    assert not shared.enter(Cursor())


def test_one_that_is_too_slow_is_let_go_of_and_no_byte_is_lost_unseen() -> None:
    shared, quick, slow = fanout(), Cursor(), Cursor()
    shared.enter(quick)
    shared.enter(slow)
    most = 0
    for _ in range((BEHIND + AHEAD) // KIB + 1):
        shared.feed(b"x" * KIB)
        assert shared.take(quick)
        most = max(most, shared._size)  # pyright: ignore[reportPrivateUsage]  # the bound cannot be seen from outside
    with pytest.raises(LeftBehind):
        shared.take(slow)
    assert most <= BEHIND + AHEAD + KIB
    shared.feed(b"end")
    assert shared.take(quick) == b"end"


def test_nobody_is_read_for_far_ahead() -> None:
    shared, one = fanout(), Cursor()
    shared.enter(one)
    while shared.has_room:
        shared.feed(b"x" * KIB)
    assert shared.take(one)
    assert shared.has_room
    shared.leave(one)
    assert shared.has_room


class Source:
    """A stream whose reader may be held up."""

    marks: dict[str, Any] = {}

    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = chunks
        self.closed = 0

    def __next__(self) -> bytes:
        if not self.chunks:
            raise StopIteration
        return self.chunks.pop(0)

    def close(self) -> None:
        self.closed += 1


def test_one_thread_reads_for_all() -> None:
    chunks = [b"%d" % number for number in range(200)]
    source = Source(list(chunks))
    shared = SyncFanout(source, RUNTIME)
    cursors = [Cursor() for _ in range(8)]
    for cursor in cursors:
        shared.enter(cursor)
    assert shared.may_pull()  # the first one, while it is alone
    assert not shared.may_pull()
    shared.pull()
    shared.pulled()
    shared.pumped(True)
    assert not shared.may_pull()
    thread = threading.Thread(target=lambda: drive(shared.pump()))
    thread.start()
    thread.join(20)
    assert [rest(shared, cursor) for cursor in cursors] == [chunks] * 8
    assert (shared.over, shared.error, source.closed) == (True, None, 1)


def test_an_interrupt_inside_the_connection_is_the_end_for_all() -> None:
    class Struck(Source):
        def __next__(self) -> bytes:
            raise KeyboardInterrupt

    shared, other = SyncFanout(Struck([]), RUNTIME), Cursor()
    shared.enter(other)
    assert shared.may_pull()
    with pytest.raises(KeyboardInterrupt):
        shared.pull()
    shared.pulled()
    assert shared.take(other) is None
    assert shared.error is not None
