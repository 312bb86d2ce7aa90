"""What the reader of a stream has of it: enough to see whether another answer begins in the same way."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .base import Part, Place

__all__ = ["MOST_TEXT", "Delivered", "Text"]

MOST_TEXT = 256 * 1024
"""Characters that are kept of all texts together; of what follows, a hash."""

MOST_PIECES = 1024
"""Pieces of a text that wait to be put together."""

MOST_SILENT = 256 * 1024
"""Bytes of events without content that are kept: what has been opened, counted and closed. (A stream has a few of
them, each with no more than an item's text in it.)"""

MOST_PLACES = 256
"""Places where an answer goes on at the same time (OpenAI allows 128 choices)."""


def _hashed(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # an escape may be half a pair


class Text:
    """A text that was delivered at one place, piece by piece.

    Attributes:
        pieces: the latest, which are put together now and then.
        last: the event with its last piece, as it came.
    """

    __slots__ = ("_digest", "_hashed", "_kept", "last", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.last = b""
        self._kept = ""
        self._digest: Any = None
        self._hashed = 0

    @property
    def kept(self) -> str:
        """Its beginning, or all of it."""
        self.tidy()
        return self._kept

    @property
    def length(self) -> int:
        """In characters."""
        self.tidy()
        return self._hashed if self._digest is not None else len(self._kept)

    @property
    def digest(self) -> bytes | None:
        """The SHA-256 of all of it; None if all of it is kept."""
        self.tidy()
        found: bytes | None = None if self._digest is None else self._digest.digest()
        return found

    def fold(self) -> None:
        """From here on it is hashed instead of kept."""
        self.tidy()
        self._digest = hashlib.sha256(_hashed(self._kept))
        self._hashed = len(self._kept)

    def tidy(self) -> None:
        """Put the pieces together: as many small strings would take many times as much memory."""
        text = "".join(self.pieces)
        self.pieces.clear()
        if self._digest is None:
            self._kept += text
        else:
            self._digest.update(_hashed(text))
            self._hashed += len(text)


class Delivered:
    """What has been handed on. Its memory does not grow with the stream.

    Attributes:
        texts: by place, in the order they were begun.
        latest: by the first number of a place: the place that went on last. ``at``: the last one of all.
        told: what has been told of the usage of all answers so far, where more than one was needed.
        only_texts: whether nothing but texts was handed on, and no more of them than can be kept in mind.
    """

    __slots__ = (
        "_folded",
        "_silent",
        "_size",
        "_spare",
        "_text",
        "at",
        "latest",
        "only_texts",
        "texts",
        "told",
    )

    def __init__(self) -> None:
        self.texts: dict[Place, Text] = {}
        self.latest: dict[int, Place] = {}
        self.at: Place | None = None
        self._text = Text()
        self.told: dict[str, Any] = {}
        self.only_texts = True
        self._silent: list[bytes] = []
        self._size = 0
        self._spare = MOST_TEXT
        self._folded = False

    def took(self, raw: bytes, parts: tuple[Part, ...]) -> bytes:
        """Note an event that is handed on."""
        if not parts:
            self._opened(raw)
            return raw
        for place, piece in parts:
            if not isinstance(piece, str):
                self.only_texts = False
                continue
            text = self._text if place == self.at else self._moved(place)
            text.pieces.append(piece)
            text.last = raw
            self._spare -= len(piece)
            if self._spare < 0 or len(text.pieces) >= MOST_PIECES:
                self._tidy(text)
        return raw

    @property
    def silent(self) -> Iterator[bytes]:
        """The events without content, and the last one at each place: what is opened, and what is closed."""
        yield from self._silent
        for text in self.texts.values():
            yield text.last

    def words(self, *, choices: bool) -> str:
        """The text, for whoever is to go on with it. ``choices``: of the first one; a place's first number is its."""
        places = sorted(place for place in self.texts if place[0] == "text")
        return "".join(self.texts[place].kept for place in places if not choices or place[1] == places[0][1])

    def _moved(self, place: Place) -> Text:
        if not (type(place[1]) is type(place[2]) is int):  # it stands there as the server has it
            self.only_texts = False
            return Text()
        self.at = self.latest[place[1]] = place
        self._text = self.texts.get(place) or self._begun(place)
        return self._text

    def _tidy(self, text: Text) -> None:
        if self._spare < 0 and not self._folded:
            self._folded = True
            piece = text.pieces.pop()  # the one that is too much
            for each in self.texts.values():
                each.fold()
            text.pieces.append(piece)
        self._spare = max(self._spare, 0)
        text.tidy()

    def _begun(self, place: Place) -> Text:
        text = Text()
        if len(self.texts) >= MOST_PLACES:
            self.only_texts = False
            return text
        if self._folded:
            text.fold()
        self.texts[place] = text
        return text

    def _opened(self, raw: bytes) -> None:
        if self._silent and self._silent[-1] == raw:  # signs of life
            return
        self._size += len(raw)
        if self._size > MOST_SILENT:
            self.only_texts = False
        else:
            self._silent.append(raw)
