"""The fixtures of the tests of the two faces, `relayproof` and pytest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import KEY, Wire

from relayproof.reference import make_app, serving


@pytest.fixture(scope="session")
def _wired() -> Iterator[tuple[Wire, str]]:
    wire = Wire(make_app(KEY))
    with serving(wire) as address:
        yield wire, address


@pytest.fixture
def wire(_wired: tuple[Wire, str]) -> Wire:
    """What the relay at `url` was asked in this test."""
    _wired[0].requests.clear()
    return _wired[0]


@pytest.fixture
def url(_wired: tuple[Wire, str]) -> str:
    """The reference relay, behind the key of these tests."""
    return _wired[1]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and the key in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RELAYPROOF_API_KEY", KEY)
    return tmp_path
