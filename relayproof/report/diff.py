"""Two report.json held against each other: what broke since yesterday, what was mended, what is no longer measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relayproof.jsontext import parse
from relayproof.pointer import get
from relayproof.report.untrusted import one_line
from relayproof.schema import shown

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
        document = parse(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadReport(f"{path}: can't be read: {getattr(error, 'strerror', None) or error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("verdicts"), list):
        raise BadReport(f"{path}: no report.json of relayproof: it has no list of verdicts")
    for number, verdict in enumerate(document["verdicts"]):
        for wrong in _wrong(verdict):
            raise BadReport(f"{path}: verdicts[{number}]: {wrong}")
    return document


def _wrong(verdict: Any) -> Iterator[str]:
    """What keeps a verdict from being compared."""
    for name in ("surface", "rule", "level", "verdict", "reason"):
        if not isinstance(get(verdict, f"/{name}"), str):
            yield f"{name} is to be text"
    if get(verdict, "/verdict") not in WORST_FIRST:
        yield f"{shown(get(verdict, '/verdict'))} is no verdict"
    findings = get(verdict, "/findings", list)
    if findings is None or any(
        not isinstance(get(each, f"/{name}"), str) for each in findings for name in ("where", "what")
    ):
        yield "findings is to be a list of {where, what}"


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


def summary(changes: list[Change]) -> str:
    """The changes counted, and what they come to."""
    if not changes:
        return "no difference"
    kinds = [change.kind for change in changes]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in (BROKEN, LOST, MENDED, NEW) if kind in kinds)
    told = "a required rule broke or is no longer measured" if regressed(changes) else "no required rule got worse"
    return f"rules that came out differently: {counts}\nexit {int(regressed(changes))}: {told}"


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
    return Change(kind, one_line(mark[1]), one_line(mark[0]), one_line(told["level"]), was, now, one_line(what))


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
