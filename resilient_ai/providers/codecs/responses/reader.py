"""Reads a stream of OpenAI's Responses."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ...canonical import Alive, Closed, Failed, Finished, Opened, PartClosed, PartDelta, PartOpened, Used
from ...streams.base import items
from ..base import Untranslatable
from ..openai_reading import seconds
from .answer import read_stop, read_usage, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...canonical import Delta

__all__ = ["Reader"]

Sort = Literal["text", "refusal", "tool"]
_JSON = dict[str, Any]
_CALL = -1
"""Stands for the place inside an item, of a tool's call, which has none."""
_ALIVE = Alive()
_TEXTS: dict[str, tuple[Sort, str]] = {"output_text": ("text", "text"), "refusal": ("refusal", "refusal")}
"""By the type of a message's part: its sort, and the field with its words."""


class _Part:
    """A part of the answer: what was told of it that has not been passed on, since another one is open."""

    __slots__ = ("closed", "id", "name", "number", "sort", "told", "waiting")

    def __init__(self, sort: Sort, call: str = "", name: str = "") -> None:
        self.sort: Sort = sort
        self.id = call
        self.name = name
        self.number = -1
        self.told = False
        self.closed = False
        self.waiting: list[str] = []


class Reader:
    """Items may come side by side; they are passed on one after the other."""

    __slots__ = ("_called", "_count", "_done", "_open", "_opened", "_parts")

    def __init__(self) -> None:
        self._opened = False
        self._done = False
        self._called = False
        self._count = 0
        self._parts: dict[tuple[int, int], _Part] = {}
        self._open: deque[_Part] = deque()

    def read(self, name: bytes, fields: _JSON) -> list[Delta]:
        """What an event says."""
        kind = fields.get("type") or name.decode()
        if self._done:
            return []
        read = self._KINDS.get(kind)
        if read is not None:
            return read(self, fields)
        if fields.get("error"):
            return self._failed(fields)
        if kind.startswith("response.audio"):
            raise Untranslatable("output", "a sound cannot be told")
        return [_ALIVE]

    def done(self) -> list[Delta]:
        """The SDK takes it, and OpenAI does not send it: the answer has its own end before it."""
        return []

    def _begin(self, fields: _JSON) -> list[Delta]:
        if self._opened:
            return []
        response = fields["response"]
        self._opened = True
        return [Opened(response.get("id") or "", response["model"], seconds(response.get("created_at")))]

    def _text(self, fields: _JSON) -> list[Delta]:
        return self._more("text", fields, fields.get("content_index", 0))

    def _refused(self, fields: _JSON) -> list[Delta]:
        return self._more("refusal", fields, fields.get("content_index", 0))

    def _arguments(self, fields: _JSON) -> list[Delta]:
        return self._more("tool", fields, _CALL)

    def _more(self, sort: Sort, fields: _JSON, inside: int) -> list[Delta]:
        place = (fields.get("output_index", 0), inside)
        part, text = self._parts.get(place), text_of(fields["delta"])
        if part is None or part.closed:
            if sort == "tool":
                raise ValueError("arguments of a tool that is not named")
            part = self._begun(place, _Part(sort))
        if not text:
            return []
        part.told = True
        if part.number >= 0:
            return [PartDelta(part.number, text)]
        part.waiting.append(text)
        return self._passed_on()

    def _begun(self, place: tuple[int, int], part: _Part) -> _Part:
        if not self._opened:
            raise ValueError("the answer has not begun")
        self._parts[place] = part
        self._open.append(part)
        self._called = self._called or part.sort == "tool"
        return part

    def _passed_on(self) -> list[Delta]:
        """What of the parts can be said now: of the first that is not whole, and of those that were before it. A text
        without words is none."""
        deltas: list[Delta] = []
        parts = self._open
        while parts:
            part = parts[0]
            if part.number < 0 and (part.waiting or part.sort == "tool"):
                part.number = self._count
                self._count += 1
                deltas.append(PartOpened(part.number, part.sort, part.id, part.name))
            deltas += [PartDelta(part.number, text) for text in part.waiting]
            part.waiting = []
            if not part.closed:
                break
            parts.popleft()
            if part.number >= 0:
                deltas.append(PartClosed(part.number))
        return deltas

    def _heard(self, part: _Part, text: str, *, whole: bool) -> list[Delta]:
        """What another event than a delta says of a part: its beginning, or all of it, once more."""
        if not part.closed and text and not part.told:
            part.told = True
            part.waiting.append(text)
        part.closed = part.closed or whole
        return self._passed_on()

    def _item_added(self, fields: _JSON) -> list[Delta]:
        item, out = fields["item"], fields.get("output_index", 0)
        return [] if item["type"] == "message" else self._item(item, out, whole=False)

    def _item_done(self, fields: _JSON) -> list[Delta]:
        return self._item(fields["item"], fields.get("output_index", 0), whole=True)

    def _item(self, item: _JSON, out: int, *, whole: bool) -> list[Delta]:
        kind = item["type"]
        if kind == "reasoning":
            return [_ALIVE]
        if kind == "function_call":
            place = out, _CALL
            part = self._parts.get(place)
            if part is None or (part.closed and not whole):
                part = self._begun(place, _Part("tool", item.get("call_id") or item["id"], item["name"]))
            return self._heard(part, text_of(item.get("arguments") or ""), whole=whole)
        if kind != "message":
            raise Untranslatable(f"output[{out}]", "of a tool or a feature that no other vendor has")
        deltas: list[Delta] = []
        for inside, said in enumerate(items(item["content"])):
            deltas += self._content((out, inside), said, whole=whole)
        return deltas

    def _part_added(self, fields: _JSON) -> list[Delta]:
        place = fields.get("output_index", 0), fields.get("content_index", 0)
        return self._content(place, fields["part"], whole=False)

    def _part_done(self, fields: _JSON) -> list[Delta]:
        place = fields.get("output_index", 0), fields.get("content_index", 0)
        return self._content(place, fields["part"], whole=True)

    def _content(self, place: tuple[int, int], said: _JSON, *, whole: bool) -> list[Delta]:
        kind = said["type"]
        if kind == "reasoning_text":
            return [_ALIVE]
        if kind not in _TEXTS:
            raise Untranslatable(f"output[{place[0]}].content[{place[1]}]", "it is not known what it means")
        sort, field = _TEXTS[kind]
        part = self._parts.get(place)
        if part is None or (part.closed and not whole):
            part = self._begun(place, _Part(sort))
        return self._heard(part, text_of(said.get(field) or ""), whole=whole)

    def _end(self, fields: _JSON) -> list[Delta]:
        response = fields["response"]
        deltas = self._begin(fields)
        if not self._parts:  # a server that tells all of it at once, at the end
            for out, item in enumerate(items(response["output"])):
                deltas += self._item(item, out, whole=True)
        for part in self._open:
            part.closed = True
        deltas += self._passed_on()
        deltas.append(Finished(read_stop(response, called=self._called)))
        usage = read_usage(response)
        if usage is not None:
            deltas.append(Used(usage))
        self._done = True
        deltas.append(Closed())
        return deltas

    def _failed(self, fields: _JSON) -> list[Delta]:
        self._done = True
        return [Failed(fields)]

    def _nothing(self, _fields: _JSON) -> list[Delta]:
        """It is said by another event, too."""
        return []

    _KINDS: ClassVar[dict[str, Callable[[Any, _JSON], list[Delta]]]] = {
        "response.output_text.delta": _text,
        "response.function_call_arguments.delta": _arguments,
        "response.refusal.delta": _refused,
        "response.created": _begin,
        "response.in_progress": _begin,
        "response.queued": _begin,
        "response.output_item.added": _item_added,
        "response.content_part.added": _part_added,
        "response.output_text.done": _nothing,
        "response.refusal.done": _nothing,
        "response.function_call_arguments.done": _nothing,
        "response.content_part.done": _part_done,
        "response.output_item.done": _item_done,
        "response.completed": _end,
        "response.incomplete": _end,
        "response.failed": _failed,
        "error": _failed,
    }
