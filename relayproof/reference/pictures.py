"""Pictures that the reference relay draws: PNG, made here."""

from __future__ import annotations

import functools
import struct
import zlib

Colour = tuple[int, int, int]
GRID: tuple[Colour, ...] = ((196, 40, 40), (40, 96, 196), (48, 150, 72), (224, 176, 40))
SIDE = 256


@functools.lru_cache(maxsize=64)
def grid(colours: tuple[Colour, ...] = GRID, side: int = SIDE) -> bytes:
    """A square PNG: one colour, or four as a grid of 2 x 2 with a thin border between them."""
    half = side // 2
    rows = []
    for y in range(side):
        row = bytearray(b"\x00")
        for x in range(side):
            row += bytes(_pixel(colours, x, y, half))
        rows.append(bytes(row))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _pixel(colours: tuple[Colour, ...], x: int, y: int, half: int) -> Colour:
    if len(colours) == 1:
        return tuple((channel + (x + y) // 8) % 256 for channel in colours[0])  # type: ignore[return-value]
    if half in (x, y):
        return 255, 255, 255
    return colours[(y > half) * 2 + (x > half)]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
