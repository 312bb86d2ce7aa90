"""By what a conversation is known again, in each family."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_ai.providers.conversation import beginning

ASKED: list[tuple[str, dict[str, Any]]] = [
    (
        "chat",
        {"messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": [{"text": "hi"}]}]},
    ),
    ("messages", {"system": [{"type": "text", "text": "be kind"}], "messages": [{"role": "user", "content": "hi"}]}),
    ("responses", {"instructions": "be kind", "input": "hi"}),
    ("responses", {"instructions": "be kind", "input": [{"role": "user", "content": [{"text": "hi"}]}]}),
    (
        "generate_content",
        {
            "systemInstruction": {"parts": [{"text": "be kind"}]},
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        },
    ),
]
MORE: dict[str, list[dict[str, Any]]] = {
    "chat": [{"role": "assistant", "content": "hello"}, {"role": "user", "content": "and?"}],
    "messages": [{"role": "assistant", "content": "hello"}, {"role": "user", "content": "and?"}],
    "responses": [{"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}],
    "generate_content": [{"role": "model", "parts": [{"text": "hello"}]}],
}


@pytest.mark.parametrize(("family", "body"), ASKED)
def test_it_is_the_same_however_far_it_has_gone(family: str, body: dict[str, Any]) -> None:
    assert beginning(family, body) == (["be kind", "hi"], False)
    turns = next((name for name in ("messages", "contents", "input") if name in body), "")
    if isinstance(body[turns], list):
        further = body | {turns: [*body[turns], *MORE[family]]}
        assert beginning(family, further) == (["be kind", "hi"], True)
    # Marks for a prompt cache come and go, and are no words.
    marked = body | {"cache_control": {"type": "ephemeral"}}
    assert beginning(family, marked) == (["be kind", "hi"], False)


def test_what_is_none_is_none() -> None:
    assert beginning("embeddings", {"input": "hi"}) is None
    assert beginning("chat", {"messages": [{"role": "system", "content": "be kind"}]}) is None
    assert beginning("chat", {"messages": "hi", "n": 1}) == (["hi"], False)
    with pytest.raises(AttributeError):
        beginning("chat", {"messages": ["hi"]})
