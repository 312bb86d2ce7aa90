"""Messages, whole and as the published sequence of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..chat import answer_tokens
from ..replies import Event, Json, Reply, as_list, as_object, event, ok
from ..text import count, seed_of, think, until_stop
from ..tools import ANY, AUTO, NONE, Called, Offer, called

if TYPE_CHECKING:
    from ..world import Ask, World

_THOUGHT = 12
"""The length of what it thinks, in tokens."""


class _Block(NamedTuple):
    """One block of the answer: as it begins, as it is whole, and the deltas between."""

    opening: Json
    whole: Json
    deltas: list[Json]
    tokens: int


def create(world: World, ask: Ask) -> Reply:
    """POST /v1/messages."""
    request = ask.json
    blocks, reason, stopped = _answer(request, ask)
    asked = _asked(request)
    thought = sum(block.tokens for block in blocks if block.whole["type"] == "thinking")
    usage: Json = {
        "input_tokens": asked,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": sum(block.tokens for block in blocks),
        "output_tokens_details": {"thinking_tokens": thought},
        "service_tier": "standard",
    }
    body: Json = {
        "id": world.new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": [block.whole for block in blocks],
        "stop_reason": reason,
        "stop_sequence": stopped,
        "stop_details": None,
        "usage": usage,
    }
    if request.get("stream"):
        events = _events(body, blocks)
        return Reply(content_type="text/event-stream; charset=utf-8", events=events, named_events=True)
    return ok(body)


def count_tokens(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """POST /v1/messages/count_tokens."""
    return ok({"input_tokens": _asked(ask.json)})


def _asked(request: Json) -> int:
    return count([request[name] for name in ("messages", "system", "tools") if request.get(name) is not None])


def _answer(request: Json, ask: Ask) -> tuple[list[_Block], str, str | None]:
    """The blocks, the reason it stops, and the stop sequence if one was met."""
    seed = seed_of(request)
    thoughts = _thoughts(request, seed, ask.thoughts)
    if calls := called(_offer(request), seed, ask.tool_rounds):
        return [*thoughts, *map(_called, calls)], "tool_use", None
    form = as_object(as_object(request.get("output_config")).get("format"))
    schema = as_object(form.get("schema")) if form.get("type") == "json_schema" else None
    limit = int(request["max_tokens"])
    tokens, cut = answer_tokens(seed, schema=schema, limit=limit, length=ask.tokens)
    tokens, stopped = until_stop(tokens, as_list(request.get("stop_sequences")))
    reason = "stop_sequence" if stopped is not None else "max_tokens" if cut else "end_turn"
    if not tokens:
        return thoughts, reason, stopped
    text: Json = {"type": "text", "text": ""}
    deltas = [{"type": "text_delta", "text": token} for token in tokens]
    block = _Block(text, {**text, "text": "".join(tokens)}, deltas, len(tokens))
    return [*thoughts, block], reason, stopped


def _thoughts(request: Json, seed: int, wanted: int) -> list[_Block]:
    """A thinking block if thinking is on; with `display: omitted` an empty one, which is signed all the same.

    wanted: so many tokens have to be told, whatever was asked for.
    """
    thinking = as_object(request.get("thinking"))
    if thinking.get("type") not in ("enabled", "adaptive") and not wanted:
        return []
    omitted = thinking.get("display") == "omitted" and not wanted
    tokens = [] if omitted else think(seed, tokens=wanted or _THOUGHT)
    opening: Json = {"type": "thinking", "thinking": "", "signature": ""}
    signature = f"sig_{seed:016x}"
    deltas = [{"type": "thinking_delta", "thinking": token} for token in tokens]
    whole = {**opening, "thinking": "".join(tokens), "signature": signature}
    return [_Block(opening, whole, [*deltas, {"type": "signature_delta", "signature": signature}], wanted or _THOUGHT)]


def _offer(request: Json) -> Offer:
    """What the request says of its tools."""
    choice = as_object(request.get("tool_choice"))
    tools = [as_object(tool) for tool in as_list(request.get("tools"))]
    turns = [as_list(as_object(turn).get("content")) for turn in as_list(request.get("messages"))]
    return Offer(
        [(str(tool.get("name")), as_object(tool.get("input_schema"))) for tool in tools],
        {"auto": AUTO, "any": ANY, "none": NONE}.get(str(choice.get("type", "auto")), str(choice.get("name"))),
        not choice.get("disable_parallel_tool_use"),
        sum(any(as_object(block).get("type") == "tool_use" for block in turn) for turn in turns),
    )


def _called(call: Called) -> _Block:
    opening: Json = {"type": "tool_use", "id": f"toolu_{call.mark}", "name": call.name, "input": {}}
    deltas = [{"type": "input_json_delta", "partial_json": part} for part in ("", *call.pieces)]
    return _Block(opening, {**opening, "input": call.arguments}, deltas, len(call.pieces))


def _events(body: Json, blocks: list[_Block]) -> list[Event]:
    usage: Json = body["usage"]
    opening: Json = {
        **body,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 1},
    }
    told: list[tuple[Json, bool]] = [({"type": "message_start", "message": opening}, False)]
    for index, block in enumerate(blocks):
        told.append(({"type": "content_block_start", "index": index, "content_block": block.opening}, False))
        if index == 0:
            told.append(({"type": "ping"}, False))
        told += [
            ({"type": "content_block_delta", "index": index, "delta": delta}, _carries(delta)) for delta in block.deltas
        ]
        told.append(({"type": "content_block_stop", "index": index}, False))
    ending = {"stop_reason": body["stop_reason"], "stop_sequence": body["stop_sequence"], "stop_details": None}
    told.append(({"type": "message_delta", "delta": ending, "usage": usage}, False))
    told.append(({"type": "message_stop"}, False))
    return [
        event(item, content=content, thought=content and "thinking" in item["delta"], name=item["type"])
        for item, content in told
    ]


def _carries(delta: Json) -> bool:
    """Whether a delta carries content: the first one of a tool's arguments is empty, a signature says nothing."""
    return bool(delta.get("text") or delta.get("partial_json") or delta.get("thinking"))
