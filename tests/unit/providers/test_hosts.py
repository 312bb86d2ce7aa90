"""The table of hosts: each row is whole, and a request is made fit for each."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resilient_ai import Target
from resilient_ai.errors import ConfigurationError
from resilient_ai.hosts import HOSTS, Host, add
from resilient_ai.providers import hosting, hosts, registry
from resilient_ai.providers.codecs.base import Untranslatable, dropping, refusing
from resilient_ai.providers.hosting import fitted, key_header, serves, url_at
from resilient_ai.providers.openai import DIALECT, endpoint
from resilient_ai.providers.registry import DIALECTS, SPOKEN, resolved

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
ROWS = sorted(HOSTS)
AS_IT_IS = [name for name in ROWS if not HOSTS[name].wrapping]
"""Hosts whose every request is not changed anyway."""


def fit(name: str, lost: Any = refusing, **fields: Any) -> dict[str, Any]:
    return json.loads(fitted(json.dumps(CHAT | fields).encode(), HOSTS[name], name, lost))


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_whole(name: str) -> None:
    host = HOSTS[name]
    assert host.base_url is not None
    assert re.match(r"https://|\{[A-Z_]+\}|http://localhost", host.base_url)
    assert not host.base_url.endswith("/")
    assert SPOKEN.get(host.dialect, host.dialect) in DIALECTS
    assert re.fullmatch(r"20\d\d-\d\d", host.checked)
    assert host.source
    assert not host.rejects & host.ignores
    assert not host.strips & (host.rejects | host.ignores)


@pytest.mark.parametrize("name", AS_IT_IS)
def test_a_plain_request_is_not_even_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Build 1: a same-dialect fallback passes bodies on without parsing more than it must."""
    host = HOSTS[name]
    said = [
        {"role": "user", "content": 'my "seed" and "n": 2, "user": "developer"'},
        {"role": "assistant", "content": "n"},
    ]
    body = json.dumps({"messages": said, "model": "m", "max_tokens": 9}).encode()
    monkeypatch.setattr(hosting, "json", None)
    assert fitted(body, host, name, refusing) is body


@pytest.mark.parametrize("name", AS_IT_IS)
def test_what_is_only_the_program_s_own_is_left_alone(name: str) -> None:
    """A tool's arguments may be called as a field is."""
    properties = {field.rpartition(".")[2]: {"type": "string"} for field in (*HOSTS[name].rejects, "seed", "developer")}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": properties}}}
    body = json.dumps({**CHAT, "tools": [tool]}).encode()
    if "tools" not in HOSTS[name].ignores:
        assert fitted(body, HOSTS[name], name, refusing) == body


def every_field() -> list[tuple[str, str]]:
    return [(name, path) for name in ROWS for path in sorted(HOSTS[name].rejects | HOSTS[name].ignores)]


def standing_at(path: str, value: Any) -> dict[str, Any]:
    for step in reversed(path.split(".")):
        value = [{"role": "user"}, value] if step == "*" else {step: value}
    return value


@pytest.mark.parametrize(("name", "path"), every_field())
def test_each_field_is_left_out_where_it_asks_for_nothing_and_refused_else(name: str, path: str) -> None:
    """Build 1: refused with the field's name, or dropped and noted; harmless ones without a word."""
    leaf = path.rpartition(".")[2]
    nothing = {**CHAT, **standing_at(path, None)}
    left = json.loads(fitted(json.dumps(nothing).encode(), HOSTS[name], name, refusing))
    assert left == nothing if path in HOSTS[name].ignores else f'"{leaf}": null' not in json.dumps(left)
    asking = {**CHAT, **standing_at(path, {"some": "thing"})}
    body = json.dumps(asking).encode()
    noted = dropping()
    dropped = json.loads(fitted(body, HOSTS[name], name, noted))
    if leaf in {"metadata", "prompt_cache_key", "safety_identifier", "service_tier", "user"} or "prompt_cache" in leaf:
        assert noted.noted == []
        return
    where = path.replace(".*", "[1]")
    assert noted.noted == [where]
    assert '{"some": "thing"}' not in json.dumps(dropped)
    with pytest.raises(Untranslatable, match=re.escape(f"{where}: {name} ")) as caught:
        fitted(body, HOSTS[name], name, refusing)
    assert "thing" not in str(caught.value)


def test_values_that_are_the_default_ask_for_nothing() -> None:
    kept = fit("groq", n=1, logprobs=False, logit_bias={}, temperature=0.5)
    assert kept == CHAT | {"temperature": 0.5}
    assert fit("ollama", tool_choice="auto", n=1) == CHAT | {"tool_choice": "auto", "n": 1}  # it ignores them anyway
    assert fit("mistral", store=False, user="u", stream_options={"include_usage": True}) == CHAT
    with pytest.raises(Untranslatable, match="store: mistral rejects it"):
        fit("mistral", store=True)
    with pytest.raises(Untranslatable, match="n: anthropic-openai rejects it"):
        fit("anthropic-openai", n=2)


def test_other_names() -> None:
    asked = {"max_completion_tokens": 5, "seed": 7}
    assert fit("mistral", **asked) == CHAT | {"max_tokens": 5, "random_seed": 7}
    assert fit("deepseek", max_completion_tokens=5, max_tokens=3)["max_tokens"] == 3
    developer = [{"role": "developer", "content": "short"}, {"role": "user", "content": "developer"}]
    said = fit("ollama", messages=developer)["messages"]
    assert said == [{"role": "system", "content": "short"}, {"role": "user", "content": "developer"}]


def test_a_schema_where_only_json_is_known() -> None:
    assert fit("deepseek", response_format={"type": "json_object"})["response_format"] == {"type": "json_object"}
    with pytest.raises(Untranslatable, match=r"response_format\.json_schema: deepseek rejects it"):
        fit("deepseek", response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {}}})


def test_a_temperature_that_would_be_cut_silently() -> None:
    assert fit("anthropic-openai", temperature=1.0)["temperature"] == 1.0
    with pytest.raises(Untranslatable, match="temperature: anthropic-openai takes 1 at most"):
        fit("anthropic-openai", temperature=1.2)
    noted = dropping()
    assert fit("anthropic-openai", noted, temperature=1.2)["temperature"] == 1.0
    assert noted.noted == ["temperature"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted({path.partition(".")[0] for host in HOSTS.values() for path in host.rejects | host.ignores})


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(AS_IT_IS), st.dictionaries(st.sampled_from([*NAMES, "temperature", "other"]), JSON, max_size=5))
def test_whatever_it_holds_what_is_sent_is_json_and_the_rest_of_it_the_same(name: str, request: dict[str, Any]) -> None:
    host = HOSTS[name]
    noted = dropping()
    after = json.loads(fitted(json.dumps(request).encode(), host, name, noted))
    touched = {path.partition(".")[0] for path in host.rejects | host.ignores | host.strips} | {"temperature"}
    touched |= {part for pair in host.renames for part in pair} | {"messages", "input"}
    assert {key: value for key, value in after.items() if key not in touched} == {
        key: value for key, value in request.items() if key not in touched
    }
    again = dropping()
    fitted(json.dumps(after).encode(), host, name, again)
    assert again.noted == []


def test_what_is_changed_is_written_as_it_was() -> None:
    body = '{"messages": [{"role": "user", "content": "北京 ü"}], "store": false}'.encode()
    assert fitted(body, HOSTS["mistral"], "m", refusing) == (
        '{"messages":[{"role":"user","content":"北京 ü"}]}'.encode()
    )
    half = b'{"messages": [{"role": "user", "content": "\\ud83d"}], "store": false}'
    assert json.loads(fitted(half, HOSTS["mistral"], "m", refusing))["messages"][0]["content"] == "\ud83d"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"seed"', b'{"seed": ', b"\xff\xfe"])
def test_what_is_no_object_is_the_vendor_s_to_refuse(body: bytes) -> None:
    assert fitted(body, HOSTS["mistral"], "mistral", refusing) is body


def test_the_model_and_the_version_of_a_wrapped_request() -> None:
    asked = json.dumps({"model": "claude", "stream": True, "max_tokens": 1}).encode()
    at_bedrock = fitted(asked, HOSTS["bedrock-anthropic"], "b", refusing, {b"anthropic-beta": b"one, two"})
    version = {"anthropic_version": "bedrock-2023-05-31", "anthropic_beta": ["one", "two"]}
    assert json.loads(at_bedrock) == {"max_tokens": 1} | version
    at_vertex = fitted(asked, HOSTS["vertex-anthropic"], "v", refusing, {b"anthropic-beta": b"one"})
    assert json.loads(at_vertex) == {"max_tokens": 1, "stream": True, "anthropic_version": "vertex-2023-10-16"}


def test_both_styles_of_azure() -> None:
    chat = endpoint("POST", "/v1/chat/completions")
    v1, dated = HOSTS["azure"], HOSTS["azure-deployments"]
    base = "https://x.openai.azure.com"
    assert url_at(v1, f"{base}/openai/v1", chat, "gpt", stream=False) == f"{base}/openai/v1/chat/completions"
    assert url_at(dated, base, chat, "g/4 o", stream=False) == f"{base}/openai/deployments/g%2F4%20o/chat/completions"
    assert dict(dated.query) == {"api-version": "2024-10-21"}
    for name in ("", ".", ".."):
        with pytest.raises(Untranslatable, match="model"):
            url_at(dated, base, chat, name, stream=False)
    assert key_header(v1, DIALECT, "0123abcd", base, {}) == ("api-key", "0123abcd")
    assert key_header(v1, DIALECT, "eyJhbGciOi.x.y", base, {}) == ("authorization", "Bearer eyJhbGciOi.x.y")


def test_who_serves_what() -> None:
    assert serves(HOSTS["groq"], "responses", "openai")
    assert not serves(HOSTS["mistral"], "responses", "openai")
    assert not serves(HOSTS["groq"], "images", "openai")
    assert serves(HOSTS["openai"], "videos", "openai")
    assert not serves(Host(dialect="openai-chat"), "responses", "openai")
    assert not serves(Host(dialect="openai-responses"), "chat", "openai")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"rejects": "seed"}, "rejects=…"),
        ({"rejects": [1]}, "rejects=…"),
        ({"query": [("a",)]}, "query=…"),
        ({"headers": 7}, "headers=…"),
        ({"renames": ["ab"]}, "renames=…"),
        ({"path": "/v1/{path}"}, "path=…"),
        ({"path": "{paht}"}, "path=…"),
        ({"auth": "basic"}, "auth=…"),
        ({"wrapping": "sagemaker"}, "wrapping=…"),
    ],
)
def test_a_host_that_cannot_be(said: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"Host({told}")):
        Host(**said)


def test_a_host_of_one_s_own() -> None:
    loosely: Any = Host  # as a program without a type checker may write it
    mine = loosely(base_url="https://llm.internal/v1", ignores=["seed"], query={"team": "a"}, variables=["MINE"])
    assert mine == Host(
        base_url="https://llm.internal/v1",
        ignores=frozenset({"seed"}),
        query=(("team", "a"),),
        variables=("MINE",),
    )
    assert mine.identity != replace(mine, ignores=frozenset()).identity
    (target,) = resolved([Target("anything:m", host=mine, api_key="k")])
    assert (target.base_url, target.host) == ("https://llm.internal/v1", mine)
    (target,) = resolved([Target("gpu:m", base_url="http://gpu:8000/v1", host="vllm")])
    assert target.host == HOSTS["vllm"]
    with pytest.raises(ConfigurationError, match="unknown host 'vlm'; known are"):
        resolved([Target("gpu:m", base_url="http://gpu:8000/v1", host="vlm")])
    with pytest.raises(ConfigurationError, match="host is the name of a known one, or a Host"):
        Target("a:b", host=7)  # type: ignore[arg-type]  # wrong on purpose
    for name in ("", "a:b", "a b", None):
        with pytest.raises(ConfigurationError, match="stands before the colon"):
            add(name, mine)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ConfigurationError, match="takes a Host, got str"):
        add("mine", "https://llm.internal")  # type: ignore[arg-type]  # wrong on purpose


def test_one_that_is_added_is_known_by_its_name() -> None:
    try:
        add("mine", Host(base_url="https://llm.internal/v1", variables=("MINE_KEY",)))
        assert "mine" in HOSTS
        with pytest.raises(ConfigurationError, match="no key: set MINE_KEY"):
            resolved([Target("mine:m")])
        (target,) = resolved([Target("mine:m", api_key="k")])
        assert target.base_url == "https://llm.internal/v1"
    finally:
        del vars(hosts)["_known"]["mine"]


def test_a_base_url_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_OPENAI_ENDPOINT", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match=r"azure:gpt: give base_url.*AZURE_OPENAI_ENDPOINT"):
        resolved([Target("azure:gpt", api_key="k")])
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", " https://x.openai.azure.com/ ")
    (target,) = resolved([Target("azure:gpt", api_key="k")])
    assert target.base_url == "https://x.openai.azure.com/openai/v1"
    with pytest.raises(ConfigurationError, match="AWS_REGION or AWS_DEFAULT_REGION"):
        resolved([Target("bedrock:gpt", api_key="k")])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    (target,) = resolved([Target("bedrock:gpt", api_key="k")])
    assert target.base_url == "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1"
    monkeypatch.setenv("AWS_REGION", "x@evil.example/?")
    with pytest.raises(ConfigurationError, match="base_url holds no user name"):
        resolved([Target("bedrock:gpt", api_key="k")])


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertex_s_locations(monkeypatch: pytest.MonkeyPatch, location: str, host: str) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", location)
    (target,) = resolved([Target("vertex:gemini", api_key="k")], dialect="gemini")
    assert target.base_url == f"https://{host}/v1/projects/p/locations/{location}/publishers/google"


def test_one_that_nobody_can_sign_for_is_skipped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def nothing(name: str) -> None:
        """No module is there."""

    monkeypatch.setattr(registry, "find_spec", nothing)
    names = ("bedrock:m", "vertex-openai:m", "plain:m")
    left = resolved([Target(name, base_url="https://x/v1") for name in names])
    assert [target.name for target in left] == ["plain:m"]
    assert (
        "bedrock:m is skipped: no key, and no botocore to sign with: pip install 'resilient-ai[bedrock]'" in caplog.text
    )
    assert "pip install 'resilient-ai[vertex]'" in caplog.text


def test_azure_s_resource_is_not_its_api() -> None:
    base_url = "https://name.openai.azure.com/"
    with pytest.raises(ConfigurationError, match="azure:gpt: base_url ends with /openai/v1"):
        resolved([Target("azure:gpt", base_url=base_url, api_key="k")])
    with pytest.raises(ConfigurationError, match="west:gpt: base_url ends with /openai/v1"):
        resolved([Target("west:gpt", base_url=base_url, api_key="k")])
    (target,) = resolved([Target("west:gpt", base_url=base_url, api_key="k", host="azure-deployments")])
    assert target.base_url == "https://name.openai.azure.com"


def test_a_host_s_headers_are_never_shown() -> None:
    host = Host(headers=(("x-team-key", "canary-4d"),), query=(("sig", "canary-4d"),))
    target = Target("mine:m", base_url="https://x/v1", host=host)
    assert "canary" not in repr(host) + repr(target) + str(target.identity)


def test_the_same_vendor_s_other_dialect() -> None:
    (target,) = resolved([Target("anthropic:claude", api_key="k", dialect="openai")])
    assert target.host is not None
    assert (target.base_url, target.host.dialect) == ("https://api.anthropic.com/v1", "openai-chat")
    (target,) = resolved([Target("gemini-openai:gemini-pro", api_key="k")])
    assert target.dialect == "openai-chat"
