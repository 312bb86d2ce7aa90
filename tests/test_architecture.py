"""The rules of the house that a reader of the source can check (CONTRIBUTING.md tells them in words).

Each exception is data with its reason; one that is no longer needed fails too, so the lists only ever tell the truth.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from typing import TYPE_CHECKING

from tests.source import FUNCTIONS, PACKAGE, ROOT, Module, fail_if, modules, unused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import pytest

# A room (a file or folder right below resilient_ai/) imports from its own floor and from lower ones only.
FLOORS: dict[str, int] = {
    # words
    **dict.fromkeys(
        [
            "errors",
            "failures",
            "events",
            "_allowance",
            "_call",
            "_capabilities",
            "_context",
            "_host",
            "_http_settings",
            "_egress",
            "_journal",
            "_keying",
            "_limits",
            "_memo",
            "_outcome",
            "_packed",
            "_port",
            "_rescue",
            "_settings",
            "_sharing",
            "_target",
        ],
        0,
    ),
    # time and concurrency
    "_runtime": 1,
    # pure state, no I/O
    "_state": 2,
    # bytes in, bytes out
    "stores": 3,
    # one strategy a file
    "strategies": 4,
    **dict.fromkeys(["pipeline", "_describe", "_fingerprint", "_observe", "_states"], 5),
    # what we know of each API: dict and bytes in, dict and bytes out
    "providers": 6,
    # surfaces
    **dict.fromkeys(["transports", "_clients", "_wrap", "_functions"], 7),
    # products on top, and the public names
    **dict.fromkeys(["control", "hosts", "models", "testing", "cli", "__init__"], 8),
}

# (importing module, imported room): why it may look up.
UPWARD: dict[tuple[str, str], str] = {
    ("resilient_ai.pipeline", "_functions"): "a pipeline's own door to the surface for functions, opened when asked",
    ("resilient_ai._call", "_runtime"): "a type only: a call carries the runtime it is made on",
}

CONCURRENCY = (
    "asyncio",
    "anyio",
    "trio",
    "sniffio",
    "concurrent",
    "multiprocessing",
    "threading.Thread",
    "threading.Timer",
)
# Module or package (all below it): why it may start threads or loops itself.
CONCURRENT: dict[str, str] = {
    "resilient_ai._runtime": "the one place for it",
    "resilient_ai.cli": "the drill's callers are threads, as those of the program that it stands for",
    "resilient_ai.testing": "the simulator is a server, in a process of its own, and no part of a call",
}

LONGEST, LONG = 400, 300

# Module: why it must catch everything.
CATCHES_ALL: dict[str, str] = {
    "resilient_ai.pipeline": "a user's listener stands beside the call: what it raises must not cost the answer",
    "resilient_ai._runtime.concurrent": "what a side of a race raises is raised where the race is awaited",
    "resilient_ai._runtime.race": "the same, of a side in a thread",
    "resilient_ai._runtime.spawn": "nobody waits for what ends it: it is logged",
    "resilient_ai._runtime.tasks": "the same, of a task",
    "resilient_ai.strategies.single_flight": "what strikes the request of many is raised in the call whose it is",
    "resilient_ai.cli.warm": "an SDK's exception for a request ends the command, told by its class and line",
    "resilient_ai.transports._signing": "what a vendor's library, or a user's signer, raises fails that target alone",
    "resilient_ai.transports._fanout": "each reader of a stream is told what broke it, in its own terms",
    "resilient_ai._runtime.limit": "a worker's exception is kept and raised where its result is awaited",
    "resilient_ai._functions.keeping": "a codec is the user's: what it raises at a value it does not take is its own",
    "resilient_ai._functions.port": "what a function raises is kept, judged, and raised untouched if it is no failure",
    "resilient_ai._state.changes": "whoever is told of a change stands beside the call",
    "resilient_ai._state.rulebook": "only a listener or storage of the user's own pybreaker can raise there",
    "resilient_ai.stores._record": "a cipher is the user's: what it raises when it fails, or does not open, is its own",
    "resilient_ai._target": "what a user's api_key callable raises must not keep others from answering",
}

# Module: whose private names it may touch. Each has a contract test.
PRIVATE_FILES: dict[str, str] = {
    "resilient_ai.transports._private": "httpx, httpx2, httpcore, httpcore2: the pool and what is inside a socket",
    "resilient_ai.stores._redis_limit": "redis-py: how a connection makes its socket",
    "resilient_ai.transports._fast_pool": "httpcore, httpcore2: how its pool keeps its connections",
    "resilient_ai.transports._exchange": "httpcore, httpcore2: how its connection uses h11",
    "resilient_ai.transports._exchanges": "httpcore, httpcore2: that all of this is there",
    "resilient_ai._state.rulebook": "pybreaker: the breaker's lock, so that a state and its evidence change together",
}

# Names that look private, and are documented for everyone.
DOCUMENTED = {"os._exit", "_request_id"}


def within(module: Module, places: Collection[str]) -> str | None:
    """The first of `places` that is the module or a package above it."""
    return next((place for place in places if f"{module.name}.".startswith(f"{place}.")), None)


def room_of(imported: str) -> str | None:
    """The room an absolute import takes from, None for what is not ours."""
    root, _, rest = imported.partition(".")
    if root != PACKAGE:
        return None
    step = rest.split(".")[0]
    return step if any(module.room == step for module in modules().values()) else "__init__"


def test_every_room_has_a_floor() -> None:
    """DESIGN's house: a new file says where it lives before anything depends on it."""
    rooms = {module.room for module in modules().values()}
    fail_if(
        [f"{PACKAGE}/{room} has no floor" for room in rooms - FLOORS.keys()],
        "Add the room to FLOORS in tests/test_architecture.py, on the lowest floor its imports allow.",
    )


def test_imports_go_down() -> None:
    """A file imports only from its own floor or a lower one."""
    problems, used = [], set()
    for module in modules().values():
        for name, line in module.imports():
            room = room_of(name)
            if room is None or FLOORS.get(room, 0) <= FLOORS.get(module.room, 0):
                continue
            used.add((module.name, room))
            if (module.name, room) not in UPWARD:
                problems.append(f"{module.where}:{line}: {module.room} imports {name}, which is on a higher floor")
    fail_if(problems + unused(UPWARD, used), "Move the name down, or hand it in as an argument.")


def test_concurrency_lives_in_the_runtime() -> None:
    """Strategies await nothing but `next` and `call.runtime`, so one body serves threads, asyncio and trio."""
    problems, used = [], set()
    for module in modules().values():
        found = [
            (name, line)
            for name, line in module.imports()
            if f"{name}.".startswith(tuple(f"{c}." for c in CONCURRENCY))
        ]
        found += [
            (text, node.lineno)
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Attribute) and (text := ast.unparse(node)) in CONCURRENCY
        ]
        place = within(module, CONCURRENT)
        used |= {place} if found else set()
        problems += [f"{module.where}:{line}: uses {name}" for name, line in found if place is None]
    fail_if(
        problems + unused(CONCURRENT, used), "Ask the call's runtime for it (now, sleep, wait, race, spawn, offload)."
    )


def test_files_stay_small(capsys: pytest.CaptureFixture[str]) -> None:
    """One subject a file."""
    lengths = {module.where: len(module.text.splitlines()) for module in modules().values()}
    long = [f"{where}: {lines} lines" for where, lines in lengths.items() if lines > LONG]
    with capsys.disabled():
        print("".join(f"\ngetting long: {line}" for line in long))
    fail_if(
        [where for where in long if lengths[where.split(":")[0]] > LONGEST],
        f"Split what passes {LONGEST} lines by subject.",
    )


def test_nothing_catches_everything() -> None:
    """Only what is known to be a failure is handled as one: a signal's, Celery's and the user's exceptions pass."""
    problems, used = [], set()
    for module in modules().values():
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = re.findall(r"\w+", ast.unparse(node.type)) if node.type else ["everything"]
            if {"everything", "Exception", "BaseException"} & set(caught) and not reraises(node):
                used.add(module.name)
                if module.name not in CATCHES_ALL:
                    problems.append(f"{module.where}:{node.lineno}: catches {' '.join(caught)} and keeps it")
    fail_if(problems + unused(CATCHES_ALL, used), "Name what is expected, or clean up and `raise`.")


def reraises(node: ast.ExceptHandler | ast.With) -> bool:
    """The handler ends in a bare `raise`, as it is or inside a `with`: it cleans up or translates, hiding nothing."""
    last = node.body[-1]
    return reraises(last) if isinstance(last, ast.With) else isinstance(last, ast.Raise) and last.exc is None


def comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_a_silenced_checker_says_which_rule_and_why() -> None:
    """`# type: ignore[code]  # reason`, and the same for pyright; a comment on the line above does as a reason.

    pyright's reportUnknown… rules are reason enough: they speak of the JSON edge, the one place where Any may be.
    """
    silenced = re.compile(r"(type|pyright): *ignore(?!\[(reportUnknown\w+(, )?)+\])")
    with_rule = re.compile(r"(type|pyright): *ignore\[[\w, -]+\](?P<reason>.*)")
    problems: list[str] = []
    for path in (path for folder in (PACKAGE, "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        lines = source.splitlines()
        for line, text in comments(source) if silenced.search(source) else ():
            rule = with_rule.search(text)
            explained = rule and ("#" in rule["reason"] or lines[line - 2].lstrip().startswith("#"))
            if silenced.search(text) and not explained:
                problems.append(f"{path.relative_to(ROOT).as_posix()}:{line}: {text}")
    fail_if(problems, "Write `# type: ignore[code]  # why`.")


def foreign_private_names(module: Module) -> Iterator[tuple[int, str]]:
    """`import x._y`, `x._y` and `getattr(x, "_y")` where `_y` is another library's, as far as a name can tell.

    Ours is what any class of ours gives itself, for `self._y`; what the same file defines, for `x._y`; so a private
    name of ours that is used across files counts too.
    """
    for name, line in module.imports():
        if not name.startswith(f"{PACKAGE}.") and any(map(is_private, name.split("."))):
            yield line, name
    here = own_private_names(module)
    anywhere = frozenset().union(*map(own_private_names, modules().values()))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            if node.attr not in (anywhere if ast.unparse(node.value) in {"self", "cls"} else here):
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"getattr", "setattr", "hasattr", "delattr"}:
            texts = [str(arg.value) for arg in node.args[1:2] if isinstance(arg, ast.Constant)]
            yield from ((node.lineno, text) for text in texts if is_private(text) and text not in here)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


@functools.cache
def own_private_names(module: Module) -> frozenset[str]:
    """Every private name that the file itself defines: functions, classes, fields, slots, what `self` is given."""
    names = set(module.name.split("."))
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.ClassDef, *FUNCTIONS)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            names.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and node.level:
            names |= {alias.asname or alias.name for alias in node.names}
    return frozenset(filter(is_private, names))


def test_private_names_of_other_libraries_stand_in_one_file() -> None:
    """What may break with another library's next release is in one place for each, with a contract test."""
    problems, used = [], set()
    for module in modules().values():
        used |= {module.name} if module.name in PRIVATE_FILES else set()
        if module.name not in PRIVATE_FILES:
            found = [(line, text) for line, text in foreign_private_names(module) if text not in DOCUMENTED]
            silenced = [(line, text) for line, text in comments(module.text) if "reportPrivateUsage" in text]
            problems += [f"{module.where}:{line}: {text}" for line, text in [*found, *silenced]]
    fail_if(problems + unused(PRIVATE_FILES, used), "Give it a name in one of PRIVATE_FILES, and a contract test.")
