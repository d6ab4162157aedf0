"""The failures that generated requests found on real servers, kept as cassettes."""

from pathlib import Path

import pytest

from relayproof.fuzz import regressions

FOLDERS = sorted((Path(__file__).parents[2] / "cassettes").glob("regressions-*"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_recording_still_shows_its_failure(folder: Path) -> None:
    kept = regressions.read(folder)
    assert kept
    assert [str(each) for each in kept if not regressions.recorded(each)] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_kept_test_is_the_one_that_is_written_today(folder: Path) -> None:
    text = regressions.script(folder).read_text("utf-8")
    assert text == regressions.TEXT.format(folder=f"cassettes/{folder.name}")


def test_there_are_some() -> None:
    servers = {folder.name.removeprefix("regressions-") for folder in FOLDERS}
    assert servers >= {"aimock", "hubrelay", "llama-server"}
