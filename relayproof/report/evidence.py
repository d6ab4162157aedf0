"""The evidence for a finding: the request as a curl command, and the response around the place that is wrong.

Bodies are untrusted. Whatever leaves this room is masked, has no control characters, and is short.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from relayproof import pointer
from relayproof.exchange import Ended, Exchange, Response
from relayproof.pointer import Absent
from relayproof.report import focus
from relayproof.report.curl import curl
from relayproof.report.focus import ASIDE, HERE
from relayproof.report.overview import Overview, Ruling
from relayproof.report.untrusted import fit, one_line
from relayproof.sse import Event

__all__ = ["Piece", "curl", "excerpt", "pieces"]

LONGEST = 1500
MOST_HEADERS = 12
MOST_PIECES, MOST_PLACES = 3, 3
EVENT = re.compile(r"\bevent (\d+)")
BYTES = re.compile(r"\bbytes? (\d+)(?:-(\d+))?")
POINTER = re.compile(r"(?:^|\s)(/\S*)")
DELIMITERS = re.compile(rb"[\s\",;<>]")


@dataclass(frozen=True)
class Piece:
    """One exchange as evidence: what was sent, and (place, what stands there) for each place."""

    exchange: Exchange
    curl: str
    places: tuple[tuple[str, str], ...]


def pieces(overview: Overview, ruling: Ruling) -> list[Piece]:
    """The exchanges that show the ruling's findings best: those of the first places, at most three.

    Of two that are compared the second is the one that is judged, so it is shown first.
    """
    wanted: dict[str, list[str]] = {}
    for place in ruling.places[:MOST_PLACES]:
        compared = place.verdicts[0].exchanges
        for number in compared[::-1] if len(compared) == 2 else compared[:MOST_PIECES]:
            wanted.setdefault(number, []).append(place.finding.where)
    known = [(overview.exchanges[number], places) for number, places in wanted.items() if number in overview.exchanges]
    return [
        Piece(exchange, curl(exchange), tuple((where, excerpt(exchange, where)) for where in dict.fromkeys(places)))
        for exchange, places in known[:MOST_PIECES]
    ]


def excerpt(exchange: Exchange, where: str) -> str:
    """Status, headers and the part of the body around `where`: a JSON pointer, an event, a byte range, a header.

    The lines of the place itself begin with `> `. A place that can't be found shows the beginning of the body.
    """
    response = exchange.response
    if response is None:
        return f"{HERE}no answer: {one_line(exchange.failure, 300)}"
    head = [f"{HERE if where == 'status' else ASIDE}HTTP {response.status}", *_headers(response, where), ASIDE.strip()]
    if response.ended is not Ended.COMPLETE:
        head.insert(1, f"{ASIDE}(the response ended early: {response.ended})")
    return "\n".join([*head, *_clipped(_body(exchange, response, where))])


def _headers(response: Response, where: str) -> list[str]:
    words = set(re.findall(r"[a-z0-9-]+", where.lower()))
    named = [pair for pair in response.headers if pair[0].lower() in words]
    shown = [*named, *(pair for pair in response.headers if pair not in named)][:MOST_HEADERS]
    return [f"{HERE if pair in named else ASIDE}{one_line(': '.join(pair), 160)}" for pair in shown]


def _body(exchange: Exchange, response: Response, where: str) -> list[str]:
    if not response.decoded:
        return [f"{ASIDE}(no body)"]
    event, span, path = EVENT.search(where), BYTES.search(where), POINTER.search(where)
    if where == "end" and response.events:
        return _events(response, len(response.events) - 1)
    if event and int(event.group(1)) < len(response.events):
        return _events(response, int(event.group(1)))
    if span and int(span.group(1)) < len(response.decoded):
        return _span(response.decoded, int(span.group(1)), int(span.group(2) or span.group(1)))
    if path or not where:
        found = _document(exchange, response, path.group(1) if path else "")
        if found:
            return found
    return _beginning(response)


def _document(exchange: Exchange, response: Response, path: str) -> list[str]:
    """The JSON around a pointer; of a stream, the first event that has it, else the object its events add up to."""
    if not response.events:
        try:
            return focus.lines(response.json, path)
        except Absent:
            return []
    for event in response.events:
        if path and any(pointer.find(event.body, path)):
            return [f"{ASIDE}({event.place})", *focus.lines(event.body, path)]
    try:
        return [f"{ASIDE}(put together from {len(response.events)} events)", *focus.lines(exchange.json, path)]
    except Absent:
        return []


def _events(response: Response, number: int) -> list[str]:
    shown: list[str] = []
    for event in response.events[max(0, number - 1) : number + 2]:
        mark, most = (HERE, 900) if event.number == number else (ASIDE, 200)
        shown.append(f"{mark}[{event.place}{_arrival(response, event)}]")
        raw = response.decoded[event.start : event.end].decode(errors="replace").rstrip("\n")
        shown += [f"{mark}{line}" for line in fit(raw, most).split("\n")]
    return shown


def _arrival(response: Response, event: Event) -> str:
    at = response.arrivals[event.number]
    return "" if at is None else f", at {at:.2f} s"


def _span(body: bytes, start: int, end: int) -> list[str]:
    """Some bytes with what stands before and after, from a delimiter on: half a key would not be seen as one."""
    before = body[max(0, start - 200) : start]
    first = DELIMITERS.search(before) if start > 200 else None
    before = before[first.end() :] if first else before if start <= 200 else b""
    here = body[start : end + 1][: LONGEST // 2]
    texts = ((ASIDE, before), (HERE, here), (ASIDE, body[start + len(here) :][:200]))
    return [
        f"{mark}{line}" for mark, raw in texts if raw for line in fit(raw.decode(errors="replace"), 900).split("\n")
    ]


def _beginning(response: Response) -> list[str]:
    body = response.decoded
    if _binary(body):
        return [f"{ASIDE}({len(body):,} bytes, not text: {body[:24].hex(' ')} …)"]
    return [f"{ASIDE}{line}" for line in fit(body[: 3 * LONGEST].decode(errors="replace"), LONGEST).split("\n")]


def _binary(body: bytes) -> bool:
    sample = body[:512]
    odd = sum(byte < 9 or 13 < byte < 32 for byte in sample) + 3 * sample[:-4].decode(errors="replace").count("\ufffd")
    return odd * 4 > len(sample)


def _clipped(shown: Sequence[str]) -> list[str]:
    """The lines around the first marked one, as many as fit."""
    first = next((number for number, line in enumerate(shown) if line.startswith(HERE)), 0)
    before = _fitting(list(reversed(shown[:first])), LONGEST // 3)[::-1]
    after = _fitting(shown[first:], LONGEST - sum(map(len, before)))
    cut_before, cut_after = len(before) < first, first + len(after) < len(shown)
    return [f"{ASIDE}…"] * cut_before + before + after + [f"{ASIDE}…"] * cut_after


def _fitting(shown: Sequence[str], room: int) -> list[str]:
    """As many lines as the room (in characters) holds."""
    ends = itertools.accumulate(len(line) + 1 for line in shown)
    return [line for line, end in zip(shown, ends, strict=True) if end <= room]
