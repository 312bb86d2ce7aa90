"""Open-loop load: each job starts at its time, whether or not earlier ones have ended."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .plan import Job

__all__ = ["Load"]

MOST_WORKERS: Final = 512
"""Threads, at most; a job that finds none free waits for one."""

STEP: Final = 0.05
"""Seconds between two looks whether to go on."""


class Load:
    """Runs jobs in threads, each at its own time.

    jobs: in the order of their times. work: does one job, in a thread of its own while it lasts. clock: seconds of the
    replay.
    """

    def __init__(self, jobs: Iterable[Job], work: Callable[[Job], None], *, clock: Callable[[], float]) -> None:
        self._jobs, self._work, self._clock = tuple(jobs), work, clock
        self._waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._workers = self._idle = self._open = 0
        self._ended = threading.Event()
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin; returns at once."""
        self._open = len(self._jobs)
        threading.Thread(target=self._dispatch, name="drill-clock", daemon=True).start()

    def stop(self) -> None:
        """Start nothing more."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until all jobs have ended, at most so long; whether they have."""
        return self._ended.wait(seconds)

    def _dispatch(self) -> None:
        for job in self._jobs:
            while (early := job.at - self._clock()) > 0 and not self._stop.is_set():
                self._stop.wait(min(early, STEP * 10))
            if self._stop.is_set():
                return
            self._hand_over(job)

    def _hand_over(self, job: Job) -> None:
        with self._lock:
            spawn = self._idle == 0 and self._workers < MOST_WORKERS
            if spawn:
                self._workers += 1
            else:
                self._idle -= 1
        self._waiting.put(job)
        if spawn:
            threading.Thread(target=self._worker, name="drill-call", daemon=True).start()

    def _worker(self) -> None:
        while not self._stop.is_set():
            try:
                job = self._waiting.get(timeout=STEP * 10)
            except queue.Empty:
                continue
            try:
                self._work(job)
            finally:
                with self._lock:
                    self._idle += 1
                    self._open -= 1
                    if self._open == 0:
                        self._ended.set()
                        self._stop.set()
