"""From each dialect into each other: what an answer says is the same, told at once and in a stream."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai.providers.canonical import Answer, Text, ToolCall
from resilient_ai.providers.codecs.base import Asked
from resilient_ai.providers.codecs.table import CODECS, codec_of
from tests.unit.providers.codecs import made

if TYPE_CHECKING:
    from resilient_ai.providers.codecs.base import Codec

PAIRS = list(itertools.permutations(CODECS, 2))
ASKED = Asked(
    {"model": "m", "input": "hi", "messages": [], "contents": [], "stream_options": {"include_usage": True}},
    "m",
    stream=True,
)
"""A request of none of them: what they tell once more of it is not looked at here."""


def gist(answer: Answer) -> list[Any]:
    """What every dialect tells: of calls not the ids, with which each has its own way."""
    parts: list[Any] = [
        (part.name, part.arguments) if isinstance(part, ToolCall) else (type(part) is Text, part.text)
        for part in answer.parts
    ]
    usage = answer.usage
    return [answer.model, answer.stop, parts, usage and (usage.input, usage.output)]


def named(pair: tuple[tuple[str, str], tuple[str, str]]) -> tuple[Codec, Codec]:
    theirs, ours = (codec_of(*one) for one in pair)
    assert theirs is not None
    assert ours is not None
    return theirs, ours


pairs = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0][1]}-{pair[1][1]}")
answers = made.answers(usage=made.usages())


@pairs
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_an_answer(pair: tuple[tuple[str, str], tuple[str, str]], data: st.DataObject) -> None:
    theirs, ours = named(pair)
    came = theirs.read_answer(theirs.write_answer(data.draw(answers), ASKED))
    assert gist(ours.read_answer(ours.write_answer(came, ASKED))) == gist(came)


@pairs
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_stream(pair: tuple[tuple[str, str], tuple[str, str]], data: st.DataObject) -> None:
    theirs, ours = named(pair)
    stream = made.written(theirs, ASKED, data.draw(made.told(data.draw(answers))))
    came = made.read(theirs, made.chunked(stream, data.draw(made.chunks)))
    turned = made.read(ours, [made.written(ours, ASKED, came)])
    assert gist(made.whole(turned)) == gist(made.whole(came))
