"""Functions with a cache in front: what is the same call, what is kept of a value, and who is told what is missing."""

from __future__ import annotations

import functools
import json
import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Cache, Pipeline, Retry, SingleFlight, options, record
from resilient_ai.errors import ConfigurationError, NotCached
from resilient_ai.stores import MemoryStore, SQLiteStore

from .test_guard import RESET, Model, do, run

if TYPE_CHECKING:
    from pathlib import Path


def by_text(text: str, *, loud: bool = False) -> Any:
    return (text, loud)


def pipeline(**said: Any) -> Pipeline:
    return Pipeline(Cache(**said), Retry(attempts=1), isolated=True)


class Values:
    """A function that gives what it is told, and counts its calls."""

    def __init__(self, *values: Any) -> None:
        self.values = values
        self.count = 0

    def __call__(self, text: str) -> Any:
        self.count += 1
        return self.values[min(self.count, len(self.values)) - 1]


def test_a_hit_asks_nobody(mode: str) -> None:
    model = Model(mode, "fine")

    async def script() -> None:
        guarded = pipeline(ttl=60).guard(model.ask, name="local", operation="stateless", key=by_text)
        with record() as calls:
            answers = [await do(guarded("you")) for _ in range(3)]
        assert len(set(answers)) == 1
        assert [call.source for call in calls] == ["fresh", "cache", "cache"]
        await do(guarded("you", loud=True))
        await do(guarded("her"))
        with options(cache="no-store"):
            await do(guarded("you"))
        for tenant in ("t7", "t8"):
            with options(namespace=tenant):
                await do(guarded("you"))

    run(mode, script)
    assert model.count == 6


def test_a_stale_value_when_it_fails(mode: str) -> None:
    model = Model(mode, "fine", RESET)

    async def script() -> None:
        guarded = pipeline(stale_if_error=60).guard(model.ask, name="local", operation="stateless", key=by_text)
        first = await do(guarded("you"))
        with record() as calls:
            assert await do(guarded("you")) == first
        assert (calls[0].source, calls[0].degraded) == ("stale", True)
        with pytest.raises(ConnectionResetError):
            await do(guarded("her"))

    run(mode, script)


def test_a_fallback_s_value_is_not_fresh_for_the_first() -> None:
    first, other = Values(RESET), Values("other's")
    first.values = ()

    def fails(text: str) -> Any:
        first.count += 1
        raise ConnectionRefusedError

    guarded = pipeline(ttl=60, stale_if_error=60).guard(
        fails, name="a", operation="stateless", fallback={"b": other}, key=by_text
    )
    assert [guarded("x"), guarded("x")] == ["other's"] * 2
    assert (first.count, other.count) == (2, 2)


def test_nobody_can_change_anothers_value() -> None:
    given = {"words": ["a"]}
    values = Values(given)
    guarded = pipeline(ttl=60).guard(values, name="v", operation="stateless", key=by_text)
    assert guarded("x") is given
    given["words"].append("mine")
    for _ in range(2):
        had = guarded("x")
        assert had == {"words": ["a"]}
        had["words"].append("mine, too")
    assert values.count == 1


@pytest.mark.parametrize("value", [None, "", 0, (), b"x" * 100_000, float("inf")])
def test_any_value_is_kept(value: Any) -> None:
    values = Values(value, "another")
    guarded = pipeline(ttl=60).guard(values, name="v", operation="stateless", key=by_text)
    assert [guarded("x"), guarded("x")] == [value, value]


def test_what_cannot_be_kept_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    lock = threading.Lock()
    values = Values(lock)
    guarded = pipeline(ttl=60).guard(values, name="v", operation="stateless", key=by_text)
    assert [guarded("secret") for _ in range(3)] == [lock] * 3
    assert values.count == 3
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == "the cache cannot keep what a function returned, a lock: its codec raised TypeError; told once"


def test_none_is_no_key() -> None:
    values = Values("a")
    guarded = pipeline(ttl=60).guard(values, name="v", operation="stateless", key=lambda text: None)
    assert [guarded("x"), guarded("x")] == ["a", "a"]
    assert values.count == 2


@pytest.mark.parametrize("wrong", [{"a": 1}, ["a"], ("a", ["b"]), object(), {1, 2}])
def test_a_key_that_is_none(wrong: Any) -> None:
    """A dict has no order of its own to rely on, an object's text may tell where it lies."""
    guarded = pipeline(ttl=60).guard(Values("a"), name="v", operation="stateless", key=lambda text: wrong)
    with pytest.raises(ConfigurationError, match="key=… gives a string"):
        guarded("x")


def test_keys_that_differ_share_nothing() -> None:
    keys: list[Any] = [
        "1",
        1,
        1.0,
        True,
        b"1",
        "True",
        "None",
        ("1",),
        (1,),
        ("1", "1"),
        ("1", ("1",)),
        "('1',)",
        "",
        (),
    ]
    values = Values(*range(100))
    guarded = pipeline(ttl=60).guard(values, name="v", operation="stateless", key=lambda at: keys[at])
    assert [guarded(at) for at in range(len(keys))] == list(range(len(keys)))
    assert [guarded(at) for at in range(len(keys))] == list(range(len(keys)))


def test_two_functions_share_nothing() -> None:
    shared = pipeline(ttl=60)
    one, two = (shared.guard(Values(name), name=name, operation="stateless", key=by_text) for name in ("east", "west"))
    assert [one("x"), two("x"), one("x"), two("x")] == ["east", "west", "east", "west"]


def test_in_a_file_by_a_codec_of_ones_own(tmp_path: Path) -> None:
    values = Values({"a": [1, 2]})

    def guarded() -> Any:
        cache = Cache(ttl=60, store=SQLiteStore(tmp_path / "a.sqlite3"))
        return Pipeline(cache, isolated=True).guard(values, name="v", operation="stateless", key=by_text, codec=json)

    assert [guarded()("x"), guarded()("x")] == [{"a": [1, 2]}] * 2
    assert values.count == 1


def test_what_its_codec_cannot_read_is_a_miss() -> None:
    class Fickle:
        dumps = staticmethod(pickle.dumps)

        @staticmethod
        def loads(data: bytes) -> Any:
            raise AttributeError("written by another version")

    values = Values("a")
    codec: Any = Fickle()
    guarded = pipeline(ttl=60).guard(values, name="v", operation="stateless", key=by_text, codec=codec)
    assert [guarded("x"), guarded("x")] == ["a", "a"]
    assert values.count == 2
    failing = Model("sync", "a", RESET)
    guarded = pipeline(ttl=60).guard(failing.ask, name="v", operation="stateless", key=by_text, codec=codec)
    guarded("x")
    with record() as calls, pytest.raises(ConnectionResetError):
        guarded("x")
    assert (calls[0].source, calls[0].age) == (None, None)  # what could not be read answered nothing


def test_only_asks_nobody() -> None:
    values = Values("a")
    guarded = pipeline(ttl=60).guard(values, name="v", operation="stateless", key=by_text)
    with options(cache="only"), pytest.raises(NotCached):
        guarded("x")
    guarded("x")
    with options(cache="only"):
        assert guarded("x") == "a"
    assert values.count == 1


def test_the_key_s_own_exception_is_the_program_s() -> None:
    guarded = pipeline(ttl=60).guard(Values("a"), name="v", operation="stateless", key=lambda text: text.no)
    with pytest.raises(AttributeError):
        guarded("x")


def test_observed_and_off() -> None:
    """A cache is not looked at, and the program's key is not asked."""
    values = Values("a", "b")
    guarded = pipeline(ttl=60).observe().guard(values, name="v", operation="stateless", key=lambda text: text.no)
    assert [guarded("x"), guarded("x")] == ["a", "b"]


def in_this_module(text: str) -> str:
    return text


def test_a_function_of_a_module_needs_no_name() -> None:
    guarded = pipeline(ttl=60).guard(in_this_module, operation="stateless", key=lambda text: text)
    assert [guarded("x"), guarded("x")] == ["x", "x"]


class Account:
    def ask(self, text: str) -> str:
        return text


WELL: dict[str, Any] = {"operation": "stateless", "key": by_text}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda: pipeline(ttl=5).guard(in_this_module, operation="stateless"), "say it by key="),
        (lambda: pipeline(ttl=5).call(in_this_module, "x"), "say it by key="),
        (lambda: pipeline(ttl=5).guard(in_this_module, key=by_text), "operation='stateless'"),
        (lambda: pipeline(ttl=5).guard(in_this_module, key=by_text, operation="idempotent"), "operation='stateless'"),
        (lambda: pipeline(ttl=5).guard(in_this_module, key="text", operation="stateless"), "key=… is a function"),  # type: ignore[call-overload]  # wrong on purpose
        (lambda: pipeline(ttl=5).guard(in_this_module, **WELL, codec=5), "codec=… has dumps"),
        (lambda: pipeline(ttl=5).guard(Account().ask, **WELL), "give name="),
        (lambda: pipeline(ttl=5).guard(functools.partial(in_this_module), **WELL), "give name="),
        (lambda: pipeline(ttl=5).guard(lambda text: text, **WELL), "give name="),
        (lambda: pipeline(ttl=5).guard(Values(), **WELL), "give name="),
        (lambda: pipeline(ttl=5, store=SQLiteStore()).guard(in_this_module, **WELL), "codec=json"),
        (lambda: pipeline().guard(in_this_module, **WELL), "has no Cache"),
        (lambda: Pipeline().guard(in_this_module, codec=json), "codec=… is for a cache"),
        (lambda: Pipeline(Cache(ttl=5), SingleFlight()).guard(in_this_module, **WELL), "SingleFlight"),
    ],
)
def test_what_is_missing_is_told_when_it_is_written(wrong: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        wrong()


def test_a_store_of_memory_in_another_s_words(caplog: pytest.LogCaptureFixture) -> None:
    """No key, argument or value in what is told of it."""
    store = MemoryStore()
    guarded = pipeline(ttl=60, store=store).guard(Values("canary-value"), name="v", **WELL)
    guarded("canary-text")
    ((key, kept),) = store.entries()
    assert "canary" not in f"{key} {kept} {guarded} {caplog.text}"
