"""A process that has no file handle left: its store fails, its calls do not, and all is well once there are some."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.source import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from resilient_ai.testing import SimulatedProvider

PROGRAM = """
import errno, json, os, resource, sys
import openai
from resilient_ai import Cache, Pipeline, Retry, outcome, wrap
from resilient_ai.stores import SQLiteStore
from resilient_ai.strategies import _shelf

key, base_url, path, closes = sys.argv[1:]
_shelf.BYPASSED = 0.0
events = []
store = SQLiteStore(path)
pipeline = Pipeline.default(Cache(ttl=60, store=store), Retry(attempts=1), listeners=[events.append], isolated=True)
client = wrap(openai.OpenAI(api_key=key, base_url=base_url), pipeline)

def ask(text):
    said = [{"role": "user", "content": text}]
    return outcome(client.chat.completions.create(model="gpt-4o-mini", messages=said)).source

def hog():
    taken = []
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        assert error.errno == errno.EMFILE, error
    return taken

told = [ask("kept"), ask("kept")]
if closes == "closed":
    store.close()
resource.setrlimit(resource.RLIMIT_NOFILE, (100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
taken = hog()
told += [ask("kept"), ask("new")]
for handle in taken:
    os.close(handle)
told += [ask("kept"), ask("new"), ask("new")]
failed = [type(event).__name__ for event in events].count("StoreFailed")
print(json.dumps([told, failed, sorted(os.listdir(os.path.dirname(path)))]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on open files (RLIMIT_NOFILE)")
@pytest.mark.parametrize("file", ["closed", "open"])
def test_calls_go_on(primary: SimulatedProvider, tmp_path: Path, file: str) -> None:
    """Whether the file is to be opened then, or is open."""
    path = tmp_path / "kept" / "cache.sqlite3"
    words = [sys.executable, "-c", PROGRAM, primary.key, primary.base_url, str(path), file]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    told, failed, files = json.loads(done.stdout.splitlines()[-1])
    assert told[:2] == ["fresh", "cache"]
    assert told[2] in (["fresh"] if file == "closed" else ["fresh", "cache"])
    assert told[3] == "fresh"
    assert told[4:] in (["cache", "fresh", "cache"], ["cache", "cache", "cache"])
    assert failed == 1 or (failed == 0 and file == "open")
    assert done.stderr.count("the cache's store failed") == failed
    assert not [name for name in files if "aside" in name or "foreign" in name]
