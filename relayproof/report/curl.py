"""A request as a curl command that anyone can run: shell-quoted, and with the key as a variable, never as a value."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

from relayproof.exchange import REQUEST, Exchange, Part
from relayproof.report.untrusted import fit, one_line, visible
from relayproof.surface import STREAMS
from relayproof.wire.scrub import MASKED, SECRET_HEADERS, tidy

URL, KEY = '"$RELAYPROOF_URL"', '"$RELAYPROOF_API_KEY"'
WRONG_KEY = "sk-a-wrong-key"
KEY_HEADERS = frozenset({"authorization", "x-api-key", "x-goog-api-key", "api-key", "mj-api-secret"})
IMPLIED = frozenset({"host", "content-length", "connection", "accept-encoding", "user-agent", "accept"})
LONGEST_BODY = 4000
LONGEST_STRING = 200


def curl(exchange: Exchange) -> str:
    """The command, one option per line; a comment where the request is not known or can't be written down whole."""
    if REQUEST in exchange.blind:
        return "# the request is not in this record"
    body, notes = _body(exchange)
    head = ["curl -i", *(["-N"] if _streams(exchange) else []), *_method(exchange, bool(body))]
    options = [*_headers(exchange), *body]
    command = " \\\n  ".join([" ".join([*head, URL + _quoted(exchange.request.url)]), *options])
    return "\n".join([*(f"# {note}" for note in notes), command])


def _streams(exchange: Exchange) -> bool:
    return exchange.surface in STREAMS.values()


def _method(exchange: Exchange, sends: bool) -> list[str]:
    usual = "POST" if sends else "GET"
    method = exchange.request.method
    return [] if method == usual else ["-X", shlex.quote(visible(method))]


def _quoted(text: str) -> str:
    """Quoted for a shell, where a mask stands for the key."""
    return KEY.join(shlex.quote(visible(part)) if part else "" for part in tidy(text).split(MASKED))


def _headers(exchange: Exchange) -> Iterator[str]:
    multipart = bool(exchange.request.form)
    for name, value in exchange.request.headers:
        lower = name.lower()
        if lower in IMPLIED or (multipart and lower == "content-type"):
            continue
        if MASKED in value or lower in SECRET_HEADERS:
            yield f"-H {_secret(name, value, str(exchange.expect.get('key', 'own')))}"
        else:
            yield f"-H {shlex.quote(fit(f'{name}: {value}'))}"


def _secret(name: str, value: str, key: str) -> str:
    if name.lower() not in KEY_HEADERS:
        return shlex.quote(fit(f"{name}: <your {name}>"))
    scheme = "Bearer " if value[:7].lower() == "bearer " else ""
    return f'"{name}: {scheme}{WRONG_KEY if key == "wrong" else KEY[1:-1]}"'


def _body(exchange: Exchange) -> tuple[list[str], list[str]]:
    """(options, notes) for what the request carries."""
    request = exchange.request
    if request.form:
        return _form(request.form)
    if not request.body:
        return [], []
    if request.json is not None:
        return _json(request.json, request.body)
    text = request.body.decode(errors="replace")
    if "\0" in text or "\ufffd" in text or len(text) > LONGEST_BODY:
        return ["--data-binary @body"], [f"body: {len(request.body):,} bytes that can't be shown here"]
    return [f"--data-raw {shlex.quote(fit(text))}"], []


def _json(document: Any, raw: bytes) -> tuple[list[str], list[str]]:
    text = raw.decode(errors="replace")
    if len(text) <= LONGEST_BODY:
        return [f"--data {shlex.quote(fit(text))}"], []
    short = json.dumps(_shortened(document), ensure_ascii=False)
    note = f"the body has {len(raw):,} bytes; long parts of it are left out"
    return [f"--data {shlex.quote(fit(short, 2 * LONGEST_BODY))}"], [note]


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value[:20]]
    if isinstance(value, str) and len(value) > LONGEST_STRING:
        return f"{fit(value, 60)} ({len(value):,} characters)"
    return value


def _form(parts: tuple[Part, ...]) -> tuple[list[str], list[str]]:
    files = [part for part in parts if part.filename]
    # On one line: a line feed in a file name must not begin a command.
    notes = [one_line(f"{part.filename}: {len(part.value):,} bytes, {part.content_type}") for part in files]
    return [_field(part) for part in parts], notes


def _field(part: Part) -> str:
    if part.filename:
        name = re.sub(r'[";,\\]', "_", fit(part.filename))
        return f"-F {shlex.quote(f'{fit(part.name)}=@{name};type={fit(part.content_type)}')}"
    value = fit(part.value.decode(errors="replace"), LONGEST_BODY)
    return f"--form-string {shlex.quote(f'{fit(part.name)}={value}')}"
