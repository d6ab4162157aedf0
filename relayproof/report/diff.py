"""Two report.json held against each other: what broke since yesterday, what was mended, what is no longer measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Mark = tuple[str, str]
WORST_FIRST = ("fails", "stale", "untested", "known", "passes", "not-offered")
BROKEN, MENDED, LOST, NEW = "broken", "mended", "no longer measured", "measured for the first time"


class BadReport(ValueError):
    """A file that is no report.json: the file, and what is wrong with it."""


@dataclass(frozen=True)
class Change:
    """One rule on one surface that came out differently: what became of it, and what shows it."""

    kind: str
    rule: str
    surface: str
    level: str
    before: str
    after: str
    what: str = ""


def load(path: Path) -> dict[str, Any]:
    """A report.json. Raises BadReport."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadReport(f"{path}: can't be read: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("verdicts"), list):
        raise BadReport(f"{path}: no report.json of relayproof: it has no list of verdicts")
    return document


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What changed from the old report to the new one, the broken musts first."""
    before, after = _worst(old), _worst(new)
    changes = [
        change
        for mark in sorted(before.keys() | after.keys())
        if (change := _change(mark, before.get(mark), after.get(mark)))
    ]
    kinds = (BROKEN, LOST, MENDED, NEW)
    return sorted(changes, key=lambda change: (kinds.index(change.kind), change.level != "must", change.rule))


def regressed(changes: list[Change]) -> bool:
    """True when a required rule broke, or can no longer be measured."""
    return any(change.kind in (BROKEN, LOST) and change.level == "must" for change in changes)


def _worst(report: Mapping[str, Any]) -> dict[Mark, Mapping[str, Any]]:
    found: dict[Mark, Mapping[str, Any]] = {}
    for verdict in report["verdicts"]:
        mark = (verdict["surface"], verdict["rule"])
        if mark not in found or _rank(verdict) < _rank(found[mark]):
            found[mark] = verdict
    return found


def _rank(verdict: Mapping[str, Any]) -> int:
    return WORST_FIRST.index(verdict["verdict"])


def _change(mark: Mark, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Change | None:
    was, now = (str(each["verdict"]) if each else "absent" for each in (before, after))
    kind = _kind(was, now)
    told = after or before
    if kind is None or told is None:
        return None
    what = "; ".join(f"{finding['where']}: {finding['what']}" for finding in told["findings"][:1]) or told["reason"]
    return Change(kind, mark[1], mark[0], told["level"], was, now, what)


def _kind(was: str, now: str) -> str | None:
    if was == now:
        return None
    if now in ("fails", "stale"):
        return BROKEN
    if was in ("passes", "fails", "known") and now in ("untested", "absent", "not-offered"):
        return LOST
    if was in ("fails", "stale") and now in ("passes", "known"):
        return MENDED
    return NEW if now == "passes" and was in ("untested", "absent", "not-offered") else None
