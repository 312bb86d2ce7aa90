"""The package as the tests about its source see it: modules, imports and public names, read with `ast` alone."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "resilient_ai"

Definition: TypeAlias = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign | ast.AnnAssign
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Import(NamedTuple):
    """One imported name, absolute: `from ..stores import memory` is `resilient_ai.stores.memory`."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Module:
    """One file of the package."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def where(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def room(self) -> str:
        """The first step below the package, which is what a floor is given to; the package itself is `__init__`."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else "__init__"

    @property
    def is_public(self) -> bool:
        """The package, its public folders, and its public files; a file inside a folder is offered by the folder. What
        we know of the vendors is nobody's but ours."""
        parts = self.name.split(".")
        own = any(part.startswith("_") for part in parts) or "providers" in parts
        return (self.is_package or len(parts) == 2) and not own

    def imports(self) -> Iterator[Import]:
        """Every import of the file, also those inside functions and under TYPE_CHECKING."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (Import(alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self.resolved(node)
                yield from (Import(f"{base}.{alias.name}", node.lineno) for alias in node.names)

    def resolved(self, node: ast.ImportFrom) -> str:
        """The absolute name of the module that a `from … import` takes from."""
        if not node.level:
            return node.module or ""
        steps = self.name.split(".")
        here = steps[: len(steps) - node.level + self.is_package]
        return ".".join([*here, *([node.module] if node.module else [])])

    def dunder_all(self) -> list[str] | None:
        """The names in `__all__`, or None where a file has none."""
        node = self.definitions().get("__all__")
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            return list(ast.literal_eval(node.value))
        return None

    def definitions(self) -> dict[str, Definition]:
        """What the file itself defines at its top level."""
        found: dict[str, Definition] = {}
        for node in self.tree.body:
            if isinstance(node, (ast.ClassDef, *FUNCTIONS)):
                found[node.name] = node
            elif isinstance(node, ast.Assign):
                found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found[node.target.id] = node
        return found

    def reexports(self) -> dict[str, str]:
        """Imported name → the module it comes from, for what is imported from this package."""
        return {
            alias.asname or alias.name: self.resolved(node)
            for block in (self.tree, *(node for node in self.tree.body if isinstance(node, ast.If)))
            for node in block.body
            if isinstance(node, ast.ImportFrom) and self.resolved(node).split(".")[0] == PACKAGE
            for alias in node.names
        }


@functools.cache
def modules() -> dict[str, Module]:
    """Every module of the package by its dotted name."""
    found: dict[str, Module] = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        found[name] = Module(name, path, text, ast.parse(text, filename=str(path)))
    return found


def find(module: str, name: str) -> tuple[Module, Definition] | None:
    """Where a name that `module` offers is defined, through as many re-exports as it takes."""
    here = modules().get(module)
    if here is None:
        return None
    if name in (defined := here.definitions()):
        return here, defined[name]
    source = here.reexports().get(name)
    return find(source, name) if source not in {None, module} else None  # `from . import room` names a module


class Public(NamedTuple):
    """One public name: where it is offered, and where it is defined (a re-export's home is another module)."""

    offered: str
    home: Module
    node: Definition

    @property
    def defined(self) -> str:
        return f"{self.home.name}.{self.offered.rsplit('.', 1)[-1]}"


def public() -> Iterator[Public]:
    """Each name in the `__all__` of a public module, in order."""
    for module in modules().values():
        for name in (module.dunder_all() or ()) if module.is_public else ():
            if (found := find(module.name, name)) is not None:
                yield Public(f"{module.name}.{name}", *found)


def methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The methods of a class that its users may call, and its constructor."""
    for item in node.body:
        if isinstance(item, FUNCTIONS) and (item.name == "__init__" or not item.name.startswith("_")):
            yield item


def decorators(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, dict[str, object]]:
    """Last name → literal keyword arguments: `@dataclass(frozen=True)` is `{"dataclass": {"frozen": True}}`."""
    found: dict[str, dict[str, object]] = {}
    for item in node.decorator_list:
        call = item if isinstance(item, ast.Call) else None
        name = ast.unparse(call.func if call else item).rsplit(".", 1)[-1]
        keywords = call.keywords if call else []
        found[name] = {k.arg: k.value.value for k in keywords if k.arg and isinstance(k.value, ast.Constant)}
    return found


def fail_if(problems: Collection[str], advice: str) -> None:
    if problems:
        pytest.fail("\n".join([*sorted(set(problems)), "", advice]), pytrace=False)


def unused(table: Collection[object], used: Collection[object]) -> list[str]:
    return [f"{key}: an exception in this file that nothing needs any more" for key in table if key not in used]
