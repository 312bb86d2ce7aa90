"""Every vendor's every failure through the real SDK, over a real socket: what is asked again, what moves on, what ends
in which exception, what a circuit counts (promises 1 to 3 and 25, and the first of issue 3's figures).

What is right is read off `MEANINGS` alone; how often each provider was asked, off the simulator's log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai.failures import FailureKind
from tests.kind_table import PAGE, cells, ends_in, measured_with, table_of

from .kinds import MUTE, ROWS, SUBJECTS, TOO_LONG, Behaviour, Bench, Row, Subject, expected, providers
from .modes import MODES, Mode
from .sdks import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from resilient_ai.testing import Simulator

# The bare google-genai's own, on aiohttp.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

SYNC, ASYNCIO = MODES[:2]
_LIKES: dict[tuple[Subject, str, FailureKind], Row] = {}
for _row in ROWS:
    if _row.vendor != "any" or _row.subject in (MUTE[:1] if _row.mute else MUTE):
        _LIKES.setdefault((_row.subject, _row.vendor, _row.kind), _row)
ONE_OF_EACH = tuple(_LIKES.values())
"""The first row of each endpoint, vendor and kind; what no vendor has words for, once for each SDK; silence once."""


def each(rows: tuple[Row, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [pytest.param(row, id=str(row), marks=needed(row.subject)) for row in rows])


def needed(subject: Subject) -> tuple[pytest.MarkDecorator, ...]:
    return () if installed(subject.module) else (pytest.mark.skip(f"{subject.module} is not installed"),)


@pytest.fixture(scope="module")
def vendors() -> Iterator[Simulator]:
    with providers() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def bench(vendors: Simulator) -> Iterator[Callable[[Subject], Bench]]:
    """The sync clients, made once: a client takes longer to make than to fail."""
    benches: dict[Subject, Bench] = {}

    def of(subject: Subject) -> Bench:
        return benches.setdefault(subject, Bench(subject, vendors, SYNC))

    yield of
    for made in benches.values():
        SYNC.run(made.end)


@each(ROWS)
def test_each_row_is_what_its_kind_means(row: Row, bench: Any) -> None:
    """Promises 1 to 3 and 25: asked again only where that may help, and by us alone; moved on from a provider's
    trouble, never from the caller's mistake; ended in the SDK's own exception; and the page says so."""
    here = bench(row.subject)
    seen: Behaviour = SYNC.run(here.behaviour, row)
    assert seen == expected(row, here.bare(row))
    if measured_with(row.subject):
        assert ends_in(row, PAGE.read_text(encoding="utf-8")) == seen.raised, "`python -m tests.kind_table` rewrites it"


@each(ONE_OF_EACH)
def test_in_asyncio_it_is_the_same(row: Row, vendors: Simulator) -> None:
    """The same of the SDK's async half, for one failure of each kind."""

    async def script(mode: Mode) -> tuple[Behaviour, str]:
        here = Bench(row.subject, vendors, mode)
        try:
            return await here.behaviour(row), here.bare(row)
        finally:
            await here.end()

    seen, bare = ASYNCIO.run(script, ASYNCIO)
    assert seen == expected(row, bare)


@each(tuple(row for row in ROWS if row.asks))
def test_a_wait_that_does_not_fit_is_not_begun(row: Row, bench: Any) -> None:
    """Promise 2: asked to wait longer than the call may take, it ends at once, in the provider's own words."""
    here = bench(row.subject)
    asked = row.asking(TOO_LONG)
    assert SYNC.run(here.alone, asked) == (1, here.bare(asked))


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_the_page_has_every_row(subject: Subject) -> None:
    """docs/behaviour.md says of each row what `MEANINGS` says; what it ends in is seen above."""
    assert table_of(subject, PAGE.read_text(encoding="utf-8")) == [
        cells(row, expected(row, "")) for row in ROWS if row.subject is subject
    ], "`python -m tests.kind_table` rewrites it"


def test_every_kind_that_a_provider_can_cause_is_there() -> None:
    """Each SDK meets every one; a refusal of Claude's is an answer, and the rest is our own doing."""
    ours = {"deadline", "local"}
    for subject in MUTE:
        met = {row.kind.value for row in ROWS if row.subject is subject}
        own_way = {"refused"} if subject.module == "anthropic" else set[str]()
        assert met == {kind.value for kind in FailureKind} - ours - own_way
