"""The summary for a terminal: plain text, readable without colour, on about one screen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from relayproof.judge import PASSES, STALE
from relayproof.report.overview import KINDS, Overview, Ruling, Tally, whole
from relayproof.report.spoken import spoken
from relayproof.report.wording import say
from relayproof.results import Results
from relayproof.rule import Finding

MOST_FAILURES, MOST_WARNINGS, MOST_REASONS = 8, 6, 5
INDENT = 6


def summary(results: Results, width: int = 80, *, language: str = "en", folder: str = "", command: str = "run") -> str:
    """The summary, ending in the arithmetic and the exit code's meaning.

    folder: where reports were put, if anywhere. command: what shows a failure again.
    """
    overview = Overview(results)
    width = max(width, 40)
    lines = [*_head(overview, width, language), "", *_table(overview, width, language)]
    lines += _failures(overview, width, language, folder, command)
    lines += _warnings(overview, width, language, folder)
    lines += _untested(overview, width, language, folder)
    lines += _errors(overview, width, language)
    return "\n".join([*lines, "", *_last(overview, width, language, folder)]) + "\n"


def _head(overview: Overview, width: int, language: str) -> Iterator[str]:
    results = overview.results
    profile = f"{say('profile', language)} {results.profile}"
    yield from wrapped(f"relayproof {results.version}  {results.relay}  {profile}  {results.day}".rstrip(), width)
    yield from wrapped(overview.sentence(language), width)
    for told in (*(say(key, language) for key in overview.advice), *(spoken(note, language) for note in results.notes)):
        yield from wrapped(told, width)


def _table(overview: Overview, width: int, language: str) -> Iterator[str]:
    names = max((cells(tally.surface) for tally in overview.tallies), default=0) + 2
    for tally in overview.tallies:
        left = padded(tally.surface, names) + _counts(tally, language)
        reason = (
            f"  ({spoken(tally.reasons[0], language)})"
            if tally.only in ("untested", "not-offered") and tally.reasons
            else ""
        )
        room = width - cells(left)
        if reason:
            yield left + shortened(reason, max(room, 1))
        elif tally.model and room > cells(tally.model) + 1:
            yield left + " " * (room - cells(tally.model)) + tally.model
        else:
            yield from wrapped(left, width, names)


def _counts(tally: Tally, language: str) -> str:
    words = {**{kind: say(kind, language) for kind in KINDS}, "fails": say("mark.fails", language)}
    if tally.only in ("untested", "not-offered"):
        return words[tally.only]
    shown = [kind for kind in KINDS if tally.counts[kind] or kind == "passes"]
    return "   ".join(f"{tally.counts[kind]:>3} {words[kind]}" for kind in shown)


def _by_rule(rulings: Sequence[Ruling]) -> list[list[Ruling]]:
    """The same rule on several surfaces is told once."""
    found: dict[tuple[str, str], list[Ruling]] = {}
    for ruling in rulings:
        found.setdefault((ruling.rule, ruling.kind), []).append(ruling)
    return list(found.values())


def _surfaces(rulings: Sequence[Ruling]) -> str:
    return ",".join(ruling.surface for ruling in rulings)


def _failures(overview: Overview, width: int, language: str, folder: str, command: str) -> Iterator[str]:
    failed = _by_rule(overview.of("fails", "stale"))
    for same in failed[:MOST_FAILURES]:
        yield ""
        mark = say("mark.stale" if same[0].outcome is STALE else "mark.fails", language)
        level = say(str(same[0].level), language)
        origin = f"   {spoken(same[0].origin, language)}" if same[0].origin else ""
        yield from wrapped(f"{mark}  {same[0].rule}   {level}{origin}   {_surfaces(same)}", width, INDENT)
        yield from _details(same[0], width, language)
        if same[0].outcome is STALE:
            yield from _clause(say("fix.short", language), say("stale.fix", language), width, 2)
        else:
            again = f"relayproof {command} URL --only {_surfaces(same)}"
            yield from _clause(say("again", language), again, width, 2)
    yield from _rest(len(failed) - MOST_FAILURES, language, folder)


def _details(ruling: Ruling, width: int, language: str) -> Iterator[str]:
    for place in ruling.places[:2]:
        yield from _clause("", _told(place.finding, language), width, 3)
    if len(ruling.places) > 2:
        yield from _clause("", say("places", language, count=len(ruling.places) - 2), width, 1)
    if ruling.page and ruling.outcome is not STALE:
        yield from _clause(say("why.short", language), _first_sentence(ruling.page.why), width, 2)
        yield from _clause(say("fix.short", language), ruling.page.fix, width, 3)


def _told(finding: Finding, language: str) -> str:
    return f"{finding.where or say('whole', language)}: {' '.join(finding.what.split())}"


def _clause(label: str, text: str, width: int, most: int) -> Iterator[str]:
    start = " " * INDENT + (padded(label, 8) if label else "")
    lines = wrapped(start + text, width, cells(start))
    yield from lines[: most - 1]
    if len(lines) >= most:
        rest = lines[most - 1] + ("…" if len(lines) > most else "")
        yield shortened(rest, width)


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`])", text, maxsplit=1)[0]


def _rest(number: int, language: str, folder: str) -> Iterator[str]:
    if number > 0:
        file = f"{folder}/report.html" if folder else "--reports FOLDER"
        yield "  " + say("more", language, count=number, file=file)


def _warnings(overview: Overview, width: int, language: str, folder: str) -> Iterator[str]:
    warnings = _by_rule(overview.of("warns"))
    if warnings:
        yield ""
    for same in warnings[:MOST_WARNINGS]:
        places = [place.finding for ruling in same for place in ruling.places[:1]]
        what = _told(places[0], language) if places else ""
        yield shortened(f"{say('warns', language)}  {same[0].rule}  {_surfaces(same)}  {what}", width)
    yield from _rest(len(warnings) - MOST_WARNINGS, language, folder)


def _untested(overview: Overview, width: int, language: str, folder: str) -> Iterator[str]:
    gaps = overview.gaps()
    if gaps:
        yield ""
        yield say("head.untested", language)
    for reason, same in list(gaps.items())[:MOST_REASONS]:
        surfaces = ", ".join(dict.fromkeys(gap.ruling.surface for gap in same))
        count = say("rules", language, count=len(same))
        yield from _clause(
            "", f"{spoken(reason, language) or say('no-reason', language)}: {surfaces} ({count})", width, 2
        )
    yield from _rest(len(gaps) - MOST_REASONS, language, folder)


def _errors(overview: Overview, width: int, language: str) -> Iterator[str]:
    if overview.results.errors:
        yield ""
        yield say("head.errors", language)
    for error in overview.results.errors[:MOST_REASONS]:
        yield from _clause("", f"{error.rule}: {error.trace.strip().rpartition(chr(10))[2]}", width, 2)


def _last(overview: Overview, width: int, language: str, folder: str) -> Iterator[str]:
    results = overview.results
    levels = (("required", overview.required), ("recommended", overview.recommended))
    parts = [f"{say(key, language)} {counts[PASSES]}/{whole(counts)}" for key, counts in levels]
    parts += [f"{say(kind, language)} {len(overview.of(kind))}" for kind in ("known", "untested")]
    spent = [say("requests", language, count=results.requests), say("tokens", language, count=results.tokens)]
    if results.seconds is not None:
        spent.append(say("seconds", language, count=round(results.seconds)))
    left, right = "   ".join(parts), say("comma", language).join(spent)
    if cells(left) + cells(right) + 3 <= width:
        yield padded(left, width - cells(right)) + right
    else:
        yield from (*wrapped(left, width), *wrapped(right, width))
    if folder:
        yield from wrapped(say("written", language, path=f"{folder}/report.html"), width)
    yield from wrapped(overview.exit_words(language), width)


def cells(text: str) -> int:
    """How many columns a text takes: two for a Chinese character, none for a combining mark."""
    return sum(_cell(char) for char in text)


def _cell(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def padded(text: str, width: int) -> str:
    """The text with spaces up to `width` columns, at least one."""
    return text + " " * max(width - cells(text), 1)


def shortened(text: str, width: int) -> str:
    """The text, its end replaced by `…` where it takes more than `width` columns."""
    if cells(text) <= width:
        return text
    while text and cells(text) > width - 1:
        text = text[:-1]
    return text + "…"


def wrapped(text: str, width: int, indent: int = 0) -> list[str]:
    """The text in lines of at most `width` columns, broken at spaces or beside a wide character."""
    lines = [""]
    for piece in re.findall(r"\s+|[\u2e80-\uffef]|[^\s\u2e80-\uffef]+", text.replace("\n", " ")):
        for part in _parts(piece, width - indent):
            if cells(lines[-1]) + cells(part) > width and lines[-1].strip():
                lines.append(" " * indent)
                part = part.lstrip()
            lines[-1] += part
    return [line.rstrip() for line in lines]


def _parts(piece: str, width: int) -> Iterator[str]:
    while cells(piece) > width:
        yield piece[:width]
        piece = piece[width:]
    yield piece
