"""The sounds and pictures that probes upload. How the sounds were made stands in media/README.md."""

from __future__ import annotations

import functools
from pathlib import Path

from relayproof import pictures
from relayproof.probe import File

MEDIA = Path(__file__).parent / "media"
FOX = "The quick brown fox."
WEATHER = "今天天气很好"
SIDE = 256


@functools.cache
def sound(name: str) -> File:
    """fox.mp3 (English, 1.5 s) or weather.mp3 (Chinese, 2.1 s)."""
    return File(name, "audio/mpeg", (MEDIA / name).read_bytes())


@functools.cache
def picture() -> File:
    """A square PNG: a disc on a plain ground."""
    return File("disc.png", "image/png", pictures.paint("png", (SIDE, SIDE)))


@functools.cache
def mask() -> File:
    """A PNG that lets only the right half of `picture` be painted anew."""
    return File("mask.png", "image/png", pictures.mask((SIDE, SIDE)))
