"""What the garbage collector takes with a client that nobody closed."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from contextlib import ExitStack
from typing import Any

import httpcore
import pytest

from resilient_ai.transports._backend import AsyncBackend
from resilient_ai.transports._private import SOCKET_INSIDE


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")
def test_a_collected_sockets_number_is_the_next_connections() -> None:
    """The collector closes a socket, the next connection gets its number, and only then the forgotten pool ends: in a
    server that makes a client for each call one connect of ten was never told that it had succeeded."""

    async def script(held: ExitStack) -> None:
        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        listening = held.enter_context(socket.create_server(("127.0.0.1", 0)))
        here, there = (held.enter_context(one) for one in socket.socketpair())
        core: Any = httpcore
        stream = await AsyncBackend(core.AnyIOBackend(), core).connect_tcp(*listening.getsockname())
        lost = getattr(stream.get_extra_info("socket"), SOCKET_INSIDE)
        number = lost.fileno()
        lost.close()  # as its finaliser does; asyncio is not told
        os.dup2(here.fileno(), number)
        held.callback(os.close, number)
        loop._add_reader(number, heard.set)  # type: ignore[attr-defined]  # asyncio's own way, as the next connection's transport does
        await stream.aclose()
        there.send(b"x")
        async with asyncio.timeout(5):
            await heard.wait()
        loop._remove_reader(number)  # type: ignore[attr-defined]  # as above

    with ExitStack() as held:
        asyncio.run(script(held))
    gc.collect()  # asyncio's transport warns, here
