"""How OpenAI's Responses are read and written."""

from __future__ import annotations

from ..base import Codec
from .answer import read_answer, write_answer
from .errors import read_error, write_error
from .reader import Reader
from .request import read_request
from .writer import Writer
from .written import write_request

__all__ = ["CODEC"]

CODEC = Codec(
    dialect="openai",
    family="responses",
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    reader=Reader,
    writer=Writer,
    read_error=read_error,
    write_error=write_error,
)
