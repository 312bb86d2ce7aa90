"""Bedrock and Vertex, played on a real socket: signatures, tokens, paths, bodies, and Amazon's framing of a stream."""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib
import json
import struct
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio
import pytest

from resilient_ai import Deadline, Pipeline, Retry, Target, outcome, wrap
from resilient_ai.hosts import Aws, Google, Host
from resilient_ai.testing import Fault
from resilient_ai.transports import _signing

from .modes import Mode, chat, close, do, everything, modes, notes, two_modes
from .sdks import installed
from .strict import Strict, chat_answer, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .strict import Answer, Seen

ACCESS, SECRET, SESSION = "AKIDEXAMPLE", "wJalrXUtnFEMI-of-the-test", "session-token-of-the-test"
CLAUDE = "anthropic.claude-sonnet-v1:0"
HELLO: Any = {"model": "claude-sonnet", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}

needs_anthropic = pytest.mark.skipif(not installed("anthropic"), reason="anthropic is not installed")


@pytest.fixture(autouse=True)
def _an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("botocore")
    for name, value in {
        "AWS_ACCESS_KEY_ID": ACCESS,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": SESSION,
        "AWS_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(_signing, "_OWN", {"aws": Aws(), "google": Google()})


def once() -> Pipeline:
    return Pipeline.default(Retry(attempts=1), isolated=True)


def signature(seen: Seen, region: str = "eu-central-1") -> str:
    """The signature as it should be, reckoned anew by Amazon's description of Signature Version 4."""
    scheme, _, rest = seen.headers["authorization"].partition(" ")
    assert scheme == "AWS4-HMAC-SHA256"
    parts = dict(part.split("=", 1) for part in rest.split(", "))
    date = seen.headers["x-amz-date"]
    scope = f"{date[:8]}/{region}/bedrock/aws4_request"
    assert parts["Credential"] == f"{ACCESS}/{scope}"
    names = parts["SignedHeaders"].split(";")
    assert {"host", "x-amz-date", "x-amz-security-token"} <= set(names)
    path, _, query = seen.path.partition("?")
    heads = "".join(f"{name}:{seen.headers[name].strip()}\n" for name in names)
    hashed = hashlib.sha256(seen.body).hexdigest()
    canonical = "\n".join(["POST", quote(path, safe="/~"), query, heads, ";".join(names), hashed])
    to_sign = "\n".join([scheme, date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + SECRET.encode()
    for part in (date[:8], region, "bedrock", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    assert hmac.digest(key, to_sign.encode(), "sha256").hex() == parts["Signature"]
    return parts["Signature"]


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """A frame of Amazon's event stream."""
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    body = prelude + struct.pack("!I", zlib.crc32(prelude)) + head + payload
    return body + struct.pack("!I", zlib.crc32(body))


def chunk(event: Any) -> bytes:
    told = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    return frame(
        told, json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode(), "p": "abc"}).encode()
    )


def events(text: str = "from there") -> list[Any]:
    message: Any = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "usage": {},
    }
    usage = {"input_tokens": 1, "output_tokens": 1}
    return [
        {"type": "message_start", "message": message | {"usage": usage, "stop_reason": None, "stop_sequence": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": one}} for one in text),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}},
    ]


EVENT_STREAM = "application/vnd.amazon.eventstream"
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "from there"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def bedrock(seen: Seen) -> Answer:
    """Bedrock, as far as Anthropic's models go: strict about what stands in the body."""
    request = seen.json
    allowed = {"anthropic_version", "anthropic_beta", "max_tokens", "messages", "system", "tools"}
    if request.get("anthropic_version") != "bedrock-2023-05-31" or request.keys() - allowed:
        return 400, "application/json", json.dumps({"message": f"not permitted: {request.keys() - allowed}"}).encode()
    if seen.path == f"/model/{CLAUDE}/invoke":
        return 200, "application/json", json.dumps(ANSWER).encode()
    if seen.path == f"/model/{CLAUDE}/invoke-with-response-stream":
        return 200, EVENT_STREAM, b"".join(map(chunk, events()))
    return 404, "application/json", b'{"message": "no such path"}'


def overloaded(seen: Seen) -> Answer:
    del seen
    return 529, "application/json", b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'


def anthropic_client(mode: Mode, url: str, **options: Any) -> Any:
    module = importlib.import_module("anthropic")
    return (module.AsyncAnthropic if mode.is_async else module.Anthropic)(api_key="sk-primary", base_url=url, **options)


async def ask(client: Any, **options: Any) -> Any:
    return await do(client.messages.create(**HELLO, **options))


def text_of(stream: list[Any]) -> str:
    return "".join(event.delta.text for event in stream if event.type == "content_block_delta")


@needs_anthropic
@modes
def test_claude_at_bedrock(mode: Mode) -> None:
    """Its path, its body, a signature for each send; plain and streamed, in the SDK's own types."""

    async def script() -> None:
        target = Target(f"bedrock-anthropic:{CLAUDE}", base_url=server.url)
        given = anthropic_client(mode, primary.url, default_headers={"anthropic-beta": "one-2026, two-2026"})
        client = wrap(given, once(), fallback=[target])
        answer = await ask(client)
        assert answer.content[0].text == "from there"
        assert outcome(answer).answered_by == target.name
        stream = await everything(await ask(client, stream=True))
        assert (text_of(stream), stream[-1].type) == ("from there", "message_stop")
        await close(client, given)

    with Strict(overloaded) as primary, Strict(bedrock) as server:
        mode.run(script)
    assert [seen.path.rpartition("/")[2] for seen in server.seen] == ["invoke", "invoke-with-response-stream"]
    assert [seen.json["anthropic_beta"] for seen in server.seen] == [["one-2026", "two-2026"]] * 2
    for seen in server.seen:
        signature(seen)
        assert not seen.has("sk-primary")
        assert not seen.has(SECRET)
        assert not any(name.startswith("anthropic-") for name in seen.headers)
    assert not any(seen.has(ACCESS) or seen.has(SESSION) for seen in primary.seen)


@two_modes
def test_each_send_has_a_signature_of_its_own(mode: Mode, primary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeat with yesterday's date is refused; and what goes out is what was signed."""
    hours = iter(range(100))
    auth = importlib.import_module("botocore.auth")
    real: Any = auth.get_current_datetime
    delta = importlib.import_module("datetime").timedelta

    async def script() -> None:
        target = Target("bedrock:gpt-oss", base_url=f"{server.url}/openai/v1")
        client = wrap(mode.openai(primary), Pipeline.default(Retry(attempts=2), isolated=True), fallback=[target])
        primary.fault(Fault.status(503))
        assert (await chat(client)).choices[0].message.content == "from there"
        await close(client)

    def answer(seen: Seen) -> Answer:
        return refused(500, "try again") if len(server.seen) == 1 else chat_answer(seen)

    def later(*args: Any, **said: Any) -> Any:
        return real(*args, **said) + delta(hours=next(hours))

    monkeypatch.setattr(auth, "get_current_datetime", later)
    with Strict(answer) as server:
        mode.run(script)
    assert [seen.path for seen in server.seen] == ["/openai/v1/chat/completions"] * 2
    first, second = map(signature, server.seen)
    assert first != second


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://bedrock-runtime.us-gov-west-1.amazonaws.com/model/m/invoke", "us-gov-west-1"),
        ("https://vpce-1.bedrock-runtime.ap-southeast-2.vpce.amazonaws.com/model/m/invoke", "ap-southeast-2"),
        ("https://gateway.internal/model/m/invoke", "eu-central-1"),
    ],
)
def test_the_region_of_a_signature(url: str, region: str) -> None:
    signed = Aws().sign(method="POST", url=url, headers={}, body=b"{}")
    assert f"/{region}/bedrock/aws4_request" in signed["Authorization"]
    said = Aws(region="eu-west-3").sign(method="POST", url=url, headers={}, body=b"{}")
    assert "/eu-west-3/bedrock/aws4_request" in said["Authorization"]


def test_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    session = importlib.import_module("botocore.session").Session()
    session.set_credentials("AKIDOTHER", "other-secret")
    signed = Aws(session).sign(method="POST", url="https://x/model/m/invoke", headers={}, body=b"{}")
    assert "Credential=AKIDOTHER/" in signed["Authorization"]
    assert "X-Amz-Security-Token" not in signed
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(LookupError, match="no credentials"):
        Aws().sign(method="POST", url="https://x/", headers={}, body=b"")


@two_modes
def test_a_bearer_s_key_needs_no_signature(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        target = Target("bedrock:gpt-oss", base_url=f"{server.url}/openai/v1", api_key="bedrock-api-key")
        client = wrap(mode.openai(primary), once(), fallback=[target])
        primary.fault(Fault.status(503))
        await chat(client)
        await close(client)

    with Strict(chat_answer) as server:
        mode.run(script)
    assert server.seen[0].headers["authorization"] == "Bearer bedrock-api-key"
    assert "x-amz-date" not in server.seen[0].headers


class Canary(Exception):
    """What an error of a vendor's library may hold."""


class Broken:
    """A signer that fails, or takes for ever."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.over = threading.Event()
        self._hangs = hangs

    def sign(self, *, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        if self._hangs:
            self.over.wait(30)
        raise Canary("canary-8d: a token nobody may see")


@modes
def test_who_cannot_sign_fails_alone(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        broken = Target("mine:m", base_url=f"{server.url}/v1", host=Host(auth=Broken()))
        sound = Target("sound:m", base_url=f"{server.url}/v1", api_key="k")
        primary.fault(Fault.status(503))
        client = wrap(mode.openai(primary), once(), fallback=[broken, sound])
        assert outcome(await chat(client)).answered_by == "sound:m"
        alone = wrap(mode.openai(primary), once(), fallback=[broken])
        with pytest.raises(Exception, match="503") as caught:
            await chat(alone)
        assert "mine:m: auth" in notes(caught.value)
        assert "no signature could be made (Canary)" in str(caught.value.__cause__)
        assert "canary-8d" not in notes(caught.value) + str(caught.value.__cause__) + repr(caught.value)
        await close(client, alone)

    with Strict(chat_answer) as server:
        mode.run(script)
    assert len(server.seen) == 1


@modes
def test_who_takes_for_ever_to_sign_is_left_in_time(mode: Mode, primary: Any) -> None:
    """The call's limit holds here, too, in threads and in loops."""
    hanging = Broken(hangs=True)

    async def script() -> None:
        target = Target("mine:m", base_url=f"{server.url}/v1", host=Host(auth=hanging))
        pipeline = Pipeline.default(Deadline(total=1.5), Retry(attempts=1), isolated=True)
        client = wrap(mode.openai(primary), pipeline, fallback=[target])
        primary.fault(Fault.status(503))
        began = time.monotonic()
        with pytest.raises(Exception):  # noqa: B017  # which one does not matter here
            await chat(client)
        assert time.monotonic() - began < 8
        await close(client)

    with Strict(chat_answer) as server:
        try:
            mode.run(script)
        finally:
            hanging.over.set()
    assert server.seen == []


@pytest.mark.parametrize("mode", [Mode("asyncio"), Mode("trio")], ids=lambda mode: mode.name)
def test_a_caller_who_leaves_does_not_wait_for_a_signature(mode: Mode, primary: Any) -> None:
    hanging = Broken(hangs=True)

    async def script() -> None:
        target = Target("mine:m", base_url="https://nowhere.example/v1", host=Host(auth=hanging))
        client = wrap(mode.openai(primary), once(), fallback=[target])
        primary.fault(Fault.status(503))
        began = time.monotonic()
        with anyio.move_on_after(0.5) as scope:
            await chat(client)
        assert scope.cancelled_caught
        assert time.monotonic() - began < 6
        await close(client)

    try:
        mode.run(script)
    finally:
        hanging.over.set()


STREAMS = {
    "throttled": [
        frame({":message-type": "exception", ":exception-type": "throttlingException"}, b'{"message":"slow"}')
    ],
    "failed": [frame({":message-type": "error", ":error-code": "InternalError", ":error-message": "no"}, b"{}")],
    "cut": [chunk(event) for event in events()[:2]],
    "cut within a frame": [chunk(events()[0]), chunk(events()[1])[:-9]],
    "a wrong check sum": [chunk(events()[0])[:-1] + b"\x00"],
    "a wrong head": [b"\xff" * 64],
    "no frames": [b"data: hello\n\n" * 4],
    "nothing": [b""],
    "no JSON": [frame({":message-type": "event", ":event-type": "chunk"}, b"hello")],
    "no base64": [frame({":message-type": "event"}, b'{"bytes": "?"}')],
    "endless": [struct.pack("!III", 2**31, 0, zlib.crc32(struct.pack("!II", 2**31, 0)))],
}


@needs_anthropic
@two_modes
@pytest.mark.parametrize("name", STREAMS)
def test_a_framed_stream_that_fails_before_it_says_anything(mode: Mode, name: str) -> None:
    """The next target is asked, as for every stream."""

    async def script() -> None:
        fallback = [
            Target(f"bedrock-anthropic:{CLAUDE}", base_url=broken.url),
            Target("bedrock-anthropic:anthropic.claude-sonnet-v1:0", base_url=sound.url),
        ]
        client = wrap(anthropic_client(mode, primary.url), once(), fallback=fallback)
        assert text_of(await everything(await ask(client, stream=True))) == "from there"
        await close(client)

    def play(_: Seen) -> Answer:
        return 200, EVENT_STREAM, b"".join(STREAMS[name])

    with Strict(overloaded) as primary, Strict(play) as broken, Strict(bedrock) as sound:
        mode.run(script)
    assert (len(broken.seen), len(sound.seen)) == (1, 1)


@needs_anthropic
@two_modes
@pytest.mark.parametrize("end", ["cut", "throttled"])
def test_a_framed_stream_that_breaks_later_is_no_whole_answer(mode: Mode, end: str) -> None:
    async def script() -> None:
        target = Target(f"bedrock-anthropic:{CLAUDE}", base_url=server.url)
        client = wrap(anthropic_client(mode, primary.url), once(), fallback=[target])
        stream = await ask(client, stream=True)
        with pytest.raises(importlib.import_module("anthropic").APIError):
            await everything(stream)
        await close(client)

    def play(_: Seen) -> Answer:
        return 200, EVENT_STREAM, b"".join([*map(chunk, events()[:6]), *(STREAMS[end] if end == "throttled" else [])])

    with Strict(overloaded) as primary, Strict(play) as server:
        mode.run(script)


class Token:
    """Credentials as google-auth has them."""

    def __init__(self) -> None:
        self.number = 0

    def before_request(self, request: Any, method: str, url: str, headers: dict[str, str]) -> None:
        self.number += 1
        headers["authorization"] = f"Bearer ya29.{self.number}"
        headers["x-goog-user-project"] = "billed"


@needs_anthropic
@two_modes
def test_claude_at_vertex(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("google.auth.transport.requests")
    monkeypatch.setattr(_signing, "_OWN", {"google": Google(Token())})
    root = "/v1/projects/p/locations/eu/publishers/anthropic/models/claude-sonnet"

    def play(seen: Seen) -> Answer:
        request = seen.json
        if request.pop("anthropic_version", "") != "vertex-2023-10-16" or "model" in request:
            return refused(400, "not Vertex's")
        if seen.path == f"{root}:rawPredict":
            return 200, "application/json", json.dumps(ANSWER).encode()
        if seen.path != f"{root}:streamRawPredict" or request.get("stream") is not True:
            return refused(404, "no such path")
        said = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events()]
        return 200, "text/event-stream", "".join(said).encode()

    async def script() -> None:
        target = Target("vertex-anthropic:claude-sonnet", base_url=f"{server.url}/v1/projects/p/locations/eu")
        client = wrap(anthropic_client(mode, primary.url), once(), fallback=[target])
        assert (await ask(client)).content[0].text == "from there"
        assert text_of(await everything(await ask(client, stream=True))) == "from there"
        await close(client)

    with Strict(overloaded) as primary, Strict(play) as server:
        mode.run(script)
    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer ya29.1", "Bearer ya29.2"]
    assert {seen.headers["x-goog-user-project"] for seen in server.seen} == {"billed"}
    assert not any(seen.has("sk-primary") for seen in server.seen)


@two_modes
@pytest.mark.skipif(not installed("google.genai"), reason="google-genai is not installed")
def test_gemini_at_vertex(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("google.auth.transport.requests")
    monkeypatch.setattr(_signing, "_OWN", {"google": Google(Token())})
    answer = {"candidates": [{"content": {"role": "model", "parts": [{"text": "there"}]}, "finishReason": "STOP"}]}

    async def script() -> None:
        genai = importlib.import_module("google.genai")
        options = genai.types.HttpOptions(base_url=primary.url)
        base = f"{server.url}/v1/projects/p/locations/eu/publishers/google"
        client = wrap(
            genai.Client(api_key="sk-primary", http_options=options),
            once(),
            fallback=[Target("vertex:gemini-pro", base_url=base)],
        )
        models = client.aio.models if mode.is_async else client.models
        assert (await do(models.generate_content(model="gemini-flash", contents="hello"))).text == "there"
        await do(client.aio.aclose() if mode.is_async else client.close())

    def play(_: Seen) -> Answer:
        return 200, "application/json", json.dumps(answer).encode()

    with Strict(lambda _: refused(503, "down")) as primary, Strict(play) as server:
        mode.run(script)
    path = "/v1/projects/p/locations/eu/publishers/google/models/gemini-pro:generateContent"
    assert [seen.path for seen in server.seen] == [path]
    assert server.seen[0].headers["authorization"] == "Bearer ya29.1"
    assert not server.seen[0].has("sk-primary")


@needs_anthropic
@two_modes
@pytest.mark.parametrize(
    ("name", "path"),
    [("deepseek-anthropic", "/anthropic/v1/messages"), ("fireworks-anthropic", "/inference/v1/messages")],
)
def test_others_that_speak_anthropic_s_dialect(mode: Mode, name: str, path: str) -> None:
    """For a client of Anthropic's the vendor's own name will do, where it has an endpoint of that dialect."""

    async def script() -> None:
        base = server.url + path.removesuffix("/v1/messages")
        target = Target(f"{name.partition('-')[0]}:m", base_url=base, api_key="sk-theirs", dialect="anthropic")
        client = wrap(anthropic_client(mode, primary.url), once(), fallback=[target])
        assert (await ask(client)).content[0].text == "from there"
        if name == "deepseek-anthropic":
            with pytest.raises(importlib.import_module("anthropic").APIError) as caught:
                await ask(client, extra_body={"top_k": 5})
            assert "top_k: deepseek ignores it" in notes(caught.value)
        await close(client)

    def play(seen: Seen) -> Answer:
        # As the client's own version has it, which DeepSeek takes both ways; Fireworks takes a bearer's alone.
        older = name == "deepseek-anthropic" and seen.headers.get("x-api-key") == "sk-theirs"
        sound = seen.path == path and (older or seen.headers.get("authorization") == "Bearer sk-theirs")
        return (200, "application/json", json.dumps(ANSWER).encode()) if sound else refused(401, "no")

    with Strict(overloaded) as primary, Strict(play) as server:
        mode.run(script)
    assert len(server.seen) == 1
    assert not server.seen[0].has("sk-primary")


@modes
def test_a_client_of_openai_s_is_answered_by_claude_at_bedrock(mode: Mode, primary: Any) -> None:
    """Translated, wrapped, signed; and its framed stream comes back as Chat's."""

    async def script() -> None:
        target = Target(f"bedrock-anthropic:{CLAUDE}", base_url=server.url)
        client = wrap(mode.openai(primary), once(), fallback=[target])
        primary.fault(Fault.status(503))
        answer = await chat(client, max_completion_tokens=9)
        assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("from there", "stop")
        stream = await everything(await chat(client, max_completion_tokens=9, stream=True))
        said = [choice for chunk in stream for choice in chunk.choices]
        assert "".join(choice.delta.content or "" for choice in said) == "from there"
        assert said[-1].finish_reason == "stop"
        await close(client)

    with Strict(bedrock) as server:
        mode.run(script)
    assert [seen.path.rpartition("/")[2] for seen in server.seen] == ["invoke", "invoke-with-response-stream"]
    for seen in server.seen:
        signature(seen)
        assert not seen.has(primary.key)
        assert not any(name.startswith("anthropic-") for name in seen.headers)
