"""Two reports held against each other."""

import json
from pathlib import Path

import pytest

from relayproof.report import diff
from relayproof.report.diff import BROKEN, LOST, MENDED, NEW, BadReport


def report(**outcomes: str) -> dict[str, object]:
    verdicts = [
        {"rule": f"chat/{rule}", "surface": "chat", "level": "must", "verdict": outcome, "findings": [], "reason": ""}
        for rule, outcome in outcomes.items()
    ]
    return {"verdicts": verdicts}


def kinds(old: dict[str, object], new: dict[str, object]) -> list[tuple[str, str]]:
    return [(change.kind, change.rule) for change in diff.compare(old, new)]


def test_each_change_is_named_for_what_it_means() -> None:
    old = report(same="passes", a="passes", b="fails", c="passes", d="untested", e="fails")
    new = report(same="passes", a="fails", b="passes", c="untested", d="passes", e="fails")
    assert kinds(old, new) == [(BROKEN, "chat/a"), (LOST, "chat/c"), (MENDED, "chat/b"), (NEW, "chat/d")]


def test_a_rule_that_vanishes_is_no_longer_measured() -> None:
    assert kinds(report(a="passes"), report()) == [(LOST, "chat/a")]


def test_the_worst_of_several_verdicts_counts() -> None:
    both = {"verdicts": [*report(a="passes")["verdicts"], *report(a="fails")["verdicts"]]}  # type: ignore[misc]
    assert kinds(report(a="passes"), both) == [(BROKEN, "chat/a")]


def test_only_a_required_rule_makes_a_regression() -> None:
    old, new = report(a="passes"), report(a="fails")
    assert diff.regressed(diff.compare(old, new))
    for verdict in new["verdicts"]:  # type: ignore[attr-defined]
        verdict["level"] = "should"
    assert not diff.regressed(diff.compare(old, new))
    assert not diff.regressed(diff.compare(new, old))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"verdicts": 1}'])
def test_a_file_that_is_no_report_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(BadReport, match=r"report\.json: "):
        diff.load(tmp_path / "report.json")


def test_a_report_is_read(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report(a="passes")))
    assert diff.load(tmp_path / "report.json") == report(a="passes")
