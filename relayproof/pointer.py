"""Asking a JSON document for its parts.

A path is a JSON pointer in which `*` stands for every item of a list (or every value of an object). A part that is
missing or of another type is not there: that is for a schema to say, and a rule that asks for it has nothing to judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

LARGEST = 2**63
NOTHING: Any = object()


class Absent(LookupError):
    """A rule asked for a part that the document does not have: the rule does not apply."""


def find(document: Any, path: str, kind: type = object) -> Iterator[tuple[str, Any]]:
    """Every (pointer, value) at `path` whose value is of `kind`; `int` is no bool, `float` takes any number."""
    found = [("", document)]
    for step in _steps(path):
        found = [below for pointer, value in found for below in _down(pointer, value, step)]
    return ((pointer, value) for pointer, value in found if is_a(value, kind))


def one(document: Any, path: str, kind: type = object) -> Any:
    """The value at `path`. Raises Absent when there is none of that kind."""
    value = get(document, path, kind, NOTHING)
    if value is NOTHING:
        raise Absent(path)
    return value


def get(document: Any, path: str, kind: type = object, default: Any = None) -> Any:
    """The value at `path`, or `default` when there is none of that kind."""
    if "*" in path:
        return next((value for _, value in find(document, path, kind)), default)
    value = document
    for step in _steps(path):
        value = _child(value, step)
    return value if value is not NOTHING and is_a(value, kind) else default


def is_a(value: Any, kind: type) -> bool:
    """isinstance as JSON sees it: a bool is no number, an integer is one, and one too large to reckon with is none."""
    if kind is object:
        return True
    if kind in (int, float):
        number = isinstance(value, int | float if kind is float else int) and not isinstance(value, bool)
        return number and (isinstance(value, float) or abs(value) < LARGEST)
    return isinstance(value, kind)


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[str, ...]:
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:])


def _child(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step, NOTHING)
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return NOTHING


def _down(pointer: str, value: Any, step: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        if step == "*":
            yield from ((f"{pointer}/{number}", item) for number, item in enumerate(value))
            return
    elif isinstance(value, dict) and step == "*":
        yield from ((f"{pointer}/{escape(key)}", item) for key, item in value.items())
        return
    if (child := _child(value, step)) is not NOTHING:
        yield f"{pointer}/{escape(step)}", child


def number(text: str) -> int | float:
    """A JSON number with a point or an exponent: 2.0 is as good an integer as 2 (JSON Schema, 6.1.1)."""
    value = float(text)
    return int(value) if value.is_integer() else value


def escape(key: str) -> str:
    """One reference token of a JSON pointer (RFC 6901)."""
    return str(key).replace("~", "~0").replace("/", "~1")
