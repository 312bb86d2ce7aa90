"""The simulator's process: its start, its end with its parent, its bounds, and the ways to start it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from resilient_ai.testing import Fault, Provider, Simulator, SimulatorError, simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def refuses_within(port: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not listens(port):
            return True
        time.sleep(0.02)
    return False


def test_start_and_stop() -> None:
    with Simulator(Provider("one"), Provider("two")) as sim:
        assert list(sim) == ["one", "two"]
        ports = [sim[name].port for name in sim]
        assert all(map(listens, ports))
        assert sim["one"].base_url == f"http://127.0.0.1:{ports[0]}/v1"
        assert sim["one"].key == "sk-one"
        with pytest.raises(SimulatorError, match="running already"):
            sim.start()
    assert not any(map(listens, ports))
    with pytest.raises(SimulatorError, match="not running"):
        sim.reset()
    sim.stop()  # twice is nothing


def test_a_chosen_port_that_is_taken_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(SimulatorError, match="did not start"):
            Simulator(Provider("p", port=taken.getsockname()[1])).start()
        assert "Address already in use" in capfd.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Provider("a b"),
        lambda: Provider("p", keys="sk-x"),
        lambda: Provider("p", keys=("",)),
        lambda: Provider("p", models=()),
        lambda: Simulator(Provider("p"), Provider("p")),
        lambda: Simulator(job_polls=-1),
    ],
)
def test_wrong_providers_are_told_at_once(wrong: object) -> None:
    with pytest.raises(ValueError):
        wrong()


CHILD = """
    import os, sys, time
    from resilient_ai.testing import Simulator
    sim = Simulator()
    sim.start()
    {fork}
    print(sim["primary"].port, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no POSIX signals")
@pytest.mark.parametrize("fork", ["", "if not os.fork(): os.close(1), time.sleep(3), os._exit(0)"])
def test_it_dies_with_its_parent(fork: str) -> None:
    """Killed with -9, so that nothing of the parent's can run; also where a fork of it keeps the line open."""
    program = textwrap.dedent(CHILD).format(fork=fork)
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as parent:
        port = int(parent.stdout.readline())
        assert listens(port)
        parent.send_signal(signal.SIGKILL)
    assert refuses_within(port, 2)


def test_it_ends_with_a_program_that_forgets_it() -> None:
    program = textwrap.dedent(CHILD).format(fork="").replace("time.sleep(60)", "")
    done = subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert refuses_within(int(done.stdout), 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_leaves_it_alone() -> None:
    with Simulator(Provider("p")) as sim:
        child = os.fork()
        if child == 0:
            try:
                sim["p"].count()
            except SimulatorError:
                sim.stop()
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert sim["p"].count() == 0


def test_many_threads_may_command_it() -> None:
    with Simulator(Provider("p")) as sim:
        wrong: list[object] = []

        def work() -> None:
            for number in range(30):
                sim["p"].fault(Fault.status(500), family="chat")
                if sim["p"].count() != 0 or sim["p"].saw("x" * number + "y"):
                    wrong.append(number)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


@pytest.mark.skipif(os.name == "nt", reason="Windows has no POSIX signals")
def test_a_late_answer_is_never_taken_for_the_next_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator, "_COMMAND_LIMIT", 0.2)
    with Simulator(Provider("p")) as sim:
        os.kill(sim._process.pid, signal.SIGSTOP)
        with pytest.raises(SimulatorError, match="does not answer"):
            sim["p"].saw("x")
        os.kill(sim._process.pid, signal.SIGCONT)
        with pytest.raises(SimulatorError, match="earlier command"):
            sim["p"].count()
    with pytest.raises(SimulatorError, match="not running"):
        sim.reset()


def test_an_interrupt_ends_the_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator(Provider("p")) as sim:
        monkeypatch.setattr(simulator, "_read_line", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sim["p"].count()
        with pytest.raises(SimulatorError, match="earlier command"):
            sim["p"].count()


def interrupted(*arguments: object) -> bytes:
    raise KeyboardInterrupt


def test_an_interrupted_start_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []

    def greeted(self: Simulator, *arguments: object) -> object:
        started.append(self._process)
        raise TimeoutError

    monkeypatch.setattr(Simulator, "_greeted", greeted)
    sim = Simulator(Provider("p"))
    with pytest.raises(TimeoutError):
        sim.start()
    assert started[0].returncode is not None
    assert sim._process is None


def test_strangers_at_the_line_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that says nothing, one that says something else: neither ends the start nor stands for the process."""
    monkeypatch.setattr(simulator, "_GREETING_LIMIT", 0.1)
    sim = Simulator(Provider("p"))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as sim._process:
        with socket.create_server(("127.0.0.1", 0)) as waiting:
            waiting.settimeout(0.1)
            callers = [socket.create_connection(waiting.getsockname()) for _ in range(3)]
            callers[1].sendall(b"let me in\n")
            callers[2].sendall(b'token{"p": 7}\n')
            line, ports = sim._greeted(waiting, "token")
            for open_one in (line, *callers):
                open_one.close()
        assert ports == {"p": 7}
        sim.stop()


def test_it_binds_the_loopback_only() -> None:
    with Simulator(Provider("p")) as sim, socket.socket(socket.AF_INET6) as other:
        other.settimeout(1)
        with pytest.raises(OSError):
            other.connect(("::1", sim["p"].port))


def test_importing_it_is_light() -> None:
    """No pytest, no SDK, no HTTP client: pytest loads the plugin in every run of every user.

    Of the plugin's imports only what is not the standard library's counts: which of that pytest has loaded already
    differs from one Python to the next.
    """
    program = (
        "import sys, resilient_ai.testing; print([m for m in ('pytest', 'openai', 'httpx', 'anyio', 'asyncio')"
        " if m in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    assert subprocess.check_output(command, env=ENVIRONMENT, text=True).strip() == "[]"
    plugin = (
        "import sys, pytest; before = set(sys.modules); import resilient_ai.testing.plugin;"
        " known = {'resilient_ai', *sys.stdlib_module_names};"
        " print([name for name in set(sys.modules) - before if name.partition('.')[0] not in known])"
    )
    assert subprocess.check_output([sys.executable, "-c", plugin], env=ENVIRONMENT, text=True).strip() == "[]"


@contextlib.contextmanager
def alone(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    command = [sys.executable, "-m", "resilient_ai.testing", *arguments]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, [process.stdout.readline() for _ in range(2)]
        finally:
            process.kill()


def test_alone() -> None:
    """`python -m resilient_ai.testing`: any program can be pointed at it."""
    with alone("--provider", "a", "--provider", "b", "--down") as (process, lines):
        (_, first, _, key), (_, second, _, other) = map(str.split, lines)
        assert httpx.get(f"{first}/models", headers={"authorization": f"Bearer {key}"}, verify=False).status_code == 503
        answer = httpx.get(f"{second}/models", headers={"authorization": f"Bearer {other}"}, verify=False)
        assert answer.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_alone_in_other_dialects() -> None:
    with alone("--provider", "claude:anthropic", "--provider", "b") as (_, lines):
        (name, origin, _, key), _ = map(str.split, lines)
        headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
        assert (name, httpx.get(f"{origin}/v1/models", headers=headers, verify=False).status_code) == ("claude", 200)


def test_alone_and_wrong() -> None:
    command = [sys.executable, "-m", "resilient_ai.testing", "--timeline", "2024-12-25"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no timeline '2024-12-25'" in done.stderr


TEST_FILE = """
    import http.client
    from resilient_ai.testing import Fault

    def status(provider):
        connection = http.client.HTTPConnection("127.0.0.1", provider.port)
        connection.request("GET", "/v1/models", headers={"authorization": f"Bearer {provider.key}"})
        status = connection.getresponse().status
        connection.close()
        return status

    def test_one(simulator, resilient_ai_reset):
        simulator["primary"].fault(Fault.status(503))
        assert status(simulator["primary"]) == 503

    def test_two(simulator):
        assert simulator["primary"].count() == 0
        assert status(simulator["primary"]) == 200
        assert set(simulator) == {"primary", "backup"}
"""


def test_the_fixtures(tmp_path: Path) -> None:
    """As a user has them: one process, and nothing of one test in the next."""
    (tmp_path / "test_mine.py").write_text(textwrap.dedent(TEST_FILE))
    options = ["-q", "-W", "error", "-p", "no:cacheprovider"]
    if not installed():
        options += ["-p", "resilient_ai.testing.plugin"]
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
    done = subprocess.run(command, env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout


def installed() -> bool:
    from importlib.metadata import entry_points

    return any(point.value == "resilient_ai.testing.plugin" for point in entry_points(group="pytest11"))
