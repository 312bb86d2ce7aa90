"""The tables of docs/failures.md, printed from what the code does, so that the page cannot run ahead of it or behind.

`python -m tests.failure_table` rewrites what stands between the page's marks; tests/test_failure_page.py fails while
the two differ.
"""

from __future__ import annotations

import ast
import functools
import inspect
import json
import re
from typing import TYPE_CHECKING, Any

from resilient_ai.failures import MEANINGS, FailureKind, Meaning
from resilient_ai.providers.kinds import CODES, STATUSES, TYPES, WORDS
from resilient_ai.providers.registry import DIALECTS
from resilient_ai.providers.said import said_by
from tests.source import ROOT
from tests.wire.golden import body_of, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PAGE = ROOT / "docs" / "failures.md"
COMMAND = "python -m tests.failure_table"
MARKED = re.compile(r"(<!-- (\w+): printed by [^\n]* -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown."""
    lines = [list(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], ["---"] * len(lines[0]), *lines[1:]])


def examples() -> dict[str, str]:
    """What the docstring of each kind says, by the kind's name."""
    (definition,) = ast.parse(inspect.getsource(FailureKind)).body
    assert isinstance(definition, ast.ClassDef)
    told: dict[str, str] = {}
    for item, after in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name):
            assert isinstance(after, ast.Expr), f"{item.targets[0].id} has no docstring"
            assert isinstance(after.value, ast.Constant)
            text = " ".join(str(after.value.value).split())
            told[item.targets[0].id] = text.replace("``", "`").removesuffix(".")
    return told


def moves_on(meaning: Meaning) -> str:
    if meaning.if_worked:
        return "if it has worked before"
    return said(meaning.moves_on)


def said(yes: bool) -> str:
    return "yes" if yes else "no"


def kinds() -> str:
    """Every row of `MEANINGS`."""
    told = examples()
    return table(
        ("kind", "examples", "same target again", "next target", "breaker", "creating call may go on", "stale answer"),
        (
            (
                f"`{kind.value}`",
                told[kind.name],
                meaning.again.value,
                moves_on(meaning),
                "counts" if meaning.counts else "no",
                said(meaning.nothing_made),
                said(meaning.stale),
            )
            for kind, meaning in MEANINGS.items()
        ),
    )


def by_kind(names: Mapping[str, FailureKind] | Mapping[int, FailureKind]) -> str:
    """What is read off an answer, a row for each kind."""
    rows: dict[FailureKind, list[str]] = {}
    for name, kind in names.items():
        rows.setdefault(kind, []).append(f"`{name}`")
    return table(("kind", "read off"), ((f"`{kind.value}`", ", ".join(sorted(found))) for kind, found in rows.items()))


def statuses() -> str:
    """The statuses that `providers/kinds.py` names."""
    return by_kind(STATUSES)


def codes() -> str:
    """The codes in an error's body that `providers/kinds.py` names."""
    return by_kind(CODES)


def types() -> str:
    """The sorts of errors that `providers/kinds.py` names."""
    return by_kind(TYPES)


def words() -> str:
    """The words of messages that `providers/kinds.py` looks for."""
    return table(
        ("status", "words", "kind"),
        (
            (", ".join(map(str, statuses)), ", ".join(f"`{plain(word)}`" for word in told), f"`{kind.value}`")
            for statuses, told, kind in WORDS
        ),
    )


def plain(pattern: str) -> str:
    """A pattern as it can stand in a table."""
    return pattern.replace("|", r"\|").replace("?:", "")


def vendor(name: str) -> str:
    """What the code makes of each golden answer of a vendor (tests/wire)."""
    file = read(name)
    classify = DIALECTS[file["dialect"]].classify
    rows: list[tuple[str, ...]] = []
    for row in file["errors"]:
        body = parsed(body_of(row))
        rows.append((str(row["status"]), row["case"], says(body), f"`{classify(row['status'], body).value}`"))
    return table(("status", "case", "read off", "kind"), rows)


def inside() -> str:
    """What the code makes of each golden answer with HTTP 200."""
    rows: list[tuple[str, ...]] = []
    for row in read("inside_200")["answers"]:
        kind = DIALECTS[row["dialect"]].inside_success(row["family"], row["body"], True)
        rows.append((row["case"], "an answer" if kind is None else f"`{kind.value}`"))
    return table(("case", "kind"), rows)


def parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def says(body: Any) -> str:
    """The code of an answer that is known, else whether it is the API's own."""
    told = said_by(body)
    if told is None:
        return "no error of the API's"
    known = next((code for found in (CODES, TYPES) for code in told.codes if code in found), None)
    return "its words, or the status" if known is None else f"`{known}`"


VENDORS = ("openai", "azure", "anthropic", "gemini", "compatible", "gateways")
TABLES = {
    "kinds": kinds,
    "statuses": statuses,
    "codes": codes,
    "types": types,
    "words": words,
    "inside": inside,
    **{name: functools.partial(vendor, name) for name in VENDORS},
}


def renewed(page: str) -> str:
    """The page with each marked table as the code has it now."""
    return MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}", page)


def marks(page: str) -> list[str]:
    """The names of the tables that the page has marks for."""
    return [found[2] for found in MARKED.finditer(page)]


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
