"""What a type checker makes of the public API; read by pyright and mypy (both strict), never run."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_type

import httpx
import httpx2
from openai import AsyncOpenAI, OpenAI
from openai.lib.azure import AzureOpenAI
from openai.types.chat import ChatCompletion

import resilient_ai
from resilient_ai import (
    Cache,
    CircuitBreaker,
    Deadline,
    Egress,
    Fallback,
    Outcome,
    Pipeline,
    Retry,
    Target,
    options,
    outcome,
    record,
    wrap,
)
from resilient_ai.failures import FailureKind
from resilient_ai.hosts import HOSTS, Aws, Host, HttpSettings


class OurOpenAI(OpenAI):
    """A program's own client."""


def wrap_returns_the_class_it_was_given(sync: OpenAI, aio: AsyncOpenAI, azure: AzureOpenAI, ours: OurOpenAI) -> None:
    assert_type(wrap(sync), OpenAI)
    assert_type(wrap(aio), AsyncOpenAI)
    assert_type(wrap(azure), AzureOpenAI)
    assert_type(wrap(ours), OurOpenAI)


def plain_http_clients_too(
    sync: httpx.Client, aio: httpx.AsyncClient, sync2: httpx2.Client, aio2: httpx2.AsyncClient
) -> None:
    assert_type(wrap(sync), httpx.Client)
    assert_type(wrap(aio), httpx.AsyncClient)
    assert_type(wrap(sync2), httpx2.Client)
    assert_type(wrap(aio2), httpx2.AsyncClient)


def the_wrapped_client_keeps_its_types(client: OpenAI) -> None:
    answer = wrap(client).chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])
    assert_type(answer, ChatCompletion)
    assert_type(outcome(answer), Outcome)


def fallbacks_are_said_in_three_ways(client: OpenAI, targets: Sequence[Target]) -> None:
    west = Target("openai:gpt-4o", base_url="https://west.example/v1", api_key="k")
    assert_type(wrap(client, fallback=[west]), OpenAI)
    assert_type(wrap(client, fallback=["openai:gpt-4o", west]), OpenAI)
    assert_type(wrap(client, fallback=["openai:gpt-4o"]), OpenAI)
    assert_type(wrap(client, fallback=targets), OpenAI)
    assert_type(wrap(client, fallback={"gpt-4o": [west], "*": ["openai:gpt-4o-mini"]}), OpenAI)


def a_pipeline_is_made_of_strategies(client: OpenAI, target: Target) -> None:
    pipeline = Pipeline(
        Deadline(total=20, per_attempt=10, first_byte=5, idle=5.5),
        Cache(ttl=60, stale_if_error=3600),
        Fallback([target]),
        Retry(attempts=3),
        CircuitBreaker(failure_rate=0.5, window=20, minimum_calls=10, consecutive=5, probes=1),
    )
    assert_type(pipeline, Pipeline)
    assert_type(Pipeline(), Pipeline)
    assert_type(Pipeline.default(Deadline(total=20)), Pipeline)
    assert_type(pipeline.fingerprint, str)
    assert_type(Fallback([target], rescue=("error",), across_models=True), Fallback)
    egress = Egress(region="eu", hosts=["*.internal"], regions={"a.example": "eu", "b.example": ("eu", "de")})
    assert_type(Pipeline.default(Deadline(total=20), egress=egress), Pipeline)
    assert_type(Target("west:*", region="eu").region, str | Sequence[str] | None)
    known = replace(HOSTS["bedrock"], auth=Aws(), ignores=frozenset({"seed"}))
    assert_type(known, Host)
    Target("west:*", host=known, http=HttpSettings(proxy="http://proxy:3128", verify="ca.pem", cert=("a", "b")))
    Host(auth="basic")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # no way to send a key
    assert_type(wrap(client, pipeline), OpenAI)
    assert_type(wrap(client, pipeline, fallback=[target]), OpenAI)


def one_call_or_a_block_of_them(client: OpenAI) -> None:
    with options(deadline=120, fallback=False, cache="no-store", tag="claims"):
        client.models.list()
    with options(region="eu", hosts=["api.eu.example"]):
        client.models.list()
    with options(rescue=("replay", "continue", "error")):
        client.models.list()
    with record() as calls:
        client.models.list()
    assert_type(list(calls), list[Outcome])


def a_function(text: str, *, seed: int = 0) -> list[float]:
    return [float(seed)] * len(text)


async def an_async_one(text: str) -> bytes:
    return text.encode()


async def a_guarded_function_keeps_its_signature(pipeline: Pipeline) -> None:
    guarded = pipeline.guard(a_function, name="mine", operation="stateless", fallback=[a_function])
    assert_type(guarded("text", seed=7), list[float])
    guarded(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # it takes a str
    assert_type(await pipeline.guard(an_async_one)("text"), bytes)
    assert_type(pipeline.call(a_function, "text", seed=7), list[float])
    assert_type(await pipeline.acall(an_async_one, "text"), bytes)
    assert_type(pipeline.observe(), Pipeline)

    @pipeline.guard(failures={ValueError: FailureKind.TRANSIENT})
    def decorated(number: int) -> str:
        return str(number)

    assert_type(decorated(7), str)


def what_an_outcome_tells(told: Outcome) -> None:
    assert_type(told.answered_by, str | None)
    assert_type(told.waited, float)
    assert_type(told.age, float | None)
    assert_type(told.degraded, bool)
    assert_type(told.would_have, tuple[str, ...])


def our_errors_have_one_base(error: resilient_ai.ResilienceError) -> Exception:
    return error
