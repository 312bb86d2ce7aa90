"""What is made and kept: files, batches and videos."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from .media import png
from .ranges import stored
from .replies import Json, Refusal, Reply, encode, ok
from .text import seed_of
from .world import Ask, Job, World, listing, now

POLL_AFTER: Final = {"openai-poll-after-ms": "50"}
"""What SDKs' polling helpers wait between two looks; the vendors say a second or more."""

MAX_BATCH_LINES: Final = 1_000


def create_file(world: World, ask: Ask) -> Reply:
    """POST /files."""
    part = ask.files["file"]
    body = world.keep_file(part.filename or "upload", ask.json["purpose"], part.data)
    return ok(body, made=body["id"])


def list_files(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """GET /files."""
    return ok(listing([body for body, _ in world.files.values()]))


def get_file(world: World, ask: Ask) -> Reply:
    """GET /files/{id}."""
    return ok(_file(world, ask)[0])


def file_content(world: World, ask: Ask) -> Reply:
    """GET /files/{id}/content."""
    return stored("application/octet-stream", _file(world, ask)[1])


def delete_file(world: World, ask: Ask) -> Reply:
    """DELETE /files/{id}."""
    _file(world, ask)
    del world.files[ask.args[0]]
    return ok({"id": ask.args[0], "object": "file", "deleted": True})


def _file(world: World, ask: Ask) -> tuple[Json, bytes]:
    found = world.files.get(ask.args[0])
    if found is None:
        raise Refusal(404, f"No such File object: {ask.args[0]}", param="id")
    return found


def create_video(world: World, ask: Ask) -> Reply:
    """POST /videos and /videos/{id}/remix."""
    if ask.args:
        _video(world, ask)
    made = world.make("videos", "video_")
    body: Json = {
        "id": made,
        "object": "video",
        "model": ask.model or "sora-2",
        "status": "queued",
        "progress": 0,
        "created_at": now(),
        "completed_at": None,
        "expires_at": None,
        "size": ask.json.get("size") or "720x1280",
        "seconds": ask.json.get("seconds") or "4",
        "prompt": ask.json["prompt"],
        "remixed_from_video_id": ask.args[0] if ask.args else None,
        "error": None,
    }
    frame = png(seed_of(ask.json))
    world.videos[made] = world.start(body, content=b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + frame)
    return ok(body, made=made, headers=POLL_AFTER)


def list_videos(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """GET /videos."""
    return ok(listing([job.body for job in world.videos.values()]))


def get_video(world: World, ask: Ask) -> Reply:
    """GET /videos/{id}: each look is a poll."""
    job = _video(world, ask)
    progress = 1.0 if job.body["status"] == "completed" else world.poll(job)
    job.body["progress"] = int(progress * 100)
    job.body["status"] = "completed" if progress >= 1 else "in_progress"
    if progress >= 1:
        job.body["completed_at"] = job.body["completed_at"] or now()
    return ok(job.body, headers=POLL_AFTER)


def video_content(world: World, ask: Ask) -> Reply:
    """GET /videos/{id}/content."""
    job = _video(world, ask)
    if job.body["status"] != "completed":
        raise Refusal(400, "Video is not ready yet.", code="video_not_ready")
    return stored("video/mp4", job.content)


def delete_video(world: World, ask: Ask) -> Reply:
    """DELETE /videos/{id}."""
    _video(world, ask)
    del world.videos[ask.args[0]]
    return ok({"id": ask.args[0], "object": "video.deleted", "deleted": True})


def _video(world: World, ask: Ask) -> Job:
    found = world.videos.get(ask.args[0])
    if found is None:
        raise Refusal(404, f"Video with id '{ask.args[0]}' not found.", param="video_id")
    return found


Run = Callable[[str, Json], Reply]
"""How a batch runs one of its lines: the endpoint's URL and its body."""


def create_batch(world: World, ask: Ask) -> Reply:
    """POST /batches. The input file must be of this provider, as at the vendor."""
    source = ask.json["input_file_id"]
    if source not in world.files:
        message = f"Invalid 'input_file_id': no such File object: {source}"
        raise Refusal(400, message, param="input_file_id", code="invalid_input_file_id")
    made = world.make("batches", "batch_")
    body: Json = {
        "id": made,
        "object": "batch",
        "endpoint": ask.json["endpoint"],
        "errors": None,
        "input_file_id": source,
        "completion_window": ask.json["completion_window"],
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": now(),
        "metadata": ask.json.get("metadata"),
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
    }
    world.batches[made] = world.start(body, content=world.files[source][1])
    return ok(body, made=made)


def list_batches(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """GET /batches."""
    return ok(listing([job.body for job in world.batches.values()]))


def get_batch(world: World, ask: Ask, run: Run) -> Reply:
    """GET /batches/{id}: each look is a poll; at the end its lines are run and the output file is made."""
    job = _batch(world, ask)
    if job.body["status"] in {"validating", "in_progress"}:
        if world.poll(job) >= 1:
            _finish(world, job, run)
        else:
            job.body["status"] = "in_progress"
    return ok(job.body)


def cancel_batch(world: World, ask: Ask) -> Reply:
    """POST /batches/{id}/cancel."""
    job = _batch(world, ask)
    if job.body["status"] == "completed":
        raise Refusal(409, "Cannot cancel a batch with status 'completed'.")
    job.body["status"] = "cancelled"
    return ok(job.body)


def _batch(world: World, ask: Ask) -> Job:
    found = world.batches.get(ask.args[0])
    if found is None:
        raise Refusal(404, f"No batch found with id '{ask.args[0]}'.", param="batch_id")
    return found


def _finish(world: World, job: Job, run: Run) -> None:
    lines = job.content.splitlines()
    if len(lines) > MAX_BATCH_LINES:
        told = f"This simulator runs at most {MAX_BATCH_LINES} lines of a batch."
        job.body["status"] = "failed"
        job.body["errors"] = {"object": "list", "data": [{"code": "too_many_tasks", "message": told}]}
        return
    done = [_line(world, line, job.body["endpoint"], run) for line in lines if line.strip()]
    output = world.keep_file(f"{job.body['id']}_output.jsonl", "batch_output", b"".join(line for line, _ in done))
    good = sum(status == 200 for _, status in done)
    counts = {"total": len(done), "completed": good, "failed": len(done) - good}
    job.body |= {"status": "completed", "completed_at": now(), "output_file_id": output["id"], "request_counts": counts}


def _line(world: World, line: bytes, endpoint: str, run: Run) -> tuple[bytes, int]:
    try:
        task: Any = json.loads(line)
        custom, reply = task.get("custom_id"), run(endpoint, task["body"])
    except (ValueError, KeyError, AttributeError):
        custom, reply = None, Refusal(400, "This line is not a valid batch task.").reply()
    answer = {"status_code": reply.status, "request_id": world.new_id("req_"), "body": json.loads(reply.body)}
    shown = {"id": world.new_id("batch_req_"), "custom_id": custom, "response": answer, "error": None}
    return encode(shown) + b"\n", reply.status
