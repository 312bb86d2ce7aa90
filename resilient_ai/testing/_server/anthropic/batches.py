"""Message batches: made, polled, and their results as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ..jobs import MAX_BATCH_LINES
from ..replies import Json, Refusal, Reply, encode, ok
from ..world import Ask, Job, World
from .models import page

Run = Callable[[World, Json], Reply]
"""How one request of a batch is run."""


def create(world: World, ask: Ask) -> Reply:
    """POST /v1/messages/batches."""
    asked: list[Any] = ask.json["requests"]
    if len(asked) > MAX_BATCH_LINES:
        raise Refusal(413, f"This simulator runs at most {MAX_BATCH_LINES} requests of a batch.")
    made = world.make("batches", "msgbatch_")
    begun = datetime.now(UTC)
    body: Json = {
        "id": made,
        "type": "message_batch",
        "processing_status": "in_progress",
        "request_counts": _counts(processing=len(asked)),
        "created_at": begun.isoformat(),
        "expires_at": (begun + timedelta(hours=24)).isoformat(),
        "ended_at": None,
        "archived_at": None,
        "cancel_initiated_at": None,
        "results_url": None,
    }
    world.batches[made] = world.start(body, content=encode(asked))
    return ok(body, made=made)


def listed(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """GET /v1/messages/batches, in one page."""
    return ok(page([job.body for job in world.batches.values()]))


def get(world: World, ask: Ask) -> Reply:
    """GET /v1/messages/batches/{id}: each look is a poll."""
    job = _find(world, ask)
    if job.body["processing_status"] != "ended" and world.poll(job) >= 1:
        canceled = job.body["cancel_initiated_at"] is not None
        size = len(json.loads(job.content))
        job.body |= {
            "processing_status": "ended",
            "ended_at": datetime.now(UTC).isoformat(),
            "request_counts": _counts(canceled=size) if canceled else _counts(succeeded=size),
            "results_url": f"{world.origin}/v1/messages/batches/{ask.args[0]}/results",
        }
    return ok(job.body)


def results(world: World, ask: Ask, run: Run) -> Reply:
    """GET /v1/messages/batches/{id}/results. The requests are run at the first look."""
    job = _find(world, ask)
    if job.body["results_url"] is None:
        raise Refusal(404, "Batch results are not available: the batch is still being processed.")
    canceled = job.body["cancel_initiated_at"] is not None
    lines = [_line(world, task, run, canceled=canceled) for task in json.loads(job.content)]
    return Reply(content_type="application/x-jsonl", body=b"".join(lines))


def cancel(world: World, ask: Ask) -> Reply:
    """POST /v1/messages/batches/{id}/cancel: none of its requests is run; it ends at a later poll."""
    job = _find(world, ask)
    if job.body["processing_status"] == "ended":
        raise Refusal(400, "Batch has already ended.")
    job.body |= {"processing_status": "canceling", "cancel_initiated_at": datetime.now(UTC).isoformat()}
    return ok(job.body)


def delete(world: World, ask: Ask) -> Reply:
    """DELETE /v1/messages/batches/{id}."""
    if _find(world, ask).body["processing_status"] != "ended":
        raise Refusal(400, "A batch that is being processed cannot be deleted; cancel it first.")
    del world.batches[ask.args[0]]
    return ok({"id": ask.args[0], "type": "message_batch_deleted"})


def _find(world: World, ask: Ask) -> Job:
    found = world.batches.get(ask.args[0])
    if found is None:
        raise Refusal(404, f"Batch not found: {ask.args[0]}")
    return found


def _counts(**some: int) -> Json:
    return {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0, **some}


def _line(world: World, task: Json, run: Run, *, canceled: bool) -> bytes:
    if canceled:
        result: Json = {"type": "canceled"}
    else:
        reply = run(world, task["params"])
        told = json.loads(reply.body)
        result = {"type": "succeeded", "message": told} if reply.status == 200 else {"type": "errored", "error": told}
    return encode({"custom_id": task["custom_id"], "result": result}) + b"\n"
