"""The OpenAPI document of the whole relay: as it stands in schemas/, and in one piece for tools that read one file."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relayproof import schema
from relayproof.probe import Spend
from relayproof.wire import readable_yaml

FILE = "openapi.yaml"
COMPONENTS = "#/components/schemas/"
METHODS = ("get", "post", "put", "patch", "delete")
OF_A_FILE = ("$schema", "$id", "$defs", "$comment")


@dataclass(frozen=True)
class Operation:
    """One method on one path. `request` names the schema of its body ("" for none), `form` is True for multipart."""

    method: str
    path: str
    spend: Spend
    request: str = ""
    form: bool = False

    @property
    def name(self) -> str:
        """As people write it: `POST /v1/embeddings`."""
        return f"{self.method} {self.path}"

    @property
    def slug(self) -> str:
        """As a name for files: `post-v1-embeddings`."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def load() -> dict[str, Any]:
    """The document, its references pointing at the files beside it."""
    document: dict[str, Any] = readable_yaml.load((schema.folder() / FILE).read_bytes())
    return document


@functools.cache
def operations() -> tuple[Operation, ...]:
    """Every operation, in the order of the document."""
    return tuple(
        _operation(method, path, item[method])
        for path, item in load()["paths"].items()
        for method in METHODS
        if method in item
    )


def _operation(method: str, path: str, said: Mapping[str, Any]) -> Operation:
    content = said.get("requestBody", {}).get("content", {})
    kind = next(iter(content), "")
    request = content[kind]["schema"]["$ref"].removesuffix(".json") if kind else ""
    return Operation(method.upper(), path, Spend[said["x-spend"].upper()], request, kind == "multipart/form-data")


def bundle() -> dict[str, Any]:
    """The document in one piece: every schema it needs, and every part of one, is a component under its own name."""
    needed: dict[str, Any] = {}
    whole: dict[str, Any] = _rewritten(load(), "", needed)
    whole["components"]["schemas"] = dict(sorted(needed.items()))
    return whole


def render() -> str:
    """The bundled document as JSON, the form that every tool reads."""
    return json.dumps(bundle(), ensure_ascii=False, indent=1) + "\n"


def _rewritten(value: Any, file: str, needed: dict[str, Any]) -> Any:
    """The value, as it stood in `file`, its references turned to components; what they point at goes to `needed`."""
    if isinstance(value, list):
        return [_rewritten(each, file, needed) for each in value]
    if not isinstance(value, dict):
        return value
    changed = {key: _rewritten(each, file, needed) for key, each in value.items()}
    if isinstance(value.get("$ref"), str):
        changed["$ref"] = _component(value["$ref"], file, needed)
    return changed


def _component(reference: str, file: str, needed: dict[str, Any]) -> str:
    pointer = reference.partition("#")[2]
    if reference.startswith("#") and not file:
        return reference
    found, name = schema.referred(reference, file)
    component = ".".join(filter(None, (name.replace("/", "."), pointer.removeprefix("/$defs/"))))
    if component not in needed:
        needed[component] = {}
        source = {key: value for key, value in found.items() if key not in OF_A_FILE}
        needed[component] = _rewritten(source, name, needed)
    return COMPONENTS + component


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)
