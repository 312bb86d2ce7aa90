"""Generated content, whole and as a stream of chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..chat import answer_tokens
from ..replies import Event, Json, Reply, as_list, as_object, encode, ok
from ..text import count, seed_of, think, until_stop
from ..tools import ANY, AUTO, NONE, Offer, called
from .validate import turns_of

if TYPE_CHECKING:
    from ..world import Ask, World

_THOUGHT = 12
"""The length of what it thinks, in tokens."""


class _Candidate(NamedTuple):
    """One answer: its parts as they are streamed, each with whether it carries content, and how it ends."""

    parts: list[Json]
    finish: str
    tokens: int
    thought: int


def generate(world: World, ask: Ask) -> Reply:
    """POST models/{model}:generateContent."""
    candidates = _candidates(ask)
    shown = [
        {"content": {"parts": _joined(one.parts), "role": "model"}, "finishReason": one.finish, "index": index}
        for index, one in enumerate(candidates)
    ]
    return ok({"candidates": shown, "usageMetadata": _usage(ask, candidates), **_frame(world, ask)})


def stream(world: World, ask: Ask) -> Reply:
    """POST models/{model}:streamGenerateContent: events with `alt=sse`, else one array of the same chunks."""
    candidates, frame = _candidates(ask), _frame(world, ask)
    chunks: list[tuple[Json, bool]] = []
    if ask.opens:
        chunks.append(({"candidates": [{**empty(), "index": 0}], **frame}, False))
    for index, one in enumerate(candidates):
        for part in one.parts:
            shown = {"content": {"parts": [part], "role": "model"}, "index": index}
            chunks.append(({"candidates": [shown], **frame}, True))
        ending = {**empty(), "finishReason": one.finish, "index": index}
        chunks.append(({"candidates": [ending], "usageMetadata": _usage(ask, candidates), **frame}, False))
    if ask.query.get("alt") != "sse":
        return ok([chunk for chunk, _ in chunks])
    events = [
        Event(b"data: " + encode(chunk) + b"\r\n\r\n", content, content and _is_thought(chunk))
        for chunk, content in chunks
    ]
    return Reply(content_type="text/event-stream", events=events)


def empty() -> Json:
    """Content without a word."""
    return {"content": {"parts": [{"text": ""}], "role": "model"}}


def _is_thought(chunk: Json) -> bool:
    return bool(chunk["candidates"][0]["content"]["parts"][0].get("thought"))


def count_tokens(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """POST models/{model}:countTokens."""
    asked = _asked(as_object(ask.json.get("generateContentRequest")) or ask.json)
    return ok({"totalTokens": asked, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": asked}]})


def _frame(world: World, ask: Ask) -> Json:
    return {"modelVersion": ask.model, "responseId": world.new_id("gemini_")}


def _asked(request: Json) -> int:
    return count([request[name] for name in ("contents", "systemInstruction", "tools") if name in request])


def _usage(ask: Ask, candidates: list[_Candidate]) -> Json:
    asked = _asked(ask.json)
    said, thought = sum(one.tokens for one in candidates), sum(one.thought for one in candidates)
    usage = {"promptTokenCount": asked, "candidatesTokenCount": said, "totalTokenCount": asked + said + thought}
    return {**usage, **({"thoughtsTokenCount": thought} if thought else {})}


def _candidates(ask: Ask) -> list[_Candidate]:
    config = as_object(ask.json.get("generationConfig"))
    return [_candidate(ask, config, index) for index in range(config.get("candidateCount") or 1)]


def _candidate(ask: Ask, config: Json, index: int) -> _Candidate:
    seed = seed_of({**ask.json, "model": ask.model}, index=index)
    thinking = as_object(config.get("thinkingConfig"))
    thoughts: list[Json] = []
    if thinking.get("includeThoughts") or ask.thoughts:
        thoughts = [{"text": token, "thought": True} for token in think(seed, tokens=ask.thoughts or _THOUGHT)]
    if calls := called(_offer(ask.json), seed, ask.tool_rounds):
        made: list[Json] = [
            {"functionCall": {"id": f"call_{call.mark}", "name": call.name, "args": call.arguments}} for call in calls
        ]
        made[0]["thoughtSignature"] = "c2lnbmF0dXJl"  # the vendor signs the first of several
        return _Candidate([*thoughts, *made], "STOP", count([call.arguments for call in calls]), len(thoughts))
    limit = config.get("maxOutputTokens")
    tokens, cut = answer_tokens(seed, schema=_schema(config), limit=limit, length=ask.tokens)
    tokens, _ = until_stop(tokens, as_list(config.get("stopSequences")))
    finish = "MAX_TOKENS" if cut else "STOP"
    return _Candidate([*thoughts, *({"text": token} for token in tokens)], finish, len(tokens), len(thoughts))


def _schema(config: Json) -> Json | None:
    if config.get("responseMimeType") != "application/json":
        return None
    return as_object(config.get("responseJsonSchema")) or _lowered(config.get("responseSchema")) or {}


def _lowered(schema: Any) -> Json:
    """An OpenAPI schema as a JSON schema: its types are in capitals."""
    found = dict(as_object(schema))
    if isinstance(found.get("type"), str):
        found["type"] = found["type"].lower()
    if "properties" in found:
        found["properties"] = {name: _lowered(inner) for name, inner in as_object(found["properties"]).items()}
    if "items" in found:
        found["items"] = _lowered(found["items"])
    if "anyOf" in found:
        found["anyOf"] = [_lowered(inner) for inner in as_list(found["anyOf"])]
    return found


def _offer(request: Json) -> Offer:
    """What the request says of its tools."""
    calling = as_object(as_object(request.get("toolConfig")).get("functionCallingConfig"))
    tools = [as_object(tool) for tool in as_list(request.get("tools"))]
    declared = [as_object(given) for tool in tools for given in as_list(tool.get("functionDeclarations"))]
    allowed = as_list(calling.get("allowedFunctionNames"))
    return Offer(
        [(str(given["name"]), _parameters(given)) for given in declared if not allowed or given["name"] in allowed],
        {"ANY": ANY, "NONE": NONE}.get(str(calling.get("mode")), AUTO),
        True,
        sum(any("functionCall" in part for part in parts) for _, parts in turns_of(as_list(request.get("contents")))),
    )


def _parameters(declared: Json) -> Json:
    return as_object(declared.get("parametersJsonSchema")) or _lowered(declared.get("parameters"))


def _joined(parts: list[Json]) -> list[Json]:
    """Neighbours of one kind as one part, as a whole answer has them."""
    found: list[Json] = []
    for part in parts:
        last = found[-1] if found else {}
        if "text" in part and "text" in last and part.get("thought") == last.get("thought"):
            found[-1] = {**last, "text": last["text"] + part["text"]}
        else:
            found.append(part)
    return found
