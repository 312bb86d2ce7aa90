"""Made-up logs: calls and requests in a few words."""

from __future__ import annotations

import itertools
from typing import Any

from resilient_ai.cli.count import Seen
from resilient_ai.cli.plan import Outage
from resilient_ai.cli.program import Done

numbers = itertools.count(1)

OUTAGE = Outage(
    dict.fromkeys(("images", "responses", "videos", "files", "batches"), ((10.0, 20.0),)), backup_struck=False
)


def done(family: str = "images", at: float = 12.0, *, took: float = 0.1, **fields: Any) -> Done:
    fields.setdefault("source", None if fields.get("error") else "fresh")
    number = fields.pop("number", None) or next(numbers)
    step = fields.pop("step", "ask")
    return Done(number=number, family=family, step=step, started=at, ended=at + took, **fields)


def seen(call: Done, status: int | None = 200, *, provider: str = "primary", **fields: Any) -> Seen:
    at, path = fields.pop("at", call.started), fields.pop("path", f"/v1/{call.family}")
    return Seen(
        provider=provider,
        at=at,
        family=call.family,
        number=call.number,
        status=status,
        made=fields.pop("made", None),
        path=path,
        **fields,
    )
