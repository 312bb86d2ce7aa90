"""A cache filled from a file of requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import Cache, Pipeline, Retry, options, outcome, wrap
from resilient_ai.errors import ConfigurationError, UnsupportedClient
from resilient_ai.stores import Warmed, awarm, warm
from resilient_ai.testing import Fault

from .modes import HELLO, MODEL, Mode, chat, close, everything, http, modes

if TYPE_CHECKING:
    from pathlib import Path

CHAT = "/chat/completions"


def caching() -> Pipeline:
    return Pipeline.default(Cache(ttl=60), Retry(attempts=1), isolated=True)


def written(folder: Path, *lines: Any) -> Path:
    path = folder / "requests.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


async def warmed(mode: Mode, client: Any, path: Path) -> Warmed:
    return await awarm(client, requests=path) if mode.is_async else warm(client, requests=path)


@modes
def test_what_was_asked_for_in_a_file_is_kept(mode: Mode, primary: Any, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": HELLO}
    other = {"method": "POST", "path": CHAT, "body": asked | {"seed": 1, "stream": True}}
    path = written(tmp_path, {"path": CHAT, "body": asked}, "", other)

    async def script() -> None:
        client = wrap(mode.openai(primary), caching())
        assert await warmed(mode, client, path) == Warmed(asked=2, had=0)
        assert await warmed(mode, client, path) == Warmed(asked=0, had=2)
        with options(cache="only"):
            assert outcome(await chat(client)).source == "cache"
            assert outcome(await chat(client, seed=1)).source == "cache"
            stream = await chat(client, seed=1, stream=True)
            assert outcome(stream).source == "cache"
            assert await everything(stream)
        await close(client)

    mode.run(script)
    assert primary.count() == 2


def test_what_fails_is_raised_with_its_line(primary: Any, tmp_path: Path) -> None:
    body = {"model": MODEL, "messages": HELLO}
    path = written(tmp_path, {"path": CHAT, "body": body}, {"path": CHAT, "body": {"model": MODEL, "messages": 5}})
    with wrap(openai.OpenAI(base_url=primary.base_url, api_key=primary.key), caching()) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            warm(client, requests=path)
        assert "line 2" in caught.value.__notes__


def test_an_httpx_client_s_error_is_one(primary: Any, tmp_path: Path) -> None:
    path = written(tmp_path, {"path": CHAT, "body": {"model": MODEL, "messages": HELLO}})
    headers = {"authorization": f"Bearer {primary.key}"}
    with wrap(http.Client(base_url=primary.base_url, headers=headers), caching()) as client:
        assert warm(client, requests=path) == Warmed(asked=1, had=0)
        assert warm(client, requests=path) == Warmed(asked=0, had=1)
        primary.fault(Fault.status(400))
        with pytest.raises(http.HTTPStatusError), options(cache="refresh"):
            warm(client, requests=path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("secret", "line 2 is no request"),
        ("[]", "line 2 is no request"),
        ({"path": CHAT}, "line 2 is no request"),
        ({"path": CHAT, "body": "secret"}, "line 2 is no request"),
        ({"path": CHAT, "body": {}, "method": "GET"}, "line 2 is no request"),
        ({"path": CHAT, "body": {}, "headers": {}}, "line 2 is no request"),
        ({"path": "https://elsewhere/v1", "body": {}}, "no URL of its own"),
    ],
)
def test_a_file_that_is_none_is_told_before_anything_is_sent(
    primary: Any, tmp_path: Path, line: Any, said: str
) -> None:
    path = written(tmp_path, {"path": CHAT, "body": {"model": MODEL, "messages": HELLO}}, line)
    with wrap(openai.OpenAI(base_url=primary.base_url, api_key=primary.key), caching()) as client:
        with pytest.raises(ConfigurationError, match=said) as caught:
            warm(client, requests=path)
        assert "secret" not in str(caught.value)
    assert primary.count() == 0


def test_clients_that_are_none(primary: Any, tmp_path: Path) -> None:
    path = written(tmp_path, {"path": CHAT, "body": {"model": MODEL, "messages": HELLO}})
    with pytest.raises(UnsupportedClient, match="object cannot be given requests"):
        warm(object(), requests=path)
    with (
        openai.OpenAI(base_url=primary.base_url, api_key=primary.key) as bare,
        pytest.raises(ConfigurationError, match="is not wrapped"),
    ):
        warm(bare, requests=path)
