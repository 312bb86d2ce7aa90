"""A target that speaks another dialect: the real SDK gets its answers, its streams and its errors in its own terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Fallback, Outcome, Pipeline, Retry, outcome, record, wrap
from resilient_ai.providers.codecs.table import TONGUES
from resilient_ai.testing import Fault

from .modes import MODES, Mode, failing, notes, two_modes
from .translated import CHAT, MODELS, Caller, pairs, target

if TYPE_CHECKING:
    from resilient_ai.testing import SimulatedProvider, Simulator

# The bare google-genai's own, on aiohttp.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

FIRST = "sk-planted-of-the-primary"


def own(vendors: Simulator, caller: Caller) -> SimulatedProvider:
    return vendors[f"own-{caller.dialect}"]


def other(vendors: Simulator, spoken: str) -> SimulatedProvider:
    return vendors[f"other-{TONGUES[spoken].dialect}"]


def wrapped(mode: Mode, caller: Caller, vendors: Simulator, spoken: str, **how: Any) -> tuple[Any, Any]:
    """The bare client, and one whose only fallback speaks another dialect."""
    bare = caller.make(mode.is_async, own(vendors, caller))
    once = Pipeline.default(Fallback([target(vendors, spoken)], **how), Retry(attempts=1))
    return bare, wrap(bare, once)


@two_modes
@pairs()
def test_another_vendor_answers_in_the_callers_own_types(
    mode: Mode, caller: Caller, spoken: str, vendors: Simulator
) -> None:
    """Plain and streamed say the same; model, usage and request id are those of whoever answered."""
    own(vendors, caller).fault(Fault.status(503))
    upstream = other(vendors, spoken)

    async def script() -> tuple[Any, list[Any], Outcome]:
        bare, client = wrapped(mode, caller, vendors, spoken)
        answer = await caller.answer(mode, client)
        events = await caller.pieces(mode, client)
        told = outcome(answer)
        await caller.end(mode, client, bare)
        return answer, events, told

    answer, events, told = mode.run(script)
    model = MODELS[TONGUES[spoken].dialect]
    assert caller.text(answer) == caller.said(events) != ""
    assert caller.model(answer) == model
    assert min(caller.usage(answer)) > 0
    assert (told.answered_by, told.source, told.model) == (f"{spoken}:{model}", "fallback", model)
    assert told.degraded
    assert (told.skipped, told.dropped) == ((), ())
    assert len(told.attempts) == 2
    if TONGUES[spoken].dialect != "gemini":  # which gives its requests no ids
        assert any(upstream.name in identifier for identifier in told.request_ids)
    assert upstream.count() == 2


@two_modes
@pairs()
def test_the_last_targets_error_is_the_callers_own(mode: Mode, caller: Caller, spoken: str, vendors: Simulator) -> None:
    """Its status is kept, in the exception class of the caller's SDK, with the notes of each target."""
    own(vendors, caller).fault(Fault.refused())

    async def script(status: int, streamed: bool) -> BaseException:
        other(vendors, spoken).fault(Fault.status(status))
        bare, client = wrapped(mode, caller, vendors, spoken)
        ask = caller.pieces if streamed else caller.answer
        error = await failing(ask(mode, client))
        await caller.end(mode, client, bare)
        return error

    for status in (429, 500, 503):
        for streamed in (False, True):
            error = mode.run(script, status, streamed)
            assert isinstance(error, caller.failed(status)), repr(error)
            assert getattr(error, "status_code", getattr(error, "code", None)) == status
            told = notes(error)
            assert "attempt 1: primary: unreachable" in told
            assert f"attempt 2: {spoken}:" in told
            assert f"HTTP {status}" in told


@two_modes
@pairs()
def test_a_stream_that_is_cut_is_never_a_whole_one(mode: Mode, caller: Caller, spoken: str, vendors: Simulator) -> None:
    """Nothing terminal is made up: the SDK raises, and what came before was handed on."""
    own(vendors, caller).fault(Fault.status(503))

    async def script(fault: Fault) -> tuple[BaseException, str]:
        other(vendors, spoken).fault(fault)
        bare, client = wrapped(mode, caller, vendors, spoken, rescue=("error",))
        error = await failing(caller.pieces(mode, client))
        await caller.end(mode, client, bare)
        return error, outcome(error).delivered or ""

    for fault in (
        Fault.truncated(after_tokens=4),
        Fault.truncated_clean(after_tokens=4),
        Fault.malformed_json(after_tokens=4),
    ):
        error, delivered = mode.run(script, fault)
        assert isinstance(error, caller.connection()), repr(error)
        assert delivered.strip(), fault


@two_modes
@pairs()
def test_an_error_told_in_the_stream(mode: Mode, caller: Caller, spoken: str, vendors: Simulator) -> None:
    """Behind content it is the caller's own exception, not a connection's; before, it is as if nothing had come."""
    own(vendors, caller).fault(Fault.status(503))

    async def script(fault: Fault) -> tuple[BaseException, Outcome]:
        other(vendors, spoken).fault(fault)
        bare, client = wrapped(mode, caller, vendors, spoken, rescue=("error",))
        with record() as calls:
            error = await failing(caller.pieces(mode, client))
        await caller.end(mode, client, bare)
        return error, calls[0]

    late, told = mode.run(script, Fault.error_in_stream(after_tokens=4))
    assert told.answered_by == f"{spoken}:{MODELS[TONGUES[spoken].dialect]}"
    assert type(late).__module__.partition(".")[0] == caller.module.partition(".")[0]
    assert not isinstance(late, caller.connection())
    early, told = mode.run(script, Fault.error_in_stream(after_tokens=0))
    assert type(early).__module__.partition(".")[0] == caller.module.partition(".")[0]
    assert told.answered_by is None


@two_modes
@pairs(callers=(CHAT,))
def test_a_stream_that_fails_early_goes_on_elsewhere(
    mode: Mode, caller: Caller, spoken: str, vendors: Simulator
) -> None:
    """Before the commit point nobody has seen anything: the next target is asked."""
    last = target(vendors, "openai", place="own", model="gpt-4o")

    async def script(fault: Fault) -> tuple[list[Any], Outcome]:
        own(vendors, caller).fault(Fault.status(503, model=MODELS["openai"]))
        other(vendors, spoken).fault(fault)
        bare = caller.make(mode.is_async, own(vendors, caller))
        client = wrap(bare, fallback=[target(vendors, spoken), last])
        with record() as calls:
            events = await caller.pieces(mode, client)
        await caller.end(mode, client, bare)
        return events, calls[0]

    for fault in (Fault.truncated(after_tokens=0), Fault.error_in_stream(after_tokens=0)):
        events, told = mode.run(script, fault)
        assert caller.said(events)
        assert told.answered_by == "openai:gpt-4o"
        assert any(line.startswith(f"{spoken}:") for line in told.attempts)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
@pairs(callers=(CHAT,))
def test_what_belongs_to_the_primary_stays_there(mode: Mode, caller: Caller, spoken: str, vendors: Simulator) -> None:
    """Its key, its organisation, cookies, and headers of the program's own never reach another vendor; nor does a
    cookie of the other one's reach the client."""
    first, upstream = own(vendors, caller), other(vendors, spoken)
    first.fault(Fault.status(503))
    upstream.fault(Fault.set_cookie("planted=of-the-other"))

    async def script() -> list[str]:
        bare = mode.openai(
            first,
            organization="org-planted",
            project="proj-planted",
            default_headers={"x-planted": "header-planted", "cookie": "session=cookie-planted"},
        )
        client = wrap(bare, fallback=[target(vendors, spoken)])
        await caller.answer(mode, client, extra_query={"planted": "query-planted"})
        await caller.pieces(mode, client, extra_headers={"x-more": "more-planted"})
        jar = [cookie.name for cookie in client._client.cookies.jar]
        await caller.end(mode, client, bare)
        return jar

    assert mode.run(script) == []
    assert upstream.count() == 2
    assert upstream.saw(upstream.key)
    for planted in (first.key, "planted", "x-stainless", "OpenAI/Python"):
        assert not upstream.saw(planted), planted
    assert not first.saw(upstream.key)
