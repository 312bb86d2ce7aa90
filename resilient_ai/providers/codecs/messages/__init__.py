"""Anthropic's Messages, read and written: ``CODEC``, which is for `codecs.table` and nobody's interface."""

from __future__ import annotations

from . import codec as _codec

CODEC = _codec.CODEC
