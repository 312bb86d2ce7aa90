"""Every check of this repository, each in an environment of its own.

`nox` runs all tests, those that meet an SDK on both HTTP stacks of the OpenAI SDK; `nox -s lint` checks style, types
and floors; `nox -s lowest` runs them on the oldest dependencies that pyproject.toml admits; `nox -s fuzz` fuzzes;
`nox -s clock` throws the wall clock about, for which it compiles libfaketime; `nox -s redis` wants a redis-server or a
valkey-server on the path. Arguments after `--` go to pytest: `nox -s tests -- -k breaker`. For all else, only Python
and the package index are needed.
"""

import re

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["tests", "tests_openai2"]
nox.options.error_on_external_run = True

LOADS = [f"tests/sdk/test_{name}.py" for name in ("load", "storms", "mute", "streams_left", "single_flight_cache")]
"""Many callers at once: what they show is the engine's, and the same on either stack. They have the machine to
themselves."""
SHARED = ("-n", "3", "--dist", "loadfile")
"""All else waits for sockets most of its time, so three processes share it; a file's tests stay together."""
APART = (
    *("bounds", "late_timers", "server", "single_flight", "streams_thinking", "flights_end_in_the_cache"),
    *("egress_kept", "egress_ways", "matrix", "own_ways", "signed_hosts", "sticky_and_accept"),
    *("translated_faults", "translated_genai", "translated_refusals"),
)
"""What takes long, and is the engine's own: tested on one stack."""
HTTP_TESTS = [
    "tests/sdk",
    "tests/transports/test_private_names.py",  # the rest of it is run on both stacks wherever both are installed
    "tests/transports/test_pool.py",
    "tests/test_import.py",
    *(f"--ignore=tests/sdk/test_{name}.py" for name in APART),
    *(f"--ignore={file}" for file in LOADS),
]

PYPROJECT = nox.project.load_toml("pyproject.toml")


def lower_bounds(requirements: list[str]) -> list[str]:
    """`["httpx>=0.27,<0.29"]` as `["httpx==0.27"]`: pyproject.toml stays the only place that names a version."""
    return [re.sub(r"^([\w-]+)>=([\d.]+).*$", r"\1==\2", requirement) for requirement in requirements]


@nox.session
def tests(session: nox.Session) -> None:
    """All tests on openai 3, which stands on httpx2, and under every other SDK."""
    session.install(".[test,test-sdks,httpx2]", "openai>=3,<4")
    _all_tests(session)


def _all_tests(session: nox.Session) -> None:
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("pytest", *SHARED, *(f"--ignore={file}" for file in LOADS))
    session.run("pytest", *LOADS)


@nox.session
def tests_openai2(session: nox.Session) -> None:
    """What meets an SDK or an http package, on openai 2, which stands on httpx, in a world without httpx2.

    With it the SDKs that fit into that world. All else knows neither, and is tested once.
    """
    session.install(".[test,test-sdks-httpx]", "openai>=2.50,<3")
    session.run("python", "-c", "import importlib.util as u; raise SystemExit(u.find_spec('httpx2') is not None)")
    session.run("pytest", *(session.posargs or (*SHARED, *HTTP_TESTS)))


@nox.session
def lowest(session: nox.Session) -> None:
    """All tests on the lowest version of each base dependency, and of what the command line needs."""
    project = PYPROJECT["project"]
    oldest = lower_bounds(project["dependencies"] + project["optional-dependencies"]["cli"])
    session.install(".[test]", *oldest)
    _all_tests(session)


@nox.session
def clock(session: nox.Session) -> None:
    """What wants libfaketime."""
    session.install(".[test,httpx2]", "openai>=3,<4", "libfaketime>=3")
    session.run("pytest", *(session.posargs or ["tests/promises/test_clock.py"]))


@nox.session
def redis(session: nox.Session) -> None:
    """What wants a server: elsewhere it is skipped where there is none, here it must be there."""
    session.install(".[test,redis,httpx2]", "openai>=3,<4")
    files = ["tests/unit/stores", "tests/cli/test_cache.py", "tests/promises/test_stores.py"]
    wanted = session.posargs or [*SHARED, *files, "-k", "redis or hangs or full"]
    session.run("pytest", *wanted, env={"REDIS_MUST_BE_THERE": "1"})


@nox.session
def fuzz(session: nox.Session) -> None:
    """The event streams' layer under a fuzzer that is led by coverage, for 15 s; arguments go to libFuzzer."""
    session.install(".[test]", *nox.project.dependency_groups(PYPROJECT, "fuzz"))
    session.run("python", "-m", "tests.fuzz.sse", *(session.posargs or ["-max_total_time=15"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types and the rules of the house; changes nothing."""
    tools = nox.project.dependency_groups(PYPROJECT, "lint")
    session.install(".[test,httpx2,redis]", "openai>=3,<4", *tools)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("pyright")
    session.run("mypy")
    session.run("pytest", "tests/test_architecture.py", "tests/test_public_surface.py", *session.posargs)
