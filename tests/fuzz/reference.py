"""A plain reading of the standard for event streams, to hold the decoder to."""

from __future__ import annotations


def reference(stream: bytes) -> list[tuple[bytes, bytes]]:
    """WHATWG HTML, 9.2.6, as it is written there, line by line; an event without data is none."""
    lines = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removeprefix(b"\xef\xbb\xbf").split(b"\n")
    events: list[tuple[bytes, bytes]] = []
    name, data = b"", list[bytes]()
    for line in lines[:-1]:
        if not line:
            if any(data) or len(data) > 1:
                events.append((name, b"\n".join(data)))
            name, data = b"", []
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value
        elif field == b"data":
            data.append(value)
    return events
