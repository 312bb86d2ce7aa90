"""The public surface: what is offered, how it is called, and that a change of it is seen."""

from __future__ import annotations

import ast

from tests.api_snapshot import SNAPSHOT, snapshot
from tests.source import FUNCTIONS, decorators, fail_if, find, methods, modules, public, unused

# Offered name (or `*.method`): why it takes more than one positional argument.
POSITIONAL: dict[str, str] = {
    "*.execute": "the Strategy protocol: what is wrapped, and the call",
    "resilient_ai.stores.Encryption.seal": "the data, and what it is bound to, as ciphers take them",
    "resilient_ai.stores.Encryption.open": "the same",
    "*.set": "a key and its entry, as every store says it",
    "resilient_ai.stores.digest": "a salt, what kind of name it is, and the name",
    "resilient_ai.hosts.add": "a name, and what is known by it",
    "resilient_ai.models.add": "the same",
    "resilient_ai.wrap": "a client and the pipeline around it, as people say it",
    "resilient_ai.transports.wrap_transport": "a transport and the pipeline around it, as people say it",
    "resilient_ai.testing.SimulatedProvider.__init__": "made by the simulator, never by its users",
    "resilient_ai.testing.Fault.vendor": "who says what, as a person would say it",
}


def test_dunder_all_is_what_is_public() -> None:
    """A package offers what its `__all__` says, all of it (ruff keeps it sorted)."""
    problems = []
    for module in filter(lambda module: module.is_package, modules().values()):
        defined = {name for name, node in module.definitions().items() if isinstance(node, (ast.ClassDef, *FUNCTIONS))}
        offered = {name for name in defined | module.reexports().keys() if not name.startswith("_")}
        problems += [f"{module.where}: {name} is not in __all__" for name in offered - set(module.dunder_all() or ())]
    problems += [
        f"{module.where}: __all__ has {name}, which this package does not define"
        for module in modules().values()
        for name in (module.dunder_all() or () if module.is_public else ())
        if find(module.name, name) is None and f"{module.name}.{name}" not in modules()
    ]
    fail_if(problems, "What is not for users begins with an underscore; the rest stands in __all__.")


def test_api_snapshot() -> None:
    """A change of the public surface is seen, and told in the changelog."""
    kept = SNAPSHOT.read_text(encoding="utf-8").splitlines() if SNAPSHOT.exists() else []
    now = snapshot().splitlines()
    fail_if(
        [f"gone: {line}" for line in kept if line not in now] + [f"new:  {line}" for line in now if line not in kept],
        "If this is meant: `python -m tests.api_snapshot`, and a line in CHANGELOG.md.",
    )


def positional(node: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool) -> int:
    bound = method and "staticmethod" not in decorators(node)
    return len(node.args.posonlyargs) + len(node.args.args) - bound


def test_keyword_only_after_the_first_argument() -> None:
    """Arguments can be added, and calls read, without counting commas."""
    problems, used = [], set()
    for item in public():
        counts: dict[str, int] = {}
        if isinstance(item.node, FUNCTIONS):
            counts[item.offered] = positional(item.node, method=False)
        elif isinstance(item.node, ast.ClassDef):
            counts = {f"{item.offered}.{m.name}": positional(m, method=True) for m in methods(item.node)}
            counts[item.offered] = dataclass_positionals(item.node)
        for name, count in counts.items():
            reason = next((key for key in (name, f"*.{name.rsplit('.', 1)[-1]}") if key in POSITIONAL), None)
            if count > 1:
                used.add(reason)
                problems += [] if reason else [f"{name} takes {count} positional arguments ({item.home.where})"]
    fail_if(problems + unused(POSITIONAL, used), "Put a `*` after the first, or kw_only=True on the dataclass.")


def dataclass_positionals(node: ast.ClassDef) -> int:
    kind = decorators(node).get("dataclass")
    if kind is None or kind.get("kw_only"):
        return 0
    fields = [
        item for item in node.body if isinstance(item, ast.AnnAssign) and "ClassVar" not in ast.unparse(item.annotation)
    ]
    names = [ast.unparse(item.target) for item in fields]
    fields = fields[: names.index("_")] if "_" in names else fields
    return sum("init=False" not in ast.unparse(field) and "kw_only=True" not in ast.unparse(field) for field in fields)


def test_public_dataclasses_are_frozen_and_slotted() -> None:
    """Configuration, events and outcomes are plain values."""
    kinds = {
        item.offered: decorators(item.node).get("dataclass") for item in public() if isinstance(item.node, ast.ClassDef)
    }
    loose = [
        name for name, kind in kinds.items() if kind is not None and not (kind.get("frozen") and kind.get("slots"))
    ]
    fail_if(loose, "@dataclass(frozen=True, slots=True)")


def test_what_is_public_is_documented() -> None:
    """A docstring says what, defaults, units, errors raised."""
    missing = [
        f"{item.offered} ({item.home.where})"
        for item in public()
        if isinstance(item.node, (ast.ClassDef, *FUNCTIONS)) and not ast.get_docstring(item.node)
    ]
    fail_if(missing, "Say what it is for.")
