"""A translated call under faults of its target's: judged as that vendor's own, kept as the caller's, gone on with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import Cache, Deadline, Fallback, Outcome, Pipeline, Retry, Target, record, wrap
from resilient_ai.testing import Fault, Provider, Simulator

from .modes import HELLO, MODEL, MODES, Mode, close, do, everything, failing, notes, two_modes
from .translated import CHAT, MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator

CLAUDE = MODELS["anthropic"]


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    """A primary, and one model of another vendor at two hosts: they give the same words."""
    twins = (Provider(name, dialect="anthropic", name_in_answers="twin") for name in ("one", "two"))
    with Simulator(Provider("own"), *twins) as simulator:
        yield simulator


@pytest.fixture
def vendors(running: Simulator) -> Simulator:
    running.reset()
    running["own"].fault(Fault.status(503))
    return running


def twin(vendors: Simulator, name: str) -> Target:
    provider = vendors[name]
    return Target(f"{name}:{CLAUDE}", base_url=provider.base_url, api_key=provider.key, dialect="anthropic")


async def asked(client: Any, *, stream: bool) -> str:
    answer = await do(client.chat.completions.create(model=MODEL, messages=HELLO, stream=stream, temperature=0))
    return CHAT.said(await everything(answer)) if stream else CHAT.text(answer)


@two_modes
@pytest.mark.parametrize(
    ("fault", "stream", "why"),
    [
        (Fault.not_streamed(), True, "plain JSON, where a stream was asked for"),
        (Fault.html(200), False, "a page of HTML"),
        (Fault.html(200), True, "neither JSON nor an event stream"),
        (Fault.redirect("http://127.0.0.1:1/"), False, "it redirects"),
        (Fault.redirect("http://127.0.0.1:1/"), True, "it redirects"),
        (Fault.truncated_clean(), False, "its JSON is malformed"),
        (Fault.gzip_cut(), False, "the gzip body is cut short"),
        (Fault.error_in_stream(), False, "a failure inside HTTP 200"),
    ],
    ids=lambda given: getattr(given, "kind", given),
)
def test_what_is_no_answer_of_its_vendor_s_is_none(
    mode: Mode, fault: Fault, stream: bool, why: str, vendors: Simulator
) -> None:
    vendors["one"].fault(fault)

    async def script() -> BaseException:
        bare = mode.openai(vendors["own"])
        once = Pipeline.default(Fallback([twin(vendors, "one")]), Retry(attempts=1))
        client = wrap(bare, once)
        error = await failing(asked(client, stream=stream))
        await close(client, bare)
        return error

    error = mode.run(script)
    assert isinstance(error, openai.APIConnectionError | openai.InternalServerError), repr(error)
    assert why in notes(error)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_a_broken_stream_is_gone_on_with_by_the_same_model(mode: Mode, vendors: Simulator) -> None:
    """Replayed and joined in the caller's dialect, unseen; never by a model that is not the same."""
    vendors["one"].fault(Fault.truncated(after_tokens=6))

    async def script() -> tuple[str, str, Outcome]:
        bare = mode.openai(vendors["own"])
        client = wrap(bare, Pipeline.default(Fallback([twin(vendors, "one"), twin(vendors, "two")])))
        with record() as calls:
            text = await asked(client, stream=True)
        whole = wrap(bare, Pipeline.default(Fallback([twin(vendors, "two")]), Retry(attempts=1)))
        expected = await asked(whole, stream=False)
        await close(client, whole, bare)
        return text, expected, calls[0]

    text, expected, told = mode.run(script)
    assert text == expected != ""
    assert told.rescued == 1
    assert told.answered_by in (f"one:{CLAUDE}", f"two:{CLAUDE}")


@two_modes
def test_a_translated_answer_is_kept_and_served_stale(mode: Mode, vendors: Simulator) -> None:
    """Streams and plain answers alike, as the caller's own; never as fresh for the primary."""

    async def script() -> list[tuple[str, str | None]]:
        bare = mode.openai(vendors["own"])
        cached = Pipeline.default(Cache(stale_if_error=600), Fallback([twin(vendors, "one")]), Retry(attempts=1))
        client = wrap(bare, cached)
        texts: list[str] = []
        with record() as calls:
            for stream in (False, True):
                for fault in (None, Fault.status(503)):
                    vendors["one"].heal()
                    if fault is not None:
                        vendors["one"].fault(fault)
                    texts.append(await asked(client, stream=stream))
        await close(client, bare)
        return [(text, call.source) for text, call in zip(texts, calls, strict=True)]

    (plain, first), (kept, second), (streamed, third), (replayed, fourth) = mode.run(script)
    assert plain == kept == streamed == replayed != ""
    assert (first, second, third, fourth) == ("fallback", "stale", "fallback", "stale")


@two_modes
@pytest.mark.parametrize("how", ["pings", "reasoning"])
def test_limits_count_the_target_s_bytes(mode: Mode, how: Any, vendors: Simulator) -> None:
    """A vendor that thinks sends nothing that the caller's dialect has, and is not silent."""
    vendors["one"].fault(Fault.thinking(2.5, every=0.2, how=how))

    async def script() -> str:
        bare = mode.openai(vendors["own"])
        client = wrap(bare, Pipeline.default(Deadline(idle=2.0), Fallback([twin(vendors, "one")]), Retry(attempts=1)))
        text = await asked(client, stream=True)
        await close(client, bare)
        return text

    assert mode.run(script)
