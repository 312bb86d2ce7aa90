"""One HTTP call: sent, judged, and handed to the strategies as a reply or a failure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .._call import Operation, Reply
from .._runtime.limit import deadline
from .._runtime.race import Aborted, aborted
from ..errors import DeadlineExceeded, Failure, NotAllowed, NotSent
from ..events import AttemptFailed
from ..failures import FailureKind
from ..providers.capabilities import capabilities_of
from ..providers.likeness import likeness
from ._abandoned import close_abandoned
from ._answer import mark, parsed_anew
from ._carried import capabilities_at, carried, carry, family_at, loss, turns, unfit
from ._conversation import conversation
from ._egress import barred, url_of
from ._eventstream import framed
from ._judged import kind_of
from ._key import cache_key, digest
from ._mend import continued
from ._packing import packed, unpacked
from ._pool import bounded_extensions
from ._received import received
from ._request import addressed, credential_of, refilled
from ._sdk import sdk_of
from ._sharing import HttpSharing
from ._signing import sign, signer_of
from ._tokens import asked_for, told
from ._worth import is_worth_keeping

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from .._call import Call
    from .._egress import Rule
    from .._journal import Attempt
    from .._keying import CacheKey, Keying
    from .._packed import Packed
    from .._sharing import Sharing
    from .._target import Target
    from ._carried import Carried
    from ._flavour import Flavour
    from ._request import Prepared
    from ._translated import Translated
    from ._wire import Wire

__all__ = ["HttpPort"]

_POOL_ONLY = ("pool",)


class HttpPort:
    """What the strategies need done for one request."""

    __slots__ = (
        "_extensions", "_route", "_wire", "bound", "carried", "drops", "flavour", "is_async", "keeps", "prepared",
    )  # fmt: skip

    def __init__(
        self,
        prepared: Prepared,
        wire: Wire,
        *,
        flavour: Flavour,
        route: Callable[[Target], Wire],
        is_async: bool,
        bound: Rule | None = None,
    ) -> None:
        self.bound = bound
        """What holds the call back: its wires, bound so, send by it."""
        self.prepared = prepared
        self._wire = wire
        self.flavour = flavour
        self._route = route
        self._extensions = prepared.request.extensions  # as the program set them: each attempt cuts them anew
        self.is_async = is_async
        self.keeps = False
        """Whether streams are kept while they pass."""
        self.drops = False
        """Whether what cannot be carried over may be left out."""
        self.carried: Carried | None = None
        """What the request is in other dialects, as far as it was asked for."""

    # What is asked before a call is sent

    def host(self, target: Target | None) -> str:
        """The host and port a target is reached at."""
        if target is None:
            return self.prepared.facts.host
        return (target.base_url or "").partition("://")[2].partition("/")[0]

    def credential(self) -> str:
        """The salted hash of the key the primary is called with."""
        prepared = self.prepared
        key = prepared.request.url.query if prepared.dialect.name == "gemini" else b""  # which takes keys there, too
        return credential_of(prepared.headers, key if b"key=" in key else b"")

    def fits(self, target: Target) -> str | None:
        """Why the call cannot go to ``target`` at all."""
        return unfit(self, target)

    def order(self, targets: list[Target]) -> list[Target]:
        """As they were named. A plain http client may speak several dialects, and name targets of each: there those
        come first that take the request as it is."""
        if not any(map(self.turns, targets)) or sdk_of(self.prepared.request) is not None:
            return targets
        return sorted(targets, key=self.turns)

    def family(self, target: Target) -> str:
        """The endpoint family that answers the call at ``target``."""
        return family_at(self, target)

    def turns(self, target: Target | None) -> bool:
        """Whether the request is translated for ``target``."""
        return turns(self, target)

    def larger(self, target: Target) -> bool:
        """Whether the model at ``target`` is known to take longer requests than the one that was asked for."""
        own = self.prepared.facts.model
        asked, there = capabilities_of(own) if own else None, capabilities_at(target, own)
        if asked is None or there is None or asked.context is None or there.context is None:
            return False
        return there.context > asked.context

    def carry(self, target: Target, *, drop: bool) -> tuple[str, ...]:
        """Make the request ready for ``target``; the paths of what is left out there come back.

        Raises:
            Failure: it cannot be carried over.
        """
        self.drops = drop
        return carry(self, target)

    def beside(self, prepared: Prepared) -> HttpPort:
        """The same surface for another form of the request."""
        return HttpPort(
            prepared,
            self._wire,
            flavour=self.flavour,
            route=self._route,
            is_async=self.is_async,
            bound=self.bound,
        )

    def barred(self, target: Target | None) -> str | None:
        """Why the call may not go there; None if it may."""
        rule = self.bound
        if rule is None:
            return None
        url = self.prepared.request.url if target is None else url_of(self.flavour, target.base_url or "")
        return barred(rule, url)

    def why_not(self, url: str) -> str | None:
        """Why nothing may be fetched from, or sent to, ``url`` for this call; None if it may."""
        return None if self.bound is None else barred(self.bound, self.flavour.module.URL(url))

    def conversation(self) -> tuple[str | None, bool]:
        """A salted hash of a conversation's beginning, its model and its key; and whether it was answered before."""
        return conversation(self)

    def answer(self, reply: Reply) -> tuple[bool, Any]:
        """Whether an answer is plain JSON, and a copy of it."""
        return parsed_anew(reply.value)

    def cache_key(self, call: Call, keying: Keying) -> CacheKey | None:  # noqa: ARG002  # a Port's signature
        """The key of the request; None if its answer is not to be kept."""
        if self.bound is not None:
            keying = keying.held_back(self.bound.name)
        return cache_key(self.prepared, keying)

    def digest(self) -> str | None:
        """A salted hash of the request; None of one that is large, cannot be kept, or asks for nothing new."""
        return digest(self.prepared)

    def alike(self) -> Hashable:
        """Streamed or not, the effort and the size of the output asked for."""
        return likeness(self.prepared.body or b"")

    def tokens(self) -> int:
        """What the request may cost, estimated."""
        return asked_for(self.prepared)

    def used(self, reply: Reply) -> Callable[[], int | None] | None:
        """Tells the tokens the answer says it cost. A stream is read along from here on, and not kept by it."""
        return told(reply.value)

    def sharing(self) -> Sharing | None:
        """How equal requests share one answer."""
        return HttpSharing(self)

    def wait_for(self, timeouts: dict[str, float | None]) -> None:
        """Send under these time-outs, by phase in seconds, in place of the program's own."""
        self._extensions = {**self._extensions, "timeout": timeouts}
        self.prepared.request.extensions = self._extensions

    async def discard(self, reply: Reply) -> None:
        """Let go of an answer that nobody will read."""
        await self._wire.close(reply.value)

    async def drain(self, reply: Reply) -> None:
        """Read a stream to its end, and forget it piece by piece."""
        response = reply.value
        if self.is_async:
            async for _ in response.aiter_raw():
                pass
        else:
            for _ in response.iter_raw():
                pass

    # Sending

    async def send(self, call: Call) -> Reply:
        """Send once, and judge what comes back."""
        target = call.target
        if self.bound is not None and (why := self.barred(target)) is not None:
            call.journal.skip(call.target_name, why)
            raise NotAllowed(f"not sent: {why}", target=call.target_name)
        wire = self._wire if target is None else self._route(target)
        close_abandoned()
        form = None if target is None else carried(self, target)
        attempt = call.journal.begin(call.target_name)
        until = call.attempt_limit(attempt.started)
        if until is not None and until <= attempt.started:
            attempt.ended, attempt.kind = attempt.started, FailureKind.DEADLINE
            raise DeadlineExceeded("the call's time was over before it was sent", target=call.target_name)
        token = deadline.set(until)
        try:
            request = self._request(call, form)
            if target is not None and (signer := signer_of(target)) is not None:
                await sign(signer, request, call, until)
            if until is not None:
                self._bound(request, wire, until - attempt.started)
            response = await wire.send(request, until)
            if target is not None:
                framed(response, target)
            return await received(self, call, attempt, response=response, wire=wire, request=request, form=form)
        except Failure as failure:
            if aborted():
                raise Aborted from None
            self._failed(call, attempt, failure)
            raise
        except self.flavour.known as error:
            if aborted():
                raise Aborted from None
            known = self.failure(call, error)
            self._failed(call, attempt, known)
            raise known from error
        finally:
            deadline.reset(token)
            attempt.ended = call.runtime.now()

    def _request(self, call: Call, form: Translated | None) -> Any:
        """The request as the call's target gets it; ``form``: in its own dialect."""
        prepared, target = self.prepared, call.target
        if call.resume is not None and call.resume.way == "continue":
            body = continued(call, self, target)
            if body is None:
                raise NotSent("it is not known to go on with an answer", target=call.target_name, reopens_in=0.0)
            prepared = refilled(prepared, body, self.flavour)
        if form is not None and target is not None:
            return form.request(prepared, target, self.flavour)
        return prepared.request if target is None else addressed(prepared, target, self.flavour, loss(self))

    def hurry(self, call: Call, attempt: Attempt) -> None:
        """The first bytes of an answer are here: from now on each step has its own limit."""
        limits = (
            call.limit,
            None if call.per_attempt is None else attempt.started + call.per_attempt,
            None if call.idle is None else call.runtime.now() + call.idle,
        )
        deadline.set(min((limit for limit in limits if limit is not None), default=None))

    def _bound(self, request: Any, wire: Wire, seconds: float) -> None:
        """Cut the request's own time-outs to what is left. Sockets of our own look at the deadline themselves; the wait
        for one of them, and a foreign transport, do not. A difference of milliseconds is not worth the copies."""
        timeouts = self._extensions.get("timeout")
        if wire.foreign:
            request.extensions = bounded_extensions(self._extensions)
        elif not timeouts or (timeouts.get("pool") or math.inf) > seconds + 0.01:
            request.extensions = bounded_extensions(self._extensions, phases=_POOL_ONLY)

    def _failed(self, call: Call, attempt: Attempt, failure: Failure) -> None:
        attempt.kind, attempt.status = failure.kind, failure.status
        journal = call.journal
        if journal.emit is not None:
            seconds = call.runtime.now() - attempt.started
            journal.emit(
                AttemptFailed(
                    target=attempt.target,
                    family=journal.facts.family,
                    model=call.model,
                    kind=failure.kind,
                    status=failure.status,
                    seconds=seconds,
                )
            )

    def failure(self, call: Call, error: Exception) -> Failure:
        """The failure a transport's exception is."""
        flavour = self.flavour
        ran_out = call.deadline is not None and call.runtime.now() >= call.deadline - 0.002
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if isinstance(error, (flavour.TimeoutException, TimeoutError)) and ran_out:
            return DeadlineExceeded(f"the call's time was over ({text})", target=call.target_name)
        return Failure(text, kind=kind_of(error, flavour), target=call.target_name)

    # What its answers are to be

    @property
    def asked(self) -> bool:
        """Whether the request asks an endpoint we know for something new, so that its answer's schema is known."""
        prepared = self.prepared
        return prepared.endpoint.path is not None and prepared.request.method == "POST" and not prepared.endpoint.ids

    @property
    def in_json(self) -> bool:
        """Whether the answer is to be JSON, or a stream of it, and nothing else."""
        return self.asked and self.prepared.dialect.answers_in_json(self.prepared.facts.family)

    @property
    def streamed(self) -> bool:
        """Whether the request asks for an event stream, whatever the answer is called."""
        prepared = self.prepared
        known = self.asked and prepared.facts.family in prepared.dialect.streams
        if not known:
            return False
        if prepared.dialect.name == "gemini":
            return b"alt=sse" in prepared.request.url.query or prepared.streams
        return prepared.streams

    @property
    def in_bytes(self) -> bool:
        """Whether the answer is to be bytes, or a stream of events: an error's words would be played as a sound."""
        return self.prepared.endpoint.path == "audio/speech"

    def begun(self, kind: FailureKind) -> FailureKind:
        """A kind that was told inside an answer: what an error status proves, that nothing was made, it does not."""
        creating = self.prepared.facts.operation is Operation.CREATING
        return FailureKind.BROKEN if creating and kind.meaning.nothing_made else kind

    def broken(self, call: Call, why: str) -> Failure:
        return Failure(f"no sound answer: {why}", kind=FailureKind.BROKEN, target=call.target_name)

    def keep(self) -> None:
        """A stream is kept while it passes."""
        self.keeps = True

    def pack(self, reply: Reply) -> Packed | None:
        """The answer for a store; None of a stream that did not end as it should, or was not kept, and of what is not
        worth being given again."""
        return packed(reply, self.prepared) if is_worth_keeping(reply, self.prepared) else None

    def unpack(self, packed: bytes, call: Call) -> Reply | None:
        """An answer from a store, marked as such; None if it cannot be had in the form that is asked for."""
        response = unpacked(packed, self.prepared, self.flavour)
        if response is None:
            return None
        mark(response, call.journal, None, self.prepared.dialect.request_id)
        return Reply(response)
