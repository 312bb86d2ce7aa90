"""A plain http client that speaks every dialect, over real sockets: each request goes to the targets of its own, with
nothing of the primary's; and every vendor's every error is understood."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest

from resilient_ai import Fallback, Pipeline, Retry, Target, record, wrap
from resilient_ai.errors import ConfigurationError
from resilient_ai.events import AttemptFailed
from resilient_ai.testing import Fault, Provider, Simulator, VendorError, vendor_errors
from resilient_ai.transports import _request

from .servers import Server
from .sides import awaited, sides

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from .sides import Side

SECRET = "s3cret-of-the-primary"
DIALECTS = ("openai", "anthropic", "gemini")
HI = [{"role": "user", "content": "hello"}]
REQUESTS: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "openai": ("/v1/chat/completions", {"model": "gpt-4o", "messages": HI}, {"authorization": f"Bearer {SECRET}"}),
    "anthropic": (
        "/v1/messages?beta=true",
        {"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": HI},
        {"x-api-key": SECRET, "anthropic-version": "2023-06-01", "anthropic-beta": "files-api-2025-04-14"},
    ),
    "gemini": (
        f"/v1beta/models/gemini-2.5-pro:generateContent?key={SECRET}",
        {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
        {"x-goog-api-key": SECRET, "x-goog-user-project": SECRET},
    ),
}
OTHER_MODEL = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash"}
WHERE = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/gemini-2.5-flash:generateContent",
}


@pytest.fixture(scope="module")
def world() -> Iterator[Simulator]:
    with Simulator(
        *(Provider(f"{dialect}-{number}", dialect=dialect) for dialect in DIALECTS for number in (1, 2))
    ) as simulator:
        yield simulator


@pytest.fixture
def providers(world: Simulator) -> Iterator[Simulator]:
    yield world
    world.reset()


def targets(world: Simulator) -> list[Target]:
    return [
        Target(
            f"{dialect}-2:{OTHER_MODEL[dialect]}",
            base_url=world[f"{dialect}-2"].base_url,
            api_key=world[f"{dialect}-2"].key,
            dialect=dialect,
        )
        for dialect in DIALECTS
    ]


async def asked(client: Any, origin: str, dialect: str) -> Any:
    path, body, headers = REQUESTS[dialect]
    extra = {"cookie": f"id={SECRET}", "x-secret": SECRET, "openai-organization": SECRET}
    return await awaited(client.post(origin + path, json=body, headers=headers | extra))


@sides("sync", "asyncio")
def test_each_request_goes_to_the_target_of_its_dialect(side: Side, providers: Simulator) -> None:
    """Promises 25, 26: URL, key and model are the target's; nothing of the primary's headers or query goes along."""

    async def script() -> None:
        bare = side.client(None)
        client = wrap(bare, Pipeline.default(Retry(wait=0), isolated=True), fallback=targets(providers))
        for dialect in DIALECTS:
            providers[f"{dialect}-1"].fault(Fault.status(503))
            with record() as calls:
                answer = await asked(client, providers[f"{dialect}-1"].origin, dialect)
            assert answer.status_code == 200
            assert calls[0].answered_by == f"{dialect}-2:{OTHER_MODEL[dialect]}"
        await side.close(client)
        await side.close(bare)

    side.run(script)
    for dialect in DIALECTS:
        other = providers[f"{dialect}-2"]
        (request,) = other.requests()
        assert (request.path, request.model, request.key) == (WHERE[dialect], OTHER_MODEL[dialect], f"{other.name}:0")
        assert not other.saw(SECRET)
    (request,) = providers["anthropic-2"].requests()
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.headers["anthropic-beta"] == "files-api-2025-04-14"
    assert request.query == "beta=true"


def test_nobody_of_the_dialect_is_nobody(providers: Simulator) -> None:
    """A target into whose dialect nothing is translated is not asked: its answer would mean nothing to the program."""
    other = providers["openai-2"]
    cohere = [Target("cohere:command", base_url=other.base_url, api_key=other.key)]
    providers["anthropic-1"].fault(Fault.status(503))
    with httpx.Client() as bare, wrap(bare, Pipeline.default(Retry(attempts=1)), fallback=cohere) as client:
        answer = client.post(
            providers["anthropic-1"].origin + "/v1/messages",
            json=REQUESTS["anthropic"][1],
            headers=REQUESTS["anthropic"][2],
        )
    assert answer.status_code == 503
    assert providers["openai-2"].count() == 0


def test_an_sdk_s_target_must_speak_its_dialect(providers: Simulator) -> None:
    """Told when the client is wrapped, not in the outage."""
    other = Target("cohere:command", base_url=providers["openai-2"].base_url, api_key="k")
    with pytest.raises(ConfigurationError, match="speaks the cohere dialect and this client openai"):
        wrap(openai.OpenAI(api_key="k"), fallback=[other])


def kind_of(vendor: str) -> str:
    return vendor if vendor in DIALECTS else "openai"


@pytest.mark.parametrize("error", [error for error in vendor_errors() if error.family is None], ids=str)
def test_every_vendor_s_every_error(providers: Simulator, error: VendorError) -> None:
    """Issue 3: over a real socket, each error of each vendor is of the kind that the vendor's reference says. The table
    of the simulator and the one of providers/kinds.py were written by different hands."""
    dialect = kind_of(error.vendor)
    provider = providers[f"{dialect}-1"]
    provider.fault(Fault.vendor(error.vendor, error.name))
    heard: list[Any] = []
    pipeline = Pipeline(Retry(attempts=1), isolated=True, listeners=[heard.append])
    path, body, headers = REQUESTS[dialect]
    with httpx.Client() as bare, wrap(bare, pipeline) as client:
        try:
            answer = client.post(provider.origin + path, json=body, headers=headers)
        except httpx.TransportError:
            assert error.status == 200, "an error status is handed on as it came"
        else:
            assert (answer.status_code, answer.text) == (error.status, error.body)
    kinds = [event.kind.value for event in heard if isinstance(event, AttemptFailed)]
    if error.kind == "broken":  # an error inside HTTP 200: by its code where it has one, and evidence in any case
        assert kinds[0] in ("broken", "transient", "overloaded")
    else:
        assert kinds == [error.kind]
    assert provider.count() == 1


class Told(Server):
    """Answers every request with HTTP 200 and this JSON."""

    body = b""

    def serve(self, connection: socket.socket, number: int) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, rest = data.partition(b"\r\n\r\n")
        length = int(next(line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")))
        while len(rest) < length:
            rest += connection.recv(65536)
        self.seen.append(head.split(b"\r\n", 1)[0].decode())
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
            % (len(self.body), self.body)
        )


@pytest.mark.parametrize("creating", [True, False])
def test_an_error_inside_an_answer_proves_nothing(creating: bool) -> None:
    """Promise 45: a response that began, and then met a rate limit, may have called its tools already."""
    error = {"code": "rate_limit_exceeded", "message": "no"}
    failed = json.dumps({"id": "resp_1", "object": "response", "status": "failed", "error": error, "output": []})
    request: dict[str, Any] = {"model": "gpt-4o", "input": "hi", "background": creating}
    with Told() as first, Told() as second, httpx.Client() as bare:
        first.body = second.body = failed.encode()
        pipeline = Pipeline.default(
            Fallback([Target("second:*", base_url=second.url, api_key="k")]), Retry(attempts=1), isolated=True
        )
        with wrap(bare, pipeline) as client:
            answer = client.post(f"{first.url}/v1/responses", json=request)
        assert answer.json()["status"] == "failed"
        assert (len(first.seen), len(second.seen)) == ((1, 0) if creating else (1, 1))


class OneWay(io.RawIOBase):
    """A file that can be read once."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    name = "a.jsonl"

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(buffer)


DATA = b'{"custom_id":"1"}\n' * 2000


@pytest.mark.parametrize(("size", "sent_again"), [("kept", True), ("too large to keep", False), ("one way", False)])
def test_an_upload_is_sent_whole_or_once(
    providers: Simulator, monkeypatch: pytest.MonkeyPatch, size: str, sent_again: bool
) -> None:
    """Promise 46, through the SDK's upload: what can be kept arrives whole elsewhere, what cannot is sent once."""
    if size == "too large to keep":
        monkeypatch.setattr(_request, "MAX_BODY", len(DATA))
    first, second = providers["openai-1"], providers["openai-2"]
    first.fault(Fault.status(503))
    with openai.OpenAI(base_url=first.base_url, api_key=first.key) as bare:
        to_second = [Target("second:*", base_url=second.base_url, api_key=second.key)]
        with wrap(bare, Pipeline.default(Retry(wait=0), isolated=True), fallback=to_second) as client:
            file: Any = OneWay(DATA) if size == "one way" else DATA
            upload = ("a.jsonl", file)
            if sent_again:
                assert client.files.create(file=upload, purpose="batch").bytes == len(DATA)
            else:
                with pytest.raises(openai.InternalServerError):
                    client.files.create(file=upload, purpose="batch")
    assert (first.count(), second.count()) == (1, 1 if sent_again else 0)
