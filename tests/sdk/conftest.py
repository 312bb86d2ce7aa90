"""The real SDKs over real sockets, with nothing learnt from the test before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resilient_ai import Target, control
from resilient_ai._state.breaker import Circuit

from .listeners import Hosts, Listener, chat_answer
from .translated import providers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilient_ai._state.permit import Permit
    from resilient_ai.testing import SimulatedProvider, Simulator


@pytest.fixture(autouse=True)
def _nothing_learnt() -> Iterator[None]:
    control.reset()
    yield
    control.reset()


@pytest.fixture
def primary(simulator: Simulator) -> SimulatedProvider:
    return simulator["primary"]


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    """A primary and a target of each dialect; a module with others has a fixture of that name."""
    with providers() as simulator:
        yield simulator


@pytest.fixture
def vendors(running: Simulator) -> Simulator:
    """The same, in their first state."""
    running.reset()
    return running


@pytest.fixture
def backup(simulator: Simulator) -> SimulatedProvider:
    return simulator["backup"]


@pytest.fixture
def to_backup(backup: SimulatedProvider) -> list[Target]:
    """A fallback to the same models at the other provider."""
    return [Target("backup:*", base_url=backup.base_url, api_key=backup.key)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The bare SDK, and httpx below it, leave async generators to the collector; only trio says so aloud."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings(r"ignore:Async generator '(openai|http|trio):ResourceWarning"))


@pytest.fixture
def permits(monkeypatch: pytest.MonkeyPatch) -> list[Permit]:
    """Every permit that a circuit grants."""
    granted: list[Permit] = []
    admit = Circuit.admit

    def noted(self: Circuit, now: float, **said: bool) -> Permit:
        granted.append(admit(self, now, **said))
        return granted[-1]

    monkeypatch.setattr(Circuit, "admit", noted)
    return granted


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    """Four that listen: two in the EU, which are down, and two elsewhere."""
    four = Hosts(Listener(), Listener(), Listener(chat_answer("us")), Listener(chat_answer("nowhere")))
    yield four
    for host in four:
        host.close()
