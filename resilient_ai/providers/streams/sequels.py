"""How another answer's events are cut down in each dialect, for its SDKs to take them as the first one's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import items, members
from .sequel import Sequel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .delivered import Delivered

__all__ = ["SEQUELS"]

_CHAT_TEXTS = {"content": "text", "refusal": "refusal", "reasoning_content": "reasoning", "reasoning": "reasoning"}


class _Choices(Sequel):
    """OpenAI's Chat and Completions. All events of one answer have one id and one time; the model is whose words they
    are. Usage is left out: what the first answer cost is not known."""

    by_choice = True

    def __init__(self, delivered: Delivered, *, continues: str | None = None) -> None:
        super().__init__(delivered, continues=continues)
        self._frame: dict[str, Any] = {}

    def heard(self, name: bytes, event: dict[str, Any]) -> None:  # noqa: ARG002  # events have no names here
        # (Azure's first event, which has the prompt's filter results, has neither.)
        self._frame = self._frame or {field: event[field] for field in ("id", "created") if event.get(field)}
        for choice in items(event.get("choices")):
            index = choice.get("index", 0)
            if "role" in members(choice.get("delta")):
                self.mark(("role", index))
            if choice.get("finish_reason"):
                self.mark(("finish", index), choice["finish_reason"])
                self.close(index)

    def rest(self, name: bytes, event: dict[str, Any]) -> bool:  # noqa: ARG002  # events have no names here
        event.update(self._frame)
        if event.get("usage"):
            event["usage"] = None
        event["choices"] = [choice for choice in items(event.get("choices")) if self._choice(choice)]
        return bool(event["choices"])

    def _choice(self, choice: dict[str, Any]) -> bool:
        index, was_behind = choice.get("index", 0), not self.caught_up
        new, cut = self._words(choice, index)
        if cut and choice.get("logprobs"):  # of tokens that are not all there
            choice["logprobs"] = None
        reason = choice.get("finish_reason")
        if reason:
            self.ends(index)
            if self.repeats(("finish", index), reason):
                choice["finish_reason"] = None
            else:
                new = True
        return new or not (was_behind or cut)

    def _words(self, choice: dict[str, Any], index: int) -> tuple[bool, bool]:
        """Cut down its texts; whether there is anything new, and whether anything was taken away."""
        delta = members(choice.get("delta"))
        new = cut = False
        for name, value in list(delta.items()):
            sort = _CHAT_TEXTS.get(name)
            if name == "role":
                if self.repeats(("role", index)):
                    cut = True
                    del delta[name]
            elif sort is not None and isinstance(value, str):
                delta[name] = self.beyond((sort, index, 0), value)
                new |= bool(delta[name])
                cut |= delta[name] != value
            elif value:
                self.other(index)
                new = True
        return new, cut


class _Completions(_Choices):
    def _words(self, choice: dict[str, Any], index: int) -> tuple[bool, bool]:
        text = choice.get("text") or ""
        choice["text"] = self.beyond(("text", index, 0), text)
        return bool(choice["text"]), choice["text"] != text


_COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class _Messages(Sequel):
    """Anthropic's Messages. Usage is what the answers told, added up."""

    def __init__(self, delivered: Delivered, *, continues: str | None = None) -> None:
        super().__init__(delivered, continues=continues)
        self._earlier = delivered.told
        self._first: dict[str, Any] = {}
        self._second: dict[str, Any] = {}

    @property
    def told(self) -> dict[str, Any]:
        return members(_added(self._earlier or self._first, self._second))

    def heard(self, name: bytes, event: dict[str, Any]) -> None:
        kind, index = event.get("type") or name.decode(), event.get("index", 0)
        if kind == "message_start":
            self.mark(kind)
            self._first = {**self._first, **members(members(event.get("message")).get("usage"))}
        elif kind == "message_delta":
            self.mark(kind, members(event.get("delta")).get("stop_reason"))
            self._first = _told(self._first, event)
        elif kind == "content_block_start":
            self.mark((kind, index), members(event.get("content_block")).get("type"))
        elif kind == "content_block_delta":
            if members(event.get("delta")).get("type") == "signature_delta":
                self.mark(("signature", index))
        elif kind == "content_block_stop":
            self.mark((kind, index))
            self.close(index)

    def rest(self, name: bytes, event: dict[str, Any]) -> bool:
        kind, index = event.get("type") or name.decode(), event.get("index", 0)
        if kind == "content_block_delta":
            return self._delta(members(event.get("delta")), index)
        if kind == "content_block_start":
            return not self.repeats((kind, index), members(event.get("content_block")).get("type"))
        if kind == "content_block_stop":
            self.ends(index)
            return not self.repeats((kind, index))
        if kind == "message_start":
            self._second = members(members(event.get("message")).get("usage"))
            return not self.repeats(kind)
        if kind == "message_delta":
            self.repeats(kind, members(event.get("delta")).get("stop_reason"))  # a later one corrects the counts
            self._second = _told(self._second, event)
            counted = {*members(event.get("usage")), *_COUNTS}
            event["usage"] = {field: value for field, value in self.told.items() if field in counted}
            return True
        return kind != "ping" or self.caught_up

    def _delta(self, delta: dict[str, Any], index: int) -> bool:
        kind = delta.get("type")
        field, sort = ("text", "text") if kind == "text_delta" else ("thinking", "reasoning")
        if kind in ("text_delta", "thinking_delta"):
            delta[field] = self.beyond((sort, index, 0), delta[field])
            return bool(delta[field])
        if kind == "signature_delta":
            return not self.repeats(("signature", index))
        self.other(index)
        return True


def _told(so_far: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """Counts are of the whole so far: the last ones hold, of those that are told."""
    now = members(event.get("usage"))
    return {**so_far, **{field: value for field, value in now.items() if value is not None}}


def _added(first: Any, second: Any) -> Any:
    """Counts added up; what is no count is the second one's."""
    match first, second:
        case {}, {}:
            one, two = members(first), members(second)
            return {field: _added(one.get(field), two.get(field)) for field in {**one, **two}}
        case bool(), _:
            return second
        case int(), int():
            return first + second
        case _, None:
            return first
        case _:
            return second


_RESPONSE_TEXTS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
}
_TEXT_ENDS = frozenset(
    {
        "response.output_text.done",
        "response.refusal.done",
        "response.reasoning_text.done",
        "response.reasoning_summary_text.done",
        "response.content_part.done",
        "response.reasoning_summary_part.done",
    }
)
_LIFE = frozenset({"response.created", "response.in_progress", "response.queued"})
_ENDS = frozenset({"response.completed", "response.incomplete"})
_ITEM_STARTS, _ITEM_ENDS = "response.output_item.added", "response.output_item.done"
_OPENS = frozenset({"response.content_part.added", "response.reasoning_summary_part.added"})


class _Responses(Sequel):
    """OpenAI's Responses. Ids are the first answer's (its SDK refuses others), events are numbered on; usage is left
    out: what the first answer cost is not known."""

    def __init__(self, delivered: Delivered, *, continues: str | None = None) -> None:
        super().__init__(delivered, continues=continues)
        self._id: str | None = None
        self._items: dict[int, str] = {}
        self._number: int | None = None

    def heard(self, name: bytes, event: dict[str, Any]) -> None:
        kind, (out, part) = event.get("type") or name.decode(), _where(event)
        number = event.get("sequence_number")
        if isinstance(number, int):
            self._number = max(number, self._number or 0)
        if kind in _LIFE:
            self._id = members(event.get("response")).get("id") or self._id
            self.mark(kind)
        elif kind == _ITEM_STARTS:
            item = members(event.get("item"))
            self._items[out] = item.get("id", "")
            self.mark((kind, out), item.get("type"))
        elif kind == _ITEM_ENDS:
            self.mark((kind, out))
            self.close(out)
        elif kind in _TEXT_ENDS or kind in _OPENS:
            self.mark((kind, out, part))
            if kind in _TEXT_ENDS:
                self.close(out, part)

    def rest(self, name: bytes, event: dict[str, Any]) -> bool:
        kind, (out, part) = event.get("type") or name.decode(), _where(event)
        if not self._new(kind, event, out, part):
            return False
        if "item_id" in event:
            event["item_id"] = self._items.get(out) or event["item_id"]
        if kind in (_ITEM_STARTS, _ITEM_ENDS):
            self._named(members(event.get("item")), out)
        if "response" in event:
            self._whole(members(event["response"]), ends=kind in _ENDS)
        if self._number is not None and "sequence_number" in event:
            self._number += 1
            event["sequence_number"] = self._number
        return True

    def _new(self, kind: str, event: dict[str, Any], out: int, part: int) -> bool:
        sort = _RESPONSE_TEXTS.get(kind)
        if sort is not None:
            text = event["delta"]
            event["delta"] = self.beyond((sort, out, part), text)
            if event["delta"] != text and event.get("logprobs"):  # of tokens that are not all there
                event["logprobs"] = []
            return bool(event["delta"])
        if kind in _LIFE:
            return not self.repeats(kind)
        if kind == _ITEM_STARTS:
            return not self.repeats((kind, out), members(event.get("item")).get("type"))
        if kind == _ITEM_ENDS:
            self.ends(out)
            return not self.repeats((kind, out))
        if kind in _TEXT_ENDS or kind in _OPENS:
            if kind in _TEXT_ENDS:
                self.ends(out, part)
            return not self.repeats((kind, out, part))
        if kind not in _ENDS and kind != "keepalive":
            self.other(out)
        return kind != "keepalive" or self.caught_up

    def _named(self, item: dict[str, Any], out: int) -> None:
        if self._items.get(out) and "id" in item:
            item["id"] = self._items[out]

    def _whole(self, response: dict[str, Any], *, ends: bool) -> None:
        if self._id is not None and "id" in response:
            response["id"] = self._id
        for out, item in enumerate(items(response.get("output"))):
            self._named(members(item), out)
        if ends and response.get("usage"):
            response["usage"] = None


def _where(event: dict[str, Any]) -> tuple[int, int]:
    return event.get("output_index", 0), event.get("content_index", event.get("summary_index", 0))


_NO_CONTENT = frozenset({"text", "thought", "thoughtSignature"})


class _Contents(Sequel):
    """Gemini's content. All events of one answer have one id; the model is whose words they are. Usage is left out:
    what the first answer cost is not known."""

    by_choice = True

    def __init__(self, delivered: Delivered, *, continues: str | None = None) -> None:
        super().__init__(delivered, continues=continues)
        self._frame: dict[str, Any] = {}

    def heard(self, name: bytes, event: dict[str, Any]) -> None:  # noqa: ARG002  # events have no names here
        self._frame = self._frame or {field: event[field] for field in ("responseId",) if field in event}
        for number, candidate in enumerate(items(event.get("candidates"))):
            if candidate.get("finishReason"):
                index = candidate.get("index", number)
                self.mark(("finish", index), candidate["finishReason"])
                self.close(index)

    def rest(self, name: bytes, event: dict[str, Any]) -> bool:  # noqa: ARG002  # events have no names here
        event.update(self._frame)
        event.pop("usageMetadata", None)
        if "candidates" not in event:
            return bool(event.get("promptFeedback"))
        given = enumerate(items(event["candidates"]))
        event["candidates"] = [candidate for number, candidate in given if self._candidate(candidate, number)]
        return bool(event["candidates"])

    def _candidate(self, candidate: dict[str, Any], number: int) -> bool:
        index, was_behind = candidate.get("index", number), not self.caught_up
        candidate["index"] = index  # its place among the others may change
        content = members(candidate.get("content"))
        parts = [members(part) for part in items(content.get("parts"))]
        left = [part for part in parts if self._part(part, index)]
        if "parts" in content:
            content["parts"] = left
        reason = candidate.get("finishReason")
        if reason:
            self.ends(index)
            if not self.repeats(("finish", index), reason):
                return True
            del candidate["finishReason"]
        return any(self._says(part) for part in left) or not (was_behind or len(left) < len(parts))

    def _part(self, part: dict[str, Any], index: int) -> bool:
        """Whether anything is left of it, once it is cut down."""
        if any(value and name not in _NO_CONTENT for name, value in part.items()):
            self.other(index)
        text = part.get("text")
        if not text:
            return self.caught_up
        part["text"] = self.beyond(("reasoning" if part.get("thought") else "text", index, 0), text)
        return bool(part["text"])

    def _says(self, part: dict[str, Any]) -> bool:
        return bool(part.get("text")) or any(value and name not in _NO_CONTENT for name, value in part.items())


SEQUELS: Mapping[tuple[str, str], type[Sequel]] = {
    ("openai", "chat"): _Choices,
    ("openai", "completions"): _Completions,
    ("openai", "responses"): _Responses,
    ("anthropic", "messages"): _Messages,
    ("gemini", "generate_content"): _Contents,
}
"""By dialect and endpoint family."""
