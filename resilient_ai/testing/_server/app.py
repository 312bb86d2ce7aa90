"""The simulator's process: its providers, and the line to the process that started it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..faults import Fault
from ..limits import Latency, Quota
from ..records import Provider
from .host import Host
from .rules import Span

if TYPE_CHECKING:
    from collections.abc import Callable

_END: Final = getattr(signal, "SIGKILL", signal.SIGTERM)
_WATCH: Final = 0.2  # seconds between two looks whether the parent lives


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the parent wants; `control` is the port where it waits, `token` shows that it is us."""

    providers: tuple[Provider, ...]
    seed: int
    job_polls: int
    job_seconds: float | None
    answer_tokens: int
    control: int
    token: str
    parent: int


def settings(text: str) -> Settings:
    """Settings from the JSON the parent sends."""
    raw = json.loads(text)
    providers = tuple(_provider(item) for item in raw.pop("providers"))
    return Settings(providers=providers, **raw)


def _provider(raw: dict[str, Any]) -> Provider:
    return Provider(raw.pop("name"), quota=_quota(raw.pop("quota")), latency=_latency(raw.pop("latency")), **raw)


def _quota(raw: dict[str, Any] | None) -> Quota | None:
    return Quota(**raw) if raw else None


def _latency(raw: dict[str, Any] | None) -> Latency | None:
    return Latency(**raw) if raw else None


class App:
    """All providers, and the commands on them."""

    def __init__(self, wanted: Settings) -> None:
        start = time.monotonic()
        self.clock: Callable[[], float] = lambda: time.monotonic() - start
        self.hosts = {
            provider.name: Host(
                provider,
                seed=wanted.seed,
                clock=self.clock,
                job_polls=wanted.job_polls,
                job_seconds=wanted.job_seconds,
                answer_tokens=wanted.answer_tokens,
            )
            for provider in wanted.providers
        }
        self._timers: list[asyncio.TimerHandle] = []

    def start(self) -> None:
        """Open every provider's door."""
        for host in self.hosts.values():
            host.apply()

    def ports(self) -> dict[str, int]:
        """Where the providers listen."""
        return {name: host.door.port for name, host in self.hosts.items()}

    def command(self, raw: dict[str, Any]) -> Any:
        """Carry out one command of the parent; it is in force when this returns."""
        operation = raw["op"]
        if operation == "play":
            return self.play(raw["events"])
        if operation == "now":
            return self.clock()
        if operation == "stop":
            return self.stop_timeline()
        if operation == "reset":
            self.stop_timeline()
            for host in self.hosts.values():
                host.reset()
            return None
        return self._on_host(operation, self.hosts[raw["provider"]], raw)

    def _on_host(self, operation: str, host: Host, raw: dict[str, Any]) -> Any:
        match operation:
            case "fault":
                host.rules.set(raw["family"], host.rule(Fault(**raw["fault"])))
                return host.apply()
            case "heal":
                host.rules.by_hand.clear()
                return host.apply()
            case "requests":
                wanted = raw["family"]
                return [entry.to_json() for entry in host.log.entries if wanted in {None, entry.family}]
            case "count":
                counts = host.log.counts
                return counts.total() if raw["family"] is None else counts[raw["family"]]
            case "tally":
                return host.log.tally(raw["family"])
            case "limit":
                return host.limit(_quota(raw["quota"]))
            case "latency":
                return host.slow_down(_latency(raw["latency"]))
            case "saw":
                return host.log.saw(raw["text"])
            case "created":
                return host.world.made.get(raw["family"], [])
            case "connections" | "open_connections":
                return getattr(host, operation)
            case "close_idle":
                return host.close_idle()
            case _:
                raise ValueError(f"no such command: {operation}")

    def play(self, events: list[dict[str, Any]]) -> float:
        """Begin a timeline now; the time it began."""
        self.stop_timeline()
        begun = self.clock()
        loop = asyncio.get_running_loop()
        for raw in events:
            host = self.hosts[raw["provider"]]
            rule = host.rule(Fault(**raw["fault"]))
            span = Span(begun + raw["at"], begun + raw["until"], frozenset(raw["families"]), rule)
            host.rules.spans.append(span)
            # A little late, so that a look at the clock finds the span begun (or ended).
            self._timers += [loop.call_later(raw[name] + 0.001, host.apply) for name in ("at", "until")]
        for host in self.hosts.values():
            host.apply()
        return begun

    def stop_timeline(self) -> None:
        """End the timeline, if one runs."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for host in self.hosts.values():
            host.rules.spans.clear()
            host.apply()


async def serve(wanted: Settings) -> None:
    """Run until the parent is gone."""
    app = App(wanted)
    app.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", wanted.control, limit=64 * 1024 * 1024)
    watch = asyncio.create_task(_watch(wanted.parent))
    writer.write(wanted.token.encode() + json.dumps(app.ports()).encode() + b"\n")
    while line := await reader.readline():
        try:
            told = {"ok": app.command(json.loads(line))}
        except (KeyError, ValueError, TypeError, OSError) as problem:
            told = {"error": f"{type(problem).__name__}: {problem}"}
        await asyncio.sleep(0)  # the loop closes sockets in its next turn, and what was commanded is to be in force
        writer.write(json.dumps(told).encode() + b"\n")
        await writer.drain()
    watch.cancel()


def die() -> None:
    """End hard: no request that hangs, and no finaliser, keeps the process."""
    os.kill(os.getpid(), _END)


async def _watch(parent: int) -> None:
    """End with the parent, also where a fork of it keeps the line open."""
    while os.name == "nt" or os.getppid() == parent:  # noqa: ASYNC110  # no event tells it
        await asyncio.sleep(_WATCH)
    die()


def main() -> None:
    """Read the settings from standard input, and serve."""
    with contextlib.suppress(ConnectionError, KeyboardInterrupt):
        asyncio.run(serve(settings(sys.stdin.read())))
    die()
