"""What probes send: small texts, pictures and tools, made here. Content limits leave reasoning models room to speak."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import struct
import zlib
from typing import Any

ROOM = 64
THOUGHT = 192
THINKERS = re.compile(r"(?:^|/)(?:o\d|gpt-5)(?!.*chat)", re.IGNORECASE)
NOT_FOR_THINKERS = ("temperature", "stop", "logprobs", "top_logprobs", "parallel_tool_calls")
GOOD = {"answer": True}

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}
CLOCK = {"type": "function", "function": {"name": "get_time", "parameters": CITY}}
CITY_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["city", "population"],
    "additionalProperties": False,
}


def user(text: Any) -> list[dict[str, Any]]:
    """One user message."""
    return [{"role": "user", "content": text}]


def thinks(model: str) -> bool:
    """True for OpenAI's models that think first: they refuse `max_tokens` and fields that steer the text."""
    return bool(THINKERS.search(model))


def limit(model: str, tokens: int) -> dict[str, Any]:
    """The token limit under the name that the model knows."""
    return {"max_completion_tokens": tokens, "reasoning_effort": "low"} if thinks(model) else {"max_tokens": tokens}


@functools.cache
def png(width: int = 16, height: int = 16, colour: tuple[int, int, int] = (220, 30, 30)) -> bytes:
    """A real PNG of one colour."""
    rows = (b"\x00" + bytes(colour) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


@functools.cache
def noise(side: int = 256) -> bytes:
    """A real PNG that does not pack: 190 kB of dots, the same every time."""
    dots = hashlib.shake_256(b"relayproof").digest(3 * side * side)
    rows = b"".join(b"\x00" + dots[at : at + 3 * side] for at in range(0, len(dots), 3 * side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def data_url(picture: bytes) -> str:
    """A picture as a data URL."""
    return "data:image/png;base64," + base64.b64encode(picture).decode()
