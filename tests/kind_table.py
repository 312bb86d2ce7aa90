"""The tables of docs/behaviour.md: what one failing call does under each SDK, printed from what was seen to happen.

`python -m tests.kind_table` runs every row against the simulator and rewrites what stands between the page's marks;
tests/sdk/test_vendor_kinds.py fails while the page says something else. It needs openai, anthropic and google-genai.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from tests.failure_table import said, table
from tests.sdk.kinds import ROWS, SUBJECTS, Bench, providers
from tests.sdk.modes import MODES
from tests.source import ROOT

if TYPE_CHECKING:
    from resilient_ai.testing import Simulator
    from tests.sdk.kinds import Behaviour, Row, Subject

PAGE = ROOT / "docs" / "behaviour.md"
HEAD = (
    "failure",
    "HTTP status",
    "kind",
    "attempts alone",
    "ends in",
    "next target",
    "attempts before that",
    "breaker",
)
ENDS_IN = HEAD.index("ends in")
DISTRIBUTIONS = {"openai": "openai", "anthropic": "anthropic", "google.genai": "google-genai"}


def cells(row: Row, seen: Behaviour) -> list[str]:
    """A line of the table, without what the call ends in: that is the SDK's."""
    moves_on = "if it has worked before" if seen.later[1] != seen.first[1] else said(bool(seen.later[1]))
    return [
        f"{row.vendor}: `{row.what}`",
        "none" if row.status is None else str(row.status),
        f"`{row.kind.value}`",
        str(seen.alone),
        moves_on,
        str(seen.later[0]) if seen.later[1] else "-",
        "counts" if seen.counts else "no",
    ]


def line(row: Row, seen: Behaviour) -> list[str]:
    """A whole line."""
    found = cells(row, seen)
    name = seen.raised if seen.raised == "an answer" else f"`{seen.raised}`"
    return [*found[:ENDS_IN], name, *found[ENDS_IN:]]


def lines_of(subject: Subject, page: str) -> list[list[str]]:
    """The lines of the page's table for a subject."""
    found = re.search(_marks(subject), page, re.DOTALL)
    assert found is not None, f"{PAGE.name} has lost the marks of {subject.name}"
    rows = [text.strip("| ").split(" | ") for text in found[2].splitlines() if text.startswith("|")]
    return rows[2:]


def table_of(subject: Subject, page: str) -> list[list[str]]:
    """The same, without what a call ends in."""
    return [found[:ENDS_IN] + found[ENDS_IN + 1 :] for found in lines_of(subject, page)]


def ends_in(row: Row, page: str) -> str:
    """What the page says that a row ends in."""
    mine = [found for found in lines_of(row.subject, page) if found[0] == f"{row.vendor}: `{row.what}`"]
    return mine[0][ENDS_IN].strip("`")


def measured_with(subject: Subject) -> bool:
    """Whether the installed SDK is the one whose exceptions the page names: others have classes of other names."""
    name = DISTRIBUTIONS[subject.module]
    try:
        return f"{name} {_version(name)}" in PAGE.read_text(encoding="utf-8")
    except PackageNotFoundError:
        return False


def _version(name: str) -> str:
    return ".".join(version(name).split(".")[:2])


def _marks(subject: Subject) -> str:
    """What finds a subject's table: what stands before it, the table, what stands after it."""
    return rf"(<!-- {re.escape(subject.name)}: [^\n]* -->\n)(.*?)(<!-- end -->)"


def printed(subject: Subject, simulator: Simulator) -> str:
    """The table of a subject, measured now."""
    sync = MODES[0]
    bench = Bench(subject, simulator, sync)
    rows = [line(row, sync.run(bench.behaviour, row)) for row in ROWS if row.subject is subject]
    sync.run(bench.end)
    return table(HEAD, rows)


def renewed(page: str) -> str:
    """The page with each table as it comes out now, and the versions it was measured with."""
    with providers() as simulator:
        for subject in SUBJECTS:
            now = printed(subject, simulator)
            page = re.sub(
                _marks(subject), lambda found, now=now: f"{found[1]}\n{now}\n\n{found[3]}", page, flags=re.DOTALL
            )
    used = ", ".join(f"{name} {_version(name)}" for name in DISTRIBUTIONS.values())
    return re.sub(r"(<!-- versions -->).*?(<!-- end -->)", rf"\1{used}\2", page)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
