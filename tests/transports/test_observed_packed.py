"""In observe mode a packed answer is judged by what is in it, and a bomb is not unpacked to judge it."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import Any

import pytest

from resilient_ai import Pipeline, record
from resilient_ai.transports import wrap_transport

from .sides import Side, awaited, sides


def bomb(size: int) -> bytes:
    packing = zlib.compressobj(9, wbits=31)
    return b"".join(packing.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packing.flush()


SOUND = gzip.compress(b'{"object": "chat.completion", "choices": [{"index": 0}]}')
BODIES = {
    "sound": (SOUND, None),
    "an error": (gzip.compress(b'{"error": {"message": "no", "type": "server_error"}}'), "transient"),
    "cut": (SOUND[:-4], "broken"),
    "a bomb": (bomb(60 << 20), "broken"),
}


@sides("sync", "asyncio")
@pytest.mark.parametrize("what", BODIES)
def test_judged_by_what_is_in_it(side: Side, what: str) -> None:
    body, kind = BODIES[what]
    headers = {"content-type": "application/json", "content-encoding": "gzip"}

    def answer(request: Any) -> Any:
        return side.module.Response(200, headers=headers, stream=side.module.ByteStream(body))

    async def script() -> None:
        given = side.module.MockTransport(answer)
        pipeline = Pipeline.default().observe()
        transport = (
            wrap_transport(given, pipeline)
            if side.mode == "sync"
            else wrap_transport(_Async(side.module).made(given), pipeline)
        )
        client = side.client(transport)
        request = client.build_request("POST", "http://provider.test/v1/chat/completions", json={"model": "m"})
        tracemalloc.start()
        try:
            with record() as calls:
                answered = await awaited(client.send(request, stream=True))
                read = answered.iter_raw() if side.mode == "sync" else answered.aiter_raw()
                got = b"".join(read) if side.mode == "sync" else b"".join([chunk async for chunk in read])
                await side.close(answered)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert got == body
        assert peak < 40_000_000
        assert [line.split(": ")[1].split(" ")[0] for line in calls[0].attempts] == [kind or "answered"]
        await side.close(client)

    side.run(script)


class _Async:
    """A MockTransport serves either kind of client, and is taken as a sync one."""

    def __init__(self, module: Any) -> None:
        self._base = module.AsyncBaseTransport

    def made(self, given: Any) -> Any:
        class Only(self._base):
            async def handle_async_request(self, request: Any) -> Any:
                return await given.handle_async_request(request)

        return Only()
