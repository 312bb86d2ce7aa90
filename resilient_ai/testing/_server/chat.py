"""Chat completions, and the older completions."""

from __future__ import annotations

from typing import Any

from .replies import Event, Json, Reply, as_list, as_object, encode, event, ok
from .text import count, instance, pieces, say, seed_of, think, until_stop
from .tools import ANY, AUTO, NONE, Called, Offer, called
from .world import Ask, World, now


def chat(world: World, ask: Ask) -> Reply:
    """POST /chat/completions."""
    request: Json = {**ask.json, "model": ask.model}
    choices = [_choice(request, index, ask) for index in range(request.get("n") or 1)]
    frame = {
        "id": world.new_id("chatcmpl-"),
        "created": now(),
        "model": ask.model,
        "service_tier": "default",
        "system_fingerprint": f"fp_{world.label}",
    }
    thought = sum(len(choice["thoughts"]) for choice in choices)
    answered = sum(len(choice["tokens"]) for choice in choices)
    usage = _usage(count(request["messages"]), answered + thought, thought)
    if request.get("stream"):
        return Reply(content_type="text/event-stream; charset=utf-8", events=_events(request, frame, choices, usage))
    shown = [
        {"index": index, "message": _message(choice), "logprobs": None, "finish_reason": choice["finish"]}
        for index, choice in enumerate(choices)
    ]
    return ok({**frame, "object": "chat.completion", "choices": shown, "usage": usage})


def offer(request: Json, rounds: int) -> Offer:
    """What a request to either endpoint says of its tools."""
    given = [as_object(tool) for tool in as_list(request.get("tools"))]
    tools = [as_object(tool.get("function", tool)) for tool in given if tool.get("type") == "function"]
    choice: Any = request.get("tool_choice") or "auto"
    named = as_object(as_object(choice).get("function", choice)).get("name")
    forced = {"auto": AUTO, "required": ANY, "none": NONE}.get(choice) if isinstance(choice, str) else str(named)
    return Offer(
        [(str(tool.get("name")), as_object(tool.get("parameters"))) for tool in tools],
        forced,
        request.get("parallel_tool_calls") is not False,
        rounds,
    )


def wanted_schema(form: Any, *, inner: str | None = None) -> Json | None:
    """The JSON schema the text must follow; an empty one if any JSON will do, None if it is plain text."""
    asked = as_object(form)
    if asked.get("type", "text") == "text":
        return None
    return as_object((as_object(asked.get(inner)) if inner else asked).get("schema"))


def answer_tokens(seed: int, *, schema: Json | None, limit: int | None, length: int) -> tuple[list[str], bool]:
    """The text as tokens, and whether the limit cut it. With a schema (it may be empty), the text is JSON."""
    if schema is None:
        tokens = say(seed, tokens=length)
    else:
        tokens = pieces(
            encode(instance(schema or {"type": "object", "properties": {"answer": {}}}, seed=seed)).decode()
        )
    cut = limit is not None and limit < len(tokens)
    return (tokens[:limit] if cut else tokens), cut


def _choice(request: Json, index: int, ask: Ask) -> Json:
    """What one choice says: what it thinks, its tokens, the tools it calls if any, and how it ends."""
    seed = seed_of(request, index=index)
    thoughts = think(seed, tokens=ask.thoughts)
    rounds = sum(bool(as_object(message).get("tool_calls")) for message in as_list(request.get("messages")))
    calls = called(offer(request, rounds), seed, ask.tool_rounds)
    if calls:
        told = [piece for call in calls for piece in call.pieces]
        return {"tokens": told, "calls": calls, "finish": "tool_calls", "thoughts": thoughts}
    schema = wanted_schema(request.get("response_format"), inner="json_schema")
    limit: int | None = request.get("max_completion_tokens") or request.get("max_tokens")
    tokens, cut = answer_tokens(seed, schema=schema, limit=limit, length=ask.tokens)
    tokens, stopped = until_stop(tokens, as_list(request.get("stop")) or [request.get("stop")])
    finish = "length" if cut and stopped is None else "stop"
    return {"tokens": tokens, "calls": [], "finish": finish, "thoughts": thoughts}


def _message(choice: Json) -> Json:
    text = "".join(choice["tokens"])
    message: Json = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    if choice["thoughts"]:
        message["reasoning_content"] = "".join(choice["thoughts"])
    if not choice["calls"]:
        return message
    return {**message, "content": None, "tool_calls": [_call(call, call.text) for call in choice["calls"]]}


def _call(call: Called, arguments: str) -> Json:
    return {"id": f"call_{call.mark}", "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _events(request: Json, frame: Json, choices: list[Json], usage: Json) -> list[Event]:
    with_usage = bool(as_object(request.get("stream_options")).get("include_usage"))
    frame = {**frame, "object": "chat.completion.chunk"}
    events: list[Event] = []

    def chunk(
        index: int, delta: Json, finish: str | None = None, *, content: bool = False, thought: bool = False
    ) -> None:
        shown = [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}]
        usage_field = {"usage": None} if with_usage else {}
        events.append(event({**frame, "choices": shown, **usage_field}, content=content, thought=thought))

    for index, choice in enumerate(choices):
        opening, *parts = _deltas(choice)
        chunk(index, opening)
        for thought in choice["thoughts"]:  # as DeepSeek, vLLM and the like tell it
            chunk(index, {"reasoning_content": thought}, content=True, thought=True)
        for part in parts:
            chunk(index, part, content=True)
        chunk(index, {}, choice["finish"])
    if with_usage:
        events.append(event({**frame, "choices": [], "usage": usage}))
    return [*events, Event(b"data: [DONE]\n\n")]


def _deltas(choice: Json) -> list[Json]:
    """The opening, then the content."""
    if not choice["calls"]:
        return [{"role": "assistant", "content": "", "refusal": None}, *({"content": one} for one in choice["tokens"])]
    parts: list[Json] = []
    for index, call in enumerate(choice["calls"]):
        parts.append({"tool_calls": [{"index": index, **_call(call, "")}]})
        parts += [{"tool_calls": [{"index": index, "function": {"arguments": one}}]} for one in call.pieces]
    return [{"role": "assistant", "content": None, **parts[0]}, *parts[1:]]


def _usage(asked: int, answered: int, thought: int = 0) -> Json:
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": thought,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def completions(world: World, ask: Ask) -> Reply:
    """POST /completions."""
    request: Json = {**ask.json, "model": ask.model}
    limit: int = request.get("max_tokens") or 16  # the vendor's own default
    tokens = say(seed_of(request), tokens=ask.tokens)
    finish = "length" if limit < ask.tokens else "stop"
    frame = {"id": world.new_id("cmpl-"), "object": "text_completion", "created": now(), "model": ask.model}
    frame["system_fingerprint"] = f"fp_{world.label}"

    def choice(text: str, ending: str | None) -> Json:
        return {"text": text, "index": 0, "logprobs": None, "finish_reason": ending}

    if request.get("stream"):
        events = [event({**frame, "choices": [choice(token, None)]}, content=True) for token in tokens[:limit]]
        closing = [event({**frame, "choices": [choice("", finish)]}), Event(b"data: [DONE]\n\n")]
        return Reply(content_type="text/event-stream; charset=utf-8", events=[*events, *closing])
    usage = _usage(count(request["prompt"]), min(limit, len(tokens)))
    return ok({**frame, "choices": [choice("".join(tokens[:limit]), finish)], "usage": usage})
