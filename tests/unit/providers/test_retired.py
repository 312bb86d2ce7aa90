"""What is known to be gone."""

from __future__ import annotations

import pytest

from resilient_ai.providers.retired import is_retired


@pytest.mark.parametrize(
    ("host", "family", "status", "gone"),
    [
        ("api.openai.com", "videos", 404, True),
        ("API.OpenAI.com:443", "videos", 410, True),
        ("api.openai.com", "videos", 500, False),
        ("api.openai.com", "videos", 400, False),
        ("api.openai.com", "images", 404, False),
        ("video.example", "videos", 404, False),  # others serve the same paths still
    ],
)
def test_what_is_gone(host: str, family: str, status: int, *, gone: bool) -> None:
    assert is_retired(host, family, status) is gone
