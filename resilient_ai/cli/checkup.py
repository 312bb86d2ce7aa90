"""One target, asked once: is it there, is the key good, does the model exist, does it do what is needed?

The call goes the way that every fallback's goes: addressed, signed and translated for its host, judged in its dialect.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import httpx

from .._context import options
from .._target import keyed
from .._wrap import wrap
from ..errors import ConfigurationError, Failure
from ..events import AttemptFailed
from ..failures import FailureKind
from ..pipeline import Pipeline
from ..providers.registry import resolved
from ..strategies.deadline import Deadline
from ..strategies.fallback import Fallback
from .proof import Wrong, checked, checked_vectors, request, vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .._call import Call, Next, Reply
    from .._egress import Egress
    from .._target import Target
    from ..events import Event

__all__ = ["NEEDS", "WHAT", "Finding", "examined"]

NEEDS: Final = ("tools", "schema", "stream")
"""What can be asked for in the one call."""
WHAT: Final = ("reachable", "key", "model", *NEEDS)
"""What is looked at, in the order in which one thing stands on the other."""

State = Literal["ok", "FAILED", "-"]

_ELSEWHERE: Final = "http://check.invalid/v1"
"""Where the call would go if it had no target; nothing is sent there (RFC 2606, 2)."""
_EMBEDS: Final = "embed"
"""What the names of models have in them that give vectors, and no words."""

_BLAMED: Final = {
    FailureKind.AUTH: ("key", "the key is refused"),
    FailureKind.QUOTA: ("key", "the key has no money or quota left"),
    FailureKind.GONE: ("model", "there is no such model, or not for this key"),
    FailureKind.RATE_LIMITED: ("reachable", "it limits the rate of this key now; ask again later"),
    FailureKind.OVERLOADED: ("reachable", "it is overloaded now"),
    FailureKind.UNREACHABLE: ("reachable", "no connection can be made"),
    FailureKind.SILENT: ("reachable", "it says nothing"),
    FailureKind.DEADLINE: ("reachable", "it did not answer in time"),
    FailureKind.TRANSIENT: ("reachable", "it fails now"),
}
"""Which of `WHAT` a failure speaks against, and how that is said. What stands before it is good."""


@dataclass(slots=True)
class Finding:
    """What was seen of one target.

    states: of each thing in `WHAT` "ok", "FAILED", or "-" for what was not asked for or not come to. says: a sentence,
    with nothing in it that the vendor said. answered_as: the model that answered, as the vendor calls it.
    """

    target: str
    states: dict[str, State] = field(default_factory=lambda: dict.fromkeys(WHAT, "-"))
    says: str = ""
    seconds: float = 0.0
    status: int | None = None
    answered_as: str | None = None

    @property
    def good(self) -> bool:
        """Whether all that was asked for is there."""
        return "FAILED" not in self.states.values() and self.states["model"] == "ok"

    def blame(self, what: str, says: str) -> None:
        """This failed, and all before it is good."""
        self.passed(WHAT[: WHAT.index(what)], unless=())
        self.states[what] = "FAILED"
        self.says = says

    def unasked(self, what: str, says: str) -> None:
        """This failed before anything was sent, so that nothing is known of the rest."""
        self.states[what] = "FAILED"
        self.says = says

    def passed(self, things: Iterable[str], *, unless: Sequence[str] = ("FAILED",)) -> None:
        """These are good."""
        for what in things:
            if self.states[what] not in unless and (what not in NEEDS or self.states[what] == "ok"):
                self.states[what] = "ok"


class _Straight:
    """A call goes to one target, and nowhere else. (A fallback before it names the target, so that its way there is
    made; it asks nobody itself.)"""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def execute(self, next: Next, call: Call) -> Reply:
        """Send it there."""
        view = call.derive()
        view.target = self._target
        return await next(view)


def examined(
    target: Target, needs: Sequence[str], *, model: str | None, seconds: float, egress: Egress | None = None
) -> Finding:
    """Ask a target once.

    Args:
        target: whom; several keys are several targets.
        egress: where calls may go: a target outside is not asked.
        needs: of `NEEDS`.
        model: for a target that keeps the caller's own.
        seconds: the call's limit.
    """
    finding = Finding(target.name)
    asked = target.model or model
    if asked is None:
        finding.unasked("model", "it takes the caller's model; give one with --model")
        return finding
    try:
        (ready,) = resolved((target,), dialect=None)
        ready = keyed(ready) or ready
    except ConfigurationError as error:
        finding.unasked("key" if "key" in str(error) else "reachable", str(error))
        return finding
    except Failure as failure:
        finding.unasked("key", str(failure))
        return finding
    began = time.perf_counter()
    _ask(finding, ready, asked, needs, seconds, egress)
    finding.seconds = time.perf_counter() - began
    return finding


def _ask(  # noqa: PLR0917  # what the call is made of
    finding: Finding, target: Target, model: str, needs: Sequence[str], seconds: float, egress: Egress | None
) -> None:
    failed: list[AttemptFailed] = []

    def hear(event: Event) -> None:
        if isinstance(event, AttemptFailed):
            failed.append(event)

    embeds = _EMBEDS in model.lower()
    strategies = (Deadline(total=seconds), Fallback([target]), _Straight(target))
    try:
        pipeline = Pipeline(*strategies, isolated=True, listeners=[hear], egress=egress)
        with options(fallback=False, rescue=("error",)), wrap(httpx.Client(timeout=seconds), pipeline) as client:
            response = _vectors_of(client, model) if embeds else _chat_of(client, model, needs)
        finding.status = response.status_code
        if response.status_code >= 400:
            _refused(finding, failed, response.content, needs)
            return
        model = checked_vectors(response) if embeds else checked(response, needs)
        finding.answered_as = model
        finding.states.update(dict.fromkeys(WHAT[:3] if embeds else (*WHAT[:3], *needs), "ok"))
    except Wrong as wrong:
        finding.blame(wrong.what, str(wrong))
    except (httpx.HTTPError, ConfigurationError) as error:
        _unanswered(finding, failed, error, streamed="stream" in needs and not embeds)


def _vectors_of(client: httpx.Client, model: str) -> httpx.Response:
    return client.post(f"{_ELSEWHERE}/embeddings", json=vectors(model))


def _chat_of(client: httpx.Client, model: str, needs: Sequence[str]) -> httpx.Response:
    """What comes of the call. A model that cannot be made to call a tool is told to; nothing was sent before that."""
    try:
        return client.post(f"{_ELSEWHERE}/chat/completions", json=request(model, needs, forced=True))
    except httpx.HTTPError as error:
        cause = error.__cause__
        carried = not isinstance(cause, Failure) or cause.kind is not FailureKind.LOCAL
        if carried or "tool_choice" not in str(cause):
            raise
    return client.post(f"{_ELSEWHERE}/chat/completions", json=request(model, needs, forced=False))


def _refused(finding: Finding, failed: Sequence[AttemptFailed], body: bytes, needs: Sequence[str]) -> None:
    """An error answer. What the vendor says is looked through for what it is about, and not shown."""
    kind = failed[-1].kind if failed else FailureKind.CALLER
    if kind in _BLAMED:
        what, says = _BLAMED[kind]
        finding.blame(what, f"{says} (HTTP {finding.status})")
        return
    about: dict[str, Callable[[bytes], bool]] = {
        "tools": lambda text: b"tool" in text or b"function" in text,
        "schema": lambda text: b"response_format" in text or b"schema" in text,
        "stream": lambda text: b"stream" in text,
    }
    said = body.lower()
    needed = next((what for what in needs if about[what](said)), None)
    finding.blame(needed or "model", f"it refuses the call: HTTP {finding.status}, {kind.value}")


def _unanswered(finding: Finding, failed: Sequence[AttemptFailed], error: Exception, *, streamed: bool) -> None:
    """No answer, or one that broke off."""
    cause = error.__cause__ or error
    kind = failed[-1].kind if failed else FailureKind.LOCAL
    what, says = _BLAMED.get(kind, ("model", ""))
    if kind is FailureKind.LOCAL:
        finding.unasked("model", f"it was not asked: {cause}")
    elif kind is FailureKind.BROKEN:
        finding.blame("stream" if streamed else "model", str(cause))
    else:
        finding.blame(what, says or f"{kind.value}: {cause}")
