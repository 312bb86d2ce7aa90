"""An outage of a store is told once, whoever meets it and however."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai._keying import Keying
from resilient_ai.stores import MemoryStore, StoreBusy, StoreRepaired
from resilient_ai.strategies._shelf import BYPASSED, Shelf
from tests.some_stores import entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from resilient_ai.stores import Entry


class Unsure(MemoryStore):
    """Does what it is told to before it looks, or keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Callable[[], object]] = []

    def get(self, key: str) -> Entry | None:
        if self.before:
            self.before.pop(0)()
        return super().get(key)

    def set(self, key: str, entry: Entry) -> None:
        if self.before:
            self.before.pop(0)()
        super().set(key, entry)


class World:
    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.now = 0.0
        self.events: list[Any] = []
        self.store = Unsure()
        self.shelf = Shelf(self.store, Keying())
        self.call: Any = SimpleNamespace(
            runtime=SimpleNamespace(now=lambda: self.now), journal=SimpleNamespace(emit=self.events.append)
        )
        self._caplog = caplog

    def fail(self, error: type[OSError] = OSError) -> None:
        raise error("no such device")

    def get(self) -> Entry | None:
        return self.shelf.find("a", self.call)

    def fails(self, error: type[OSError] = OSError) -> None:
        """A look-up does."""
        self.store.before.append(lambda: self.fail(error))
        self.get()

    @property
    def told(self) -> int:
        assert len(self._caplog.records) == len(self.events)
        return len(self.events)


@pytest.fixture
def world(caplog: pytest.LogCaptureFixture) -> World:
    return World(caplog)


def test_a_look_up_under_way_says_nothing_of_a_failure_since(world: World) -> None:
    world.store.before.append(world.fails)  # meanwhile, in another thread
    world.get()
    assert world.told == 1
    world.now += BYPASSED
    world.fails()
    assert world.told == 1


def test_reading_and_writing_fail_together(world: World) -> None:
    for _ in range(3):
        world.fails()
        world.store.before.append(world.fail)
        world.shelf.set("a", entry(), world.call)
        world.now += BYPASSED
    assert world.told == 1


def test_an_answer_that_took_long_is_kept_late(world: World) -> None:
    """The look-up failed, and by the time there is something to keep, more than the store's rest is over."""
    for _ in range(2):
        world.fails()
        world.now += 90
        world.store.before.append(world.fail)
        world.shelf.set("a", entry(), world.call)
    assert world.told == 1
    world.get()
    world.now += 1
    world.store.before.append(world.fail)
    world.shelf.set("a", entry(), world.call)
    assert world.told == 2  # it could be read meanwhile: another one


def test_what_was_never_written_again_hides_nothing(world: World) -> None:
    """A write failed once; since then all there was to do was to look up."""
    world.store.before.append(world.fail)
    world.shelf.set("a", entry(), world.call)
    world.fails()
    assert world.told == 1
    world.now += 3600
    world.get()
    world.fails()
    assert world.told == 2


def test_each_outage_is_told(world: World) -> None:
    world.fails()
    world.now += BYPASSED
    world.get()
    world.fails()
    assert world.told == 2
    world.now += BYPASSED
    world.get()
    world.fails(StoreRepaired)
    world.get()
    world.fails(StoreRepaired)
    assert world.told == 4


def test_what_can_be_read_only_is_told_once_and_read(world: World) -> None:
    for _ in range(5):
        world.store.before.append(world.fail)
        world.shelf.set("a", entry(), world.call)
        world.get()
        world.now += BYPASSED
    assert world.told == 1


def test_a_crowd_is_no_outage(world: World) -> None:
    world.store.set("a", entry())
    world.fails(StoreBusy)
    assert world.get() is not None
    assert world.told == 0
