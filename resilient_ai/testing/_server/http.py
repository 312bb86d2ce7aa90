"""HTTP/1.1 requests out of bytes, no I/O. Strict where a smuggled or cut request could pass for a right one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_HEAD: Final = 64 * 1024
MAX_BODY: Final = 25 * 1024 * 1024

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class BadRequestError(Exception):
    """These bytes are no HTTP/1.1 request; the status says how they are refused."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A request's head. `length` is None for a chunked body. Header names are in lower case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    length: int | None
    close: bool
    expects_continue: bool
    raw: bytes

    def header(self, name: str) -> str | None:
        """The header's value; of a repeated one, the values joined by commas."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None


def parse_head(raw: bytes) -> Head:
    """Read a head (without its empty line). Raises BadRequestError."""
    lines = raw.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not _TOKEN.fullmatch(words[0]) or words[2] not in {"HTTP/1.1", "HTTP/1.0"}:
        raise BadRequestError("malformed request line")
    headers = tuple(_header(line) for line in lines[1:])
    found: dict[str, str] = {}
    for name, value in headers:
        found[name] = f"{found[name]}, {value}" if name in found else value
    connection = {option.strip().lower() for option in found.get("connection", "").split(",")}
    return Head(
        method=words[0],
        target=words[1],
        headers=headers,
        length=_length(found),
        close="close" in connection or (words[2] == "HTTP/1.0" and "keep-alive" not in connection),
        expects_continue=found.get("expect", "").lower() == "100-continue",
        raw=raw,
    )


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _TOKEN.fullmatch(name):
        raise BadRequestError("malformed header line")
    return name.lower(), value.strip(" \t")


def _length(headers: dict[str, str]) -> int | None:
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise BadRequestError("one of Content-Length and chunked is wanted, not both nor another coding")
        return None
    if length is None:
        return 0
    lengths = {part.strip() for part in length.split(",")}
    if len(lengths) != 1 or not re.fullmatch(r"[0-9]{1,18}", length.split(",")[0].strip()):
        raise BadRequestError("malformed Content-Length")
    return int(lengths.pop())


def chunk_size(line: bytes) -> int:
    """The size in a chunk's first line. Raises BadRequestError."""
    size = line.partition(b";")[0].strip()
    if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size):
        raise BadRequestError("malformed chunk size")
    return int(size, 16)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart form; a file if it has a file name."""

    name: str
    filename: str | None
    data: bytes


def parse_multipart(content_type: str, body: bytes) -> list[Part]:
    """The parts of a multipart/form-data body. Raises BadRequestError."""
    found = re.search(r'boundary=(?:"([^"]+)"|([^;\s]+))', content_type)
    if not found:
        raise BadRequestError("multipart without a boundary")
    mark = b"--" + (found[1] or found[2]).encode("latin-1")
    opening, *pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if not pieces or opening.strip() or not pieces[-1].startswith(b"--"):
        raise BadRequestError("multipart body is cut or does not match its boundary")
    return [_part(piece) for piece in pieces[:-1]]


def _part(piece: bytes) -> Part:
    head, gap, data = piece.partition(b"\r\n\r\n")
    text = head.decode("utf-8", "replace")
    name = re.search(r'[;\s]name="([^"]*)"', text)
    if not gap or not name:
        raise BadRequestError("multipart part without a name")
    filename = re.search(r'filename="([^"]*)"', text)
    return Part(name[1], filename[1] if filename else None, data)
