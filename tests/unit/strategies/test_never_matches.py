"""A tenacity `retry` object that could not once say yes is told when it is written."""

from __future__ import annotations

from typing import Any

import openai
import pytest
import tenacity
from tenacity import retry_if_exception, retry_if_exception_type, retry_if_not_exception_type

from resilient_ai import Retry
from resilient_ai.errors import ConfigurationError, DeadlineExceeded, Failure

SDK_S = retry_if_exception_type(openai.APIConnectionError)
OURS = retry_if_exception_type(Failure)


@pytest.mark.parametrize(
    "never",
    [
        SDK_S,
        retry_if_exception_type((openai.RateLimitError, TimeoutError)),
        SDK_S | retry_if_exception_type(ConnectionError),
        SDK_S & OURS,
    ],
)
def test_types_that_no_failure_is_of(never: Any) -> None:
    """The repeats of a program are not switched off by a word that reads as if it asked for them."""
    with pytest.raises(ConfigurationError, match="would never match"):
        Retry(retry=never)


@pytest.mark.parametrize(
    "may",
    [
        OURS,
        retry_if_exception_type(),
        retry_if_exception_type((openai.APIError, DeadlineExceeded)),
        SDK_S | OURS,
        SDK_S | retry_if_exception(lambda _: True),
        retry_if_not_exception_type(openai.BadRequestError),
        tenacity.retry_always,
    ],
)
def test_what_may_match_is_taken(may: Any) -> None:
    """Only what is sure to say no is refused."""
    assert Retry(retry=may).retry is may
