"""Answers of servers that are not OpenAI's pass a wrapped plain client as they pass the bare one."""

from __future__ import annotations

import copy
import pickle
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest
from openai import OpenAI

import resilient_ai
from resilient_ai import Target
from resilient_ai.testing import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilient_ai.testing import Simulator

ANSWERS: dict[str, tuple[str, bytes]] = {
    "/empty": ("application/json", b""),
    "/ndjson": ("application/x-ndjson", b'{"a":1}\n{"a":2}\n'),
    "/lines": ("application/json", b'{"a":1}\n{"a":2}\n'),
    "/bom": ("application/json", b'\xef\xbb\xbf{"a": 1}'),
    "/utf16": ("application/json", '{"a": 1}'.encode("utf-16")),
    "/cut": ("application/json", b'{"a": '),
    "/v1/models": ("application/json", b'\xef\xbb\xbf{"data": []}'),
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind, body = ANSWERS[self.path]
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_DELETE = do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()


@pytest.mark.parametrize("path", ANSWERS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_what_a_healthy_server_says_is_no_failure(server: str, method: str, path: str) -> None:
    """Promises 42 and 44: the customs of a server we do not know are not judged."""
    with httpx.Client() as given, resilient_ai.wrap(given) as client:
        bare, wrapped = given.request(method, server + path), client.request(method, server + path)
    assert (wrapped.status_code, wrapped.content, wrapped.text) == (bare.status_code, bare.content, bare.text)


def test_copies_of_an_answer_are_answers(simulator: Simulator) -> None:
    primary = simulator["primary"]
    with httpx.Client(headers={"authorization": f"Bearer {primary.key}"}) as given, resilient_ai.wrap(given) as client:
        answer = client.get(f"{primary.base_url}/models")
        said = answer.json()
        assert copy.deepcopy(answer).json() == pickle.loads(pickle.dumps(answer)).json() == answer.json() == said
        primary.fault(Fault.status(400))
        refused = client.get(f"{primary.base_url}/models")
        again = pickle.loads(pickle.dumps(refused))
    assert (again.status_code, again.json()) == (400, refused.json())


@pytest.mark.parametrize("stream", [False, True])
def test_a_page_of_html_is_no_answer(simulator: Simulator, stream: bool) -> None:
    """Promise 22: what stands between says 200; the next target answers."""
    primary, backup = simulator["primary"], simulator["backup"]
    target = Target("backup:*", base_url=backup.base_url, api_key=backup.key)
    primary.fault(Fault.html(200))
    with OpenAI(base_url=primary.base_url, api_key=primary.key) as given:
        client = resilient_ai.wrap(given, fallback=[target])
        ask: Any = client.chat.completions.create
        answer = ask(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}], stream=stream)
        if stream:
            list(answer)
        assert resilient_ai.outcome(answer).answered_by == "backup:*"
        with pytest.raises(openai.APIConnectionError):
            resilient_ai.wrap(given).embeddings.create(model="text-embedding-3-small", input="hi")
