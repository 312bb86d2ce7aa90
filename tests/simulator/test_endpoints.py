"""Each endpoint once, through the real SDK: what it parses is what the vendor would have sent."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING

import httpx
import openai
import pytest
from pydantic import BaseModel

if TYPE_CHECKING:
    from resilient_ai.testing import SimulatedProvider, Simulator

ASK = [{"role": "user", "content": "hello"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}


class Step(BaseModel):
    what: str
    sure: float


class Plan(BaseModel):
    title: str
    steps: list[Step]
    next: Plan | None


def text_of(client: openai.OpenAI, **more: object) -> str:
    return client.chat.completions.create(model="gpt-4o", messages=ASK, **more).choices[0].message.content


def test_chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-4o", messages=ASK, n=2)
    assert answer.model == "gpt-4o"
    assert answer.system_fingerprint == "fp_primary"
    assert "primary" in answer.id
    assert answer.usage.completion_tokens == 120
    first, second = (choice.message.content for choice in answer.choices)
    assert first != second
    assert len(first.split()) == 60


def test_the_same_request_gets_the_same_words_everywhere(client: openai.OpenAI, sim: Simulator) -> None:
    """So that a replay, streamed or not, from another host of the same model, can be compared."""
    backup = client.with_options(base_url=sim["backup"].base_url, api_key=sim["backup"].key)
    text = text_of(client)
    assert text == text_of(client) == text_of(backup, user="another")
    assert text != text_of(client, seed=7)
    chunks = list(backup.chat.completions.create(model="gpt-4o", messages=ASK, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == text
    assert {chunk.system_fingerprint for chunk in chunks} == {"fp_backup"}


def test_chat_stream(client: openai.OpenAI) -> None:
    options = {"include_usage": True}
    stream = client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True, stream_options=options)
    *chunks, last = stream
    assert (last.choices, last.usage.completion_tokens) == ([], 60)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.usage for chunk in chunks} == {None}
    assert sum(bool(chunk.choices[0].delta.content) for chunk in chunks) == 60


def test_chat_is_cut_at_its_limit(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-4o", messages=ASK, max_completion_tokens=5)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 5


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
def test_chat_calls_the_tool_it_is_forced_to(client: openai.OpenAI, choice: object) -> None:
    asked = {"model": "gpt-4o", "messages": ASK, "tools": [TOOL], "tool_choice": choice}
    call = client.chat.completions.create(**asked).choices[0].message.tool_calls[0]
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments).keys() == {"city", "days"}
    with client.chat.completions.stream(**asked) as stream:
        streamed = stream.get_final_completion().choices[0]
    assert streamed.message.tool_calls[0].function.arguments == call.function.arguments
    assert streamed.finish_reason == "tool_calls"


def test_chat_parses_into_a_model(client: openai.OpenAI) -> None:
    """Also one whose schema contains itself."""
    answer = client.chat.completions.parse(model="gpt-4o", messages=ASK, response_format=Plan)
    assert isinstance(answer.choices[0].message.parsed, Plan)
    assert isinstance(client.responses.parse(model="gpt-4o", input="x", text_format=Plan).output_parsed, Plan)
    plain = client.chat.completions.create(model="gpt-4o", messages=ASK, response_format={"type": "json_object"})
    assert isinstance(json.loads(plain.choices[0].message.content), dict)


def test_completions(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="hello", max_tokens=9)
    chunks = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="hello", max_tokens=9, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks) == answer.choices[0].text
    assert answer.usage.completion_tokens == 9


def test_responses(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="gpt-4o", input="hello")
    assert answer.status == "completed"
    events = list(client.responses.create(model="gpt-4o", input="hello", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:4]] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == answer.output_text
    with client.responses.stream(model="gpt-4o", input="hello") as stream:
        assert stream.get_final_response().output_text == answer.output_text


def test_responses_call_the_tool_they_are_forced_to(client: openai.OpenAI) -> None:
    tool = {"type": "function", "name": "weather", "parameters": TOOL["function"]["parameters"], "strict": False}
    asked = {"model": "gpt-4o", "input": "x", "tools": [tool], "tool_choice": "required"}
    call = client.responses.create(**asked).output[0]
    assert (call.type, call.name) == ("function_call", "weather")
    with client.responses.stream(**asked) as stream:
        assert stream.get_final_response().output[0].arguments == call.arguments


def test_stored_and_background_responses(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    kept = client.responses.create(model="gpt-4o", input="hello")
    assert client.responses.retrieve(kept.id).output_text == kept.output_text
    assert client.responses.create(model="gpt-4o", input="and?", previous_response_id=kept.id).output_text
    client.responses.delete(kept.id)
    unkept = client.responses.create(model="gpt-4o", input="hello", store=False)
    for gone in (kept.id, unkept.id):
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(gone)
    job = client.responses.create(model="gpt-4o", input="hello", background=True)
    assert job.status == "queued"
    assert [client.responses.retrieve(job.id).status for _ in range(2)] == ["in_progress", "completed"]
    assert primary.created("responses")[0] == kept.id


def test_responses_cut_at_their_limit_are_incomplete(client: openai.OpenAI) -> None:
    *_, last = client.responses.create(model="gpt-4o", input="hello", max_output_tokens=16, stream=True)
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details.reason == "max_output_tokens"


def test_embeddings(client: openai.OpenAI) -> None:
    """The SDK asks for base64 by itself and decodes it; both forms say the same."""
    by_default = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=8)
    floats = client.embeddings.create(model="text-embedding-3-small", input="b", dimensions=8, encoding_format="float")
    assert by_default.data[1].embedding == pytest.approx(floats.data[0].embedding)
    assert by_default.data[0].embedding != by_default.data[1].embedding
    assert len(client.embeddings.create(model="text-embedding-3-large", input="a").data[0].embedding) == 3072


def test_models_and_moderations(client: openai.OpenAI, sim: Simulator) -> None:
    assert "gpt-4o" in {model.id for model in client.models.list()}
    assert client.models.retrieve("gpt-4o").owned_by == "primary"
    small = client.with_options(base_url=sim["small"].base_url, api_key=sim["small"].key)
    assert [model.id for model in small.models.list()] == ["tiny"]
    assert len(client.moderations.create(input=["a", "b"]).results) == 2


def test_images(client: openai.OpenAI) -> None:
    made = client.images.generate(model="gpt-image-1", prompt="a lamp", n=2)
    assert made.data[0].b64_json != made.data[1].b64_json
    link = client.images.generate(model="dall-e-3", prompt="a lamp").data[0].url
    assert httpx.get(link, verify=False).content.startswith(b"\x89PNG")
    edited = client.images.edit(model="gpt-image-1", image=("a.png", b"abc", "image/png"), prompt="brighter", n=1)
    assert edited.data[0].b64_json
    events = list(client.images.generate(model="gpt-image-1", prompt="x", stream=True, partial_images=2))
    assert [event.type.rpartition(".")[2] for event in events] == ["partial_image", "partial_image", "completed"]


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_audio(client: openai.OpenAI) -> None:
    assert client.audio.speech.create(model="tts-1", voice="alloy", input="hello").content.startswith(b"RIFF")
    sound = ("a.wav", b"RIFF", "audio/wav")
    heard = client.audio.transcriptions.create(model="whisper-1", file=sound)
    assert heard.text
    plain = client.audio.transcriptions.create(model="whisper-1", file=sound, response_format="text")
    assert plain.strip()
    assert client.audio.translations.create(model="whisper-1", file=sound).text
    *_, last = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=sound, stream=True)
    assert last.type == "transcript.text.done"


def test_files_and_batches(client: openai.OpenAI, sim: Simulator) -> None:
    body = {"model": "gpt-4o", "messages": ASK}
    lines = [{"custom_id": "a", "body": body}, {"custom_id": "b", "body": {**body, "model": "none"}}]
    data = "\n".join(json.dumps({**line, "method": "POST", "url": "/v1/chat/completions"}) for line in lines)
    source = client.files.create(file=("tasks.jsonl", data.encode()), purpose="batch")
    assert client.files.content(source.id).text == data
    asked = {"input_file_id": source.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    batch = client.batches.create(**asked)
    assert [client.batches.retrieve(batch.id).status for _ in range(2)] == ["in_progress", "completed"]
    done = client.batches.retrieve(batch.id)
    assert (done.request_counts.completed, done.request_counts.failed) == (1, 1)
    first, second = map(json.loads, client.files.content(done.output_file_id).text.splitlines())
    assert first["response"]["body"]["choices"][0]["message"]["content"] == text_of(client)
    assert second["response"]["status_code"] == 404
    assert sim["primary"].created("batches") == [batch.id]

    elsewhere = client.with_options(base_url=sim["backup"].base_url, api_key=sim["backup"].key)
    with pytest.raises(openai.BadRequestError, match="input_file_id"):
        elsewhere.batches.create(**asked)
    assert client.files.delete(source.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(source.id)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_videos(client: openai.OpenAI, primary: SimulatedProvider) -> None:
    video = client.videos.create(model="sora-2", prompt="a lamp", seconds="8")
    assert (video.status, video.seconds) == ("queued", "8")
    with pytest.raises(openai.BadRequestError):
        client.videos.download_content(video.id)
    assert client.videos.poll(video.id).status == "completed"
    assert b"ftyp" in client.videos.download_content(video.id).content
    with_picture = client.videos.create(prompt="x", input_reference=io.BytesIO(b"picture"))
    assert primary.created("videos") == [video.id, with_picture.id]
    assert client.videos.delete(video.id).deleted
    assert [kept.id for kept in client.videos.list()] == [with_picture.id]


def test_azure(primary: SimulatedProvider) -> None:
    with openai.AzureOpenAI(
        azure_endpoint=primary.origin, api_key=primary.key, api_version="2024-10-21", max_retries=0
    ) as azure:
        assert azure.chat.completions.create(model="gpt-4o", messages=ASK).model == "gpt-4o"
        with pytest.raises(openai.NotFoundError) as no_deployment:
            azure.chat.completions.create(model="none", messages=ASK)
        assert no_deployment.value.code == "DeploymentNotFound"
        with pytest.raises(openai.AuthenticationError):
            azure.with_options(api_key="sk-other").chat.completions.create(model="gpt-4o", messages=ASK)
    seen, *_ = primary.requests("chat")
    assert seen.path == "/openai/deployments/gpt-4o/chat/completions"
    assert (seen.key, seen.model, seen.headers["api-key"]) == ("primary:0", "gpt-4o", "…")


def test_async(primary: SimulatedProvider) -> None:
    async def run() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=primary.base_url, api_key=primary.key, max_retries=0) as client:
            answers = await asyncio.gather(
                *(client.chat.completions.create(model="gpt-4o", messages=ASK) for _ in range(20))
            )
            stream = await client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
            streamed = [chunk.choices[0].delta.content or "" async for chunk in stream]
            return answers[0].choices[0].message.content, "".join(streamed)

    plain, streamed = asyncio.run(run())
    assert plain == streamed
    assert primary.count("chat") == 21


def test_every_answer_has_its_own_request_id(client: openai.OpenAI) -> None:
    ids = {client.models.with_raw_response.list().headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
