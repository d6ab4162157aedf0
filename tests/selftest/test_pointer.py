"""Asking a JSON document for its parts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproof.pointer import Absent, escape, find, get, is_a, one

DOCUMENT = {"choices": [{"n": 1, "text": "a"}, {"n": 2.5}, "odd"], "a/b": {"~": True}, "none": None, "": 0}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", [("", DOCUMENT)]),
        ("/choices/1/n", [("/choices/1/n", 2.5)]),
        ("/choices/*/n", [("/choices/0/n", 1), ("/choices/1/n", 2.5)]),
        ("/choices/*/text", [("/choices/0/text", "a")]),
        ("/choices/0/*", [("/choices/0/n", 1), ("/choices/0/text", "a")]),
        ("/a~1b/~0", [("/a~1b/~0", True)]),
        ("/", [("/", 0)]),
        ("/none", [("/none", None)]),
        ("/choices/7", []),
        ("/choices/-1", []),
        ("/choices/x", []),
        ("/choices/0/text/0", []),
        ("/nothing/at/all", []),
    ],
)
def test_a_path_finds_what_stands_there(path: str, found: list[tuple[str, Any]]) -> None:
    assert list(find(DOCUMENT, path)) == found


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        (True, {bool}),
        (1, {int, float}),
        (1.5, {float}),
        ("1", {str}),
        (None, set()),
        ([], {list}),
        ({}, {dict}),
    ],
)
def test_kinds_are_those_of_json(value: Any, kinds: set[type]) -> None:
    assert {kind for kind in (bool, int, float, str, list, dict) if is_a(value, kind)} == kinds
    assert is_a(value, object)


def test_a_part_of_another_kind_is_not_there() -> None:
    assert list(find(DOCUMENT, "/choices/*/n", int)) == [("/choices/0/n", 1)]
    assert get(DOCUMENT, "/none", dict) is None
    assert get(DOCUMENT, "/none", dict, "x") == "x"
    assert get(DOCUMENT, "/none", default="x") is None


def test_what_must_be_there_and_is_not_raises() -> None:
    assert one(DOCUMENT, "/choices/0/n", int) == 1
    with pytest.raises(Absent, match="/choices/0/n"):
        one(DOCUMENT, "/choices/0/n", str)


@pytest.mark.parametrize("document", [None, 1, "text", True])
def test_a_scalar_has_no_parts(document: Any) -> None:
    assert list(find(document, "/a")) == []
    assert list(find(document, "/*")) == []


@given(values)
def test_every_pointer_that_is_found_finds_the_same_value_again(document: Any) -> None:
    for path in ("/*", "/*/*", "/*/*/*"):
        for pointer, value in find(document, path):
            assert (pointer, value) in list(find(document, pointer))


@given(st.text())
def test_an_escaped_key_is_found_again(key: str) -> None:
    assert one({key: 1} | ({} if key == "*" else {"other": 2}), f"/{escape(key)}") == 1
