"""The way past an httpx transport: the same bytes on the wire, the same errors, and no check that is lost."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resilient_ai.transports import _private
from resilient_ai.transports._direct import ERRORS, checked, direct
from resilient_ai.transports._flavour import flavour_named
from resilient_ai.transports._pool import owned
from tests.transports.sides import FLAVOURS

METHODS = {"HTTPTransport": "handle_request", "AsyncHTTPTransport": "handle_async_request"}
flavours = pytest.mark.parametrize("name", FLAVOURS)
kinds = pytest.mark.parametrize("kind", METHODS)


def as_h11_has_them(headers: Any) -> list[tuple[bytes, bytes, bytes]] | None:
    """The header lines once h11 has checked them itself; None if it refuses."""
    try:
        request = h11.Request(method="POST", target="/", headers=[*headers.raw, (b"host", b"a")])
    except h11.LocalProtocolError:
        return None
    return [(raw, raw.lower(), value) for raw, value in request.headers.raw_items()][:-1]


@flavours
def test_h11_takes_checked_headers_as_they_are(name: str) -> None:
    """The contract: a request given h11's own kind of headers neither checks nor changes them."""
    headers = flavour_named(name).module.Headers({"Host": "a", "X-One": "1", "Content-Length": "3"})
    ready = checked(headers)
    assert type(ready) is _private.H11_HEADERS
    request = h11.Request(method="POST", target="/", headers=ready)
    assert request.headers.raw_items() == [(raw, value) for raw, value in headers.raw]


names = st.text(alphabet="aZ-_09 :\r\n\x00é", min_size=1, max_size=4)
values = st.text(alphabet="aZ09 \t:;\r\n\x00\x7f\x1fé", max_size=6)


@given(st.lists(st.tuples(names, values), max_size=3))
@example([("X-One", "1\r\nX-Two: 2")])
@example([("X-One\r\nX-Two", "1")])
@example([("X-One", "1\nX-Two:2")])
@example([("X-One", "1\nX-Two\x002")])
@example([("X-One:1\nX-Two", "2")])
@example([("X-One:", "")])
@example([("X-One:1", "2")])
@example([("X", " 1")])
@example([("X", "")])
@example([("Content-Length", "1"), ("Content-Length", "2")])
@example([("Content-Length", "+1")])
@example([("Transfer-Encoding", "gzip")])
def test_no_header_gets_past_that_h11_would_refuse_or_change(lines: list[tuple[str, str]]) -> None:
    """No line break, and nothing else that h11 knows better, goes out unchecked (header injection)."""
    headers = flavour_named("httpx").module.Headers([(n.encode(), v.encode()) for n, v in lines])
    ready = checked(headers)
    if type(ready) is not list:
        expected = as_h11_has_them(headers)
        assert expected is not None, "h11 refuses what we let pass"
        assert ready.raw_items() == [(raw, value) for raw, _, value in expected]


@flavours
@kinds
def test_the_pieces_are_where_we_look(name: str, kind: str) -> None:
    transport = getattr(importlib.import_module(name), kind)()
    way = direct(owned(transport), flavour_named(name), METHODS[kind])
    assert way is not None
    assert way.stands
    core = sys.modules[name.replace("x", "core", 1)]
    assert all(issubclass(getattr(core, error), Exception) for error in ERRORS)


@flavours
@kinds
def test_a_subclass_with_a_way_of_its_own_is_not_passed_by(name: str, kind: str) -> None:
    base: Any = getattr(importlib.import_module(name), kind)
    traced: Any = type("Traced", (base,), {METHODS[kind]: lambda self, request: None})
    plain: Any = type("Plain", (base,), {})
    assert direct(traced(), flavour_named(name), METHODS[kind]) is None
    assert direct(plain(), flavour_named(name), METHODS[kind]) is not None


@flavours
@kinds
def test_one_patched_later_is_no_longer_passed_by(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tracing tools do it."""
    base: Any = getattr(importlib.import_module(name), kind)
    way = direct(base(), flavour_named(name), METHODS[kind])
    assert way is not None
    monkeypatch.setattr(base, METHODS[kind], lambda self, request: None)
    assert not way.stands


@flavours
def test_a_response_is_as_httpx_makes_it(name: str) -> None:
    """Headers are put in place as they came; what is not ASCII is left to httpx's own guess."""
    flavour = flavour_named(name)
    core = sys.modules.get(name.replace("x", "core", 1)) or importlib.import_module(name.replace("x", "core", 1))
    way = direct(owned(flavour.module.HTTPTransport()), flavour, "handle_request")
    assert way is not None
    for value in (b"plain", "caf\u00e9".encode(), "caf\u00e9".encode("latin-1")):
        lines = [(b"X-One", value), (b"Content-Type", b"text/plain"), (b"x-one", b"2")]
        made = way.response(core.Response(200, headers=lines, content=b"x"))
        plain = flavour.Response(200, headers=lines)
        assert made.headers.raw == plain.headers.raw
        assert made.headers.encoding == plain.headers.encoding
        assert made.headers["x-one"] == plain.headers["x-one"]


@flavours
def test_the_connection_s_stream_is_inside_the_pool_s(name: str) -> None:
    """The contract: what is passed by between a connection and its response only hands chunks on."""
    module = importlib.import_module(f"{name.replace('x', 'core', 1)}._sync.connection_pool")
    pooled = module.PoolByteStream([b"a", b"b"], None, None)
    assert list(getattr(pooled, _private.POOL_STREAM)) == list(pooled) == [b"a", b"b"]
