"""Where calls may go: the decision alone."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai import Egress, Fallback, Pipeline, Target, options
from resilient_ai._context import current
from resilient_ai._egress import Bound, Rule, hosts_of, narrowed, places_of
from resilient_ai.errors import ConfigurationError
from resilient_ai.providers.regions import KNOWN, VERTEX_EU, known_regions

PLACES = (("a.eu", ("eu",)), ("b.de:8443", ("eu", "de")), ("*.us", ("us",)), ("127.0.0.1", ("here",)))


def rule(region: str | None = None, hosts: Any = None, places: Any = PLACES) -> Rule:
    bound = narrowed(None, region, hosts, source="test")
    assert bound is not None
    return Rule(bound, places, known_regions)


@pytest.mark.parametrize(
    ("pattern", "fits", "differs"),
    [
        ("api.eu.example", ["api.eu.example:443", "API.EU.Example:8080", "api.eu.example.:443"], []),
        ("api.eu.example", [], ["x.api.eu.example:443", "api.eu.example.x:443"]),
        ("api.eu.example", [], ["api.eu.example.evil.com:443", "apixeu.example:443", "eu.example:443"]),
        ("API.eu.example:8443", ["api.eu.example:8443"], ["api.eu.example:443"]),
        ("*.internal", ["a.internal:80", "b.a.internal:1"], ["internal:80", "xinternal:80", "a.internal.com:80"]),
        ("*.internal:80", ["a.internal:80"], ["a.internal:81"]),
        ("127.0.0.1", ["127.0.0.1:1", "127.0.0.1:2"], ["127.0.0.11:1", "127.0.0.2:1"]),
        ("[::1]", ["::1:80"], ["::2:80", "1:80"]),
        ("::1", ["::1:80", "::1:81"], []),
        ("[::1]:81", ["::1:81"], ["::1:80"]),
    ],
)
def test_what_a_pattern_fits(pattern: str, fits: list[str], differs: list[str]) -> None:
    asked = rule(hosts=[pattern])
    for place in fits + differs:
        host, _, port = place.rpartition(":")
        assert (asked.bars(host, int(port)) is None) == (place in fits), place


@pytest.mark.parametrize(
    "wrong",
    [
        "", " ", "*", "*.", "*.*", "a.*", "a*.b", "https://a.b", "a.b/v1", "a b", "a..b", ".a", "a:b", "a:0", "a:65536",
        "a:", "[::1", "::1]", "[::1]x", "*.[::1]", "bücher.example", "me@a.b", "[::1]:", None, 5, b"a.b", "a.b,c.d",
    ],
)  # fmt: skip
def test_what_is_no_host_is_told(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="a host is "):
        hosts_of("hosts", [wrong])


@pytest.mark.parametrize("secret", ["https://me:canary@host/v1", "host?key=canary", "me:canary@host"])
def test_a_url_with_a_secret_is_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        Egress(hosts=[secret])
    assert "canary" not in str(told.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": ""},
        {"region": 5},
        {"region": "eu, us"},
        {"region": ["eu"]},
        {"hosts": []},
        {"hosts": "a.b"},
        {"hosts": 5},
        {"regions": ["a.b"]},
        {"regions": {"a.b": ()}},
        {"regions": {"a.b": None}},
        {"regions": {"a/b": "eu"}},
    ],
)
def test_a_wrong_egress_is_told_when_it_is_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Egress(**wrong)
    if "regions" not in wrong:
        with pytest.raises(ConfigurationError), options(**wrong):
            raise AssertionError


def test_a_host_of_which_nobody_said_where_it_is_is_in_no_region() -> None:
    asked = rule("eu")
    assert asked.bars("a.eu", 443) is None
    assert asked.bars("eu.api.openai.com", 443) is None
    assert asked.bars("a.us", 443) == "not in region eu: a.us is in us"
    assert asked.bars("api.openai.com", 443) == "not in region eu: api.openai.com is in no region that is known"
    assert asked.bars("b.de", 443) is not None  # another port is another server
    assert asked.bars("b.de", 8443) is None
    assert rule("de").bars("b.de", 8443) is None
    assert rule("de").bars("a.eu", 443) is not None


def test_what_the_program_says_goes_before_what_a_vendor_says() -> None:
    assert rule("us", places=(("eu.api.openai.com", ("us",)),)).bars("eu.api.openai.com", 443) is None
    assert rule("eu", places=(("eu.api.openai.com", ("us",)),)).bars("eu.api.openai.com", 443) is not None


def test_what_vendors_say() -> None:
    assert known_regions("europe-west3-aiplatform.googleapis.com") == ("eu", "europe-west3")
    assert known_regions("us-east5-aiplatform.googleapis.com") == ("us", "us-east5")
    for outside in ("europe-west2", "europe-west6"):  # London, Zurich
        assert known_regions(f"{outside}-aiplatform.googleapis.com") == (outside,)
    everywhere = "aiplatform.googleapis.com", "evil-europe-west3-aiplatform.googleapis.com", "api.openai.com", ""
    for host in (*everywhere, "eu.api.openai.com.evil.com", "europe-west3-aiplatform.googleapis.com.evil.com"):
        assert known_regions(host) == ()
    assert set(KNOWN.values()) == {"eu", "us"}
    assert all(location.startswith("europe-") for location in VERTEX_EU)


WORDS = st.sampled_from(["eu", "de", "us", "here"])
HOSTS = st.sampled_from(["a.eu", "b.de", "c.us", "127.0.0.1", "d"])
PATTERNS = st.lists(st.sampled_from(["a.eu", "b.de:8443", "*.us", "*.de", "127.0.0.1"]), min_size=1, max_size=3)
BOUNDS = st.tuples(st.none() | WORDS, st.none() | PATTERNS)


@given(outer=BOUNDS, inner=BOUNDS, host=HOSTS, port=st.sampled_from([443, 8443]))
def test_an_inner_word_only_narrows(outer: Any, inner: Any, host: str, port: int) -> None:
    """Whatever is said inside, nothing is allowed that is not allowed outside; and all that both allow is."""
    first = narrowed(None, *outer, source="test")
    both = narrowed(first, *inner, source="test")

    def allowed(bound: Bound | None) -> bool:
        return bound is None or Rule(bound, PLACES, known_regions).bars(host, port) is None

    assert allowed(both) == (allowed(first) and allowed(narrowed(None, *inner, source="test")))


def test_a_block_narrows_and_ends() -> None:
    with options(region="eu"):
        with options(region="EU", hosts=["a.eu"]), options(tag="x"):
            assert current.get().bound == Bound(("eu",), (("a.eu",),))
        with options(region="us"):
            assert current.get().bound == Bound(("eu", "us"), ())
        assert current.get().bound == Bound(("eu",), ())
    assert current.get().bound is None


def test_equal_rules_have_one_name_and_others_another() -> None:
    names = [
        rule("eu").name,
        rule("us").name,
        rule(hosts=["a.eu"]).name,
        rule("eu", ["a.eu"]).name,
        rule("eu", places=()).name,
    ]
    assert len(set(names)) == len(names)
    assert rule("eu").name == rule(" EU ").name


WEST = Target("west:*", base_url="https://west.example/v1", region="us")


def test_targets_say_where_their_hosts_are() -> None:
    north = Target("north:*", base_url="http://north.example:8080/v1", region=("EU", "se"))
    assert north.region == ("eu", "se")
    places = places_of(Egress(regions={"*.internal": "eu"}), [WEST, north])
    assert [words for _, words in places] == [("eu",), ("us",), ("eu", "se")]
    assert rule("us", places=places).bars("west.example", 443) is None
    assert rule("us", places=places).bars("west.example", 80) is not None
    assert rule("se", places=places).bars("north.example", 8080) is None


@pytest.mark.parametrize("other", [Egress(regions={"*.example": "eu"}), None])
def test_one_host_in_two_regions_is_told(other: Egress | None) -> None:
    targets = [WEST] if other is not None else [WEST, Target("east:*", base_url="https://west.example/b", region="eu")]
    with pytest.raises(ConfigurationError, match="said to be in"):
        Pipeline(Fallback(targets), egress=other)


def test_a_region_is_part_of_what_a_target_is() -> None:
    plain = Target("west:*", base_url="https://west.example/v1")
    assert plain.identity != WEST.identity
    assert Pipeline(Fallback([plain])).fingerprint != Pipeline(Fallback([WEST])).fingerprint
    assert pickle.loads(pickle.dumps(WEST)) == WEST == copy.copy(WEST)
    with pytest.raises(ConfigurationError, match="west:\\*: region"):
        Target("west:*", region="")


def test_a_pipeline_keeps_its_egress() -> None:
    egress = Egress(region="eu", hosts=["*.eu"], regions={"*.eu": "eu"})
    assert egress == Egress(region="EU", hosts=("*.EU",), regions={"*.eu": ("eu",)})
    assert pickle.loads(pickle.dumps(egress)) == egress
    one, other = Pipeline.default(egress=egress), Pipeline.default()
    assert one.fingerprint != other.fingerprint
    assert one.fingerprint == Pipeline.default(egress=copy.copy(egress)).fingerprint
    for twin in (one.observe(), one.replaced(Fallback([WEST]))):
        assert twin.egress is egress
    assert "Of these only: region eu; hosts *.eu" in str(one)
    wrong: Any = "eu"
    with pytest.raises(ConfigurationError, match="egress is an Egress"):
        Pipeline(egress=wrong)


def test_functions_cannot_be_held_back() -> None:
    """Where a function sends is not known: a bound call of one is not made."""

    def function() -> int:
        raise AssertionError

    with pytest.raises(ConfigurationError, match="where a function sends"):
        Pipeline.default(egress=Egress(region="eu")).guard(function)
    guarded = Pipeline.default().guard(function)
    with pytest.raises(Exception, match="sends is not known"), options(region="eu"):
        guarded()
