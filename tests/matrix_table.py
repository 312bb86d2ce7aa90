"""The tables of docs/other-vendors.md: who may answer whom, and with what, printed from what was seen.

`python -m tests.matrix_table` makes every call of the matrix and rewrites what stands between the page's marks;
tests/sdk/test_matrix.py fails while the page says something else. It needs openai, anthropic and google-genai.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tests.failure_table import table
from tests.sdk.matrix import FEATURES, FORMS, cells, measured
from tests.sdk.modes import MODES
from tests.sdk.translated import CALLERS, DIALECTS
from tests.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.sdk.matrix import Cell, Found
    from tests.sdk.translated import Caller

PAGE = ROOT / "docs" / "other-vendors.md"
HEAD = ("asked for", *DIALECTS)
NAMES = {
    "chat": "`openai`, `chat.completions`",
    "responses": "`openai`, `responses`",
    "anthropic": "`anthropic`, `messages`",
    "genai": "`google-genai`, `generate_content`",
}


def rows(caller: Caller, seen: Mapping[Cell, Found]) -> list[list[str]]:
    """The lines of a caller's table: what its SDK's sync half saw, plain and streamed."""
    shown = {
        (cell.feature.name, cell.spoken, cell.form): found.shown
        for cell, found in seen.items()
        if cell.caller is caller and not cell.mode.is_async
    }
    asked = [feature for feature in FEATURES if caller.name in feature.ask]
    return [
        [feature.name, *(_both([shown[feature.name, spoken, form] for form in FORMS]) for spoken in DIALECTS)]
        for feature in asked
    ]


def _both(shown: list[str]) -> str:
    said = [text.replace("refused: ", "refused: `") + "`" * text.startswith("refused: ") for text in shown]
    return (
        said[0] if len(set(said)) == 1 else "; ".join(f"{form}: {text}" for form, text in zip(FORMS, said, strict=True))
    )


def rows_of(caller: Caller, page: str) -> list[list[str]]:
    """The same as the page has them."""
    found = re.search(_marks(caller), page, re.DOTALL)
    assert found is not None, f"{PAGE.name} has lost the marks of {caller.name}"
    return [line.strip("| ").split(" | ") for line in found[2].splitlines() if line.startswith("|")][2:]


def renewed(page: str) -> str:
    """The page with each table as it comes out now."""
    seen = measured(cells(modes=MODES[:1]))
    for caller in CALLERS:
        now = f"From {NAMES[caller.name]}:\n\n{table(HEAD, rows(caller, seen))}"
        page, count = re.subn(
            _marks(caller), lambda found, now=now: f"{found[1]}\n{now}\n\n{found[3]}", page, flags=re.DOTALL
        )
        assert count == 1, f"{PAGE.name} has lost the marks of {caller.name}"
    return page


def _marks(caller: Caller) -> str:
    """What finds a caller's table: what stands before it, the table, what stands after it."""
    return rf"(<!-- matrix of {caller.name}: [^\n]* -->\n)(.*?)(<!-- end -->)"


if __name__ == "__main__":
    os.environ.setdefault("SSL_CERT_FILE", str(ROOT / "tests" / "transports" / "localhost.pem"))
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
