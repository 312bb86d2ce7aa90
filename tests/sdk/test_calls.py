"""Every way of calling the SDK has, through a wrapped client."""

from __future__ import annotations

import io
import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from resilient_ai import Pipeline, Retry, outcome, wrap
from resilient_ai.testing import Fault

from .modes import HELLO, MODEL, Mode, chat, close, do, each, entered, everything, flavours, modes, two_modes

RESPONSE: dict[str, Any] = {"model": MODEL, "input": "hello"}


class Word(BaseModel):
    word: str
    length: int


async def _same(mode: Mode, primary: Any, call: Any) -> tuple[Any, Any]:
    """What the bare client and the wrapped one make of the same call."""
    given = mode.openai(primary)
    client = wrap(given, Pipeline.default(Retry(attempts=1)))
    bare, wrapped = await call(given), await call(client)
    await close(client, given)
    return bare, wrapped


@modes
def test_a_stream(mode: Mode, primary: Any) -> None:
    async def call(client: Any) -> str:
        stream = await chat(client, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in each(stream)])

    bare, wrapped = mode.run(_same, mode, primary, call)
    assert bare == wrapped != ""


@modes
def test_the_stream_helper(mode: Mode, primary: Any) -> None:
    async def call(client: Any) -> Any:
        async with entered(client.chat.completions.stream(model=MODEL, messages=HELLO)) as stream:
            kinds = {event.type async for event in each(stream)}
            final = await do(stream.get_final_completion())
            return kinds, final.choices[0].message.content

    bare, wrapped = mode.run(_same, mode, primary, call)
    assert bare == wrapped
    assert "content.done" in wrapped[0]


@modes
def test_the_responses_stream_helper(mode: Mode, primary: Any) -> None:
    async def call(client: Any) -> Any:
        async with entered(client.responses.stream(**RESPONSE)) as stream:
            kinds = [event.type async for event in each(stream)]
            return kinds, (await do(stream.get_final_response())).output_text

    bare, wrapped = mode.run(_same, mode, primary, call)
    assert bare == wrapped
    assert wrapped[0][-1] == "response.completed"


@two_modes
def test_parse(mode: Mode, primary: Any) -> None:
    async def call(client: Any) -> Any:
        answer = await do(client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Word))
        if client.max_retries == 0:
            assert outcome(answer).answered_by == "primary"
        older = await do(client.beta.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Word))
        response = await do(client.responses.parse(**RESPONSE, text_format=Word))
        return answer.choices[0].message.parsed, older.choices[0].message.parsed, response.output_parsed

    bare, wrapped = mode.run(_same, mode, primary, call)
    assert bare == wrapped
    assert isinstance(wrapped[0], Word)


@modes
def test_raw_response(mode: Mode, primary: Any) -> None:
    async def call(client: Any) -> Any:
        raw = await do(client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO))
        if client.max_retries == 0:
            assert raw.headers["x-resilient-ai-answered-by"] == "primary"
            assert outcome(raw).answered_by == "primary"
        assert raw.elapsed.total_seconds() > 0
        return (
            raw.status_code,
            raw.retries_taken,
            raw.parse().choices[0].message.content,
            json.loads(raw.content)["usage"],
        )

    bare, wrapped = mode.run(_same, mode, primary, call)
    assert bare == wrapped


@modes
@pytest.mark.parametrize("how", ["parse", "json", "text", "read", "iter_bytes", "iter_text", "iter_lines"])
def test_streaming_response(mode: Mode, primary: Any, how: str) -> None:
    async def call(client: Any) -> Any:
        manager = client.chat.completions.with_streaming_response.create(model=MODEL, messages=HELLO)
        async with entered(manager) as response:
            assert response.headers["content-type"] == "application/json"
            if how.startswith("iter"):
                parts = await everything(getattr(response, how)())
                whole = json.loads((b"" if how == "iter_bytes" else "").join(parts))
            else:
                whole = await do(getattr(response, how)())
            if how == "parse":
                whole = whole.model_dump()
            elif how in ("text", "read"):
                whole = json.loads(whole)
            return whole["choices"]

    bare, wrapped = mode.run(_same, mode, primary, call)
    assert bare == wrapped


@two_modes
def test_a_streaming_response_read_by_nobody(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary, max_retries=0))
        for _ in range(3):
            manager = client.chat.completions.with_streaming_response.create(model=MODEL, messages=HELLO)
            async with entered(manager) as response:
                assert response.status_code == 200
        assert await chat(client)
        await close(client)

    mode.run(script)


@modes
@flavours
@pytest.mark.parametrize("how", ["iter_raw", "iter_bytes", "iter_lines", "read"])
@pytest.mark.parametrize("stream", [True, False])
def test_a_plain_client_s_stream(mode: Mode, flavour: Any, primary: Any, how: str, stream: bool) -> None:
    body = {"model": MODEL, "messages": HELLO, "stream": stream}

    async def script() -> None:
        given = mode.http_client(flavour, base_url=primary.base_url, headers={"authorization": f"Bearer {primary.key}"})
        client = wrap(given)
        async with entered(client.stream("POST", "/chat/completions", json=body)) as answer:
            prefix = "a" if mode.is_async else ""
            if how == "read":
                text = (await do(getattr(answer, f"{prefix}read")())).decode()
            else:
                parts = await everything(getattr(answer, prefix + how)())
                text = "\n".join(parts) if how == "iter_lines" else b"".join(parts).decode()
        assert ("[DONE]" in text) if stream else json.loads(text)["choices"]
        assert answer.is_closed
        assert outcome(answer).answered_by == "primary"
        await close(client, given)

    mode.run(script)


@two_modes
def test_with_options(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        given = mode.openai(primary)
        client = wrap(given)
        again = client.with_options(timeout=3, default_headers={"x-one": "1"})
        assert type(again) is type(given)
        assert outcome(await chat(again)).answered_by == "primary"
        assert outcome(await chat(client.copy())).answered_by == "primary"
        await close(client, given)

    mode.run(script)
    assert primary.requests()[0].headers["x-one"] == "1"
    assert primary.requests()[0].headers["x-stainless-read-timeout"] in ("3", "3.0")


class OneWay(io.RawIOBase):
    """A body that can be read once: a pipe, a socket, a request that is being proxied."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(buffer)


@two_modes
@pytest.mark.parametrize("kind", ["bytes", "open file", "one way"])
def test_upload(mode: Mode, primary: Any, tmp_path: Any, kind: str) -> None:
    data = b'{"custom_id": "1"}\n' * 10_000
    path = tmp_path / "batch.jsonl"
    path.write_bytes(data)

    async def script() -> None:
        client = wrap(mode.openai(primary))
        with path.open("rb") as opened:
            file: Any = {"bytes": ("b.jsonl", data), "open file": opened, "one way": ("b.jsonl", OneWay(data))}[kind]
            made = await do(client.files.create(file=file, purpose="batch"))
        assert made.bytes == len(data)
        content = await do(client.files.content(made.id))
        assert content.read() == data
        assert outcome(content).answered_by == "primary"
        await close(client)

    mode.run(script)
    assert primary.created("files") == [primary.requests()[0].made]


@two_modes
def test_downloads(mode: Mode, primary: Any, tmp_path: Any) -> None:
    async def call(client: Any) -> Any:
        speech: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": "hello", "response_format": "wav"}
        sound = (await do(client.audio.speech.create(**speech))).read()
        target = tmp_path / "sound.wav"
        async with entered(client.audio.speech.with_streaming_response.create(**speech)) as response:
            await do(response.stream_to_file(target))
        assert target.read_bytes() == sound
        async with entered(client.audio.speech.with_streaming_response.create(**speech)) as response:
            assert b"".join(await everything(response.iter_bytes(1000))) == sound
        return sound

    bare, wrapped = mode.run(_same, mode, primary, call)
    assert bare == wrapped
    assert wrapped.startswith(b"RIFF")


@two_modes
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_video_made_polled_and_downloaded(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary))
        video = await do(client.videos.create_and_poll(model="sora-2", prompt="a cat"))
        assert video.status == "completed"
        assert b"ftyp" in (await do(client.videos.download_content(video.id))).read()
        await close(client)

    mode.run(script)
    assert len(primary.created("videos")) == 1


@two_modes
def test_other_endpoints(mode: Mode, primary: Any) -> None:
    async def call(client: Any) -> Any:
        vectors = await do(client.embeddings.create(model="text-embedding-3-small", input=["a", "b"]))
        image = await do(client.images.generate(model="gpt-image-1", prompt="a cat"))
        flags = await do(client.moderations.create(input="hello"))
        words = await do(client.completions.create(model="gpt-3.5-turbo-instruct", prompt="hello"))
        text = await do(client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF")))
        models = [model.id async for model in each(await do(client.models.list()))]
        response = await do(client.responses.create(**RESPONSE))
        same = await do(client.responses.retrieve(response.id))
        assert same.output_text == response.output_text
        await do(client.responses.delete(response.id))
        return (
            vectors.data[1].embedding[:5],
            image.data[0].b64_json,
            flags.results[0].flagged,
            words.choices[0].text,
            text.text,
            models,
            response.output_text,
        )

    bare, wrapped = mode.run(_same, mode, primary, call)
    assert bare == wrapped


@two_modes
def test_pages(mode: Mode, primary: Any) -> None:
    async def call(client: Any) -> Any:
        if client.max_retries:
            for number in range(3):
                await do(client.files.create(file=(f"{number}.txt", b"x"), purpose="assistants"))
        page = await do(client.files.list(limit=2))
        paged = client.files.list(limit=2)
        return [file.filename async for file in each(paged)], page.has_next_page()

    bare, wrapped = mode.run(_same, mode, primary, call)
    assert bare == wrapped
    assert wrapped[0] == ["0.txt", "1.txt", "2.txt"]


@two_modes
def test_an_untyped_request(mode: Mode, primary: Any) -> None:
    async def call(client: Any) -> Any:
        body = {"model": MODEL, "messages": HELLO}
        answer = await do(client.post("/chat/completions", cast_to=object, body=body))
        return answer["choices"]

    bare, wrapped = mode.run(_same, mode, primary, call)
    assert bare == wrapped


@two_modes
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500])
def test_errors_are_the_sdk_s_own(mode: Mode, primary: Any, status: int) -> None:
    """The same class with the same message, body, code, status and response as the bare SDK's."""

    async def call(client: Any) -> Any:
        client = client.with_options(max_retries=0)
        with pytest.raises(openai.APIStatusError) as caught:
            await chat(client, model="no-such-model" if status == 404 else MODEL)
        error = caught.value
        told = error.response.json()
        return type(error), str(error), error.body, error.code, error.param, error.type, error.status_code, told

    if status != 404:
        primary.fault(Fault.status(status))
    bare, wrapped = mode.run(_same, mode, primary, call)
    assert bare == wrapped
