"""OpenAI's Chat and Completions, and whoever else speaks them: several choices, and each chunk with the answer's frame.

Source: the types of openai-python 3.54, and how its stream helper puts chunks together: usage and fingerprint are the
last chunk's, any other field of the frame the first one's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..streams.base import items, members
from .base import Form, Inexact, Joined, Told, agree, extend, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["CHAT", "COMPLETIONS"]

_FRAME = ("id", "object", "created", "model", "service_tier", "system_fingerprint")
"""What every chunk says."""
_OWN = frozenset({"choices", "usage", "obfuscation"})
_NOT_THE_FRAME_S = _OWN | {"object", "created"}
_TEXTS = ("reasoning_content", "reasoning", "content", "refusal")
"""In the order in which a model has them."""
_WORDS = frozenset({"content", "refusal", "text"})
"""Those whose tokens' probabilities are told."""
_CHOICE = frozenset({"index", "message", "delta", "text", "logprobs", "finish_reason"})


def _chunks(answer: dict[str, Any], kind: str, choices: list[list[dict[str, Any]]], *, usage: bool) -> list[Told]:
    """The events: the choices' own, in their order, in the answer's frame."""
    if not choices:
        raise Inexact("no choice")
    frame = {name: answer[name] for name in _FRAME if name in answer} | {"object": kind}
    more = {name: value for name, value in answer.items() if name not in _FRAME and name not in _OWN}
    cost = {"usage": None} if usage else {}
    ones = [events[0] for events in choices] + [one for events in choices for one in events[1:]]
    told = [Told("", {**frame, "choices": [one], **cost}) for one in ones]
    told[0].fields.update(more)
    if usage:
        if not answer.get("usage"):
            raise Inexact("nobody said what it cost")
        told.append(Told("", {**frame, "choices": [], "usage": answer["usage"]}))
    return told


def _opening(choice: dict[str, Any], number: int) -> dict[str, Any]:
    """A choice's first chunk, but for its words: whatever is told at once."""
    if choice["index"] != number or not choice.get("finish_reason"):
        raise Inexact("a choice has no end, or is another one")
    opening = {name: value for name, value in choice.items() if name not in _CHOICE}
    return {"index": number, **opening, **_no_logprobs(choice), "finish_reason": None}


def _no_logprobs(choice: dict[str, Any]) -> dict[str, Any]:
    return {"logprobs": None} if "logprobs" in choice else {}


def _chat_choice(choice: dict[str, Any], number: int) -> list[dict[str, Any]]:
    message: dict[str, Any] = choice["message"]
    texts = texts_of(message, _TEXTS)
    calls = items(message.get("tool_calls"))
    call = message.get("function_call")
    later = {*texts, *(["tool_calls"] if calls else ()), *(["function_call"] if call else ())}
    at_once = {name: value for name, value in message.items() if name not in later}
    if "content" in texts:
        at_once["content"] = ""
    opening = {**_opening(choice, number), "delta": at_once}
    deltas: list[dict[str, Any]] = [{name: text} for name, text in texts.items()]
    for index, one in enumerate(calls):
        deltas += _call(one, index)
    if call:
        deltas.append({"function_call": call})
    return [opening, *_said(choice, number, [{"delta": delta} for delta in deltas], {"delta": {}})]


def _call(call: dict[str, Any], index: int) -> list[dict[str, Any]]:
    function: dict[str, Any] = call["function"]
    arguments = function["arguments"]
    if "index" in call or not isinstance(arguments, str):
        raise Inexact("a tool call of another kind")
    opening = {"index": index, **call, "function": {**function, "arguments": ""}}
    rest = [{"index": index, "function": {"arguments": arguments}}] if arguments else []
    return [{"tool_calls": [one]} for one in (opening, *rest)]


def _said(
    choice: dict[str, Any], number: int, said: list[dict[str, Any]], nothing: dict[str, Any]
) -> list[dict[str, Any]]:
    """What a choice says, and its end; its log probabilities with the first words, all at once."""
    none, reason = _no_logprobs(choice), choice["finish_reason"]
    events: list[dict[str, Any]] = [{"index": number, **one, **none, "finish_reason": None} for one in said]
    events.append({"index": number, **nothing, **none, "finish_reason": reason})
    if choice.get("logprobs") is not None:
        words = [at for at, one in enumerate(events) if _WORDS & {*one, *one.get("delta", ())}]
        events[words[0] if words else 0]["logprobs"] = choice["logprobs"]
    return events


def _chat_told(answer: dict[str, Any], usage: bool) -> list[Told]:
    choices = [_chat_choice(choice, number) for number, choice in enumerate(answer["choices"])]
    return _chunks(answer, "chat.completion.chunk", choices, usage=usage)


def _completion_choice(choice: dict[str, Any], number: int) -> list[dict[str, Any]]:
    texts = texts_of(choice, ("text",))
    opening = {**_opening(choice, number), "text": ""}
    return [opening, *_said(choice, number, [texts] if texts else [], {"text": ""})]


def _completion_told(answer: dict[str, Any], usage: bool) -> list[Told]:
    choices = [_completion_choice(choice, number) for number, choice in enumerate(answer["choices"])]
    return _chunks(answer, "text_completion", choices, usage=usage)


class _Choice:
    """A choice that is put together."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.message: dict[str, Any] = {}
        self.texts = Joined()
        self._calls: dict[int, _Call] = {}
        self._call: _Call | None = None

    def took(self, choice: dict[str, Any]) -> None:
        for name, value in choice.items():
            if name == "delta":
                self._delta(members(value))
            elif name == "logprobs":
                extend(self.fields, name, value)
            elif name == "text":
                self.texts.add(name, value)
            else:
                agree(self.fields, name, value)

    def _delta(self, delta: dict[str, Any]) -> None:
        for name, value in delta.items():
            if name in _TEXTS:
                self.texts.add(name, value)
            elif name == "tool_calls" and value:
                for call in value:
                    self._calls.setdefault(call["index"], _Call()).took(call)
            elif name == "function_call" and value:
                self._call = self._call or _Call()
                self._call.took({"function": value})
            elif name == "audio" and value:
                raise Inexact("a stream's sound is of another kind")
            else:
                agree(self.message, name, value)

    def whole(self, number: int) -> dict[str, Any]:
        if self.fields.get("index") != number or not self.fields.get("finish_reason"):
            raise Inexact("a choice has no end")
        if sorted(self._calls) != list(range(len(self._calls))):
            raise Inexact("a tool call is missing")
        if self._calls:
            self.message["tool_calls"] = [self._calls[index].whole() for index in range(len(self._calls))]
        if self._call is not None:
            self.message["function_call"] = self._call.whole()["function"]
        return self.fields


class _Call:
    """A tool call that is put together."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._function: dict[str, Any] = {}
        self._arguments = Joined()

    def took(self, call: dict[str, Any]) -> None:
        for name, value in call.items():
            if name == "function":
                for field, said in members(value).items():
                    if field == "arguments":
                        self._arguments.add(field, said)
                    else:
                        agree(self._function, field, said)
            elif name != "index":
                agree(self._fields, name, value)

    def whole(self) -> dict[str, Any]:
        function = {**self._function, **self._arguments.whole()}
        if not (function.get("name") and isinstance(function.get("arguments"), str)):
            raise Inexact("a tool call of another kind")
        return {**self._fields, "function": function}


def _read(events: Sequence[Told], kind: str, whole: Callable[[_Choice, int], dict[str, Any]]) -> dict[str, Any]:
    """The answer whose chunks these are."""
    frame: dict[str, Any] = {}
    choices: dict[int, _Choice] = {}
    usage: Any = None
    for _, chunk in events:
        for name, value in chunk.items():
            if name not in _NOT_THE_FRAME_S:
                agree(frame, name, value)
        frame["created"] = frame.get("created") or chunk.get("created")  # some servers say when a chunk was made
        usage = chunk.get("usage") or usage
        for choice in chunk.get("choices") or ():
            choices.setdefault(choice.get("index", 0), _Choice()).took(choice)
    if not choices or sorted(choices) != list(range(len(choices))):
        raise Inexact("a choice is missing")
    said = [whole(choices[number], number) for number in range(len(choices))]
    answer = {"id": frame.get("id"), "object": kind, **frame, "choices": said}
    return answer if usage is None else {**answer, "usage": usage}


def _chat_whole(choice: _Choice, number: int) -> dict[str, Any]:
    fields = choice.whole(number)
    message = {**choice.message, **choice.texts.whole()}
    if not message.get("role"):
        raise Inexact("nobody says it")
    return {**fields, "message": message}


def _completion_whole(choice: _Choice, number: int) -> dict[str, Any]:
    fields = choice.whole(number)
    return {**fields, "text": choice.texts.whole()["text"]}


def _chat_read(events: Sequence[Told]) -> dict[str, Any]:
    return _read(events, "chat.completion", _chat_whole)


def _completion_read(events: Sequence[Told]) -> dict[str, Any]:
    return _read(events, "text_completion", _completion_whole)


CHAT = Form(told=_chat_told, read=_chat_read, done=b"[DONE]", asks=True)
COMPLETIONS = Form(told=_completion_told, read=_completion_read, done=b"[DONE]", asks=True)
