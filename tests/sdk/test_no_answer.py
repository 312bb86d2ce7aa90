"""What HTTP 200 says and what is no answer all the same: an error as a stream's first event, words of a gateway."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest

import resilient_ai
from resilient_ai import Pipeline, Retry

from .modes import HELLO, Mode, chat, close, everything, failing, modes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilient_ai.testing import Simulator

SSE = "text/event-stream"
MISTAKE = b'data: {"error":{"message":"bad","type":"invalid_request_error","param":"messages","code":null}}\n\n'
NO_MONEY = b'data: {"error":{"message":"no","type":"insufficient_quota","code":"insufficient_quota"}}\n\n'
FAULT = b'data: {"error":{"message":"oh","type":"server_error","code":null}}\n\n'
CLAUDE = b'event: error\ndata: {"type":"error","error":{"type":"invalid_request_error","message":"bad"}}\n\n'

CHAT = (
    b'{"id":"x","object":"chat.completion","created":1,"model":"m",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
)
CHUNK = b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}\n\n'

ANSWERS: dict[str, tuple[str | None, tuple[bytes, ...]]] = {
    "mistake": (SSE, (MISTAKE,)),
    "in-pieces": (SSE, (MISTAKE[:20], MISTAKE[20:60], MISTAKE[60:])),
    "no-money": (SSE, (NO_MONEY,)),
    "fault": (SSE, (FAULT,)),
    "chat-for-a-stream": ("application/json", (CHAT,)),
    "words-for-a-stream": ("text/plain", (b"upstream connect error",)),
    "words": ("text/plain", (b"upstream connect error",)),
    "no-choices": ("application/json", (b'{"id":"x","object":"chat.completion","choices":null}',)),
    "nothing": (None, ()),
    "filtered": ("application/json", (b'{"id":"x","choices":[],"prompt_filter_results":[]}',)),
    "unnamed": (None, (CHAT,)),
    "unnamed-for-a-stream": (None, (CHUNK[:3], CHUNK[3:], b"data: [DONE]\n\n")),
    "claude": (SSE, (CLAUDE[:13], CLAUDE[13:])),
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    asked: Counter[str] = Counter()


class _Handler(BaseHTTPRequestHandler):
    """Answers by the first part of the path; its pieces are chunks."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        name = self.path.split("/")[1]
        self.server.asked[name] += 1
        kind, pieces = ANSWERS[name]
        self.send_response(200)
        if kind is not None:
            self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("connection", "close")
        self.end_headers()
        for piece in (*pieces, b""):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as listening:
        listening.asked = Counter()
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        yield listening
        listening.shutdown()


def _url(server: _Server, name: str) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{name}"


def _quick(events: list[Any] | None = None) -> Pipeline:
    listeners = [] if events is None else [events.append]
    return Pipeline.default(Retry(wait=0.01, budget=1.0), isolated=True, listeners=listeners)


async def _streamed(client: Any) -> None:
    await everything(await chat(client, stream=True))


@modes
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("mistake", ["caller"]),
        ("in-pieces", ["caller"]),
        ("no-money", ["quota"]),
        ("fault", ["broken"] * 3),
    ],
)
def test_an_error_as_a_stream_s_first_event_is_the_sdk_s_own(
    mode: Mode, server: _Server, name: str, kinds: list[str]
) -> None:
    """Promises 2 and 3. Regression: a connection error was invented, and a mistake repeated as if it were an outage."""
    events: list[Any] = []

    class Place:
        key = "sk-any"
        base_url = f"{_url(server, name)}/v1"

    async def script() -> None:
        bare = mode.openai(Place)
        expected: Any = await failing(_streamed(bare.with_options(max_retries=0)))
        server.asked.clear()
        client = resilient_ai.wrap(bare, _quick(events))
        error: Any = await failing(_streamed(client))
        assert (type(error), error.body, str(error)) == (type(expected), expected.body, str(expected))
        assert type(error) is openai.APIError
        await close(client)
        await close(bare)

    mode.run(script)
    assert [event.kind.value for event in events if hasattr(event, "kind")] == kinds
    assert server.asked[name] == len(kinds)


def test_an_error_as_a_stream_s_first_event_is_anthropic_s_own(server: _Server) -> None:
    """Promises 2 and 3: its exception, with its body, although the answer is one that it does not ask."""
    anthropic = pytest.importorskip("anthropic")
    with anthropic.Anthropic(base_url=_url(server, "claude"), api_key="k") as given:
        client = resilient_ai.wrap(given, _quick())
        with client, pytest.raises(anthropic.APIStatusError) as caught:
            list(client.messages.create(model="m", max_tokens=9, messages=HELLO, stream=True))
    assert caught.value.body == json.loads(CLAUDE.partition(b"data: ")[2])
    assert server.asked["claude"] == 1


def test_a_program_without_an_sdk_reads_the_event(server: _Server) -> None:
    """Promise 3: what the provider said, byte by byte, and once."""
    with httpx.Client() as given, resilient_ai.wrap(given, _quick()) as client:
        answer = client.post(f"{_url(server, 'in-pieces')}/v1/chat/completions", json={"model": "m", "stream": True})
    assert (answer.status_code, answer.content) == (200, MISTAKE)
    assert server.asked["in-pieces"] == 1


def test_a_fallback_s_mistake_is_no_verdict_on_the_call(server: _Server) -> None:
    """Promise 20: another target is asked although the first fallback told a mistake in its stream."""
    first, second = (
        resilient_ai.Target(f"{name}:*", base_url=f"{_url(server, name)}/v1", api_key="k")
        for name in ("mistake", "no-money")
    )
    with openai.OpenAI(base_url=f"{_url(server, 'fault')}/v1", api_key="k") as given:
        client = resilient_ai.wrap(given, _quick(), fallback=[first, second])
        with client, pytest.raises(openai.APIError, match="oh"):
            list(client.chat.completions.create(model="m", messages=HELLO, stream=True))
    assert [server.asked[name] for name in ("mistake", "no-money")] == [1, 1]


def _asked_of(server: _Server, simulator: Simulator, name: str) -> str | None:
    """Who answers, where a healthy fallback stands by."""
    backup = simulator["backup"]
    target = resilient_ai.Target("backup:*", base_url=backup.base_url, api_key=backup.key)
    asked = {"model": "gpt-4o-mini", "messages": HELLO, "stream": name.endswith("stream")}
    with httpx.Client() as given, resilient_ai.wrap(given, _quick(), fallback=[target]) as client:
        answer = client.post(f"{_url(server, name)}/v1/chat/completions", json=asked)
    return answer.headers["x-resilient-ai-answered-by"]


@pytest.mark.parametrize("name", ["chat-for-a-stream", "words-for-a-stream", "words", "no-choices", "nothing"])
def test_what_is_no_answer_goes_to_the_fallback(server: _Server, simulator: Simulator, name: str) -> None:
    """Promise 22. Regression: each of these passed as a success, with a healthy fallback standing by."""
    assert _asked_of(server, simulator, name) == "backup:*"


@pytest.mark.parametrize("name", ["filtered", "unnamed", "unnamed-for-a-stream"])
def test_what_is_an_answer_by_its_first_bytes_stays(server: _Server, simulator: Simulator, name: str) -> None:
    """Promise 42: compatible servers leave the content type out, and Azure's filter the choices."""
    assert _asked_of(server, simulator, name) == "primary"
    assert server.asked[name] == 1
