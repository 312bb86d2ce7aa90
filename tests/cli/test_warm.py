"""`resilient-ai cache warm`: the requests of a file, asked through a client that stands in a program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("typer")

from resilient_ai.cli import main
from resilient_ai.testing import Provider, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from resilient_ai.testing import SimulatedProvider

PROGRAM = """
import openai, resilient_ai
from resilient_ai import Cache, Pipeline, Retry
from resilient_ai.stores import SQLiteStore

said = {said!r}
kept = Cache(ttl=60, store=SQLiteStore({store!r}))

def wrapped(cache, kind=openai.OpenAI):
    return resilient_ai.wrap(kind(**said), Pipeline.default(cache, Retry(attempts=1), isolated=True))

client = wrapped(kept)
in_memory = wrapped(Cache(ttl=60))
idle = wrapped(Cache())
bare = openai.OpenAI(**said)

def make():
    return wrapped(kept, openai.AsyncOpenAI)
"""


@pytest.fixture
def primary() -> Iterator[SimulatedProvider]:
    with Simulator(Provider("primary")) as simulator:
        yield simulator["primary"]


@pytest.fixture
def warm(
    tmp_path: Path, primary: SimulatedProvider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Run the command on a file of three requests: the exit code, what it said, what it complained about."""
    said = {"api_key": primary.key, "base_url": primary.base_url}
    module = f"program_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{module}.py").write_text(PROGRAM.format(said=said, store=str(tmp_path / "kept.sqlite3")))
    asks = [{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"canary {n}"}]} for n in range(3)]
    lines = [json.dumps({"path": "/chat/completions", "body": body}) for body in asks]
    (tmp_path / "requests.jsonl").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)

    def run(name: str, file: str = "requests.jsonl") -> tuple[int, str, str]:
        code = main(["cache", "warm", file, "--from", f"{module}:{name}"])
        told = capsys.readouterr()
        assert "canary" not in told.out + told.err
        return code, told.out, " ".join(told.err.split())

    return run


@pytest.mark.parametrize("name", ["client", "make"])
def test_each_is_asked_once(warm: Any, primary: SimulatedProvider, name: str) -> None:
    """By a client, and by a function that makes an async one."""
    assert warm(name) == (0, "3 asked, 0 had a fresh answer\n", "")
    assert warm("client") == (0, "0 asked, 3 had a fresh answer\n", "")
    assert primary.count() == 3


def test_one_that_fails_is_named_by_its_line(warm: Any, tmp_path: Path) -> None:
    asked = (tmp_path / "requests.jsonl").read_text().splitlines()
    wrong = asked[1].replace('"messages"', '"canary"')
    (tmp_path / "wrong.jsonl").write_text("\n".join([asked[0], wrong, asked[2]]))
    code, said, told = warm("client", "wrong.jsonl")
    assert (code, said) == (1, "")
    assert "wrong.jsonl, line 2: BadRequestError; what was asked before it is kept" in told
    assert warm("client") == (0, "2 asked, 1 had a fresh answer\n", "")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("in_memory", "give the Cache a store of files"),
        ("idle", "whose pipeline has a Cache is wanted"),
        ("bare", "whose pipeline has a Cache is wanted"),
        ("said", "whose pipeline has a Cache is wanted"),
        ("nobody", "has no attribute 'nobody'"),
    ],
)
def test_what_would_keep_nothing_is_told(warm: Any, primary: SimulatedProvider, name: str, why: str) -> None:
    code, said, told = warm(name)
    assert (code, said, why in told) == (2, "", True), told
    assert primary.count() == 0


def test_a_line_that_is_no_request(warm: Any, tmp_path: Path, primary: SimulatedProvider) -> None:
    (tmp_path / "wrong.jsonl").write_text('{"path": "/chat/completions"}')
    code, _, told = warm("client", "wrong.jsonl")
    assert (code, "line 1 is no request" in told) == (2, True)
    assert primary.count() == 0
