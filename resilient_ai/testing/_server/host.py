"""One provider at work: its listening socket, its rules, its log and its world."""

from __future__ import annotations

import dataclasses
import itertools
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from .anthropic import Anthropic
from .connection import Connection
from .door import Door
from .gemini import Gemini
from .log import MAX_WRITTEN, Entry, Log
from .meter import Meter, Pace, Window, cost
from .openai import OpenAI
from .ranges import ranged
from .replies import Refusal, Reply
from .rules import Rule, Rules
from .script import Script, Telling, instead, is_gateway, perform, replaces, thoughts_of
from .world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..faults import Fault
    from ..limits import Latency, Quota
    from ..records import Provider
    from .dialect import Dialect, Handler
    from .http import Head
    from .world import Ask

DIALECTS: Final[Mapping[str, Dialect]] = {"openai": OpenAI(), "anthropic": Anthropic(), "gemini": Gemini()}


_NOBODYS: Final = "\0"
"""A key that no header can carry: a provider has one at least."""


class Host:
    """A simulated provider."""

    def __init__(
        self,
        provider: Provider,
        *,
        seed: int,
        clock: Callable[[], float],
        job_polls: int,
        job_seconds: float | None,
        answer_tokens: int,
    ) -> None:
        self.provider, self.clock, self.tokens = provider, clock, answer_tokens
        self.dialect = DIALECTS[provider.dialect]
        self.door = Door(provider.port, self._accept)
        self.rules = Rules(f"{seed}/{provider.name}")
        self._seed = seed
        self.log = Log()
        self.meter: Meter | None = None
        self.pace: Pace | None = None
        self.limit(provider.quota)
        self.slow_down(provider.latency)
        self.connections = 0
        self._open: set[Connection] = set()
        self._ids, self._numbers = itertools.count(1), itertools.count(1)
        self.world = World(
            label=provider.label,
            models=provider.served_models,
            origin=f"http://127.0.0.1:{self.door.port}",
            clock=clock,
            job_polls=job_polls,
            job_seconds=job_seconds,
        )

    def limit(self, quota: Quota | None) -> None:
        """From now on this quota, with nothing used of it."""
        self.meter = Meter(quota) if quota else None

    def slow_down(self, latency: Latency | None) -> None:
        """From now on this latency, its random numbers from the start."""
        self.pace = Pace(latency, f"{self._seed}/{self.provider.name}/pace") if latency else None

    def rule(self, fault: Fault) -> Rule:
        """A rule for a fault. Raises ValueError if the fault can do nothing here."""
        if fault.kind == "slower" and self.pace is None:
            raise ValueError(f"{self.provider.name} has no latency that Fault.slower() could multiply")
        return self.rules.rule(fault)

    def apply(self) -> None:
        """Bring the listening socket in line with the rules."""
        wanted = self.rules.door(self.clock())
        if wanted == self.door.state:
            return
        if wanted == "refused":
            for connection in tuple(self._open):
                connection.stop()
        for connection in self._open:
            connection.mute = wanted == "mute_connect"
        self.door.change(wanted)

    def reset(self) -> None:
        """As new, but for the clock and the ids. Requests that hang are cut loose."""
        self.rules = Rules(f"{self._seed}/{self.provider.name}")
        self.apply()
        self.log.clear()
        self.world.forget()
        self.connections = 0
        self.limit(self.provider.quota)
        self.slow_down(self.provider.latency)
        for connection in tuple(self._open):
            if connection.busy:
                connection.stop()

    @property
    def open_connections(self) -> int:
        """Connections that neither side has closed."""
        return len(self._open)

    def close_idle(self) -> int:
        """Close every connection that waits for a request."""
        idle = [connection for connection in self._open if not connection.busy]
        for connection in idle:
            connection.transport.close()
        return len(idle)

    def _accept(self) -> Connection:
        connection = Connection(self._begin, self._open.discard)
        self.connections += 1
        connection.number = next(self._numbers)
        self._open.add(connection)
        return connection

    def _begin(self, head: Head, connection: Connection) -> Visit:
        headers = _joined(head)
        path, query = urlsplit(head.target).path, dict(parse_qsl(urlsplit(head.target).query))
        keys = self.provider.accepted_keys
        given = self.dialect.credential(headers, query)
        key = "none" if given is None else f"{self.provider.name}:{keys.index(given)}" if given in keys else "foreign"
        ask = self.dialect.begin(head.method, path, query)
        family = self.dialect.family(path)
        entry = Entry(at=self.clock(), head=head, family=family, key=key, connection=connection.number)
        self.log.add(entry)
        return Visit(self, entry, ask, headers)

    def next_request_id(self) -> str:
        """An id no other answer carries."""
        return f"req_{self.world.label}_{next(self._ids):08d}"


def _joined(head: Head) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in head.headers:
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


class Visit:
    """One request at one provider, from its head to the end of its answer."""

    def __init__(self, host: Host, entry: Entry, ask: Ask, headers: dict[str, str]) -> None:
        self._host, self._entry, self._headers = host, entry, headers
        self._ask, self._dialect = ask, host.dialect
        ask.request_id, ask.tokens = host.next_request_id(), host.tokens
        ask.tool_rounds = host.provider.tool_rounds
        self._started = time.perf_counter()
        self._takes = 0.0
        self._window: Window | None = None

    def received(self, body: bytes | None) -> Script:
        """Judge the request, choose its fault, execute it if it is to be, and say how its answer goes out."""
        host, entry = self._host, self._entry
        if body is not None:
            host.log.carried(entry, body)
        handler, refusal = self._judge(body, host.provider)
        entry.model = self._ask.model or None
        fault = host.rules.choose(entry.family, self._ask.model, entry.key, entry.at)
        entry.fault = fault.kind if fault else None
        if fault and fault.kind in {"revoked", "retired"} and handler:
            handler, refusal = self._judge(body, _without(host.provider, fault.kind, entry.key, self._ask.model))
        entry.complaint = refusal.message if refusal else None
        if fault and replaces(fault):
            reply = self._faulted(fault, handler)
        elif handler is None:
            reply = self._refused(refusal or Refusal(404, "Not found"))
        else:
            reply = self._execute(self._bent(fault, handler) if fault else handler)
        entry.made = entry.made or reply.made
        silent = fault is not None and fault.kind in {"reset", "blackhole"}
        entry.status = None if silent else reply.status
        telling = Telling(self._dialect, self._ask)
        script = perform(reply, fault, telling, close=entry.head.close or body is None)
        if not self._takes:
            return script
        takes = self._takes * (fault.factor if fault else 1.0)
        return dataclasses.replace(script, steps=(takes, *script.steps))

    def broken(self, complaint: str) -> None:
        """The body never came whole."""
        self._entry.complaint = complaint
        self._done()

    def wrote(self) -> None:
        """A piece of the answer went out."""
        if len(self._entry.written) < MAX_WRITTEN:
            self._entry.written.append(self._host.clock())

    def ended(self, *, gone_after: int | None) -> None:
        """The answer is out, or its client gone."""
        self._entry.closed_by_client_after = gone_after
        if gone_after == 0:
            self._entry.status = None
        self._done()

    def _done(self) -> None:
        self._entry.ended = self._host.clock()
        if self._window is not None:
            self._window.working -= 1
            self._window = None

    def _judge(self, body: bytes | None, provider: Provider) -> tuple[Handler | None, Refusal | None]:
        """The endpoint, or what the vendor has against the request. Nothing is made here."""
        try:
            return self._dialect.judge(self._ask, self._headers, body, provider), None
        except Refusal as refusal:
            return None, refusal

    def _refused(self, refusal: Refusal) -> Reply:
        self._entry.complaint = refusal.message
        return self._signed(self._dialect.refuse(refusal, self._ask))

    def _bent(self, fault: Fault, handler: Handler) -> Handler:
        """The endpoint under a fault that changes what it has to answer."""
        ask = self._ask
        if fault.kind == "not_streamed" and self._dialect.streams(ask):
            return self._dialect.unstreamed(ask, handler)
        if fault.kind == "thinking" and fault.how == "reasoning":
            ask.thoughts = thoughts_of(fault)
        ask.opens = fault.kind == "error_in_stream" and fault.opened and not fault.tokens
        return handler

    def _execute(self, handler: Handler) -> Reply:
        host = self._host
        if (full := self._admit()) is not None:
            return self._signed(full)
        self._takes = host.pace.draw() if host.pace else 0.0
        try:
            return self._signed(ranged(handler(host.world, self._ask), self._headers))
        except (Refusal, RecursionError) as problem:
            refusal = problem if isinstance(problem, Refusal) else Refusal(400, "The request is nested too deeply.")
            return self._refused(refusal)

    def _admit(self) -> Reply | None:
        """Take what the quota has for this request; the refusal if that is not enough."""
        meter, entry = self._host.meter, self._entry
        if meter is None:
            return None
        if meter.crowded(entry.key, entry.at):
            crowded = meter.quota.crowded
            return self._dialect.limited(1.0, self._ask) if crowded == 429 else self._dialect.outage(crowded, self._ask)
        wait = meter.admit(entry.key, cost(self._ask.json, entry.body_bytes, self._ask.tokens), entry.at)
        if wait is not None:
            return self._dialect.limited(wait, self._ask)
        self._window = meter.begin(entry.key, entry.at)
        return None

    def _faulted(self, fault: Fault, handler: Handler | None) -> Reply:
        """The fault's own answer. If the fault says so, the request is executed all the same."""
        if fault.made and handler is not None:
            self._entry.made = self._execute(handler).made
        reply = instead(fault, Telling(self._dialect, self._ask))
        return reply if is_gateway(fault) else self._signed(reply)

    def _signed(self, reply: Reply) -> Reply:
        """With the headers every answer of the vendor carries."""
        host = self._host
        headers = {
            **self._dialect.sign(self._ask, int((time.perf_counter() - self._started) * 1000)),
            **(self._dialect.levels(host.meter.levels(self._entry.key, host.clock())) if host.meter else {}),
            **reply.headers,
        }
        return dataclasses.replace(reply, headers=headers)


def _without(provider: Provider, fault: str, key: str, model: str) -> Provider:
    """The provider as it is once this key is revoked, or this model retired."""
    if fault == "revoked":
        mine = int(key.rpartition(":")[2])
        left = tuple(other for number, other in enumerate(provider.accepted_keys) if number != mine)
        return dataclasses.replace(provider, keys=left or (_NOBODYS,))
    return dataclasses.replace(
        provider, models=tuple(name for name in provider.served_models if name != model) or ("",)
    )
