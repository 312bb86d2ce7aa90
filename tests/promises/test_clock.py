"""Promise 14, with libfaketime: the wall clock is thrown about by an hour and by ten years while a client works.

Skipped where the package `libfaketime` is not installed (it compiles itself): `nox -s clock` brings it.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.source import ROOT

if TYPE_CHECKING:
    from resilient_ai.testing import Simulator

JUMPS = ("+0", "+3600", "-3600", "+315360000", "-315360000")


def preloaded() -> Path | None:
    """Where the library is."""
    found = importlib.util.find_spec("libfaketime")
    if found is None or found.origin is None:
        return None
    return next(Path(found.origin).parent.glob("vendor/**/libfaketime.so*"), None)


PROGRAM = """
import json, sys, time
from openai import OpenAI, OpenAIError
from resilient_ai import CircuitBreaker, Deadline, Pipeline, Retry, outcome, wrap
from resilient_ai.errors import CircuitOpen

base_url, key = sys.argv[1:]
walls, told = set(), {"refused": [], "waited": [], "deadline": []}


def ask(client):
    walls.add(int(time.time() // 1000))
    began = time.monotonic()
    try:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hello"}])
        return outcome(answer), time.monotonic() - began
    except OpenAIError as error:
        return error, time.monotonic() - began


def wrapped(*strategies):
    return wrap(OpenAI(base_url=base_url, api_key=key), Pipeline.default(*strategies, isolated=True))


def command(line):
    print(line, flush=True)
    sys.stdin.readline()


client = wrapped(Retry(attempts=1), CircuitBreaker(consecutive=3, open_for=(1.0, 1.0), ramp=0))
ask(client)
for _ in range(3):  # an open circuit reopens after its time, and not before
    command("503")
    while not isinstance(getattr(ask(client)[0], "__cause__", None), CircuitOpen):
        pass
    opened = time.monotonic()
    command("heal")
    while isinstance(ask(client)[0], OpenAIError):
        time.sleep(0.01)
    told["refused"].append(time.monotonic() - opened)
    time.sleep(0.3)
client = wrapped(Retry(wait=0, budget=1.0))
for _ in range(3):  # a wait that was asked for is kept
    command("wait")
    told["waited"].append(ask(client)[1])
client = wrapped(Deadline(total=0.5))
command("mute")
for _ in range(4):  # a deadline holds
    told["deadline"].append(ask(client)[1])
told["walls"] = len(walls)
print(json.dumps(told), flush=True)
"""


@pytest.mark.skipif(preloaded() is None, reason="needs libfaketime: nox -s clock")
def test_jumps_of_the_wall_clock_change_nothing(world: Simulator, tmp_path: Path) -> None:
    """Times are the true ones: of a circuit's reopening, of a wait that is asked for, of a deadline."""
    from resilient_ai.testing import Fault

    primary, clock = world["openai-1"], tmp_path / "clock"
    clock.write_text("+0")
    environment = os.environ | {
        "LD_PRELOAD": str(preloaded()),
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "PYTHONPATH": str(ROOT),
    }
    over = threading.Event()

    def throw() -> None:
        for jump in itertools.cycle(JUMPS):
            partly = clock.with_suffix(".new")
            partly.write_text(jump)
            partly.replace(clock)
            if over.wait(0.07):
                return

    thread = threading.Thread(target=throw)
    thread.start()
    program = [sys.executable, "-c", PROGRAM, primary.base_url, primary.key]
    running = subprocess.Popen(program, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    faults = {
        "503": Fault.status(503),
        "wait": Fault.status(503, headers={"retry-after": "0.4"}, count=1),
        "mute": Fault.blackhole(),
    }
    told: dict[str, Any] = {}
    try:
        assert running.stdin is not None
        assert running.stdout is not None
        for line in running.stdout:
            word = line.strip()
            if word.startswith("{"):
                told = json.loads(word)
                break
            primary.heal()
            if word in faults:
                primary.fault(faults[word])
            running.stdin.write("\n")
            running.stdin.flush()
    finally:
        over.set()
        thread.join()
        running.kill()
        running.communicate()
        world.reset()
    assert told["walls"] >= 3  # it saw the jumps
    assert all(0.75 <= seconds < 1.5 for seconds in told["refused"]), told
    assert all(0.4 <= seconds < 0.8 for seconds in told["waited"]), told
    assert all(0.4 <= seconds < 0.75 for seconds in told["deadline"]), told
