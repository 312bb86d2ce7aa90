"""One provider at work: its listening socket, its rules, its log and its world."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from . import routes
from .connection import Connection
from .door import Door
from .log import Entry, Log
from .replies import Refusal, Reply, error
from .rules import Meter, Rules
from .script import Script, instead, perform, replaces
from .validate import check, check_key, check_model, credential, read_body
from .world import Ask, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..faults import Fault
    from ..records import Provider
    from .http import Head


class Host:
    """A simulated provider."""

    def __init__(
        self, provider: Provider, *, seed: int, clock: Callable[[], float], job_polls: int, job_seconds: float | None
    ) -> None:
        self.provider, self.clock = provider, clock
        self.door = Door(provider.port, self._accept)
        self.rules = Rules(f"{seed}/{provider.name}")
        self._seed = seed
        self.log = Log()
        self.meter = Meter(provider.quota) if provider.quota else None
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
        if self.meter:
            self.meter.clear()
        for connection in tuple(self._open):
            if connection.busy:
                connection.stop()

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
        keys = self.provider.accepted_keys
        given = credential(headers)
        key = "none" if given is None else f"{self.provider.name}:{keys.index(given)}" if given in keys else "foreign"
        path = urlsplit(head.target).path
        entry = Entry(at=self.clock(), head=head, family=routes.family(path), key=key, connection=connection.number)
        self.log.add(entry)
        return Visit(self, entry, path, headers)

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

    def __init__(self, host: Host, entry: Entry, path: str, headers: dict[str, str]) -> None:
        self._host, self._entry, self._headers = host, entry, headers
        found = routes.place(path)
        query = dict(parse_qsl(urlsplit(entry.head.target).query))
        self._ask = Ask(
            method=entry.head.method, path=path, query=query, azure=found.azure, deployment=found.deployment
        )
        self._rest = found.rest
        self._started = time.perf_counter()

    def received(self, body: bytes | None) -> Script:
        """Judge the request, choose its fault, execute it if it is to be, and say how its answer goes out."""
        host, entry = self._host, self._entry
        if body is not None:
            host.log.carried(entry, body)
        route, refusal = self._judge(body)
        entry.model = self._ask.model or None
        entry.complaint = refusal.message if refusal else None
        fault = host.rules.choose(entry.family, entry.at)
        entry.fault = fault.kind if fault else None
        if fault and replaces(fault):
            reply = self._faulted(fault, None if refusal else route)
        elif refusal or route is None:
            reply = self._signed((refusal or Refusal(404, "Invalid URL")).reply())
        else:
            reply = self._execute(route)
        entry.made = entry.made or reply.made
        silent = fault is not None and fault.kind in {"reset", "blackhole"}
        entry.status = None if silent else reply.status
        return perform(reply, fault, close=entry.head.close or body is None)

    def broken(self, complaint: str) -> None:
        """The body never came whole."""
        self._entry.complaint = complaint
        self._entry.ended = self._host.clock()

    def ended(self, *, gone_after: int | None) -> None:
        """The answer is out, or its client gone."""
        self._entry.closed_by_client_after = gone_after
        if gone_after == 0:
            self._entry.status = None
        self._entry.ended = self._host.clock()

    def _judge(self, body: bytes | None) -> tuple[routes.Route | None, Refusal | None]:
        """The endpoint, and what the vendor has against the request. Nothing is made here."""
        ask, host = self._ask, self._host
        try:
            route, ask.args = routes.find(ask.method, self._rest)
        except Refusal as refusal:
            return None, refusal
        try:
            if body is None:
                raise Refusal(413, "Maximum content size limit (26214400) exceeded.", code="request_too_large")
            if route.needs_key:
                check_key(self._headers, host.provider.accepted_keys, azure=ask.azure)
            if ask.deployment and "api-version" not in ask.query:
                raise Refusal(404, "Resource not found", code="404")
            read_body(route.spec, self._headers.get("content-type", ""), body, ask)
            check(route.spec, ask)
            check_model(host.provider.served_models, ask)
        except Refusal as refusal:
            return route, refusal
        return route, None

    def _execute(self, route: routes.Route) -> Reply:
        host = self._host
        wait = host.meter.admit(self._entry.at) if host.meter else None
        if wait is not None:
            reply = error(429, "Rate limit reached for requests.", code="rate_limit_exceeded")
            waits = {"retry-after": str(math.ceil(wait)), "retry-after-ms": str(math.ceil(wait * 1000))}
            return self._signed(reply, waits)
        try:
            return self._signed(route.handler(host.world, self._ask))
        except (Refusal, RecursionError) as problem:
            refusal = problem if isinstance(problem, Refusal) else Refusal(400, "The request is nested too deeply.")
            self._entry.complaint = refusal.message
            return self._signed(refusal.reply())

    def _faulted(self, fault: Fault, route: routes.Route | None) -> Reply:
        """The fault's own answer. If the fault says so, the request is executed all the same."""
        if fault.made and route is not None:
            self._entry.made = self._execute(route).made
        reply = instead(fault)
        return reply if fault.kind == "html" else self._signed(reply)

    def _signed(self, reply: Reply, more: Mapping[str, str] | None = None) -> Reply:
        """With the headers every answer of the vendor carries."""
        host = self._host
        headers = {
            "x-request-id": host.next_request_id(),
            "openai-processing-ms": str(int((time.perf_counter() - self._started) * 1000)),
            **({} if host.meter is None else host.meter.headers()),
            **(more or {}),
            **reply.headers,
        }
        return dataclasses.replace(reply, headers=headers)
