"""`import resilient_ai` is cheap and quiet: what an optional feature needs is imported when it is used."""

from __future__ import annotations

import json
import subprocess
import sys

# tenacity, pybreaker and cachetools are base dependencies, but cost 35 ms together: they wait for the first pipeline.
LATE = {
    "anthropic",
    "cachetools",
    "google.genai",
    "httpx2",
    "hypothesis",
    "openai",
    "pybreaker",
    "pytest",
    "redis",
    "rich",
    "tenacity",
    "trio",
    "typer",
}


def loaded_after(statement: str) -> set[str]:
    """The modules of a fresh interpreter once it has run `statement`."""
    script = f"import sys\n{statement}\nimport json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


def test_importing_brings_no_sdk_and_no_extra() -> None:
    """Issue promise: `import resilient_ai` imports no SDK and no extra, and none of the late base dependencies."""
    by_httpx_itself = loaded_after("import httpx")  # rich, for its own command line, where that is installed
    assert (loaded_after("import resilient_ai") - by_httpx_itself) & LATE == set()


def test_every_public_name_is_there() -> None:
    """Names that are looked up lazily are looked up truly."""
    loaded_after("import resilient_ai\nfor name in resilient_ai.__all__: getattr(resilient_ai, name)")


def test_importing_starts_nothing() -> None:
    """Promise 44: importing changes nothing until used: no thread, no handler, no warning filter, no hook."""
    script = (
        "import logging, sys, threading, warnings, httpx\n"
        "def world(): return (threading.enumerate(), list(warnings.filters), logging.getLogger().handlers[:],\n"
        "    sys.excepthook, sys.meta_path[:], httpx.Client.send, httpx.HTTPTransport.handle_request)\n"
        "before = world()\n"
        "import resilient_ai\n"
        "assert world() == before"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
