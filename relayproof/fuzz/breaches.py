"""Requests that break a contract in one named way, the plainest first: what a run of few requests is to have tried."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Sequence
from itertools import chain, islice, zip_longest
from typing import Any

from relayproof import mutate, schema
from relayproof.fuzz.doubt import doubtful
from relayproof.fuzz.generate import Drawn
from relayproof.mutate import Kind, replaced

Named = tuple[str, Any]
WRONG_TYPES: tuple[Any, ...] = ("seven", 7, [7], {"seven": 7})
WRONG_WORD = "relayproof"
INSIDE = (Kind.DROPPED, Kind.TYPE, Kind.WORD)


def named(request: str, examples: Sequence[Any], chance: random.Random) -> Iterator[Drawn]:
    """Every key that is needed left out or of a wrong type; then each other key wrong; then what is wrong inside."""
    plainest = examples[0] if examples else {}
    rows = [list(_wrong(request, path, plainest)) for path in places(request)]
    inside = [list(_inside(request, example)) for example in examples]
    for several in (*rows, *inside):
        chance.shuffle(several)
    chance.shuffle(rows)
    in_turns = (each for row in zip_longest(*rows) for each in row if each is not None)
    for what, body in chain(_needed(request, plainest), _five_to_one(in_turns, chain(*inside))):
        yield Drawn(body=body, what=what)


def places(request: str) -> list[tuple[str, ...]]:
    """The keys of a request, and those of the objects in it."""
    properties = schema.load(request).get("properties", {})
    inner = [(key, below) for key, said in properties.items() for below in said.get("properties", {})]
    return [*((key,) for key in properties), *inner]


def _needed(request: str, example: Any) -> Iterator[Named]:
    for key in schema.load(request).get("required", ()):
        yield f"no {key}", {name: value for name, value in example.items() if name != key}
        yield from _of_wrong_type(request, (key,), example)


def _of_wrong_type(request: str, path: tuple[str, ...], example: Any) -> list[Named]:
    """The key with the first value that no server can read as it should be."""
    bodies = (replaced(example, path, value) for value in WRONG_TYPES)
    wrong = next((body for body in bodies if not schema.valid(request, body) and not doubtful(request, body)), None)
    return [(f"{path[-1]} of a wrong type", wrong)] if wrong is not None else []


def _wrong(request: str, path: tuple[str, ...], example: Any) -> Iterator[Named]:
    """The key with a value of a wrong type, beyond its bounds, or a word that is none of its own."""
    said = functools.reduce(lambda found, key: found["properties"][key], path, schema.load(request))
    yield from _of_wrong_type(request, path, example)
    for word, step in (("maximum", 1), ("minimum", -1)):
        if word in said:
            yield f"{path[-1]} beyond its {word}", replaced(example, path, said[word] + step)
    if "enum" in said:
        yield f"{path[-1]} is an unknown word", replaced(example, path, WRONG_WORD)


def _inside(request: str, example: Any) -> Iterator[Named]:
    """What is wrong deeper down: a key of a part left out, of a wrong type, or an unknown word."""
    for mutant in mutate.mutants(request, example):
        if mutant.kind in INSIDE and not mutant.valid and mutant.where.count("/") > 1:
            yield f"{mutant.where} {mutant.kind}", mutant.document


def _five_to_one(many: Iterator[Named], few: Iterator[Named]) -> Iterator[Named]:
    while taken := [*islice(many, 5), *islice(few, 1)]:
        yield from taken
