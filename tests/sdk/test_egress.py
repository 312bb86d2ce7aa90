"""A call that is bound to a region goes nowhere else, whatever fails: counted by hosts that listen."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import (
    Cache,
    CircuitBreaker,
    Egress,
    Hedge,
    Pipeline,
    Retry,
    SingleFlight,
    control,
    options,
    outcome,
    record,
    wrap,
)
from resilient_ai.errors import NotAllowed
from resilient_ai.providers import openai as openai_dialect
from resilient_ai.transports import wrap_transport

from .listeners import chat_answer, down, late, redirect, reset
from .modes import MODEL, OPENAI_3, Mode, chat, close, do, failing, flavours, modes, notes, two_modes

if TYPE_CHECKING:
    from .listeners import Hosts


class Raises:
    """A strategy of the program's own with a fault in it."""

    async def execute(self, next: Any, call: Any) -> Any:
        try:
            return await next(call)
        finally:
            raise ZeroDivisionError("planted")


class Broken:
    """A store that is down."""

    blocking = False

    @property
    def salt(self) -> bytes:
        raise OSError("down")

    def get(self, key: str) -> None:
        raise OSError("down")

    set = delete = get


BROKEN: Any = Broken()
TURNS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "503": ((), down()),
    "reset": ((), reset()),
    "retries": ((Retry(attempts=4, wait=0, budget=1.0),), reset()),
    "hedge": ((Hedge(after=0.05, budget=1.0),), late(down(), 0.2)),
    "flight": ((SingleFlight(joins="all"),), down()),
    "open circuits": ((CircuitBreaker(consecutive=1, open_for=(30, 30)),), down()),
    "a store that is down": ((Cache(ttl=60, stale_if_error=60, store=BROKEN),), down()),
    "a fault in a strategy": ((Raises(),), down()),
    "a fault where answers are read": ((), down()),
    "a redirect": ((), "us"),
    "a redirect to nowhere": ((), "nowhere"),
    "observing": ((), down()),
    "observing a redirect": ((), "us"),
}


def _pipeline(turn: str, strategies: tuple[Any, ...], egress: Egress) -> Pipeline:
    if "strategy" in turn:
        others = Pipeline.default().strategies
        return Pipeline(*strategies, *others[:2], *strategies, *others[2:], *strategies, egress=egress, isolated=True)
    pipeline = Pipeline.default(*strategies, egress=egress, isolated=True)
    return pipeline.observe() if "observing" in turn else pipeline


@modes
@pytest.mark.parametrize("by", ["pipeline", "block", "header"])
@pytest.mark.parametrize("turn", TURNS)
def test_nothing_is_sent_outside(mode: Mode, hosts: Hosts, monkeypatch: Any, turn: str, by: str) -> None:
    """Calls marked with a region, both hosts there down, and in turn whatever could lead out."""
    strategies, answer = TURNS[turn]
    if "retries" not in turn and "strategy" not in turn:
        strategies = (*strategies, Retry(wait=0))
    hosts.eu.answer = hosts.eu_too.answer = answer
    if "redirect" in turn:
        hosts.eu.answer = redirect(f"{getattr(hosts, answer).url}/chat/completions")
        hosts.eu_too.answer = down()
    if turn == "a fault where answers are read":
        monkeypatch.setattr(type(openai_dialect.DIALECT), "classify", _planted, raising=False)
    region = "eu" if by == "pipeline" else None
    headers = {"x-resilient-ai-region": "eu"} if by == "header" else {}

    async def script() -> None:
        client = wrap(
            mode.openai(hosts.eu, max_retries=0),
            _pipeline(turn, strategies, Egress(region=region, regions=hosts.regions)),
            fallback=hosts.targets,
        )
        for _ in range(2):
            with options(region="eu") if by == "block" else nullcontext():
                error = await failing(chat(client, extra_headers=headers))
            if "fault" in turn:
                assert isinstance(error if OPENAI_3 else error.__cause__, ZeroDivisionError), repr(error)
                continue
            assert isinstance(error, openai.APIError), repr(error)
            if "observing" not in turn:
                _tells(error, hosts, turn)
        await close(client)

    mode.run(script)
    assert hosts.eu.accepted >= 1
    if "observing" not in turn and "fault" not in turn:
        assert hosts.eu_too.accepted >= 1
    assert hosts.elsewhere == 0
    assert not [head for host in hosts for head in host.heads if b"resilient" in head.lower()]


def _tells(error: BaseException, hosts: Hosts, turn: str) -> None:
    """The exception names each target that was passed by, and why; and so does the outcome."""
    for said in (notes(error), "\n".join(outcome(error).skipped)):
        assert f"us:*: not in region eu: {hosts.us.place} is in us" in said
        assert f"nowhere:*: not in region eu: {hosts.nowhere.place} is in no region that is known" in said
        if "redirect" in turn:
            assert "primary: not in region eu" in said


def _planted(*_: Any) -> Any:
    raise ZeroDivisionError("planted")


@modes
def test_without_a_word_the_same_calls_go_outside(mode: Mode, hosts: Hosts) -> None:
    """That the hosts outside would have been asked: what the test above counts is worth something."""

    async def script() -> None:
        client = wrap(mode.openai(hosts.eu), fallback=hosts.targets)
        assert outcome(await chat(client)).answered_by == "us:*"
        hosts.eu.answer = redirect(f"{hosts.nowhere.url}/chat/completions")
        control.reset()
        assert (await chat(client)).system_fingerprint == "nowhere"
        await close(client)

    mode.run(script)
    assert (hosts.us.accepted, hosts.nowhere.accepted) == (1, 1)


@modes
@pytest.mark.parametrize("by", ["pipeline", "block", "header"])
def test_a_target_inside_answers(mode: Mode, hosts: Hosts, by: str) -> None:
    """Past those that may not be asked, without a word of a failure of theirs."""
    hosts.eu_too.answer = chat_answer("eu2")

    async def script() -> None:
        egress = Egress(region="eu" if by == "pipeline" else None, regions=hosts.regions)
        client = wrap(mode.openai(hosts.eu), Pipeline.default(egress=egress), fallback=hosts.targets)
        with options(region="eu") if by == "block" else nullcontext():
            answer = await chat(client, extra_headers={"x-resilient-ai-region": "eu"} if by == "header" else {})
        told = outcome(answer)
        assert (answer.system_fingerprint, told.answered_by, told.source) == ("eu2", "eu2:*", "fallback")
        assert [line.partition(":*")[0] for line in told.skipped] == ["us", "nowhere"]
        await close(client)

    mode.run(script)
    assert hosts.elsewhere == 0


@modes
def test_a_client_that_points_outside_is_not_asked_there(mode: Mode, hosts: Hosts) -> None:
    """The primary may be what is forbidden; calls that say nothing go there as ever."""
    hosts.eu_too.answer = chat_answer("eu2")

    async def script() -> None:
        client = wrap(mode.openai(hosts.us), fallback=[hosts.targets[2]])
        with options(region="eu"):
            told = outcome(await chat(client))
            assert (told.answered_by, told.attempts[0].partition(":")[0]) == ("eu2:*", "eu2")
            assert told.skipped[0].startswith("primary: not in region eu")
        assert hosts.us.accepted == 0
        assert outcome(await chat(client)).answered_by == "primary"
        await close(client)

    mode.run(script)


@modes
@pytest.mark.parametrize("alone", [False, True])
def test_with_nowhere_to_go_the_sdk_s_own_error_says_why(mode: Mode, hosts: Hosts, caplog: Any, alone: bool) -> None:
    """At once, and as often as it is asked: no loop above is blamed for it."""

    async def script() -> None:
        client = wrap(mode.openai(hosts.us), fallback=[] if alone else hosts.targets[:2])
        with options(region="eu"), record() as calls:
            error = await failing(chat(client))
            await failing(chat(client))
        assert isinstance(error, openai.APIConnectionError)
        assert isinstance(error.__cause__, NotAllowed)
        for said in ["primary"] if alone else ["primary", "us:*", "nowhere:*"]:
            assert f"{said}: not in region eu" in notes(error)
            assert f"{said}: not in region eu" in "\n".join(calls[0].skipped)
        assert calls[0].attempts == ()
        assert "not in region eu" in str(error)
        await close(client)

    mode.run(script)
    assert hosts.elsewhere == 0
    assert not caplog.records


@two_modes
@flavours
@pytest.mark.parametrize("by", ["pipeline", "block", "header"])
@pytest.mark.parametrize("transport_only", [False, True])
def test_every_hop_of_a_plain_client_is_looked_at(
    mode: Mode, hosts: Hosts, flavour: Any, by: str, transport_only: bool
) -> None:
    """A client that follows redirects by itself, also from one host inside to the next, and then out."""
    hosts.eu.answer = redirect(f"{hosts.eu_too.url}/chat/completions")
    hosts.eu_too.answer = redirect(f"{hosts.us.url}/chat/completions")
    inside = Egress(region="eu" if by == "pipeline" else None, regions={hosts.eu.place: "eu", hosts.eu_too.place: "eu"})
    pipeline = Pipeline.default(egress=inside)

    async def script() -> None:
        if transport_only:
            kind = flavour.AsyncHTTPTransport if mode.is_async else flavour.HTTPTransport
            client = mode.http_client(flavour, transport=wrap_transport(kind(), pipeline), follow_redirects=True)
        else:
            client = wrap(mode.http_client(flavour, follow_redirects=True), pipeline)

        async def post() -> Any:
            headers = {"x-resilient-ai-region": "eu"} if by == "header" else {}
            return await do(client.post(f"{hosts.eu.url}/chat/completions", json={"model": MODEL}, headers=headers))

        with options(region="eu") if by == "block" else nullcontext():
            error = await failing(post())
        assert isinstance(error, flavour.ConnectError)
        assert "not in region eu" in str(error)
        await close(client)

    mode.run(script)
    assert (hosts.eu.accepted, hosts.eu_too.accepted, hosts.elsewhere) == (1, 1, 0)
    assert not [head for host in hosts for head in host.heads if b"resilient" in head.lower()]
