"""Calls that make something: never made twice, and asked for where they were made. Counted at the simulator."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from resilient_ai import Pipeline, Retry, outcome, wrap
from resilient_ai.testing import Fault

from .modes import HELLO, MODEL, Mode, close, do, each, failing, modes, notes, two_modes

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Create = Any


async def _video(client: Any) -> Any:
    return await do(client.videos.create(model="sora-2", prompt="a cat"))


async def _file(client: Any) -> Any:
    return await do(client.files.create(file=("a.jsonl", b"{}"), purpose="batch"))


async def _background(client: Any) -> Any:
    return await do(client.responses.create(model=MODEL, input="hello", background=True))


async def _stored_chat(client: Any) -> Any:
    return await do(client.chat.completions.create(model=MODEL, messages=HELLO, store=True))


async def _conversation(client: Any) -> Any:
    return await do(client.responses.create(model=MODEL, input="hello", conversation={"id": "conv_1"}))


async def _hosted_tool(client: Any) -> Any:
    tool: Any = {"type": "mcp", "server_label": "x", "server_url": "https://example.com", "require_approval": "never"}
    return await do(client.responses.create(model=MODEL, input="hello", tools=[tool]))


CREATES: dict[str, tuple[Create, str, str | None]] = {
    "video": (_video, "videos", "videos"),
    "file": (_file, "files", "files"),
    "background response": (_background, "responses", "responses"),
    "hosted tool": (_hosted_tool, "responses", "responses"),
    "conversation": (_conversation, "responses", "responses"),
    "stored chat": (_stored_chat, "chat", None),
}

UNPROVEN = {
    "500": (Fault.status(500, made=True), openai.InternalServerError),
    "502": (Fault.status(502, made=True), openai.InternalServerError),
    "504": (Fault.status(504, made=True), openai.InternalServerError),
    "html": (Fault.html(502), openai.InternalServerError),
    "reset": (Fault.reset(made=True), openai.APIConnectionError),
    "silence": (Fault.blackhole(made=True), openai.APITimeoutError),
    "cut": (Fault.truncated_clean(), openai.APIConnectionError),
}

PROVEN = {
    "503": Fault.status(503),
    "429": Fault.rate_limited(retry_after=None),
    "refused": Fault.refused(),
}


@two_modes
@pytest.mark.parametrize("what", CREATES)
@pytest.mark.parametrize("how", UNPROVEN)
def test_sent_once_without_proof(mode: Mode, primary: Any, backup: Any, to_backup: Any, what: str, how: str) -> None:
    """Promise 45: something may have been made; the call ends in the SDK's own error, and is not sent again."""
    create, family, made = CREATES[what]
    fault, kind = UNPROVEN[how]

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Retry(wait=0, budget=1.0)), fallback=to_backup)
        primary.fault(fault, family=family)
        if how == "silence":
            client = client.with_options(timeout=0.2)
        error = await failing(create(client))
        assert type(error) is kind
        assert "attempt 1: primary: " in notes(error)
        assert "attempt 2" not in notes(error)
        assert outcome(error).unknown
        assert "unknown: the request may have been carried out" in notes(error)
        await close(client)

    mode.run(script)
    assert (primary.count(family), backup.count()) == (1, 0)
    if made and how != "html":
        assert len(primary.created(made)) == 1
    assert backup.created("videos") == backup.created("files") == backup.created("responses") == []


@two_modes
@pytest.mark.parametrize("what", [what for what in CREATES if what != "conversation"])
@pytest.mark.parametrize("how", PROVEN)
def test_moves_on_with_proof(mode: Mode, primary: Any, backup: Any, to_backup: Any, what: str, how: str) -> None:
    """Promise 45: nothing can have been made."""
    create, family, made = CREATES[what]

    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        primary.fault(PROVEN[how])
        assert outcome(await create(client)).answered_by == "backup:*"
        await close(client)

    mode.run(script)
    assert backup.count(family) == 1
    if made:
        assert (primary.created(made), len(backup.created(made))) == ([], 1)


@two_modes
@pytest.mark.parametrize("how", PROVEN)
def test_a_conversation_stays_where_it_is(mode: Mode, primary: Any, backup: Any, to_backup: Any, how: str) -> None:
    """Nobody else knows it: the call ends in the SDK's own error, whatever proof there is."""

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Retry(attempts=1)), fallback=to_backup)
        primary.fault(PROVEN[how])
        assert isinstance(await failing(_conversation(client)), openai.APIError)
        await close(client)

    mode.run(script)
    assert backup.count() == 0


@modes
def test_what_was_made_elsewhere_is_asked_for_there(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    """A video of the backup is polled and downloaded there, also when the primary is back."""

    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        primary.fault(Fault.status(503, count=1), family="videos")
        video = await _video(client)
        assert "backup" in video.id
        async_poll = await do(client.videos.poll(video.id))
        assert async_poll.status == "completed"
        assert b"ftyp" in (await do(client.videos.download_content(video.id))).read()
        again = await do(client.videos.remix(video.id, prompt="a dog"))
        assert "backup" in again.id
        assert (await do(client.videos.delete(video.id))).deleted
        own = await _video(client)
        assert "primary" in own.id
        assert "primary" in (await do(client.videos.retrieve(own.id))).id
        await close(client)

    mode.run(script)
    assert [request.method for request in primary.requests()] == ["POST", "POST", "GET"]
    assert (len(primary.created("videos")), len(backup.created("videos"))) == (1, 2)


@two_modes
def test_what_is_the_primary_s_is_asked_for_there_only(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Retry(wait=0)), fallback=to_backup)
        video = await _video(client)
        primary.fault(Fault.status(503))
        with pytest.raises(openai.InternalServerError):
            await do(client.videos.retrieve(video.id))
        with pytest.raises(openai.InternalServerError):
            await do(client.videos.retrieve("video_unknown"))
        await close(client)

    mode.run(script)
    assert backup.count() == 0


@two_modes
def test_a_batch_of_the_primary_s_file_ends_in_the_sdk_s_own_error(
    mode: Mode, primary: Any, backup: Any, to_backup: Any
) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        file = await _file(client)
        batch: Any = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        primary.fault(Fault.status(503), family="batches")
        with pytest.raises(openai.InternalServerError):
            await do(client.batches.create(**batch))
        await close(client)

    mode.run(script)
    assert backup.count() == 0
    assert primary.created("batches") == []


@two_modes
def test_a_batch_of_the_backup_s_file_is_made_there(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        primary.fault(Fault.status(503, count=1), family="files")
        file = await _file(client)
        batch = await do(
            client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"a": "b"}
            )
        )
        assert "backup" in batch.id
        for _ in range(3):
            batch = await do(client.batches.retrieve(batch.id))
        assert batch.status == "completed"
        output = await do(client.files.content(batch.output_file_id))
        assert output.read()
        await close(client)

    mode.run(script)
    assert (primary.created("batches"), len(backup.created("batches"))) == ([], 1)


@two_modes
def test_a_conversation_goes_on_where_it_began(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        primary.fault(Fault.status(503, count=1))
        first = await do(client.responses.create(model=MODEL, input="hello"))
        assert outcome(first).answered_by == "backup:*"
        second = await do(client.responses.create(model=MODEL, input="and?", previous_response_id=first.id))
        assert outcome(second).answered_by == "backup:*"
        stream = await do(client.responses.create(model=MODEL, input="?", previous_response_id=second.id, stream=True))
        ids = [event.response.id async for event in each(stream) if event.type == "response.completed"]
        assert "backup" in ids[0]
        # What a stream made is known as well.
        third = await do(client.responses.create(model=MODEL, input="!", previous_response_id=ids[0]))
        assert outcome(third).answered_by == "backup:*"
        await close(client)

    mode.run(script)
    assert primary.count() == 1


@two_modes
def test_a_body_that_can_be_sent_once_is_sent_once(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    """Promise 8: never half of it."""
    from .test_calls import OneWay

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Retry(wait=0)), fallback=to_backup)
        primary.fault(Fault.status(503, count=1))
        with pytest.raises(openai.InternalServerError):
            await do(client.files.create(file=("a.jsonl", OneWay(b"x" * 100_000)), purpose="batch"))
        await close(client)

    mode.run(script)
    assert (primary.count(), backup.count()) == (1, 0)
