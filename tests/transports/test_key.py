"""The key of a request in a cache: equal for equal requests, and for no others."""

from __future__ import annotations

import json
import os
import random
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from resilient_ai._keying import Keying
from resilient_ai._runtime.sync import drive
from resilient_ai.transports._flavour import fields
from resilient_ai.transports._key import CANONICAL, cache_key
from resilient_ai.transports._options import options_of
from resilient_ai.transports._place import place_of
from resilient_ai.transports._request import Prepared, prepare
from resilient_ai.transports._said import digest_of

URL = "https://api.example.com/v1/chat/completions"
WIRE: Any = SimpleNamespace(giver=None)
ATOMS: list[Any] = [
    0,
    1,
    -1,
    10**30,
    1.0,
    0.5,
    -0.0,
    1e300,
    True,
    False,
    None,
    "",
    "a",
    "1",
    "é",
    "\ud83d",
    "😀",
    '"\\\n',
    [],
    {},
]
NAMES = ["a", "b", "role", "é", ""]


def prepared(body: bytes = b"{}", url: str = URL, **headers: str) -> Prepared:
    named = {"authorization": "Bearer sk-one"} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = httpx.Request("POST", url, headers={"content-type": "application/json"} | named, content=body)
    return ready(request)


def ready(request: httpx.Request) -> Prepared:
    headers = fields(request.headers)
    place = place_of(request, headers)
    return drive(prepare(request, headers, place, WIRE, options_of(request, headers, place)))


PLAIN = prepared()


def key_of(body: bytes) -> str | None:
    return keyed(PLAIN._replace(body=body))


def keyed(request: Prepared, **said: Any) -> str | None:
    keying = Keying(salt=b"salt", **said)
    found = cache_key(request, keying)
    if request.body and not request.multipart:
        remembered = request._replace(digest=digest_of(request.body))
        assert cache_key(remembered, keying) == cache_key(remembered, keying) == found
    return None if found is None else found.key


def value(dice: random.Random, depth: int) -> Any:
    kind = dice.random()
    if depth == 0 or kind < 0.4:
        return dice.choice(ATOMS)
    if kind < 0.6:
        return [value(dice, depth - 1) for _ in range(dice.randrange(3))]
    return {dice.choice(NAMES): value(dice, depth - 1) for _ in range(dice.randrange(4))}


def shuffled(dice: random.Random, item: Any) -> Any:
    """The same value, its members in another order."""
    if isinstance(item, list):
        items: list[Any] = item  # pyright: ignore[reportUnknownVariableType]  # of JSON
        return [shuffled(dice, one) for one in items]
    if isinstance(item, dict):
        members = [(name, shuffled(dice, one)) for name, one in cast("dict[str, Any]", item).items()]
        dice.shuffle(members)
        return dict(members)
    return item


def written(dice: random.Random, item: Any) -> bytes:
    """The value as some program may write it."""
    separators, ascii_only = dice.choice([(",", ":"), (", ", ": "), (" ,\n", "\t:")]), dice.random() < 0.5
    text = json.dumps(item, separators=separators, ensure_ascii=ascii_only)
    if not text.isascii() and "\ud83d" in text:
        text = json.dumps(item, separators=separators)
    return (dice.choice(["", " ", "\r\n"]) + text + dice.choice(["", "\n"])).encode()


def canonical(body: bytes) -> str:
    return json.dumps(json.loads(body), sort_keys=True)


def test_equal_keys_are_equal_canonical_requests() -> None:
    """Promise 27: 10⁵ random pairs, half of them one value written in two ways, the others mostly near misses."""
    dice = random.Random(27)
    same = 0
    pairs = 100_000 * (10 if os.environ.get("SOAK") else 1)
    for _ in range(pairs):
        one = value(dice, 3)
        other = shuffled(dice, one) if dice.random() < 0.5 else value(dice, 3)
        first, second = written(dice, one), written(dice, other)
        equal = canonical(first) == canonical(second)
        same += equal
        assert (key_of(first) == key_of(second)) is equal, (first, second)
    assert pairs * 0.5 < same < pairs * 0.8


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":1}', b'{"a":1.0}'),
        (b'{"a":1}', b'{"a":true}'),
        (b'{"a":0.0}', b'{"a":-0.0}'),
        (b'{"a":[["b",1]]}', b'{"a":{"b":1}}'),
        (b'{"a":[]}', b'{"a":{}}'),
        (b'{"a":1,"a":2}', b'{"a":2,"a":1}'),  # of which one counts is the server's to say
        (b'{"a":1} x', b'{"a":1}'),
        (b"\xc2\xa0{}", b"{}"),
        (b"\xff{}", b"{}"),
        (b"[" * 8000, b"[" * 8001),
        (b"[" * 5000 + b"]" * 5000, b"[" * 5001 + b"]" * 5001),
    ],
)
def test_what_differs(one: bytes, other: bytes) -> None:
    assert None is not key_of(one) != key_of(other)


def test_above_16_kib_equal_bytes() -> None:
    pad = "x" * CANONICAL
    one, other = (json.dumps(dict(members)).encode() for members in ([("a", 1), ("b", pad)], [("b", pad), ("a", 1)]))
    assert key_of(one) != key_of(other)
    assert key_of(one) == key_of(one)


def test_never_across_keys_tenants_and_hosts() -> None:
    """Promise 27: nor across versions that answer in another form."""
    ways = [
        prepared(),
        prepared(b'{"model":"other"}'),
        prepared(url="https://api.example.org/v1/chat/completions"),
        prepared(url="http://api.example.com/v1/chat/completions"),
        prepared(url="https://api.example.com:8443/v1/chat/completions"),
        prepared(url="https://api.example.com/v2/chat/completions"),
        prepared(url=f"{URL}?api-version=1"),
        prepared(authorization="Bearer sk-two"),
        prepared(openai_organization="org-1"),
        prepared(openai_project="org-1"),
        prepared(openai_beta="a"),
        prepared(anthropic_beta="a"),
        prepared(host="other.example.com"),  # of a gateway that is called by its address
    ]
    spaces = [keyed(ways[0], namespace=space) for space in ("", "a", "key", "a\nPOST")]
    keys = [*(keyed(way) for way in ways), *spaces]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert keyed(ways[0], namespace="a") == keyed(
        ways[7], namespace="a"
    )  # in a namespace of the program's own the key is its own


def test_a_header_given_twice() -> None:
    """Only the last of them is looked at: two requests that differ in the first have no key, rather than one."""
    headers = [("authorization", "Bearer sk-one"), ("x-route", "a"), ("x-route", "b"), ("x-resilient-ai-tag", "c")]
    request = httpx.Request("POST", URL, headers=headers, content=b"{}")
    assert keyed(ready(request)) is None
