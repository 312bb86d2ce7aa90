"""The errors of each vendor as it sends them: one table, for faults (`Fault.vendor`) and for tests that loop over it.

The rows are in vendor_errors.json, after the published error references of OpenAI, Azure OpenAI, Anthropic and Gemini,
the types of their SDKs, and what the servers of OpenAI's dialect answer (vLLM, Ollama, llama.cpp, OpenRouter, Groq,
Mistral, DeepSeek, FastAPI). Ids, times, models and limits in them are examples.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_TABLE: Final = Path(__file__).parent / "vendor_errors.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorError:
    """One error of one vendor.

    vendor: "openai", "azure", "anthropic", "gemini", "compatible" (other servers of OpenAI's dialect) or "cdn" (what
        stands before any of them).
    name: unique within the vendor. kind: the failure kind it means, by its word (`FailureKind`'s value).
    status, headers, body: what is sent. stream: sent as `text/event-stream` instead, where a stream was asked for.
    family: the endpoint family that can answer so; None: any.
    """

    vendor: str
    name: str
    kind: str
    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    stream: str | None = None
    family: str | None = None

    def __str__(self) -> str:
        return f"{self.vendor}-{self.kind}-{self.name}"

    def asking(self, seconds: float | None) -> VendorError:
        """The same, asking for this wait in the vendor's own way. None: as it is. Raises ValueError if it is none."""
        if seconds is None:
            return self
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"retry_after must be a finite number of seconds, 0 or more, not {seconds!r}")
        if self.vendor == "gemini":
            told = json.loads(self.body)
            if "error" not in told:
                raise ValueError(f"{self.vendor} asks for no wait with {self.name!r}")
            kept = [item for item in told["error"].get("details", []) if "RetryInfo" not in item["@type"]]
            wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds:g}s"}
            told["error"]["details"] = [*kept, wait]
            return dataclasses.replace(self, body=json.dumps(told))
        waits = {"retry-after": f"{seconds:g}"}
        if self.vendor in {"openai", "azure"}:
            waits = {"retry-after": str(math.ceil(seconds)), "retry-after-ms": str(math.ceil(seconds * 1000))}
        return dataclasses.replace(self, headers={**self.headers, **waits})


@functools.cache
def vendor_errors() -> tuple[VendorError, ...]:
    """Every error of every vendor; within a vendor, in the order in which a kind's first is taken."""
    return tuple(_row(raw) for raw in json.loads(_TABLE.read_text(encoding="utf-8")))


def find(vendor: str, what: str) -> VendorError:
    """The error of this name, or the first of this kind. Raises ValueError."""
    rows = [row for row in vendor_errors() if row.vendor == vendor]
    if not rows:
        known = ", ".join(dict.fromkeys(row.vendor for row in vendor_errors()))
        raise ValueError(f"no vendor {vendor!r}; there are {known}")
    found = [row for row in rows if row.name == what] or [row for row in rows if row.kind == what]
    if not found:
        known = ", ".join(dict.fromkeys(word for row in rows for word in (row.kind, row.name)))
        raise ValueError(f"{vendor} has no error {what!r}; there are {known}")
    return found[0]


def _row(raw: dict[str, Any]) -> VendorError:
    """A row as it is written: the body is text, or the JSON that is sent; a stream's events are name and data."""
    body, events = raw.pop("body"), raw.pop("stream", None)
    stream = None if events is None else "".join(_event(name, data) for name, data in events)
    return VendorError(**raw, body=body if isinstance(body, str) else json.dumps(body), stream=stream)


def _event(name: str | None, data: Any) -> str:
    head = "" if name is None else f"event: {name}\n"
    return f"{head}data: {json.dumps(data)}\n\n"
