"""What the endpoints of one provider know and keep: a request as they get it, and what was made."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from .http import Part
from .replies import Json, Refusal
from .text import ANSWER_TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_STORED: Final = 256 * 1024 * 1024
MAX_THINGS: Final = 20_000


@dataclass(slots=True, kw_only=True)
class Ask:
    """A request as an endpoint sees it, already validated.

    tokens: the length of an answer unless the request asks for less. thoughts: so many tokens of thinking have to be
    told before it. opens: a stream has to begin with an event that carries nothing, also where the API has none.
    tool_rounds: so often a model that may decide calls tools in one conversation.
    """

    method: str
    path: str
    query: Mapping[str, str]
    json: Json = field(default_factory=dict[str, Any])
    files: Mapping[str, Part] = field(default_factory=dict[str, Part])
    args: tuple[str, ...] = ()
    azure: bool = False
    deployment: str | None = None
    request_id: str = ""
    tokens: int = ANSWER_TOKENS
    thoughts: int = 0
    opens: bool = False
    tool_rounds: int = 0

    @property
    def model(self) -> str:
        """The model asked for; where the path names it (Azure's deployment, Gemini's model), that one."""
        return str(self.json.get("model") or self.deployment or "")


@dataclass(slots=True, kw_only=True)
class Job:
    """Something that is ready later: after so many polls, or after a time."""

    body: Json
    started: float
    polls: int = 0
    content: bytes = b""


@dataclass(slots=True, kw_only=True)
class World:
    """The memory of one provider."""

    label: str
    models: tuple[str, ...]
    origin: str
    clock: Callable[[], float]
    job_polls: int
    job_seconds: float | None
    serial: int = 0
    made: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    files: dict[str, tuple[Json, bytes]] = field(default_factory=dict[str, tuple[Json, bytes]])
    videos: dict[str, Job] = field(default_factory=dict[str, Job])
    batches: dict[str, Job] = field(default_factory=dict[str, Job])
    responses: dict[str, Job] = field(default_factory=dict[str, Job])

    def forget(self) -> None:
        """Forget all that was made. The serial goes on, so that no id is ever given twice."""
        for kept in (self.made, self.files, self.videos, self.batches, self.responses):
            kept.clear()

    def new_id(self, prefix: str) -> str:
        """An id that carries the provider's name."""
        self.serial += 1
        return f"{prefix}{self.label}-{self.serial:06d}"

    def make(self, family: str, prefix: str) -> str:
        """The id of something made, entered in the list of what was."""
        made = self.made.setdefault(family, [])
        if len(made) >= MAX_THINGS:
            raise Refusal(400, f"This simulator keeps at most {MAX_THINGS} {family}.")
        made.append(self.new_id(prefix))
        return made[-1]

    def start(self, body: Json, *, content: bytes = b"") -> Job:
        """A job that begins now."""
        return Job(body=body, started=self.clock(), content=content)

    def poll(self, job: Job) -> float:
        """Look at a job once; its progress from 0 to 1."""
        job.polls += 1
        if self.job_seconds is not None:
            return min(1.0, (self.clock() - job.started) / self.job_seconds) if self.job_seconds else 1.0
        return min(1.0, job.polls / self.job_polls) if self.job_polls else 1.0

    def keep_file(self, name: str, purpose: str, data: bytes) -> Json:
        """Store a file; its File object."""
        if sum(len(content) for _, content in self.files.values()) + len(data) > MAX_STORED:
            raise Refusal(413, "This simulator keeps at most 256 MiB of files.")
        made = self.make("files", "file-")
        body: Json = {
            "id": made,
            "object": "file",
            "bytes": len(data),
            "created_at": now(),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
            "expires_at": None,
        }
        self.files[made] = (body, data)
        return body


def now() -> int:
    """The time of day as the vendors write it."""
    return int(time.time())


def listing(items: list[Json]) -> Json:
    """A page with all there is."""
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    return {"object": "list", "data": items, "first_id": first, "last_id": last, "has_more": False}


def parse_json(body: bytes) -> Json:
    """The body as a JSON object; else the vendor's refusal."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refusal(
            400,
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
            "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
        )
    return value  # pyright: ignore[reportUnknownVariableType]
