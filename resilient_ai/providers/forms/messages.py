"""Anthropic's Messages: blocks that are opened, told in pieces and closed.

Source: the types of anthropic-python 2.12, and how its stream helper puts events together.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..streams.base import items, members
from .base import Form, Inexact, Joined, Told

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MESSAGES"]

_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "server_tool_use",
    "output_tokens_details",
    "iterations",
)
"""The usage that is told at the end; the rest at the beginning."""
_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_LAST = ("stop_reason", "stop_sequence", "stop_details")


def _told(answer: dict[str, Any], usage: bool) -> list[Told]:  # noqa: ARG001  # it is always told
    if not answer.get("stop_reason"):
        raise Inexact("it has no end")
    told: dict[str, Any] = answer["usage"]
    last = {name: answer[name] for name in _LAST if name in answer}
    opening: dict[str, Any] = {**answer, "content": [], **dict.fromkeys(last), "usage": {**told, "output_tokens": 0}}
    end: dict[str, Any] = {
        "type": "message_delta",
        "delta": {"stop_sequence": None, **last},
        "usage": {"output_tokens": told["output_tokens"]} | {name: told[name] for name in _COUNTS if name in told},
    }
    events: list[dict[str, Any]] = [{"type": "message_start", "message": opening}]
    for index, block in enumerate(answer["content"]):
        events += _block(block, index)
    events += [end, {"type": "message_stop"}]
    return [Told(event["type"], event) for event in events]


def _block(block: dict[str, Any], index: int) -> list[dict[str, Any]]:
    opening, deltas = _opened(block)
    return [
        {"type": "content_block_start", "index": index, "content_block": opening},
        *[{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas],
        {"type": "content_block_stop", "index": index},
    ]


def _opened(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A block as it is opened, and what is told of it then. What has no deltas is all there at once."""
    kind = block["type"]
    if kind == "text":
        cited = items(block.get("citations"))
        deltas: list[dict[str, Any]] = [{"type": "citations_delta", "citation": citation} for citation in cited]
        opening: dict[str, Any] = {**block, "text": "", **({"citations": list[Any]()} if cited else {})}
        return opening, [*_piece("text_delta", "text", block["text"]), *deltas]
    if kind == "thinking":
        signed = _piece("signature_delta", "signature", block["signature"])
        return {**block, "thinking": "", "signature": ""}, [
            *_piece("thinking_delta", "thinking", block["thinking"]),
            *signed,
        ]
    if kind in _CALLS:
        given = json.dumps(block["input"], separators=(",", ":"), allow_nan=False) if block["input"] else ""
        pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in dict.fromkeys(("", given))]
        return {**block, "input": {}}, pieces
    return block, []


def _piece(kind: str, field: str, text: str) -> list[dict[str, Any]]:
    return [{"type": kind, field: text}] if text else []


class _Block:
    """A block that is put together."""

    def __init__(self, opening: dict[str, Any]) -> None:
        self._fields = opening
        self._texts = Joined()
        for name in ("text", "thinking"):
            if opening.get(name):
                self._texts.add(name, opening[name])
        self.closed = False

    def took(self, delta: dict[str, Any]) -> None:
        kind, of = delta["type"], self._fields["type"]
        if self.closed:
            raise Inexact("a block goes on behind its end")
        if (kind, of) == ("text_delta", "text"):
            self._texts.add("text", delta["text"])
        elif (kind, of) == ("thinking_delta", "thinking"):
            self._texts.add("thinking", delta["thinking"])
        elif (kind, of) == ("signature_delta", "thinking"):
            self._fields = {**self._fields, "signature": delta["signature"]}
        elif (kind, of) == ("citations_delta", "text"):
            self._fields = {**self._fields, "citations": [*items(self._fields.get("citations")), delta["citation"]]}
        elif kind == "input_json_delta" and of in _CALLS:
            self._texts.add("input", delta["partial_json"])
        else:
            raise Inexact(f"{kind} in {of}")

    def whole(self) -> dict[str, Any]:
        if not self.closed:
            raise Inexact("a block has no end")
        texts: dict[str, Any] = self._texts.whole()
        given = texts.pop("input", None)
        if given:
            texts["input"] = json.loads(given)
            if not isinstance(texts["input"], dict):
                raise Inexact("a tool's input is no object")
        return {**self._fields, **texts}


def _read(events: Sequence[Told]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    blocks: dict[int, _Block] = {}
    for name, event in events:
        kind = event.get("type") or name
        if kind == "message_start":
            answer = {**event["message"]}
        elif kind == "content_block_start":
            if event["index"] != len(blocks):
                raise Inexact("a block is missing")
            blocks[event["index"]] = _Block(event["content_block"])
        elif kind == "content_block_delta":
            blocks[event["index"]].took(event["delta"])
        elif kind == "content_block_stop":
            blocks[event["index"]].closed = True
        elif kind == "message_delta":
            _ending(answer, event)
        elif kind not in ("ping", "message_stop"):
            raise Inexact(f"nobody knows what {kind} says")
    if answer["content"] or not answer.get("stop_reason"):
        raise Inexact("it has no beginning, or no end")
    answer["content"] = [block.whole() for block in blocks.values()]
    return answer


def _ending(answer: dict[str, Any], event: dict[str, Any]) -> None:
    """Counts are of the whole so far: the last ones hold, of those that are told."""
    told = {name: value for name, value in members(event.get("usage")).items() if value is not None}
    answer["usage"] = {**answer["usage"], **told}
    ending = {**event["delta"], **{name: event[name] for name in event if name not in ("type", "delta", "usage")}}
    answer.update({name: value for name, value in ending.items() if value is not None or name in _LAST})


MESSAGES = Form(told=_told, read=_read)
