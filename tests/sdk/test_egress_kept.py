"""A bound call where little else is done: off, observing, kept answers, what is asked in the background, at wrap()."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import Cache, CircuitBreaker, Egress, Pipeline, Retry, control, options, outcome, wrap
from resilient_ai.errors import ConfigurationError

from .flights import nothing_left, soon
from .listeners import chat_answer, down, redirect
from .modes import HELLO, MODEL, Mode, chat, close, failing, modes, two_modes

if TYPE_CHECKING:
    from .listeners import Hosts


@two_modes
@pytest.mark.parametrize("how", ["empty", "observing", "egress alone"])
def test_it_holds_where_nothing_else_is_done(mode: Mode, hosts: Hosts, how: str) -> None:
    """Under an empty pipeline, and in observe mode: the program's word is kept; nothing else is changed."""
    egress = Egress(region="eu") if how == "egress alone" else None
    pipeline = Pipeline.default().observe() if how == "observing" else Pipeline(egress=egress)

    async def script() -> None:
        if egress is not None:
            with pytest.raises(ConfigurationError):
                wrap(mode.openai(hosts.us), pipeline)
            return
        client = wrap(mode.openai(hosts.us, max_retries=0), pipeline)
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
        client = wrap(mode.openai(hosts.us))
        with options(region="eu"):
            assert (await chat(client, extra_headers={"x-resilient-ai-region": "eu"})).system_fingerprint == "us"
        await close(client)

    mode.run(script)
    assert not [head for head in hosts.us.heads if b"resilient" in head.lower()]


@two_modes
def test_what_was_answered_outside_is_not_served_inside(mode: Mode, hosts: Hosts) -> None:
    """Not from the cache, fresh or stale; and what was answered inside is, once it is bound so again."""
    hosts.us.answer, hosts.eu_too.answer = chat_answer("us"), chat_answer("eu2")
    cache = Cache(ttl=60, stale_if_error=3600)

    async def script() -> None:
        client = wrap(mode.openai(hosts.us), Pipeline.default(cache), fallback=[hosts.targets[2]])
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
            mode.openai(hosts.eu),
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
        given = mode.openai(hosts.us)
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


@modes
def test_a_call_that_may_not_be_sent_waits_for_nobody(mode: Mode, hosts: Hosts) -> None:
    """Not for its only target's circuit, however patient it is; what it is told is the truer reason."""

    async def script() -> None:
        client = wrap(mode.openai(hosts.us), Pipeline.default(Retry(wait=0), isolated=True))
        assert (await chat(client)).system_fingerprint == "us"
        assert control.force_open(hosts.us.place) == 1
        started = time.monotonic()
        with options(region="eu", patience=30):
            error = await failing(chat(client))
        assert time.monotonic() - started < 10
        assert "not in region eu" in str(error)
        await close(client)

    mode.run(script)


def test_in_a_pool_of_threads_the_pipeline_s_word_holds(hosts: Hosts) -> None:
    """An SDK's own helper that uploads in threads, to which Python hands no block on (docs/egress.md says so)."""
    pipeline = Pipeline.default(Retry(wait=0), egress=Egress(region="eu"))
    client = wrap(openai.OpenAI(api_key="k", base_url=hosts.us.url), pipeline, fallback=hosts.targets)
    with pytest.raises(openai.InternalServerError):
        client.vector_stores.file_batches.upload_and_poll("vs_1", files=[("a.txt", b"private")])
    client.close()
    assert hosts.eu_too.accepted > 0
    assert hosts.elsewhere == 0
