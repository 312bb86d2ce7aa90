"""Servers that leave ``[DONE]`` out: told apart from streams that are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import openai
import pytest

from resilient_ai import control, wrap
from resilient_ai.errors import ConfigurationError
from resilient_ai.providers import registry
from resilient_ai.testing import Fault

from .modes import Mode, chat, close, everything, failing, modes

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = set(registry.UNTERMINATED)
    yield
    registry.UNTERMINATED.clear()
    registry.UNTERMINATED.update(before)


@modes
@pytest.mark.parametrize("told", [False, True])
def test_a_finish_reason_is_the_end_only_where_a_program_says_so(mode: Mode, primary: Any, told: bool) -> None:
    """Promise 20: without the terminal signal it is an error; of a server known to leave it out, it is whole."""
    if told:
        control.accept_unterminated(urlsplit(primary.base_url).netloc)
    primary.fault(Fault.unterminated())

    async def script() -> None:
        client = wrap(mode.openai(primary))
        stream = await chat(client, stream=True)
        if told:
            assert len(await everything(stream)) > 3
        else:
            assert type(await failing(everything(stream))) is openai.APIConnectionError
        await close(client)

    mode.run(script)


@pytest.mark.parametrize("how", [{}, {"after_tokens": 2}])
def test_a_cut_stream_of_such_a_server_is_an_error_all_the_same(primary: Any, how: Any) -> None:
    control.accept_unterminated(urlsplit(primary.base_url).netloc)
    primary.fault(Fault.truncated_clean(**how))
    with openai.OpenAI(base_url=primary.base_url, api_key=primary.key) as given:
        client = wrap(given)
        ask: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}], "stream": True}
        with pytest.raises(openai.APIConnectionError):
            for _ in client.chat.completions.create(**ask):
                pass
        client.close()


@pytest.mark.parametrize("wrong", ["", "http://localhost:8080", None, 80])
def test_what_is_no_host_is_told_at_once(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="a host and port"):
        control.accept_unterminated(wrong)
