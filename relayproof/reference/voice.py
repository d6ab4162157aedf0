"""A text as sound, and a sound as text: the voice and the ear of the reference relay."""

from __future__ import annotations

import functools
import math
import re
import struct
from pathlib import Path

from relayproof import sounds
from relayproof.reference import flac

MEDIA = Path(__file__).parent / "media"
LETTER_SECONDS, CHARACTER_SECONDS, LEAST_SECONDS = 0.065, 0.22, 0.4
WORD_SECONDS = 0.35
FLAC_RATE = 8_000
PARTIALS = ((150, 0.5), (300, 0.3), (600, 0.25), (900, 0.12))
HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
UNHEARD = ("the", "wind", "blows", "over", "the", "hill", "and", "the", "river", "runs", "to", "the", "sea")
PHRASES = {
    "今天": "today",
    "天气": "the weather",
    "很好": "is very good",
    "你好": "hello",
    "早上好": "good morning",
    "世界": "world",
    "谢谢": "thank you",
    "我": "I",
    "你": "you",
    "是": "is",
}


def speak(text: str, form: str, speed: float = 1.0) -> bytes:
    """The text in a container (mp3, opus, aac, flac, wav) or as bare samples (pcm); its title tag says the text."""
    han = len(HAN.findall(text))
    length = max(LEAST_SECONDS, han * CHARACTER_SECONDS + (len(text) - han) * LETTER_SECONDS) / speed
    if form == "pcm":
        return samples(length, sounds.PCM_RATE)
    if form == "wav":
        return sounds.titled(sounds.wav(samples(length, sounds.PCM_RATE)), text)
    if form == "flac":
        return sounds.titled(flac.encode(samples(length, FLAC_RATE), FLAC_RATE), text)
    return sounds.titled(sounds.lengthened((MEDIA / f"voice.{form}").read_bytes(), length), text)


def samples(length: float, rate: int) -> bytes:
    """So many seconds of the voice, 16 bits a sample."""
    second = _second(rate)
    size = round(length * rate) * sounds.SAMPLE_BYTES
    return (second * (size // len(second) + 1))[:size]


@functools.cache
def _second(rate: int) -> bytes:
    def at(number: int) -> int:
        tone = sum(part * math.sin(2 * math.pi * pitch * number / rate) for pitch, part in PARTIALS)
        return int(9_000 * tone * (0.6 + 0.4 * math.sin(8 * math.pi * number / rate)))

    return struct.pack(f"<{rate}h", *map(at, range(rate)))


def hear(data: bytes) -> str:
    """The words in a sound: what its title tag says, else as many words as fit into its length."""
    words = max(1, round((sounds.seconds(data) or 0) / WORD_SECONDS))
    return sounds.title(data) or " ".join(UNHEARD[number % len(UNHEARD)] for number in range(words)).capitalize() + "."


def language(text: str) -> str:
    """`chinese` or `english`."""
    return "chinese" if HAN.search(text) else "english"


def in_english(text: str) -> str:
    """The text in English, phrase by phrase; a Chinese phrase that is not known is called "something"."""
    if not HAN.search(text):
        return text
    known = sorted(PHRASES, key=len, reverse=True)
    pieces = re.findall("|".join(known) + r"|[\u3040-\u30ff\u3400-\u9fff]|[A-Za-z0-9' ]+", text)
    said = [PHRASES.get(piece, "something" if HAN.match(piece) else piece.strip()) for piece in pieces]
    words = " ".join(word for number, word in enumerate(said) if word and word not in said[max(0, number - 1) : number])
    return words[:1].upper() + words[1:] + "."


def pieces(text: str) -> list[str]:
    """The text word by word (Chinese: sign by sign), each with the white space before it; they join to the text."""
    return re.findall(r"\s*(?:[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+)", text)
