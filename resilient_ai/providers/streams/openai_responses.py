"""The streams of OpenAI's Responses.

Source: the event types of openai-python 3.54.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import ENDS, FAILS, NOTHING, Grammar, Said, items, members
from .sequel import Sequel

if TYPE_CHECKING:
    from .delivered import Delivered

__all__ = ["RESPONSES"]

_TEXTS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
}
_FAILED = frozenset({"response.failed", "error"})
_ENDED = frozenset({"response.completed", "response.incomplete"})
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
_OPENS = frozenset({"response.content_part.added", "response.reasoning_summary_part.added"})
_SILENT = _LIFE | _OPENS | _TEXT_ENDS | {"keepalive"}
"""Events that open something, or say once more what was said. (An item is content unless it is a message or a thought,
whose texts come by themselves.)"""
_ITEM_STARTS, _ITEM_ENDS = "response.output_item.added", "response.output_item.done"
_ITEMS = frozenset({_ITEM_STARTS, _ITEM_ENDS})
_WORDED = frozenset({"message", "reasoning"})


def _response(name: bytes, event: dict[str, Any]) -> Said:
    kind = event.get("type") or name.decode()
    sort = _TEXTS.get(kind)
    if sort is not None:
        number = event.get("content_index", event.get("summary_index", 0))
        part = (sort, event.get("output_index", 0), number), event["delta"]
        return Said((part,)) if part[1] else NOTHING
    if kind in _FAILED or event.get("error"):  # a gateway's may have no type: the SDK raises it all the same
        if not (event.get("type") or event.get("error")):
            raise ValueError("an error that the SDK does not read")
        return FAILS
    if kind in _ENDED:
        return ENDS
    if kind in _SILENT or (kind in _ITEMS and members(event.get("item")).get("type") in _WORDED):
        return NOTHING
    item = (kind, event.get("output_index", 0), 0), None
    return Said((item,))


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
            self._whole(members(event["response"]), ends=kind in _ENDED)
        if self._number is not None and "sequence_number" in event:
            self._number += 1
            event["sequence_number"] = self._number
        return True

    def _new(self, kind: str, event: dict[str, Any], out: int, part: int) -> bool:
        sort = _TEXTS.get(kind)
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
        if kind not in _ENDED and kind != "keepalive":
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


RESPONSES = Grammar(read=_response, done=b"[DONE]", sequel=_Responses, final=True)
