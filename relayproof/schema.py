"""The schemas and their validators: the only door to jsonschema.

Two validators hold every document: jsonschema-rs says quickly whether it is valid; jsonschema, asked only when it is
not, says where and why. A schema comes in up to three strengths: `X` (must), `X.openai` (must in profile openai, should
in profile relay) and `X.should` (should), each an ordinary schema with only what it adds.
"""

from __future__ import annotations

import functools
import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from relayproof.pointer import escape

BASE = "https://relayproof.example/schemas/"
SHOWN = 160


@dataclass(frozen=True)
class Mismatch:
    """One place where a document breaks its schema: JSON pointer, what is wrong there, and by which keyword."""

    where: str
    what: str
    keyword: str = ""


class UnknownSchema(LookupError):
    """No schema of that name exists."""


@functools.cache
def folder() -> Path:
    """Where schemas/ is: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "schemas"
    return inside if inside.is_dir() else package.parent / "schemas"


@functools.cache
def names() -> tuple[str, ...]:
    """Every schema's name, for instance `openai/chat_completion`."""
    return tuple(sorted(path.relative_to(folder()).as_posix()[:-5] for path in folder().rglob("*.json")))


@functools.cache
def load(name: str) -> dict[str, Any]:
    """The schema of that name. Raises UnknownSchema."""
    if name not in names():
        raise UnknownSchema(name)
    document: dict[str, Any] = json.loads((folder() / f"{name}.json").read_text("utf-8"))
    return document


def referred(reference: str, file: str) -> tuple[dict[str, Any], str]:
    """(what a `$ref` in the schema `file` points at, the name of the schema it stands in). Raises UnknownSchema."""
    target, _, pointer = reference.partition("#")
    name = posixpath.normpath(posixpath.join(posixpath.dirname(file), target)).removesuffix(".json") if target else file
    found: Any = load(name)
    for step in pointer.split("/")[1:]:
        found = found[step]
    return found, name


def valid(name: str, document: Any) -> bool:
    """True when the document is valid under the schema. Raises UnknownSchema."""
    try:
        return bool(_fast(name).is_valid(document))
    except UnicodeEncodeError:  # half of a surrogate pair: valid in JSON, not in Rust
        return bool(_exact(name).is_valid(document))


def mismatches(name: str, document: Any) -> Iterator[Mismatch]:
    """Everything that is wrong with the document, nothing when it is valid. Raises UnknownSchema."""
    if valid(name, document):
        return
    found = [leaf for error in _exact(name).iter_errors(document) for leaf in _leaves(error)]
    yield from found or _told_by_fast(name, document)


def _told_by_fast(name: str, document: Any) -> Iterator[Mismatch]:
    """What jsonschema does not check without its extras: the format `iri`."""
    for error in _fast(name).iter_errors(document):
        yield Mismatch("".join(f"/{escape(step)}" for step in error.instance_path), str(error.message)[:SHOWN])


def mismatches_of(foreign: Any, document: Any) -> Iterator[Mismatch]:
    """What is wrong with a document under a schema that came in a request; nothing when that schema is itself broken.

    References outside of it are never fetched.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from referencing.exceptions import Unresolvable

    if not isinstance(foreign, dict):
        return
    try:
        Draft202012Validator.check_schema(foreign)
        yield from (leaf for error in Draft202012Validator(foreign).iter_errors(document) for leaf in _leaves(error))
    except (SchemaError, Unresolvable, RecursionError, OverflowError):
        return


def fits(foreign: Any, document: Any) -> bool:
    """True when a document has no mismatch under a schema that came in a request."""
    return next(mismatches_of(foreign, document), None) is None


def is_schema(document: Any) -> bool:
    """True for a JSON Schema that is not itself broken."""
    try:
        return bool(jsonschema_rs.meta.is_valid(document))
    except (ValueError, jsonschema_rs.ReferencingError):
        return False


@functools.cache
def _fast(name: str) -> Any:
    resources = [(BASE + f"{each}.json", load(each)) for each in names()]
    registry = jsonschema_rs.Registry(resources)
    return jsonschema_rs.Draft202012Validator(load(name), registry=registry, validate_formats=True)


@functools.cache
def _exact(name: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(load(name), registry=registry(), format_checker=Draft202012Validator.FORMAT_CHECKER)


@functools.cache
def registry() -> Any:
    """Every schema under its address, for jsonschema."""
    from referencing import Registry, Resource

    return Registry().with_resources((BASE + f"{name}.json", Resource.from_contents(load(name))) for name in names())


def _leaves(error: Any) -> Iterator[Mismatch]:
    """The errors that a reader can act on: of an anyOf or oneOf, those of the branch that fits best."""
    if not error.context:
        where = "".join(f"/{escape(step)}" for step in error.absolute_path)
        yield Mismatch(where, _message(error), str(error.validator))
        return
    from jsonschema.exceptions import relevance

    best = max(error.context, key=relevance)
    branch = [each for each in error.context if each.schema_path[0] == best.schema_path[0]]
    if all(each.validator == "type" and not each.path for each in error.context):
        yield Mismatch("".join(f"/{escape(step)}" for step in error.absolute_path), _message(error))
        return
    for each in branch:
        yield from _leaves(each)


def _message(error: Any) -> str:
    value = shown(error.instance)
    rule = error.validator_value
    if error.validator == "required":
        missing = [key for key in rule if key not in error.instance]
        return f"required key is missing: {', '.join(missing)}" if missing else str(error.message)[:SHOWN]
    if error.validator == "type":
        return f"{value} is not of type {rule if isinstance(rule, str) else ' or '.join(rule)}"
    if error.validator == "enum":
        return f"{value} is none of {', '.join(map(str, rule))}"
    if error.validator == "const":
        return f"{value} is not {shown(rule)}"
    if error.validator == "pattern":
        return f"{value} does not match {rule}"
    if error.validator in ("anyOf", "oneOf"):
        return f"{value} fits none of the allowed forms"
    if error.schema is False or error.validator is None:
        return f"{value} must not be here"
    return str(error.message) if len(error.message) <= SHOWN else f"{value}: {error.validator} {shown(rule)}"


def shown(value: Any) -> str:
    """A JSON value for a message, cut to a readable length, and fit for UTF-8."""
    try:
        text = json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace").decode()
    except RecursionError:
        return "a value nested too deep to be shown"
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
