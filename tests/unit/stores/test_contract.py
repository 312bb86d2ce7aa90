"""What every store does, plain and encrypted."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resilient_ai.errors import ConfigurationError
from resilient_ai.stores import Entry, digest
from tests.some_stores import KINDS, Cipher, entry, used_at_once

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from resilient_ai.stores import Store

KEY = "0f" * 32


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Callable[..., Store]:
    return KINDS[request.param]


@pytest.fixture(params=[None, Cipher()], ids=["plain", "encrypted"])
def make(request: pytest.FixtureRequest, kind: Callable[..., Store], tmp_path: Path) -> Callable[..., Store]:
    return lambda **said: kind(tmp_path, **{"encrypt": request.param, **said})


def test_what_was_kept_comes_back(make: Callable[..., Store]) -> None:
    store = make()
    assert store.get(KEY) is None
    kept = entry(
        b"\x00\xff" * 300, stale_ok=False, model=None, namespace="n", subject="s", family="chat", answered_by="é:\n"
    )
    store.set(KEY, kept)
    store.set(f"{KEY} fallback", entry(b""))
    assert store.get(KEY) == kept
    found = store.get(f"{KEY} fallback")
    assert found is not None
    assert found.data == b""
    store.set(KEY, entry(b"newer"))
    assert [key for key, _ in store.entries()] != []
    assert {key: kept.data for key, kept in store.entries()} == {KEY: b"newer", f"{KEY} fallback": b""}
    store.delete(KEY)
    store.delete(KEY)
    assert store.get(KEY) is None
    store.clear()
    assert list(store.entries()) == []


def test_the_salt_stays(make: Callable[..., Store]) -> None:
    store = make()
    assert isinstance(store.salt, bytes)
    assert len(store.salt) == 16
    assert store.salt == store.salt
    names = {digest(store.salt, kind, name) for kind in ("namespace", "subject") for name in ("a", "b", "")}
    assert len(names) == 6
    assert digest(store.salt, "namespace", "a") != digest(b"x" * 16, "namespace", "a")


def test_erasure(make: Callable[..., Store]) -> None:
    """Everything that is given must hold; nothing given is a slip."""
    now = time.time()
    every = [entry(stored=now - age, namespace=n, subject=s) for n in ("a", "b") for s in ("x", None) for age in (9, 0)]

    def left(**said: Any) -> tuple[int, int]:
        store = make()
        store.clear()
        for number, kept in enumerate(every):
            store.set(str(number), kept)
        return store.purge(**said), len(list(store.entries()))

    assert left(namespace="a") == (4, 4)
    assert left(subject="x") == (4, 4)
    assert left(before=now - 5) == (4, 4)
    assert left(namespace="a", subject="x") == (2, 6)
    assert left(namespace="a", subject="x", before=now - 5) == (1, 7)
    assert left(namespace="none") == (0, 8)
    with pytest.raises(ValueError, match=r"clear\(\)"):
        make().purge()


def test_retention(make: Callable[..., Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not found any more; then it is not there any more."""
    store = make(retention=100.0)
    now = time.time()
    store.set("old", entry(stored=now - 90))
    store.set("new", entry(stored=now))
    assert store.get("old") is not None
    monkeypatch.setattr(time, "time", lambda: now + 20)
    assert store.get("old") is None
    assert store.get("new") is not None
    assert [key for key, _ in store.entries()] == ["new"]
    monkeypatch.setattr(time, "time", lambda: now - 1e8)
    assert store.get("new") is None


def test_bounded(make: Callable[..., Store], tmp_path: Path) -> None:
    """Promise 34, in short: what was written first goes first, and what is too large is not kept."""
    store = make(max_bytes=1024 * 1024)
    for number in range(300):
        store.set(str(number), entry(b"x" * 10_000))
    left = {int(key) for key, _ in store.entries()}
    assert 60 <= len(left) <= 105
    assert left == set(range(300 - len(left), 300))
    store.set("299", entry(b"x" * 2_000_000))
    assert store.get("299") is None
    assert store.get("298") is not None


def test_threads(make: Callable[..., Store]) -> None:
    store = make(max_bytes=1024 * 1024)
    assert used_at_once(store, keys=20, rounds=60) == []


texts = st.text(max_size=20)
keys = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20)
kept = st.builds(
    Entry,
    data=st.binary(max_size=3000),
    stored=st.floats(min_value=-1e6, max_value=1e6).map(lambda apart: time.time() + apart),
    answered_by=texts,
    model=st.none() | texts,
    stale_ok=st.booleans(),
    namespace=st.from_regex("[0-9a-f]{0,32}", fullmatch=True),
    subject=st.none() | st.from_regex("[0-9a-f]{32}", fullmatch=True),
    family=texts,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(keys, kept), max_size=6))
def test_a_store_is_a_dict(make: Callable[..., Store], steps: list[tuple[str, Entry]]) -> None:
    store = make()
    store.clear()
    model: dict[str, Entry] = {}
    for key, value in steps:
        store.set(key, value)
        model[key] = value
    assert dict(store.entries()) == model
    assert all(store.get(key) == value for key, value in model.items())


def test_an_entry_opens_under_its_own_key_only(kind: Callable[..., Store], tmp_path: Path) -> None:
    """And only with the key it was sealed with: all else is a miss."""
    store: Any = kind(tmp_path, encrypt=Cipher())
    store.set("a", entry())
    other = Cipher(b"z" * 32)
    store._sealer._encrypt = other
    assert store.get("a") is None
    assert list(store.entries()) == []


def test_what_cannot_be_sealed_is_not_kept(kind: Callable[..., Store], tmp_path: Path) -> None:
    class Broken(Cipher):
        def seal(self, data: bytes, aad: bytes) -> bytes:
            raise RuntimeError(f"the vault is shut for {data!r}")

    store = kind(tmp_path, encrypt=Broken())
    with pytest.raises(OSError, match="RuntimeError") as failed:
        store.set("a", entry(b"secret words"))
    assert "secret" not in str(failed.value)
    assert failed.value.__cause__ is None
    assert store.get("a") is None


@pytest.mark.parametrize("wrong", [5, Cipher, object()])
def test_what_is_no_encryption(kind: Callable[..., Store], tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"seal\(data, aad\)"):
        kind(tmp_path, encrypt=wrong)


@pytest.mark.parametrize("wrong", [0, -1, "5", float("nan")])
def test_what_is_no_retention(kind: Callable[..., Store], tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="retention=…"):
        kind(tmp_path, retention=wrong)


def test_no_answer_in_a_repr(make: Callable[..., Store]) -> None:
    store = make()
    kept = replace(entry(b"secret words"), subject="s")
    store.set("a", kept)
    assert "secret" not in f"{store!r} {store.get('a')!r}"
