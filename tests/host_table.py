"""The tables of docs/hosts.md, printed from the data.

`python -m tests.host_table` rewrites what stands between the page's marks; tests/test_host_page.py fails while the two
differ.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from resilient_ai.hosts import HOSTS
from tests.failure_table import table
from tests.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from resilient_ai.hosts import Host

PAGE = ROOT / "docs" / "hosts.md"
COMMAND = "python -m tests.host_table"
MARKED = re.compile(r"(<!-- (\w+): printed by [^\n]* -->\n).*?(<!-- end -->)", re.DOTALL)

AUTH = {
    "azure": "`api-key`, or a token",
    "aws": "a bearer's key, or a signature",
    "google": "a token",
    "bearer": "a bearer's",
    "dialect": "as the client does",
}


def code(words: Iterable[str]) -> str:
    return " ".join(f"`{word}`" for word in words) or "-"


def where(host: Host) -> str:
    path = "" if host.path == "{path}" else f"/{host.path}"
    query = "&".join(f"{name}={value}" for name, value in host.query)
    return f"`{host.base_url}{path}{'?' if query else ''}{query}`".replace("|", r"\|")


def places() -> str:
    """Where each stands, and how it is asked."""
    rows = [
        (
            f"`{name}`",
            where(host),
            f"`{host.dialect}`",
            "all" if host.families is None else ", ".join(sorted(host.families)),
            code(host.variables),
            AUTH[str(host.auth)],
        )
        for name, host in sorted(HOSTS.items())
    ]
    return table(("name", "where it stands", "dialect", "endpoint families", "key's variables", "key goes as"), rows)


def changes(host: Host) -> str:
    told = [f"`{old}` → `{new}`" for old, new in host.renames]
    if host.developer != "developer":
        told.append(f"role `developer` → `{host.developer}`")
    told += [f"`{name}` left out" for name in sorted(host.strips)]
    if host.wrapping:
        told.append("model and version as it wants them")
    return ", ".join(told) or "-"


def fields() -> str:
    """What each makes of a request's fields."""
    rows: list[tuple[str, ...]] = []
    for name, host in sorted(HOSTS.items()):
        ignored = [*sorted(host.ignores)]
        most = [] if host.most_temperature is None else [f"`temperature` above {host.most_temperature:g}"]
        if host.rejects or ignored or most or changes(host) != "-":
            ignores = ", ".join([*most, *([code(ignored)] if ignored else [])]) or "-"
            rows.append((f"`{name}`", code(sorted(host.rejects)), ignores, changes(host)))
    return table(("name", "rejects", "ignores", "what is changed"), rows)


def notes() -> str:
    """What else is known, and from where."""
    rows = [
        (f"`{name}`", host.note.replace("|", r"\|") or "-", host.source, host.checked)
        for name, host in sorted(HOSTS.items())
    ]
    return table(("name", "to know", "source", "read"), rows)


TABLES: Mapping[str, Callable[[], str]] = {"places": places, "fields": fields, "notes": notes}


def renewed(page: str) -> str:
    """The page with each marked table as the data has it now."""
    return MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}", page)


def marks(page: str) -> list[str]:
    """The names of the tables that the page has marks for."""
    return [found[2] for found in MARKED.finditer(page)]


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
