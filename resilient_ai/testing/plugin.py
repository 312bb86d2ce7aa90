"""The pytest side, found by pytest itself once the package is installed.

`simulator`: a running `Simulator` with the providers "primary" and "backup", one process for the whole run, reset for
each test. `resilient_ai_reset`: the library's own state (circuits, budgets, what it learnt) as new, before and after.

pytest loads this in every run, so nothing of the library is imported before a fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from . import Simulator


@pytest.fixture(scope="session")
def resilient_ai_simulator_process() -> Iterator[Simulator]:
    """The one process behind `simulator`."""
    from . import Simulator

    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(resilient_ai_simulator_process: Simulator) -> Iterator[Simulator]:
    """Providers "primary" and "backup", with no fault, an empty log, and nothing made."""
    yield resilient_ai_simulator_process
    resilient_ai_simulator_process.reset()  # after: what hangs is cut loose, for the test's own threads to end


@pytest.fixture
def resilient_ai_reset() -> Iterator[None]:
    """Every circuit closed, every budget full, nothing learnt: before the test and after it."""
    from resilient_ai import control

    control.reset()
    yield
    control.reset()
