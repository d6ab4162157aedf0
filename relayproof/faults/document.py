"""Breaks of JSON: operators that change every document of an answer at a place named by a pointer."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from relayproof.faults.answer import Answer
from relayproof.faults.fault import After, Condition
from relayproof.pointer import find

GONE = object()


def edit(change: Callable[[Any], Any]) -> After:
    """Change every document by a function, in place or by its result."""

    def after(answer: Answer) -> None:
        answer.rewrite(change)

    return after


def change(path: str, new: Callable[[Any], Any]) -> After:
    """Replace each value at `path` by what a function makes of it."""
    return edit(lambda document: _set(document, path, new))


def put(path: str, value: Any) -> After:
    """Set the value at `path`; the last key is added where its object has none."""
    return edit(lambda document: _set(document, path, lambda _: copy.deepcopy(value), add=True))


def drop(path: str) -> After:
    """Take out what stands at `path`."""
    return edit(lambda document: _set(document, path, lambda _: GONE))


def rename(path: str, key: str) -> After:
    """Give the value at `path` another key."""

    def renamed(document: Any) -> None:
        parent, _, last = path.rpartition("/")
        for _, holder in _holders(document, parent):
            if isinstance(holder, dict) and last in holder:
                holder[key] = holder.pop(last)

    return edit(renamed)


def only(condition: Condition, *breaks: After) -> After:
    """The breaks where a condition on the answer (and what was asked) holds."""

    def after(answer: Answer) -> None:
        if condition(answer):
            for each in breaks:
                each(answer)

    return after


def snake_case(document: Any) -> Any:
    """The document with every key in snake_case."""
    if isinstance(document, dict):
        return {re.sub(r"(?<!^)([A-Z])", r"_\1", key).lower(): snake_case(value) for key, value in document.items()}
    return [snake_case(each) for each in document] if isinstance(document, list) else document


def _holders(document: Any, path: str) -> list[tuple[str, Any]]:
    return list(find(document, path)) if path else [("", document)]


def _set(document: Any, path: str, new: Callable[[Any], Any], *, add: bool = False) -> None:
    parent, _, last = path.rpartition("/")
    for _, holder in _holders(document, parent):
        for key in _keys(holder, last, add=add):
            value = new(holder[key] if isinstance(holder, list) else holder.get(key))
            if value is GONE:
                del holder[key]
            else:
                holder[key] = value


def _keys(holder: Any, last: str, *, add: bool) -> list[Any]:
    """The keys of a holder that the last step of a path means, last first so that they can be deleted."""
    if isinstance(holder, dict):
        if last == "*":
            return list(holder)
        return [last] if add or last in holder else []
    if isinstance(holder, list):
        numbers = (
            range(len(holder)) if last == "*" else [int(last)] if last.isdigit() and int(last) < len(holder) else []
        )
        return list(reversed(numbers))
    return []
