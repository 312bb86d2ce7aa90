"""The plain data of the simulator: what a provider is, and what it saw."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .limits import Latency, Quota

FAMILIES: Final = (
    "chat",
    "completions",
    "responses",
    "messages",
    "generate_content",
    "count_tokens",
    "embeddings",
    "models",
    "images",
    "audio",
    "videos",
    "files",
    "batches",
    "moderations",
    "other",
)
"""The endpoint families, named as everywhere in the library."""

DEFAULT_MODELS: Final = (
    *("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-5", "gpt-5-mini", "o3", "o4-mini"),
    *("gpt-3.5-turbo", "gpt-3.5-turbo-instruct"),
    *("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"),
    *("gpt-image-1", "gpt-image-2", "dall-e-2", "dall-e-3"),
    *("tts-1", "tts-1-hd", "gpt-4o-mini-tts", "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"),
    *("sora-2", "sora-2-pro", "omni-moderation-latest"),
)
"""What a provider of OpenAI's dialect serves unless it is told: names that examples and tests commonly use."""

MODELS: Final[Mapping[str, tuple[str, ...]]] = {
    "openai": DEFAULT_MODELS,
    "gemini": ("gemini-3-pro", "gemini-3-flash", "gemini-2.5-pro", "gemini-2.5-flash", "gemini-embedding-001"),
    "anthropic": ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-4-8", "claude-haiku-4-5"),
}
"""The same for every dialect."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider to simulate.

    name: how the simulator, its log and its answers call it (letters, digits, `_`, `-`, `.`).
    dialect: the API it speaks: "openai" (the default; Azure's paths too), "anthropic" or "gemini" (Vertex's paths too).
    keys: the API keys it accepts; by default one, `sk-` and its name.
    models: the models it serves; by default those of `MODELS` for its dialect.
    quota: how much it answers before it says 429; by default all.
    latency: how long it takes when it is well; by default nothing that could be helped.
    name_in_answers: what stands in ids and `system_fingerprint`, so that a test sees who answered; by default its name.
    tool_rounds: so often a model that may choose calls the tools it is offered in one conversation, all at once, before
    it answers; by default it calls those only that it must.
    port: the port on 127.0.0.1; by default any free one.

    Raises ValueError for a name with other characters, no such dialect, no key, or no model.
    """

    name: str
    dialect: str = field(default="openai", kw_only=True)
    keys: tuple[str, ...] = field(default=(), kw_only=True)
    models: tuple[str, ...] | None = field(default=None, kw_only=True)
    quota: Quota | None = field(default=None, kw_only=True)
    latency: Latency | None = field(default=None, kw_only=True)
    name_in_answers: str | None = field(default=None, kw_only=True)
    tool_rounds: int = field(default=0, kw_only=True)
    port: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        for name in (self.name, self.name_in_answers or self.name):
            if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
                raise ValueError(f"a provider's name is 1 to 64 letters, digits, '_', '-' or '.', not {name!r}")
        if self.dialect not in MODELS:
            raise ValueError(f"no dialect {self.dialect!r}; there are {', '.join(MODELS)}")
        if isinstance(self.keys, str) or isinstance(self.models, str):
            raise ValueError("keys and models are tuples of strings; a lone one is written ('…',)")  # noqa: TRY004
        if self.models is not None and not self.models:
            raise ValueError("a provider serves at least one model")
        if not 0 <= self.tool_rounds <= 1000:
            raise ValueError("tool_rounds is a number from 0 to 1000")
        if not all(self.keys):
            raise ValueError("an API key cannot be empty")

    @property
    def accepted_keys(self) -> tuple[str, ...]:
        """The keys with the default filled in."""
        return tuple(self.keys) or (f"sk-{self.name}",)

    @property
    def served_models(self) -> tuple[str, ...]:
        """The models with the default filled in."""
        return tuple(self.models or MODELS[self.dialect])

    @property
    def label(self) -> str:
        """The name in its answers with the default filled in."""
        return self.name_in_answers or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as a provider saw it.

    at: when its head had arrived, seconds since the simulator's start (a monotonic clock).
    ended: when the last byte of its answer was written or its client was gone; None while it runs.
    key: which of the provider's keys came with it ("primary:0" is the first), "foreign" or "none"; never the key.
    headers: lower-case names; what could be a credential (Authorization, api-key, cookies) has the value "…".
    json, form: the parsed body; None if it is no JSON (no multipart form), or larger than 1 MiB.
    status: the status answered, None if none was. fault: the kind of fault that struck it.
    made: the id of what it created, if it did. complaint: why the vendor would refuse it.
    connection: the number of its TCP connection, counted from 1 and through every reset.
    closed_by_client_after: bytes of the answer that were written when the client was found gone; None if it stayed.
    written: when each piece of the answer was written (a paced stream's events, one by one); the first 1,000 of them.
    """

    at: float
    ended: float | None
    method: str
    path: str
    query: str
    family: str
    model: str | None
    key: str
    headers: Mapping[str, str]
    body_sha256: str
    body_bytes: int
    json: Any
    form: Mapping[str, str] | None
    status: int | None
    fault: str | None
    made: str | None
    complaint: str | None
    connection: int
    closed_by_client_after: int | None
    written: tuple[float, ...] = ()

    @property
    def closed_early(self) -> float | None:
        """When the client closed the connection on an answer that was not over; None if it did not."""
        return None if self.closed_by_client_after is None else self.ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Requests counted by the provider itself: all it keeps in its log (the last 20,000), or one family's.

    by_key, by_model, by_status: how many of each; a request without an answer has the status 0, without a model "".
    by_second: how many arrived in each second that had any, by the second's number on the clock of `Request.at`.
    most_at_once: the most that were at work at one moment, from arrival to the end of the answer.
    """

    requests: int
    by_key: Mapping[str, int]
    by_model: Mapping[str, int]
    by_status: Mapping[int, int]
    by_second: Mapping[int, int]
    most_at_once: int
