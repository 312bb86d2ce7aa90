"""Every parameter of an API counts in a request's key: the lists are the SDKs' own."""

from __future__ import annotations

import json
from typing import Any, get_type_hints

import pytest

from resilient_ai._keying import Keying
from resilient_ai.transports import _key as module
from resilient_ai.transports._key import FORM, cache_key

from .test_key import prepared

CHAT = "https://api.openai.com/v1/chat/completions"
RESPONSES = "https://api.openai.com/v1/responses"
EMBEDDINGS = "https://api.openai.com/v1/embeddings"
MESSAGES = "https://api.anthropic.com/v1/messages"
GENERATE = "https://generativelanguage.googleapis.com/v1beta/models/gemini-pro:generateContent"
KEEPS_ALL = Keying(salt=b"salt", stateful=True)


def names_of(typed: Any) -> list[str]:
    return sorted(get_type_hints(typed))


def chat() -> list[str]:
    from openai.types.chat import completion_create_params as params

    return names_of(params.CompletionCreateParamsStreaming)


def responses() -> list[str]:
    from openai.types.responses import response_create_params as params

    return names_of(params.ResponseCreateParamsStreaming)


def embeddings() -> list[str]:
    from openai.types import EmbeddingCreateParams

    return names_of(EmbeddingCreateParams)


def messages() -> list[str]:
    pytest.importorskip("anthropic")
    from anthropic.types import message_create_params as params

    return names_of(params.MessageCreateParamsStreaming)


def generate() -> list[str]:
    """The fields of the request, and those of its generation config."""
    pytest.importorskip("google.genai")
    from google.genai import types

    fields = types.GenerateContentConfig.model_fields
    return sorted({field.alias or name for name, field in fields.items()} | {"contents"})


def key_of(url: str, body: Any, **headers: str) -> str | None:
    said = {"anthropic_version": "2023-06-01"} if "anthropic" in url else {}
    found = cache_key(prepared(json.dumps(body).encode(), url, **said, **headers), KEEPS_ALL)
    return None if found is None else found.key


def both_of(url: str, body: Any, **headers: str) -> tuple[str, ...]:
    """The keys under which an answer is looked for, the own form's first."""
    said = {"anthropic_version": "2023-06-01"} if "anthropic" in url else {}
    found = cache_key(prepared(json.dumps(body).encode(), url, **said, **headers), KEEPS_ALL)
    assert found is not None
    return found.both


VALUES: list[Any] = ["a", "b", 1, 1.0, True, False, None, [], ["a"], {}, {"type": "function"}, [{"type": "custom"}]]


@pytest.mark.parametrize(
    ("url", "list_of", "least"),
    [(CHAT, chat, 35), (RESPONSES, responses, 25), (EMBEDDINGS, embeddings, 5), (MESSAGES, messages, 15),
     (GENERATE, generate, 25)],
)  # fmt: skip
def test_every_parameter_changed_alone_has_another_key(url: str, list_of: Any, least: int) -> None:
    """Promise 27. What is not kept at all has none."""
    names = list_of()
    assert len(names) >= least
    base = {"model": "m", "input": "hello"}
    keys: dict[str, Any] = {str(key_of(url, base)): ("nothing", None)}
    for name in names:
        if name in FORM:
            continue
        for value in VALUES:
            if base.get(name) == value:
                continue
            key = key_of(url, base | {name: value})
            assert key not in keys, (name, value, keys.get(str(key)))
            if key is not None:
                keys[key] = (name, value)
        assert any(said[0] == name for said in keys.values()), f"{name} is never kept"


@pytest.mark.parametrize("inside", ["generationConfig", "systemInstruction", "toolConfig"])
def test_what_stands_deeper_counts_too(inside: str) -> None:
    """Gemini's config stands in objects of its own, a stream's words there are no form."""
    bodies: list[Any] = [{inside: {name: value}} for name in (*generate(), "stream") for value in ("a", 1)]
    keys = [key_of(GENERATE, {"contents": []} | body) for body in bodies]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(("url", "name"), [(CHAT, "messages"), (RESPONSES, "input"), (MESSAGES, "messages")])
def test_the_form_of_the_answer_is_no_part_of_the_key(url: str, name: str) -> None:
    plain: dict[str, Any] = {"model": "m", name: [], "store": False}
    forms: list[dict[str, Any]] = [
        {"stream": True},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"stream": False},
        {"stream": None},
    ]
    own, other = both_of(url, plain)
    assert [both_of(url, plain | form) for form in forms] == [(other, own)] * 2 + [(own, other)] * 2
    by_header = both_of(url, plain | forms[0], accept="text/event-stream")
    assert by_header == both_of(url, plain, accept="application/json")[::-1]
    deeper: list[Any] = [plain | {"metadata": form} for form in forms]
    assert len({key_of(url, body) for body in (plain, *deeper)}) == 1 + len(deeper)


def test_gemini_s_form_stands_in_its_path() -> None:
    body: Any = {"contents": []}
    streamed = GENERATE.replace(":generate", ":streamGenerate")
    key = key_of(GENERATE, body)
    assert both_of(f"{streamed}?alt=sse", body) == both_of(GENERATE, body)[::-1]
    assert key_of(streamed, body) not in (key, None)  # JSON in pieces: another form, that nobody turns into this one
    assert both_of(f"{streamed}?alt=sse&x=1", body)[1] == key_of(f"{GENERATE}?x=1", body) != key


def test_a_key_in_gemini_s_query_is_a_credential() -> None:
    body: Any = {"contents": []}
    one, other = key_of(f"{GENERATE}?key=one", body), key_of(f"{GENERATE}?key=two", body)
    assert len({one, other, key_of(GENERATE, body)}) == 3
    bodies = prepared(b"{}", f"{GENERATE}?key=one"), prepared(b"{}", f"{GENERATE}?key=two")
    found = [cache_key(request, Keying(namespace="team")) for request in bodies]
    assert found[0] == found[1] is not None


IDLE = ["user-agent", "x-stainless-retry-count", "x-request-id", "traceparent", "x-resilient-ai-tag", "accept-encoding"]
TELLING = [
    "x-portkey-config", "cf-aig-authorization", "accept-language", "x-tenant", "openai-beta", "anthropic-beta",
    "baggage", "x-client-name",
]  # fmt: skip


def test_headers_that_may_choose_an_answer_count() -> None:
    """A gateway may choose the model, or the tenant, by a header of its own."""
    plain = key_of(CHAT, {})
    for name in IDLE:
        assert key_of(CHAT, {}, **{name: "a"}) == plain
    keys = [key_of(CHAT, {}, **{name: value}) for name in TELLING for value in ("a", "b")]
    assert len({plain, *keys}) == 1 + len(keys)


def test_sentry_s_baggage_does_not_count() -> None:
    """It names the trace, another one each time; what else is in there may choose an answer."""
    one, other, tenant = (
        key_of(CHAT, {}, baggage=said)
        for said in ("tenant=a,sentry-trace_id=1", "tenant=a, sentry-trace_id=2,sentry-sampled=true", "tenant=b")
    )
    assert one == other != tenant


def form(boundary: str, *parts: bytes) -> Any:
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), part) for part in parts) + b"--%b--\r\n" % boundary.encode()
    kind = f'multipart/form-data; boundary="{boundary}"'
    return prepared(body, "https://api.openai.com/v1/audio/transcriptions", **{"content-type": kind})


def test_a_form_s_boundary_is_no_part_of_its_key() -> None:
    model = b'Content-Disposition: form-data; name="model"\r\n\r\nwhisper-1'
    sound = b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF'
    one, other = form("aaa", model, sound), form("b0b", model, sound)
    assert cache_key(one, KEEPS_ALL) == cache_key(other, KEEPS_ALL) is not None
    # One part that looks like two, once boundaries are left out, is still one.
    keys = {
        cache_key(each, KEEPS_ALL)
        for each in (one, form("aaa", model + b"\r\n--\r\n" + sound), form("aaa", sound, model))
    }
    assert len(keys) == 3


def test_numbers_count_as_they_are_written() -> None:
    numbers = [b"1", b"1.0", b"1e0", b"1E0", b"100", b"1e2", b"-0", b"0", b"-0.0", b'"1"', b"true"]
    keys = [cache_key(prepared(b'{"temperature":%b}' % number, CHAT), KEEPS_ALL) for number in numbers]
    assert len(set(keys)) == len(numbers)


def test_stores_and_subjects_share_no_key() -> None:
    request = prepared(b"{}", CHAT)
    spaces = [(None, None), ("t7", None), ("t8", None), (None, "t7"), ("t7", "t8"), ("t8", "t7")]
    ways = [Keying(), Keying(b"two"), *(Keying(b"one", namespace, subject) for namespace, subject in spaces)]
    found = [cache_key(request, way) for way in ways]
    assert len({each.key for each in found if each is not None}) == len(ways)
    assert all("t7" not in str(each) and "sk-one" not in str(each) for each in found)


def test_what_is_remembered_is_what_would_be_computed() -> None:
    """All of a key but what the body adds is remembered: the same for equal requests, and for no others."""
    ways = [Keying(b"a"), Keying(b"b"), Keying(b"a", "t7"), Keying(b"a", None, "ann"), Keying(b"a", stateful=True)]
    requests = [
        prepared(body, url, **headers)
        for body in (b'{"n":1}', b'{"n":1,"store":true}', b'{"n": 1}')
        for url in (CHAT, RESPONSES, EMBEDDINGS)
        for headers in ({}, {"authorization": "Bearer sk-two"}, {"x-tenant": "a"}, {"x-tenant": "b"}, {"x-other": "a"})
    ]
    rounds = [[cache_key(request, way) for request in requests for way in ways] for _ in range(4)]
    assert rounds[0] == rounds[1] == rounds[2] == rounds[3]
    module._asked.cache_clear()  # pyright: ignore[reportPrivateUsage]  # as in a new process
    assert [cache_key(request, way) for request in reversed(requests) for way in reversed(ways)] == rounds[0][::-1]
