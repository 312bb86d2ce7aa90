"""How long a call may take."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from .._settings import check_seconds, is_number
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from .._call import Call, Next, Reply

__all__ = ["Deadline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """Limits of a call, in seconds unless said otherwise; None is no limit of ours.

    It only writes the limits down. They are kept where the program would block: sending, reading, waiting.

    Args:
        total: for the whole call, with its retries, waits and fallbacks. Default: the program's own time-out (for an
            OpenAI client 600 s, or what ``with_options(timeout=…)`` says), which for a stream
            limits the way to its first byte; a ``total`` of your own limits the stream whole.
        per_attempt: for one attempt. Default: none but the share of ``total`` each target gets.
        first_byte: until the first byte of an attempt's answer. Default: none.
        idle: between two bytes of an answer or a stream. Default: the program's own read time-out.
        pace: the least that a stream brings once it is handed over, in bytes a second, on average over ten seconds.
            Default: none.

    Raises:
        ConfigurationError: a limit that is not a number above 0.
    """

    total: float | None = None
    per_attempt: float | None = None
    first_byte: float | None = None
    idle: float | None = None
    pace: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            if field.name == "pace" and not (is_number(value) and 0 < value < float("inf")):
                raise ConfigurationError(f"Deadline(pace=…) is a number of bytes a second above 0, got {value!r}")
            if field.name != "pace":
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
        view.pace = self.pace
        return await next(view)
