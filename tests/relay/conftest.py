"""One test for each rule."""

import pytest

from relayproof.plugin import rule_names


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "relay_rule" in metafunc.fixturenames:
        metafunc.parametrize("relay_rule", rule_names(metafunc.config))
