"""Promises 27 and 28: whose answers are whose, what is kept and how long; the three big SDKs over real sockets."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Cache, Retry, options, outcome
from resilient_ai.stores import MemoryStore, SQLiteStore, digest
from resilient_ai.testing import Fault
from tests.sdk.modes import MODES, failing, two_modes
from tests.source import ROOT

from .big import ANTHROPIC, GENAI, OPENAI, Api, big, in_each, in_sync, needs, wrapped

if TYPE_CHECKING:
    from pathlib import Path

    from resilient_ai.stores import Store
    from resilient_ai.testing import SimulatedProvider, Simulator
    from tests.sdk.modes import Mode

ONCE = Retry(attempts=1)
KEEPS: dict[str, Any] = {"ttl": 60.0, "stale_if_error": 600.0}
JSON = {"content-type": "application/json"}

# ---- not asked for


@big
@pytest.mark.parametrize("kind", ["threads", "tasks"])
def test_not_asked_for_five_are_five(
    api: Api, kind: str, primary: SimulatedProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Identical calls at once: a request for each, and nothing on disk."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    mode = MODES[kind == "tasks"]
    given, client = wrapped(api, mode, primary)

    def one() -> Any:
        return mode.run(lambda: api.call(client, mode))

    async def five() -> list[Any]:
        found = await asyncio.gather(*(api.call(client, mode) for _ in range(5)))
        await api.end(client, given)
        return found

    if kind == "tasks":
        answers = asyncio.run(five())
    else:
        with ThreadPoolExecutor(5) as pool:
            answers = [task.result() for task in [pool.submit(one) for _ in range(5)]]
        mode.run(lambda: api.end(client, given))
    assert [outcome(answer).source for answer in answers] == ["fresh"] * 5
    assert primary.count() == 5
    assert list(tmp_path.rglob("*")) == []


# ---- whose it is

OTHERS: dict[str, dict[str, Any]] = {
    "a tenant": {"headers": {"x-resilient-ai-namespace": "t7"}},
    "another tenant": {"headers": {"x-resilient-ai-namespace": "t8"}},
    "a subject": {"headers": {"x-resilient-ai-subject": "ann"}},
    "an organisation": {"headers": {"openai-organization": "org-2"}},
    "a project": {"headers": {"openai-project": "proj-2"}},
    "a cloud project": {"headers": {"x-goog-user-project": "p"}},
    "a gateway's choice": {"headers": {"x-portkey-config": "c"}},
    "a version": {"headers": {"anthropic-beta": "b", "openai-beta": "b"}},
}


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "cache.sqlite3")


@in_sync
@big
def test_nothing_is_shared(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider, store: Store
) -> None:
    """Promise 27: neither across keys, organisations, tenants, base URLs nor models, in one store for all."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, ONCE, Cache(store=store, **KEEPS))
        assert outcome(await api.call(client, mode)).source == "fresh"
        for said in OTHERS.values():
            assert outcome(await api.call(client, mode, **said)).source == "fresh"
        assert outcome(await api.call(client, mode, model=api.models[1])).source == "fresh"
        assert primary.count() == 2 + len(OTHERS)
        stranger = api.make(mode.is_async, primary.origin + api.path, "sk-another")
        elsewhere = api.make(mode.is_async, backup.origin + api.path, primary.key)
        for bare, provider in ((stranger, primary), (elsewhere, backup)):
            seen = provider.count()
            other = _wrapped_as(bare, store)
            await _any(api.call(other, mode))  # the providers know their own keys only: it may well be refused
            assert provider.count() == seen + 1
            await api.end(other, bare)
        for said in ({}, *OTHERS.values()):  # and each has its own
            assert outcome(await api.call(client, mode, **said)).source == "cache"
        await api.end(client, given)

    mode.run(script)


def _wrapped_as(bare: Any, store: Store) -> Any:
    from resilient_ai import Pipeline, wrap

    return wrap(bare, Pipeline.default(ONCE, Cache(store=store, **KEEPS), isolated=True))


async def _any(call: Any) -> None:
    try:
        await call
    except Exception as error:
        assert "api key" in str(error).lower() or "x-api-key" in str(error), repr(error)


@in_sync
@big
def test_a_tenant_is_erased_and_the_others_are_served(
    api: Api, mode: Mode, primary: SimulatedProvider, store: Store
) -> None:
    async def script() -> None:
        given, client = wrapped(api, mode, primary, ONCE, Cache(store=store, **KEEPS))
        for tenant in ("t7", "t8"):
            with options(namespace=tenant):
                await api.call(client, mode)
        assert store.purge(namespace=digest(store.salt, "namespace", "t7")) == 1
        with options(namespace="t8", cache="only"):
            assert outcome(await api.call(client, mode)).source == "cache"
        with options(namespace="t7"):
            assert outcome(await api.call(client, mode)).source == "fresh"
        await api.end(client, given)

    mode.run(script)


PROGRAM = """
import sys
from openai import OpenAI
from resilient_ai import Cache, Pipeline, outcome, wrap
from resilient_ai.stores import SQLiteStore

base_url, path, *keys = sys.argv[1:]
for key in keys:
    client = wrap(OpenAI(base_url=base_url, api_key=key), Pipeline.default(Cache(ttl=60, store=SQLiteStore(path))))
    ask = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    try:
        print(outcome(client.chat.completions.create(**ask)).source)
    except Exception as error:
        print(type(error).__name__)
"""


def test_processes_with_one_key_share_a_file(world: Simulator, tmp_path: Path) -> None:
    """Its salt is in the file, so that each makes the same key of the same request; and another key's is another."""
    primary = world["openai-1"]
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        primary.base_url,
        str(tmp_path / "cache.sqlite3"),
        primary.key,
        "sk-other",
    ]
    said = [
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT).stdout.split()
        for _ in range(2)
    ]
    world.reset()
    assert said == [["fresh", "AuthenticationError"], ["cache", "AuthenticationError"]]


# ---- what is kept


def _chat(ends: Any, **message: Any) -> Any:
    said = {"role": "assistant", "content": "hello", **message}
    choice = {"index": 0, "message": said, "finish_reason": ends}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def _message(ends: Any) -> Any:
    usage = {"input_tokens": 1, "output_tokens": 1}
    content = [{"type": "text", "text": "hello"}]
    said = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": content, "usage": usage}
    return {**said, "stop_reason": ends, "stop_sequence": None}


def _content(ends: Any, **said: Any) -> Any:
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": ends}], **said}


NOT_KEPT: list[tuple[Api, str, Any]] = [
    (OPENAI, "refused", _chat("stop", content=None, refusal="no")),
    (OPENAI, "filtered", _chat("content_filter")),
    (OPENAI, "cut short", _chat("length")),
    (OPENAI, "without an end", _chat(None)),
    (ANTHROPIC, "refused", _message("refusal")),
    (ANTHROPIC, "cut short", _message("max_tokens")),
    (ANTHROPIC, "paused", _message("pause_turn")),
    (GENAI, "refused", _content("SAFETY")),
    (GENAI, "recited", _content("RECITATION")),
    (GENAI, "cut short", _content("MAX_TOKENS")),
]
KEPT = {"openai": _chat("stop"), "anthropic": _message("end_turn"), "gemini": _content("STOP")}


@in_sync
@pytest.mark.parametrize(
    ("api", "body"),
    [pytest.param(api, body, id=f"{api.dialect}-{name}", marks=needs(api)) for api, name, body in NOT_KEPT],
)
def test_what_is_not_whole_is_not_kept(api: Api, mode: Mode, primary: SimulatedProvider, body: Any) -> None:
    """Promise 28: refusals, and what was cut short."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, ONCE, Cache(**KEEPS))
        primary.fault(Fault.status(200, body=json.dumps(body), headers=JSON))
        for _ in range(2):
            await api.call(client, mode)
        primary.fault(Fault.status(503))
        assert isinstance(await failing(api.call(client, mode)), api.errors())
        primary.fault(Fault.status(200, body=json.dumps(KEPT[api.dialect]), headers=JSON))
        await api.call(client, mode)
        assert outcome(await api.call(client, mode)).source == "cache"
        await api.end(client, given)

    mode.run(script)
    assert primary.count() == 4


@two_modes
@pytest.mark.parametrize(
    ("said", "stateful", "kept"),
    [
        ({}, False, False),
        ({"store": True}, False, False),
        ({"store": False}, False, True),
        ({"store": False, "tools": [{"type": "web_search"}]}, False, False),
        ({}, True, True),
        ({"store": True}, True, True),
        ({"background": True}, True, False),
        ({"tools": [{"type": "mcp", "server_label": "a", "server_url": "https://a"}]}, True, False),
    ],
)
@pytest.mark.parametrize("api", [OPENAI], ids=["openai"])
def test_what_is_stored_at_the_vendor_is_kept_when_asked_for(
    api: Api, mode: Mode, primary: SimulatedProvider, said: Any, stateful: bool, kept: bool
) -> None:
    """Promise 28: the Responses API stores by itself."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, ONCE, Cache(stateful=stateful, **KEEPS))
        for source in ("fresh", "cache" if kept else "fresh"):
            ask = client.responses.create(model="gpt-4o", input="hello", **said)
            assert outcome(await ask if mode.is_async else ask).source == source
        await api.end(client, given)

    mode.run(script)


# ---- how long


@in_each
def test_stale_inside_its_window_only_and_marked(
    api: Api, mode: Mode, primary: SimulatedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 28: fresh, then stale with its age when nobody answers, then the SDK's own error; and fresh again."""
    from resilient_ai._runtime.concurrent import ASYNC
    from resilient_ai._runtime.sync import SYNC

    ahead = 0.0
    wall = SYNC.wall
    for runtime in (SYNC, ASYNC):
        monkeypatch.setattr(runtime, "wall", lambda: wall() + ahead)

    async def script() -> None:
        nonlocal ahead
        given, client = wrapped(api, mode, primary, ONCE, Cache(**KEEPS))
        first = api.text(await api.call(client, mode))
        primary.fault(Fault.status(503))
        seen: list[str | None] = []
        for ahead in (0.0, 50.0, 70.0, 590.0):
            answer = await api.call(client, mode)
            told = outcome(answer)
            assert told.age is not None
            assert ahead <= told.age < ahead + 10
            assert told.degraded is (told.source == "stale")
            assert api.text(answer) == first
            seen.append(told.source)
        assert seen == ["cache", "cache", "stale", "stale"]
        ahead = 601.0
        assert isinstance(await failing(api.call(client, mode)), api.errors())
        ahead = -3600.0  # the clock was set back: nobody knows how old it is
        assert isinstance(await failing(api.call(client, mode)), api.errors())
        primary.heal()
        ahead = 1200.0
        with options(cache="refresh"):
            got = outcome(await api.call(client, mode))
        assert got.source == "fresh"
        await api.end(client, given)

    mode.run(script)


# ---- asking nobody


@in_each
def test_only_asks_nobody(api: Api, mode: Mode, primary: SimulatedProvider) -> None:
    """What is not kept is the SDK's own error for HTTP 504, by an option or a header."""
    headers = {"x-resilient-ai-cache": "only"}

    async def script() -> None:
        given, client = wrapped(api, mode, primary, Cache(**KEEPS))
        for stream in (False, True):
            ask = api.streamed if stream else api.call
            error: Any = await failing(ask(client, mode, headers=headers))
            assert isinstance(error, api.errors()), repr(error)
            assert 504 in (getattr(error, "status_code", None), getattr(error, "code", None))
            assert "nobody was to be asked" in str(error)
            assert outcome(error).attempts == ()
        assert primary.count() == 0
        await api.call(client, mode)
        with options(cache="only"):
            assert outcome(await api.call(client, mode)).source == "cache"
        assert primary.count() == 1
        await api.end(client, given)

    mode.run(script)
