"""Every SDK as caller, every dialect as target, all that can be asked: right, or refused by the field's name.

The vendors are simulators that refuse what the vendors would: what came through is what they take.
"""

from __future__ import annotations

import pytest

from tests.matrix_table import PAGE, rows, rows_of

from .matrix import Cell, Found, cells, measured
from .sdks import installed
from .translated import CALLERS, Caller

# The bare google-genai's own, on aiohttp.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

CELLS = cells()
STOP = {"chat": "stop", "anthropic": "stop_sequences", "genai": "generationConfig.stopSequences"}
"""The field's name. Responses has no stop sequences, and a text that goes on is another text."""


def named(cell: Cell) -> str:
    return f"{cell.caller.name}-{cell.spoken}-{cell.feature.name}-{cell.form}-{cell.mode.name}".replace(" ", "_")


@pytest.fixture(scope="module")
def seen() -> dict[Cell, Found]:
    """All of it, at once."""
    return measured(CELLS)


@pytest.mark.parametrize("cell", CELLS, ids=named)
def test_right_or_refused_by_name(cell: Cell, seen: dict[Cell, Found]) -> None:
    refused = cell.feature.name == "stop sequence" and cell.spoken == "openai-responses"
    assert seen[cell] == (Found(f"refused: {STOP[cell.caller.name]}", 0) if refused else Found("right", 1))


@pytest.mark.parametrize("caller", [each for each in CALLERS if installed(each.module)], ids=lambda one: one.name)
def test_the_page_says_what_was_seen(caller: Caller, seen: dict[Cell, Found]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert rows_of(caller, page) == rows(caller, seen), "`python -m tests.matrix_table` rewrites it"
