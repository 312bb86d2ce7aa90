"""`Simulator`: starts the providers in a process of their own, and speaks with it."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from .faults import WHOLE_PROVIDER, Fault
from .records import FAMILIES, Provider, Request, Tally

if TYPE_CHECKING:
    from types import TracebackType

    from .limits import Latency, Quota
    from .timeline import Timeline

_START_LIMIT: Final = 20.0  # seconds; it takes a tenth of one on an idle machine
_GREETING_LIMIT: Final = 5.0  # the greeting is sent in one piece, at once
_COMMAND_LIMIT: Final = 30.0
MAX_TOKENS: Final = 1_000_000
"""Of an answer; each is an event of its stream."""


class SimulatorError(RuntimeError):
    """The simulator's process did not start, went away, or refused a command."""


class SimulatedProvider:
    """One provider of a running simulator; `simulator["name"]` gives it."""

    def __init__(self, simulator: Simulator, provider: Provider, port: int) -> None:
        self._simulator, self._provider = simulator, provider
        self.name = provider.name
        self.port = port

    def __repr__(self) -> str:
        return f"<SimulatedProvider {self.name!r} at {self.base_url}>"

    @property
    def key(self) -> str:
        """Its first API key."""
        return self._provider.accepted_keys[0]

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`; what Azure's clients call `azure_endpoint`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What the vendor's SDK takes as its base URL: `http://127.0.0.1:PORT/v1`; the others' without `/v1`."""
        return f"{self.origin}/v1" if self.dialect == "openai" else self.origin

    @property
    def dialect(self) -> str:
        """The API it speaks."""
        return self._provider.dialect

    def fault(self, fault: Fault, *, family: str = "*") -> None:
        """From now on `fault` strikes this family ("*": all). It replaces the family's fault before it.

        A fault aimed at one model or key replaces only one of the same aim, and is tried before those at all. A
        family's own fault is tried before that of "*", and both before a timeline's. In force when this returns;
        requests already at work are left alone, but for `refused`, which breaks every connection.
        """
        if family != "*" and family not in FAMILIES:
            raise ValueError(f"no such family: {family!r}; there are {', '.join(FAMILIES)} and '*'")
        if family != "*" and fault.kind in WHOLE_PROVIDER:
            raise ValueError(f"Fault.{fault.kind}() is the whole provider's: it takes no family")
        if fault.kind == "mute_connect" and not sys.platform.startswith("linux"):
            raise NotImplementedError("Fault.mute_connect() needs Linux: elsewhere a full accept queue is not silent")
        self._ask("fault", fault=fault.to_json(), family=family)

    def heal(self) -> None:
        """Take back every fault set by `fault`."""
        self._ask("heal")

    def requests(self, family: str | None = None) -> list[Request]:
        """What it has seen, in order of arrival: all, or one family's. At most the last 20,000 are kept."""
        found = self._ask("requests", family=family)
        return [Request(**raw | {"written": tuple(raw["written"])}) for raw in found]

    def count(self, family: str | None = None) -> int:
        """How many requests it has seen, all or one family's; also those no longer kept."""
        return int(self._ask("count", family=family))

    def tally(self, family: str | None = None) -> Tally:
        """What it has seen, counted: by key, model, status and second, and the most at once. Of what is kept."""
        raw = self._ask("tally", family=family)
        for name in ("by_status", "by_second"):  # the names of JSON's fields are text
            raw[name] = {int(number): count for number, count in raw[name].items()}
        return Tally(**raw)

    def limit(self, quota: Quota | None) -> None:
        """From now on this quota (None: none), with nothing used of it, until `Simulator.reset`."""
        self._ask("limit", quota=asdict(quota) if quota else None)

    def latency(self, latency: Latency | None) -> None:
        """From now on this latency (None: none), its random numbers from the start, until `Simulator.reset`."""
        self._ask("latency", latency=asdict(latency) if latency else None)

    def saw(self, text: str) -> bool:
        """Whether this text ever arrived: in a path, any header (credentials too) or a body.

        Raises SimulatorError if it was not found and part of the log is no longer kept.
        """
        found = self._ask("saw", text=text)
        if found is None:
            raise SimulatorError("the log has outgrown its bounds: whether it was seen before cannot be told")
        return bool(found)

    def created(self, family: str) -> list[str]:
        """The ids of what it made: "videos", "batches", "files" or "responses", in order."""
        return list(self._ask("created", family=family))

    @property
    def connections(self) -> int:
        """How many TCP connections it has accepted."""
        return int(self._ask("connections"))

    @property
    def open_connections(self) -> int:
        """How many TCP connections are open at this moment."""
        return int(self._ask("open_connections"))

    def close_idle(self) -> int:
        """Close the connections no request is on, as servers do with what they have kept alive; how many there were."""
        return int(self._ask("close_idle"))

    def _ask(self, operation: str, **arguments: Any) -> Any:
        return self._simulator.command({"op": operation, "provider": self.name, **arguments})


class Simulator(Mapping[str, SimulatedProvider]):
    """Local providers on real sockets, in a process of their own.

    providers: what to simulate; by default "primary" and "backup". seed: of the random numbers behind `share`.
    job_polls: videos, batches and background responses are ready at this poll (default 2). job_seconds: they are ready
    after this time instead. answer_tokens: the length of an answer unless the request asks for less (default 60).

    A context manager; `start` and `stop` do the same by hand. The process binds 127.0.0.1 only and ends with this one,
    however this one ends. Safe to use from several threads; not from a forked child. Raises SimulatorError if the
    process does not start or does not answer.
    """

    def __init__(
        self,
        *providers: Provider,
        seed: int = 1,
        job_polls: int = 2,
        job_seconds: float | None = None,
        answer_tokens: int = 60,
    ) -> None:
        self._wanted = providers or (Provider("primary"), Provider("backup"))
        names = [provider.name for provider in self._wanted]
        if len(set(names)) != len(names):
            raise ValueError(f"two providers have one name: {', '.join(names)}")
        if job_polls < 0 or (job_seconds is not None and job_seconds < 0):
            raise ValueError("job_polls and job_seconds cannot be negative")
        if not 1 <= answer_tokens <= MAX_TOKENS:
            raise ValueError(f"answer_tokens is from 1 to {MAX_TOKENS}, not {answer_tokens!r}")
        self._options = {
            "seed": seed,
            "job_polls": job_polls,
            "job_seconds": job_seconds,
            "answer_tokens": answer_tokens,
        }
        self._providers: dict[str, SimulatedProvider] = {}
        self._process: subprocess.Popen[str] | None = None
        self._line: socket.socket | None = None
        self._lock = threading.Lock()
        self._owner = os.getpid()

    def __repr__(self) -> str:
        return f"<Simulator {', '.join(map(repr, self._providers.values())) or '(not started)'}>"

    def __getitem__(self, name: str) -> SimulatedProvider:
        return self._providers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._providers)

    def __len__(self) -> int:
        return len(self._providers)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process; when this returns every provider accepts connections."""
        if self._process is not None:
            raise SimulatorError("the simulator is running already")
        begun = False
        try:
            self._start()
            begun = True
        finally:
            if not begun:  # whatever interrupts the start leaves no process behind
                self.stop()

    def _start(self) -> None:
        token = os.urandom(16).hex()
        with socket.create_server(("127.0.0.1", 0)) as waiting:
            waiting.settimeout(0.1)  # between two looks whether the process lives
            boot = Path(__file__).parent / "_server" / "boot.py"
            self._process = subprocess.Popen(  # noqa: S603  # our own file, run by our own interpreter
                [sys.executable, "-I", "-S", str(boot)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
            )
            self._owner = os.getpid()
            atexit.register(self.stop)
            self._send_settings(waiting.getsockname()[1], token)
            self._line, ports = self._greeted(waiting, token)
        self._providers = {
            provider.name: SimulatedProvider(self, provider, ports[provider.name]) for provider in self._wanted
        }

    def _send_settings(self, control: int, token: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        providers = [asdict(provider) for provider in self._wanted]
        wanted = {**self._options, "providers": providers, "control": control, "token": token, "parent": os.getpid()}
        try:
            with self._process.stdin as channel:
                channel.write(json.dumps(wanted))
        except BrokenPipeError:
            raise SimulatorError("the simulator's process ended while it started") from None

    def _greeted(self, waiting: socket.socket, token: str) -> tuple[socket.socket, dict[str, int]]:
        """Wait for the process to call back; anything else that calls is turned away."""
        assert self._process is not None
        limit = time.monotonic() + _START_LIMIT
        while self._process.poll() is None and time.monotonic() < limit:
            try:
                line, _ = waiting.accept()
            except TimeoutError:
                continue
            line.settimeout(_GREETING_LIMIT)
            try:
                greeting = _read_line(line).decode("latin-1")
            except OSError:  # it called and said nothing, or went away
                greeting = ""
            if greeting.startswith(token):
                line.settimeout(_COMMAND_LIMIT)
                return line, json.loads(greeting.removeprefix(token))
            line.close()
        raise SimulatorError("the simulator's process did not start (its error is on stderr)")

    def stop(self) -> None:
        """End the process, hard. Once it is ended, nothing; in a forked child of its owner, nothing either."""
        atexit.unregister(self.stop)
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._process is not None:
            self._process.kill()  # this looks first, and leaves alone what is no child of ours
            self._process.wait()
            self._process = None
        self._providers = {}

    def now(self) -> float:
        """The time on the simulator's clock, which is that of `Request.at`."""
        return float(self.command({"op": "now"}))

    def play(self, timeline: Timeline) -> float:
        """Start a timeline's clock now; when it began, on the clock of `Request.at`. One runs at a time.

        Raises ValueError if it names a provider that this simulator does not have.
        """
        timeline.check_providers(self._providers)
        events = [event.to_json() for event in timeline.events]
        return float(self.command({"op": "play", "events": events}))

    def stop_timeline(self) -> None:
        """End the timeline that runs, if one does."""
        self.command({"op": "stop"})

    def reset(self) -> None:
        """Forget logs, what was made, faults, quotas and the timeline; requests that hang are cut loose."""
        self.command({"op": "reset"})

    def command(self, command: dict[str, Any]) -> Any:
        """Send one command to the process and wait for its answer. Raises SimulatorError.

        Once a command got no answer (half a minute, or an interrupt), no further one is sent: the late answer would be
        taken for the next one's. `stop` still ends the process.
        """
        if os.getpid() != self._owner:
            raise SimulatorError("this simulator belongs to the process that started it")
        with self._lock:
            line = self._line
            if line is None:
                lost = "the simulator did not answer an earlier command: start another one"
                raise SimulatorError(lost if self._process is not None else "the simulator is not running")
            told = b""
            try:
                line.sendall(json.dumps(command).encode() + b"\n")
                told = _read_line(line)
            except OSError as problem:
                raise SimulatorError(f"the simulator's process does not answer: {problem}") from problem
            finally:
                if not told.endswith(b"\n"):
                    line.close()
                    self._line = None
        if not told.endswith(b"\n"):
            raise SimulatorError("the simulator's process has ended")
        answer = json.loads(told)
        if "error" in answer:
            raise SimulatorError(answer["error"])
        return answer["ok"]


def _read_line(line: socket.socket) -> bytes:
    """A line; what there is of one if the other side ends."""
    parts: list[bytes] = []
    while part := line.recv(1 << 16):
        parts.append(part)
        if part.endswith(b"\n"):
            break
    return b"".join(parts)
