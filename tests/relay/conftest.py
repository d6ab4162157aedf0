"""One test for each rule."""

import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "relay_rule" in metafunc.fixturenames:
        from relayproof.rules import load

        metafunc.parametrize("relay_rule", sorted(load()))
