"""Two answers joined: the whole one, or an error; never a word twice, never two answers in one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.providers.sse import EventDecoder
from resilient_ai.providers.streams import anthropic, gemini, openai
from resilient_ai.providers.streams.delivered import MOST_TEXT, Delivered
from resilient_ai.providers.streams.reading import Reading
from resilient_ai.providers.streams.splice import Splice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilient_ai.providers.streams.base import Grammar


class Answer(NamedTuple):
    """What is thought, and said, each in pieces; by its number it is told from others."""

    thoughts: list[str]
    words: list[str]
    number: int = 1


def _event(fields: dict[str, Any], name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(fields)}\n\n".encode()


def chat(answer: Answer) -> list[bytes]:
    frame = {"id": f"chatcmpl-{answer.number}", "created": answer.number, "model": "a model of these tests"}

    def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
        return _event({**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], "usage": None})

    thoughts = [chunk({"reasoning_content": one}) for one in answer.thoughts]
    words = [chunk({"content": one}) for one in answer.words]
    usage = _event({**frame, "choices": [], "usage": {"total_tokens": 9}})
    opening = chunk({"role": "assistant", "content": ""})
    return [opening, *thoughts, *words, chunk({}, "stop"), usage, b"data: [DONE]\n\n"]


def completions(answer: Answer) -> list[bytes]:
    frame = {"id": f"cmpl-{answer.number}", "created": answer.number}

    def chunk(text: str, reason: str | None = None) -> bytes:
        return _event({**frame, "choices": [{"index": 0, "text": text, "finish_reason": reason}]})

    return [*map(chunk, answer.words), chunk("", "stop"), b"data: [DONE]\n\n"]


def responses(answer: Answer) -> list[bytes]:
    told: list[tuple[str, dict[str, Any]]] = []
    response: dict[str, Any] = {"id": f"resp_{answer.number}", "output": [], "usage": None}
    told += [("created", {"response": response}), ("in_progress", {"response": response})]
    output: list[dict[str, Any]] = []
    item: dict[str, Any]
    if answer.thoughts:
        item = {"id": f"rs_{answer.number}", "type": "reasoning", "summary": []}
        at: dict[str, Any] = {"item_id": item["id"], "output_index": 0, "summary_index": 0}
        whole = "".join(answer.thoughts)
        told.append(("output_item.added", {"output_index": 0, "item": item}))
        told.append(("reasoning_summary_part.added", at))
        told += [("reasoning_summary_text.delta", {**at, "delta": one}) for one in answer.thoughts]
        told.append(("reasoning_summary_text.done", {**at, "text": whole}))
        told.append(("reasoning_summary_part.done", at))
        output.append({**item, "summary": [{"type": "summary_text", "text": whole}]})
        told.append(("output_item.done", {"output_index": 0, "item": output[-1]}))
    out, whole = len(output), "".join(answer.words)
    item = {"id": f"msg_{answer.number}", "type": "message", "content": []}
    at = {"item_id": item["id"], "output_index": out, "content_index": 0}
    told.append(("output_item.added", {"output_index": out, "item": item}))
    told.append(("content_part.added", at))
    told += [("output_text.delta", {**at, "delta": one}) for one in answer.words]
    told.append(("output_text.done", {**at, "text": whole}))
    told.append(("content_part.done", at))
    output.append({**item, "content": [{"type": "output_text", "text": whole}]})
    told.append(("output_item.done", {"output_index": out, "item": output[-1]}))
    told.append(("completed", {"response": {**response, "output": output, "usage": {"total_tokens": 9}}}))
    return [
        _event({"type": f"response.{kind}", **fields, "sequence_number": number}, f"response.{kind}")
        for number, (kind, fields) in enumerate(told)
    ]


def messages(answer: Answer) -> list[bytes]:
    begun = {"input_tokens": 5, "output_tokens": 1, "service_tier": "standard"}
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": f"msg_{answer.number}", "content": [], "usage": begun}}
    ]
    blocks = [("thinking", answer.thoughts), ("text", answer.words)]
    for index, (kind, pieces) in enumerate(block for block in blocks if block[1]):
        told.append({"type": "content_block_start", "index": index, "content_block": {"type": kind, kind: ""}})
        told.append({"type": "ping"})
        at = {"type": "content_block_delta", "index": index}
        told += [{**at, "delta": {"type": f"{kind}_delta", kind: one}} for one in pieces]
        if kind == "thinking":
            told.append({**at, "delta": {"type": "signature_delta", "signature": f"sig{answer.number}"}})
        told.append({"type": "content_block_stop", "index": index})
    count = len(answer.words) + len(answer.thoughts)
    told.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": count}})
    told.append({"type": "message_stop"})
    return [_event(fields, fields["type"]) for fields in told]


def contents(answer: Answer) -> list[bytes]:
    def chunk(*parts: dict[str, Any], **more: Any) -> bytes:
        candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **more}
        frame = {"responseId": f"gemini_{answer.number}", "usageMetadata": {"totalTokenCount": 9}}
        return _event({"candidates": [candidate], **frame})

    thoughts = [chunk({"text": one, "thought": True}) for one in answer.thoughts]
    words = [chunk({"text": one}) for one in answer.words]
    return [*thoughts, *words, chunk({"text": ""}, finishReason="STOP")]


class Dialect(NamedTuple):
    write: Any
    grammar: Grammar
    thinks: bool = True


DIALECTS = {
    "chat": Dialect(chat, openai.STREAMS["chat"]),
    "completions": Dialect(completions, openai.STREAMS["completions"], thinks=False),
    "responses": Dialect(responses, openai.STREAMS["responses"]),
    "messages": Dialect(messages, anthropic.STREAMS["messages"]),
    "generate_content": Dialect(contents, gemini.STREAMS["generate_content"]),
}
families = pytest.mark.parametrize("family", DIALECTS)


def splice_of(dialect: Dialect, delivered: Delivered, **how: Any) -> Splice:
    kind = dialect.grammar.sequel
    assert kind is not None
    return Splice(dialect.grammar, kind, delivered, **how)


class Reader:
    """A plain reader of any of the dialects: what it has been told, and whether it was told so in a sound order."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.ended = 0
        self.opened: list[object] = []
        self.numbers: list[int] = []
        self.ids: set[str] = set()
        self.usage: Any = None

    def read(self, stream: bytes) -> Reader:
        for event in EventDecoder().feed(stream):
            if event.data == b"[DONE]":
                self.ended += 1
            elif event.data:
                self._one(json.loads(event.data))
        return self

    def _say(self, sort: str, text: str) -> None:
        self.texts[sort] = self.texts.get(sort, "") + text

    def _one(self, event: dict[str, Any]) -> None:
        self.numbers += [event["sequence_number"]] if "sequence_number" in event else []
        kind = event.get("type", "")
        if kind:
            self._typed(kind, event)
            return
        self.ids.add(event.get("id") or event["responseId"])
        self.usage = event.get("usage") or event.get("usageMetadata") or self.usage
        for choice in event.get("choices", ()):
            delta = choice.get("delta", {})
            self._say("text", delta.get("content", "") + choice.get("text", ""))
            self._say("thought", delta.get("reasoning_content", ""))
            self.opened += ["role"] if "role" in delta else []
            self.opened += ["finish"] if choice["finish_reason"] else []
        for candidate in event.get("candidates", ()):
            for part in candidate["content"]["parts"]:
                self._say("thought" if part.get("thought") else "text", part["text"])
            self.ended += "finishReason" in candidate

    def _typed(self, kind: str, event: dict[str, Any]) -> None:
        place = (event.get("output_index"), event.get("content_index"), event.get("index"))
        match kind:
            case "response.output_text.delta":
                self._say("text", event["delta"])
            case "response.reasoning_summary_text.delta":
                self._say("thought", event["delta"])
            case "content_block_delta" if "signature" not in event["delta"]:
                delta = event["delta"]
                self._say("text" if "text" in delta else "thought", delta.get("text", "") + delta.get("thinking", ""))
            case "ping":
                pass
            case _:
                self.opened.append((kind, *place))
        self.ended += kind in ("response.completed", "message_stop")
        self.ids |= {value for name in ("item_id",) if (value := event.get(name))}
        self.ids |= {event[name]["id"] for name in ("item", "message", "response") if name in event}
        for item in event.get("response", {}).get("output", ()):
            self.ids.add(item["id"])
        self.usage = event.get("usage") or event.get("response", {}).get("usage") or self.usage


def joined(family: str, first: bytes, second: bytes, size: int = 2**30, **how: Any) -> tuple[bytes, Splice]:
    """What a reader gets of two answers, the second one in chunks of whole events, and its splice."""
    dialect = DIALECTS[family]
    delivered = Delivered()
    got = Reading(dialect.grammar, delivered.took).feed(first)
    assert delivered.only_texts
    splice = splice_of(dialect, delivered, **how)
    events = [event.raw for event in EventDecoder().feed(second)]
    for start in range(0, len(events), size):
        got += splice.feed(b"".join(events[start : start + size]))
    splice.end()
    return got, splice


pieces = st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=6)


@st.composite
def chunked(draw: st.DrawFn, text: str) -> list[str]:
    """A text in pieces."""
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=6)))
    return [piece for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True) if (piece := text[start:end])]


@families
@given(data=st.data())
def test_the_whole_answer(family: str, data: st.DataObject) -> None:
    """Any text, cut anywhere, in any chunking of both: as if nothing had happened."""
    dialect = DIALECTS[family]
    text = data.draw(st.text(min_size=1, max_size=20))
    thought = data.draw(st.text(max_size=10)) if dialect.thinks else ""
    one, two = (Answer(data.draw(chunked(thought)), data.draw(chunked(text)), number=number) for number in (1, 2))
    events = dialect.write(one)
    cut = data.draw(st.integers(0, len(events) - 1))
    size = data.draw(st.sampled_from([1, 2, 1000]))
    if not any(dialect.grammar.read(b"", json.loads(event.split(b"data: ")[1])).parts for event in events[:cut]):
        return  # nothing was delivered: that is no rescue
    got, splice = joined(family, b"".join(events[:cut]), b"".join(dialect.write(two)), size)
    assert splice.differs is None
    reader, whole = Reader().read(got), Reader().read(b"".join(dialect.write(one)))
    assert {sort: text for sort, text in reader.texts.items() if text} == {
        sort: text for sort, text in whole.texts.items() if text
    }
    assert reader.ended == 1
    # A second message_delta only corrects the counts of the first.
    assert list(dict.fromkeys(reader.opened)) == whole.opened
    assert [one[:-1] for one in sorted(reader.ids)] == [one[:-1] for one in sorted(whole.ids)]  # none of both answers
    if family in ("chat", "completions", "generate_content"):
        assert reader.ids == whole.ids
    assert reader.numbers == sorted(set(reader.numbers))
    assert reader.numbers == list(range(len(reader.numbers)))


@families
def test_an_end_in_the_midst_of_an_event(family: str) -> None:
    """Whatever stands there without its empty line, the other answer's first event is not glued to it."""
    dialect = DIALECTS[family]
    one, two = (b"".join(dialect.write(Answer([], ["a ", "b", " c"], number))) for number in (1, 2))
    for cut in range(1, len(one)):
        delivered = Delivered()
        reading = Reading(dialect.grammar, delivered.took)
        got = reading.feed(one[:cut]) + reading.end()
        if not reading.begun or reading.seen:
            continue
        splice = splice_of(dialect, delivered)
        got += splice.feed(two)
        assert splice.differs is None
        read = Reader().read(got)
        assert "".join(read.texts.values()) == "a b c"
        assert read.ended == 1


@families
@given(data=st.data())
def test_another_answer(family: str, data: st.DataObject) -> None:
    """One that begins otherwise, or ends before: nothing of it is given."""
    dialect = DIALECTS[family]
    text = data.draw(st.text(min_size=2, max_size=20))
    had = data.draw(st.integers(1, len(text)))
    at = data.draw(st.integers(0, had - 1))
    other = text[:at] + data.draw(st.text(max_size=10).filter(lambda end: not (text[:at] + end).startswith(text[:had])))
    one = dialect.write(Answer([], [text[:had], "!"]))
    said = (dialect.grammar.read(b"", json.loads(event.partition(b"data: ")[2])).parts for event in one)
    first = next(place for place, parts in enumerate(said) if parts) + 1
    two = Answer([], data.draw(chunked(other)) if other else [], number=2)
    before = b"".join(one[:first])
    got, splice = joined(family, before, b"".join(dialect.write(two)), data.draw(st.sampled_from([1, 1000])))
    assert splice.differs
    assert got == before


@families
def test_what_was_closed_stays_closed(family: str) -> None:
    """All of the text had come, and its end; another answer goes on. Glued, it would be a third one."""
    dialect = DIALECTS[family]
    one = dialect.write(Answer([], ["a ", "b"]))
    before = b"".join(one[: -2 if family == "chat" else -1])
    if family == "generate_content":
        return  # its text ends with the stream
    got, splice = joined(family, before, b"".join(dialect.write(Answer([], ["a b", " c"], number=2))))
    assert splice.differs
    assert got == before


@families
def test_a_thought_in_the_midst_is_another_answer(family: str) -> None:
    dialect = DIALECTS[family]
    if not dialect.thinks:
        return
    one = [event for event in dialect.write(Answer([], ["a ", "b"])) if b'"b"' not in event]
    at = next(place for place, event in enumerate(one) if b'"a "' in event) + 1
    two = b"".join(dialect.write(Answer(["hm"], ["a ", "b"], number=2)))
    got, splice = joined(family, b"".join(one[:at]), two)
    assert splice.differs
    assert got == b"".join(one[:at])


@families
def test_a_longer_thought_is_another_answer(family: str) -> None:
    """The words are the same, and more was thought before: nothing of it is told after them."""
    dialect = DIALECTS[family]
    if not dialect.thinks:
        return
    one = dialect.write(Answer(["hm"], ["a ", "b"]))
    before = b"".join(one[: next(place for place, event in enumerate(one) if b'"b"' in event)])
    got, splice = joined(family, before, b"".join(dialect.write(Answer(["hm", " well"], ["a ", "b"], number=2))))
    assert splice.differs
    assert got == before


@families
def test_a_long_text_is_compared_by_its_hash(family: str) -> None:
    dialect = DIALECTS[family]
    text = "ab" * (MOST_TEXT // 2 + 500)
    one = dialect.write(Answer([], [text[:1000], text[1000:-2], text[-2:], "end"]))
    cut = next(place for place, event in enumerate(one) if b'"end"' in event)
    for other, fits in ((text, True), (text[:-1] + "x", False)):
        two = dialect.write(Answer([], [other[:7], other[7:], "end"], number=2))
        got, splice = joined(family, b"".join(one[:cut]), b"".join(two))
        assert (splice.differs is None) is fits
        assert Reader().read(got).texts["text"] == (text + "end" if fits else text)


def test_what_is_kept_does_not_grow() -> None:
    delivered = Delivered()
    reading = Reading(openai.STREAMS["chat"], delivered.took)
    piece = "x" * 1024
    chunk = _event({"choices": [{"index": 0, "delta": {"content": piece}}]})
    for _ in range(2000):
        reading.feed(chunk)
        reading.feed(b": ping\n\n")
    (text,) = delivered.texts.values()
    assert text.length == 2000 * 1024
    assert len(text.kept) <= MOST_TEXT
    assert delivered.only_texts
    assert sum(map(len, delivered.silent)) < 2 * len(chunk)


def test_two_choices_wait_for_each_other() -> None:
    """A text that goes on is held back until every other one has been found again."""

    def chunk(index: int, text: str, reason: str | None = None) -> bytes:
        return _event({"id": "c", "choices": [{"index": index, "delta": {"content": text}, "finish_reason": reason}]})

    first = chunk(0, "ab") + chunk(1, "xy")
    second = [chunk(0, "abc"), chunk(0, "d", "stop"), chunk(1, "x"), chunk(1, "y"), chunk(1, "z", "stop")]
    got, splice = joined("chat", first, b"".join(second) + b"data: [DONE]\n\n", 1)
    assert splice.differs is None
    texts = {0: "", 1: ""}
    for event in EventDecoder().feed(got):
        for choice in json.loads(event.data)["choices"] if event.data != b"[DONE]" else ():
            texts[choice["index"]] += choice["delta"]["content"]
    assert texts == {0: "abcd", 1: "xyz"}
    got, splice = joined("chat", first, b"".join([*second[:2], chunk(1, "xz")]), 1)
    assert splice.differs
    assert got == first


def test_an_opening_without_an_id() -> None:
    """Azure begins with the prompt's filter results, under no name."""
    filtered = _event({"id": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": []})
    one, two = (chat(Answer([], ["a", "b"], number)) for number in (1, 2))
    got, _ = joined("chat", b"".join([filtered, *one[:2]]), b"".join([filtered, *two]))
    ids = [json.loads(event.data)["id"] for event in EventDecoder().feed(got) if event.data.startswith(b"{")]
    assert ids == ["", *["chatcmpl-1"] * (len(ids) - 1)]


def test_usage_is_added_up_or_left_out() -> None:
    for family, dialect in DIALECTS.items():
        one, two = dialect.write(Answer([], ["a", "b"])), dialect.write(Answer([], ["a", "b"], number=2))
        at = next(place for place, event in enumerate(one) if b'"b"' in event)
        got, splice = joined(family, b"".join(one[:at]), b"".join(two))
        assert splice.differs is None
        after = Reader().read(got[sum(map(len, one[:at])) :])
        told = {"input_tokens": 10, "output_tokens": 3} if family == "messages" else None
        assert after.usage == told


def test_three_answers_in_one() -> None:
    """A sequel that breaks off in its turn; Anthropic's usage is that of all three."""
    family = "messages"
    dialect = DIALECTS[family]
    delivered = Delivered()
    text = ["a", "b", "c", "d"]
    events = [dialect.write(Answer([], text, number=number)) for number in (1, 2, 3)]
    at = [next(place for place, event in enumerate(events[0]) if f'"{piece}"'.encode() in event) for piece in "bcd"]
    got = Reading(dialect.grammar, delivered.took).feed(b"".join(events[0][: at[0]]))
    for number, end in ((1, at[1]), (2, None)):
        splice = splice_of(dialect, delivered)
        got += splice.feed(b"".join(events[number][:end]))
        splice.end()
        assert splice.differs is None
    reader = Reader().read(got)
    assert reader.texts["text"] == "abcd"
    assert reader.ended == 1
    assert reader.usage == {"input_tokens": 15, "output_tokens": 1 + 1 + 4}


@pytest.mark.parametrize(("said", "rest", "whole"), [
    ("one ", "two", "one two"),
    ("one ", " two", "one two"),
    ("one", " two", "one two"),
    ("one\n\n", "\n\ntwo", "one\n\ntwo"),
])  # fmt: skip
@pytest.mark.parametrize("size", [1, 100])
def test_a_text_that_is_gone_on_with(said: str, rest: str, whole: str, size: int) -> None:
    """What stood at its end was not shown to who goes on with it, and may come again."""
    family = "messages"
    dialect = DIALECTS[family]
    one = dialect.write(Answer([], [said, "!"]))
    at = next(place for place, event in enumerate(one) if b'"!"' in event)
    two = dialect.write(Answer([], list(rest), number=2))
    got, splice = joined(family, b"".join(one[:at]), b"".join(two), size, continues=said[len(said.rstrip()) :])
    assert splice.differs is None
    reader = Reader().read(got)
    assert reader.texts["text"] == whole
    assert reader.ended == 1


@given(chunk=st.binary(max_size=200))
def test_any_bytes(chunk: bytes) -> None:
    """It never raises."""
    for family, dialect in DIALECTS.items():
        one = dialect.write(Answer([], ["a", "b"]))
        at = next(place for place, event in enumerate(one) if b'"b"' in event)
        before = b"".join(one[:at])
        got, _ = joined(family, before, chunk + b"\n\n")
        assert got == before


ODD: list[Any] = [None, True, 7, 1.5, "", "odd", [], ["odd"], {}, {"odd": []}, [{}]]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Whatever has members, and each of them by its key."""
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _spoilt(event: bytes, data: st.DataObject) -> bytes:
    """The event with another value somewhere in it."""
    head, _, said = event.partition(b"data: ")
    if not said.startswith(b"{"):
        return event
    fields = json.loads(said)
    holder, key = data.draw(st.sampled_from(list(_places(fields))))
    holder[key] = data.draw(st.sampled_from(ODD))
    return head + b"data: " + json.dumps(fields).encode() + b"\n\n"


@families
@given(data=st.data())
def test_any_values(family: str, data: st.DataObject) -> None:
    """A server may write anything anywhere: that is no error of ours, with the first answer or the second."""
    dialect = DIALECTS[family]
    one, two = (dialect.write(Answer([], ["a", "b", "c"], number)) for number in (1, 2))
    at = data.draw(st.integers(1, len(one) - 1))
    for answer in data.draw(st.sampled_from([(one,), (two,), (one, two)])):
        where = data.draw(st.integers(0, (at if answer is one else len(two)) - 1))
        answer[where] = _spoilt(answer[where], data)
    delivered = Delivered()
    reading = Reading(dialect.grammar, delivered.took)
    for event in one[:at]:
        reading.feed(event)
    assert isinstance(delivered.words(choices=True) + delivered.words(choices=False), str)
    splice = splice_of(dialect, delivered)
    for event in two:
        splice.feed(event)
    splice.end()


def test_an_event_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resilient_ai.providers.sse.MOST_EVENT", 1000)
    one = chat(Answer([], ["a", "b"]))
    got, splice = joined("chat", b"".join(one[:2]), b"")
    assert splice.feed(b"data: " + b"x" * 2000) == b""
    assert splice.differs
    assert got == b"".join(one[:2])


def test_tools_and_pictures_are_no_texts() -> None:
    calls = _event({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0}]}}]})
    picture = _event({"candidates": [{"content": {"parts": [{"inlineData": {"data": "x"}}]}}]})
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{"}}
    for grammar, event in (
        (openai.STREAMS["chat"], calls),
        (gemini.STREAMS["generate_content"], picture),
        (anthropic.STREAMS["messages"], _event(delta)),
    ):
        delivered = Delivered()
        Reading(grammar, delivered.took).feed(event)
        assert not delivered.only_texts
