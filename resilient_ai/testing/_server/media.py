"""Embeddings, models, moderations, images and audio."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from .replies import Event, Json, Refusal, Reply, event, ok
from .text import count, say, seed_of, vector
from .world import Ask, World, listing, now

_DIMENSIONS = {"text-embedding-3-large": 3072}


def embeddings(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """POST /embeddings."""
    asked: Any = ask.json["input"]
    inputs: list[Any] = [asked] if isinstance(asked, str) or (asked and isinstance(asked[0], int)) else asked
    size = ask.json.get("dimensions") or _DIMENSIONS.get(ask.model, 1536)
    as_text = ask.json.get("encoding_format") == "base64"
    data: list[Json] = []
    for index, item in enumerate(inputs):
        values = vector(seed_of({"model": ask.model, "input": item}), size)
        shown = base64.b64encode(struct.pack(f"<{size}f", *values)).decode() if as_text else values
        data.append({"object": "embedding", "index": index, "embedding": shown})
    used = count(asked)
    return ok(
        {"object": "list", "data": data, "model": ask.model, "usage": {"prompt_tokens": used, "total_tokens": used}}
    )


def list_models(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """GET /models."""
    return ok(listing([_model(world, name) for name in world.models]))


def get_model(world: World, ask: Ask) -> Reply:
    """GET /models/{id}."""
    if ask.args[0] not in world.models:
        raise Refusal(404, f"The model '{ask.args[0]}' does not exist", param="model", code="model_not_found")
    return ok(_model(world, ask.args[0]))


def _model(world: World, name: str) -> Json:
    return {"id": name, "object": "model", "created": 1715367049, "owned_by": world.label}


_FLAGS = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent"),
    *("self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors"),
    *("violence", "violence/graphic"),
)


def moderations(world: World, ask: Ask) -> Reply:
    """POST /moderations: nothing is ever flagged."""
    asked: Any = ask.json["input"]
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_FLAGS, False),
        "category_scores": dict.fromkeys(_FLAGS, 1e-05),
        "category_applied_input_types": {name: ["text"] for name in _FLAGS},
    }
    model = ask.model or "omni-moderation-latest"
    return ok(
        {
            "id": world.new_id("modr-"),
            "model": model,
            "results": [result] * (1 if isinstance(asked, str) else len(asked)),
        }
    )


def images(world: World, ask: Ask) -> Reply:
    """POST /images/generations, /images/edits and /images/variations."""
    request, model = ask.json, ask.model or "gpt-image-1"
    seeds = [seed_of({**request, "model": model}, index=index) for index in range(request.get("n") or 1)]
    shown: dict[str, Any] = {"background": "opaque", "output_format": "png", "quality": "low", "size": "1024x1024"}
    usage: Json = {"input_tokens": count(request.get("prompt")), "output_tokens": 272 * len(seeds)}
    usage = {
        **usage,
        "total_tokens": sum(usage.values()),
        "input_tokens_details": {"text_tokens": 0, "image_tokens": 0},
    }
    if request.get("stream"):
        return _image_stream(request, seeds[0], {**shown, "created_at": now()}, usage)
    by_url = model.startswith("dall-e") and request.get("response_format") != "b64_json"
    data = [
        {"url": f"{world.origin}/pictures/{seed:016x}.png"} if by_url else {"b64_json": _b64(seed)} for seed in seeds
    ]
    return ok({"created": now(), "data": data, **({} if by_url else {**shown, "usage": usage})})


def _image_stream(request: Json, seed: int, shown: Json, usage: Json) -> Reply:
    events: list[Event] = []
    for index in range(request.get("partial_images") or 0):
        name = "image_generation.partial_image"
        partial = {"type": name, "partial_image_index": index, "b64_json": _b64(seed + index), **shown}
        events.append(event(partial, content=True, name=name))
    name = "image_generation.completed"
    events.append(event({"type": name, "b64_json": _b64(seed), "usage": usage, **shown}, content=True, name=name))
    return Reply(content_type="text/event-stream; charset=utf-8", events=events, named_events=True)


def picture(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """GET a picture by the URL that was told; as from a blob store, without a key."""
    return Reply(content_type="image/png", body=png(int(ask.args[0], 16)))


def _b64(seed: int) -> str:
    return base64.b64encode(png(seed)).decode()


def png(seed: int) -> bytes:
    """A valid picture of 8 by 8 pixels in a colour of its own."""

    def block(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    row = b"\0" + (seed & 0xFFFFFF).to_bytes(3, "big") * 8
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + block(b"IHDR", header) + block(b"IDAT", zlib.compress(row * 8)) + block(b"IEND", b"")


_AUDIO = {"mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav"}


def speech(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """POST /audio/speech: a quarter of a second of a tone, as WAV whatever was asked for."""
    content_type = _AUDIO.get(ask.json.get("response_format") or "mp3", "application/octet-stream")
    return Reply(content_type=content_type, body=tone(seed_of(ask.json)))


def tone(seed: int) -> bytes:
    """A WAV file of 2,000 samples at 8 kHz."""
    step = 4 + seed % 60
    samples = bytes(128 + (64 if index // step % 2 else -64) for index in range(2000))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)
    return (
        struct.pack("<4sI4s", b"RIFF", 36 + len(samples), b"WAVE") + form + struct.pack("<4sI", b"data", 2000) + samples
    )


def transcriptions(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """POST /audio/transcriptions and /audio/translations."""
    heard = zlib.crc32(ask.files["file"].data)
    text = "".join(say(seed_of({**ask.json, "file": heard}), tokens=20))
    form = ask.json.get("response_format") or "json"
    if form in {"text", "srt", "vtt"}:
        return Reply(content_type="text/plain; charset=utf-8", body=f"{text}\n".encode())
    usage = {"type": "tokens", "input_tokens": 20, "output_tokens": 20, "total_tokens": 40}
    if form == "verbose_json":
        return ok({"task": "transcribe", "language": "english", "duration": 0.25, "text": text, "segments": []})
    if ask.json.get("stream"):
        closing = event({"type": "transcript.text.done", "text": text, "usage": usage})
        words = say(seed_of({**ask.json, "file": heard, "stream": None}), tokens=20)
        events = [event({"type": "transcript.text.delta", "delta": word}, content=True) for word in words]
        return Reply(content_type="text/event-stream; charset=utf-8", events=[*events, closing])
    return ok({"text": text, "usage": usage})
