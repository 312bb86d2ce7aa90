"""Equal fingerprints mean equal settings: pipelines share what they learn by them."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import Any

import pytest

from resilient_ai import Pipeline, Retry


class Kept:
    """No weak reference can be made to it."""

    __slots__ = ()

    async def execute(self, next: Any, call: Any) -> Any:
        return await next(call)


class Own(Kept):
    """A strategy of a program's own."""


@pytest.mark.parametrize("kind", [Own, Kept])
def test_a_later_object_in_the_same_place_is_another(kind: Any) -> None:
    """An ``id()`` is given anew once its object has gone; the states of its pipeline may live on."""
    seen = [Pipeline(kind()).fingerprint for _ in range(50)]
    assert len(set(seen)) == 50


def test_a_later_callable_in_the_same_place_is_another() -> None:
    seen = [Pipeline(Retry(wait=eval(f"lambda state: {i}"))).fingerprint for i in range(50)]
    assert len(set(seen)) == 50


@pytest.mark.parametrize("one", [Own(), Kept(), Retry(wait=lambda state: 1.0)], ids=["own", "kept", "callable"])
def test_the_same_object_is_the_same(one: Any) -> None:
    first = Pipeline(one).fingerprint
    gc.collect()
    assert Pipeline(one).fingerprint == first


def _made(number: float) -> Any:
    @dataclass(frozen=True)
    class Paced:
        setting: int = 1

        async def execute(self, next: Any, call: Any) -> Any:
            return number, await next(call)

    return Paced()


def test_two_classes_of_one_name_are_two() -> None:
    assert Pipeline(_made(1)).fingerprint != Pipeline(_made(2)).fingerprint
