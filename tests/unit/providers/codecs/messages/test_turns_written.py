"""What stands in a message, and who speaks when, as each generation of models takes it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from resilient_ai.providers.canonical import (
    Audio,
    Document,
    Image,
    Message,
    Refusal,
    Request,
    Role,
)
from resilient_ai.providers.codecs.base import Untranslatable, dropping
from resilient_ai.providers.codecs.messages import CODEC
from tests.unit.providers.codecs.messages.writing import (
    HAIKU4,
    HI,
    OPUS5,
    OPUS47,
    OPUS48,
    OTHER,
    SONNET5,
    Json,
    body,
    lost,
    request,
    say,
)

# What stands in a message. --------------------------------------------------------------------------------------------


def test_pictures_and_documents() -> None:
    text = base64.b64encode("Grüße".encode()).decode()
    (turn,) = body(
        say(
            "user",
            Image("iVBORw0KGgo=", "image/png", detail="high"),
            Image(url="http://example.org/a.png"),
            Document("JVBERi0=", "application/pdf", name="a.pdf"),
            Document(text, "text/csv"),
            Document(url="https://example.org/a.pdf"),
        )
    )["messages"]
    assert turn["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "url", "url": "http://example.org/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}},
        {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
    ]


@pytest.mark.parametrize(
    "part",
    [
        Image("AA==", "image/bmp", at="here"),
        Image("AA==", at="here"),
        Image(url="gs://bucket/a.png", at="here"),
        Image(at="here"),
        Document("AA==", "application/msword", at="here"),
        Document("_w==", "text/plain", at="here"),
        Document("/w==", "text/plain", at="here"),
        Document(url="https://example.org/a.txt", media_type="text/plain", at="here"),
        Audio("AA==", "audio/wav", at="here"),
    ],
)
def test_what_anthropic_does_not_take(part: Any) -> None:
    paths, sent = lost(request(say("user", "Look:", part)))
    assert paths == ["here"]
    assert sent["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Look:"}]}]


def test_a_closer_look_than_there_is() -> None:
    paths, sent = lost(request(say("user", Image(url="https://a", detail="original", at="here"))))
    assert (paths, len(sent["messages"][0]["content"])) == (["here"], 1)


def test_documents_of_the_assistant_and_pictures_of_the_system() -> None:
    picture = Image(url="https://a", at="here")
    assert lost(request(HI, say("assistant", "So", picture), HI))[0] == ["here"]
    assert lost(request(say("system", "So", picture), HI))[0] == ["here"]


def test_white_space_says_nothing_by_itself_and_a_refusal_is_words() -> None:
    blank = say("user", " \n", Image(url="https://a"))
    found = body(say("user", "Hi", " \n", ""), say("assistant", Refusal("No.")), blank, say("user", "Why?"))
    assert found["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": " \n"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "No."}]},
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "url", "url": "https://a"}},
                {"type": "text", "text": "Why?"},
            ],
        },
    ]


def test_a_message_that_says_nothing_is_left_out() -> None:
    found = body(HI, say("assistant", ""), say("user", "There?"))
    texts = [{"type": "text", "text": "Hi"}, {"type": "text", "text": "There?"}]
    assert found["messages"] == [{"role": "user", "content": texts}]


# Who speaks when. -----------------------------------------------------------------------------------------------------


def outline(found: Json) -> list[str]:
    """The turns, in a letter each, and their words."""
    return [f"{turn['role'][0]} {' '.join(block['text'] for block in turn['content'])}" for turn in found["messages"]]


@pytest.mark.parametrize(
    ("messages", "turns"),
    [
        ("s0 s1 u2", ["u 2"]),
        ("u0 s1 a2 u3", ["u 0", "s 1", "a 2", "u 3"]),
        ("u0 a1 s2 u3", ["u 0", "a 1", "u 3", "s 2"]),
        ("u0 s1 u2 a3 u4", ["u 0 2", "s 1", "a 3", "u 4"]),
        ("u0 a1 u2 s3 s4", ["u 0", "a 1", "u 2", "s 3 4"]),
        ("u0 a1 s2 u3 s4", ["u 0", "a 1", "u 3", "s 2 4"]),
    ],
)
def test_the_system_speaks_between_the_user_and_the_assistant(messages: str, turns: list[str]) -> None:
    roles: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant"}
    asked = [say(roles[word[0]], word[1]) for word in messages.split()]
    found = body(*asked, model=OPUS48)
    assert outline(found) == turns
    assert "system" in found or messages[0] != "s"


@pytest.mark.parametrize("model", [HAIKU4, OPUS47, SONNET5, OTHER])
def test_a_model_that_does_not_heed_the_system_later(model: str) -> None:
    asked = request(say("system", "Zero."), HI, say("system", "One.", at="messages[2]"), model=model)
    paths, sent = lost(asked)
    assert paths == ["messages[2]"]
    assert [block["text"] for block in sent["system"]] == ["Zero.", "One."]


def test_the_system_has_the_last_word_nowhere() -> None:
    asked = request(HI, say("assistant", "Ho"), say("system", "So.", at="messages[2]"), model=OPUS48)
    paths, sent = lost(asked)
    assert paths[0] == "messages[2]"
    assert sent["system"] == "So."


def test_the_assistant_does_not_begin() -> None:
    paths, sent = lost(request(say("assistant", "Welcome!", at="messages[0]"), HI))
    assert (paths, outline(sent)) == (["messages[0]"], ["u Hi"])


def test_an_assistant_s_message_is_continued_or_not() -> None:
    assert outline(body(HI, say("assistant", "It is \n"), model=HAIKU4, goes_on=True)) == ["u Hi", "a It is"]
    paths, sent = lost(request(HI, say("assistant", "It is", at="messages[1]"), model=OPUS5, goes_on=True))
    assert (paths, outline(sent)) == (["messages[1]"], ["u Hi"])


@pytest.mark.parametrize("messages", [[], [say("system", "Be.")], [say("user", "")], [say("assistant", "Ho")]])
def test_nothing_is_asked(messages: list[Message]) -> None:
    with pytest.raises(Untranslatable, match="messages"):
        CODEC.write_request(Request(OPUS5, messages), dropping(), None)
