"""Requests about which good servers differ: they are neither legal nor illegal, and no answer to them is wrong.

The contract says what a value is; it does not say that a server may not understand one that is written another way, or
that is not there at all. Calling that illegal would blame a relay for being kind.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from relayproof import schema
from relayproof.pointer import escape

Reading = Callable[[Any], Iterator[Any]]

NOTHING_SAID: tuple[Any, ...] = (None, "", [])
ANY_MODEL = "relayproof"
# What servers take where nothing stands (sheets 05, 11 and 12).
FILLED_IN: dict[str, dict[str, Any]] = {
    "openai/completion_request": {"prompt": "x"},
    "midjourney/list_by_condition_request": {"ids": []},
    "suno/fetch_request": {"ids": []},
}
# What the basic dialect of Midjourney relays does not know, and does not look at.
OF_SOME_DIALECTS = ("botType", "language", "enableRemix")
MOST_PLACES = 5


def doubtful(request: str, body: Any) -> bool:
    """True for a body that breaks its schema, but not for a server that reads it generously."""
    if not isinstance(body, dict):
        return False
    known = FILLED_IN.get(request, {}) | _without_nothing(body)
    if request.startswith("midjourney/"):
        known = {key: value for key, value in known.items() if key not in OF_SOME_DIALECTS}
    return any(_readable(request, each) for each in (body, known, _of_another_model(known)))


def _without_nothing(value: Any) -> Any:
    """The value with what says nothing left out: Go's omitempty does so."""
    if isinstance(value, dict):
        return {key: _without_nothing(each) for key, each in value.items() if each not in NOTHING_SAID}
    return [_without_nothing(each) for each in value] if isinstance(value, list) else value


def _of_another_model(body: dict[str, Any]) -> dict[str, Any]:
    """The body for a model of which nothing is known: behind a relay's name for a model may stand any other."""
    return body | {"model": ANY_MODEL} if isinstance(body.get("model"), str) else body


def _readable(request: str, body: Any) -> bool:
    """True when the body is valid once its wrong places are read as what they may be meant for."""
    for _ in range(MOST_PLACES):
        wrong = next(schema.mismatches(request, body), None)
        if wrong is None:
            return True
        changed = next(_better(request, body, wrong.where), None)
        if changed is None:
            return False
        body = _without_nothing(changed)
    return False


def _better(request: str, body: Any, where: str) -> Iterator[Any]:
    """The body with the value at a wrong place read otherwise, if it is of the right kind then."""
    for changed in _read_otherwise(body, where.split("/")[1:], _FAMILIES.get(request.partition("/")[0], ())):
        places = [each.where for each in schema.mismatches(request, changed)]
        if not any(f"{where}/".startswith(f"{place}/") for place in places):
            yield changed


def _read_otherwise(value: Any, path: Sequence[str], more: Sequence[Reading]) -> Iterator[Any]:
    """The value with what stands at the path read in every other way."""
    if not path:
        for reading in (_as_number, _as_truth, *more):
            yield from reading(value)
        return
    step, *rest = path
    if isinstance(value, list):
        number = int(step)
        for each in _read_otherwise(value[number], rest, more):
            yield [*value[:number], each, *value[number + 1 :]]
    elif isinstance(value, dict):
        key = next((key for key in value if escape(key) == step), step)
        for each in _read_otherwise(value.get(key), rest, more):
            yield value | {key: each}


def _as_number(value: Any) -> Iterator[Any]:
    """A number or a truth that is written as text; a truth as the number that it is in C."""
    if isinstance(value, bool):
        yield int(value)
    elif isinstance(value, str):
        with contextlib.suppress(ValueError):
            yield json.loads(value)


def _as_truth(value: Any) -> Iterator[Any]:
    if value in (0, 1):
        yield bool(value)


def _as_text(value: Any) -> Iterator[Any]:
    """Jackson's way, and JavaScript's."""
    if isinstance(value, bool | int | float):
        yield json.dumps(value)


def _as_whole(value: Any) -> Iterator[Any]:
    if isinstance(value, float):
        yield int(value)


def _as_several(value: Any) -> Iterator[Any]:
    """ProtoJSON takes one for a list of one."""
    if not isinstance(value, list):
        yield [value]


def _as_word(value: Any) -> Iterator[Any]:
    """ProtoJSON and Jackson take an enum's number for its word: to us as good as nothing."""
    if isinstance(value, int) and not isinstance(value, bool):
        yield None


_FAMILIES: dict[str, tuple[Reading, ...]] = {
    "gemini": (_as_several, _as_word),
    "midjourney": (_as_text, _as_whole, _as_word),
    "suno": (_as_text,),
}
