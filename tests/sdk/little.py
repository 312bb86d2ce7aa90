"""A little server for APIs that the simulator does not speak: Cohere's and Ollama's, as far as a chat goes."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def cohere_chat(name: str, request: dict[str, Any]) -> tuple[str, bytes]:
    if not request.get("stream"):
        said = {
            "id": f"id-of-{name}",
            "finish_reason": "COMPLETE",
            "message": {"role": "assistant", "content": [{"type": "text", "text": f"from {name}"}]},
        }
        return "application/json", json.dumps(said).encode()
    events: list[dict[str, Any]] = [
        {"type": "message-start", "id": f"id-of-{name}", "delta": {"message": {"role": "assistant"}}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": f"from {name}"}}}},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}},
    ]
    lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
    return "text/event-stream", "".join(lines).encode()


def ollama_chat(name: str, request: dict[str, Any]) -> tuple[str, bytes]:
    def said(text: str, *, done: bool) -> dict[str, Any]:
        return {"model": request["model"], "done": done, "message": {"role": "assistant", "content": text}}

    if not request.get("stream"):
        return "application/json", json.dumps(said(f"from {name}", done=True)).encode()
    lines = [said("from ", done=False), said(name, done=False), said("", done=True)]
    return "application/x-ndjson", b"".join(json.dumps(line).encode() + b"\n" for line in lines)


CHATS = {"/v2/chat": cohere_chat, "/api/chat": ollama_chat}
ERRORS = {"/v2/chat": "message", "/api/chat": "error"}


class Little:
    """One such server: what it is told to answer, and how often it was asked."""

    def __init__(self, name: str) -> None:
        self.name = self.key = name
        self.asked: list[str] = []
        self.failing = 0
        self._server: ThreadingHTTPServer | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self.serve()

    def serve(self) -> None:
        server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self._server = server

    def refuse(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    close = refuse


def _handler(little: Little) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"  # a connection for each request: none is left open

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            little.asked.append(self.headers.get("authorization", ""))
            kind, body = CHATS[self.path](little.name, request)
            if little.failing:
                kind, body = "application/json", json.dumps({ERRORS[self.path]: "it fails"}).encode()
            self.send_response(little.failing or 200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
