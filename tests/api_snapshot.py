"""The public names and signatures, one a line, so that a change of the surface is a line in a diff.

`python -m tests.api_snapshot` rewrites docs/api.txt; tests/test_public_surface.py fails while the two differ. Read from
the source, so it is the same on every Python and with any SDK installed.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tests.source import FUNCTIONS, ROOT, Public, decorators, methods, public

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDEST = 160
SNAPSHOT = ROOT / "docs" / "api.txt"


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """`(self, total: float | None=None) -> T` as written."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(node.args)}){returns}"


def value(node: ast.Assign | ast.AnnAssign) -> str:
    """A field, constant or alias as written, long values cut."""
    text = ast.unparse(node)
    return text if len(text) <= WIDEST else text[:WIDEST] + "…"


def fields(node: ast.ClassDef) -> Iterator[str]:
    """The public fields and constants of a class, and the `_` after which fields are keyword-only."""
    for item in node.body:
        if isinstance(item, (ast.Assign, ast.AnnAssign)):
            target = item.target if isinstance(item, ast.AnnAssign) else item.targets[0]
            if isinstance(target, ast.Name) and (target.id == "_" or not target.id.startswith("_")):
                yield value(item)


def lines(item: Public) -> Iterator[str]:
    """What a public name is: a class with its fields and methods, a function, or a value."""
    node = item.node
    if isinstance(node, FUNCTIONS):
        prefix = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
        yield f"{item.offered}: {prefix} {signature(node)}"
    elif isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        kind = decorators(node).get("dataclass")
        flags = "" if kind is None else f" dataclass[{', '.join(sorted(k for k, v in kind.items() if v))}]"
        yield f"{item.offered}: class({bases}){flags}"
        yield from (f"{item.offered}.{text}" for text in fields(node))
        for method in methods(node):
            wraps = [f"@{name} " for name in decorators(method)]
            prefix = "async " if isinstance(method, ast.AsyncFunctionDef) else ""
            yield f"{item.offered}.{''.join(wraps)}{prefix}{method.name}{signature(method)}"
    else:
        yield f"{item.offered}: {value(node)}"


def snapshot() -> str:
    """The whole of docs/api.txt."""
    told: dict[str, str] = {}
    text: list[str] = []
    for item in public():
        if (first := told.setdefault(item.defined, item.offered)) == item.offered:
            text += lines(item)
        else:
            text.append(f"{item.offered} = {first}")
    return "\n".join([*text, ""])


if __name__ == "__main__":
    SNAPSHOT.write_text(snapshot(), encoding="utf-8")
    print(f"wrote {SNAPSHOT.relative_to(ROOT)}")
