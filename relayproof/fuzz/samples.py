"""Values for places where random text says nothing: words that a server knows, and pictures that can be read."""

from __future__ import annotations

import functools
from typing import Any

from relayproof import pictures
from relayproof.probes.samples import data_url

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse")
SPOKEN = ("ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "nl", "pl", "pt", "ru", "tr", "zh")
SIZES = ("auto", "256x256", "512x512", "1024x1024", "1536x1024", "1024x1536", "1792x1024", "1024x1792")
SHAPES = tuple(f"ASPECT_{each}" for each in ("1_1", "16_9", "9_16", "4_3", "3_4", "3_2", "2_3"))
RESOLUTIONS = ("RESOLUTION_1024_1024",)
HARMS = tuple(
    f"HARM_CATEGORY_{each}" for each in ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")
)
THRESHOLDS = ("BLOCK_NONE", "BLOCK_ONLY_HIGH", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_LOW_AND_ABOVE", "OFF")
THOUGHTS = ("minimal", "low", "medium", "high")
SONGS = ("chirp-v3-0", "chirp-v3-5", "chirp-v4")


@functools.cache
def by_key() -> dict[str, tuple[str, ...]]:
    """The values for a key of a request, whatever stands around it."""
    picture = _picture(0)
    return {
        "voice": VOICES,
        "language": SPOKEN,
        "size": SIZES,
        "aspect_ratio": SHAPES,
        "resolution": RESOLUTIONS,
        "category": HARMS,
        "threshold": THRESHOLDS,
        "thinkingLevel": THOUGHTS,
        "mv": SONGS,
        "media_type": ("image/png",),
        "mimeType": ("image/png",),
        "data": (picture.partition(",")[2],),
        "url": (picture,),
    }


def by_component(components: str) -> dict[str, dict[str, Any]]:
    """Narrower schemas for parts of requests, by name; `components` is what a reference to a part begins with."""
    claude, google = "anthropic.message_request", "gemini.generate_request"
    text = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
    return {
        f"{claude}.block": {"anyOf": [{"$ref": f"{components}{claude}.{kind}_block"} for kind in ("text", "image")]},
        f"{google}.part": text,
        "midjourney.submit_imagine_request.image": {"enum": [_picture(number) for number in range(3)]},
    }


def _picture(number: int) -> str:
    return data_url(pictures.paint("png", (16, 16), number))
