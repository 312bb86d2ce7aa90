"""A conversation as Gemini has it, read: contents of the user's and the model's, and what they are made of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...canonical import Audio, Document, Image, Message, Text, ToolCall, ToolResult, arguments_of
from ..base import Untranslatable, made_up
from .fields import Json, named

if TYPE_CHECKING:
    from ...canonical import Part, Role
    from ..base import Lost

__all__ = ["Conversation", "standard_base64"]

_BESIDE = frozenset({"thought", "thoughtSignature", "partMetadata"})
"""Fields of a part that stand beside what it holds, and are nobody's but Google's or the program's."""

_CALL = frozenset({"id", "name", "args"})
_RESULT = frozenset({"id", "name", "response"})
"""What a call and a result have, unless they are of an unusual kind."""
_KEPT = re.compile(r"(?:\A|/)(?:files|operations)/[^/]+\Z")
"""Names of files that were uploaded to Google."""

_DETAILS = {"MEDIA_RESOLUTION_LOW": "low", "MEDIA_RESOLUTION_HIGH": "high"}


_Call = tuple[str | None, str, str]
"""A call whose result is to come: the id that Google gave it, if any, its function's name, and its id in the form."""


class Conversation:
    """Reads contents, one after the other.

    Attributes:
        messages: of the form.
        images: all that are in them.
    """

    __slots__ = ("_calls", "_lost", "_open", "images", "messages")

    def __init__(self, lost: Lost) -> None:
        self.messages: list[Message] = []
        self.images: list[Image] = []
        self._lost = lost
        self._calls = 0
        self._open: list[_Call] = []

    def read(self, contents: list[Any]) -> None:
        """Read them all."""
        for number, content in enumerate(contents):  # whose names are one word each
            role = content.get("role")
            parts: list[Any] = content.get("parts") or []
            if role == "model":
                self._model(parts, f"contents[{number}]")
            elif role in ("user", "function", None, ""):
                self._user(parts, f"contents[{number}]")
            else:
                raise ValueError("there is no such role")

    def _add(self, role: Role, parts: list[Part], where: str) -> None:
        last = self.messages[-1] if self.messages else None
        if last is None or last.role != role:
            self.messages.append(Message(role, parts, where))
            return
        first, before = parts[0], last.parts[-1]
        if role == "assistant" and isinstance(first, Text) and isinstance(before, Text):
            before.text += first.text  # it stands in a history as it was streamed: in hundreds of pieces
            parts = parts[1:]
        last.parts += parts

    def _model(self, given: list[Any], where: str) -> None:
        if self._open and self.messages[-1].role != "assistant":
            self._open.clear()
        found: list[Part] = []
        for number, item in enumerate(given):
            part = named(item)
            if part.get("thought"):
                continue
            for name, value in part.items():
                if name == "text":
                    if value and found and isinstance(found[-1], Text):
                        found[-1].text += value
                    elif value:
                        found.append(Text(value))
                elif value is None or name in _BESIDE:
                    continue
                elif name == "functionCall":
                    found.append(self._call(value, f"{where}.parts[{number}]"))
                else:
                    self._lost(f"{where}.parts[{number}].{name}", "no other model says it")
        if found:
            self._add("assistant", found, where)

    def _user(self, given: list[Any], where: str) -> None:
        """What the user says, and the results of functions, which come first wherever they stood."""
        said: list[Part] = []
        results: list[Part] = []
        for number, item in enumerate(given):
            if len(item) == 1 and "text" in item:
                if item["text"]:
                    said.append(Text(item["text"]))
                continue
            part = named(item)
            if part.get("functionResponse") is not None:
                results.append(self._result(part["functionResponse"], f"{where}.parts[{number}]"))
            else:
                found = self._part(part, f"{where}.parts[{number}]")
                if found is not None:
                    said.append(found)
        if results:
            self._add("tool", results, where)
        if said:
            self._add("user", said, where)

    # Functions. -------------------------------------------------------------------------------------------------------

    def _call(self, call: Json, where: str) -> ToolCall:
        name: str = call["name"]
        arguments = arguments_of(call.get("args") or {})
        if not call.keys() <= _CALL:
            rest = named(call)
            if rest.get("partialArgs") or rest.get("willContinue"):
                self._lost(f"{where}.functionCall", "its arguments are not whole")
        given: str | None = call.get("id")
        one = given or made_up("call_", self._calls, name, arguments)
        self._calls += 1
        self._open.append((given, name, one))
        return ToolCall(one, name, arguments, where)

    def _result(self, result: Json, where: str) -> ToolResult:
        given: Json = result.get("response") or {}
        if len(given) == 1 and ("output" in given or "error" in given):  # as the API's reference has it
            (said,) = given.values()
        else:
            said = given
        text = said if isinstance(said, str) else arguments_of(said)
        parts: list[Any] = [Text(text)] if text else []
        if not result.keys() <= _RESULT:
            parts += self._beside(named(result), f"{where}.functionResponse")
        name = result["name"]
        failed = given.get("error") is not None
        return ToolResult(self._answered(result.get("id"), name), name, parts, failed, where)

    def _beside(self, result: Json, where: str) -> list[Part]:
        """The pictures and files that came with a result."""
        found: list[Part] = []
        for number, item in enumerate(result.get("parts") or ()):
            part = self._part(named(item), f"{where}.parts[{number}]")
            if isinstance(part, Text | Image | Document):
                found.append(part)
            elif part is not None:
                self._lost(f"{where}.parts[{number}]", "no other dialect has it in a result")
        if result.get("willContinue") or result.get("scheduling"):
            self._lost(where, "functions are called one after the other")
        return found

    def _answered(self, given: str | None, name: str) -> str:
        """The id of the call that a result is of: the one it names, else the next of its name."""
        for number, (theirs, called, one) in enumerate(self._open):
            if theirs == given if given is not None and theirs is not None else called == name:
                del self._open[number]
                return one
        return given or made_up("call_", self._calls, name)

    # Pictures, files, sounds. -----------------------------------------------------------------------------------------

    def _part(self, part: Json, where: str) -> Part | None:
        found: Part | None = None
        for name, value in part.items():
            if value is None or name in _BESIDE:
                continue
            if name == "text":
                found = Text(value) if value else None
            elif name == "inlineData":
                found = self._inline(named(value), where)
            elif name == "fileData":
                found = self._file(named(value), where)
            elif name != "mediaResolution":
                self._lost(f"{where}.{name}", "no other dialect has it")
        if isinstance(found, Image):
            self._resolution(found, part.get("mediaResolution"), where)
            self.images.append(found)
        return found

    def _inline(self, blob: Json, where: str) -> Part | None:
        media_type: str = blob["mimeType"]
        data = standard_base64(blob["data"])
        sort = media_type.partition("/")[0]
        if sort == "image":
            return Image(data, media_type, at=where)
        if sort == "audio":
            return Audio(data, media_type, where)
        if sort == "text" or media_type == "application/pdf":
            return Document(data, media_type, name=blob.get("displayName"), at=where)
        self._lost(f"{where}.inlineData", "files of this type are not translated")
        return None

    def _file(self, file: Json, where: str) -> Part | None:
        """A file by its address, unless it is one that only Google can open."""
        address: str = file["fileUri"]
        media_type: str = file.get("mimeType") or ""
        url = urlsplit(address)
        if url.scheme not in ("http", "https") or _KEPT.search(url.path):
            raise Untranslatable(f"{where}.fileData.fileUri", "what it stands for is kept at Google")
        if media_type.startswith("image/"):
            return Image(url=address, at=where)
        if media_type == "application/pdf":
            return Document(media_type=media_type, url=address, name=file.get("displayName"), at=where)
        self._lost(f"{where}.fileData", "files of this type are not translated")
        return None

    def _resolution(self, image: Image, given: Any, where: str) -> None:
        if not given:
            return
        level = str(named(given).get("level"))
        image.detail = _DETAILS.get(level)
        if image.detail is None and level != "MEDIA_RESOLUTION_UNSPECIFIED":
            self._lost(f"{where}.mediaResolution", "pictures are looked at closely or not")


def standard_base64(data: str) -> str:
    """The same in the alphabet that everybody reads: google-genai writes the one for addresses."""
    return data.replace("-", "+").replace("_", "/") if "-" in data or "_" in data else data
