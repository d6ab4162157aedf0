"""Multipart forms as the JSON object that a request schema describes, and their files."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from relayproof import exchange, schema
from relayproof.exchange import Part
from relayproof.reference.app import Refusal

NUMBERS = ("temperature", "n", "output_compression", "partial_images")
TRUTHS = ("stream",)
LISTS = ("timestamp_granularities", "include", "languages", "keywords")


async def parts(request: Request) -> tuple[Part, ...]:
    """The parts of the form. Raises Refusal (400) when there is none."""
    headers = (("Content-Type", request.headers.get("content-type", "")),)
    found = exchange.Request(request.method, request.url.path, headers, await request.body()).form
    if not found:
        raise Refusal(400, "The body is to be multipart/form-data.")
    return found


def fields(form: tuple[Part, ...]) -> dict[str, Any]:
    """The form as one object: files as "", numbers and truth values read, fields named `x[]` gathered in lists."""
    found: dict[str, Any] = {}
    for part in form:
        name = part.name.removesuffix("[]")
        value = _value(name, part)
        if name in LISTS:
            found.setdefault(name, []).append(value)
        elif part.name.endswith("[]"):
            found[name] = [*found.get(name, []), value]
        else:
            found[name] = value
    return found


def _value(name: str, part: Part) -> Any:
    if part.filename is not None:
        return ""
    text = part.value.decode(errors="replace")
    if name in NUMBERS:
        return _number(text)
    return {"true": True, "false": False}.get(text.lower(), text) if name in TRUTHS else text


def _number(text: str) -> Any:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def file(form: tuple[Part, ...], name: str) -> bytes:
    """The bytes of the first file of that name; b"" without one."""
    found = (part.value for part in form if part.name.removesuffix("[]") == name and part.filename is not None)
    return next(found, b"")


def check(name: str, body: dict[str, Any]) -> None:
    """Refuse what breaks the request schema `name`. Raises Refusal (400) naming the field."""
    wrong = next(schema.mismatches(name, body), None)
    if wrong is None:
        return
    where = wrong.where.strip("/").replace("/", ".")
    missing = wrong.what.partition("missing: ")[2].split(",")[0]
    raise Refusal(400, f"Invalid request: {wrong.what}", param=where or missing or None)
