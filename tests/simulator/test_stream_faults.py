"""What can go wrong with a stream, in every API's own words."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from resilient_ai.testing import Fault, Provider, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilient_ai.testing import Request, SimulatedProvider

HI = [{"role": "user", "content": "hello"}]
SCHEMA = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("harbour", "river", "bridge")},
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Api:
    """An endpoint that streams, as bytes.

    Attributes:
        tool: what to add to a request so that a tool is called with arguments of `SCHEMA`.
        schema: the same for an answer that follows `SCHEMA`.
        content: what marks an event with content. finish, terminal: what tells the reason of the end, and the end.
        error: what marks an error that is told inside.
    """

    name: str
    dialect: str
    path: str
    body: dict[str, Any]
    tool: dict[str, Any]
    schema: dict[str, Any]
    content: bytes
    opening: bytes
    finish: bytes
    terminal: bytes
    error: bytes
    thought: bytes
    ping: bytes = b": keep-alive"

    def ask(self, provider: SimulatedProvider, **more: Any) -> httpx.Response:
        headers = {"x-api-key": provider.key, "anthropic-version": "2023-06-01", "x-goog-api-key": provider.key}
        headers |= {"authorization": f"Bearer {provider.key}"}
        return WEB.post(provider.origin + self.path, headers=headers, json=self.body | more)

    def text(self, provider: SimulatedProvider, **more: Any) -> bytes:
        return self.ask(provider, **more).content

    def raw(self, provider: SimulatedProvider) -> bytes:
        """The whole HTTP answer, as far as it comes within half a second."""
        body = json.dumps(self.body).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {provider.key}\r\nanthropic-version: 2023-06-01\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        parts = []
        with socket.create_connection(("127.0.0.1", provider.port), timeout=0.5) as connection:
            connection.sendall(head.encode() + body)
            try:
                while part := connection.recv(65536):
                    parts.append(part)
            except (TimeoutError, ConnectionResetError):
                pass
        return b"".join(parts)


WEB = httpx.Client(verify=False, timeout=10)
CHAT = Api(
    name="chat",
    dialect="openai",
    path="/v1/chat/completions",
    body={"model": "gpt-4o", "messages": HI, "stream": True},
    tool={
        "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        "tool_choice": "required",
    },
    schema={"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}},
    content=rb'"delta":\{"content":"[^"]|"delta":\{"tool_calls":|"delta":\{"reasoning_content"',
    opening=b'"role":"assistant"',
    finish=b'"finish_reason":"stop"',
    terminal=b"data: [DONE]",
    error=b'data: {"error":',
    thought=b'"delta":{"reasoning_content":',
)
RESPONSES = Api(
    name="responses",
    dialect="openai",
    path="/v1/responses",
    body={"model": "gpt-4o", "input": "hello", "stream": True},
    tool={"tools": [{"type": "function", "name": "f", "parameters": SCHEMA}], "tool_choice": "required"},
    schema={"text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}},
    content=rb"event: response\.\w+\.delta",
    opening=b"event: response.created",
    finish=b"event: response.output_item.done",
    terminal=b"event: response.completed",
    error=b"event: error",
    thought=b"event: response.reasoning_summary_text.delta",
)
MESSAGES = Api(
    name="messages",
    dialect="anthropic",
    path="/v1/messages",
    body={"model": "claude-haiku-4-5", "max_tokens": 100, "messages": HI, "stream": True},
    tool={"tools": [{"name": "f", "input_schema": SCHEMA}], "tool_choice": {"type": "any"}},
    schema={"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    content=rb'"delta":\{"type":"(text|thinking|input_json)_delta","\w+":"[^"]',
    opening=b"event: message_start",
    finish=b'"stop_reason":"end_turn"',
    terminal=b"event: message_stop",
    error=b"event: error",
    thought=b'"type":"thinking_delta"',
    ping=b"event: ping",
)
CONTENT = Api(
    name="generateContent",
    dialect="gemini",
    path="/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
    body={"contents": [{"parts": [{"text": "hello"}]}]},
    tool={
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": SCHEMA}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
    },
    schema={"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}},
    content=rb'"parts":\[\{"text":"[^"]|"functionCall"',
    opening=b'"parts":[{"text":""}]',
    finish=b'"finishReason":"STOP"',
    terminal=b'"finishReason":"STOP"',
    error=b'data: {"error":',
    thought=b'"thought":true',
    ping=b'data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"index":0}]}',
)
APIS = (CHAT, RESPONSES, MESSAGES, CONTENT)
apis = pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)


@pytest.fixture(scope="module")
def process() -> Iterator[Simulator]:
    with Simulator(*(Provider(name, dialect=name) for name in ("openai", "anthropic", "gemini"))) as simulator:
        yield simulator


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    WEB.close()


@pytest.fixture
def provider(process: Simulator, api: Api) -> Iterator[SimulatedProvider]:
    process.reset()
    yield process[api.dialect]
    process.reset()


def count(api: Api, body: bytes) -> int:
    return len(re.findall(api.content, body))


def said(api: Api, body: bytes) -> str:
    """The text (or arguments) of a stream."""
    field = {"chat": "content", "responses": "delta", "messages": "text", "generateContent": "text"}[api.name]
    return "".join(re.findall(rf'"{field}":"([^"]*)"', body.decode()))


@apis
def test_an_answer_has_sixty_tokens(api: Api, provider: SimulatedProvider) -> None:
    whole = api.text(provider)
    assert count(api, whole) == 60
    assert whole.count(api.terminal) == 1


@apis
def test_an_error_before_anything_and_after_the_opening(api: Api, provider: SimulatedProvider) -> None:
    """Regression: Gemini's error came without anything before it, whatever was asked for."""
    provider.fault(Fault.error_in_stream(after_tokens=0))
    told = api.text(provider)
    assert api.opening in told.partition(api.error)[0]
    assert (count(api, told), api.error in told, api.terminal in told) == (0, True, False)
    provider.fault(Fault.error_in_stream(opened=False))
    assert api.text(provider).lstrip().startswith(api.error)


@apis
@pytest.mark.parametrize("fault", [Fault.truncated, Fault.stalled, Fault.truncated_clean, Fault.error_in_stream])
def test_where_it_ends(api: Api, provider: SimulatedProvider, fault: Any) -> None:
    provider.fault(fault(after_tokens=40))
    got = api.raw(provider)
    half = fault == Fault.truncated  # a piece of the next event is sent too
    assert count(api, got) in ((40, 41) if half else (40,))
    assert (api.terminal in got, api.finish in got.replace(b'"finish_reason":null', b"")) == (False, False)
    assert got.endswith(b"0\r\n\r\n") == (fault in (Fault.truncated_clean, Fault.error_in_stream))
    provider.fault(fault(after_tokens=40, opened=False))
    assert count(api, api.raw(provider)) <= half


@apis
def test_a_malformed_tenth_event(api: Api, provider: SimulatedProvider) -> None:
    """What it had to say is lost, and nothing else."""
    whole = api.text(provider)
    provider.fault(Fault.malformed_json(after_tokens=9))
    got = api.text(provider)
    events = [part for part in re.split(rb"\r?\n\r?\n", got) if b"data: " in part]
    bad = [place for place, event in enumerate(events) if not is_json(event)]
    assert len(bad) == 1
    assert sum(count(api, event) for event in events[: bad[0]]) == 9
    assert sum(count(api, event) for event in events[bad[0] + 1 :]) == 50
    assert got.count(api.terminal) == 1
    assert len(got) < len(whole)


def is_json(event: bytes) -> bool:
    data = event.partition(b"data: ")[2]
    try:
        json.loads(data)
    except ValueError:
        return data == b"[DONE]"
    return True


@apis
@pytest.mark.parametrize("finished", [True, False])
def test_all_but_the_end(api: Api, provider: SimulatedProvider, finished: bool) -> None:
    whole = api.text(provider)
    provider.fault(Fault.unterminated(finished=finished))
    got = api.text(provider)
    assert count(api, got) == 60
    assert api.terminal not in got
    assert (api.finish in got) == (finished and api.finish != api.terminal)
    assert said(api, got) == said(api, whole)[: len(said(api, got))]
    assert api.raw(provider).endswith(b"0\r\n\r\n")


@apis
def test_json_where_a_stream_was_asked_for(api: Api, provider: SimulatedProvider) -> None:
    whole = said(api, api.text(provider))
    provider.fault(Fault.not_streamed())
    answer = api.ask(provider)
    assert answer.headers["content-type"].startswith("application/json")
    shown = answer.json()
    text = {
        "chat": lambda: shown["choices"][0]["message"]["content"],
        "responses": lambda: shown["output"][0]["content"][0]["text"],
        "messages": lambda: shown["content"][0]["text"],
        "generateContent": lambda: shown["candidates"][0]["content"]["parts"][0]["text"],
    }[api.name]()
    assert text
    assert whole.startswith(text)


@apis
def test_packed(api: Api, provider: SimulatedProvider) -> None:
    """Each event can be unpacked when it comes; the parts of a whole answer too."""
    whole = api.text(provider)
    provider.fault(Fault.gzip())
    packed = api.ask(provider)
    assert packed.headers["content-encoding"] == "gzip"
    same = re.compile(rb"-\d{6}\b|_\d{8}\b|\d{10}")  # ids and times
    assert same.sub(b"", packed.content) == same.sub(b"", whole)
    head, _, chunks = api.raw(provider).partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    unpacker, lines = zlib.decompressobj(31), []
    for chunk in unchunked(chunks):
        lines.append(unpacker.decompress(chunk))
    assert unpacker.eof
    assert len(lines) > 60
    assert all(line.endswith((b"\n\n", b"\r\n\r\n")) for line in lines if line)


def unchunked(data: bytes) -> Iterator[bytes]:
    while data:
        size, _, data = data.partition(b"\r\n")
        if int(size, 16) == 0:
            return
        yield data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]


@apis
def test_a_packed_body_cut(api: Api, provider: SimulatedProvider) -> None:
    provider.fault(Fault.gzip_cut(after_tokens=40))
    _, _, chunks = api.raw(provider).partition(b"\r\n\r\n")
    assert chunks.endswith(b"0\r\n\r\n")
    unpacker = zlib.decompressobj(31)
    got = b"".join(unpacker.decompress(chunk) for chunk in unchunked(chunks))
    assert not unpacker.eof
    assert count(api, got) in (40, 41)
    assert api.terminal not in got


@apis
def test_a_bomb(api: Api, provider: SimulatedProvider) -> None:
    size = 3 * 1024 * 1024 + 5
    provider.fault(Fault.gzip_bomb(size))
    _, _, chunks = api.raw(provider).partition(b"\r\n\r\n")
    packed = b"".join(unchunked(chunks))
    assert len(packed) < size / 300
    unpacked = gzip.decompress(packed)  # its length and check are right
    assert unpacked.endswith(b"data: " + b"0" * size + b"\n\n")
    assert (api.opening in unpacked) == (api is not CONTENT)


@pytest.mark.parametrize("api", [CHAT], ids=["chat"])
def test_what_is_no_stream(api: Api, provider: SimulatedProvider) -> None:
    def ask() -> httpx.Response:
        return api.ask(provider, stream=False)

    text = ask().json()["choices"][0]["message"]
    for fault in (Fault.gzip(), Fault.unterminated(), Fault.not_streamed()):
        provider.fault(fault)
        assert ask().json()["choices"][0]["message"] == text
    provider.fault(Fault.gzip_bomb(1000))
    assert ask().content == b"0" * 1000
    provider.fault(Fault.gzip_cut())
    assert 0 < len(ask().content) < 500
    provider.fault(Fault.thinking(0.2, every=0.1))
    begun = time.monotonic()
    assert ask().json()["choices"][0]["message"]["content"] == text["content"]
    assert time.monotonic() - begun >= 0.2


@apis
@pytest.mark.parametrize("how", ["reasoning", "pings"])
def test_a_stream_that_thinks(api: Api, provider: SimulatedProvider, process: Simulator, how: Any) -> None:
    whole = api.text(provider)
    provider.fault(Fault.thinking(0.4, every=0.05, how=how))
    got = api.text(provider)
    thoughts = got.count(api.thought)
    assert (thoughts, got.count(api.ping) - whole.count(api.ping)) == ((8, 0) if how == "reasoning" else (0, 8))
    assert count(api, got) == 60 + thoughts
    assert got.count(api.terminal) == 1
    seen = ended(provider)
    assert seen.ended is not None
    assert 0.4 <= seen.ended - seen.at < 2
    opening, *pieces, _last = seen.written
    assert len(pieces) == 8
    assert all(later - earlier >= 0.045 for earlier, later in zip((opening, *pieces), pieces, strict=False))
    assert seen.ended <= process.now()


@apis
@pytest.mark.parametrize("asked", ["tool", "schema"])
def test_cuts_inside_arguments_and_structures(api: Api, provider: SimulatedProvider, asked: str) -> None:
    more = getattr(api, asked)
    pieces = count(api, api.text(provider, **more))
    assert pieces == (1 if (api, asked) == (CONTENT, "tool") else pieces) > 0
    after = pieces // 2
    provider.fault(Fault.truncated_clean(after_tokens=after))
    assert count(api, api.text(provider, **more)) == after
    provider.fault(Fault.malformed_json(after_tokens=after))
    assert api.terminal in api.text(provider, **more)
    provider.fault(Fault.thinking(0.02, every=0.01))
    assert count(api, api.text(provider, **more)) == pieces + 2


@pytest.mark.parametrize("api", [CHAT], ids=["chat"])
def test_a_client_that_leaves_is_told_of(api: Api, provider: SimulatedProvider, process: Simulator) -> None:
    """When, and that nothing is left open; also where the server has written more than the client takes."""
    for fault in (Fault.paced(0.05), Fault.gzip_bomb(2**32, after_tokens=3), Fault.stalled()):
        provider.fault(fault)
        provider.close_idle()
        with WEB.stream("POST", provider.base_url + "/chat/completions", json=api.body, headers=key(provider)) as got:
            pieces = got.iter_raw()
            assert next(pieces)
            assert provider.open_connections == 1
            left = process.now()
        seen = ended(provider)
        assert seen.closed_early is not None
        assert left <= seen.closed_early < left + 0.5
        assert provider.open_connections == 0
    provider.heal()
    assert WEB.get(provider.base_url + "/models", headers=key(provider)).status_code == 200
    assert provider.requests()[-1].closed_early is None


def ended(provider: SimulatedProvider) -> Request:
    """The last request, when it is over."""
    for _ in range(200):
        seen = provider.requests()[-1]
        if seen.ended is not None:
            return seen
        time.sleep(0.01)
    raise AssertionError("it never ended")


def key(provider: SimulatedProvider) -> dict[str, str]:
    return {"authorization": f"Bearer {provider.key}"}


def test_answers_of_a_chosen_length() -> None:
    with Simulator(Provider("one"), Provider("two"), answer_tokens=5000) as simulator:
        texts = [CHAT.text(provider) for provider in simulator.values()]
    assert [count(CHAT, text) for text in texts] == [5000, 5000]
    assert said(CHAT, texts[0]) == said(CHAT, texts[1])
    for wrong in (0, 10**9):
        with pytest.raises(ValueError, match="answer_tokens"):
            Simulator(answer_tokens=wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Fault.thinking(1, every=0),
        lambda: Fault.thinking(1, every=2),
        lambda: Fault.thinking(float("inf")),
        lambda: Fault.thinking(10**6, every=0.001),
        lambda: Fault.thinking(1, how="aloud"),  # type: ignore[arg-type]  # wrong on purpose
        lambda: Fault.gzip_bomb(-1),
        lambda: Fault.gzip_bomb(2**60),
        lambda: Fault.stalled(after_tokens=-1),
    ],
)
def test_wrong_values(wrong: Any) -> None:
    with pytest.raises(ValueError):
        wrong()


def test_many_at_once_are_counted(process: Simulator) -> None:
    """`open_connections` is what neither side has closed."""
    process.reset()
    provider = process["openai"]
    provider.fault(Fault.stalled())
    before = provider.open_connections
    clients = [threading.Thread(target=CHAT.raw, args=(provider,)) for _ in range(10)]
    for client in clients:
        client.start()
    for _ in range(100):
        if provider.open_connections == before + 10:
            break
        time.sleep(0.01)
    assert provider.open_connections == before + 10
    for client in clients:
        client.join()
    process.reset()
    assert provider.open_connections <= before
