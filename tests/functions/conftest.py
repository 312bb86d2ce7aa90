"""Functions as a program has them, with nothing learnt from the test before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from resilient_ai import control

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _nothing_learnt() -> Iterator[None]:
    control.reset()
    yield
    control.reset()


@pytest.fixture(params=["sync", "asyncio", "trio"])
def mode(request: pytest.FixtureRequest) -> str:
    """Plain threads, asyncio, trio."""
    return request.param
