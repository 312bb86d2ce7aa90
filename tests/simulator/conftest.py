from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import openai
import pytest

from resilient_ai.testing import Provider, Quota, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from resilient_ai.testing import SimulatedProvider


@pytest.fixture(scope="session")
def process() -> Iterator[Simulator]:
    providers = (
        Provider("primary", keys=("sk-primary", "sk-second")),
        Provider("backup"),
        Provider("small", quota=Quota(2, per=0.3), models=("tiny",), name_in_answers="tiny-host"),
    )
    with Simulator(*providers) as simulator:
        yield simulator


@pytest.fixture
def sim(process: Simulator) -> Iterator[Simulator]:
    process.reset()
    yield process
    process.reset()


@pytest.fixture
def primary(sim: Simulator) -> SimulatedProvider:
    return sim["primary"]


@pytest.fixture(scope="session")
def session_client(process: Simulator) -> Iterator[openai.OpenAI]:
    provider = process["primary"]
    with openai.OpenAI(base_url=provider.base_url, api_key=provider.key, max_retries=0, timeout=5) as opened:
        yield opened


@pytest.fixture
def client(session_client: openai.OpenAI, sim: Simulator) -> openai.OpenAI:
    """At the primary; one for all tests, since each TLS context costs a tenth of a second."""
    return session_client


@pytest.fixture
def raw(primary: SimulatedProvider) -> Callable[[bytes], bytes]:
    """Send these bytes on a connection of their own; what comes back until it closes or half a second is over."""

    def exchange(data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", primary.port), timeout=0.5) as connection:
            connection.sendall(data)
            return read_all(connection)

    return exchange


def read_all(connection: socket.socket) -> bytes:
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except TimeoutError:
        pass
    return b"".join(parts)


def chat_request(body: bytes, *, headers: str = "", key: str = "sk-primary") -> bytes:
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body
