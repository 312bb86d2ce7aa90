"""`resilient-ai cache`: looking into a store, erasing from it, taking it elsewhere."""

from __future__ import annotations

import stat
import time
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("typer")

from resilient_ai.cli import main
from resilient_ai.cli.cache import moment
from resilient_ai.stores import RedisStore, SQLiteStore, digest
from tests.redis_server import require_redis
from tests.some_stores import entry, shared_redis

if TYPE_CHECKING:
    from pathlib import Path

KEYS = {whose: f"{number:x}" * 64 for number, whose in enumerate(("t7", "t8"), start=1)}


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "redis":
        require_redis()
        made: Any = RedisStore(shared_redis().url, timeout=5.0)
        made.clear()
    else:
        made = SQLiteStore(tmp_path / "cache.db")
    for whose, key in KEYS.items():
        said: Any = {
            "namespace": digest(made.salt, "namespace", whose),
            "subject": digest(made.salt, "subject", f"of {whose}"),
            "family": "chat",
            "model": "gpt-4o",
        }
        made.set(key, entry(f"200\n\ncanary of {whose}".encode(), stored=time.time() - 1000, **said))
    return made


@pytest.fixture
def cache(store: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command on that store: the exit code, what it said, what it complained about."""
    monkeypatch.setenv("RESILIENT_AI_STORE", str(store.path) if isinstance(store, SQLiteStore) else shared_redis().url)

    def run(*words: object) -> tuple[int, str, str]:
        code = main(["cache", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, " ".join(said.err.split())

    return run


def test_stats_and_list_tell_no_word_of_an_answer(cache: Any) -> None:
    code, said, _ = cache("stats")
    assert (code, "2 answers" in said, "gpt-4o" in said, "canary" in said) == (0, True, True, False)
    code, said, _ = cache("list")
    assert (code, len(said.splitlines()), "canary" in said) == (0, 2, False)
    assert all(key in said for key in KEYS.values())
    code, said, _ = cache("list", "--limit", 1)
    assert "--limit 10" in said


def test_get(cache: Any) -> None:
    code, said, _ = cache("get", KEYS["t7"])
    assert (code, said.endswith("200\n\ncanary of t7\n")) == (0, True)
    code, _, told = cache("get", "0" * 64)
    assert (code, "no such entry" in told) == (2, True)


@pytest.mark.parametrize(
    "words", [("--namespace", "t7"), ("--subject", "of t7"), ("--namespace", "t7", "--before", "10m")]
)
def test_purge(cache: Any, store: Any, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Issue: no byte of t7's canary in any file of the store, t8's answers still served."""
    assert cache("purge", *words)[:2] == (0, "1 answers erased\n")
    assert store.get(KEYS["t7"]) is None
    assert store.get(KEYS["t8"]) is not None
    assert b"canary of t7" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_purge_wants_to_know_what(cache: Any, store: Any) -> None:
    code, _, told = cache("purge")
    assert (code, "--namespace" in told) == (2, True)
    code, _, told = cache("purge", "--before", "yesterday")
    assert (code, "such as 7d" in told) == (2, True)
    assert cache("purge", "--before", "1h")[1] == "0 answers erased\n"
    assert cache("clear")[0] == 0
    assert list(store.entries()) == []


def test_taken_elsewhere(cache: Any, store: Any, tmp_path: Path) -> None:
    """With the salt, without which no key is found again."""
    file, other = tmp_path / "export.jsonl", tmp_path / "other.db"
    assert cache("export", file)[0] == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    code, _, told = cache("export", file)
    assert (code, "is there already" in told) == (2, True)
    assert cache("import", file, "--store", other)[:2] == (0, "2 answers imported\n")
    there = SQLiteStore(other)
    assert there.salt == store.salt
    assert dict(there.entries()) == dict(store.entries())
    assert cache("import", file, "--store", other)[0] == 0  # once more: the same salt
    (stranger := SQLiteStore(tmp_path / "third.db")).set("a", entry())
    code, _, told = cache("import", file, "--store", stranger.path)
    assert (code, "another salt" in told) == (2, True)


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"key": 5}', "x" * 50, '{"key": "a", "data": "!"}'])
def test_what_is_no_export(cache: Any, tmp_path: Path, line: str) -> None:
    file = tmp_path / "file"
    good = '{"format": "resilient_ai.cache/1", "salt": "' + "0" * 32 + '"}\n'
    for text in (line, good + line + "\n"):
        file.write_text(text)
        code, _, told = cache("import", file, "--store", tmp_path / "new.db")
        assert (code, "line " in told) == (2, True)


def test_what_is_no_store_is_left_alone(cache: Any, tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("dear diary")
    for words in (("stats",), ("list",), ("purge", "--before", "1d"), ("clear",), ("get", "a")):
        code, _, told = cache(*words, "--store", tmp_path / "diary")
        assert (code, told.startswith("resilient-ai cache: "), "is no store" in told) == (2, True, True)
        code, _, told = cache(*words, "--store", tmp_path / "nowhere")
        assert (code, "there is no store" in told) == (2, True)
    assert (tmp_path / "diary").read_text() == "dear diary"
    assert not (tmp_path / "nowhere").exists()
    code, _, told = cache("stats", "--store", "redis://127.0.0.1:1/0")
    assert (code, "redis:" in told) == (2, True)


def test_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1e9)
    assert moment("1.5h") == 1e9 - 5400
    assert moment("2w") == 1e9 - 14 * 86400
    assert moment("2026-11-01") == 1793491200
    assert moment("2026-11-01T01:00:00+01:00") == 1793491200
    for wrong in ("", "7", "-7d", "7y", "1e9d", "nan", "d"):
        with pytest.raises(ValueError, match="--before"):
            moment(wrong)
