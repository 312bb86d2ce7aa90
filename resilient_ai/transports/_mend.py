"""A stream that broke under its reader's eyes, gone on with by another answer; or by none."""

from __future__ import annotations

import logging
from contextlib import suppress
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from .._call import Operation
from .._rescue import Resume
from ..errors import Failure
from ..events import StreamRescued
from ..failures import FailureKind
from ..providers.streams.prefill import prefill_of, prefilled, wants_form
from ..providers.streams.splice import Splice
from ._watchman import Breach, Broke

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._call import Call, Reply
    from .._settings import Way
    from .._target import Target
    from ..providers.streams.base import Grammar
    from ..providers.streams.delivered import Delivered
    from ..providers.streams.sequel import Sequel
    from ._port import HttpPort
    from ._wire import Wire

__all__ = ["MOST_RESCUES", "Mended", "Mender", "continued"]

log = logging.getLogger("resilient_ai")

MOST_RESCUES = 2
"""Requests made for one stream after it broke, besides repeats of those that brought no stream at all."""


def continued(call: Call, port: HttpPort, target: Target | None) -> bytes | None:
    """The body that asks ``target`` for the rest of the answer; None if it is not known to give that."""
    resume, prepared = call.resume, port.prepared
    return None if resume is None or prepared.body is None else _body(port, target, resume.text)


def _body(port: HttpPort, target: Target | None, text: str) -> bytes | None:
    if port.turns(target):  # what makes it go on is not known of every dialect
        return None
    prepared = port.prepared
    model = prepared.facts.model if target is None or target.model is None else target.model
    prefill = prefill_of(prepared.dialect.name, prepared.facts.family, port.host(target), model)
    return None if prefill is None or prepared.body is None else prefilled(prepared.body, text, prefill)


class Mended:
    """The other answer: it stands where the watchman of the broken one stood, and has one of its own, which keeps the
    limits.

    Attributes:
        stream: its events, from their beginning.
        splice: takes them, and gives those that are new.
        held: what is new of those that were read.
        reply: the other answer's.
    """

    __slots__ = ("_call", "held", "reply", "splice", "stream")

    may_linger = False

    def __init__(self, call: Call, reply: Reply, splice: Splice, held: bytes) -> None:
        self._call = call
        self.reply = reply
        self.stream: Any = reply.value.stream
        self.splice = splice
        self.held = held

    @property
    def complete(self) -> bool:
        """Whether its terminal signal has passed: what breaks behind that is not to be asked for again."""
        complete: bool = self.stream.complete
        return complete

    def closed(self) -> None:
        """The reader stopped; the other stream is told by being closed."""

    def ended(self) -> Breach | None:
        """All is read."""
        self.splice.end()
        return None if self.splice.differs is None else self.breach()

    def failed(self, error: Exception) -> Breach:
        """It broke off in its turn."""
        self.splice.end()
        return error.breach if isinstance(error, Broke) else self.breach()

    def breach(self) -> Breach:
        """It has turned out to be another answer."""
        why = f"no sound answer: it is another one ({self.splice.differs})"
        failure = Failure(why, kind=FailureKind.BROKEN, target=self._call.target_name)
        return Breach(self._call, failure, failure, None)


class _Another(NamedTuple):
    """What came of asking once more: the rest of the answer, or how that broke off, or neither."""

    mended: Mended | None = None
    breach: Breach | None = None


class Mender:
    """Goes on with one stream when it breaks.

    Args:
        port: of the call.
        call: as it was when it brought the stream.
        grammar: of the stream.
        delivered: what its reader has of it.
        wire: any that reads in the program's mode.
    """

    __slots__ = ("_call", "_delivered", "_grammar", "_port", "_times", "_wire")

    def __init__(self, port: HttpPort, call: Call, grammar: Grammar, delivered: Delivered, wire: Wire) -> None:
        self._port = port
        self._call = call
        self._grammar = grammar
        self._delivered = delivered
        self._wire = wire
        self._times = 0

    @property
    def words(self) -> str:
        """The text that was delivered."""
        kind = self._grammar.sequel
        return self._delivered.words(choices=kind is None or kind.by_choice)

    def may(self, breach: Breach) -> bool:
        """Whether another answer may go on with what was delivered."""
        prepared, rescue = self._port.prepared, self._call.rescue
        facts = prepared.facts
        return (
            rescue is not None
            and self._times < MOST_RESCUES
            and breach.failure.kind.meaning.moves_on
            and facts.operation is not Operation.CREATING
            and facts.repeatable
            and self._delivered.only_texts
            and self._grammar.sequel is not None
            and rescue.ways(self._call)[0] != "error"
            and not wants_form(facts.family, prepared.body or b"")
        )

    async def mend(self, breach: Breach) -> Mended | None:
        """Another answer that goes on with what was delivered; None if there is none."""
        journal, rescue = self._call.journal, self._call.rescue
        before = (journal.answered_by, journal.source, journal.model, journal.age)
        broken = breach
        ways: list[Way] = [] if rescue is None else [*takewhile(_goes_on, rescue.ways(self._call))]
        for way in ways:
            while (resume := self._resume(way, last=way == ways[-1])) is not None and self._times < MOST_RESCUES:
                another = await self._ask(resume, broken)
                if another.mended is not None:
                    self._tell(way, breach)
                    return another.mended
                if another.breach is None:
                    break
                broken = another.breach
        if before[0] is not None and before[1] is not None:
            journal.answered(before[0], before[1], before[2], before[3])
        return None

    def _resume(self, way: Way, *, last: bool) -> Resume | None:
        if way == "replay":
            return Resume(way, "", _anybody, last)
        text = self._only_text()
        return None if text is None else Resume(way, text, self._takes(text), last)

    def _takes(self, text: str) -> Callable[[Target | None], bool]:
        return lambda target: _body(self._port, target, text) is not None

    def _only_text(self) -> str | None:
        """What can be gone on with: one text, known from end to end."""
        texts = self._delivered.texts
        text = texts.get(("text", 0, 0))
        return text.kept if text is not None and len(texts) == 1 and text.digest is None else None

    async def _ask(self, resume: Resume, broken: Breach) -> _Another:
        """Ask once more, and read the answer up to where the first one broke off."""
        rescue, kind = self._call.rescue, self._grammar.sequel
        call = self._call.derive()
        call.target = broken.call.target
        if rescue is None or kind is None:
            return _Another()
        try:
            reply = await rescue.ask(call, broken.failure, resume)
        except Failure as failure:
            failure.__traceback__ = broken.failure.__traceback__ = None  # it holds this frame, and the frame it
            return _Another()
        self._times += 1
        taken = False
        try:
            another = await self._compared(reply, kind, resume)
            taken = another.mended is not None
            return another
        finally:
            if not taken:
                await self._let_go(reply)

    async def _compared(self, reply: Reply, kind: type[Sequel], resume: Resume) -> _Another:
        stream = reply.value.stream
        call: Call | None = getattr(stream, "call", None)
        if call is None or reply.verdict is not None:
            return _Another()
        splice = Splice(self._grammar, kind, self._delivered, continues=self._unseen(call, resume))
        held = list[bytes]()
        try:
            while splice.differs is None and not any(held):
                chunk = await self._wire.first(stream)
                if chunk is None:
                    splice.end()
                    break
                held.append(splice.feed(chunk))
        except Broke as broke:
            splice.end()
            return _Another(breach=broke.breach)
        if splice.differs is not None:
            return _Another()
        return _Another(Mended(call, reply, splice, b"".join(held)))

    def _unseen(self, call: Call, resume: Resume) -> str | None:
        """What of the delivered text was not shown to who goes on with it; None if its answer begins anew."""
        if resume.way != "continue":
            return None
        prepared = self._port.prepared
        prefill = prefill_of(prepared.dialect.name, prepared.facts.family, self._port.host(call.target), call.model)
        if prefill is None or prefill.repeats:
            return None
        return resume.text[len(resume.text.rstrip()) :] if prefill.trimmed else ""

    async def _let_go(self, reply: Reply) -> None:
        """It is of no use: its end is not the call's."""
        if reply.attempt is not None:
            reply.attempt.over = True
        with suppress(*self._port.flavour.known):
            await self._wire.close(reply.value)

    def _tell(self, way: Way, breach: Breach) -> None:
        call, journal = self._call, self._call.journal
        journal.rescued += 1
        by = journal.answered_by or ""
        what = f"{call.facts.family} {call.model or ''}".strip()
        log.warning(
            "%s: the stream of %s broke (%s); %s goes on with it (%s)",
            what,
            breach.call.target_name,
            breach.failure,
            by,
            way,
        )
        if journal.emit is not None:
            journal.emit(
                StreamRescued(
                    family=call.facts.family,
                    model=call.model,
                    target=breach.call.target_name,
                    by=by,
                    way=way,
                    reason=breach.failure.kind.value,
                )
            )


def _goes_on(way: Way) -> bool:
    return way != "error"


def _anybody(_target: Target | None) -> bool:
    return True
