"""Pictures and sounds that a faulty relay sends in place of the right ones."""

from __future__ import annotations

import struct
import zlib


def png(width: int, height: int) -> bytes:
    """A real PNG of one colour."""
    rows = (b"\x00" + bytes((220, 30, 30)) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def wav(samples: bytes, rate: int = 24_000) -> bytes:
    """16-bit samples as a WAV file."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def tone(seconds: float = 1.0, rate: int = 24_000) -> bytes:
    """A square wave as 16-bit samples."""
    period = struct.pack("<h", 9000) * 30 + struct.pack("<h", -9000) * 30
    return (period * int(seconds * rate / 60 + 1))[: int(seconds * rate) * 2]
