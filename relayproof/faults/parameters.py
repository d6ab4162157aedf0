"""Breaks of the request: parameters that a relay drops, overwrites, or refuses although the contract allows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relayproof.faults.answer import Answer, Asked
from relayproof.faults.fault import After, Before, Condition
from relayproof.pointer import find

Body = dict[str, Any]


def forwarded(change: Callable[[Body], Any]) -> Before:
    """The relay forwards a changed body."""
    return Before(lambda asked: asked.edit(change))


def ignored(*names: str) -> Before:
    """The relay drops these parameters."""

    def dropped(body: Body) -> None:
        for name in names:
            body.pop(name, None)

    return forwarded(dropped)


def always(name: str, value: Any) -> Before:
    """The relay sends this value, whatever the client said."""
    return forwarded(lambda body: body.__setitem__(name, value))


def by_default(name: str, value: Any) -> Before:
    """The relay adds a parameter that the client left out."""
    return forwarded(lambda body: body.setdefault(name, value))


def clamped(name: str, most: int) -> Before:
    """The relay lowers a number without a word."""

    def lowered(body: Body) -> None:
        if isinstance(body.get(name), int):
            body[name] = min(body[name], most)

    return forwarded(lowered)


def with_header(name: str, value: Callable[[Asked], str | None]) -> Before:
    """The relay forwards another header: None takes it out."""

    def changed(asked: Asked) -> None:
        new = value(asked)
        asked.headers.pop(name, None)
        if new is not None:
            asked.headers[name] = new

    return Before(changed)


def asks(path: str, *values: Any) -> Condition:
    """True for a request that has `path` (with one of these values, when some are given)."""

    def condition(answer: Answer) -> bool:
        found = [value for _, value in find(answer.asked.json, path)]
        return any(value in values for value in found) if values else bool(found)

    return condition


def both(*conditions: Condition) -> Condition:
    """True when all are."""
    return lambda answer: all(condition(answer) for condition in conditions)


def without(condition: Condition) -> Condition:
    """True when the other is not."""
    return lambda answer: not condition(answer)


def every(number: int, name: str = "every") -> Condition:
    """True for every so many requests of a surface: the second, the fourth, ..."""
    return lambda answer: answer.asked.count(f"{name} {answer.asked.surface}") % number == 0


def again(answer: Answer) -> bool:
    """True when the same request was asked before."""
    asked = answer.asked
    return asked.count(f"{asked.method} {asked.path}?{asked.query} {asked.body!r}") > 1


def refused(code: int, error: Any, condition: Condition, kind: str = "application/json") -> After:
    """The relay refuses requests of a kind, with this body."""

    def after(answer: Answer) -> None:
        if condition(answer):
            answer.say(error, code, kind)

    return after


def openai_error(message: str, kind: str = "invalid_request_error", code: Any = None, param: Any = None) -> Body:
    """An error in OpenAI's envelope."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
