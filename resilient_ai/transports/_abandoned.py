"""Sync streams that were let go of unread, closed by somebody who holds no lock.

What reads a connection is a suspended generator of httpcore. When the collector finds it, it gives its connection back,
and takes the pool's lock for that; but the collector may run inside that very lock, in the same thread: a deadlock. So
such a generator is held here while its stream lives; a stream that is collected only queues it, and the next call
closes what is queued.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["abandon", "close_abandoned", "done", "hold", "later"]

_held: dict[int, tuple[Any, Any]] = {}
_queue: deque[Callable[[], object]] = deque()


def hold(stream: object, source: Any, inner: Any) -> None:
    """``stream`` reads from the generator ``source``, which reads from the transport's stream ``inner``."""
    _held[id(stream)] = source, inner


def done(stream: object) -> None:
    """It was closed."""
    _held.pop(id(stream), None)


def abandon(stream: object) -> None:
    """It is being collected: no lock, nothing that could block."""
    pair = _held.pop(id(stream), None)
    if pair is not None:
        source, inner = pair
        _queue.append(source.close)
        _queue.append(inner.close)


def later(work: Callable[[], object]) -> None:
    """Do it at the next call: no finaliser runs a program's code."""
    _queue.append(work)


def close_abandoned() -> None:
    """Close what was let go of since the last time, and do what else was left for later."""
    while _queue:
        with suppress(Exception):  # whatever ails a stream of an earlier call is no matter of this one
            _queue.popleft()()
