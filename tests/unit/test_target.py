"""What a target may be, and what nobody is shown of it."""

from __future__ import annotations

import pytest

from resilient_ai import Target
from resilient_ai.errors import ConfigurationError


@pytest.mark.parametrize("url", ["https://me:secret@host/v1", "https://host/v1?key=secret", "https://host/v1#secret"])
def test_a_url_with_a_secret_in_it_is_refused_and_not_repeated(url: str) -> None:
    """It would stand in scopes, log lines and events, and no request would carry it."""
    with pytest.raises(ConfigurationError, match="api_key") as refused:
        Target("a:b", base_url=url)
    assert "secret" not in str(refused.value)
