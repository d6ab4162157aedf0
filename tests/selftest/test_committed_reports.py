"""The committed reports are those that the committed cassettes give, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from relayproof import report, runs

ROOT = Path(__file__).parents[2]
RECORDED = sorted(folder for folder in ROOT.glob("cassettes/*") if (folder / "about.json").is_file())
REPORTED = [folder for folder in RECORDED if not folder.name.startswith("regressions-")]


@pytest.mark.parametrize("folder", REPORTED, ids=lambda folder: folder.name)
def test_the_reports_of_a_cassette_are_committed_as_they_are_made(folder: Path, tmp_path: Path) -> None:
    committed = ROOT / "reports" / folder.name
    assert committed.is_dir(), f"no reports: relayproof replay cassettes/{folder.name} --reports reports/{folder.name}"
    made = report.write(runs.replay(folder), tmp_path)
    differing = [path.name for path in made if (committed / path.name).read_bytes() != path.read_bytes()]
    assert differing == []
    assert {path.name for path in committed.iterdir()} == {path.name for path in made}


def test_every_folder_of_cassettes_says_what_it_is_about() -> None:
    assert sorted(folder for folder in ROOT.glob("cassettes/*") if folder.is_dir()) == RECORDED


def test_no_report_is_without_its_cassettes() -> None:
    assert {folder.parent.name for folder in ROOT.glob("reports/*/report.json")} <= {each.name for each in REPORTED}
