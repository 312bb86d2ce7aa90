"""What can go wrong at a provider: `Fault`, one value for each way.

A fault is plain data. It is carried to the simulator's own process, where it is applied to the bytes on the socket.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, Unpack, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

WHOLE_PROVIDER: Final = frozenset({"refused", "mute_connect"})
"""Faults of the listening socket: they know no endpoint family and no share."""

MAX_SIZE: Final = 8 * 1024**3
"""Bytes that a gzip bomb may unpack to."""

MAX_THOUGHTS: Final = 100_000
"""Pieces of thinking in a stream."""

Thinking = Literal["reasoning", "pings"]
"""How a stream shows that it thinks: in words, or with signs of life only."""


class Limits(TypedDict, total=False):
    """How often a fault strikes. Every constructor of `Fault` takes these.

    share: the probability, 0 to 1, that a request is struck (default 1; from the simulator's seeded random numbers).
    after: so many requests of the family pass first (default 0).
    count: at most so many requests are struck (default: no limit).
    model: only requests for this model count and are struck (default: all).
    key: only requests with this one of the provider's keys, by its number from 0 (default: all).
    """

    share: float
    after: int
    count: int | None
    model: str | None
    key: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to fail. Made by the constructors below, not by hand.

    Times are seconds. `tokens` counts the events of a stream that carry content (text, reasoning, a tool's arguments);
    what is no stream is cut in its middle instead. With 0 a fault strikes behind what opens a stream (the role,
    Anthropic's `message_start`, `response.created`), with `opened=False` before anything of it. Wrong values are a
    ValueError.
    """

    kind: str
    share: float = 1.0
    after: int = 0
    count: int | None = None
    model: str | None = None
    key: int | None = None
    seconds: float = 0.0
    factor: float = 1.0
    code: int = 0
    tokens: int = 0
    text: str | None = None
    stream: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    made: bool = False
    opened: bool = True
    finished: bool = True
    every: float = 0.0
    how: str = ""
    size: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share must be from 0 to 1, not {self.share!r}")
        if not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise ValueError(f"seconds must be a finite number, 0 or more, not {self.seconds!r}")
        if not (math.isfinite(self.factor) and self.factor > 0):
            raise ValueError(f"factor must be a finite number above 0, not {self.factor!r}")
        if not (math.isfinite(self.every) and self.every >= 0):
            raise ValueError(f"every must be a finite number, 0 or more, not {self.every!r}")
        if self.kind == "thinking" and (self.how not in get_args(Thinking) or not 0 < self.every <= self.seconds):
            raise ValueError('a stream thinks how="reasoning" or how="pings", with 0 < every <= seconds')
        if self.kind == "thinking" and self.seconds / self.every > MAX_THOUGHTS:
            raise ValueError(f"a stream thinks in at most {MAX_THOUGHTS} pieces")
        if not 0 <= self.size <= MAX_SIZE:
            raise ValueError(f"size is from 0 to {MAX_SIZE} bytes, not {self.size!r}")
        if self.after < 0 or self.tokens < 0 or (self.count is not None and self.count < 0):
            raise ValueError("after, count and after_tokens cannot be negative")
        if self.code and not 200 <= self.code <= 599:
            raise ValueError(f"an HTTP status is from 200 to 599, not {self.code!r}")
        if self.kind in WHOLE_PROVIDER and (self.share != 1.0 or self.after or self.count is not None or self.aimed):
            raise ValueError(f"Fault.{self.kind}() is the whole provider's: it takes no limits")

    @property
    def aimed(self) -> bool:
        """Whether it strikes one model's or one key's requests only."""
        return self.model is not None or self.key is not None

    @classmethod
    def refused(cls) -> Fault:
        """The listening socket is closed, open connections are reset. For the whole provider only (family "*")."""
        return cls(kind="refused")

    @classmethod
    def mute_connect(cls) -> Fault:
        """TCP connects are never completed: the accept queue is full. For the whole provider only; Linux only."""
        return cls(kind="mute_connect")

    @classmethod
    def blackhole(cls, *, made: bool = False, **limits: Unpack[Limits]) -> Fault:
        """The request is accepted and never answered; with `made`, what it creates is created all the same."""
        return cls(kind="blackhole", made=made, **limits)

    @classmethod
    def reset(cls, *, made: bool = False, **limits: Unpack[Limits]) -> Fault:
        """The connection is reset (RST) before the first byte of the answer; `made` as in `blackhole`."""
        return cls(kind="reset", made=made, **limits)

    @classmethod
    def status(
        cls,
        code: int,
        *,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        made: bool = False,
        **limits: Unpack[Limits],
    ) -> Fault:
        """An error status with the vendor's own error body, or with `body` as it is.

        With `made`, a creating call is executed and then answered with the error all the same.
        """
        return cls(kind="status", code=code, text=body, headers=dict(headers or {}), made=made, **limits)

    @classmethod
    def rate_limited(cls, *, retry_after: float | str | None = 1, **limits: Unpack[Limits]) -> Fault:
        """429 `rate_limit_exceeded`, with a Retry-After of so many seconds (or any text; None: no header)."""
        text = None if retry_after is None else str(retry_after)
        return cls(kind="rate_limited", code=429, text=text, **limits)

    @classmethod
    def vendor(
        cls, vendor: str, what: str, *, retry_after: float | None = None, made: bool = False, **limits: Unpack[Limits]
    ) -> Fault:
        """An error as this vendor tells it, from the table `vendor_errors()`: status, headers and body.

        what: the error's name, or a failure kind ("overloaded"), which stands for the first error of that kind.
        retry_after: the wait it asks for, in the vendor's own way (headers; RetryInfo in Gemini's body); by default
        what the table has. made: as in `status`. Raises ValueError for what is not in the table.
        """
        from .vendor_errors import find

        error = find(vendor, what).asking(retry_after)
        return cls(
            kind="vendor",
            code=error.status,
            text=error.body,
            stream=error.stream,
            headers=dict(error.headers),
            made=made,
            **limits,
        )

    @classmethod
    def revoked(cls, **limits: Unpack[Limits]) -> Fault:
        """The key is refused from now on, in the provider's own words; with `key=`, that one only."""
        return cls(kind="revoked", **limits)

    @classmethod
    def retired(cls, **limits: Unpack[Limits]) -> Fault:
        """The model is gone, in the provider's own words; with `model=`, that one only."""
        return cls(kind="retired", **limits)

    @classmethod
    def slower(cls, factor: float, **limits: Unpack[Limits]) -> Fault:
        """Answers take `factor` times the provider's own `Latency`, which it must have."""
        return cls(kind="slower", factor=factor, **limits)

    @classmethod
    def slow(cls, seconds: float, **limits: Unpack[Limits]) -> Fault:
        """The whole answer comes `seconds` late."""
        return cls(kind="slow", seconds=seconds, **limits)

    @classmethod
    def slow_first_token(cls, seconds: float, **limits: Unpack[Limits]) -> Fault:
        """Headers (and what opens a stream) come at once, the first content `seconds` later."""
        return cls(kind="slow_first_token", seconds=seconds, **limits)

    @classmethod
    def paced(cls, seconds: float, **limits: Unpack[Limits]) -> Fault:
        """A healthy stream at a human pace: `seconds` between its events (chunks, where it is no stream)."""
        return cls(kind="paced", seconds=seconds, **limits)

    @classmethod
    def drip(cls, seconds: float, **limits: Unpack[Limits]) -> Fault:
        """One byte every `seconds`: headers and body."""
        return cls(kind="drip", seconds=seconds, **limits)

    @classmethod
    def drip_body(cls, seconds: float, **limits: Unpack[Limits]) -> Fault:
        """Headers at once, then one byte of the body every `seconds`."""
        return cls(kind="drip_body", seconds=seconds, **limits)

    @classmethod
    def thinking(
        cls, seconds: float, *, every: float = 1.0, how: Thinking = "reasoning", **limits: Unpack[Limits]
    ) -> Fault:
        """A healthy stream that thinks for so long, and then is as quick as ever; what is no stream comes late.

        how: "reasoning": a piece of what it thinks `every` so many seconds, as the API tells it (`thinking_delta`,
        `response.reasoning_summary_text.delta`, parts with `thought`; in chat `reasoning_content`, as some servers do).
        "pings": signs of life only (Anthropic's `ping`, OpenAI's comments, Gemini's chunks without text); so too where
        an API tells no thoughts.
        """
        return cls(kind="thinking", seconds=seconds, every=every, how=how, **limits)

    @classmethod
    def truncated(cls, *, after_tokens: int = 3, opened: bool = True, **limits: Unpack[Limits]) -> Fault:
        """The TCP connection closes in the middle of a chunk: HTTP itself shows that something is missing."""
        return cls(kind="truncated", tokens=after_tokens, opened=opened, **limits)

    @classmethod
    def truncated_clean(cls, *, after_tokens: int = 3, opened: bool = True, **limits: Unpack[Limits]) -> Fault:
        """The body ends properly as HTTP, but without [DONE] or the terminal event; JSON is cut in its middle."""
        return cls(kind="truncated_clean", tokens=after_tokens, opened=opened, **limits)

    @classmethod
    def unterminated(cls, *, finished: bool = True, **limits: Unpack[Limits]) -> Fault:
        """All of a stream's content, and then a proper end of the HTTP body, without the terminal event.

        That is `[DONE]`, `message_stop`, `response.completed`, or Gemini's chunk with the `finishReason`. With
        `finished` the finish reason is told where it comes earlier (chat, Anthropic); without it nothing follows the
        last token. What is no stream is as ever.
        """
        return cls(kind="unterminated", finished=finished, **limits)

    @classmethod
    def stalled(cls, *, after_tokens: int = 3, opened: bool = True, **limits: Unpack[Limits]) -> Fault:
        """The stream (or body) stops and the connection stays open."""
        return cls(kind="stalled", tokens=after_tokens, opened=opened, **limits)

    @classmethod
    def malformed_json(cls, *, after_tokens: int = 0, opened: bool = True, **limits: Unpack[Limits]) -> Fault:
        """A body, or one event of a stream, that is cut so that it is no JSON, in an otherwise proper HTTP answer.

        What the event had to say is lost; all that follows it is as ever, the terminal event too.
        """
        return cls(kind="malformed_json", tokens=after_tokens, opened=opened, **limits)

    @classmethod
    def error_in_stream(
        cls, *, after_tokens: int = 3, code: str = "server_error", opened: bool = True, **limits: Unpack[Limits]
    ) -> Fault:
        """An error told inside an answer whose status is 200, as the endpoint tells it.

        Gemini's streams have no opening of their own: for `after_tokens=0` a chunk without text goes before the error.
        """
        return cls(kind="error_in_stream", tokens=after_tokens, text=code, opened=opened, **limits)

    @classmethod
    def not_streamed(cls, **limits: Unpack[Limits]) -> Fault:
        """The whole and right answer as JSON, though a stream was asked for: a server that cannot stream."""
        return cls(kind="not_streamed", **limits)

    @classmethod
    def gzip(cls, **limits: Unpack[Limits]) -> Fault:
        """The right answer, packed; a stream so that each event can be unpacked when it comes.

        It is packed whatever Accept-Encoding says; the SDKs all accept it.
        """
        return cls(kind="gzip", **limits)

    @classmethod
    def gzip_cut(cls, *, after_tokens: int = 3, opened: bool = True, **limits: Unpack[Limits]) -> Fault:
        """Packed, and the packed bytes end in the middle of an event (of a body: in its middle), properly as HTTP."""
        return cls(kind="gzip_cut", tokens=after_tokens, opened=opened, **limits)

    @classmethod
    def gzip_bomb(
        cls, size: int = 64 * 1024**2, *, after_tokens: int = 0, opened: bool = True, **limits: Unpack[Limits]
    ) -> Fault:
        """Packed a thousandfold: a proper HTTP answer with one event (a body, if it is no stream) of `size` zeros."""
        return cls(kind="gzip_bomb", size=size, tokens=after_tokens, opened=opened, **limits)

    @classmethod
    def html(cls, code: int = 502, **limits: Unpack[Limits]) -> Fault:
        """A gateway's HTML page with this status."""
        return cls(kind="html", code=code, **limits)

    @classmethod
    def redirect(cls, location: str, **limits: Unpack[Limits]) -> Fault:
        """A 307 to `location`."""
        return cls(kind="redirect", code=307, text=location, **limits)

    @classmethod
    def set_cookie(cls, value: str, **limits: Unpack[Limits]) -> Fault:
        """The right answer, with a Set-Cookie header of this value."""
        return cls(kind="set_cookie", text=value, **limits)

    @classmethod
    def wrong_length(cls, **limits: Unpack[Limits]) -> Fault:
        """A Content-Length ten bytes larger than the body, and then the connection closes."""
        return cls(kind="wrong_length", **limits)

    def to_json(self) -> dict[str, Any]:
        """The fault as plain data."""
        return asdict(self)


KINDS: Final = frozenset(
    name
    for name, member in vars(Fault).items()
    if isinstance(member, classmethod)  # pyright: ignore[reportUnknownArgumentType]
)
"""The names of the constructors, which are the kinds."""
