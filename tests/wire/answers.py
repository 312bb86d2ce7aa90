"""Answers of each dialect, drawn at random: plain JSON with all that a stream can tell too."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

texts = st.text(max_size=12)
words = st.text(min_size=1, max_size=12)
counts = st.integers(0, 10**6)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, values, max_size=3)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Any of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


def every(must: dict[str, st.SearchStrategy[Any]], **may: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(must, optional=may)


# ---- OpenAI's Chat and Completions

tokens = every({"token": texts, "logprob": st.floats(-99, 0), "bytes": st.none() | st.lists(st.integers(0, 255))})
logprobs = st.none() | every(
    {"content": st.none() | st.lists(tokens, max_size=3), "refusal": st.none() | st.lists(tokens, max_size=2)}
)
tool_calls = st.lists(
    every({"id": words, "type": st.just("function"), "function": every({"name": words, "arguments": texts})}),
    max_size=3,
)
messages = every(
    {"role": st.just("assistant"), "content": st.none() | texts},
    refusal=st.none() | texts,
    annotations=st.lists(every({"type": st.just("url_citation"), "url_citation": objects}), max_size=2),
    tool_calls=st.none() | tool_calls,
    function_call=st.none() | every({"name": words, "arguments": texts}),
    reasoning_content=st.none() | texts,
    reasoning=st.none() | texts,
    audio=st.none(),
)
chat_choices = every(
    {"message": messages, "finish_reason": st.sampled_from(["stop", "length", "tool_calls"])},
    logprobs=logprobs,
    content_filter_results=objects,
    native_finish_reason=st.none() | texts,
)
usages = every({"prompt_tokens": counts, "total_tokens": counts}, prompt_tokens_details=st.none() | objects)


@st.composite
def chats(draw: st.DrawFn, kind: str = "chat.completion", each: st.SearchStrategy[Json] = chat_choices) -> Json:
    frame = draw(
        every(
            {"id": words, "created": st.integers(1, 2**31), "model": words},
            service_tier=st.none() | words,
            system_fingerprint=st.none() | words,
            usage=st.none() | usages,
            provider=words,
            citations=st.lists(words, max_size=2),
        )
    )
    choices = draw(st.lists(each, min_size=1, max_size=3))
    return {**frame, "object": kind, "choices": [{"index": at, **choice} for at, choice in enumerate(choices)]}


completion_choices = every(
    {"text": texts, "finish_reason": st.sampled_from(["stop", "length"])},
    logprobs=st.none() | every({"tokens": st.lists(texts, max_size=2), "top_logprobs": st.none() | st.lists(objects)}),
)
completions = chats("text_completion", completion_choices)

# ---- OpenAI's Responses

text_parts = every(
    {"type": st.just("output_text"), "text": texts, "annotations": st.lists(objects, max_size=2)},
    logprobs=st.lists(tokens, max_size=2),
)
refusal_parts = every({"type": st.just("refusal"), "refusal": texts})
summaries = every({"type": st.just("summary_text"), "text": texts})
thoughts = every({"type": st.just("reasoning_text"), "text": texts})
status = st.just("completed")
output = st.one_of(
    every(
        {
            "type": st.just("message"),
            "status": status,
            "role": st.just("assistant"),
            "content": st.lists(text_parts | refusal_parts, max_size=3),
        },
        phase=st.none() | words,
    ),
    every(
        {"type": st.just("reasoning"), "summary": st.lists(summaries, max_size=2)},
        content=st.lists(thoughts, max_size=2),
        encrypted_content=st.none() | words,
        status=status,
    ),
    every({"type": st.just("function_call"), "call_id": words, "name": words, "arguments": texts}, status=status),
    every({"type": st.just("custom_tool_call"), "call_id": words, "name": words, "input": texts}, status=status),
    every({"type": st.sampled_from(["web_search_call", "file_search_call"]), "status": status}, action=objects),
)


@st.composite
def responses(draw: st.DrawFn) -> Json:
    frame = draw(
        every(
            {
                "id": words,
                "created_at": counts,
                "model": words,
                "metadata": st.dictionaries(texts, texts, max_size=2),
                "status": st.sampled_from(["completed", "incomplete"]),
                "incomplete_details": st.none(),
                "error": st.none(),
                "parallel_tool_calls": st.booleans(),
                "tool_choice": st.just("auto"),
                "tools": st.just([]),
            },
            usage=st.none() | objects,
            completed_at=st.none() | counts,
        )
    )
    items = draw(st.lists(output, max_size=4))
    found = [{"id": f"item_{at}", **item} for at, item in enumerate(items)]
    for at, item in enumerate(found):
        if "call_id" in item:
            item["call_id"] = f"call_{at}"
    return {**frame, "object": "response", "output": found}


# ---- Anthropic's Messages

blocks = st.one_of(
    every({"type": st.just("text"), "text": texts}, citations=st.none() | st.lists(objects, max_size=2)),
    every({"type": st.just("thinking"), "thinking": texts, "signature": texts}),
    every({"type": st.just("redacted_thinking"), "data": texts}),
    every({"type": st.sampled_from(["tool_use", "server_tool_use"]), "id": words, "name": words, "input": objects}),
    every({"type": st.just("web_search_tool_result"), "tool_use_id": words, "content": st.lists(objects, max_size=2)}),
)
claudes = every(
    {
        "id": words,
        "type": st.just("message"),
        "role": st.just("assistant"),
        "model": words,
        "content": st.lists(blocks, max_size=4),
        "stop_reason": st.sampled_from(["end_turn", "tool_use", "max_tokens", "stop_sequence"]),
        "stop_sequence": st.none() | words,
        "usage": every(
            {"input_tokens": counts, "output_tokens": counts},
            cache_read_input_tokens=st.none() | counts,
            server_tool_use=st.none() | every({"web_search_requests": counts}),
            service_tier=st.none() | st.just("standard"),
        ),
    },
    container=st.none(),
    stop_details=st.none() | objects,
    context_management=st.none() | objects,
)

# ---- Gemini's content

parts = st.one_of(
    every({"text": texts}, thought=st.just(True), thoughtSignature=words),
    every({"functionCall": every({"name": words, "args": objects})}, thoughtSignature=words),
    every({"inlineData": every({"mimeType": words, "data": texts})}),
)
candidates = every(
    {
        "content": every({"role": st.just("model"), "parts": st.lists(parts, max_size=4)}),
        "finishReason": st.sampled_from(["STOP", "MAX_TOKENS"]),
    },
    safetyRatings=st.lists(objects, max_size=2),
    groundingMetadata=objects,
    avgLogprobs=st.floats(-9, 0),
    logprobsResult=objects,
    tokenCount=counts,
)


@st.composite
def contents(draw: st.DrawFn) -> Json:
    found = draw(st.lists(candidates, min_size=1, max_size=3))
    frame = draw(some(usageMetadata=objects, modelVersion=words, responseId=words))
    return {"candidates": [{**one, "index": at} for at, one in enumerate(found)], **frame}


ANSWERS: dict[tuple[str, str], st.SearchStrategy[Json]] = {
    ("openai", "chat"): chats(),
    ("openai", "completions"): completions,
    ("openai", "responses"): responses(),
    ("anthropic", "messages"): claudes,
    ("gemini", "generate_content"): contents(),
}
