"""Every way a stream can break, through the unchanged SDKs, over real sockets: a whole answer, or the SDK's own error.

What is right is said here, row by row; docs/streams.md shows what was seen.
"""

from __future__ import annotations

import pytest

from tests.stream_table import PAGE, measured_with, rows, rows_of

from .stream_faults import CONTENT, ENDPOINTS, HARMLESS, JSON_INSTEAD, Cell, Endpoint, Seen, cells, measured

CELLS = tuple(cells())
SENDS = 4
"""Requests that a call may cost at most, wherever they go: three attempts, and one replay."""


def named(cell: Cell) -> str:
    return f"{cell.endpoint.name}-{cell.fault}-{cell.situation}-{cell.mode.name}".replace(", ", " ").replace(" ", "_")


@pytest.fixture(scope="module")
def seen() -> dict[Cell, Seen]:
    """All of it, measured at once."""
    return measured(CELLS)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.situation != "bare"], ids=named)
def test_whole_or_the_sdk_s_own_error(cell: Cell, seen: dict[Cell, Seen]) -> None:
    """Promises 19, 20 and 25: nothing short passes as whole, nothing is made of two answers, no error is a stranger's.

    Where another healthy answer is to be had, the program has it: from the same provider, or from the fallback.
    """
    found = seen[cell]
    assert found.prefix, found
    harmless = cell.fault == HARMLESS or (cell.endpoint is CONTENT and cell.fault == JSON_INSTEAD)  # see the page
    if harmless or cell.situation in ("fallback", "once"):
        assert found.whole, found
    else:
        assert not found.whole
        assert isinstance(found.raised, cell.endpoint.own()) or (found.raised is None and found.told), found
    assert found.first + found.second <= SENDS
    if harmless:
        assert (found.first, found.second) == (1, 0)


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each.usable], ids=lambda endpoint: endpoint.name)
def test_sync_and_async_are_alike(endpoint: Endpoint, seen: dict[Cell, Seen]) -> None:
    shown: dict[tuple[str, str], set[str]] = {}
    for cell, found in seen.items():
        if cell.endpoint is endpoint and cell.situation != "bare":
            shown.setdefault((cell.fault, cell.situation), set()).add(found.shown)
    assert {place: words for place, words in shown.items() if len(words) > 1} == {}


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each.usable], ids=lambda endpoint: endpoint.name)
def test_the_page_says_what_was_seen(endpoint: Endpoint, seen: dict[Cell, Seen]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    if measured_with(endpoint, page):
        assert rows_of(endpoint, page) == rows(endpoint, seen), "`python -m tests.stream_table` rewrites it"
