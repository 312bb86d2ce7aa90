"""What a target may be, and what nobody is shown of it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from resilient_ai import Target
from resilient_ai.errors import ConfigurationError


@pytest.mark.parametrize("url", ["https://me:secret@host/v1", "https://host/v1?key=secret", "https://host/v1#secret"])
def test_a_url_with_a_secret_in_it_is_refused_and_not_repeated(url: str) -> None:
    """It would stand in scopes, log lines and events, and no request would carry it."""
    with pytest.raises(ConfigurationError, match="api_key") as refused:
        Target("a:b", base_url=url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", [5, b"http://h", "me:secret@h", "h/v1?k=secret", "secret://h", "http://", "http://:80"])
def test_what_is_no_url_is_told_and_not_repeated(url: Any) -> None:
    """Whatever is wrong with a URL that holds a secret, the message does not tell it."""
    with pytest.raises(ConfigurationError, match="base_url") as refused:
        Target("a:b", base_url=url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://host/v1\n", "http://ho st", "http://host:port/", "http://[::1/v1"])
def test_a_url_no_request_could_be_sent_to_is_told(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        Target("a:b", base_url=url)


@pytest.mark.parametrize("name", ["a:b\r\nset-cookie: x", "a\n:b", "a:b\x00"])
def test_a_name_that_would_forge_a_log_line_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="control characters"):
        Target(name)


def test_a_dialect_is_a_word() -> None:
    wrong: Any = 5
    with pytest.raises(ConfigurationError, match="dialect"):
        Target("a:b", dialect=wrong)


def test_a_key_read_from_a_file_loses_its_line_end() -> None:
    """Else the transport refuses the header in the outage, and the whole chain ends there."""
    assert Target("a:b", api_key=" sk-1\r\n").key() == "sk-1"
    assert Target("a:b", api_key=lambda: "sk-2\n").key() == "sk-2"


@pytest.mark.parametrize("key", ["", " \n", "sekret\nsekret", "sekretä", "sekret\x7f"])
def test_a_key_no_header_can_carry_is_told_when_it_is_given(key: str) -> None:
    with pytest.raises(ConfigurationError, match="api_key") as refused:
        Target("a:b", api_key=key)
    assert "sekret" not in str(refused.value)


async def _later() -> str:
    raise AssertionError


def test_a_key_that_would_have_to_be_awaited_is_told() -> None:
    wrong: Any = _later
    with pytest.raises(ConfigurationError, match="not awaited"):
        Target("a:b", api_key=wrong)


def test_a_key_is_not_pickled() -> None:
    """Promise 29: pickles, too. Copies stay as they are, and a target without a key travels."""
    for key in ("sk-1", lambda: "sk-1"):
        target = Target("a:b", api_key=key)
        with pytest.raises(TypeError, match="would hold the key in clear"):
            pickle.dumps(target)
        assert copy.deepcopy([target])[0] is copy.copy(target) is target
    bare = Target("a:b", base_url="http://h", dialect="openai")
    assert pickle.loads(pickle.dumps(bare)) == bare
