"""OpenAI's Chat, and whoever else speaks it.

Sources: the types of openai-python 3.54 and 2.54, the published API reference, and what compatible hosts are known to
do otherwise (autumn 2026).
"""

from __future__ import annotations

from ..base import Codec
from .answer import read_answer, write_answer
from .errors import read_error, write_error
from .reader import Reader
from .request import read_request, write_request
from .writer import Writer

__all__ = ["CODEC"]

CODEC = Codec(
    dialect="openai",
    family="chat",
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    reader=Reader,
    writer=Writer,
    read_error=read_error,
    write_error=write_error,
)
