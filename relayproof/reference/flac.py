"""Samples -> FLAC, stored as they are (verbatim subframes): valid for every decoder, and no encoder is needed."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

BLOCK = 4096


def encode(pcm: bytes, rate: int) -> bytes:
    """16-bit little-endian mono samples as a FLAC file."""
    count = len(pcm) // 2
    fields = rate << 44 | 0 << 41 | 15 << 36 | count
    info = struct.pack(">HH6s", BLOCK, BLOCK, b"") + fields.to_bytes(8, "big") + hashlib.md5(pcm).digest()
    header = b"fLaC" + bytes([0x80]) + len(info).to_bytes(3, "big") + info
    values = struct.pack(f">{count}h", *struct.unpack(f"<{count}h", pcm[: count * 2]))
    return header + b"".join(_frames(values))


def _frames(values: bytes) -> Iterator[bytes]:
    for number, at in enumerate(range(0, len(values), BLOCK * 2)):
        block = values[at : at + BLOCK * 2]
        size = struct.pack(">H", len(block) // 2 - 1)
        head = b"\xff\xf8\x70\x08" + chr(number).encode() + size
        frame = head + bytes([_crc(head, 8, 0x07)]) + b"\x02" + block
        yield frame + _crc(frame, 16, 0x8005).to_bytes(2, "big")


def _crc(data: bytes, width: int, polynomial: int) -> int:
    table = _table(width, polynomial)
    crc, whole = 0, (1 << width) - 1
    for byte in data:
        crc = (crc << 8 & whole) ^ table[(crc >> width - 8) ^ byte]
    return crc


def _table(width: int, polynomial: int) -> list[int]:
    top, whole = 1 << width - 1, (1 << width) - 1
    table = []
    for value in range(256):
        crc = value << width - 8
        for _ in range(8):
            crc = (crc << 1 & whole) ^ (polynomial if crc & top else 0)
        table.append(crc)
    return table
