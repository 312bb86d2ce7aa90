"""`resilient-ai drill` over real sockets, on small timelines."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai.cli import main
from tests.source import ROOT

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
name = "small"
title = "A small outage"
source = "none"
published = ["nothing"]
assumed = ["all of it"]
duration = 2.4
compression = 1.0
calls_per_second = 20.0
"""

PARTIAL = """
[[events]]
at = 0.6
until = 1.2
provider = "primary"
family = ["images", "responses", "videos", "batches", "files"]
fault = "status"
args = { code = 503, headers = { x-should-retry = "false" } } # so that the SDK's own retries do not outlast it
"""

LATE = """
[[events]]
at = 1.0
until = 2.4
provider = "primary"
fault = "status"
args = { code = 503 }
"""

BOTH = """
[[events]]
at = 1.0
until = 2.4
provider = "primary"
fault = "status"
args = { code = 503, headers = { x-should-retry = "false" } }

[[events]]
at = 1.0
until = 2.4
provider = "backup"
fault = "status"
args = { code = 503 }
"""

COMMAND = [sys.executable, "-c", "import sys; from resilient_ai.cli import main; sys.exit(main())"]


def timeline(folder: Path, events: str) -> str:
    path = folder / "small.toml"
    path.write_text(HEAD + events, encoding="utf-8")
    return str(path)


class Ran:
    """One drill: its exit code, what it printed, what it wrote."""

    def __init__(self, folder: Path, events: str, *options: str) -> None:
        wrote = folder / "figures.json"
        words = [*COMMAND, "drill", timeline(folder, events), "--json", str(wrote), *options]
        self.done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=60, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
        self.text = self.done.stdout + self.done.stderr
        assert self.done.returncode in (0, 1), self.text
        self.json: dict[str, Any] = json.loads(wrote.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def partial(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return Ran(tmp_path_factory.mktemp("partial"), PARTIAL, "--require-answered", "0.999")


def test_the_wrapped_side_lives_through_it_and_the_bare_one_does_not(partial: Ran) -> None:
    """Issue promise, in small: images and Responses are answered, chat stays, nothing is made twice."""
    assert partial.done.returncode == 0, partial.text
    assert [line for line in partial.json["verdict"] if line["state"] == "missed"] == []
    shares = {name: side["share"] for name, side in partial.json["affected_stateless"].items()}
    assert shares["wrapped"] == 1.0
    assert shares["bare"] < 1.0
    assert partial.json["sides"]["wrapped"]["families"]["images"]["fallback"] > 0
    assert partial.json["sides"]["wrapped"]["families"]["chat"]["fallback"] == 0


def test_both_sides_are_asked_the_same(partial: Ran) -> None:
    calls = {
        name: {family: side["families"][family]["calls"] for family in ("chat", "responses", "images", "embeddings")}
        for name, side in partial.json["sides"].items()
    }
    assert calls["bare"] == calls["wrapped"] == dict.fromkeys(calls["bare"], 48)


def test_every_request_belongs_to_a_call(partial: Ran) -> None:
    """The healthy families take one request a call on both sides: the log and the program tell the same story."""
    for side in partial.json["sides"].values():
        for family in ("chat", "embeddings"):
            assert side["families"][family]["upstream_per_call"] == 1.0
    assert partial.json["sides"]["wrapped"]["families"]["images"]["outage_upstream_per_call"] > 1.0


def test_what_was_set_is_printed_and_no_key_is(partial: Ran) -> None:
    """Promise 29: no key in any output, a simulated one neither."""
    for expected in (
        "published",
        "assumed",
        "timeout=5",
        "CircuitBreaker(",
        "first_byte=1.5",
        "backup:*",
        "It must show",
    ):
        assert expected in partial.done.stdout
    assert "sk-" not in partial.text + json.dumps(partial.json)


def test_stale_answers_stand_in_when_both_are_down_and_that_was_asked_for(tmp_path: Path) -> None:
    """With `--cache`, what was asked before is answered, marked as stale; what is not kept counts as failed: answers
    that the vendor stores (Responses), and links to pictures, which end within the hour."""
    ran = Ran(tmp_path, BOTH, "--cache")
    wrapped = ran.json["sides"]["wrapped"]["families"]
    assert ran.done.returncode == 0, ran.text
    assert wrapped["chat"]["stale"] >= 15
    for family in ("chat", "embeddings"):
        assert wrapped[family]["outage_answered"] == wrapped[family]["outage_calls"] > 0
    for family in ("responses", "images", "videos"):
        assert wrapped[family]["outage_answered"] < wrapped[family]["outage_calls"]


def test_below_the_required_share_the_exit_code_is_one(tmp_path: Path) -> None:
    """Refusals and errors are no answers, however quick and polite."""
    ran = Ran(tmp_path, BOTH, "--require-answered", "0.999")
    assert ran.done.returncode == 1
    assert "below the required share of 0.999" in ran.done.stdout
    assert ran.json["sides"]["wrapped"]["families"]["chat"]["refused"] > 0


# A job that a shell put into the background ignores Ctrl-C, and so would all that it starts.
HEARS = ["import signal", "signal.signal(signal.SIGINT, signal.default_int_handler)", COMMAND[2]]


def test_ctrl_c_ends_it_with_the_table_so_far(tmp_path: Path) -> None:
    """The whole group is told, as a terminal does: the simulator outlives it, to be counted at."""
    words = [*COMMAND[:2], "; ".join(HEARS), "drill", timeline(tmp_path, PARTIAL)]
    words += ["--scale", "20", "--calls-per-second", "10"]
    running = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert running.stdout is not None
    begun = next(line for line in running.stdout if " s of 48, " in line)
    time.sleep(0.5)
    os.killpg(running.pid, signal.SIGINT)
    told = time.monotonic()
    out, err = running.communicate(timeout=20)
    assert running.returncode == 130, out + err
    assert time.monotonic() - told < 15  # of 48
    assert "healthy: bare" in begun
    assert "Calls began" in out
    assert "wrapped" in out
    assert "It must show" not in out
    assert "Traceback" not in err


PROGRAM = """
import os, sys, openai
client = openai.OpenAI(max_retries=0)
client.images.generate(model="dall-e-3", prompt="a cat")
for _ in range(2):
    client.videos.create(model="sora-2", prompt="a cat")
backup = openai.OpenAI(
    base_url=os.environ["RESILIENT_AI_DRILL_BACKUP_URL"], api_key=os.environ["RESILIENT_AI_DRILL_BACKUP_KEY"]
)
backup.embeddings.create(model="text-embedding-3-small", input="a cat")
sys.exit(7)
"""


def test_a_program_of_the_users_own_is_counted_and_its_exit_code_passed_on(tmp_path: Path) -> None:
    """`--run`: base URLs and keys by environment variables, the same outage, counted at the simulator."""
    program, wrote = tmp_path / "program.py", tmp_path / "figures.json"
    program.write_text(PROGRAM, encoding="utf-8")
    code = main(
        [
            "drill",
            timeline(tmp_path, LATE),
            "--scale",
            "20",
            "--json",
            str(wrote),
            "--run",
            f"{sys.executable} -W ignore {program}",
        ]
    )
    told = json.loads(wrote.read_text(encoding="utf-8"))
    assert code == told["exit_code"] == 7
    seen = {(row["provider"], row["family"]): row for row in told["seen"]}
    assert seen["primary", "images"]["requests"] == 1
    assert (seen["primary", "videos"]["made"], seen["primary", "videos"]["twice"]) == (2, 1)
    assert seen["backup", "embeddings"]["foreign"] == 0


def test_the_replay_begins_with_the_programs_first_request(tmp_path: Path) -> None:
    """A program that starts slowly misses nothing: its second call, 1.5 s after the first, falls into the outage."""
    program, wrote = tmp_path / "program.py", tmp_path / "figures.json"
    program.write_text(
        "import time, openai\ntime.sleep(1.5)\nclient = openai.OpenAI(max_retries=0)\n"
        "for wait in (1.5, 0):\n"
        "    client.with_options(timeout=5).images.with_raw_response.generate(model='dall-e-3', prompt='x')\n"
        "    time.sleep(wait)\n",
        encoding="utf-8",
    )
    code = main(["drill", timeline(tmp_path, LATE), "--json", str(wrote), "--run", f"{sys.executable} {program}"])
    (row,) = json.loads(wrote.read_text(encoding="utf-8"))["seen"]
    assert (code, row["requests"], row["struck"]) == (1, 2, 1)


def test_a_program_that_never_ends_is_ended(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = f"{sys.executable} -c 'import time; time.sleep(60)'"
    assert main(["drill", timeline(tmp_path, PARTIAL), "--run", program, "--time-limit", "1"]) == 124
    said = capfd.readouterr()
    assert "ended after 1 s" in said.err
    assert "made no request" in said.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["drill", "2023-01-01"], "no timeline '2023-01-01'"),
        (["drill", "--scale", "0"], "--scale is a number above 0"),
        (["drill", "--run", "no-such-program-here"], "no-such-program-here"),
        (["drill", "--require-answered", "50"], "--require-answered"),
        (["drill", "--seed", "x"], "--seed"),
        (["drill", "--scale", "1e-9"], "no call at all"),
        (["drill", "--calls-per-second", "0"], "--calls-per-second is a number above 0"),
        (["drill", "--calls-per-second", "1e9"], "at most 6000"),
        (["drill", "--run", ""], "--run wants a command"),
        (["drill", "--run", "'"], "No closing quotation"),
        (["drill", "--run", "/"], "--run: cannot start '/': Permission denied"),
        (["drill", "--run", "true", "--require-answered", "1"], "--require-answered is about the drill's own calls"),
        (["drill", "--list", "extra"], "--list takes nothing else"),
        (["drill", "--json", "/nonexistent/x.json"], "--json: cannot write '/nonexistent/x.json': No such file"),
        (["drill", "--json", "/", "--run", "true"], "--json: cannot write '/'"),
    ],
)
def test_wrong_use_is_told_in_a_line(words: list[str], told: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Told before anything is replayed, with 2 and no traceback."""
    assert main(words) == 2
    said = capfd.readouterr()
    assert told in said.err
    assert " s of 30" not in said.out


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\x00", "small.toml: 'utf-8' codec"),
        (b"a" * 1_000_001, "small.toml: too large"),
        (b"a=" + b"[" * 100_000, "small.toml: nested too deeply"),
        (None, "no timeline"),
    ],
)
def test_what_is_no_timeline_is_told_in_a_line(
    content: bytes | None, told: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Binary, huge, nested without end, a directory."""
    path = tmp_path / "small.toml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    assert main(["drill", str(path)]) == 2
    err = capfd.readouterr().err
    assert told in err
    assert err.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux that is always full")
@pytest.mark.parametrize(("more", "shown"), [([], "It must show"), (["--run", "true"], "the program ended with 0")])
def test_figures_that_cannot_be_written_at_the_end_are_still_printed(
    more: list[str], shown: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A full disk costs the file, not the table: one line, 2."""
    assert main(["drill", timeline(tmp_path, PARTIAL), "--scale", "0.5", "--json", "/dev/full", *more]) == 2
    said = capfd.readouterr()
    assert shown in said.out
    assert said.err == "resilient-ai drill: --json: cannot write '/dev/full': No space left on device\n"


def test_figures_of_before_are_kept_until_there_are_new_ones(tmp_path: Path) -> None:
    """The look whether the file can be written changes nothing in it."""
    wrote = tmp_path / "figures.json"
    wrote.write_text("{}", encoding="utf-8")
    assert main(["drill", timeline(tmp_path, PARTIAL), "--json", str(wrote), "--run", "no-such-program-here"]) == 2
    assert wrote.read_text(encoding="utf-8") == "{}"


def test_list_says_what_is_published_and_what_assumed(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "--list"]) == 0
    out = capfd.readouterr().out
    assert all(word in out for word in ("2024-12-04", "2024-12-11", "2024-12-26", "published", "assumed"))


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capfd.readouterr().out.startswith("resilient-ai ")


def test_what_is_not_installed_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The console script is there without the extra: it says how to get it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("typer", "rich") else object())
    assert main([]) == 2
    assert capfd.readouterr().err == 'typer, rich not installed: pip install "resilient-ai[cli]"\n'
