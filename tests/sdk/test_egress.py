"""A call that is bound to a region goes nowhere else, whatever fails: counted by hosts that listen."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

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
    Target,
    control,
    options,
    outcome,
    record,
    wrap,
)
from resilient_ai.errors import ConfigurationError, NotAllowed
from resilient_ai.providers import openai as openai_dialect
from resilient_ai.transports import wrap_transport

from .flights import nothing_left, soon
from .listeners import Listener, chat_answer, down, late, redirect, reset
from .modes import HELLO, MODEL, Mode, chat, close, do, failing, flavours, modes, notes, two_modes

if TYPE_CHECKING:
    from collections.abc import Iterator


class Hosts(NamedTuple):
    """Four that listen: two in the EU, two elsewhere."""

    eu: Listener
    eu_too: Listener
    us: Listener
    nowhere: Listener

    @property
    def regions(self) -> dict[str, str]:
        """Where the first is; the targets say it of themselves, and the last says nothing."""
        return {self.eu.place: "eu"}

    @property
    def targets(self) -> list[Target]:
        """The forbidden first: whatever moves on would meet them."""
        return [
            Target("us:*", base_url=self.us.url, api_key="k", region="us"),
            Target("nowhere:*", base_url=self.nowhere.url, api_key="k"),
            Target("eu2:*", base_url=self.eu_too.url, api_key="k", region="eu"),
        ]

    @property
    def elsewhere(self) -> int:
        """Connections that the hosts outside have accepted."""
        return self.us.accepted + self.nowhere.accepted


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    four = Hosts(Listener(), Listener(), Listener(chat_answer("us")), Listener(chat_answer("nowhere")))
    yield four
    for host in four:
        host.close()


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
            mode.openai(_at(hosts.eu), max_retries=0),
            _pipeline(turn, strategies, Egress(region=region, regions=hosts.regions)),
            fallback=hosts.targets,
        )
        for _ in range(2):
            with options(region="eu") if by == "block" else nullcontext():
                error = await failing(chat(client, extra_headers=headers))
            assert isinstance(error, ZeroDivisionError if "fault" in turn else openai.APIError), repr(error)
            if "fault" not in turn and "observing" not in turn:
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


class _Provider(NamedTuple):
    key: str
    base_url: str


def _at(host: Listener) -> _Provider:
    return _Provider("k", host.url)


@modes
def test_without_a_word_the_same_calls_go_outside(mode: Mode, hosts: Hosts) -> None:
    """That the hosts outside would have been asked: what the test above counts is worth something."""

    async def script() -> None:
        client = wrap(mode.openai(_at(hosts.eu)), fallback=hosts.targets)
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
        client = wrap(mode.openai(_at(hosts.eu)), Pipeline.default(egress=egress), fallback=hosts.targets)
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
        client = wrap(mode.openai(_at(hosts.us)), fallback=[hosts.targets[2]])
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
        client = wrap(mode.openai(_at(hosts.us)), fallback=[] if alone else hosts.targets[:2])
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
@pytest.mark.parametrize("how", ["empty", "observing", "egress alone"])
def test_it_holds_where_nothing_else_is_done(mode: Mode, hosts: Hosts, how: str) -> None:
    """Under an empty pipeline, and in observe mode: the program's word is kept; nothing else is changed."""
    egress = Egress(region="eu") if how == "egress alone" else None
    pipeline = Pipeline.default().observe() if how == "observing" else Pipeline(egress=egress)

    async def script() -> None:
        if egress is not None:
            with pytest.raises(ConfigurationError):
                wrap(mode.openai(_at(hosts.us)), pipeline)
            return
        client = wrap(mode.openai(_at(hosts.us), max_retries=0), pipeline)
        with options(region="eu"):
            error = await failing(chat(client))
        assert isinstance(error, openai.APIConnectionError)
        error = await failing(chat(client, extra_headers={"x-resilient-ai-hosts": "*.internal"}))
        assert isinstance(error, openai.APIConnectionError)
        assert hosts.elsewhere == 0
        assert (await chat(client)).system_fingerprint == "us"
        with options(hosts=[hosts.us.place]):
            assert (await chat(client)).system_fingerprint == "us"
        await close(client)

    mode.run(script)
    assert not [head for host in hosts for head in host.heads if b"resilient" in head.lower()]


@two_modes
def test_switched_off_is_the_bare_sdk(mode: Mode, hosts: Hosts, monkeypatch: Any) -> None:
    """As docs/egress.md says: off holds nothing back."""
    monkeypatch.setenv("RESILIENT_AI", "off")

    async def script() -> None:
        client = wrap(mode.openai(_at(hosts.us)))
        with options(region="eu"):
            assert (await chat(client, extra_headers={"x-resilient-ai-region": "eu"})).system_fingerprint == "us"
        await close(client)

    mode.run(script)
    assert not [head for head in hosts.us.heads if b"resilient" in head.lower()]


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


@two_modes
def test_what_was_answered_outside_is_not_served_inside(mode: Mode, hosts: Hosts) -> None:
    """Not from the cache, fresh or stale; and what was answered inside is, once it is bound so again."""
    hosts.us.answer, hosts.eu_too.answer = chat_answer("us"), chat_answer("eu2")
    cache = Cache(ttl=60, stale_if_error=3600)

    async def script() -> None:
        client = wrap(mode.openai(_at(hosts.us)), Pipeline.default(cache), fallback=[hosts.targets[2]])
        assert (await chat(client)).system_fingerprint == "us"
        assert outcome(await chat(client)).source == "cache"
        with options(region="eu"):
            answer = await chat(client)
            assert (answer.system_fingerprint, outcome(answer).source) == ("eu2", "fallback")
            hosts.eu_too.answer = down()
            control_answer = await chat(client)
            assert (control_answer.system_fingerprint, outcome(control_answer).source) == ("eu2", "stale")
            with options(cache="only"):
                assert (await chat(client)).system_fingerprint == "eu2"
        with options(hosts=["127.0.0.1"], cache="only"):
            error = await failing(chat(client))
            assert isinstance(error, openai.APIStatusError)
            assert error.status_code == 504
        await close(client)

    mode.run(script)
    assert hosts.us.accepted == 1


@two_modes
def test_what_is_asked_anew_in_the_background_stays_inside(mode: Mode, hosts: Hosts) -> None:
    """The old answer is served at once; the new one is asked for where the call may go."""
    hosts.eu.answer = chat_answer("eu")
    cache = Cache(stale_while_revalidate=3600)

    async def script() -> None:
        client = wrap(
            mode.openai(_at(hosts.eu)),
            Pipeline.default(cache, egress=Egress(regions=hosts.regions)),
            fallback=hosts.targets,
        )
        with options(region="eu"):
            assert (await chat(client)).system_fingerprint == "eu"
            hosts.eu.answer = redirect(f"{hosts.us.url}/chat/completions")
            hosts.eu_too.answer = down()
            for asked in (2, 3):
                assert outcome(await chat(client)).source == "cache"
                assert await soon(mode, lambda asked=asked: hosts.eu.accepted >= asked and nothing_left())
                hosts.eu.answer = down()
        await close(client)

    mode.run(script)
    assert hosts.elsewhere == 0


@modes
def test_a_pipeline_that_can_go_nowhere_is_told_when_it_is_wrapped(mode: Mode, hosts: Hosts, caplog: Any) -> None:
    """Neither the client's own host nor any target is inside; if one is, the others are told of."""

    async def script() -> None:
        bound = Pipeline.default(egress=Egress(region="eu"))
        given = mode.openai(_at(hosts.us))
        for fallback in ([], hosts.targets[:2], {"m": hosts.targets[:1], "*": hosts.targets[1:2]}):
            with pytest.raises(ConfigurationError, match="nothing could ever be sent: primary: not in region eu"):
                wrap(given, bound, fallback=fallback)
        with pytest.raises(ConfigurationError, match="is not among the hosts allowed"):
            wrap(given, Pipeline.default(egress=Egress(hosts=["*.internal"])))
        assert not caplog.records
        client = wrap(given, bound, fallback=hosts.targets)
        assert [record.getMessage().partition(" is")[0] for record in caplog.records] == [
            "fallback us:*",
            "fallback nowhere:*",
        ]
        await close(client, given)

    mode.run(script)


def test_an_own_breaker_s_probe_stays_inside(hosts: Hosts) -> None:
    """Circuits open and are tried again; many calls, and nobody outside is ever asked."""
    breaker = CircuitBreaker(consecutive=1, open_for=(0.01, 0.01))
    pipeline = Pipeline.default(breaker, egress=Egress(region="eu", regions=hosts.regions))
    client = wrap(openai.OpenAI(api_key="k", base_url=hosts.eu.url), pipeline, fallback=hosts.targets)
    with options(patience=0.05):
        for _ in range(20):
            with pytest.raises(openai.APIError):
                client.chat.completions.create(model=MODEL, messages=HELLO)
    client.close()
    assert hosts.eu.accepted > 1
    assert hosts.elsewhere == 0
