"""The table of the vendors' errors: each row over a real socket, and the real SDK's reading of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import openai
import pytest

from resilient_ai.failures import FailureKind
from resilient_ai.providers import anthropic as anthropic_dialect
from resilient_ai.providers import gemini as gemini_dialect
from resilient_ai.providers import openai as openai_dialect
from resilient_ai.testing import Fault, Provider, Simulator, VendorError, vendor_errors
from resilient_ai.testing._server import script

if TYPE_CHECKING:
    from collections.abc import Iterator

    import anthropic
    from google import genai

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
MESSAGE = {"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": CHAT["messages"]}
CONTENT = {"contents": [{"parts": [{"text": "hello"}]}]}
PATHS = {
    "anthropic": ("/v1/messages", MESSAGE),
    "gemini": ("/v1/models/gemini-2.5-flash:generateContent", CONTENT),
}
DIALECTS = {
    "openai": openai_dialect.DIALECT,
    "anthropic": anthropic_dialect.DIALECT,
    "gemini": gemini_dialect.DIALECT,
}
TELLABLE = {kind.value for kind in FailureKind} - {"unreachable", "silent", "deadline", "local"}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    providers = (Provider(name, dialect=name) for name in ("openai", "anthropic", "gemini"))
    with Simulator(*providers) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def web() -> Iterator[httpx.Client]:
    with httpx.Client(verify=False, timeout=10) as opened:
        yield opened


def dialect(vendor: str) -> str:
    return vendor if vendor in {"anthropic", "gemini"} else "openai"


@pytest.mark.parametrize("error", vendor_errors(), ids=str)
def test_each_goes_out_as_it_is_written(sim: Simulator, web: httpx.Client, error: VendorError) -> None:
    provider = sim[dialect(error.vendor)]
    provider.fault(Fault.vendor(error.vendor, error.name))
    path, body = PATHS.get(error.vendor, ("/v1/chat/completions", CHAT))
    headers = {"authorization": f"Bearer {provider.key}", "anthropic-version": "2023-06-01"}
    answer = web.post(provider.origin + path, json=body, headers=headers)
    assert (answer.status_code, answer.text) == (error.status, error.body)
    assert dict(error.headers).items() <= dict(answer.headers).items()
    is_json = error.body.startswith("{")
    assert answer.headers["content-type"].startswith("application/json") is is_json
    own = ("x-request-id", "request-id", "server-timing")
    assert any(name in answer.headers for name in own) is is_json, "a gateway knows nothing of the API behind it"
    assert (provider.requests()[-1].fault, provider.requests()[-1].status) == ("vendor", error.status)


def test_the_table_is_whole() -> None:
    """Every kind that an answer can tell, for each vendor that has it."""
    kinds: dict[str, set[str]] = {}
    for error in vendor_errors():
        kinds.setdefault(error.vendor, set()).add(error.kind)
    assert kinds["openai"] == kinds["compatible"] == TELLABLE
    assert kinds["azure"] == kinds["gemini"] == TELLABLE - {"broken"}
    # A refusal of Claude's is an answer whose stop_reason is "refusal".
    assert kinds["anthropic"] == TELLABLE - {"broken", "refused"}
    assert kinds["cdn"] == {"transient"}
    names = [(error.vendor, error.name) for error in vendor_errors()]
    assert len(names) == len(set(names))
    assert {error.status for error in vendor_errors() if error.vendor == "cdn"} >= {403, 404, 502, 520, 530}
    assert "server_is_overloaded" in str(Fault.vendor("openai", "overloaded").text), "a kind stands for its first"


@pytest.mark.parametrize("error", vendor_errors(), ids=str)
def test_the_library_reads_them_so(error: VendorError) -> None:
    """What the table says an error means is what the library takes it for."""
    body = json.loads(error.body) if error.body.startswith("{") else None
    spoken = DIALECTS[dialect(error.vendor)]
    if error.status == 200:
        family = error.family or {"openai": "chat", "anthropic": "messages"}.get(spoken.name, "generate_content")
        kind = spoken.inside_success(family, body, True)
    else:
        kind = spoken.classify(error.status, body)
    assert kind is FailureKind(error.kind)


CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}


@pytest.fixture(scope="module")
def openai_client(sim: Simulator) -> Iterator[openai.OpenAI]:
    provider = sim["openai"]
    with openai.OpenAI(base_url=provider.base_url, api_key=provider.key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def claude(sim: Simulator) -> Iterator[anthropic.Anthropic]:
    sdk = pytest.importorskip("anthropic", minversion="2")
    provider = sim["anthropic"]
    with sdk.Anthropic(base_url=provider.base_url, api_key=provider.key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def google(sim: Simulator) -> Iterator[genai.Client]:
    sdk = pytest.importorskip("google.genai", minversion="3")
    provider = sim["gemini"]
    with sdk.Client(api_key=provider.key, http_options={"base_url": provider.base_url}) as client:
        yield client


@pytest.mark.parametrize("error", [row for row in vendor_errors() if row.vendor in {"openai", "azure"}], ids=str)
def test_the_openai_sdk_reads_them(sim: Simulator, openai_client: openai.OpenAI, error: VendorError) -> None:
    client = openai_client
    sim["openai"].fault(Fault.vendor(error.vendor, error.name))
    if error.family == "responses":
        whole = client.responses.create(model="gpt-4o", input="x")
        *_, last = client.responses.create(model="gpt-4o", input="x", stream=True)
        assert (whole.status, whole.error.code) == ("failed", json.loads(error.body)["error"]["code"])
        assert (last.type, last.response) == ("response.failed", whole)
    elif error.status == 200:
        with pytest.raises(openai.APIError, match=json.loads(error.body)["error"]["message"]):
            list(client.chat.completions.create(**CHAT, stream=True))
    else:
        wanted = openai.InternalServerError if error.status >= 500 else CLASSES.get(error.status, openai.APIError)
        with pytest.raises(wanted) as caught:
            client.chat.completions.create(**CHAT)
        assert caught.value.body["message"] == json.loads(error.body)["error"]["message"]


@pytest.mark.parametrize("error", [row for row in vendor_errors() if row.vendor == "anthropic"], ids=str)
def test_the_anthropic_sdk_reads_them(sim: Simulator, claude: anthropic.Anthropic, error: VendorError) -> None:
    sdk = pytest.importorskip("anthropic", minversion="2")
    sim["anthropic"].fault(Fault.vendor("anthropic", error.name))
    told = json.loads(error.body)["error"]
    with pytest.raises(sdk.APIStatusError) as caught:
        list(claude.messages.create(**MESSAGE, stream=True))
    assert (caught.value.status_code, caught.value.type) == (error.status, told["type"])
    assert caught.value.error_code == told.get("details", {}).get("error_code")


@pytest.mark.parametrize("error", [row for row in vendor_errors() if row.vendor == "gemini"], ids=str)
def test_the_google_sdk_reads_them(sim: Simulator, google: genai.Client, error: VendorError) -> None:
    sdk = pytest.importorskip("google.genai", minversion="3")
    sim["gemini"].fault(Fault.vendor("gemini", error.name))
    ask = {"model": "gemini-2.5-flash", "contents": "hello"}
    if error.name == "blocked":
        for answer in (google.models.generate_content(**ask), *google.models.generate_content_stream(**ask)):
            assert (answer.candidates, answer.prompt_feedback.block_reason) == (None, "PROHIBITED_CONTENT")
    elif error.status == 200:
        assert google.models.generate_content(**ask).candidates is None  # it takes an error for an empty answer
    else:
        with pytest.raises(sdk.errors.APIError) as caught:
            google.models.generate_content(**ask)
        assert caught.value.status == json.loads(error.body)["error"]["status"]


def test_a_wait_in_each_vendors_way() -> None:
    def waits(vendor: str) -> dict[str, str]:
        headers = Fault.vendor(vendor, "rate_limited", retry_after=2.5).headers
        return {name: value for name, value in headers.items() if name.startswith("retry-after")}

    assert waits("openai") == waits("azure") == {"retry-after": "3", "retry-after-ms": "2500"}
    assert waits("anthropic") == waits("compatible") == {"retry-after": "2.5"}
    assert waits("gemini") == {}
    for name in ("per_minute", "unavailable"):
        body = json.loads(Fault.vendor("gemini", name, retry_after=2.5).text)
        assert [item["retryDelay"] for item in body["error"]["details"] if "retryDelay" in item] == ["2.5s"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: Fault.vendor("acme", "auth"), "no vendor 'acme'; there are openai, azure"),
        (lambda: Fault.vendor("openai", "sad"), "openai has no error 'sad'; there are transient, server_error"),
        (lambda: Fault.vendor("openai", "auth", retry_after=-1), "retry_after must be"),
        (lambda: Fault.vendor("openai", "auth", retry_after=float("nan")), "retry_after must be"),
        (lambda: Fault.vendor("gemini", "blocked", retry_after=1), "gemini asks for no wait"),
    ],
)
def test_what_is_not_in_it(wrong: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        wrong()


def test_every_fault_that_replaces_is_known() -> None:
    """So that a fault of the table makes nothing unless it says so."""
    assert script.replaces(Fault.vendor("openai", "auth"))
