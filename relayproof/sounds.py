"""Sound files: which container the bytes are, how long they play, what their title says. The only door to mutagen."""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

PCM_RATE = 24_000
SAMPLE_BYTES = 2
MP3_FRAME_SECONDS = 0.024
AAC_FRAME_SECONDS = 1024 / PCM_RATE
OPUS_RATE, OPUS_FRAME = 48_000, 960
MP3_SYNC = (0xFB, 0xFA, 0xF3, 0xF2, 0xE3, 0xE2)
AAC_SYNC = (0xF0, 0xF1, 0xF8, 0xF9)


def container(data: bytes) -> str:
    """mp3, aac, opus, ogg, flac, wav, mp4 or webm, by the first bytes; "" for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    if data[:4] == b"OggS":
        return "opus" if b"OpusHead" in data[:64] else "ogg"
    if data[:3] == b"ID3":
        return _synced(_behind_tag(data)) or "mp3"
    if data[4:8] == b"ftyp":
        return "mp4"
    signed = {b"fLaC": "flac", b"\x1aE\xdf\xa3": "webm"}
    return signed.get(data[:4], "") or _synced(data)


def _synced(data: bytes) -> str:
    if len(data) < 2 or data[0] != 0xFF:
        return ""
    return "mp3" if data[1] in MP3_SYNC else "aac" if data[1] in AAC_SYNC else ""


def _behind_tag(data: bytes) -> bytes:
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return data[10 + size :]


def wears_container(data: bytes) -> str:
    """The container of what should be bare samples; "" when there is none. Two chance bytes are no container."""
    found = container(data)
    if found not in ("mp3", "aac") or data[:3] == b"ID3":
        return found
    info = getattr(_parsed(data), "info", None)
    return found if info is not None and not getattr(info, "sketchy", False) else ""


def seconds(data: bytes, form: str = "") -> float | None:
    """How long a sound plays; None when it can't be read. `form` "pcm" is bare samples of 24 kHz, 16 bits, mono."""
    if form == "pcm":
        return len(data) / (PCM_RATE * SAMPLE_BYTES)
    if container(data) == "wav":
        return _wav_seconds(data)
    length = getattr(getattr(_parsed(data), "info", None), "length", None)
    return float(length) if length else None


def _wav_seconds(data: bytes) -> float | None:
    """From what is there: a server that streams can't know the size that the header should tell."""
    at, rate = 12, 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        if kind == b"fmt " and at + 24 <= len(data):
            rate = struct.unpack_from("<I", data, at + 16)[0]
        if kind == b"data":
            return min(size, len(data) - at - 8) / rate if rate else None
        at += 8 + size + size % 2
    return None


def samples(data: bytes) -> bytes:
    """The samples of a WAV file with 16 bits a sample; b"" for any other."""
    import wave

    try:
        with wave.open(io.BytesIO(data)) as file:
            return file.readframes(len(data)) if file.getsampwidth() == SAMPLE_BYTES else b""
    except (wave.Error, EOFError, RuntimeError, struct.error):
        return b""


def title(data: bytes) -> str:
    """What the title tag says; "" without one."""
    tags = getattr(_parsed(data), "tags", None) or {}
    found = tags.get("title") or tags.get("TIT2")
    return str(found[0]) if found else ""


@functools.lru_cache(maxsize=16)
def _parsed(data: bytes) -> Any:
    import mutagen
    from mutagen.aac import AAC
    from mutagen.mp3 import MP3

    kinds = {"mp3": MP3, "aac": AAC}
    try:
        return kinds.get(container(data), mutagen.File)(io.BytesIO(data))
    except (mutagen.MutagenError, EOFError, ValueError, TypeError, LookupError, ArithmeticError, struct.error):
        return None


def titled(data: bytes, text: str) -> bytes:
    """The file with a title tag. Containers without tags (aac, bare samples) stay as they are."""
    import mutagen
    from mutagen.id3 import TIT2

    if container(data) not in ("mp3", "wav", "opus", "flac"):
        return data
    buffer = io.BytesIO(data)
    file = mutagen.File(buffer) if container(data) != "mp3" else _mp3(buffer)
    if file.tags is None:
        file.add_tags()
    if container(data) in ("mp3", "wav"):
        file.tags.add(TIT2(encoding=3, text=[text]))
    else:
        file["title"] = text
    buffer.seek(0)
    file.save(buffer)
    return buffer.getvalue()


def _mp3(buffer: io.BytesIO) -> Any:
    from mutagen.mp3 import MP3

    return MP3(buffer)


def wav(pcm: bytes, rate: int = PCM_RATE) -> bytes:
    """16-bit mono samples as a WAV file."""
    import wave

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(rate)
        file.writeframes(pcm)
    return buffer.getvalue()


def lengthened(sample: bytes, length: float) -> bytes:
    """The sample with its frames repeated until it plays `length` seconds: mp3 and aac of 24 kHz, opus."""
    kind = container(sample)
    if kind == "opus":
        return _opus(sample, max(1, round(length * OPUS_RATE / OPUS_FRAME)))
    frames = _mp3_frames(sample) if kind == "mp3" else _aac_frames(sample)
    a_frame = MP3_FRAME_SECONDS if kind == "mp3" else AAC_FRAME_SECONDS
    return b"".join(islice(cycle(frames), max(1, round(length / a_frame))))


def _mp3_frames(sample: bytes) -> list[bytes]:
    """Frames of one constant bit rate: they begin alike, and all are as long as the first."""
    size = sample.index(sample[:2], 2)
    return [sample[at : at + size] for at in range(0, len(sample) - size + 1, size)]


def _aac_frames(sample: bytes) -> list[bytes]:
    frames, at = [], 0
    while at + 7 <= len(sample):
        size = (sample[at + 3] & 3) << 11 | sample[at + 4] << 3 | sample[at + 5] >> 5
        frames.append(sample[at : at + size])
        at += size
    return frames


def _opus(sample: bytes, count: int) -> bytes:
    from mutagen.ogg import OggPage

    source = io.BytesIO(sample)
    pages = []
    while source.tell() < len(sample):
        pages.append(OggPage(source))
    packets = OggPage.to_packets(pages[2:])
    body = OggPage.from_packets(list(islice(cycle(packets), count)), sequence=2)
    _number(body, pages[0], struct.unpack_from("<H", pages[0].packets[0], 10)[0])
    return b"".join(page.write() for page in [*pages[:2], *body])


def _number(body: Sequence[Any], head: Any, skipped: int) -> None:
    done = 0
    for page in body:
        done += len(page.packets) - (not page.complete)
        page.serial, page.position = head.serial, skipped + done * OPUS_FRAME
    body[-1].last = True
