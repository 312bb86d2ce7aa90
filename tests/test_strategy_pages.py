"""A strategy's page says what the strategy is set to: its table of defaults, and the same headings on each."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest

import resilient_ai
from resilient_ai import Cache, CircuitBreaker, Deadline, Fallback, Hedge, Pipeline, RateLimiter, Retry, SingleFlight
from tests.source import ROOT

HEADINGS = ["About", "Usage", "Defaults", "Events", "Diagram", "Anti-patterns"]
PAGES: dict[str, Any] = {
    "cache": Cache(),
    "circuit-breaker": CircuitBreaker(),
    "deadline": Deadline(),
    "fallback": Fallback(),
    "hedge": Hedge(),
    "rate-limiter": RateLimiter(),
    "retry": Retry(),
    "single-flight": SingleFlight(),
}
ROW = re.compile(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|", re.MULTILINE)


def text_of(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def test_every_strategy_has_a_page() -> None:
    kinds = {getattr(resilient_ai, name) for name in resilient_ai.__all__}
    strategies = {kind for kind in kinds if hasattr(kind, "execute")}
    assert strategies == {type(strategy) for strategy in PAGES.values()}
    assert sorted(PAGES) == sorted(page.stem for page in (ROOT / "docs" / "strategies").glob("*.md"))


@pytest.mark.parametrize("name", PAGES)
def test_the_page_has_the_headings_of_all_others(name: str) -> None:
    assert re.findall(r"^## (.*)$", text_of(f"strategies/{name}"), flags=re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("name", PAGES)
def test_the_table_of_defaults_is_the_code_s(name: str) -> None:
    """Every parameter, in its order, with its default where that is a number or several."""
    strategy = PAGES[name]
    section = text_of(f"strategies/{name}").partition("## Defaults")[2].partition("## Events")[0]
    told = dict(ROW.findall(section))
    assert list(told) == [field.name for field in fields(strategy)]
    for parameter, cell in told.items():
        default = getattr(strategy, parameter)
        numbers = default if isinstance(default, tuple) else (default,)
        expected = [float(number) for number in numbers if type(number) in (int, float)]
        if expected:
            assert [float(found) for found in re.findall(r"\d+(?:\.\d+)?", cell)] == expected, f"{parameter}: {cell}"


def test_the_printed_pipeline_is_the_code_s() -> None:
    """docs/control.md shows what print(pipeline) shows, every default included."""
    assert f"```\n{Pipeline.default(Deadline(total=20))}\n```" in text_of("control")
