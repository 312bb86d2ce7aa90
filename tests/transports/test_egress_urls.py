"""The host that is looked at is the host that is connected to, however a URL is written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai import Target
from resilient_ai._egress import Bound, Rule, places_of
from resilient_ai.transports._direct import direct
from resilient_ai.transports._egress import barred
from resilient_ai.transports._flavour import flavour_named
from tests.transports.sides import FLAVOURS

ALLOWED = {("eu.example", 443), ("eu.example", 80), ("::1", 443), ("::1", 80), ("xn--bcher-kva.example", 443)}
HOSTS = ("eu.example:443", "eu.example:80", "[::1]:443", "[::1]:80", "xn--bcher-kva.example:443")
RULE = Rule(Bound((), (HOSTS,)), (), lambda _: ())

URLS = [
    "https://eu.example/", "https://EU.EXAMPLE", "https://eu.example:443/x", "http://eu.example:80", "https://eu.example.",
    "https://eu.example:8443", "https://eu.example@us.example/", "https://us.example/@eu.example",
    "https://eu.example:443@us.example/", "https://us.example?@eu.example", "https://us.example#@eu.example",
    "https://eu.example%2eus.example/", "https://us.example/https://eu.example/", "https://eu.example.us.example",
    "https://us.example:80@eu.example/", "https://x:y@eu.example/", "https://[::1]/", "https://[::1]:8443/",
    "https://[::2]/", "https://bücher.example/", "https://us.example\\@eu.example/", "https://eu.example\\@us.example/",
    "https://eu.example;us.example/", "https://eu.example,us.example/", "https://eu。example/", "https://\uff45u.example/",
]  # fmt: skip


def _connected_to(flavour: Any, url: Any) -> tuple[str, int]:
    """Where the pool would connect to: as httpx hands it over, and as we do."""
    transport = flavour.module.HTTPTransport(verify=False)
    way = direct(transport, flavour, "handle_request")
    assert way is not None
    there = way.request(flavour.Request("GET", url)).url
    assert there.host == url.raw_host
    return there.host.decode(), there.port or {b"http": 80, b"https": 443}[there.scheme]


def _agrees(flavour: Any, text: str) -> None:
    try:
        url = flavour.module.URL(text)
    except (flavour.module.InvalidURL, ValueError):
        return
    if url.scheme not in ("http", "https") or not url.host:
        return
    host, port = _connected_to(flavour, url)
    assert (barred(RULE, url) is None) == ((host.removesuffix("."), port) in ALLOWED), text


@pytest.mark.parametrize("name", FLAVOURS)
@pytest.mark.parametrize("text", URLS)
def test_what_is_looked_at_is_what_is_connected_to(name: str, text: str) -> None:
    _agrees(flavour_named(name), text)


PIECES = st.sampled_from(
    ["eu.example", "us.example", "[::1]", "@", ":", "/", "\\", "?", "#", "%2e", ".", "443", "80", "x"]
)


@pytest.mark.parametrize("name", FLAVOURS)
@given(scheme=st.sampled_from(["http", "https"]), pieces=st.lists(PIECES, min_size=1, max_size=7))
def test_of_any_url_that_can_be_made_up(name: str, scheme: str, pieces: list[str]) -> None:
    _agrees(flavour_named(name), f"{scheme}://{''.join(pieces)}")


@pytest.mark.parametrize("name", FLAVOURS)
def test_a_target_s_host_is_read_as_its_requests_are(name: str) -> None:
    """Its region is known where its requests go, in letters of any script."""
    for base in (
        "https://bücher.example/v1",
        "https://EU.example/v1",
        "http://[::1]:8080/v1",
        "https://eu.example:443",
    ):
        places = places_of(None, [Target("there:*", base_url=base, region="eu")])
        rule = Rule(Bound(("eu",)), places, lambda _: ())
        assert barred(rule, flavour_named(name).module.URL(base)) is None
