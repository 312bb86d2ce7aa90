"""Wrong use is told at once, and clearly."""

from __future__ import annotations

from typing import Any

import openai
import pytest

import resilient_ai
from resilient_ai import Cache, CircuitBreaker, Deadline, Fallback, Pipeline, Retry, Target, control, options, wrap
from resilient_ai.errors import ConfigurationError, UnsupportedClient
from resilient_ai.stores import MemoryStore
from tests.ids import named

from .modes import Mode, close, failing, http, two_modes

CLIENT: Any = openai.OpenAI(api_key="sk-x", base_url="http://127.0.0.1:1/v1")
HERE: Any = {"base_url": "http://127.0.0.1:1/v1", "api_key": "k"}


@pytest.mark.parametrize(
    ("thing", "says"),
    [
        (openai.OpenAI, r"not its class: write wrap\(OpenAI\(\)\)"),
        (http.Client, r"not its class: write wrap\(Client\(\)\)"),
        (openai, r"not a module: make one, e.g. wrap\(openai.OpenAI\(\)\)"),
        ("https://api.openai.com", r"cannot wrap a builtins.str; supported: openai.OpenAI"),
        (None, r"cannot wrap a builtins.NoneType"),
        (CLIENT.chat.completions, r"cannot wrap a openai.*Completions"),
        (object(), r"for another SDK, wrap the http client you give it"),
    ],
    ids=named,
)
def test_no_client(thing: Any, says: str) -> None:
    with pytest.raises(UnsupportedClient, match=says) as caught:
        wrap(thing)
    assert isinstance(caught.value, TypeError)


def test_an_sdk_that_is_not_supported() -> None:
    other = type("Together", (), {"__module__": "together"})()
    with pytest.raises(UnsupportedClient, match=r"cannot wrap a together.Together; supported: openai.OpenAI"):
        wrap(other)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: wrap(CLIENT, fallback=["nobody:model"]),
            "unknown vendor 'nobody'; give base_url=…, or use anthropic,",
        ),
        (lambda: wrap(CLIENT, fallback=["groq:llama"]), "no key: set GROQ_API_KEY or give api_key=…"),
        (
            lambda: wrap(CLIENT, fallback=[Target("cohere:command", api_key="k")]),
            "speaks the cohere dialect and this client openai",
        ),
        (
            lambda: wrap(CLIENT, fallback=["azure:gpt"]),
            "azure:gpt: give base_url=…, e.g. 'https://NAME/openai/v1', or set AZURE_OPENAI_ENDPOINT",
        ),
        (lambda: wrap(CLIENT, fallback=["gpt-4o"]), "a target is named 'vendor:model'"),
        (lambda: wrap(CLIENT, fallback="openai:gpt-4o"), "fallback takes a list of targets"),
        (lambda: wrap(CLIENT, fallback=[42]), "a fallback is a Target or its name 'vendor:model', got int"),  # type: ignore[list-item]  # wrong on purpose
        (lambda: wrap(CLIENT, fallback={"": ["a:b"]}), "'' is no model's name"),
        (
            lambda: wrap(CLIENT, Pipeline.default(Fallback([Target("a:b", **HERE)])), fallback=[Target("c:d", **HERE)]),
            "targets are given twice",
        ),
        (lambda: wrap(CLIENT, Retry()), "a Pipeline is wanted, got Retry"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: Target("a:b", base_url="ftp://x"), "base_url starts with http:// or https://"),
        (lambda: Target(3), "a target is named by a string"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: Target("a:b", api_key=3), "api_key is a string, or a callable"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: Pipeline(CircuitBreaker(), Retry()), "Retry stands inside CircuitBreaker; the order, outermost first"),
        (lambda: Pipeline(Retry(), Retry()), "Retry is given twice"),
        (lambda: Pipeline(Retry), r"write Retry\(\)"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: CircuitBreaker(failure_rate=50), "failure_rate"),
        (lambda: Retry(budget=50), "is a share from 0 to 1, got 50"),
        (lambda: Retry(attempts=0), "counts the first and is at least 1"),
        (lambda: Retry(wait="long"), "is seconds, or a tenacity wait object"),
        (lambda: Deadline(total=-1), "a number of seconds above 0"),
        (lambda: Cache(ttl=0), "a number of seconds above 0"),
        (lambda: options(deadline=0).__enter__(), "deadline is a number of seconds above 0"),
        (lambda: options(cache="never").__enter__(), "cache takes one of"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: options(fallback="no").__enter__(), "fallback takes True or False"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: options(deadline=10**400).__enter__(), "deadline is a number of seconds above 0"),
        (lambda: options(tag=object()).__enter__(), "tag takes a word, got object"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: Deadline(total=10**400), "a number of seconds above 0"),
        (lambda: Retry(wait=10**400), "is seconds from 0"),
        (lambda: Cache(store=5), r"is a Store; int has no .* get and no set"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: Cache(store=MemoryStore), r"is a class: make one"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: Cache(namespace=5), r"namespace=…\) is a name, not empty; .* got int"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: Pipeline(listeners=[5]), "a listener is called with each event; int cannot be"),  # type: ignore[list-item]  # wrong on purpose
        (lambda: Pipeline(listeners=print), "listeners takes a list of callables, got builtin"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: Pipeline.default(listeners=5), "listeners takes a list of callables, got int"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: control.force_open(5), "a host is named by a part of its name"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: control.force_open("x", seconds="x"), "a number of seconds above 0"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: control.force_open("x", seconds=-1), "a number of seconds above 0"),
        (lambda: control.close(None), "a host is named by a part of its name"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: resilient_ai.nothing, None),
    ],
)
def test_settings_that_cannot_work(make: Any, says: str | None) -> None:
    if says is None:
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            make()
        return
    with pytest.raises(ConfigurationError, match=says) as caught:
        make()
    assert isinstance(caught.value, ValueError)


def test_a_target_without_its_key_is_left_out_aloud(caplog: Any) -> None:
    wrap(CLIENT, fallback=["groq:llama", Target("a:b", **HERE)]).close()
    assert "fallback groq:llama is skipped: no key: set GROQ_API_KEY or give api_key=…" in caplog.text


@two_modes
@pytest.mark.parametrize(
    ("header", "value"),
    [("deadline", "soon"), ("deadline", "-1"), ("fallback", "maybe"), ("cache", "x"), ("what", "1")],
)
def test_option_headers_that_cannot_work(mode: Mode, primary: Any, header: str, value: str) -> None:
    """Told to the caller and not sent. (openai 2 wraps what it does not know; the cause says it.)"""
    from .modes import chat

    async def script() -> None:
        client = wrap(mode.openai(primary, max_retries=0))
        error = await failing(chat(client, extra_headers={f"x-resilient-ai-{header}": value}))
        assert isinstance(error if isinstance(error, ConfigurationError) else error.__cause__, ConfigurationError)
        await close(client)

    mode.run(script)
    assert primary.count() == 0


def test_no_secret_in_what_is_shown() -> None:
    target = Target("a:b", base_url="http://127.0.0.1:1/v1", api_key="sk-canary")
    client = wrap(CLIENT, fallback=[target])
    shown = [
        repr(target),
        str(target),
        repr(Pipeline.default(Fallback([target]))),
        str(Pipeline.default(Fallback([target]))),
    ]
    shown += [repr(client), repr(client._client), repr(client._client._transport)]
    assert not any("sk-canary" in text for text in shown)
    client.close()
