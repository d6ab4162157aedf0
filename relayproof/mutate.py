"""Small changes to a valid document, one at a time: which of them break its schema, and which are as valid as before.

It makes documents and judges nothing. With it the suite tests itself: what breaks a schema has to be found, and what a
schema allows has to be let pass.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from relayproof import schema
from relayproof.pointer import escape

UNKNOWN = "relayproof"
SPLIT = ("allOf", "anyOf", "oneOf")
BRANCHES = ("then", "else")


class Kind(StrEnum):
    """What is changed: a key left out, null, a value of another type or word, off by one, something more."""

    DROPPED = "dropped"
    NULL = "null"
    TYPE = "type"
    WORD = "word"
    OTHER = "other"
    ONE = "one"
    TWICE = "twice"
    UNKNOWN = "unknown"
    ADDED = "added"


@dataclass(frozen=True)
class Mutant:
    """A changed document: how, where (a JSON pointer), and whether it still is what its schema asks for."""

    kind: Kind
    where: str
    document: Any
    valid: bool


@dataclass(frozen=True)
class _Said:
    """A schema that says something of a place, and the file that its references start from."""

    schema: dict[str, Any]
    file: str


Path = tuple[Any, ...]


def mutants(name: str, document: Any) -> Iterator[Mutant]:
    """Every small change of a document that is valid under the schema `name`, in the order of the document."""
    for kind, path, changed in _walk(document, _all_said([_Said(schema.load(name), name)]), (), document):
        where = "".join(f"/{escape(str(step))}" for step in path)
        yield Mutant(kind, where, changed, schema.valid(name, changed))


def _walk(value: Any, said: list[_Said], path: Path, whole: Any) -> Iterator[tuple[Kind, Path, Any]]:
    for kind, changed in _changes(value, said):
        yield kind, path, replaced(whole, path, changed)
    if isinstance(value, dict):
        for kind, key, changed in _object_changes(value, said):
            yield kind, (*path, key), replaced(whole, path, changed)
        for key, inner in value.items():
            yield from _walk(inner, _below(said, key), (*path, key), whole)
    elif isinstance(value, list):
        for number, inner in enumerate(value[:2]):
            yield from _walk(inner, _below(said, number), (*path, number), whole)


def _changes(value: Any, said: list[_Said]) -> Iterator[tuple[Kind, Any]]:
    """What a value may be changed to."""
    if value is not None:
        yield Kind.NULL, None
    yield Kind.TYPE, _of_another_type(value)
    words = [word for each in said for word in _words(each.schema)]
    if words:
        yield Kind.WORD, UNKNOWN
        yield from ((Kind.OTHER, word) for word in words if word != value)
    if isinstance(value, int) and not isinstance(value, bool):
        yield Kind.ONE, value + 1
        yield Kind.ONE, value - 1
    if isinstance(value, list) and value:
        yield Kind.TWICE, [*value, copy.deepcopy(value[-1])]
        yield Kind.DROPPED, value[:-1]


def _object_changes(value: dict[str, Any], said: list[_Said]) -> Iterator[tuple[Kind, str, Any]]:
    for key in value:
        yield Kind.DROPPED, key, {name: each for name, each in value.items() if name != key}
    yield Kind.UNKNOWN, UNKNOWN, value | {UNKNOWN: {"unknown": [1]}}
    declared = {key: None for each in said for key in each.schema.get("properties", {}) if key not in value}
    for key in declared:
        yield Kind.ADDED, key, value | {key: instance(_below(said, key))}


def _words(said: dict[str, Any]) -> list[Any]:
    return [said["const"]] if "const" in said else list(said.get("enum", ()))


def _of_another_type(value: Any) -> Any:
    """A value of a type that is nearly never meant where this one stands."""
    if isinstance(value, str):
        return 7
    return "seven" if value is None or isinstance(value, bool | int | float) else 7


def instance(said: list[Any]) -> Any:
    """A small value for a place, by what is said of it: the first word, the least number, an object with its keys."""
    words = [word for each in said for word in _words(each.schema)]
    if words:
        return words[0]
    kinds = [kind for each in said for kind in _kinds(each.schema)]
    kind = kinds[0] if kinds else "object" if any("properties" in each.schema for each in said) else "null"
    if kind == "object":
        needed = {key: None for each in said for key in each.schema.get("required", ())}
        return {key: instance(_below(said, key)) for key in needed}
    least = max((each.schema.get("minimum", 0) for each in said), default=0)
    small: dict[str, Any] = {
        "array": [],
        "string": "x",
        "integer": least,
        "number": least,
        "boolean": False,
        "null": None,
    }
    return small[kind]


def _kinds(said: dict[str, Any]) -> list[str]:
    kinds = said.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _below(said: list[_Said], step: str | int) -> list[_Said]:
    """What is said of a member or an item."""
    word = "items" if isinstance(step, int) else "properties"
    inner = [(each.schema.get(word), each.file) for each in said]
    if word == "properties":
        inner = [(found.get(step) if isinstance(found, dict) else None, file) for found, file in inner]
    return _all_said([_Said(found, file) for found, file in inner if isinstance(found, dict)])


def _all_said(said: list[_Said]) -> list[_Said]:
    """The schemas and those that they refer to or are made of, whether a condition lets them apply or not."""
    found: list[_Said] = []
    for each in said:
        found.append(each)
        parts = [part for word in SPLIT for part in each.schema.get(word, ())]
        parts += [each.schema[word] for word in BRANCHES if word in each.schema]
        found += _all_said([_Said(part, each.file) for part in parts if isinstance(part, dict)])
        if "$ref" in each.schema:
            found += _all_said([_Said(*schema.referred(each.schema["$ref"], each.file))])
    return found


def replaced(whole: Any, path: Path, new: Any) -> Any:
    """A copy of the document with another value at a path; objects on the way are made where there are none."""
    if not path:
        return new
    step, *rest = path
    if isinstance(whole, list):
        return [replaced(each, tuple(rest), new) if number == step else each for number, each in enumerate(whole)]
    known = whole if isinstance(whole, dict) else {}
    return known | {step: replaced(known.get(step), tuple(rest), new)}
