"""What an error answer means: by what its body says first, by its status second. Tables, and how they are read.

The tables hold all vendors' words together: what one of them calls ``overloaded_error`` no other uses for anything
else, and gateways and compatible servers hand on errors of vendors whose dialect they do not speak. Sources: the
published error references of OpenAI, Azure, Anthropic, Gemini (google.rpc), OpenRouter, Groq, Mistral, DeepSeek,
Together and xAI, and the sources of vLLM, Ollama and llama.cpp, autumn 2026. Answers of each are kept in tests/wire.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

from ..failures import FailureKind
from .said import Said, said_by

__all__ = ["CODES", "STATUSES", "TYPES", "WORDS", "classify", "in_stream", "in_success", "never_fits"]

_K = FailureKind

CODES: dict[str, FailureKind] = {
    # OpenAI, and Azure after it
    "insufficient_quota": _K.QUOTA,
    "billing_hard_limit_reached": _K.QUOTA,
    "billing_not_active": _K.QUOTA,
    "credit_balance_exhausted": _K.QUOTA,
    "organization_spend_limit_exceeded": _K.QUOTA,
    "project_spend_limit_exceeded": _K.QUOTA,
    "organization_usage_limit_exceeded": _K.QUOTA,
    "context_length_exceeded": _K.TOO_LONG,
    "content_filter": _K.REFUSED,
    "content_policy_violation": _K.REFUSED,
    "image_content_policy_violation": _K.REFUSED,
    "invalid_prompt": _K.REFUSED,
    "bio_policy": _K.REFUSED,
    "misalignment_policy_violation": _K.REFUSED,
    "moderation_blocked": _K.REFUSED,
    "ResponsibleAIPolicyViolation": _K.REFUSED,
    "model_not_found": _K.GONE,
    "DeploymentNotFound": _K.GONE,
    "invalid_api_key": _K.AUTH,
    "ip_not_authorized": _K.AUTH,
    "unsupported_country_region_territory": _K.AUTH,
    "account_deactivated": _K.AUTH,
    "401": _K.AUTH,
    "server_is_overloaded": _K.OVERLOADED,
    "NoCapacity": _K.OVERLOADED,
    "data_residency_mismatch": _K.CALLER,
    **dict.fromkeys(
        (
            "empty_image_file",
            "failed_to_download_image",
            "image_file_not_found",
            "image_file_too_large",
            "image_parse_error",
            "image_too_large",
            "image_too_small",
            "invalid_base64_image",
            "invalid_image",
            "invalid_image_format",
            "invalid_image_mode",
            "invalid_image_url",
            "unsupported_image_media_type",
        ),
        _K.CALLER,
    ),
    # Anthropic: error.details.error_code
    "enforced_spend_limit_reached": _K.QUOTA,
    "contract_spend_limit_reached": _K.QUOTA,
    "organization_on_hold": _K.QUOTA,
    "ramp_limit_exceeded": _K.RATE_LIMITED,
    # Gemini: a reason, what kind of quota
    "API_KEY_INVALID": _K.AUTH,
    "API_KEY_SERVICE_BLOCKED": _K.AUTH,
    "SERVICE_DISABLED": _K.AUTH,
    "CONSUMER_SUSPENDED": _K.AUTH,
    "ACCESS_TOKEN_EXPIRED": _K.AUTH,
    "BILLING_DISABLED": _K.QUOTA,
    "PerDay": _K.QUOTA,
    # compatible servers: llama.cpp, Mistral, Groq, Together, OpenRouter
    "exceed_context_size_error": _K.TOO_LONG,
    "unavailable_error": _K.OVERLOADED,
    "not_supported_error": _K.GONE,
    "service_tier_capacity_exceeded": _K.OVERLOADED,
    "rate_limited": _K.RATE_LIMITED,
    "invalid_model": _K.GONE,
    "model_decommissioned": _K.GONE,
    "model_not_available": _K.GONE,
    "flagged_input": _K.REFUSED,
}
"""The codes, types and reasons that decide."""

TYPES: dict[str, FailureKind] = {
    "rate_limit_exceeded": _K.RATE_LIMITED,
    "slow_down": _K.RATE_LIMITED,
    "RateLimitReached": _K.RATE_LIMITED,
    "TooManyRequests": _K.RATE_LIMITED,
    "server_error": _K.TRANSIENT,
    "vector_store_timeout": _K.TRANSIENT,
    "authentication_error": _K.AUTH,
    "billing_error": _K.QUOTA,
    "permission_error": _K.AUTH,
    "rate_limit_error": _K.RATE_LIMITED,
    "api_error": _K.TRANSIENT,
    "timeout_error": _K.TRANSIENT,
    "overloaded_error": _K.OVERLOADED,
    "UNAUTHENTICATED": _K.AUTH,
    "PERMISSION_DENIED": _K.AUTH,
    "RESOURCE_EXHAUSTED": _K.RATE_LIMITED,
    "UNAVAILABLE": _K.OVERLOADED,
    "INTERNAL": _K.TRANSIENT,
    "DEADLINE_EXCEEDED": _K.TRANSIENT,
    "UNIMPLEMENTED": _K.GONE,
}
"""Those that only say of which sort an error is: believed where no word of its message says more."""

STATUSES: dict[int, FailureKind] = {
    401: _K.AUTH,
    402: _K.QUOTA,
    403: _K.AUTH,
    408: _K.TRANSIENT,
    409: _K.TRANSIENT,
    410: _K.GONE,
    421: _K.TRANSIENT,
    425: _K.TRANSIENT,
    429: _K.RATE_LIMITED,
    498: _K.OVERLOADED,
    499: _K.TRANSIENT,
    503: _K.OVERLOADED,
    529: _K.OVERLOADED,
}
"""Any other 4xx is the caller's, any other 5xx is transient."""

UNSTATED: dict[str, int] = {
    "invalid_request_error": 400,
    "not_found_error": 404,
    "request_too_large": 413,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "NOT_FOUND": 404,
}
"""The statuses that errors come with, by their types: OpenAI's, Anthropic's, Google's, and of those who speak as they
do. In a stream the status is 200, and the type alone says that it is the caller's own mistake."""

WORDS: tuple[tuple[tuple[int, ...], tuple[str, ...], FailureKind], ...] = (
    ((400, 403, 429), ("experiencing high demand", "currently overloaded", "capacity exceeded"), _K.OVERLOADED),
    (
        (400, 403, 429),
        (
            "credit balance",
            "enable billing",
            "insufficient (?:account )?(?:balance|credits?|funds)",
            "specified api usage limits",
            "spend(?:ing)? (?:cap|limit)",
            "used all available credits",
        ),
        _K.QUOTA,
    ),
    (
        (400, 403),
        (
            "(?:incorrect|invalid) api key",
            "api key (?:expired|not valid)",
            "organization has been disabled",
            "location is not supported",
        ),
        _K.AUTH,
    ),
    ((400,), ("blocked by content filter",), _K.REFUSED),
    (
        (400, 413, 422, 500),
        (
            "maximum context length",
            "maximum prompt length",
            "exceeds? (?:the )?(?:available )?context",
            "(?:prompt|input) is too long",
            r"\bprompt\b.{0,80}too large for model",
            "input token count .{0,40}exceeds",
        ),
        _K.TOO_LONG,
    ),
    (
        (400, 404),
        (
            r"\bmodel\b.{0,200}(?:does not exist|not exist\b|not found)",
            r"\bmodel\b.{0,200}(?:has been (?:deprecated|decommissioned|retired)|is no longer (?:available|supported))",
            "models/.{0,200} is (?:not found|no longer)",
            r"\Amodel: ",
            "not a valid model",
            "(?:invalid|no such|unknown) model",
            "no endpoints found for",
            "model identifier is invalid",
            "could not resolve the foundation model",
        ),
        _K.GONE,
    ),
    ((403,), ("or it may not exist",), _K.CALLER),
    ((403, 404), ("no route matched",), _K.TRANSIENT),
)
"""Statuses, words of a message that decide where they stand in it, and what they mean. Some errors have no code, or one
that says something else: Azure calls a lack of capacity a rate limit, and Gemini a file that is not there forbidden."""

_PATTERNS = tuple(
    (frozenset(statuses), re.compile("|".join(words), re.IGNORECASE), kind) for statuses, words, kind in WORDS
)


def classify(status: int, body: Any) -> FailureKind:
    """The kind of an error answer. ``body`` is the parsed JSON, or None where it is none.

    A fault of the server's own is told by the status, whatever code says so too. A 403 or 404 that is not the
    API's own JSON comes from something in between (a CDN, a gateway), and passes.
    """
    said = said_by(body)
    if said is None:
        return _K.TRANSIENT if status in (403, 404) else _by_status(status)
    kind = _first(CODES, said) or _by_words(status, said)
    if kind is not None:
        return kind
    kind = _first(TYPES, said)
    return _by_status(status) if kind is None or kind is _K.TRANSIENT else kind


_NEVER_FITS = re.compile(r"request too large", re.IGNORECASE)


def never_fits(body: Any) -> bool:
    """Whether an error says that the one request is more than its key's limit for a minute: waiting mends nothing, and
    somebody else's limit may be larger (OpenAI and Groq call it a rate limit, the latter with a 413)."""
    said = said_by(body)
    return said is not None and "rate_limit_exceeded" in said.codes and _NEVER_FITS.search(said.words) is not None


def in_success(body: Any) -> FailureKind | None:
    """The kind of an error body inside an HTTP 200; None if it tells none."""
    said = said_by(body)
    if said is None:
        return None
    if said.status is not None and said.status >= 400:
        return classify(said.status, body)
    return _first(CODES, said) or _first(TYPES, said)


def _first(table: dict[str, FailureKind], said: Said) -> FailureKind | None:
    return next((table[code] for code in said.codes if code in table), None)


def _by_words(status: int, said: Said) -> FailureKind | None:
    found = (kind for statuses, pattern, kind in _PATTERNS if status in statuses and pattern.search(said.words))
    return next(found, None)


def _by_status(status: int) -> FailureKind:
    return STATUSES.get(status, _K.TRANSIENT if status >= 500 else _K.CALLER)


_DECODER = json.JSONDecoder()
MOST_STREAMED = 64 * 1024
"""Bytes of an error in a stream that are looked at (a Responses stream's has the whole response in it)."""
_TOLD = re.compile(r'"(?:error_code|reason|code|type|status)"\s*:\s*"([^"\\]{1,64})"')


def in_stream(error: bytes) -> FailureKind:
    """The kind of an error that an event stream told; ``error`` begins where it does, perhaps inside an event's object,
    and may be cut."""
    text = error[:MOST_STREAMED].decode("utf-8", "replace")
    begin = f"{{{text}" if text.startswith('"') else text[max(0, text.find("{")) :]
    try:
        event, _ = _DECODER.raw_decode(begin)
    except (ValueError, RecursionError):  # cut
        said = Said(tuple(_TOLD.findall(text)), "")
        return _first(CODES, said) or _first(TYPES, said) or _unstated(said) or _K.TRANSIENT
    inner = cast("dict[str, Any]", event).get("response") if isinstance(event, dict) else None
    told = in_success(event) or in_success(inner)
    return told or _unstated(said_by(event)) or _unstated(said_by(inner)) or _K.TRANSIENT


def _unstated(said: Said | None) -> FailureKind | None:
    """The kind of an error whose type alone tells the status it would have come with."""
    status = None if said is None else next((UNSTATED[code] for code in said.codes if code in UNSTATED), None)
    return None if said is None or status is None else _by_words(status, said) or _by_status(status)
