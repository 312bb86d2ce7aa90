"""docs/hosts.md says what the data says: its tables are printed from it."""

from __future__ import annotations

from tests.host_table import COMMAND, PAGE, TABLES, marks, renewed
from tests.source import fail_if


def test_the_tables_of_hosts_are_up_to_date() -> None:
    """A changed row of the data is a changed line of the page."""
    page = PAGE.read_text(encoding="utf-8")
    assert sorted(marks(page)) == sorted(TABLES), f"{PAGE.name} has lost the marks of a table"
    kept, now = page.splitlines(), renewed(page).splitlines()
    fail_if(
        [f"gone: {line}" for line in kept if line not in now] + [f"new:  {line}" for line in now if line not in kept],
        f"`{COMMAND}` rewrites the tables.",
    )
