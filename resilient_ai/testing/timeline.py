"""`Timeline`: an outage as a file, from what was published of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from .faults import KINDS, WHOLE_PROVIDER, Fault
from .records import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Collection

_FOLDER: Final = Path(__file__).parent / "timelines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fault that a provider's families have from `at` until `until` (seconds of the replay)."""

    at: float
    until: float
    provider: str
    families: tuple[str, ...]
    fault: Fault

    def to_json(self) -> dict[str, Any]:
        """The event as plain data."""
        return {
            "at": self.at,
            "until": self.until,
            "provider": self.provider,
            "families": list(self.families),
            "fault": self.fault.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """An outage to replay.

    published: what is known, with its source. assumed: what is not, and was chosen. duration: seconds of the replay.
    compression: real seconds in one of the replay's. calls_per_second: how fast to call each family. events: in this
    order they are tried; of those in force the first that strikes a request is taken.
    """

    name: str
    title: str
    source: str
    published: tuple[str, ...]
    assumed: tuple[str, ...]
    duration: float
    compression: float
    calls_per_second: float
    events: tuple[Event, ...]

    @classmethod
    def load(cls, path_or_name: str | Path) -> Self:
        """Read a timeline from a TOML file, or one of the package's own by its name (`Timeline.names()`).

        Raises FileNotFoundError if there is neither, ValueError if the file is wrong (it says where).
        """
        path = Path(path_or_name)
        packaged = _FOLDER / f"{path_or_name}.toml"
        if not path.is_file() and packaged.is_file():
            path = packaged
        if not path.is_file():
            raise FileNotFoundError(f"no timeline {str(path_or_name)!r}: no such file, and not one of {cls.names()}")
        try:
            return cls.parse(path.read_text("utf-8"))
        except ValueError as problem:
            raise ValueError(f"{path.name}: {problem}") from problem

    @staticmethod
    def names() -> list[str]:
        """The timelines that come with the package."""
        return sorted(path.stem for path in _FOLDER.glob("*.toml"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a timeline from TOML. Raises ValueError that says where it is wrong."""
        import tomllib  # here: pytest loads this package in every run, and hardly any reads a timeline

        raw = tomllib.loads(text)
        _known(raw, "the timeline", {*_TEXTS, *_LISTS, *_NUMBERS, "events"})
        duration = _positive(raw, "duration", "the timeline")
        events = _list(raw.get("events"))
        if not events or not all(isinstance(item, dict) for item in events):
            raise ValueError("the timeline: events is wanted, as a list of tables ([[events]])")
        return cls(
            name=_text(raw, "name", "the timeline"),
            title=_text(raw, "title", "the timeline"),
            source=_text(raw, "source", "the timeline"),
            published=_texts(raw, "published"),
            assumed=_texts(raw, "assumed"),
            duration=duration,
            compression=_positive(raw, "compression", "the timeline"),
            calls_per_second=_positive(raw, "calls_per_second", "the timeline"),
            events=tuple(_event(item, index, duration) for index, item in enumerate(events, 1)),
        )

    def check_providers(self, names: Collection[str]) -> None:
        """Raise ValueError if an event is of a provider that is not among these."""
        for index, event in enumerate(self.events, 1):
            if event.provider not in names:
                raise ValueError(f"event {index}: no provider {event.provider!r}; there are {', '.join(names)}")


_TEXTS: Final = ("name", "title", "source")
_LISTS: Final = ("published", "assumed")
_NUMBERS: Final = ("duration", "compression", "calls_per_second")


def _event(raw: dict[str, Any], index: int, duration: float) -> Event:
    where = f"event {index}"
    _known(raw, where, {"at", "until", "provider", "family", "fault", "args"})
    at, until = _number(raw, "at", where), _number(raw, "until", where)
    if at < 0 or until <= at or until > duration:
        raise ValueError(f"{where}: wanted 0 <= at < until <= {duration:g} (duration), not at={at:g}, until={until:g}")
    family = raw.get("family", "*")
    families = tuple(_list(family)) or (family,)
    for name in families:
        if name != "*" and name not in FAMILIES:
            raise ValueError(f"{where}: no family {name!r}; there are {', '.join(FAMILIES)} and '*'")
    fault = _fault(_text(raw, "fault", where), raw.get("args", {}), where)
    if fault.kind in WHOLE_PROVIDER and families != ("*",):
        raise ValueError(f"{where}: the fault {fault.kind} is the whole provider's: it takes no family")
    return Event(at=at, until=until, provider=_text(raw, "provider", where), families=families, fault=fault)


def _fault(name: str, args: dict[str, Any], where: str) -> Fault:
    if name not in KINDS:
        raise ValueError(f"{where}: no fault {name!r}; there are {', '.join(sorted(KINDS))}")
    try:
        fault: Fault = getattr(Fault, name)(**args)
    except (TypeError, ValueError) as problem:
        raise ValueError(f"{where}: fault {name}: {problem}") from problem
    return fault


def _known(raw: dict[str, Any], where: str, names: set[str]) -> None:
    for name in raw:
        if name not in names:
            raise ValueError(f"{where}: unknown field {name!r}; there are {', '.join(sorted(names))}")


def _text(raw: dict[str, Any], name: str, where: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where}: {name} is wanted, as text")
    return value


def _texts(raw: dict[str, Any], name: str) -> tuple[str, ...]:
    value = _list(raw.get(name))
    if not value or not all(isinstance(item, str) for item in value):
        raise ValueError(f"the timeline: {name} is wanted, as a list of texts")
    return tuple(value)


def _list(value: list[Any] | str | float | None) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(raw: dict[str, Any], name: str, where: str) -> float:
    value = raw.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{where}: {name} is wanted, as a number of seconds")
    return float(value)


def _positive(raw: dict[str, Any], name: str, where: str) -> float:
    value = _number(raw, name, where)
    if value <= 0:
        raise ValueError(f"{where}: {name} is wanted above 0, not {value:g}")
    return value
