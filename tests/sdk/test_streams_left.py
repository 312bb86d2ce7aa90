"""Streams that are left, in short and with generous limits: counted over real sockets.

`python -m benchmarks.storms leave browsers` is the long form: a thousand streams, five hundred browsers.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from benchmarks._storm_kit import Storm
from benchmarks._storm_leave import browsers, leave

if TYPE_CHECKING:
    from resilient_ai._state.permit import Permit

# The bare SDK, beside which all of it is measured, leaves generators and sockets to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_streams_left_in_every_way_leave_nothing_behind(permits: list[Permit]) -> None:
    """Promises 7, 11 and 12; issue 4: break, close, with, cancel, del, a thread's end; threads, asyncio and trio."""
    storm = Storm("leave")
    leave(storm, short=True)
    assert storm.lines
    assert not storm.failed, "\n".join(map(str, storm.lines))
    assert permits
    assert all(permit.ended for permit in permits)


@pytest.mark.skipif(importlib.util.find_spec("uvicorn") is None, reason="uvicorn is not installed")
def test_browsers_that_disconnect_leave_nothing_behind(permits: list[Permit]) -> None:
    """Issue 4: a server that hands a stream on with uvicorn and Starlette."""
    storm = Storm("browsers")
    browsers(storm, short=True)
    assert storm.lines
    assert not storm.failed, "\n".join(map(str, storm.lines))
    assert permits
    assert all(permit.ended for permit in permits)
