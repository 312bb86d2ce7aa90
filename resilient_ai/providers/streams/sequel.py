"""Another answer to the same request, cut down to what goes on from where the first one broke off.

What was delivered is never said again, and nothing is glued to it: an answer that begins otherwise is no sequel.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

    from .base import Place
    from .delivered import Delivered

__all__ = ["Differs", "Sequel"]


class Differs(Exception):
    """It is another answer."""


class _Known(NamedTuple):
    """A text as it was when its stream broke off."""

    length: int
    kept: str
    digest: bytes | None


class Sequel(ABC):
    """What the dialects have in common. A dialect says in ``heard`` what an event that was delivered has opened or
    closed, and in ``rest`` how an event of the other answer is cut down.

    Args:
        delivered: what the reader has of the first answer. Nothing but texts.
        continues: the other answer was asked to go on from there (a prefill), and does not begin anew: these characters
            at the end of what was delivered were not shown to it, and may be said again. None if it begins anew.

    Attributes:
        by_choice: whether a place's first number is a choice's, each an answer of its own; else one answer has them
            all, one after the other.
    """

    by_choice = False

    def __init__(self, delivered: Delivered, *, continues: str | None = None) -> None:
        self._known = {place: _Known(text.length, text.kept, text.digest) for place, text in delivered.texts.items()}
        self._latest = dict(delivered.latest)
        self._at = delivered.at
        self._blank = continues or ""
        self._done: dict[Place, int] = {}
        self._hashes: dict[Place, Any] = {}
        self._behind: set[Place] = set(self._known)
        if continues is not None:
            self._behind.clear()
            self._done = {place: text.length for place, text in self._known.items()}
        self._marks: dict[Hashable, object] = {}
        self._closed: set[tuple[int, int | None]] = set()

    # For a dialect to write

    @abstractmethod
    def heard(self, name: bytes, event: dict[str, Any]) -> None:
        """An event that was delivered."""

    @abstractmethod
    def rest(self, name: bytes, event: dict[str, Any]) -> bool:
        """Cut an event of the other answer down to what is new in it; whether anything is.

        Raises:
            Differs: the reader has something else.
        """

    @property
    def told(self) -> dict[str, Any]:
        """What both answers have told of their usage, if the dialect cannot leave that out."""
        return {}

    # For a dialect to use

    @property
    def caught_up(self) -> bool:
        """Whether the other answer has said all that was delivered."""
        return not self._behind

    def mark(self, what: Hashable, value: object = None) -> None:
        """This was delivered."""
        self._marks[what] = value

    def repeats(self, what: Hashable, value: object = None) -> bool:
        """Whether this was delivered.

        Raises:
            Differs: with another value.
        """
        if what not in self._marks:
            return False
        if self._marks[what] != value:
            raise Differs(f"{what} is another one")
        return True

    def close(self, first: int, second: int | None = None) -> None:
        """What was delivered at a place with this first number (and this second one, if given) is closed."""
        self._closed.add((first, second))

    def ends(self, first: int, second: int | None = None) -> None:
        """The other answer closes what has this first number (and this second one, if given).

        Raises:
            Differs: the reader has more of it.
        """
        for place in self._behind:
            if place[1] == first and second in (None, place[2]):
                raise Differs("it is shorter")

    def other(self, first: int) -> None:
        """Something that is no text comes.

        Raises:
            Differs: in the midst of what was delivered.
        """
        if self._in_the_midst(first):
            raise Differs("it is no text")

    def beyond(self, place: Place, piece: str) -> str:
        """What of a piece of text is new.

        Raises:
            Differs: the reader has another text.
        """
        known = self._known.get(place)
        if known is None:
            if piece:
                self.other(place[1])
            return piece
        done = self._done.get(place, 0)
        again = piece[: known.length - done]
        if again:
            self._same(place, known, done, again)
        rest = piece[len(again) :]
        if rest and self._blank:
            rest = self._past_blank(rest)
        if rest and ((place[1], None) in self._closed or (place[1], place[2]) in self._closed):
            raise Differs("it is longer")
        if rest and not self.caught_up and place != (self._latest[place[1]] if self.by_choice else self._at):
            raise Differs("it is longer before it goes on")
        return rest

    # Its own

    def _in_the_midst(self, first: int) -> bool:
        return any(place[1] == first or not self.by_choice for place in self._behind)

    def _same(self, place: Place, known: _Known, done: int, again: str) -> None:
        length, kept, digest = known
        if done < len(kept) and not kept.startswith(again[: len(kept) - done], done):
            raise Differs("its text is another one")
        self._done[place] = done + len(again)
        if digest is not None:
            hashed = self._hashes.setdefault(place, hashlib.sha256())
            hashed.update(again.encode("utf-8", "surrogatepass"))
        if self._done[place] == length:
            if digest is not None and self._hashes[place].digest() != digest:
                raise Differs("its text is another one")
            self._behind.discard(place)

    def _past_blank(self, rest: str) -> str:
        same = 0
        while same < min(len(rest), len(self._blank)) and rest[same] == self._blank[same]:
            same += 1
        self._blank = self._blank[same:] if same == len(rest) else ""
        return rest[same:]
