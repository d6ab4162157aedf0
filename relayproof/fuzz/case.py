"""From a generated body to a request that may be sent, labelled legal or not by our own request schemas."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from relayproof import schema, surface
from relayproof.fuzz.doubt import doubtful
from relayproof.fuzz.generate import NOTHING, Drawn
from relayproof.fuzz.sense import makes_sense
from relayproof.fuzz.tame import model_of, sendable, surface_of, tamed
from relayproof.openapi import Operation
from relayproof.probe import Call, File
from relayproof.probes import media_samples
from relayproof.relay import Relay
from relayproof.rules.properties import INVALID, VALID
from relayproof.surface import AUDIO

OWN_CONNECTION = {"Connection": "close"}  # what one request breaks is not to be found on the next
FILES = ("file", "image", "mask")
NO_TEXT = {"integer", "number", "boolean"}


@dataclass(frozen=True)
class Case:
    """A request ready to be sent, and what the sender knows of it: `legal`, and how it came about."""

    operation: Operation
    call: Call
    legal: bool
    what: str

    @property
    def key(self) -> bytes:
        """The same for two cases that send the same."""
        call = self.call
        told = json.dumps([call.method, call.path, call.json, repr(call.form)], sort_keys=True)
        return told.encode() + (call.body or b"")


def make(operation: Operation, drawn: Drawn, relay: Relay) -> Case | None:
    """The case; None for one that can't be made cheap or harmless, or that nobody could send."""
    path = _path(operation, drawn, relay)
    if not operation.request:
        return _labelled(operation, Call(operation.method, path), drawn, [])
    if drawn.raw is not None or drawn.body is NOTHING:
        return _not_json(operation, path, drawn)
    body = tamed(operation, drawn.body, relay)
    if body is NOTHING or not sendable(body):
        return None
    if operation.form:
        return _form(operation, path, body, drawn)
    wrong = mistakes(operation.request, body)
    return None if wrong is None else _labelled(operation, Call(operation.method, path, json=body), drawn, wrong)


def mistakes(request: str, body: Any) -> list[schema.Mismatch] | None:
    """Where a body breaks its contract, nowhere when it is legal; None for one about which good servers differ."""
    wrong = list(schema.mismatches(request, body))
    differ = doubtful(request, body) if wrong else not makes_sense(request, body)
    return None if differ else wrong


def _spoken(call: Call) -> Call:
    """The call with the key and the headers of its dialect, on a connection of its own."""
    headers = {**OWN_CONNECTION, **call.headers}
    if call.path.startswith("/v1/messages"):
        return replace(call, auth="x-api-key", headers={"anthropic-version": "2023-06-01", **headers})
    return replace(call, auth="x-goog-api-key" if call.path.startswith("/v1beta") else call.auth, headers=headers)


def _labelled(operation: Operation, call: Call, drawn: Drawn, wrong: list[schema.Mismatch]) -> Case:
    """The case, its facts in `expect`: which surface, legal or not, and the first thing that is wrong with it."""
    asked = call.json if isinstance(call.json, dict) else {}
    facts: dict[str, Any] = {
        "surface": surface.recognise(call.method, call.path, asked, "", b""),
        "generated": INVALID if wrong else VALID,
    }
    if wrong:
        place = wrong[0].where or "/"
        facts |= {"refusal": "contract", "at": re.sub(r"/\d+", "/*", place), "with": f"{place}: {wrong[0].what}"}
    return Case(operation, _spoken(replace(call, expect=facts)), not wrong, drawn.what)


def _not_json(operation: Operation, path: str, drawn: Drawn) -> Case | None:
    """A body that is no JSON, for which the suite has a rule; raw bytes that happen to be JSON are left out."""
    data = drawn.raw or b""
    try:
        json.loads(data)
        return None
    except ValueError:
        pass
    if operation.form:
        return None
    facts = {"surface": surface_of(operation), "refusal": "malformed", "with": "a body that is not JSON"}
    call = Call(operation.method, path, body=data, headers={"Content-Type": "application/json"}, expect=facts)
    return Case(operation, _spoken(call), False, drawn.what)


def _path(operation: Operation, drawn: Drawn, relay: Relay) -> str:
    """The path with its parameters filled in; the model of a paid operation is the relay's own."""
    path = operation.path
    for name in re.findall(r"\{(\w+)\}", operation.path):
        own = model_of(operation, relay) if name == "model" and operation.request else drawn.path.get(name, "0")
        path = path.replace(f"{{{name}}}", quote(own, safe="", errors="replace"))
    alt = drawn.query.get("alt")
    return f"{path}?{urlencode({'alt': alt})}" if alt == "sse" else path


def _form(operation: Operation, path: str, body: Any, drawn: Drawn) -> Case | None:
    """The body as a form, real samples in the place of generated files; labelled as the text that a form is."""
    if not isinstance(body, dict):
        return None
    properties = schema.load(operation.request)["properties"]
    files = {name for name in properties if name in FILES}
    plain = {name: value for name, value in body.items() if value is not None and name not in files}
    if any(isinstance(value, dict) or _nested(value) for value in plain.values()):
        return None
    read = {name: _as_read(value, properties.get(name, {})) for name, value in plain.items()}
    read |= dict.fromkeys(files & set(body), "")
    wrong = mistakes(operation.request, read)
    if wrong is None:
        return None
    parts: list[tuple[str, str | File]] = [(name, _sample(operation, name)) for name in sorted(files & set(body))]
    for name, value in plain.items():
        several = value if isinstance(value, list) else [value]
        parts += [(f"{name}[]" if isinstance(value, list) else name, _written(each)) for each in several]
    return _labelled(operation, Call(operation.method, path, form=tuple(parts)), drawn, wrong) if parts else None


def _nested(value: Any) -> bool:
    return isinstance(value, list) and (not value or any(isinstance(each, dict | list) for each in value))


def _as_read(value: Any, said: dict[str, Any]) -> Any:
    """A form's value as a server reads it: where no text is wanted, one that is a number or a boolean is one."""
    if isinstance(value, list):
        return [_as_read(each, said.get("items", {})) for each in value]
    kinds = said.get("type", ())
    wanted = {kinds} if isinstance(kinds, str) else set(kinds)
    if not wanted & NO_TEXT:
        return _written(value)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _sample(operation: Operation, name: str) -> File:
    if surface_of(operation) == AUDIO:
        return media_samples.sound("fox.mp3")
    return media_samples.mask() if name == "mask" else media_samples.picture()
