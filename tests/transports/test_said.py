"""What is read off a request, and what of it is remembered."""

from __future__ import annotations

import gc
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from resilient_ai._context import NO_OPTIONS, Options
from resilient_ai._keying import Keying
from resilient_ai._runtime.sync import drive
from resilient_ai.transports import _key, _said
from resilient_ai.transports._flavour import fields, flavour_named
from resilient_ai.transports._place import Place, place_of
from resilient_ai.transports._request import Prepared, prepare, refilled
from resilient_ai.transports._said import DIGESTED, digest_of

WIRE: Any = SimpleNamespace(giver=None)
OPENAI = "https://api.openai.com/v1/"
BODIES = [
    b"",
    b"{}",
    b"[]",
    b"no json",
    b'{"model": "m", "messages": []}',
    b'{"messages": [], "model": "m", "stream": true}',
    b'{"model": "m", "store": true}',
    b'{"model": "m", "previous_response_id": "resp_1"}',
    b'{"model": "m", "tools": [{"type": "mcp"}], "input": "hi"}',
    b'{"model": "m", "input": "' + b"x" * DIGESTED + b'"}',
]
CACHED = ["chat/completions", "responses", "embeddings", "images/generations"]
PATHS = [*CACHED, "videos", "files/file_1/content", "no/such/thing"]
JSON = "application/json"
ADDRESSES = [
    "https://api.openai.com/v1/chat/completions",
    "https://api.openai.com:443/v1/chat/completions",
    "http://localhost:8080",
    "http://localhost:8080/",
    "https://[::1]:8443/v1/embeddings",
    "https://[2001:db8::1]/v1/embeddings",
    "https://user:secret@host.example/v1/responses?api-version=1#part",
    "https://b\u00fccher.example/v1/m%C3%B6del/%2Fchat/completions?x=%20",
    "https://host.example/models/a%3Ab:generateContent",
]


def asked(url: str, body: bytes, *, equals: bool, options: Options = NO_OPTIONS, kind: str = JSON) -> Prepared:
    request = httpx.Request("POST", url, content=body, headers={"content-type": kind})
    headers = fields(request.headers)
    return drive(prepare(request, headers, place_of(request, headers), WIRE, options, equals=equals))


def remembered() -> str:
    """All that is, written out."""
    return "".join(repr((memo._latest, memo._earlier)) for memo in (_said._latest, _key._latest))


@pytest.mark.parametrize("path", PATHS)
def test_a_body_says_the_same_each_time(path: str) -> None:
    for body in BODIES * 2:
        once, again = (asked(OPENAI + path, body, equals=equals) for equals in (False, True))
        assert (again.facts, again.streams) == (once.facts, once.streams)
        assert once.digest is None
        looked_for = path in CACHED and 0 < len(body) <= DIGESTED
        assert (again.digest is not None) == looked_for


def test_the_same_body_says_another_thing_elsewhere() -> None:
    """`store` leaves a chat behind, and nothing of a vector; a path may name the model."""
    body = b'{"model": "m", "store": true}'
    chat, vector = (asked(OPENAI + path, body, equals=True).facts for path in ("chat/completions", "embeddings"))
    assert (chat.operation.name, vector.operation.name) == ("CREATING", "STATELESS")
    google = "https://generativelanguage.googleapis.com/v1beta/models/"
    named = [asked(f"{google}{name}:generateContent", body, equals=True).facts.model for name in ("a", "b")]
    assert named == ["a", "b"]


def test_no_prompt_is_remembered() -> None:
    """Nor a part of one: what is kept of a body is its digest, its model and the ids that it names."""
    request = asked(OPENAI + "chat/completions", b'{"model": "m", "messages": "canary-7261"}', equals=True)
    assert _key.cache_key(request, Keying(salt=b"s")) is not None
    del request
    seen, todo = set[int](), list[Any]([_said._latest, _key._latest])
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, type) or callable(one):
            continue
        seen.add(id(one))
        assert "canary" not in repr(one)
        todo += gc.get_referents(one)
    assert len(seen) > 10


@pytest.mark.parametrize(
    "words",
    [
        {"model": "canary-1 " + "words of a patient " * 100},
        {"model": "m", "input": [{"role": "user", "file_id": "canary-2 " + "y" * 2000}]},
    ],
)
def test_no_text_is_remembered_for_a_model_or_an_id(words: dict[str, Any]) -> None:
    body = json.dumps(words).encode()
    facts = [asked(OPENAI + "responses", body, equals=equals).facts for equals in (False, True, True)]
    assert "canary" in f"{facts[0].model} {facts[0].ids}"
    assert facts[1:] == facts[:1] * 2
    assert "canary" not in remembered()


@pytest.mark.parametrize(
    ("path", "options"), [("no/such/thing", NO_OPTIONS), ("chat/completions", replace(NO_OPTIONS, cache="no-store"))]
)
def test_nothing_is_remembered_that_is_not_looked_for(path: str, options: Options) -> None:
    assert asked(OPENAI + path, b'{"model": "canary-3"}', equals=True, options=options).facts.model == "canary-3"
    assert "canary" not in remembered()


def test_a_form_s_type_with_json_in_it_asks_for_a_stream_too() -> None:
    """What a program calls its body changes nothing of what is in it."""
    assert asked(OPENAI + "chat/completions", b'{"stream": true}', equals=True, kind="multipart/mixed").streams


def test_what_is_kept_of_requests_is_bounded() -> None:
    for number in range(5000):
        request = asked(OPENAI + "chat/completions", b'{"model": "m", "n": %d}' % number, equals=True)
        assert _key.cache_key(request, Keying(salt=b"s")) is not None
    for memo in (_said._latest, _key._latest):
        assert len(memo._latest) + len(memo._earlier) <= 1024


def test_another_body_has_not_the_digest_of_the_first() -> None:
    """A request that is filled anew, to go on with an answer, would else have the first one's key."""
    first = asked(OPENAI + "chat/completions", b'{"model": "m"}', equals=True)
    again = refilled(first, b'{"model": "m", "messages": []}', flavour_named("httpx"))
    assert first.digest is not None
    assert (again.digest, again.place, again.facts) == (None, first.place, first.facts)


def test_every_digest_is_another_one() -> None:
    assert len({digest_of(body) for body in BODIES}) == len(BODIES)  # the large one has none, alone


@pytest.mark.parametrize("flavour", ["httpx", "httpx2"])
@pytest.mark.parametrize("url", ADDRESSES)
def test_a_place_is_what_the_url_says(flavour: str, url: str) -> None:
    """The parts of a URL stand where we look, in both packages."""
    module: Any = pytest.importorskip(flavour)
    request = module.Request("GET", url)
    place = place_of(request, fields(request.headers))
    assert place.host == request.url.netloc.decode()
    assert place.scheme == request.url.scheme
    assert place.path.encode() == request.url.raw_path.partition(b"?")[0]
    assert place.endpoint == place.dialect.endpoint("GET", request.url.path)


def test_equal_places_are_one() -> None:
    def place(url: str, **headers: str) -> Place:
        request = httpx.Request("POST", url, headers=headers)
        return place_of(request, fields(request.headers))

    first = place("https://a.example/v1/responses?x=1", tag="one")
    assert place("https://user:secret@a.example/v1/responses?x=2", tag="two") is first
    assert place("https://a.example/v1/responses", other="one") is not first
    assert place("http://a.example/v1/responses", tag="one") is not first
