"""`resilient-ai check`: what it finds of a target, and that it costs one call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("typer")

from resilient_ai import Target
from resilient_ai.cli import main
from resilient_ai.cli.checkup import NEEDS, WHAT, Finding, examined
from resilient_ai.testing import Fault, Provider, Simulator
from tests.sdk.bytes_server import HEAD, Bytes

if TYPE_CHECKING:
    from pathlib import Path

    from resilient_ai.testing import SimulatedProvider

GOOD = dict.fromkeys(WHAT, "ok")


@pytest.fixture
def primary(simulator: Simulator) -> SimulatedProvider:
    return simulator["primary"]


@pytest.fixture
def backup(simulator: Simulator) -> SimulatedProvider:
    return simulator["backup"]


def target(provider: SimulatedProvider, model: str = "gpt-4o", **settings: Any) -> Target:
    return Target(f"there:{model}", **{"base_url": provider.base_url, "api_key": provider.key, **settings})


def looked_at(target: Target, *needs: str, model: str | None = None, seconds: float = 20) -> Finding:
    return examined(target, needs or NEEDS, model=model, seconds=seconds)


def test_a_good_one_costs_one_call(primary: SimulatedProvider) -> None:
    found = looked_at(target(primary))
    assert (found.states, found.good, found.answered_as) == (GOOD, True, "gpt-4o")
    (request,) = primary.requests()
    assert request.family == "chat"


@pytest.mark.parametrize(
    ("dialect", "model"),
    [
        ("anthropic", "claude-haiku-4-5"),
        ("anthropic", "claude-opus-5-5"),
        ("gemini", "gemini-3-pro"),
        ("openai", "gpt-5"),
    ],
)
def test_a_target_of_another_dialect_costs_one_call(dialect: str, model: str) -> None:
    with Simulator(Provider("there", dialect=dialect, tool_rounds=1)) as simulator:
        provider = simulator["there"]
        whom = Target(f"there:{model}", base_url=provider.origin, api_key=provider.key, dialect=dialect)
        if dialect == "openai":
            whom = Target(whom.name, base_url=provider.base_url, api_key=provider.key, dialect="openai-responses")
        found = looked_at(whom)
        assert (found.states, found.answered_as, provider.count()) == (GOOD, model, 1), found
        provider.fault(Fault.revoked())
        assert looked_at(whom).states["key"] == "FAILED"
        provider.fault(Fault.retired())
        assert looked_at(whom).states["model"] == "FAILED"
        assert provider.count() == 3


@pytest.mark.parametrize("needs", [("tools",), ("schema",), ("stream",), ("schema", "stream"), ("tools", "stream")])
def test_what_is_not_needed_is_not_asked_for(primary: SimulatedProvider, needs: tuple[str, ...]) -> None:
    found = looked_at(target(primary), *needs)
    assert found.good
    assert found.states == {what: "ok" if what in (*WHAT[:3], *needs) else "-" for what in WHAT}


@pytest.mark.parametrize(
    ("fault", "failed", "good", "says"),
    [
        (Fault.revoked(), "key", {"reachable"}, "the key is refused (HTTP 401)"),
        (Fault.retired(), "model", {"reachable", "key"}, "there is no such model, or not for this key (HTTP 404)"),
        (Fault.vendor("openai", "quota"), "key", {"reachable"}, "no money or quota left (HTTP 429)"),
        (Fault.rate_limited(), "reachable", set(), "limits the rate"),
        (Fault.status(503), "reachable", set(), "HTTP 503"),
        (Fault.refused(), "reachable", set(), "no connection can be made"),
        (Fault.not_streamed(), "stream", set(WHAT[:3]), "plain JSON, where a stream was asked for"),
        (Fault.truncated_clean(), "stream", set(WHAT[:3]), "ended without its terminal event"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
def test_what_is_wrong(primary: SimulatedProvider, fault: Fault, failed: str, good: set[str], says: str) -> None:
    primary.fault(fault)
    found = looked_at(target(primary), "stream")
    assert not found.good
    assert [what for what, state in found.states.items() if state == "FAILED"] == [failed], found
    assert {what for what, state in found.states.items() if state == "ok"} == good, found
    assert says in found.says
    assert primary.count() == (0 if fault.kind == "refused" else 1)


def test_a_target_without_tools(primary: SimulatedProvider) -> None:
    refusal = {"error": {"message": "this model does not support tools", "type": "invalid_request_error"}}
    primary.fault(Fault.status(400, body=json.dumps(refusal)))
    found = looked_at(target(primary))
    assert (found.states["model"], found.states["tools"], found.states["schema"]) == ("ok", "FAILED", "-")
    assert "does not support" not in found.says  # the vendor's words may hold anything


def test_a_target_that_ignores_tools() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "ready, 1"}, "finish_reason": "stop"}
    body = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})
    server = Bytes()
    server.answers.append((HEAD % b"application/json" + body.encode(), False))
    found = looked_at(Target("there:m", base_url=server.url, api_key="sk-1"), "tools", "schema")
    server.close()
    assert (found.states["model"], found.states["tools"], found.says) == (
        "ok",
        "FAILED",
        "it did not call the tool that it was told to call",
    )


@pytest.mark.parametrize(("model", "needs"), [("m", ["schema"]), ("m-embed", ["schema", "stream"])])
def test_an_answer_that_cannot_be_read(model: str, needs: list[str]) -> None:
    """No stream was asked for, and so none is blamed."""
    server = Bytes()
    server.answers.append((HEAD % b"application/json" + b'{"object": ', False))
    found = looked_at(Target(f"there:{model}", base_url=server.url, api_key="sk-1"), *needs)
    server.close()
    assert [what for what, state in found.states.items() if state == "FAILED"] == ["model"], found


def test_embeddings_are_asked_for_vectors(primary: SimulatedProvider) -> None:
    found = looked_at(target(primary, "text-embedding-3-small"))
    assert found.good
    assert [request.family for request in primary.requests()] == ["embeddings"]


def test_a_model_is_wanted_where_the_caller_s_is_kept(primary: SimulatedProvider) -> None:
    assert "--model" in looked_at(target(primary, "*")).says
    assert looked_at(target(primary, "*"), model="gpt-4o-mini").answered_as == "gpt-4o-mini"


def test_a_key_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    found = looked_at(Target("groq:llama"))
    assert (found.states["key"], "GROQ_API_KEY" in found.says) == ("FAILED", True)


def test_a_key_that_its_callable_cannot_give(primary: SimulatedProvider) -> None:
    """Regression: what the callable raised ended the whole check, in a traceback with its words."""

    def key() -> str:
        raise RuntimeError("sk-secret is locked")

    found = looked_at(target(primary, api_key=key))
    assert found.states == dict.fromkeys(WHAT, "-") | {"key": "FAILED"}
    assert found.says == "its api_key callable gave no key (RuntimeError)"
    assert looked_at(target(primary, api_key=lambda: primary.key)).good
    assert primary.count() == 1


def test_what_was_not_sent_tells_nothing_of_the_rest(
    primary: SimulatedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: "reachable" and "key" were ok, though nothing had been sent."""
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    nothing = dict.fromkeys(WHAT, "-")
    assert looked_at(target(primary, "*")).states == nothing | {"model": "FAILED"}
    assert looked_at(Target("groq:llama")).states == nothing | {"key": "FAILED"}
    assert primary.count() == 0


def test_the_command(
    primary: SimulatedProvider,
    backup: SimulatedProvider,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    program = f"""
from openai import OpenAI
import resilient_ai
targets = [
    resilient_ai.Target("one:gpt-4o", base_url={primary.base_url!r}, api_key={primary.key!r}),
    resilient_ai.Target("two:gpt-4o", base_url={backup.base_url!r}, api_key={backup.key!r}),
]
client = resilient_ai.wrap(OpenAI(api_key="sk-none"), fallback=targets)
"""
    (tmp_path / "mine.py").write_text(program)
    monkeypatch.chdir(tmp_path)
    report = tmp_path / "found.json"
    assert main(["check", "--from", "mine:client", "--json", str(report)]) == 0
    shown = capsys.readouterr().out
    assert "one:gpt-4o" in shown
    assert "answered as gpt-4o" in shown
    assert [found["states"] for found in json.loads(report.read_text())] == [GOOD, GOOD]
    backup.fault(Fault.revoked())
    assert main(["check", "--from", "mine:targets"]) == 1
    shown = capsys.readouterr().out
    assert "the key is refused" in shown
    assert backup.key not in shown
    assert (primary.count(), backup.count()) == (2, 2)


def test_where_calls_may_not_go_nobody_is_asked(
    primary: SimulatedProvider,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    program = f"""
from resilient_ai import Egress, Fallback, Pipeline, Target
target = Target("one:gpt-4o", base_url={primary.base_url!r}, api_key={primary.key!r})
pipeline = Pipeline(Fallback([target]), egress=Egress(hosts=["elsewhere.example"]))
"""
    (tmp_path / "bound.py").write_text(program)
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--from", "bound:pipeline"]) == 1
    assert "it was not asked" in " ".join(capsys.readouterr().out.split())
    assert primary.connections == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "name targets"),
        (["gpt-4o"], "vendor:model"),
        ([f"openai:model-{number}" for number in range(201)], "201 targets, and 200 are the most"),
        (["openai:gpt-4o", "--needs", "wings"], "--needs takes some of tools, schema, stream; got 'wings'"),
        (["--from", "nowhere"], "package.module:name"),
        (["--from", "no_such_module:x"], "no_such_module"),
        (["--from", "json:loads"], "it names no targets"),
    ],
)
def test_wrong_use(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *words]) == 2
    assert complaint in " ".join(capsys.readouterr().err.split())
