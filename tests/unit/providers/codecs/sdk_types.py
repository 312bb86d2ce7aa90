"""Whether the SDKs' own types take what a codec writes, all of it."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import pydantic


@cache
def _adapter(kind: Any) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(kind)


def _plain(value: Any) -> Any:
    """JSON again: pydantic looks at iterables when they are read."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in cast("dict[str, Any]", value).items()}
    if value is None or isinstance(value, str | int | float):
        return value
    return [_plain(one) for one in value]


def as_sent(kind: Any, body: dict[str, Any]) -> dict[str, Any]:
    """What is left of a request when its SDK's ``TypedDict`` has looked at it: fields that it does not know are not.

    Raises:
        pydantic.ValidationError: it does not take it.
    """
    return _plain(_adapter(kind).validate_python(body))


def unknown(model: pydantic.BaseModel, at: str = "") -> list[str]:
    """The fields that an SDK's model was made of and does not know, at whatever depth."""
    found = [f"{at}{name}" for name in model.model_extra or ()]
    for name in type(model).model_fields:
        value: Any = getattr(model, name)
        for index, one in enumerate(cast("list[Any]", value) if isinstance(value, list) else [value]):
            if isinstance(one, pydantic.BaseModel):
                found += unknown(one, f"{at}{name}[{index}].")
    return found
