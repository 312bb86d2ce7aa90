"""An answer that the program has begun: whoever does not go on with it is not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping, refusing
from resilient_ai.providers.codecs.chat import CODEC as CHAT
from resilient_ai.providers.codecs.content import CODEC as CONTENT
from resilient_ai.providers.codecs.messages import CODEC as MESSAGES
from resilient_ai.providers.codecs.responses import CODEC as RESPONSES

if TYPE_CHECKING:
    from resilient_ai.providers.codecs.base import Codec

QUESTION = "Colours, as JSON."
BEGUN: dict[str, tuple[Codec, dict[str, Any], str]] = {
    "messages": (
        MESSAGES,
        {"max_tokens": 99, "messages": [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "["}]},
        "messages[1]",
    ),
    "content": (
        CONTENT,
        {"contents": [{"parts": [{"text": QUESTION}]}, {"role": "model", "parts": [{"text": "["}]}]},
        "contents[1]",
    ),
}
begun = pytest.mark.parametrize(("ours", "body", "at"), BEGUN.values(), ids=list(BEGUN))
openai = pytest.mark.parametrize("theirs", [CHAT, RESPONSES], ids=["chat", "responses"])


@begun
@openai
def test_openai_does_not_go_on(ours: Codec, body: dict[str, Any], at: str, theirs: Codec) -> None:
    """Regression: its answer followed the beginning as a second one, with the beginning in it once more."""
    request = ours.read_request(Asked(body, "gpt-4o", stream=False), refusing)
    with pytest.raises(Untranslatable) as refused:
        theirs.write_request(request, refusing, None)
    assert refused.value.path == at
    lost = dropping()
    written = theirs.write_request(request, lost, None)
    assert lost.noted == [at]
    assert written.body["messages" if theirs is CHAT else "input"] == [{"role": "user", "content": QUESTION}]


@begun
def test_claude_does(ours: Codec, body: dict[str, Any], at: str) -> None:
    del at
    request = ours.read_request(Asked(body, "claude-haiku-4-5", stream=False), refusing)
    written = MESSAGES.write_request(request, refusing, None)
    assert [turn["role"] for turn in written.body["messages"]] == ["user", "assistant"]


@openai
@pytest.mark.parametrize("theirs_is", ["messages", "content"])
@pytest.mark.parametrize("ended", [True, False], ids=["refuse", "drop"])
def test_what_openai_answers_nobody_goes_on_with(theirs: Codec, theirs_is: str, ended: bool) -> None:
    """Regression: Claude went on with the assistant's last words, which OpenAI's models would have answered."""
    said = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "["}]
    body: dict[str, Any] = {"messages": said} if theirs is CHAT else {"input": said}
    target, model = (MESSAGES, "claude-haiku-4-5") if theirs_is == "messages" else (CONTENT, "gemini-2.5-flash")
    request = theirs.read_request(Asked(body, model, stream=False), refusing)
    if ended:
        with pytest.raises(Untranslatable, match=r"\[1\]") as refused:
            target.write_request(request, refusing, None)
        assert "answers them" in str(refused.value)
        return
    written = target.write_request(request, dropping(), None).body
    assert [turn["role"] for turn in written["messages" if target is MESSAGES else "contents"]] == ["user"]


@openai
def test_of_openai_s_own_programs_it_is_no_beginning(theirs: Codec) -> None:
    said = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "["}]
    ours = RESPONSES if theirs is CHAT else CHAT
    body = {"messages": said} if ours is CHAT else {"input": said}
    request = ours.read_request(Asked(body, "gpt-4o", stream=False), refusing)
    written = theirs.write_request(request, refusing, None)
    assert len(written.body["messages" if theirs is CHAT else "input"]) == 2
