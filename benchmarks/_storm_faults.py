"""Every fault there is, with a healthy fallback that has no limits: every call is answered, and how many requests it
comes to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio

from resilient_ai import Fallback, Pipeline
from resilient_ai.testing import Fault, Provider, Simulator

from ._storm_kit import Storm, chat, client_of, forgotten, load, target_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from resilient_ai.testing import SimulatedProvider

    from ._storm_kit import Done

RATE = 10.0
TIMEOUT = 4.0
AT_ONCE = 5
"""Faults that are tried beside one another, each at a primary of its own: twenty calls a second for each."""

FAULTS: Mapping[str, Fault] = {
    "refused": Fault.refused(),
    "mute_connect": Fault.mute_connect(),
    "blackhole": Fault.blackhole(),
    "reset": Fault.reset(),
    "status 500": Fault.status(500),
    "status 503": Fault.status(503),
    "status 530": Fault.status(530),
    "status 500, 92 %": Fault.status(500, share=0.92),
    "status 500, 50 %": Fault.status(500, share=0.5),
    "status 500, 8 %": Fault.status(500, share=0.08),
    "rate_limited 1 s": Fault.rate_limited(retry_after=1),
    "rate_limited 20 s": Fault.rate_limited(retry_after=20),
    "rate_limited, no time": Fault.rate_limited(retry_after=None),
    "vendor overloaded": Fault.vendor("openai", "overloaded"),
    "vendor quota": Fault.vendor("openai", "insufficient_quota"),
    "revoked": Fault.revoked(),
    "retired": Fault.retired(),
    "html 502": Fault.html(502),
    "html 200": Fault.html(200),
    "redirect": Fault.redirect("http://127.0.0.1:9/"),
    "slow": Fault.slow(30.0),
    "slow_first_token": Fault.slow_first_token(30.0),
    "paced": Fault.paced(0.01),
    "drip": Fault.drip(0.3),
    "drip_body": Fault.drip_body(0.3),
    "truncated": Fault.truncated(),
    "truncated_clean": Fault.truncated_clean(),
    "stalled": Fault.stalled(),
    "malformed_json": Fault.malformed_json(),
    "error_in_stream": Fault.error_in_stream(),
    "unterminated": Fault.unterminated(),
    "not_streamed": Fault.not_streamed(),
    "gzip_cut": Fault.gzip_cut(),
    "wrong_length": Fault.wrong_length(),
    "set_cookie": Fault.set_cookie("a=b"),
}
FEW = ("refused", "blackhole", "status 503", "rate_limited, no time")


def faults(storm: Storm, *, short: bool) -> None:
    """A table: requests for each call, and the calls that were answered, plain and streamed."""
    seconds = 5.0 if short else 60.0  # what it costs to notice is spread over the calls of an outage of so long
    most = 1.5 if short else 1.1
    names = list(FEW if short else FAULTS)
    for begin in range(0, len(names), AT_ONCE):
        some = names[begin : begin + AT_ONCE]
        for name, done in zip(some, _together(some, seconds), strict=True):
            _judge(storm, name, done, most)


def _judge(storm: Storm, name: str, done: Mapping[bool, list[Done]], most: float) -> None:
    cells: list[str] = []
    worst, all_answered = 0.0, True
    for stream, calls in done.items():
        per_call = sum(len(call.attempts) for call in calls) / len(calls)
        answered = sum(call.by is not None for call in calls)
        worst = max(worst, per_call)
        all_answered = all_answered and answered == len(calls)
        cells.append(f"{'streamed' if stream else 'plain'} {per_call:.3f}, {answered} of {len(calls)} answered")
    storm.check(worst <= most and all_answered, f"{name:22} requests for each call", "; ".join(cells))


def _together(names: list[str], seconds: float) -> list[dict[bool, list[Done]]]:
    primaries = [Provider(f"p{index}") for index in range(2 * len(names))]
    with forgotten(), Simulator(*primaries, Provider("backup")) as sim:
        return anyio.run(partial(_script, sim, names, seconds))


async def _script(sim: Simulator, names: list[str], seconds: float) -> list[dict[bool, list[Done]]]:
    found: list[dict[bool, list[Done]]] = [{} for _ in names]

    async def one(index: int, stream: bool) -> None:
        primary = sim[f"p{2 * index + stream}"]
        found[index][stream] = await _storm(primary, sim["backup"], FAULTS[names[index]], seconds, stream=stream)

    async with anyio.create_task_group() as group:
        for index in range(len(names)):
            for stream in (False, True):
                group.start_soon(one, index, stream)
                await anyio.sleep(0.01)
    return found


async def _storm(
    primary: SimulatedProvider, backup: SimulatedProvider, fault: Fault, seconds: float, *, stream: bool
) -> list[Done]:
    pipeline = Pipeline.default(Fallback([target_of(backup)]), isolated=True)
    async with client_of(primary, pipeline, timeout=TIMEOUT) as client:
        for _ in range(3):  # a key, or a model, that has worked
            await chat(client, stream=stream)
        await anyio.to_thread.run_sync(primary.fault, fault)
        return await load(lambda _: chat(client, stream=stream), rate=RATE, seconds=seconds)
