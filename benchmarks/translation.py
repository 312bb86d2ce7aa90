"""What translating costs: a request of 20 messages, and an event of a stream, from each dialect into each other.

    python -m benchmarks.translation [--rounds 300]

Prints CPU µs, the least of seventy short runs each: of a request with its JSON read and written, beside that JSON
alone; of an event with all that is done to it before it is handed on (taken apart, read, written, and read as the
caller's stream).
"""

from __future__ import annotations

import argparse
import json
from time import process_time
from timeit import repeat
from typing import TYPE_CHECKING, Any

from resilient_ai.failures import FailureKind
from resilient_ai.providers.codecs.base import Asked, refusing
from resilient_ai.providers.codecs.table import TONGUES, Pair, translation
from resilient_ai.providers.codecs.turn import StreamTurn, Turned
from resilient_ai.providers.registry import DIALECTS
from resilient_ai.providers.streams.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODELS = {
    "openai-chat": "gpt-4o-mini",
    "openai-responses": "gpt-4o-mini",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
}
WORDS = "some words of a conversation, with a few more of them to be as long as usual"
TURNS: list[dict[str, Any]] = [
    {"role": "assistant" if turn % 2 else "user", "content": f"{turn} {WORDS}"} for turn in range(19)
]
REQUESTS: dict[tuple[str, str], dict[str, Any]] = {
    ("openai", "chat"): {
        "model": "gpt-4o",
        "messages": [{"role": "system", "content": "be kind"}, *TURNS],
        "max_tokens": 100,
    },
    ("openai", "responses"): {"model": "gpt-4o", "instructions": "be kind", "input": TURNS, "max_output_tokens": 100},
    ("anthropic", "messages"): {"model": "claude", "system": "be kind", "messages": TURNS, "max_tokens": 100},
    ("gemini", "generate_content"): {
        "systemInstruction": {"parts": [{"text": "be kind"}]},
        "contents": [
            {"role": "model" if turn["role"] == "assistant" else "user", "parts": [{"text": turn["content"]}]}
            for turn in TURNS
        ],
    },
}


def _event(name: str, fields: dict[str, Any], end: bytes = b"\n\n") -> bytes:
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + json.dumps(fields).encode() + end


def _chunk(delta: dict[str, Any]) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return _event("", {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})


_MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
_USAGE = {"usage": {"input_tokens": 1, "output_tokens": 1}}
_TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
_DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " word"}}
_PART = {"candidates": [{"content": {"parts": [{"text": " word"}], "role": "model"}, "index": 0}], "responseId": "r"}
STREAMS: dict[str, tuple[bytes, bytes]] = {
    "openai-chat": (_chunk({"role": "assistant", "content": ""}), _chunk({"content": " word"})),
    "anthropic": (
        _event("message_start", {"type": "message_start", "message": _MESSAGE | _USAGE})
        + _event("content_block_start", _TEXT),
        _event("content_block_delta", _DELTA),
    ),
    "gemini": (b"", _event("", _PART, b"\r\n\r\n")),
}
"""How each begins, and the event that is measured."""


def _least(do: Callable[[], object], rounds: int) -> float:
    few = max(rounds // 10, 1)
    return min(repeat(do, timer=process_time, number=few, repeat=70)) / few * 1e6


def _pairs(spoken: str) -> Iterator[tuple[tuple[str, str], Pair]]:
    for of in REQUESTS:
        pair = translation(*of, spoken)
        if pair is not None and pair.ours is not pair.theirs:
            yield of, pair


def _request(body: bytes, pair: Pair, model: str) -> bytes:
    request = pair.ours.read_request(Asked(json.loads(body), "m", False), refusing)
    request.model = model
    return json.dumps(pair.theirs.write_request(request, refusing, None).body, separators=(",", ":")).encode()


def _judge(_raw: bytes) -> FailureKind:
    return FailureKind.BROKEN


def _turned(of: tuple[str, str], spoken: str, pair: Pair) -> Turned:
    tongue = TONGUES[spoken]
    grammar = DIALECTS[tongue.dialect].streams[tongue.into or ""]
    turn = StreamTurn(pair, grammar, Asked(REQUESTS[of], "m", True), _judge)
    return Turned(turn, Reading(DIALECTS[of[0]].streams[of[1]]))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=300)
    rounds: int = parser.parse_args().rounds
    for spoken, model in MODELS.items():
        for of, pair in _pairs(spoken):
            body = json.dumps(REQUESTS[of]).encode()
            whole = _least(lambda body=body, pair=pair, model=model: _request(body, pair, model), rounds)
            bare = _least(lambda body=body: json.dumps(json.loads(body), separators=(",", ":")).encode(), rounds)
            print(f"request  {of[1]:>16} -> {spoken:<16} {whole:6.1f} µs, of these JSON {bare:5.1f}")
    for spoken, (first, event) in STREAMS.items():
        for of, pair in _pairs(spoken):
            passing = _turned(of, spoken, pair)
            passing.feed(first)
            each = _least(lambda passing=passing, event=event: passing.feed(event), rounds * 5)
            assert passing.begun, f"{spoken} -> {of}: {passing.fault}"
            print(f"event    {spoken:>16} -> {of[1]:<16} {each:6.1f} µs")


if __name__ == "__main__":
    main()
