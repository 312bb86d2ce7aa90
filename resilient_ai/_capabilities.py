"""What a model can do, as far as a call is sent elsewhere for it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .errors import ConfigurationError

__all__ = ["Capabilities"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a model can do. What is None is not known, and nothing is skipped for it.

    Args:
        tools: whether it calls tools.
        images: whether it looks at pictures.
        audio: whether it listens to sounds.
        schema: whether its answer follows a JSON schema that is asked for.
        context: the most tokens of request and answer together.
        output: the most tokens of an answer. A translated request that must name a number, and does not, names this.

    Raises:
        ConfigurationError: an argument is of the wrong type.
    """

    tools: bool | None = None
    images: bool | None = None
    audio: bool | None = None
    schema: bool | None = None
    context: int | None = None
    output: int | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            counts = one.name in ("context", "output")
            if value is None or (type(value) is int and value > 0 if counts else isinstance(value, bool)):
                continue
            wanted = "a number of tokens above 0" if counts else "True or False"
            raise ConfigurationError(f"Capabilities({one.name}=…) is {wanted}, got {value!r}")

    def over(self, known: Capabilities | None) -> Capabilities:
        """These, and where nothing is said here, what is ``known``."""
        if known is None:
            return self
        names = [one.name for one in fields(self)]
        said = {name: getattr(known if getattr(self, name) is None else self, name) for name in names}
        return Capabilities(**said)
