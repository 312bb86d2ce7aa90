"""A process that forks while requests are shared: the child begins with none, and with no lock that somebody held."""

from __future__ import annotations

import multiprocessing
import threading
from typing import TYPE_CHECKING, Any

from resilient_ai import outcome
from resilient_ai.testing import Fault

from .flights import in_flight, soon
from .modes import Mode, chat
from .test_single_flight import SURE, flying

if TYPE_CHECKING:
    from resilient_ai.testing import SimulatedProvider

SYNC = Mode("sync")


def call(client: Any) -> Any:
    return SYNC.run(lambda: chat(client, **SURE))


def child(client: Any, told: Any) -> None:
    told.put((in_flight(), outcome(call(client)).joined))


def test_a_child_shares_nothing_with_its_parent(primary: SimulatedProvider) -> None:
    primary.fault(Fault.slow(1.5))
    client = flying(SYNC, primary)
    threads = [threading.Thread(target=call, args=(client,)) for _ in range(10)]
    for thread in threads:
        thread.start()
    assert SYNC.run(lambda: soon(SYNC, lambda: in_flight() == 10))
    context = multiprocessing.get_context("fork")
    told = context.Queue()
    process = context.Process(target=child, args=(client, told))
    process.start()
    assert told.get(timeout=30) == (0, False)
    process.join(30)
    assert process.exitcode == 0
    for thread in threads:
        thread.join(30)
    client.close()
    assert primary.count() == 2
