"""What stands in for a model: it understands a few plain requests, and answers the same way every time.

It repeats a line, counts, calls the tools it is offered, writes JSON for a schema, and otherwise talks about the sea.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

SEA = (
    "The sea is wide and old. It carries ships and weather, gives fish and salt, and keeps its own time. "
    "At dawn it is grey, at noon it is green, at night it holds the stars. Rivers end in it, stories begin at it, "
    "and nobody has seen the whole of it. Tides come and go twice a day; sailors learn them as others learn streets. "
)
WALL = "长城是中国古代修建的宏伟防御工程，绵延万里。"
FRUITS = ("Apple.", "Pear.", "Plum.", "Fig.")
TOKEN = re.compile(r"\s*(?:[A-Za-z]{1,8}|\d{1,3}|[^\sA-Za-z\d])|\s+")
CALLS = {"calls", "weather", "time", "tools", "use"}


@dataclass(frozen=True)
class Thought:
    """What the stand-in wants to say: text, or calls of (name, arguments)."""

    text: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    images: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


def tokens(text: str) -> list[str]:
    """The text in pieces that join to it again: the unit in which the reference relay counts."""
    return TOKEN.findall(text)


def digest(*parts: Any, length: int = 24) -> str:
    """Letters and digits that depend on nothing but the parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:length]


def answer(question: str, *, variant: int = 0, pictures: int = 0) -> str:
    """A text for a question. `variant` makes the n choices differ."""
    repeated = re.search(r"(?i)repeat exactly, nothing else: (.*)", question, re.DOTALL)
    if repeated:
        return repeated.group(1)
    if pictures:
        return "It is red."
    counting = re.match(r"(?i)count from (\d{1,3}) to (\d{1,4})\b", question)
    if counting:
        return " ".join(map(str, range(int(counting[1]), int(counting[2]) + 1)))
    if re.search(r"(?i)^count\b", question):
        return " ".join(str(number) for number in range(1, 10))
    if "长城" in question:
        return WALL
    if "fruit" in question.lower():
        return FRUITS[variant % len(FRUITS)]
    if "sea" in question.lower():
        return SEA[variant * 27 :] * 4
    return "It is 18 degrees in Paris." if "Paris" in question else "Hello! How can I help?"


def instance(schema: Any, name: str = "value") -> Any:
    """A small value that is valid under a schema of the kind that structured output allows."""
    if not isinstance(schema, dict):
        return name
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return instance(schema[key][0], name)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return _of_kind(kind[0] if isinstance(kind, list) else kind, schema, name)


def arguments(schema: Any) -> dict[str, Any]:
    """What a function is called with: an object that fits its schema; an empty one where it asks for nothing."""
    found = instance({"type": "object"} | schema if isinstance(schema, dict) else {"type": "object"})
    return found if isinstance(found, dict) else {}


def _of_kind(kind: str, schema: dict[str, Any], name: str) -> Any:
    if kind == "object":
        return {key: instance(each, key) for key, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [instance(schema.get("items", {}), name)] * max(1, int(schema.get("minItems", 1)))
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 1), 1) if "maximum" not in schema else schema["maximum"]
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    return "Paris" if name in ("city", "location", "place") else "x" * max(len(name), int(schema.get("minLength", 0)))


def cut(text: str, limit: int | None, stops: list[str]) -> tuple[str, str]:
    """(what is said, finish reason): the text up to the first stop sequence, within the limit of tokens."""
    reason = "stop"
    ends = [text.index(stop) for stop in stops if stop and stop in text]
    if ends:
        text = text[: min(ends)]
    pieces = tokens(text)
    if limit is not None and len(pieces) > limit:
        text, reason = "".join(pieces[:limit]), "length"
    return text, reason
