"""docs/promises.md names what is there: tests, storms, benchmarks, sessions."""

from __future__ import annotations

import ast
import importlib.util
import re

from benchmarks.storms import STORMS
from tests.source import ROOT, fail_if

PAGE = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
MODULE = re.compile(r"python -m (benchmarks\.\w+)((?: [a-z-]+)*)`")

PROMISED = [*range(1, 19), 22, 23, 25, 26, 27, 28, 30, 31, 32, 33, 34, 40, 42, 43, 44, 45]
"""Those of what is built."""


def functions_of(path: str) -> set[str]:
    """The names of a file's test functions."""
    if not (ROOT / path).is_file():
        return set()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_is_named_is_there() -> None:
    named = TEST.findall(PAGE)
    assert len(named) > 100
    gone = [f"{path}::{name}" for path, name in named if name not in functions_of(path) or not name.startswith("test_")]
    fail_if(gone, "docs/promises.md names what is not there: say what shows the promise now.")


def test_every_command_that_is_named_is_one() -> None:
    named = MODULE.findall(PAGE)
    gone = [module for module, _ in named if importlib.util.find_spec(module) is None]
    gone += [storm for _, words in named for storm in words.split() if storm not in STORMS]
    sessions = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    gone += [name for name in re.findall(r"nox -s (\w+)", PAGE) if f"def {name}(" not in sessions]
    gone += [
        path
        for path in re.findall(r"python -m pytest ([^`]+)`", PAGE)
        for path in path.split()
        if not (ROOT / path).exists()
    ]
    fail_if(gone, "docs/promises.md names what is not there.")


def test_every_promise_has_its_line() -> None:
    lines = dict(re.findall(r"^\| (\d+) \| .* \| (.*) \|$", PAGE, re.MULTILINE))
    missing = [str(number) for number in PROMISED if not TEST.search(lines.get(str(number), ""))]
    fail_if(missing, "A promise without a test is none.")
