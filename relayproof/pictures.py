"""Pictures: whether the bytes are one, of which format and size; and small ones, painted. The only door to Pillow."""

from __future__ import annotations

import functools
import io
import warnings
from dataclasses import dataclass

FORMATS = {"PNG": "png", "JPEG": "jpeg", "MPO": "jpeg", "WEBP": "webp", "GIF": "gif", "AVIF": "avif"}
MOST_PIXELS = 50_000_000
COLOURS = ((200, 40, 40), (40, 90, 200), (30, 140, 70), (230, 170, 30), (120, 60, 160))


@dataclass(frozen=True)
class Picture:
    """Format (png, jpeg, webp, gif, avif, svg, or what Pillow calls it) and pixels; a drawing (svg) has none: 0 x 0."""

    form: str
    width: int
    height: int

    @property
    def size(self) -> str:
        """As the API writes it: 1024x1024."""
        return f"{self.width}x{self.height}"


@functools.lru_cache(maxsize=16)
def read(data: bytes) -> Picture | None:
    """What the bytes show; None when they are no picture, or one that breaks off (not told above MOST_PIXELS)."""
    from PIL import Image

    if data.lstrip()[:4] == b"<svg" or (data.lstrip()[:5] == b"<?xml" and b"<svg" in data[:2000]):
        return Picture("svg", 0, 0)
    try:
        with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
            picture = Image.open(io.BytesIO(data))
        with picture:
            if picture.width * picture.height <= MOST_PIXELS:
                picture.load()
            return Picture(FORMATS.get(picture.format or "", str(picture.format).lower()), *picture.size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def paint(form: str, size: tuple[int, int], number: int = 0, *, clear: bool = False) -> bytes:
    """A disc on a plain ground, or on none (`clear`); another `number`, another picture. form: png, jpeg or webp."""
    from PIL import Image, ImageDraw

    width, height = size
    ground = COLOURS[number // len(COLOURS) % len(COLOURS)]
    picture = Image.new("RGBA", size, (0, 0, 0, 0)) if clear else Image.new("RGB", size, ground)
    reach, middle = min(width, height) // 4 + number % 7, (width // 2, height // 2)
    box = (middle[0] - reach, middle[1] - reach, middle[0] + reach, middle[1] + reach)
    ImageDraw.Draw(picture).ellipse(box, fill=COLOURS[number % len(COLOURS)], outline="white")
    return _saved(picture, form)


def mask(size: tuple[int, int]) -> bytes:
    """A PNG that is opaque on its left half and transparent on its right: only the right may be painted anew."""
    from PIL import Image

    picture = Image.new("RGBA", size, (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (size[0] // 2, 0, *size))
    return _saved(picture, "png")


def repaint(before: bytes, masked: bytes, form: str, size: tuple[int, int], number: int = 0) -> bytes:
    """The picture, resized, with a new one where the mask is transparent; without a mask (b"") new all over."""
    from PIL import Image

    fresh = Image.open(io.BytesIO(paint("png", size, number))).convert("RGB")
    if masked:
        kept = Image.open(io.BytesIO(masked)).convert("RGBA").resize(size).getchannel("A")
        fresh.paste(Image.open(io.BytesIO(before)).convert("RGB").resize(size), (0, 0), kept)
    return _saved(fresh, form)


def difference(before: bytes, after: bytes, masked: bytes) -> float | None:
    """Mean difference (0 to 255 a channel) where the mask is opaque; None when that can't be measured."""
    from PIL import Image, ImageChops, ImageStat

    if not all(map(read, (before, after, masked))):
        return None
    was, now = (Image.open(io.BytesIO(each)).convert("RGB").resize((64, 64)) for each in (before, after))
    kept = Image.open(io.BytesIO(masked)).convert("RGBA").resize((64, 64)).getchannel("A")
    kept = kept.point([255 if alpha == 255 else 0 for alpha in range(256)])
    if not kept.getbbox():
        return None
    return sum(ImageStat.Stat(ImageChops.difference(was, now), kept).mean) / 3


def _saved(picture: object, form: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form.upper())  # type: ignore[attr-defined]
    return buffer.getvalue()
