"""What OpenAI's two ways to talk have in common: strict schemas, and what is read alike."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_ai.failures import FailureKind
from resilient_ai.providers.canonical import Document, Text, object_of
from resilient_ai.providers.codecs.base import Asked, add_turn, dropping, refusing
from resilient_ai.providers.codecs.chat import CODEC as CHAT
from resilient_ai.providers.codecs.openai_reading import compact, data_of, document, result, seconds
from resilient_ai.providers.codecs.openai_rules import is_strict

Json = dict[str, Any]
CITY: Json = {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}


def deep(levels: int) -> Json:
    schema: Json = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (CITY, True),
        ({**CITY, "required": []}, False),
        ({**CITY, "additionalProperties": True}, False),
        ({"anyOf": [CITY, {"type": "null"}]}, True),
        ({"oneOf": [CITY, {"type": "null"}]}, False),
        ({**CITY, "properties": {"a": {"allOf": [CITY]}}}, False),
        ({**CITY, "$defs": {"b": {"type": "object"}}}, False),
        (deep(5), True),
        (deep(100), False),
    ],
)
def test_what_is_strict(schema: Json, strict: bool) -> None:
    assert is_strict(schema) is strict


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "{}"),
        ("", "{}"),
        (" \t", "{}"),
        ({"a": 1}, '{"a":1}'),
        ('{"a":1}', '{"a":1}'),
        (' {"a":1}\n', '{"a":1}'),
        ('{"a": "b c"}', '{"a":"b c"}'),
        ('{"a":"b, \\n"}', '{"a":"b, \\n"}'),
        ('{"a":"\\u00e9\\/"}', '{"a":"é/"}'),
        ('{"a": no', '{"a": no'),
        ('{"a": NaN}', '{"a": NaN}'),
    ],
)
def test_arguments_have_one_form(given: Any, told: str) -> None:
    assert compact(given) == told


def test_arguments_that_are_no_object() -> None:
    assert object_of(" ") == {}
    with pytest.raises(TypeError):
        object_of("[]")
    with pytest.raises(ValueError, match="JSON has no NaN"):
        object_of('{"a":NaN}')


def test_a_result_says_that_its_tool_failed() -> None:
    said = result("c", "f", [Text("Tool error: no such city"), Text("b")], "here")
    assert (said.failed, said.parts) == (True, [Text("no such city"), Text("b")])
    assert result("c", "f", [Text("Tool error: ")], "").parts == []
    assert not result("c", "f", [Text("sun: no Tool error: ")], "").failed


def test_files() -> None:
    assert data_of("data:image/png;charset=x;base64,AA==") == ("image/png", "AA==")
    assert data_of("data:;base64,AA==") == ("text/plain", "AA==")
    assert data_of("data:text/plain,hello") is None
    assert document("AA==", None, "") == Document("AA==", "application/pdf")
    assert document("AA==", "notes.TXT", "") == Document("AA==", "text/plain", name="notes.TXT")
    assert document("AA==", "a.bin", "") is None
    assert document("data:application/pdf;base64,AA==", "document.pdf", "") == Document("AA==", "application/pdf")


def test_a_chat_s_text_file_is_no_pdf() -> None:
    """Regression: base64 alone was taken for a PDF, whatever the file is called."""
    part = {"type": "file", "file": {"filename": "notes.txt", "file_data": "aGk="}}
    body = {"messages": [{"role": "user", "content": [part]}]}
    request = CHAT.read_request(Asked(body, "m", stream=False), refusing)
    assert request.messages[0].parts == [Document("aGk=", "text/plain", name="notes.txt")]


@pytest.mark.parametrize(("created", "told"), [(17.5, 17), (0, None), (-5, None), (None, None), (1e12, None)])
def test_when_it_was_made(created: Any, told: int | None) -> None:
    assert seconds(created) == told


def test_neighbours_of_one_role_are_one_message() -> None:
    messages: list[Any] = []
    for role, words in (("user", ["a"]), ("assistant", []), ("user", ["b"]), ("assistant", ["c"])):
        add_turn(messages, role, [Text(one) for one in words], "")  # type: ignore[arg-type]  # roles, in a table
    assert [(one.role, one.parts) for one in messages] == [("user", [Text("a"), Text("b")]), ("assistant", [Text("c")])]


def test_of_a_chat_s_two_limits_the_newer_one_counts() -> None:
    for body in ({"max_completion_tokens": 5, "max_tokens": 9}, {"max_tokens": 9, "max_completion_tokens": 5}):
        request = CHAT.read_request(Asked({"messages": [], **body}, "m", stream=False), refusing)
        assert (request.max_tokens, request.path("max_tokens")) == (5, "max_completion_tokens")


def test_of_a_chat_s_pictures_what_nobody_else_has_is_lost() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}, "colour": "red"}
    body = {"messages": [{"role": "user", "content": [part]}]}
    CHAT.read_request(Asked(body, "m", stream=False), noted := dropping())
    assert noted.noted == ["messages[0].content[0].colour"]


@pytest.mark.parametrize(
    ("status", "sort"), [(500, "server_error"), (200, "server_error"), (418, "invalid_request_error")]
)
def test_whose_fault_an_error_is(status: int, sort: str) -> None:
    assert CHAT.write_error(status, FailureKind.TRANSIENT, "words")["error"]["type"] == sort
