"""What a provider saw, bounded."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final

from .http import BadRequestError, Head, parse_multipart

MAX_REQUESTS: Final = 20_000
MAX_BYTES: Final = 128 * 1024 * 1024
MAX_PARSED: Final = 1024 * 1024
MAX_WRITTEN: Final = 1000

_SECRET: Final = frozenset(
    {"authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "set-cookie"}
)


_KEY: Final = re.compile(r"((?:^|&)key=)[^&]*")  # Gemini's, where it comes in the query


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request. What it carried is kept as bytes until there are too many."""

    at: float
    head: Head
    family: str
    key: str
    connection: int
    body: bytes | None = None
    body_bytes: int = 0
    body_sha256: str = ""
    model: str | None = None
    ended: float | None = None
    status: int | None = None
    fault: str | None = None
    made: str | None = None
    complaint: str | None = None
    closed_by_client_after: int | None = None
    written: list[float] = field(default_factory=list[float])

    def to_json(self) -> dict[str, Any]:
        """As the fields of `Request`, with no credential in it."""
        path, _, query = self.head.target.partition("?")
        headers: dict[str, str] = {}
        for name, value in self.head.headers:
            shown = "…" if name in _SECRET else value
            headers[name] = f"{headers[name]}, {shown}" if name in headers else shown
        told = {name: getattr(self, name) for name in _PLAIN}
        parsed, form = self._parsed()
        return {
            **told,
            "method": self.head.method,
            "path": path,
            "query": _KEY.sub(r"\1…", query),
            "headers": headers,
            "json": parsed,
            "form": form,
        }

    def _parsed(self) -> tuple[Any, dict[str, str] | None]:
        if self.body is None or len(self.body) > MAX_PARSED:
            return None, None
        content_type = self.head.header("content-type") or ""
        try:
            if content_type.startswith("multipart/form-data"):
                parts = parse_multipart(content_type, self.body)
                return None, {part.name: _shown(part.filename, part.data) for part in parts}
            return json.loads(self.body), None
        except (ValueError, RecursionError, BadRequestError):
            return None, None


_PLAIN: Final = (
    *("at", "ended", "family", "model", "key", "body_sha256", "body_bytes", "status", "fault", "made", "complaint"),
    *("connection", "closed_by_client_after", "written"),
)


def _shown(filename: str | None, data: bytes) -> str:
    return data.decode("utf-8", "replace") if filename is None else f"<{filename}, {len(data)} bytes>"


class Log:
    """The requests of one provider, the oldest forgotten first."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self.entries: deque[Entry] = deque()
        self.counts: Counter[str] = Counter()
        self.forgotten = False
        self._kept: deque[Entry] = deque()
        self._bytes = 0

    def add(self, entry: Entry) -> None:
        """Enter a request whose head has arrived."""
        self.entries.append(entry)
        self.counts[entry.family] += 1
        if len(self.entries) > MAX_REQUESTS:
            self.entries.popleft()
            self.forgotten = True

    def carried(self, entry: Entry, body: bytes) -> None:
        """Enter its body."""
        entry.body_bytes, entry.body_sha256 = len(body), hashlib.sha256(body).hexdigest()
        entry.body = body
        self._kept.append(entry)
        self._bytes += len(body)
        while self._bytes > MAX_BYTES or len(self._kept) > MAX_REQUESTS:
            oldest = self._kept.popleft()
            self._bytes -= oldest.body_bytes
            oldest.body = None
            self.forgotten = True

    def tally(self, family: str | None) -> dict[str, Any]:
        """The fields of `Tally`."""
        entries = [entry for entry in self.entries if family in {None, entry.family}]
        moves = [(entry.at, 1) for entry in entries]
        moves += [(entry.ended, -1) for entry in entries if entry.ended is not None]
        # Of what begins and ends at one moment the end comes first: they were not at work together.
        return {
            "requests": len(entries),
            "by_key": Counter(entry.key for entry in entries),
            "by_model": Counter(entry.model or "" for entry in entries),
            "by_status": Counter(entry.status or 0 for entry in entries),
            "by_second": Counter(int(entry.at) for entry in entries),
            "most_at_once": max(itertools.accumulate(step for _, step in sorted(moves)), default=0),
        }

    def saw(self, text: str) -> bool | None:
        """Whether a text ever came, in a head or a body, as it is or as JSON writes it; None if it cannot be told."""
        written = (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
        marks = {form.encode() for form in written}
        for entry in self.entries:
            if any(mark in entry.head.raw or (entry.body is not None and mark in entry.body) for mark in marks):
                return True
        return None if self.forgotten else False
