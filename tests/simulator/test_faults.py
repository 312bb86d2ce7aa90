"""Each fault once: what the bytes on the socket are, and what the real SDK makes of them."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx
import openai
import pytest

from resilient_ai.testing import Fault

from .conftest import chat_request, read_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from resilient_ai.testing import SimulatedProvider, Simulator

    Raw = Callable[[bytes], bytes]

BODY = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}'
CALL = chat_request(BODY)
STREAM = chat_request(BODY[:-1] + b',"stream":true}')


def ask(client: openai.OpenAI) -> str:
    answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])
    return answer.choices[0].message.content


def tokens(client: openai.OpenAI) -> list[str]:
    """A stream's tokens, as far as it gets; an error is the last."""
    got = []
    try:
        for chunk in client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "hello"}], stream=True
        ):
            got += [choice.delta.content for choice in chunk.choices if choice.delta.content]
    except (openai.APIError, httpx.HTTPError, ValueError) as error:
        got.append(type(error).__name__)
    return got


def test_status(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    primary.fault(Fault.status(503), family="chat")
    with pytest.raises(openai.InternalServerError) as failed:
        ask(client)
    assert failed.value.code == "server_is_overloaded"
    assert client.models.list().data  # the neighbour is well
    primary.fault(Fault.status(418, body="teapot", headers={"x-kind": "tea"}), family="chat")  # replaces the 503
    with pytest.raises(openai.APIStatusError) as failed:
        ask(client)
    assert (failed.value.status_code, failed.value.response.text) == (418, "teapot")
    assert failed.value.response.headers["x-kind"] == "tea"
    primary.heal()
    assert ask(client)
    assert [(r.status, r.fault) for r in primary.requests("chat")] == [(503, "status"), (418, "status"), (200, None)]


def test_share_after_and_count(client: openai.OpenAI, sim: Simulator, primary: SimulatedProvider) -> None:
    def statuses(fault: Fault, calls: int) -> list[int | None]:
        primary.fault(fault)
        for _ in range(calls):
            with contextlib.suppress(openai.APIError):
                client.models.list()
        return [request.status for request in primary.requests()][-calls:]

    assert statuses(Fault.status(500, after=2, count=2), 6) == [200, 200, 500, 500, 200, 200]
    sim.reset()
    some = statuses(Fault.status(500, share=0.5), 60)
    assert 15 < some.count(500) < 45
    sim.reset()
    assert statuses(Fault.status(500, share=0.5), 60) == some  # the same seed, the same luck
    assert statuses(Fault.status(500, share=0), 3) == [200] * 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("fault", [Fault.status(500, made=True), Fault.reset(made=True), Fault.blackhole(made=True)])
def test_made_though_it_failed(client: openai.OpenAI, primary: SimulatedProvider, fault: Fault) -> None:
    """The case a creating call must never be repeated for: the error came, and the video exists."""
    primary.fault(fault, family="videos")
    with pytest.raises(openai.APIError):
        client.with_options(timeout=0.2).videos.create(prompt="x")
    primary.fault(Fault.status(500), family="videos")
    with pytest.raises(openai.InternalServerError):
        client.videos.create(prompt="x")
    assert len(primary.created("videos")) == 1
    assert [request.made for request in primary.requests("videos")] == [*primary.created("videos"), None]


def test_refused(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    """Also connections that were open are gone, and the port is the same afterwards."""
    ask(client)
    primary.fault(Fault.refused())
    for _ in range(2):
        with pytest.raises(openai.APIConnectionError) as failed:
            ask(client)
        assert "refused" in str(failed.value.__cause__)
    primary.heal()
    assert ask(client)
    assert primary.count() == 2


def test_a_fault_is_in_force_when_it_is_set(primary: SimulatedProvider) -> None:
    """Nothing to wait for: the open connection is reset by the time the command returns."""
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", primary.port), timeout=5) as connection:
            connection.sendall(CALL.replace(b"connection: close\r\n", b""))
            while not connection.recv(65536).endswith(b"}"):
                pass
            primary.fault(Fault.refused())
            connection.setblocking(False)
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
            primary.heal()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a full accept queue is not silent")
def test_mute_connect(primary: SimulatedProvider) -> None:
    primary.fault(Fault.mute_connect())
    with pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", primary.port), timeout=0.3)
    primary.heal()
    socket.create_connection(("127.0.0.1", primary.port), timeout=0.3).close()


def test_blackhole(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    primary.fault(Fault.blackhole())
    with pytest.raises(openai.APITimeoutError) as failed:
        ask(client.with_options(timeout=0.2))
    assert isinstance(failed.value.__cause__, httpx.ReadTimeout) or "ReadTimeout" in repr(failed.value.__cause__)
    seen = wait_for_end(primary)
    assert (seen.status, seen.closed_by_client_after) == (None, 0)


def wait_for_end(primary: SimulatedProvider):
    for _ in range(100):
        seen = primary.requests()[-1]
        if seen.ended is not None:
            return seen
        time.sleep(0.01)
    raise AssertionError("the request never ended")


def test_a_connection_kept_alive_is_closed(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    ask(client)
    before = primary.connections
    ask(client)
    assert primary.connections == before
    assert primary.close_idle() == 1
    with contextlib.suppress(openai.APIConnectionError):  # httpx may find out only by sending
        ask(client)
    ask(client)
    assert primary.connections == before + 1


def test_reset_before_the_headers(raw: Raw, primary: SimulatedProvider) -> None:
    primary.fault(Fault.reset())
    with pytest.raises(ConnectionResetError):
        raw(CALL)
    assert primary.requests()[0].status is None


def test_rate_limited(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    primary.fault(Fault.rate_limited(retry_after=7))
    with pytest.raises(openai.RateLimitError) as failed:
        ask(client)
    assert (failed.value.code, failed.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "7")
    primary.fault(Fault.rate_limited(retry_after=None))
    with pytest.raises(openai.RateLimitError) as failed:
        ask(client)
    assert "retry-after" not in failed.value.response.headers


def test_an_answer_that_nobody_waited_for_was_not_given(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    primary.fault(Fault.slow(5))
    with pytest.raises(openai.APITimeoutError):
        ask(client.with_options(timeout=0.1))
    seen = wait_for_end(primary)
    assert (seen.status, seen.fault, seen.closed_by_client_after) == (None, "slow", 0)


def test_slow(raw: Raw, primary: SimulatedProvider) -> None:
    primary.fault(Fault.slow(0.15))
    begun = time.monotonic()
    assert raw(CALL).startswith(b"HTTP/1.1 200")
    assert time.monotonic() - begun >= 0.15


@pytest.mark.parametrize("call", [CALL, STREAM])
def test_slow_first_token(primary: SimulatedProvider, call: bytes) -> None:
    """Headers, and what opens a stream, come at once."""
    primary.fault(Fault.slow_first_token(0.2))
    with socket.create_connection(("127.0.0.1", primary.port), timeout=5) as connection:
        connection.sendall(call)
        begun = time.monotonic()
        first = connection.recv(65536)
        assert first.startswith(b"HTTP/1.1 200")
        assert b'"content":"' not in first.replace(b'"content":""', b"")
        assert b"content" in read_all(connection)
        assert time.monotonic() - begun >= 0.19


def test_drip(primary: SimulatedProvider) -> None:
    """One byte at a time, and never the whole: the deadline must end it (promise 6)."""
    for fault in (Fault.drip(0.02), Fault.drip_body(0.02)):
        primary.fault(fault)
        with socket.create_connection(("127.0.0.1", primary.port), timeout=5) as connection:
            connection.sendall(CALL)
            if fault.kind == "drip_body":
                assert connection.recv(65536).count(b"\r\n\r\n") == 1
            pieces = [connection.recv(100) for _ in range(5)]
        assert sum(map(len, pieces)) < 30  # a few at once only if this machine slept
    assert wait_for_end(primary).closed_by_client_after > 100


def test_paced(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    primary.fault(Fault.paced(0.002))
    times = []
    for _ in client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "hello"}], stream=True
    ):
        times.append(time.monotonic())
    assert times[-1] - times[0] >= 0.1


@pytest.mark.parametrize(
    ("fault", "last"),
    [
        (Fault.truncated(after_tokens=3), "APIConnectionError"),
        (Fault.truncated_clean(after_tokens=3), None),  # the SDK takes it for a finished answer
        (Fault.stalled(after_tokens=3), "APITimeoutError"),
        (Fault.malformed_json(after_tokens=3), "JSONDecodeError"),
        (Fault.error_in_stream(after_tokens=3, code="overloaded"), "APIError"),
    ],
)
def test_streams_that_break(client: openai.OpenAI, primary: SimulatedProvider, fault: Fault, last: str | None) -> None:
    whole = tokens(client)
    primary.fault(fault)
    got = tokens(client.with_options(timeout=0.3))
    older = {"APIConnectionError": "RemoteProtocolError", "APITimeoutError": "ReadTimeout"}  # openai 2: httpx's own
    assert got in (whole[:3] + ([name] if name else []) for name in (last, older.get(last, last)))


@pytest.mark.parametrize(
    ("fault", "tokens"),
    [(Fault.truncated(after_tokens=0), 0), (Fault.truncated_clean(after_tokens=1000), 60)],
    ids=["before the first token", "after the last"],
)
def test_where_streams_break(raw: Raw, primary: SimulatedProvider, fault: Fault, tokens: int) -> None:
    """What opens the stream has gone out, what closes it never does."""
    primary.fault(fault)
    got = raw(STREAM)
    assert b'"role":"assistant"' in got
    assert got.count(b'"delta":{"content":') == tokens
    assert b'"finish_reason":"stop"' not in got
    assert b"[DONE]" not in got
    assert got.endswith(b"0\r\n\r\n") == (fault.kind == "truncated_clean")


def test_error_in_a_responses_stream(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    primary.fault(Fault.error_in_stream(after_tokens=2, code="server_error"), family="responses")
    *_, delta, last = client.responses.create(model="gpt-4o", input="x", stream=True)
    assert delta.type == "response.output_text.delta"
    assert (last.type, last.code, last.sequence_number) == ("error", "server_error", delta.sequence_number + 1)


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        (Fault.truncated(), lambda head, body: int(head["content-length"]) > len(body)),
        (Fault.truncated_clean(), lambda head, body: int(head["content-length"]) == len(body) and body[-1:] != b"}"),
        (Fault.malformed_json(), lambda head, body: int(head["content-length"]) == len(body) and body[-1:] != b"}"),
        (Fault.stalled(), lambda head, body: int(head["content-length"]) > len(body) > 0),
        (Fault.error_in_stream(), lambda head, body: head["status"] == "200" and b'{"error":' in body),
        (Fault.wrong_length(), lambda head, body: int(head["content-length"]) == len(body) + 10),
        (Fault.html(502), lambda head, body: head["status"] == "502" and b"<html>" in body),
        (Fault.redirect("http://elsewhere/"), lambda head, body: head["location"] == "http://elsewhere/"),
        (Fault.set_cookie("a=b"), lambda head, body: head["set-cookie"] == "a=b" and body[-1:] == b"}"),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_bodies_that_break(
    raw: Raw, primary: SimulatedProvider, fault: Fault, check: Callable[[dict[str, str], bytes], bool]
) -> None:
    primary.fault(fault)
    top, _, body = raw(CALL).partition(b"\r\n\r\n")
    status, *lines = top.decode().split("\r\n")
    head = dict(line.split(": ", 1) for line in lines) | {"status": status.split(" ")[1]}
    assert check(head, body), (head, body)
    assert primary.requests()[0].fault == fault.kind


def test_a_familys_own_fault_is_tried_first(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    primary.fault(Fault.status(500))
    primary.fault(Fault.status(502), family="chat")
    with pytest.raises(openai.InternalServerError, match="502"):
        ask(client)
    with pytest.raises(openai.InternalServerError, match="500"):
        client.models.list()


def test_a_reset_cuts_loose_what_hangs(raw: Raw, sim: Simulator, primary: SimulatedProvider) -> None:
    primary.fault(Fault.blackhole())
    ended = []

    def hang() -> None:
        with socket.create_connection(("127.0.0.1", primary.port), timeout=5) as connection:
            connection.sendall(CALL)
            try:
                ended.append(connection.recv(10))
            except ConnectionResetError as error:
                ended.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    while not primary.count():
        time.sleep(0.01)
    sim.reset()
    thread.join(2)
    assert ended
    assert primary.requests() == []
    assert raw(CALL).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Fault.status(503, share=50),
        lambda: Fault.status(99),
        lambda: Fault.slow(-1),
        lambda: Fault.slow(float("nan")),
        lambda: Fault.status(500, after=-1),
        lambda: Fault(kind="refused", share=0.5),
    ],
)
def test_wrong_faults_are_told_at_once(wrong: Callable[[], Fault]) -> None:
    with pytest.raises(ValueError):
        wrong()


def test_wrong_families_are_told_at_once(primary: SimulatedProvider) -> None:
    with pytest.raises(ValueError, match="no such family"):
        primary.fault(Fault.status(500), family="imagse")
    with pytest.raises(ValueError, match="whole provider"):
        primary.fault(Fault.refused(), family="chat")
