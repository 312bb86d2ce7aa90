"""How long a call may take."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from .._settings import check_seconds

if TYPE_CHECKING:
    from .._call import Call, Next, Reply

__all__ = ["Deadline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """Limits of a call, all in seconds; None is no limit of ours.

    It only writes the limits down. They are kept where the program would block: sending, reading, waiting.

    Args:
        total: for the whole call, with its retries, waits and fallbacks. Default: the program's own time-out (for an
            OpenAI client 600 s, or what ``with_options(timeout=…)`` says), which for a stream
            limits the way to its first byte; a ``total`` of your own limits the stream whole.
        per_attempt: for one attempt. Default: none but the share of ``total`` each target gets.
        first_byte: until the first byte of an attempt's answer. Default: none.
        idle: between two bytes of an answer or a stream. Default: the program's own read time-out.

    Raises:
        ConfigurationError: a limit that is not above 0.
    """

    total: float | None = None
    per_attempt: float | None = None
    first_byte: float | None = None
    idle: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                check_seconds(f"Deadline({field.name}=…)", value)

    async def execute(self, next: Next, call: Call) -> Reply:
        """Write the limits into the call."""
        view = call.derive()
        seconds = call.options.deadline or self.total or call.facts.timeout
        if seconds is not None:
            view.deadline = view.limit = call.journal.started + seconds
        if call.options.deadline or self.total:  # the program's own time-out limits the way to the first byte only
            view.stream_limit = view.deadline
        view.per_attempt = self.per_attempt
        view.first_byte = self.first_byte
        view.idle = self.idle
        return await next(view)
