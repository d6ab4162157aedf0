"""A JSON document around one place: the path to it in full, everything beside it in brief, the place itself marked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from relayproof.report.untrusted import fit, masked, visible

HERE, ASIDE = "> ", "  "
LONGEST_STRING = 160
MOST_KEYS = 24
BRIEF = 100


def lines(document: Any, pointer: str) -> list[str]:
    """The document as indented lines; those of the place at `pointer` begin with `> `, all others with two spaces."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    return list(_walk(document, steps, "", ""))


def _walk(value: Any, steps: Sequence[str], label: str, indent: str) -> Iterator[str]:
    if not steps:
        yield from _place(value, label, indent)
        return
    children = _children(value)
    opening, closing = ("[", "]") if isinstance(value, list) else ("{", "}")
    if steps[0] not in children:
        yield f"{HERE}{indent}{label}{brief(value)}  … no {fit(steps[0], 60)!r} in it"
        return
    yield f"{ASIDE}{indent}{label}{opening}"
    for key in _near(list(children), steps[0]):
        name = "" if isinstance(value, list) else f"{_text(key)}: "
        if key == steps[0]:
            yield from _walk(children[key], steps[1:], name, indent + "  ")
        elif key == "…":
            yield f"{ASIDE}{indent}  …"
        else:
            yield f"{ASIDE}{indent}  {name}{brief(children[key])}"
    yield f"{ASIDE}{indent}{closing}"


def _place(value: Any, label: str, indent: str) -> Iterator[str]:
    children = _children(value)
    if not children or (len(brief(value)) <= BRIEF and "… " not in brief(value)):
        yield f"{HERE}{indent}{label}{_text(value, 900) if isinstance(value, str) else brief(value)}"
        return
    opening, closing = ("[", "]") if isinstance(value, list) else ("{", "}")
    yield f"{HERE}{indent}{label}{opening}"
    for key in list(children)[:MOST_KEYS]:
        name = "" if isinstance(value, list) else f"{_text(key)}: "
        yield f"{HERE}{indent}  {name}{brief(children[key])}"
    if len(children) > MOST_KEYS:
        yield f"{HERE}{indent}  … {len(children) - MOST_KEYS:,} more"
    yield f"{HERE}{indent}{closing}"


def _children(value: Any) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    return {str(number): item for number, item in enumerate(value)} if isinstance(value, list) else {}


def _near(keys: list[str], wanted: str) -> list[str]:
    """The key and its neighbours; `…` where others are left out."""
    at, reach = keys.index(wanted), MOST_KEYS // 2 if not wanted.isdigit() else 1
    near = keys[max(0, at - reach) : at + reach + 1]
    return ["…"] * (at - reach > 0) + near + ["…"] * (at + reach + 1 < len(keys))


def brief(value: Any, depth: int = 2) -> str:
    """A value on one line, at most about a hundred characters for anything that holds others."""
    if isinstance(value, str):
        return _text(value)
    if not isinstance(value, dict | list):
        return json.dumps(value)
    count = f"{len(value):,} " + ("items" if isinstance(value, list) else "keys")
    short = f"[… {count}]" if isinstance(value, list) else f"{{… {count}}}"
    if depth == 0 or len(value) > 8:
        return short
    if isinstance(value, list):
        text = "[" + ", ".join(brief(item, depth - 1) for item in value) + "]"
    else:
        text = "{" + ", ".join(f"{_text(key)}: {brief(item, depth - 1)}" for key, item in value.items()) + "}"
    return text if len(text) <= BRIEF else short


def _text(value: str, most: int = LONGEST_STRING) -> str:
    rest = f" ({len(value):,} characters)" if len(value) > most else ""
    return visible(json.dumps(masked(value, most), ensure_ascii=False)) + rest
