"""SubRip and WebVTT, read strictly: the cues, and what breaks the format."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SRT_TIME = re.compile(r"^(\d{2,9}):([0-5]\d):([0-5]\d),(\d{3})$")
VTT_TIME = re.compile(r"^(?:(\d{2,9}):)?([0-5]\d):([0-5]\d)\.(\d{3})$")


@dataclass(frozen=True)
class Cue:
    """A line of subtitles: its place, its times in seconds, its text."""

    place: str
    start: float
    end: float
    text: str


@dataclass
class Subtitles:
    """What was read. `problems` are (place, what is wrong there)."""

    cues: list[Cue] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What the cues say, joined."""
        return " ".join(cue.text for cue in self.cues)


def srt(text: str) -> Subtitles:
    """Read SubRip: numbered blocks with comma milliseconds."""
    found = Subtitles()
    for number, block in enumerate(_blocks(text), 1):
        place = f"block {number}"
        if block[0].strip() != str(number):
            found.problems.append((place, f"begins with {block[0][:40]!r} instead of its number {number}"))
        _cue(found, place, block[1:] if block[0].strip().isdigit() else block, SRT_TIME)
    return found


def vtt(text: str) -> Subtitles:
    """Read WebVTT: the signature, then cues with point milliseconds; notes, styles and regions are passed over."""
    found = Subtitles()
    blocks = _blocks(text)
    first = text.removeprefix("\ufeff").splitlines()[:1] or [""]
    if not re.match(r"WEBVTT([ \t].*)?$", first[0]):
        found.problems.append(("line 1", f"{first[0][:40]!r} instead of WEBVTT"))
    if blocks and blocks[0][0].startswith("WEBVTT"):
        blocks = blocks[1:]
    for number, block in enumerate(blocks, 1):
        if re.match(r"(NOTE|STYLE|REGION)\b", block[0]):
            continue
        _cue(found, f"cue {number}", block if "-->" in block[0] else block[1:], VTT_TIME)
    return found


def _blocks(text: str) -> list[list[str]]:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return [block.split("\n") for block in re.split(r"\n(?:[ \t]*\n)+", lines.strip("\n")) if block.strip()]


def _cue(found: Subtitles, place: str, lines: list[str], time: re.Pattern[str]) -> None:
    sides = re.split(r"[ \t]+-->[ \t]+", lines[0].strip()) if lines else []
    if len(sides) != 2:
        found.problems.append((place, f"{(lines[0] if lines else '')[:60]!r} is no line of times"))
        return
    start, end = time.match(sides[0]), time.match((sides[1].split() or [""])[0])
    if start is None or end is None:
        found.problems.append((place, f"{lines[0][:60]!r}: a time is not written as the format has it"))
        return
    late = next((line for line in lines[1:] if "-->" in line), None)
    if late is not None:
        found.problems.append((place, f"no blank line before the next one, {late[:60]!r}"))
    found.cues.append(Cue(place, _seconds(start), _seconds(end), "\n".join(lines[1:]).strip()))


def _seconds(found: re.Match[str]) -> float:
    hours, minutes, seconds, millis = (int(group or 0) for group in found.groups())
    return hours * 3600 + minutes * 60 + seconds + millis / 1000
