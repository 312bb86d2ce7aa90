"""Gemini's API through the real SDK, and what the vendor would refuse."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx
import pytest

from resilient_ai.testing import Fault, Provider, Simulator

genai = pytest.importorskip("google.genai", minversion="3")

from google.genai import errors, types  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilient_ai.testing import SimulatedProvider

MODEL = "gemini-2.5-flash"
ASK = {"model": MODEL, "contents": "hello"}
BODY = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
WEATHER = types.FunctionDeclaration(
    name="weather", parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}}
)
ANY = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY"))


@pytest.fixture(scope="module")
def process() -> Iterator[Simulator]:
    with Simulator(Provider("google", dialect="gemini", keys=("one", "two"))) as simulator:
        yield simulator


@pytest.fixture
def google(process: Simulator) -> Iterator[SimulatedProvider]:
    process.reset()
    yield process["google"]
    process.reset()


def opened(provider: SimulatedProvider, version: str | None = None) -> genai.Client:
    options = types.HttpOptions(base_url=provider.base_url, api_version=version)
    return genai.Client(api_key=provider.key, http_options=options)


@pytest.fixture(scope="module")
def module_client(process: Simulator) -> Iterator[genai.Client]:
    client = opened(process["google"])
    yield client
    client.close()


@pytest.fixture
def client(module_client: genai.Client, google: SimulatedProvider) -> genai.Client:
    return module_client


@pytest.fixture(scope="module")
def web() -> Iterator[httpx.Client]:
    with httpx.Client(verify=False, timeout=10) as client:
        yield client


def post(
    web: httpx.Client,
    provider: SimulatedProvider,
    body: object,
    path: str = f"/v1/models/{MODEL}:generateContent",
    **headers: str,
) -> httpx.Response:
    sent = {"x-goog-api-key": provider.key, **headers}
    return web.post(provider.origin + path, headers={name: value for name, value in sent.items() if value}, json=body)


def test_content(client: genai.Client, google: SimulatedProvider) -> None:
    answer = client.models.generate_content(**ASK)
    assert (answer.model_version, answer.candidates[0].finish_reason) == (MODEL, "STOP")
    assert "google" in answer.response_id
    assert answer.usage_metadata.candidates_token_count == len(answer.text.split()) == 60
    (seen,) = google.requests("generate_content")
    assert (seen.model, seen.key, seen.status, seen.complaint) == (MODEL, "google:0", 200, None)
    assert (seen.path, seen.headers["x-goog-api-key"]) == (f"/v1/models/{MODEL}:generateContent", "…")


def test_a_stream(client: genai.Client) -> None:
    """Chunks that are whole answers; the last says why it ended, and nothing comes after it."""
    chunks = list(client.models.generate_content_stream(**ASK))
    assert "".join(chunk.text or "" for chunk in chunks) == client.models.generate_content(**ASK).text
    assert [chunk.candidates[0].finish_reason for chunk in chunks] == [None] * 60 + ["STOP"]
    assert chunks[-1].usage_metadata.total_token_count > 60


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")  # the SDK's own
@pytest.mark.parametrize("version", ["v1beta", "v1"])
def test_async(google: SimulatedProvider, version: str) -> None:
    """Both API versions; the async client goes by httpx2 or by aiohttp, as what is installed has it."""

    async def ask() -> str:
        with opened(google, version) as owner:  # it closes its async side when it is collected
            client = owner.aio
            whole = await client.models.generate_content(**ASK)
            parts = [part.text or "" async for part in await client.models.generate_content_stream(**ASK)]
            await client.aclose()
        assert "".join(parts) == whole.text
        return whole.text

    assert len(asyncio.run(ask()).split()) == 60
    assert {request.path.split("/")[1] for request in google.requests()} == {version}


def test_a_forced_function(client: genai.Client) -> None:
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[WEATHER])], tool_config=ANY)
    answer = client.models.generate_content(**ASK, config=config)
    (call,) = answer.function_calls
    assert (call.name, call.args.keys()) == ("weather", {"city"})
    streamed = [
        call
        for chunk in client.models.generate_content_stream(**ASK, config=config)
        for call in chunk.function_calls or ()
    ]
    assert streamed == [call]
    reply = types.Part.from_function_response(name="weather", response={"result": "sun"})
    turns = [
        types.UserContent("hello"),
        answer.candidates[0].content,
        types.Content(role="user", parts=[reply]),
    ]
    assert client.models.generate_content(model=MODEL, contents=turns).text


def test_limits_thoughts_and_schemas(client: genai.Client) -> None:
    def ask(**config: object) -> types.GenerateContentResponse:
        return client.models.generate_content(**ASK, config=types.GenerateContentConfig(**config))

    assert ask(max_output_tokens=5).candidates[0].finish_reason == "MAX_TOKENS"
    assert len(ask(candidate_count=2).candidates) == 2
    thought, said = ask(thinking_config=types.ThinkingConfig(include_thoughts=True)).candidates[0].content.parts
    assert (thought.thought, said.thought) == (True, None)
    assert len(ask(stop_sequences=[" "]).text.split()) == 1
    schema = {
        "type": "OBJECT",
        "properties": {"sure": {"type": "BOOLEAN"}, "list": {"type": "ARRAY", "items": {"type": "STRING"}}},
    }
    for given in ({"response_schema": schema}, {"response_json_schema": json.loads(json.dumps(schema).lower())}):
        assert json.loads(ask(response_mime_type="application/json", **given).text).keys() == {"sure", "list"}


def test_counts_embeddings_and_models(client: genai.Client, google: SimulatedProvider) -> None:
    assert client.models.count_tokens(**ASK).total_tokens > 0
    model = "gemini-embedding-001"
    config = types.EmbedContentConfig(output_dimensionality=8)
    one, other = client.models.embed_content(model=model, contents=["a", "b"], config=config).embeddings
    assert (len(one.values), one.values == other.values) == (8, False)
    assert client.models.embed_content(model=model, contents="a", config=config).embeddings[0].values == one.values
    assert f"models/{MODEL}" in [found.name for found in client.models.list()]
    assert client.models.get(model=MODEL).name == f"models/{MODEL}"
    counted = {family: google.count(family) for family in ("count_tokens", "embeddings", "models")}
    assert counted == {"count_tokens": 1, "embeddings": 2, "models": 2}


def test_other_ways_in(web: httpx.Client, google: SimulatedProvider) -> None:
    """One array without `alt=sse`; Vertex's paths; a single embedding; names with underscores."""
    chunks = post(web, google, BODY, f"/v1beta/models/{MODEL}:streamGenerateContent").json()
    assert len(chunks) == 61
    vertex = f"/v1/projects/p/locations/l/publishers/google/models/{MODEL}:generateContent"
    answer = post(web, google, BODY, vertex, authorization="Bearer two", **{"x-goog-api-key": ""})
    assert answer.status_code == 200
    assert google.requests()[-1].key == "google:1"
    content = {"content": {"parts": [{"text": "a"}]}, "output_dimensionality": 4}
    single = post(web, google, content, "/v1/models/gemini-embedding-001:embedContent").json()
    assert len(single["embedding"]["values"]) == 4
    assert post(web, google, {**BODY, "generation_config": {"max_output_tokens": 5}}).status_code == 200


def test_keys(web: httpx.Client, google: SimulatedProvider) -> None:
    """A wrong key is a 400 with a reason, none is a 403; one in the query is as good, and not told in the log."""
    wrong = post(web, google, BODY, **{"x-goog-api-key": "other"})
    assert (wrong.status_code, wrong.json()["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    none = post(web, google, BODY, **{"x-goog-api-key": ""})
    assert (none.status_code, none.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    path = f"/v1/models/{MODEL}:generateContent?alt=json&key=two"
    assert post(web, google, BODY, path, **{"x-goog-api-key": ""}).status_code == 200
    assert [request.key for request in google.requests()] == ["foreign", "none", "google:1"]
    assert google.requests()[-1].query == "alt=json&key=…"


def contents(*parts: object, role: str = "user") -> dict[str, object]:
    return {"contents": [{"role": role, "parts": list(parts)}]}


CALL = {"functionCall": {"name": "weather", "args": {}}}
REFUSED = [
    ({}, "* Request.contents: contents is not specified"),
    ({"contents": []}, "* GenerateContentRequest.contents: contents is not specified"),
    ({**BODY, "prompt": "x"}, 'Invalid JSON payload received. Unknown name "prompt": Cannot find field.'),
    ({"contents": "hello"}, "Invalid value at 'contents'"),
    (contents(), "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty."),
    (contents({}), "* GenerateContentRequest.contents[0].parts[0].data: required oneof field 'data'"),
    (contents({"text": "x", **CALL}), "* GenerateContentRequest.contents[0].parts[0].data: required oneof"),
    (contents({"txt": "x"}), 'Invalid JSON payload received. Unknown name "txt" at'),
    (contents({"text": 7}), "Invalid value at 'GenerateContentRequest.contents[0].parts[0].text'"),
    (contents({"text": "x"}, role="assistant"), "Please use a valid role: user, model."),
    ({**BODY, "generationConfig": {"temperature": 3}}, "* GenerateContentRequest.generation_config.temperature:"),
    (
        {**BODY, "generationConfig": {"n": 3}},
        "Invalid JSON payload received. Unknown name \"n\" at 'generation_config'",
    ),
    (
        {**BODY, "generationConfig": {"stopSequences": list("abcdef")}},
        "* GenerateContentRequest.generation_config.stop",
    ),
    ({**BODY, "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "Function calling config is set without"),
    ({**BODY, "toolConfig": {"functionCallingConfig": {"mode": "all"}}}, "Invalid value at 'tool_config"),
    ({**BODY, "tools": [{"functionDeclarations": [{}]}]}, "* GenerateContentRequest.tools[0].function_declarations[0]"),
    (
        {"contents": [*BODY["contents"], {"role": "model", "parts": [CALL]}, *BODY["contents"]]},
        "Please ensure that the number of function response parts",
    ),
]


def test_a_turn_in_pieces(web: httpx.Client, google: SimulatedProvider) -> None:
    """google-genai makes a content of each event of a stream; they are one turn."""
    said = [{"role": "model", "parts": [part]} for part in ({"text": "I look."}, CALL, CALL, {"text": ""})]
    answer = {"functionResponse": {"name": "weather", "response": {"output": "sun"}}}
    answered = {"role": "user", "parts": [answer, answer]}
    assert post(web, google, {"contents": [*BODY["contents"], *said, answered]}).status_code == 200


@pytest.mark.parametrize(("model", "signature", "status"), [
    (MODEL, {}, 200), ("gemini-3-pro", {}, 400), ("gemini-3-pro", {"thoughtSignature": "c2ln"}, 200),
])  # fmt: skip
def test_a_call_comes_back_signed(
    web: httpx.Client, google: SimulatedProvider, model: str, signature: dict[str, str], status: int
) -> None:
    """Gemini 3 refuses the calls of the current turn if the first is not signed."""
    answer = {"functionResponse": {"name": "weather", "response": {"output": "sun"}}}
    turns = [*BODY["contents"], {"role": "model", "parts": [CALL | signature]}, {"role": "user", "parts": [answer]}]
    said = post(web, google, {"contents": turns}, f"/v1/models/{model}:generateContent")
    assert said.status_code == status, said.text


@pytest.mark.parametrize(("body", "told"), REFUSED)
def test_refusals(web: httpx.Client, google: SimulatedProvider, body: object, told: str) -> None:
    answer = post(web, google, body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert error["message"].startswith(told)
    assert google.requests()[-1].complaint == error["message"]


def test_what_is_not_there(web: httpx.Client, google: SimulatedProvider) -> None:
    for path in ("/v1/models/gemini-0:generateContent", f"/v1/models/{MODEL}:sing", "/v2/models", "/v1/nothing"):
        answer = post(web, google, BODY, path)
        assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND"), path


def test_faults_in_its_own_words(client: genai.Client, google: SimulatedProvider) -> None:
    google.fault(Fault.status(503))
    with pytest.raises(errors.ServerError) as overloaded:
        client.models.generate_content(**ASK)
    assert (overloaded.value.code, overloaded.value.status) == (503, "UNAVAILABLE")
    google.fault(Fault.rate_limited(retry_after=7))
    with pytest.raises(errors.ClientError) as limited:
        client.models.generate_content(**ASK)
    assert (limited.value.status, "'retryDelay': '7s'" in str(limited.value)) == ("RESOURCE_EXHAUSTED", True)
    google.fault(Fault.error_in_stream(after_tokens=2, code="UNAVAILABLE"))
    got = []
    with pytest.raises(errors.ServerError) as broken:
        got.extend(client.models.generate_content_stream(**ASK))
    assert (len(got), broken.value.code) == (2, 503)
    google.fault(Fault.truncated_clean(after_tokens=2))
    cut = list(client.models.generate_content_stream(**ASK))
    assert [chunk.candidates[0].finish_reason for chunk in cut] == [None, None]
