"""The forms in which a secret may come back: in another case, escaped, encoded, backwards, or event by event."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from relayproof.sse import Event

LONG = 16
MAKER = re.compile(r"^(?:sk-(?:ant-|proj-|or-)?|AIza|gsk_|xai-)")
Find = Callable[[str], list[tuple[int, int]]]


def spellings(secret: str) -> set[str]:
    """Every form of a secret that is looked for; of a short one only those that keep it whole."""
    found = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], html.escape(secret)}
    if len(secret) < LONG:
        return found
    raw = secret.encode()
    codes = ("%{:02x}", "\\u{:04x}", "\\x{:02x}", "&#{};", "&#x{:x};")
    found |= {"".join(code.format(byte) for byte in raw) for code in codes}
    found |= {raw.hex(), secret[::-1], MAKER.sub("", secret), *_in_base64(raw)}
    return {each for each in found if len(each) >= LONG}


def _in_base64(raw: bytes) -> Iterator[str]:
    """The part that is the same whatever stands before and behind, for each of the three ways to begin."""
    for before in range(3):
        packed = base64.b64encode(b"\0" * before + raw).decode()
        sure = packed[(0, 2, 3)[before] : (len(raw) + before) * 8 // 6]
        yield from (sure, sure.translate(str.maketrans("+/", "-_")))


def in_pieces(events: tuple[Event, ...], find: Find) -> dict[int, set[str]]:
    """The strings, by event, that together give a secret away: joined with those at the same place in other events."""
    places: dict[str, list[tuple[int, str]]] = {}
    for event in events:
        for place, text in _strings(event.json):
            places.setdefault(place, []).append((event.number, text))
    found: dict[int, set[str]] = {}
    for parts in places.values():
        spans, at = find("".join(text for _, text in parts)), 0
        for number, text in parts if spans else ():
            if any(start < at + len(text) and at < end for start, end in spans):
                found.setdefault(number, set()).add(text)
            at += len(text)
    return found


def _strings(document: Any) -> Iterator[tuple[str, str]]:
    """Every string of a document with its place; without recursion, since a relay decides how deep it is."""
    waiting = [("", document)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, str) and value:
            yield place, value
        elif isinstance(value, dict):
            waiting += [(f"{place}/{key}", inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{place}/{number}", inner) for number, inner in enumerate(value)]
