"""The program that is drilled: the same plain SDK calls for both sides, each noted with how it went."""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import openai

from .._context import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._journal import Source
    from .plan import Job

__all__ = ["Done", "Program", "trace_id"]

STEPS: Final = 8
"""Calls of one job, at most."""

LOOK: Final = 0.1
"""Seconds between two looks at a video or a batch."""

QUESTIONS: Final = 10
"""Different questions for each family: with a cache, the same is asked again every second."""

TEXT_MODEL: Final = "gpt-4o-mini"  # chat and responses alike: the same model and key fare differently next door

Step = Literal["ask", "create", "look", "fetch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One call of the program, as the program saw it. Times are seconds of the replay.

    number: of the call; its requests carry it (`trace_id`). source: how it was answered, None if it was not. error: the
    class of what was raised. sdk_error: it is one of the SDK's own. refused: nothing was sent. made: the id of what a
    creating call made. about: the id of what a look or a fetch was about, or of a batch's input file. kept: the batch's
    file is one that the primary had before the outage.
    """

    number: int
    family: str
    step: Step
    started: float
    ended: float
    source: Source | None = None
    error: str | None = None
    sdk_error: bool = False
    refused: bool = False
    made: str | None = None
    about: str | None = None
    kept: bool = False


def trace_id(number: int) -> str:
    """The W3C trace id by which a call's requests are known at whoever gets them."""
    return f"{number + 1:032x}"


class Program:
    """Makes the calls of jobs with one client, from many threads.

    client: the SDK's, bare or wrapped. clock: seconds of the replay. kept_file: a file the primary has.
    done: the calls that have ended. latest: seconds by which a job began too late, at most.
    """

    def __init__(self, client: openai.OpenAI, *, clock: Callable[[], float], kept_file: str) -> None:
        self._client, self._clock, self._kept = client, clock, kept_file
        self.done: list[Done] = []
        self._begun: dict[int, Done] = {}
        self.latest = 0.0

    def ended(self) -> list[Done]:
        """The calls that have ended."""
        return list(self.done)

    def all_begun(self) -> list[Done]:
        """The calls that have begun; one that has not ended counts as an error."""
        ended = self.ended()
        numbers = {done.number for done in ended}
        now = self._clock()
        return ended + [
            dataclasses.replace(begun, ended=now) for begun in list(self._begun.values()) if begun.number not in numbers
        ]

    def run(self, job: Job) -> None:
        """Do one job."""
        self.latest = max(self.latest, self._clock() - job.at)
        match job.kind:
            case "videos":
                self._video(job)
            case "batches":
                self._batch(job)
            case _:
                self._ask(job)

    def _ask(self, job: Job) -> None:
        client, text = self._client, f"{job.kind}: question {job.turn % QUESTIONS}"
        calls: dict[str, Callable[[dict[str, str]], Any]] = {
            "chat": lambda headers: client.chat.completions.create(
                model=TEXT_MODEL, messages=[{"role": "user", "content": text}], extra_headers=headers
            ),
            "responses": lambda headers: client.responses.create(model=TEXT_MODEL, input=text, extra_headers=headers),
            "images": lambda headers: client.images.generate(model="dall-e-3", prompt=text, extra_headers=headers),
            "embeddings": lambda headers: client.embeddings.create(
                model="text-embedding-3-small", input=text, extra_headers=headers
            ),
        }
        self._call(job, 0, job.kind, "ask", calls[job.kind])

    def _video(self, job: Job) -> None:
        videos: Any = self._client.videos  # its types say that Sora is switched off; others still serve it
        made = self._call(
            job,
            0,
            "videos",
            "create",
            lambda headers: videos.create(model="sora-2", prompt=f"drill {job.number}", extra_headers=headers),
        )
        if made is None:
            return
        seen = self._look(job, 1, "videos", made.id, lambda headers: videos.retrieve(made.id, extra_headers=headers))
        if seen:
            self._call(
                job,
                STEPS - 1,
                "videos",
                "fetch",
                lambda headers: videos.download_content(made.id, extra_headers=headers).read(),
                about=made.id,
            )

    def _batch(self, job: Job) -> None:
        client, file = self._client, self._kept
        if not job.keeps_file:
            uploaded = self._call(
                job,
                0,
                "files",
                "create",
                lambda headers: client.files.create(
                    file=(f"drill-{job.number}.jsonl", batch_line(job.number)), purpose="batch", extra_headers=headers
                ),
            )
            if uploaded is None:
                return
            file = uploaded.id
        made = self._call(
            job,
            1,
            "batches",
            "create",
            lambda headers: client.batches.create(
                input_file_id=file,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={"drill": str(job.number)},
                extra_headers=headers,
            ),
            about=file,
            kept=job.keeps_file,
        )
        if made is not None:
            self._look(
                job, 2, "batches", made.id, lambda headers: client.batches.retrieve(made.id, extra_headers=headers)
            )

    def _look(self, job: Job, first: int, family: str, made: str, call: Callable[[dict[str, str]], Any]) -> bool:
        """Look until it is ready, three times at most; whether it is."""
        for step in range(first, first + 3):
            time.sleep(LOOK)
            seen = self._call(job, step, family, "look", call, about=made)
            if seen is not None and seen.status == "completed":
                return True
        return False

    def _call(
        self,
        job: Job,
        step: int,
        family: str,
        what: Step,
        call: Callable[[dict[str, str]], Any],
        *,
        about: str | None = None,
        kept: bool = False,
    ) -> Any:
        """Make one call and note how it went; its answer, None if there was none."""
        number = job.number * STEPS + step
        headers = {"traceparent": f"00-{trace_id(number)}-{number + 1:016x}-01"}
        now = self._clock()
        begun = Done(
            number=number,
            family=family,
            step=what,
            started=now,
            ended=now,
            error="not one of the SDK's",  # what stands until the call ends, and if anything else is raised
            about=about,
            kept=kept,
        )
        self._begun[number] = begun
        answer: Any = None
        end: dict[str, Any] = {}
        with record() as outcomes:
            try:
                answer = call(headers)
                made = answer.id if what == "create" else None
                end = {"error": None, "made": made, "source": (outcomes[-1].source if outcomes else None) or "fresh"}
            except openai.OpenAIError as problem:
                nothing_sent = bool(outcomes) and not outcomes[-1].attempts
                end = {"error": type(problem).__name__, "sdk_error": True, "refused": nothing_sent}
            finally:
                self.done.append(dataclasses.replace(begun, ended=self._clock(), **end))
                del self._begun[number]
        return answer


def batch_line(number: int) -> bytes:
    """A batch of one chat call."""
    body = {"model": TEXT_MODEL, "messages": [{"role": "user", "content": f"drill {number}"}]}
    task = {"custom_id": f"drill-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(task).encode() + b"\n"
