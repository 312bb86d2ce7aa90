"""The bounded map from scope to state."""

from __future__ import annotations

import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai._state.scopes import Scopes


class State:
    def __init__(self, key: object) -> None:
        self.key = key
        self.open = False


def test_one_state_a_key() -> None:
    scopes = Scopes(State)
    assert scopes.get("a") is scopes.get("a")
    assert scopes.get("a") is not scopes.get("b")
    assert scopes.get("b").key == "b"
    assert scopes.peek("c") is None
    assert len(scopes) == 2


def test_the_least_recently_used_goes_first() -> None:
    scopes = Scopes(State, limit=2)
    kept = scopes.get("a")
    scopes.get("b")
    scopes.get("a")
    scopes.get("c")
    assert scopes.peek("b") is None
    assert scopes.items()[0] == ("a", kept)


def test_looking_is_not_using() -> None:
    scopes = Scopes(State, limit=2)
    scopes.get("a")
    scopes.get("b")
    scopes.peek("a")
    scopes.get("c")
    assert scopes.peek("a") is None


@given(keys=st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60), limit=st.integers(1, 5))
def test_equal_to_the_model(keys: list[tuple[int, bool]], limit: int) -> None:
    """Bounded whatever happens; open ones are dropped only when all are open; never the one just asked for."""
    scopes = Scopes(State, limit=limit, keep=lambda state: state.open)
    order: list[int] = []
    opened: set[int] = set()
    for key, is_open in keys:
        if key in order:
            order.remove(key)
        elif len(order) == limit:
            dropped = next((old for old in order if old not in opened), order[0])
            order.remove(dropped)
            opened.discard(dropped)
        order.append(key)
        scopes.get(key).open = is_open
        opened = opened | {key} if is_open else opened - {key}
        assert [name for name, _ in scopes.items()] == order
        assert len(scopes) <= limit


def test_threads_make_one_state_a_key() -> None:
    made: list[State] = []

    def make(key: object) -> State:
        made.append(State(key))
        return made[-1]

    scopes = Scopes(make, limit=3_000)
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait(10)
        for key in range(3_000):
            scopes.get(key)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert len(made) == 3_000


def test_a_limit_below_one_cannot_be_meant() -> None:
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        Scopes(State, limit=0)
