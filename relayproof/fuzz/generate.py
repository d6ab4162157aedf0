"""What a contract lets people send, and what it does not: the only module that imports schemathesis.

It makes request bodies and nothing else; what is sent, and how it is judged, is for others. The same seed makes the
same bodies. Whether a body is legal is never read off here: our own request schemas say it.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from relayproof import openapi
from relayproof.fuzz import samples
from relayproof.openapi import Operation
from relayproof.pointer import get
from relayproof.probes.samples import CITY

OBJECTS: tuple[dict[str, Any], ...] = ({}, CITY, CITY | {"additionalProperties": False})
OBJECT_WORDS = {"properties", "additionalProperties", "anyOf", "allOf", "oneOf", "$ref"}
CONDITIONS = ("allOf", "if", "then", "else", "dependentSchemas", "dependentRequired", "not")
NOTHING = object()


@dataclass(frozen=True)
class Drawn:
    """What was generated: a JSON body (or NOTHING) or raw bytes, path and query, and how it came about."""

    body: Any = NOTHING
    raw: bytes | None = None
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    what: str = ""


@functools.cache
def covering(operation: Operation, *, legal: bool) -> tuple[Drawn, ...]:
    """One body for each value at a boundary, each key left out, each type that is wrong: one oddity at a time."""
    schema, target = _schema(), _target(operation)
    settings = schema.config.generation_for(operation=target, phase="coverage")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = list(schema.iter_coverage_cases(target, generation_modes=[_mode(legal)], generation_config=settings))
    return tuple(_drawn(case, _said(case)) for case in cases if _about_the_body(case, operation))


def wild(operation: Operation, count: int, seed: int, *, legal: bool) -> list[Drawn]:
    """`count` random bodies."""
    import hypothesis
    from hypothesis import HealthCheck, Phase

    found: list[Any] = []
    strategy = _strategy(operation, legal)
    settings = hypothesis.settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
        backend=_source_of_chance(),
    )

    def collect(case: Any) -> None:
        found.append(case)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hypothesis.seed(seed)(settings(hypothesis.given(case=strategy)(collect)))()
    return [_drawn(case, "random") for case in found]


@functools.cache
def _schema() -> Any:
    """The document as schemathesis reads it: tighter than it is, so that what is made means something."""
    import schemathesis

    document = openapi.bundle()
    schemas = document["components"]["schemas"]
    narrow = samples.by_component(openapi.COMPONENTS)
    for name in [name for name in schemas if "_request" in name]:
        schemas[name] = _tight(narrow.get(name, schemas[name]))
        for word in (*CONDITIONS, "additionalProperties") if name.endswith("_request") else ():
            schemas[name].pop(word, None)
    return schemathesis.openapi.from_dict(document)


def _tight(schema: Any) -> Any:
    """The schema without keys that nobody knows, and with few values where any object goes: random ones say nothing."""
    if isinstance(schema, list):
        return [_tight(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = schema.get("type")
    kinds = told if isinstance(told, list) else [told]
    if "object" in kinds and not OBJECT_WORDS & set(schema):
        return {"enum": [*OBJECTS, *([None] if "null" in kinds else [])]}
    tight = {
        word: {name: _known(name, inner) or _tight(inner) for name, inner in each.items()}
        if word == "properties"
        else _tight(each)
        for word, each in schema.items()
    }
    if "properties" in tight and "$ref" not in tight:
        tight.setdefault("additionalProperties", False)
    return tight


def _known(name: str, said: Any) -> Any:
    """The schema of a key for which there are samples; None for another."""
    values = samples.by_key().get(name)
    return values and {"enum": [*values, *([None] if "null" in get(said, "/type", list, []) else [])]}


@functools.cache
def _source_of_chance() -> str:
    """A hypothesis backend that draws by the seed alone.

    Its own also draws what stands as a constant in the modules that happen to be loaded: the same seed would send other
    requests after an edit, or from pytest. Alternative backends are registered by their path, see hypothesis' docs.
    """
    from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS

    name = "relayproof"
    AVAILABLE_PROVIDERS[name] = "relayproof.fuzz.chance.Chance"
    return name


@functools.cache
def _strategy(operation: Operation, legal: bool) -> Any:
    return _target(operation).as_strategy(generation_mode=_mode(legal))


def _target(operation: Operation) -> Any:
    return _schema()[operation.path][operation.method]


def _mode(legal: bool) -> Any:
    from schemathesis import GenerationMode

    return GenerationMode.POSITIVE if legal else GenerationMode.NEGATIVE


def _about_the_body(case: Any, operation: Operation) -> bool:
    """False for cases about methods, headers and media types: probes ask that once, not for each operation."""
    data = case.meta.phase.data
    place = getattr(getattr(data, "parameter_location", None), "value", "")
    return case.method == operation.method and (place in ("body", "path") or not operation.request)


def _said(case: Any) -> str:
    return str(getattr(case.meta.phase.data, "description", "") or "")


def _drawn(case: Any, what: str) -> Drawn:
    body = case.body if case.media_type else NOTHING
    path = _words((case.path_parameters or {}).items())
    query = _words((case.query or {}).items())
    if isinstance(body, bytes):
        return Drawn(raw=body, path=path, query=query, what=what)
    plain = NOTHING if type(body).__name__ == "NotSet" else body
    return Drawn(body=plain, path=path, query=query, what=what)


def _words(pairs: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    def told() -> Iterator[tuple[str, str]]:
        for name, value in pairs:
            if isinstance(value, str):
                yield str(name), value

    return dict(told())
