"""The tables of docs/streams.md: what becomes of a stream that breaks, under each SDK, printed from what was seen.

`python -m tests.stream_table` measures every cell at the simulator and rewrites what stands between the page's marks;
tests/sdk/test_streams_table.py fails while the page says something else. It needs openai, anthropic and google-genai.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tests.failure_table import table
from tests.kind_table import DISTRIBUTIONS
from tests.kind_table import _version as version_of
from tests.sdk.modes import MODES
from tests.sdk.stream_faults import ENDPOINTS, FAULTS, SITUATIONS, cells, measured
from tests.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.sdk.stream_faults import Cell, Endpoint, Seen

PAGE = ROOT / "docs" / "streams.md"
HEAD = ("what happens", "the SDK by itself", "with a healthy fallback", "alone, once", "alone, always")


def rows(endpoint: Endpoint, seen: Mapping[Cell, Seen]) -> list[list[str]]:
    """The lines of an endpoint's table: what the SDK's sync half saw."""
    shown = {
        (cell.fault, cell.situation): found.shown
        for cell, found in seen.items()
        if cell.endpoint is endpoint and not cell.mode.is_async
    }
    return [[fault, *(shown[fault, situation] for situation in SITUATIONS)] for fault in FAULTS]


def rows_of(endpoint: Endpoint, page: str) -> list[list[str]]:
    """The same as the page has them."""
    found = re.search(_marks(endpoint), page, re.DOTALL)
    assert found is not None, f"{PAGE.name} has lost the marks of {endpoint.name}"
    lines = [line.strip("| ").split(" | ") for line in found[2].splitlines() if line.startswith("|")]
    return lines[2:]


def measured_with(endpoint: Endpoint, page: str) -> bool:
    """Whether the installed SDK is the one whose exceptions the page names."""
    name = DISTRIBUTIONS[endpoint.module]
    return endpoint.usable and f"{name} {version_of(name)}" in page


def renewed(page: str) -> str:
    """The page with each table as it comes out now, and the versions it was measured with."""
    seen = measured(list(cells(modes=MODES[:1])))
    for endpoint in ENDPOINTS:
        now = table(HEAD, rows(endpoint, seen))
        page, count = re.subn(
            _marks(endpoint), lambda found, now=now: f"{found[1]}\n{now}\n\n{found[3]}", page, flags=re.DOTALL
        )
        assert count == 1, f"{PAGE.name} has lost the marks of {endpoint.name}"
    used = ", ".join(f"{name} {version_of(name)}" for name in DISTRIBUTIONS.values())
    return re.sub(r"(<!-- versions -->).*?(<!-- end -->)", rf"\1{used}\2", page)


def _marks(endpoint: Endpoint) -> str:
    """What finds an endpoint's table: what stands before it, the table, what stands after it."""
    return rf"(<!-- {re.escape(endpoint.name)}: [^\n]* -->\n)(.*?)(<!-- end -->)"


if __name__ == "__main__":
    os.environ.setdefault("SSL_CERT_FILE", str(ROOT / "tests" / "transports" / "localhost.pem"))
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
