"""The event streams' layer under a fuzzer that is led by coverage: any bytes in any chunking.

    nox -s fuzz -- -max_total_time=600

The decoder gives the events of a plain reading of the standard, whatever the chunks, and no byte is lost; no stream of
any dialect makes its reader raise, or say something else because its chunks are others. What is kept of one is what was
handed on, up to its end; turned over into a plain answer and back into a stream, it says the same, or nothing.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from .reference import reference

atheris: Any = importlib.import_module("atheris")  # untyped, and installed where it fuzzes only

with atheris.instrument_imports(include=["resilient_ai"]):
    from resilient_ai.providers.forms.base import PLAIN, USAGE
    from resilient_ai.providers.forms.table import turned
    from resilient_ai.providers.registry import DIALECTS
    from resilient_ai.providers.sse import EventDecoder
    from resilient_ai.providers.streams.gist import GISTS
    from resilient_ai.providers.streams.reading import Reading
    from resilient_ai.providers.streams.recorded import Recorded

CASES = [(dialect, family) for dialect in sorted(DIALECTS) for family in sorted(DIALECTS[dialect].streams)]
GOLDEN = Path(__file__).parent.parent / "wire" / "in_streams.json"
WORDS = (
    *("data: ", "event: ", "id: 1", ": ping", "[DONE]", "message_stop", "error", "response.completed", "choices"),
    *("delta", "content", "finish_reason", "candidates", "finishReason", "parts", "text", "type", "index", "null"),
)


def _cut(stream: bytes, sizes: list[int]) -> list[bytes]:
    chunks, at = list[bytes](), 0
    for size in sizes:
        chunks.append(stream[at : at + size])
        at += size
    return [*chunks, stream[at:]]


def _decoded(chunks: list[bytes], whole: bytes) -> None:
    decoder = EventDecoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    rest = decoder.end()
    assert b"".join([*(event.raw for event in events), rest.raw if rest else b""]) == whole
    assert [(event.name, event.data) for event in events if event.data] == reference(whole)


def _read(case: tuple[str, str], chunks: list[bytes]) -> tuple[object, ...]:
    reading = Reading(DIALECTS[case[0]].streams[case[1]])
    passed = b"".join([*(reading.feed(chunk) for chunk in chunks), reading.end()])
    error = reading.error
    if error is not None:
        DIALECTS[case[0]].told_in_stream(error)
    # Without its line ends: of a last one in two pieces, the second may come later.
    return passed, reading.seen, reading.begun, None if error is None else error.rstrip(), reading.fault


def _kept(case: tuple[str, str], chunks: list[bytes]) -> None:
    reading = Recorded(DIALECTS[case[0]].streams[case[1]], None, GISTS.get(case))
    passed = b"".join([*(reading.feed(chunk) for chunk in chunks), reading.end()])
    kept = reading.take()
    assert kept is None or (reading.seen and passed.startswith(kept))
    answer = None if kept is None else turned(kept, USAGE, PLAIN, *case)
    stream = None if answer is None else turned(answer, PLAIN, USAGE, *case)
    assert (
        stream is None or answer is None or json.loads(answer) == json.loads(turned(stream, USAGE, PLAIN, *case) or b"")
    )


def one(data: bytes) -> None:
    """One stream, in the chunks that its first bytes say, and whole."""
    given = atheris.FuzzedDataProvider(data)
    case: tuple[str, str] = CASES[given.ConsumeIntInRange(0, len(CASES) - 1)]
    sizes = given.ConsumeIntListInRange(given.ConsumeIntInRange(0, 8), 0, 40)
    stream = given.ConsumeBytes(given.remaining_bytes())
    chunks = _cut(stream, sizes)
    _decoded(chunks, stream)
    assert _read(case, chunks) == _read(case, [stream])
    _kept(case, chunks)


def main() -> None:
    """Fuzz until told otherwise: arguments are libFuzzer's."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for number, row in enumerate(json.loads(GOLDEN.read_text())["errors"]):
            corpus.joinpath(str(number)).write_bytes(row["text"].encode() + bytes(10))
        words = Path(folder, "words")
        words.write_text("".join(f'"{word}"\n' for word in WORDS))
        arguments = [sys.argv[0], str(corpus), f"-dict={words}", "-max_len=2000", "-timeout=10", *sys.argv[1:]]
        atheris.Setup(arguments, one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
