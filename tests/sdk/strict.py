"""A server that plays one host strictly: anything but what that host takes is an error, and told."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

Answer = tuple[int, str, bytes]


@dataclass(frozen=True)
class Seen:
    """A request, as it came. Names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def has(self, text: str) -> bool:
        """Whether it stands anywhere in it."""
        return text in f"{self.path} {dict(self.headers)} {self.body.decode('latin-1')}"


class Strict:
    """Answers by ``play``, in threads; ended on exit. ``tls``: its own certificate, and whose it wants to see."""

    def __init__(self, play: Callable[[Seen], Answer], *, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.peers: list[Any] = []
        """The certificate that each request's client showed."""
        self._play = play
        self._tls = tls

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"  # a connection for each request: none is left open

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                seen = Seen("POST", self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                outer.seen.append(seen)
                outer.peers.append(getattr(self.connection, "getpeercert", lambda: None)())
                status, kind, answer = outer._play(seen)
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def chat_answer(seen: Seen) -> Answer:
    """What a sound host of the OpenAI dialect says."""
    request = seen.json
    head = {"id": "chatcmpl-1", "created": 1, "model": request.get("model", "m")}
    if not request.get("stream"):
        message = {"role": "assistant", "content": "from there"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return _json(200, {**head, "object": "chat.completion", "choices": [choice]})
    head["object"] = "chat.completion.chunk"
    deltas: list[tuple[dict[str, str], str | None]] = [({"content": "from "}, None), ({"content": "there"}, "stop")]
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in deltas]
    return 200, "text/event-stream", b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks)


def refused(status: int, why: str) -> Answer:
    return _json(status, {"error": {"message": why, "type": "invalid_request_error", "code": None, "param": None}})


def _json(status: int, said: Any) -> Answer:
    return status, "application/json", json.dumps(said).encode()
