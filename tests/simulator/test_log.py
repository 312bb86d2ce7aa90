"""What a provider tells of what it saw."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING

import pytest

from resilient_ai.testing import Fault, Simulator, SimulatorError
from resilient_ai.testing._server import log
from resilient_ai.testing._server.http import parse_head

from .conftest import chat_request

if TYPE_CHECKING:
    from collections.abc import Callable

    import openai

    from resilient_ai.testing import SimulatedProvider

    Raw = Callable[[bytes], bytes]

ASK = [{"role": "user", "content": "hello"}]


def test_a_request_as_it_came(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    client.chat.completions.create(model="gpt-4o", messages=ASK, extra_headers={"x-mine": "yes"}, extra_query={"q": 1})
    (seen,) = primary.requests()
    assert (seen.method, seen.path, seen.query) == ("POST", "/v1/chat/completions", "q=1")
    assert (seen.family, seen.model, seen.key, seen.status) == ("chat", "gpt-4o", "primary:0", 200)
    assert (seen.fault, seen.made, seen.complaint, seen.form) == (None, None, None, None)
    assert seen.json == {"model": "gpt-4o", "messages": ASK}
    assert 0 < seen.at <= seen.ended
    assert seen.headers["x-mine"] == "yes"
    assert seen.closed_by_client_after is None


def test_the_body_as_bytes(raw: Raw, primary: SimulatedProvider) -> None:
    body = b'{"model":"gpt-4o","messages":[]}'
    raw(chat_request(body))
    (seen,) = primary.requests()
    assert (seen.body_bytes, seen.body_sha256) == (len(body), hashlib.sha256(body).hexdigest())


def test_chunked_bodies_are_the_same(raw: Raw, primary: SimulatedProvider) -> None:
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}'
    head = chat_request(body).partition(b"content-length")[0]
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    assert raw(head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n").startswith(b"HTTP/1.1 200")
    assert primary.requests()[0].body_bytes == len(body)


def test_forms(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"), temperature=0.5)
    (seen,) = primary.requests("audio")
    assert seen.form == {"model": "whisper-1", "temperature": "0.5", "file": "<a.wav, 4 bytes>"}
    assert (seen.model, seen.json) == ("whisper-1", None)


def test_no_credential_is_told(primary: SimulatedProvider, raw: Raw) -> None:
    """Not in the log that tests print; but `saw` can look for it."""
    secrets = "cookie: session=s3cret\r\nx-api-key: k3y\r\napi-key: sk-primary\r\n"
    raw(chat_request(b"{}", headers=secrets, key="sk-stranger"))
    told = repr(primary.requests())
    assert not [word for word in ("s3cret", "k3y", "sk-primary", "sk-stranger") if word in told]
    assert primary.saw("s3cret")
    assert primary.saw("sk-stranger")


def test_canaries(client: openai.OpenAI, sim: Simulator, primary: SimulatedProvider) -> None:
    """A planted value is found wherever it arrived, and only there."""
    planted = {"path": "canary-in-path", "head": "canary-in-head", "body": 'canary "in" bödy', "form": "canary-in-form"}
    client.models.with_raw_response.list(extra_query={"q": planted["path"]}, extra_headers={"x-a": planted["head"]})
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": planted["body"]}])
    client.files.create(file=("a.txt", planted["form"].encode()), purpose="user_data")
    assert all(primary.saw(text) for text in planted.values())
    assert not any(sim["backup"].saw(text) for text in planted.values())
    assert not primary.saw("canary-nowhere")
    sim.reset()
    assert not any(primary.saw(text) for text in planted.values())


def entry(head: bytes) -> log.Entry:
    return log.Entry(at=0.0, head=parse_head(head), family="chat", key="none", connection=1)


def test_a_log_that_forgot_does_not_say_no(monkeypatch: pytest.MonkeyPatch, primary: SimulatedProvider) -> None:
    """The log is bounded; where something was dropped, "not seen" would be a guess."""
    monkeypatch.setattr(log, "MAX_BYTES", 100)
    monkeypatch.setattr(log, "MAX_REQUESTS", 3)
    kept = log.Log()
    for number in range(3):
        kept.add(entry(b"GET /%d HTTP/1.1" % number))
        kept.carried(kept.entries[-1], b"body %d " % number + b"x" * 40)
    assert [kept.saw(text) for text in ("/0", "body 0", "body 1", "body 2")] == [True, None, True, True]
    kept.add(entry(b"GET /3 HTTP/1.1"))
    assert (len(kept.entries), kept.counts["chat"], kept.saw("/0")) == (3, 4, None)

    monkeypatch.setattr(Simulator, "command", lambda *_: None)
    with pytest.raises(SimulatorError, match="cannot be told"):
        primary.saw("x")


def test_a_client_that_leaves(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    primary.fault(Fault.paced(0.01))
    stream = client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
    next(iter(stream))
    stream.close()
    deadline = time.monotonic() + 2
    while (seen := primary.requests()[0]).ended is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 0 < seen.closed_by_client_after < 5_000


def test_requests_at_work_are_seen(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    primary.fault(Fault.paced(0.01))
    stream = client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
    assert primary.requests()[0].ended is None
    assert json.loads(json.dumps(primary.requests()[0].json)) == {"model": "gpt-4o", "messages": ASK, "stream": True}
    stream.close()


def test_counting(client: openai.OpenAI, sim: Simulator, primary: SimulatedProvider) -> None:
    for _ in range(3):
        client.models.list()
    client.moderations.create(input="x")
    assert (primary.count(), primary.count("models"), primary.count("chat")) == (4, 3, 0)
    assert [request.family for request in primary.requests("models")] == ["models"] * 3
    assert len({request.connection for request in primary.requests()}) == 1
    sim.reset()
    assert (primary.count(), primary.requests(), primary.connections) == (0, [], 0)
