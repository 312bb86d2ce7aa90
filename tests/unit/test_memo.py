"""The latest values by key."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resilient_ai._memo import Memo


@given(st.lists(st.integers(0, 30)), st.integers(1, 8))
def test_the_latest_are_there_and_no_more_than_twice_as_many(keys: list[int], most: int) -> None:
    """What is kept is bounded."""
    memo: Memo[int, str] = Memo(most)
    for key in keys:
        memo.keep(key, str(key))
    latest = list(dict.fromkeys(reversed(keys)))[:most]
    assert [memo.get(key) for key in latest] == [str(key) for key in latest]
    assert sum(memo.get(key) is not None for key in range(31)) <= 2 * most


def test_what_is_said_last_holds() -> None:
    memo: Memo[str, int] = Memo(2)
    for number, key in enumerate("abac"):
        memo.keep(key, number)
    assert [memo.get(key) for key in "abcd"] == [2, 1, 3, None]


def test_all_is_forgotten() -> None:
    memo: Memo[str, int] = Memo(1)
    for key in "ab":
        memo.keep(key, 1)
    memo.clear()
    assert (memo.get("a"), memo.get("b")) == (None, None)
