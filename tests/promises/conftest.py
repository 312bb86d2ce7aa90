"""Two providers of each big dialect, and nothing learnt from the test before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resilient_ai import control
from resilient_ai.testing import Provider, Simulator
from tests.sdk.conftest import permits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilient_ai.testing import SimulatedProvider

    from .big import Api

__all__ = ["permits"]  # a fixture

_IGNORED = (
    "ignore:Inheritance class AiohttpClientSession:DeprecationWarning",  # the bare google-genai's own, on aiohttp
    r"ignore:Async generator '(openai|anthropic|http|trio):ResourceWarning",  # only trio says so aloud
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            for ignored in _IGNORED:
                item.add_marker(pytest.mark.filterwarnings(ignored))


@pytest.fixture(autouse=True)
def _nothing_learnt() -> Iterator[None]:
    control.reset()
    yield
    control.reset()


@pytest.fixture(scope="session")
def world() -> Iterator[Simulator]:
    dialects = ("openai", "anthropic", "gemini")
    with Simulator(
        *(Provider(f"{dialect}-{number}", dialect=dialect) for dialect in dialects for number in (1, 2))
    ) as simulator:
        yield simulator


@pytest.fixture
def primary(api: Api, world: Simulator) -> Iterator[SimulatedProvider]:
    yield world[f"{api.dialect}-1"]
    world.reset()


@pytest.fixture
def backup(api: Api, world: Simulator) -> Iterator[SimulatedProvider]:
    yield world[f"{api.dialect}-2"]
    world.reset()
