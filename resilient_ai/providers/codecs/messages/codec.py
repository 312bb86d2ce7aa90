"""The codec of Anthropic's Messages."""

from __future__ import annotations

from ..base import Codec
from .answer import read_answer, read_error, write_answer, write_error
from .asking import write_request
from .request import read_request
from .stream import Reader, Writer

__all__ = ["CODEC"]

CODEC = Codec(
    dialect="anthropic",
    family="messages",
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    reader=Reader,
    writer=Writer,
    read_error=read_error,
    write_error=write_error,
)
"""The codec."""
