"""Every scenario runs in three modes and begins with nothing learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from resilient_ai import control

from .harness import MODES, Mode

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    """Plain threads, asyncio, trio."""
    return request.param


@pytest.fixture(autouse=True)
def _nothing_learnt() -> Iterator[None]:
    control.reset()
    yield
    control.reset()
