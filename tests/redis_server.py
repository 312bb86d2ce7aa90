"""A real Redis (or Valkey) of the test's own: on a free port, in a folder of its own, gone at the end.

Where neither is installed its tests are skipped; `nox -s redis`, which `.ci/run` runs, does not skip.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")
MUST = os.environ.get("REDIS_MUST_BE_THERE") == "1"


def require_redis() -> str:
    """The program; without it, or redis-py, the test is skipped, or fails where it must not be skipped."""
    try:
        import redis  # noqa: F401
    except ImportError:
        missing = "redis-py is not installed"
    else:
        if PROGRAM is not None:
            return PROGRAM
        missing = "neither redis-server nor valkey-server is installed"
    if MUST:
        pytest.fail(missing)
    pytest.skip(missing)


_prctl = getattr(ctypes.CDLL(None), "prctl", None) if sys.platform == "linux" else None


def _end_with_us() -> None:
    """Also where the tests are killed, and nobody is left to stop it."""
    if _prctl is not None:
        _prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class RedisServer:
    def __init__(self, folder: Path, *settings: str) -> None:
        self.program = require_redis()
        self.folder = folder
        self.settings = settings
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port: int = found.getsockname()[1]
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        words = [self.program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--save", ""]
        said = [*words, *self.settings]
        self.process = subprocess.Popen(
            said,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_end_with_us if sys.platform == "linux" else None,  # noqa: PLW1509  # it takes no lock
        )
        end = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < end, "it does not come up"
            assert self.process.poll() is None, "it ended"
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as line:
                line.sendall(b"PING\r\n")
                return line.recv(100).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def say(self, *command: str) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), 5) as line:
            line.sendall(" ".join(command).encode() + b"\r\n")
            return line.recv(65536)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
