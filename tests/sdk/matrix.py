"""What a program can ask, in each SDK's own words, and what must be true of the answer and of what the vendor got."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Fallback, Pipeline, Retry, outcome, wrap
from resilient_ai.providers.codecs.table import TONGUES
from resilient_ai.testing import Fault

from .modes import MODES, Mode
from .sdks import installed
from .translated import ANTHROPIC, CALLERS, CHAT, DIALECTS, GENAI, RESPONSES, Caller, providers, target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from resilient_ai.testing import SimulatedProvider, Simulator

__all__ = ["FEATURES", "FORMS", "READERS", "TOOLS", "Cell", "Feature", "Found", "Read", "cells", "measured"]

LONG = 60
"""Tokens of an answer that is not to be cut."""
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
STOPPED = ("stop", "stop_sequence", "STOP", "end_turn")
"""Why an answer ended. (Anthropic tells a stop sequence from an end by itself; who answers in its place may not.)"""
NAMES = ("weather", "clock")
FORMS = ("plain", "stream")


@dataclass(slots=True)
class Read:
    """An answer, of whichever SDK: its words and its calls by name."""

    text: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])
    """The id, the name and the arguments, parsed, of each."""
    ended: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Feature:
    """Something that is asked for.

    Attributes:
        name: as it stands in the table.
        ask: by the name of a caller: what is added to its call; of one that has no such thing, nothing.
        right: whether an answer is what was asked for.
        got: texts that the vendor that answers must have got.
    """

    name: str
    ask: dict[str, dict[str, Any]]
    right: Callable[[Read], bool]
    got: tuple[str, ...] = ()


def _words(read: Read) -> bool:
    return bool(read.text) and not read.calls


def _part(text: str) -> dict[str, Any]:
    return {"text": text}


SYSTEM, FIRST, SECOND, THIRD = (
    "canary-of-the-system",
    "canary-of-turn-one",
    "canary-of-turn-two",
    "canary-of-turn-three",
)
TURNS: list[Any] = [
    {"role": "user", "content": FIRST},
    {"role": "assistant", "content": SECOND},
    {"role": "user", "content": THIRD},
]
PICTURE = {"mime_type": "image/png", "data": PIXEL}
RESULTS = ("canary-of-the-weather", "canary-of-the-clock")
ARGUMENTS = {"city": "Ulm", "days": 3}

TOOLS: dict[str, Any] = {
    "chat": [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in NAMES],
    "responses": [{"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in NAMES],
    "anthropic": [{"name": name, "input_schema": SCHEMA} for name in NAMES],
    "genai": [{"function_declarations": [{"name": name, "parameters_json_schema": SCHEMA} for name in NAMES]}],
}
CALLED: dict[str, list[Any]] = {
    "chat": [
        {"role": "user", "content": FIRST},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": f"call_{n}|odd",
                    "type": "function",
                    "function": {"name": name, "arguments": json.dumps(ARGUMENTS)},
                }
                for n, name in enumerate(NAMES)
            ],
        },
        *({"role": "tool", "tool_call_id": f"call_{n}|odd", "content": text} for n, text in enumerate(RESULTS)),
    ],
    "responses": [
        {"role": "user", "content": FIRST},
        *(
            {"type": "function_call", "call_id": f"call_{n}|odd", "name": name, "arguments": json.dumps(ARGUMENTS)}
            for n, name in enumerate(NAMES)
        ),
        *(
            {"type": "function_call_output", "call_id": f"call_{n}|odd", "output": text}
            for n, text in enumerate(RESULTS)
        ),
    ],
    "anthropic": [
        {"role": "user", "content": FIRST},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": ARGUMENTS}
                for n, name in enumerate(NAMES)
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": f"toolu_{n}", "content": text} for n, text in enumerate(RESULTS)
            ],
        },
    ],
    "genai": [
        {"role": "user", "parts": [_part(FIRST)]},
        {
            "role": "model",
            "parts": [
                {"function_call": {"name": name, "args": ARGUMENTS}, "thought_signature": b"signed"} for name in NAMES
            ],
        },
        {
            "role": "user",
            "parts": [
                {"function_response": {"name": name, "response": {"output": text}}}
                for name, text in zip(NAMES, RESULTS, strict=True)
            ],
        },
    ],
}

FEATURES = (
    Feature(name="text", ask={caller.name: {} for caller in CALLERS}, right=_words),
    Feature(
        name="system message",
        ask={
            "chat": {"messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": FIRST}]},
            "responses": {"instructions": SYSTEM, "input": FIRST},
            "anthropic": {"system": SYSTEM, "messages": [{"role": "user", "content": FIRST}]},
            "genai": {"config": {"system_instruction": SYSTEM}, "contents": FIRST},
        },
        right=_words,
        got=(SYSTEM, FIRST),
    ),
    Feature(
        name="several turns",
        ask={
            "chat": {"messages": TURNS},
            "responses": {"input": TURNS},
            "anthropic": {"messages": TURNS},
            "genai": {
                "contents": [
                    {"role": "user", "parts": [_part(FIRST)]},
                    {"role": "model", "parts": [_part(SECOND)]},
                    {"role": "user", "parts": [_part(THIRD)]},
                ]
            },
        },
        right=_words,
        got=(FIRST, SECOND, THIRD),
    ),
    Feature(
        name="image",
        ask={
            "chat": {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": FIRST},
                            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                        ],
                    }
                ]
            },
            "responses": {
                "input": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "input_text", "text": FIRST},
                            {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"},
                        ],
                    }
                ]
            },
            "anthropic": {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": FIRST},
                            {
                                "type": "image",
                                "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
                            },
                        ],
                    }
                ]
            },
            "genai": {
                "contents": [
                    {
                        "role": "user",
                        "parts": [_part(FIRST), {"inline_data": {"mime_type": "image/png", "data": PIXEL}}],
                    }
                ]
            },
        },
        right=_words,
        got=(FIRST, PIXEL),
    ),
    Feature(
        name="two tools at once",
        ask={
            "chat": {"tools": TOOLS["chat"], "tool_choice": "required"},
            "responses": {"tools": TOOLS["responses"], "tool_choice": "required"},
            "anthropic": {"tools": TOOLS["anthropic"], "tool_choice": {"type": "any"}},
            "genai": {"config": {"tools": TOOLS["genai"], "tool_config": {"function_calling_config": {"mode": "ANY"}}}},
        },
        right=lambda read: (
            [(name, set(given)) for _, name, given in read.calls] == [(name, {"city", "days"}) for name in NAMES]
            and len({made for made, _, _ in read.calls}) == len(NAMES)
            and not read.text
        ),
    ),
    Feature(
        name="their results",
        ask={
            "chat": {"tools": TOOLS["chat"], "messages": CALLED["chat"]},
            "responses": {"tools": TOOLS["responses"], "input": CALLED["responses"]},
            "anthropic": {"tools": TOOLS["anthropic"], "messages": CALLED["anthropic"]},
            "genai": {"config": {"tools": TOOLS["genai"]}, "contents": CALLED["genai"]},
        },
        right=_words,
        got=(FIRST, *NAMES, *RESULTS),
    ),
    Feature(
        name="forced tool",
        ask={
            "chat": {"tools": TOOLS["chat"], "tool_choice": {"type": "function", "function": {"name": "clock"}}},
            "responses": {"tools": TOOLS["responses"], "tool_choice": {"type": "function", "name": "clock"}},
            "anthropic": {"tools": TOOLS["anthropic"], "tool_choice": {"type": "tool", "name": "clock"}},
            "genai": {
                "config": {
                    "tools": TOOLS["genai"],
                    "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["clock"]}},
                }
            },
        },
        right=lambda read: [name for _, name, _ in read.calls] == ["clock"],
    ),
    Feature(
        name="JSON schema",
        ask={
            "chat": {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "trip", "schema": SCHEMA, "strict": True},
                }
            },
            "responses": {
                "text": {"format": {"type": "json_schema", "name": "trip", "schema": SCHEMA, "strict": True}}
            },
            "anthropic": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
            "genai": {"config": {"response_mime_type": "application/json", "response_json_schema": SCHEMA}},
        },
        right=lambda read: json.loads(read.text).keys() == {"city", "days"},
    ),
    Feature(
        name="stop sequence",
        ask={
            "chat": {"stop": ["e"]},
            "anthropic": {"stop_sequences": ["e"]},
            "genai": {"config": {"stop_sequences": ["e"]}},
        },
        right=lambda read: bool(read.text) and "e" not in read.text and read.ended in STOPPED,
    ),
    Feature(
        name="most tokens",
        ask={
            "chat": {"max_tokens": 16},
            "responses": {"max_output_tokens": 16},
            "anthropic": {"max_tokens": 16},
            "genai": {"config": {"max_output_tokens": 16}},
        },
        right=lambda read: (
            len(read.text.split()) == 16 and read.ended in ("length", "max_output_tokens", "max_tokens", "MAX_TOKENS")
        ),
    ),
)

_LIMITS = {"chat": "max_tokens", "responses": "max_output_tokens", "anthropic": "max_tokens"}


def _asked(caller: Caller, feature: Feature) -> dict[str, Any]:
    """What is added to the caller's call, with room for all of the answer."""
    given = dict(feature.ask[caller.name])
    if caller is GENAI:
        return {"max_output_tokens": LONG} | given.pop("config", {}) | given
    return {_LIMITS[caller.name]: LONG} | given


# An answer of each SDK, whole and in pieces


def _chat(answer: Any) -> Read:
    choice = answer.choices[0]
    calls = [(one.id, one.function.name, json.loads(one.function.arguments)) for one in choice.message.tool_calls or ()]
    return Read(choice.message.content or "", calls, choice.finish_reason)


def _chat_stream(events: Iterable[Any]) -> Read:
    read, calls = Read(), dict[int, list[str]]()
    for event in events:
        for choice in event.choices:
            read.text += choice.delta.content or ""
            read.ended = choice.finish_reason or read.ended
            for call in choice.delta.tool_calls or ():
                known = calls.setdefault(call.index, ["", "", ""])
                known[0] = call.id or known[0]
                known[1] = call.function.name or known[1]
                known[2] += call.function.arguments or ""
    read.calls = [(made, name, json.loads(text)) for made, name, text in calls.values()]
    return read


def _responses(answer: Any) -> Read:
    calls = [(one.call_id, one.name, json.loads(one.arguments)) for one in answer.output if one.type == "function_call"]
    ended = answer.incomplete_details.reason if answer.incomplete_details else answer.status
    return Read(answer.output_text, calls, ended)


def _responses_stream(events: Iterable[Any]) -> Read:
    told = list(events)
    read = _responses(told[-1].response)
    read.text = "".join(one.delta for one in told if one.type == "response.output_text.delta")
    pieces = "".join(one.delta for one in told if one.type == "response.function_call_arguments.delta")
    assert pieces == "".join(one.arguments for one in told[-1].response.output if one.type == "function_call")
    assert [one.sequence_number for one in told] == list(range(len(told)))
    return read


def _anthropic(answer: Any) -> Read:
    text = "".join(block.text for block in answer.content if block.type == "text")
    calls = [(block.id, block.name, block.input) for block in answer.content if block.type == "tool_use"]
    return Read(text, calls, answer.stop_reason)


def _anthropic_stream(events: Iterable[Any]) -> Read:
    read, calls = Read(), dict[int, list[str]]()
    for event in events:
        if event.type == "content_block_start" and event.content_block.type == "tool_use":
            calls[event.index] = [event.content_block.id, event.content_block.name, ""]
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            read.text += event.delta.text
        elif event.type == "content_block_delta" and event.delta.type == "input_json_delta":
            calls[event.index][2] += event.delta.partial_json
        elif event.type == "message_delta":
            read.ended = event.delta.stop_reason
    read.calls = [(made, name, json.loads(text)) for made, name, text in calls.values()]
    return read


def _genai(answer: Any) -> Read:
    return _genai_stream([answer])


def _genai_stream(events: Iterable[Any]) -> Read:
    read = Read()
    for event in events:
        for candidate in event.candidates or ():
            read.ended = candidate.finish_reason.value if candidate.finish_reason else read.ended
            for part in (candidate.content and candidate.content.parts) or ():
                read.text += part.text or ""
                if part.function_call:
                    made = part.function_call.id or str(len(read.calls))
                    read.calls.append((made, part.function_call.name, part.function_call.args))
    return read


READERS: dict[str, tuple[Callable[[Any], Read], Callable[[Iterable[Any]], Read]]] = {
    CHAT.name: (_chat, _chat_stream),
    RESPONSES.name: (_responses, _responses_stream),
    ANTHROPIC.name: (_anthropic, _anthropic_stream),
    GENAI.name: (_genai, _genai_stream),
}


@dataclass(frozen=True, eq=False)
class Cell:
    """One call of the matrix."""

    caller: Caller
    spoken: str
    feature: Feature
    form: str
    mode: Mode

    @property
    def usable(self) -> bool:
        """Whether the caller has such a thing, and its SDK is there."""
        return self.caller.name in self.feature.ask and installed(self.caller.module)


@dataclass(frozen=True)
class Found:
    """What came of it: ``right``, ``refused: <field>``, or what was wrong."""

    shown: str
    sent: int
    """Requests that came to the target."""


def cells(modes: Iterable[Mode] = MODES[:2]) -> list[Cell]:
    """All of them."""
    every = [
        Cell(caller, spoken, feature, form, mode)
        for mode in modes
        for caller in CALLERS
        for spoken in DIALECTS
        for feature in FEATURES
        for form in FORMS
    ]
    return [cell for cell in every if cell.usable]


def measured(wanted: Iterable[Cell]) -> dict[Cell, Found]:
    """What comes of each call: the primary is down, and the only fallback speaks another dialect (or the same)."""
    with providers() as vendors:
        return {cell: _found(cell, vendors) for cell in wanted}


def _found(cell: Cell, vendors: Simulator) -> Found:
    vendors.reset()
    vendors[f"own-{cell.caller.dialect}"].fault(Fault.status(503))
    upstream = vendors[f"other-{TONGUES[cell.spoken].dialect}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESILIENT_AI", "on")
        shown = cell.mode.run(_asking, cell, vendors, upstream)
    return Found(shown, upstream.count())


async def _asking(cell: Cell, vendors: Simulator, upstream: SimulatedProvider) -> str:
    caller, streamed = cell.caller, cell.form == "stream"
    bare = caller.make(cell.mode.is_async, vendors[f"own-{caller.dialect}"])
    pipeline = Pipeline.default(Fallback([target(vendors, cell.spoken)]), Retry(attempts=1), isolated=True)
    client = wrap(bare, pipeline)
    ask = caller.pieces if streamed else caller.answer
    try:
        answer = await ask(cell.mode, client, **_asked(caller, cell.feature))
    except Exception as error:
        return _refused(error, caller)
    finally:
        await caller.end(cell.mode, client, bare)
    read = READERS[caller.name][streamed](answer)
    if not cell.feature.right(read):
        return f"wrong: {read}"
    lost = [text for text in cell.feature.got if not upstream.saw(text)]
    return f"wrong: {lost} did not arrive" if lost else "right"


def _refused(error: Exception, caller: Caller) -> str:
    if not isinstance(error, caller.failed(503)):
        return f"wrong: {type(error).__name__}: {error}"
    skipped = outcome(error).skipped
    found = re.search(r" not sent: ([^:]+): ", skipped[0]) if skipped else None
    return f"wrong: {getattr(error, '__notes__', error)}" if found is None else f"refused: {found[1]}"
