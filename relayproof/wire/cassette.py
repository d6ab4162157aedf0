"""Cassettes: recorded exchanges as files that plain vcrpy replays, and back again, byte for byte.

The client records; here is only the format. vcrpy has no place for arrival times, broken-off answers and what the
sender knew, so each interaction carries one more key, `x-relayproof`. See docs/cassettes.md.
"""

from __future__ import annotations

import http
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from relayproof.exchange import Ended, Exchange, Headers, Part, Request, Response
from relayproof.jsontext import parse
from relayproof.pointer import is_a
from relayproof.wire import readable_yaml
from relayproof.wire.readable_yaml import OneLine
from relayproof.wire.scrub import Scrubber

ABOUT_TYPES = {
    "profile": str,
    "day": str,
    "models": dict,
    "requests": int,
    "tokens": int,
    "left_out": list,
    "notes": list,
}
HOST = "http://relay.invalid"
NOTES = "x-relayproof"
ABOUT = "about.json"
NO_ANSWER = 599
FIRST_LINE = "# A relayproof cassette. vcrpy replays it; x-relayproof holds what vcrpy has no place for.\n"
LOOSE = "without-probe"
OURS = frozenset(
    (
        *("request", "response", NOTES, "method", "uri", "headers", "body", "status", "code", "message", "string"),
        *("id", "probe", "session", "failure", "answered", "expect", "blind", "form", "request_headers"),
        *("response_headers", "ended", "seconds", "leaks", "reads", "name", "filename", "content_type", "value"),
    )
)


class BadTraffic(ValueError):
    """Recorded traffic that can't be read: `place` (file, line or interaction) and `problem`."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place, self.problem = place, problem


class SecretFound(Exception):
    """A secret of this run would have been written: `place` says where. The secret itself is never named."""

    def __init__(self, place: str) -> None:
        super().__init__(f"{place}: a secret stands in it; nothing was written")
        self.place = place


def write(folder: Path, exchanges: Sequence[Exchange], about: Mapping[str, Any], scrubber: Scrubber) -> None:
    """Make `folder` the cassette of these exchanges, one file per probe; files of an earlier recording go.

    The same exchanges give the same bytes. Raises SecretFound before anything is written.
    """
    files: dict[str, bytes] = {}
    for name, interactions in _files(exchanges).items():
        for number, interaction in enumerate(interactions, 1):
            _guard(f"{name}: interaction {number}", interaction, scrubber)
        files[name] = render(interactions).encode()
    _guard(ABOUT, about, scrubber)
    files[ABOUT] = f"{json.dumps(about, ensure_ascii=False, indent=2, sort_keys=True)}\n".encode()
    _forget(folder)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def read(folder: Path) -> tuple[list[Exchange], dict[str, Any]]:
    """The exchanges of a cassette folder in the order of their ids, and its `about`. Raises BadTraffic."""
    about = _about(folder / ABOUT)
    found = [
        exchange(interaction, f"{path}: interaction {number}")
        for path in sorted(folder.rglob("*.yaml"))
        for number, interaction in enumerate(interactions(load(path), str(path)), 1)
    ]
    return sorted(found, key=_order), about


def render(interactions: Sequence[Mapping[str, Any]]) -> str:
    """Interactions as the text of a cassette file."""
    document = {"version": 1, "interactions": list(interactions)}
    return FIRST_LINE + readable_yaml.dump(document)


def load(path: Path, text: bytes | None = None) -> Any:
    """The YAML document in a file (or in `text`), safely: no tag can make code run. Raises BadTraffic."""
    try:
        return readable_yaml.load(path.read_bytes() if text is None else text)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadTraffic(f"{path}{line}", f"is not YAML: {error.problem}") from None
    except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
        told = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise BadTraffic(str(path), f"can't be read: {told}") from None


def interactions(document: Any, place: str) -> list[Any]:
    """The interactions of a loaded cassette. Raises BadTraffic."""
    found = document.get("interactions") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise BadTraffic(place, "is no cassette: it has no list of interactions")
    return found


def interaction(exchange: Exchange) -> dict[str, Any]:
    """An exchange in vcrpy's form, with its notes."""
    request = exchange.request
    answer = exchange.response or Response(NO_ANSWER)
    return {
        "request": {
            "method": request.method,
            "uri": HOST + request.url,
            "headers": _grouped(request.headers),
            "body": _text(request.body),
        },
        "response": {
            "status": {"code": answer.status, "message": _phrase(answer.status) if exchange.response else "No Answer"},
            "headers": _grouped(answer.headers),
            "body": {"string": _text(answer.body)},
        },
        NOTES: {key: value for key, value in _notes(exchange) if value not in ("", [], {}, None)},
    }


def exchange(interaction: Any, place: str) -> Exchange:
    """The exchange of an interaction that has its notes. Raises BadTraffic, naming `place`."""
    try:
        return _Reader(interaction).exchange()
    except BadTraffic as bad:
        raise BadTraffic(place, bad.problem) from None


def _notes(exchange: Exchange) -> Iterator[tuple[str, Any]]:
    request, response = exchange.request, exchange.response
    yield "id", exchange.id
    yield "probe", exchange.probe
    yield "session", exchange.session
    yield "failure", exchange.failure
    yield "answered", None if response else False
    yield "expect", _sorted(exchange.expect)
    yield "blind", sorted(exchange.blind)
    yield "form", [asdict(part) for part in request.given_form]
    yield "request_headers", _pairs(request.headers)
    if response:
        yield "response_headers", _pairs(response.headers)
        yield "ended", None if response.ended is Ended.COMPLETE else str(response.ended)
        yield "seconds", response.seconds or None
        yield "leaks", list(response.leaks)
        yield "reads", OneLine([at, size] for at, size in response.reads)


class _Reader:
    """Takes an interaction apart, minding the type of every part."""

    def __init__(self, interaction: Any) -> None:
        self.request = _part(interaction, "request", dict)
        self.response = _part(interaction, "response", dict)
        if NOTES not in interaction:
            raise BadTraffic("", f"it has no {NOTES} (plain vcrpy drops it when it saves); read the file as traffic")
        self.notes = _part(interaction, NOTES, dict)

    def exchange(self) -> Exchange:
        return Exchange(
            request=Request(
                _part(self.request, "method", str),
                _part(self.request, "uri", str).removeprefix(HOST),
                self.headers("request", self.request),
                as_bytes(self.request.get("body")),
                tuple(self.part(part) for part in self.note("form", list, [])),
            ),
            response=self.answer() if self.note("answered", bool, True) else None,
            id=self.note("id", str, ""),
            probe=self.note("probe", str, ""),
            session=self.note("session", str, ""),
            failure=self.note("failure", str, ""),
            expect=self.note("expect", dict, {}),
            blind=frozenset(_strings(self.notes, "blind")),
        )

    def answer(self) -> Response:
        return Response(
            status=_part(_part(self.response, "status", dict), "code", int),
            headers=self.headers("response", self.response),
            body=as_bytes(_part(self.response, "body", dict).get("string")),
            reads=tuple(_read(step) for step in self.note("reads", list, [])),
            ended=_ended(self.note("ended", str, "complete")),
            seconds=self.note("seconds", int | float, 0.0),
            leaks=tuple(_strings(self.notes, "leaks")),
        )

    def headers(self, side: str, message: Mapping[str, Any]) -> Headers:
        pairs = self.note(f"{side}_headers", list, None)
        if pairs is None:
            return flat_headers(message.get("headers"))
        if not all(isinstance(pair, list) and [type(each) for each in pair] == [str, str] for pair in pairs):
            raise BadTraffic("", f"{side}_headers is to be a list of [name, value]")
        return tuple((name, value) for name, value in pairs)

    def part(self, part: Any) -> Part:
        filename = part.get("filename") if isinstance(part, dict) else None
        name = None if filename is None else _part(part, "filename", str)
        return Part(_part(part, "name", str), name, _part(part, "content_type", str), as_bytes(part.get("value")))

    def note(self, name: str, kind: Any, default: Any) -> Any:
        return _part(self.notes, name, kind) if name in self.notes else default


def as_bytes(value: Any) -> bytes:
    """A body as it stands in a cassette, as bytes. Raises BadTraffic."""
    if value is None:
        return b""
    if not isinstance(value, str | bytes):
        raise BadTraffic("", f"a body is to be text or binary, not {type(value).__name__}")
    return value.encode() if isinstance(value, str) else value


def flat_headers(grouped: Any) -> Headers:
    """`{name: [values]}` (or `{name: value}`) as pairs. Raises BadTraffic."""
    if not isinstance(grouped, dict | None):
        raise BadTraffic("", f"headers are to be a mapping, not {type(grouped).__name__}")
    return tuple(
        (str(name), str(value))
        for name, values in (grouped or {}).items()
        for value in (values if isinstance(values, list) else [values])
    )


def _part(whole: Any, name: str, kind: Any) -> Any:
    value = whole.get(name) if isinstance(whole, dict) else None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        wanted = getattr(kind, "__name__", "number")
        raise BadTraffic("", f"{name} is to be a {wanted}, not {type(value).__name__}")
    return value


def _strings(whole: Mapping[str, Any], name: str) -> list[str]:
    values = _part({name: [], **whole}, name, list)
    if not all(isinstance(value, str) for value in values):
        raise BadTraffic("", f"{name} is to be a list of strings")
    return list(values)


def _read(step: Any) -> tuple[float, int]:
    match step:
        case [int() | float() as at, int() as size]:
            return at, size
    raise BadTraffic("", f"reads is to be a list of [seconds, bytes], not of {step!r}")


def _ended(word: str) -> Ended:
    if word not in list(Ended):
        raise BadTraffic("", f"ended is {word!r}, which is none of {', '.join(Ended)}")
    return Ended(word)


def _about(path: Path) -> dict[str, Any]:
    try:
        about = parse(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadTraffic(str(path), f"can't be read: {getattr(error, 'strerror', None) or error}") from None
    if not isinstance(about, dict):
        raise BadTraffic(str(path), "is to be a JSON object")
    for name, kind in ABOUT_TYPES.items():
        if not is_a(about.get(name, kind()), kind):
            raise BadTraffic(str(path), f"{name} is to be a {kind.__name__}, not {type(about[name]).__name__}")
    return about


def _files(exchanges: Iterable[Exchange]) -> dict[str, list[dict[str, Any]]]:
    files: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in sorted(exchanges, key=_order):
        files[_file(each.probe)].append(interaction(each))
    return dict(sorted(files.items()))


def _file(probe: str) -> str:
    steps = [word[:80] for step in probe.split("/") if (word := re.sub(r"[^a-z0-9_]+", "-", step.lower()).strip("-"))]
    return "/".join(steps or [LOOSE]) + ".yaml"


def _order(exchange: Exchange) -> tuple[int, str]:
    """Ids by their length first, so that 1000 comes after 999."""
    return len(exchange.id), exchange.id


def _forget(folder: Path) -> None:
    for path in folder.rglob("*.yaml"):
        with path.open(encoding="utf-8", errors="replace") as file:
            ours = file.readline() == FIRST_LINE
        if ours:
            path.unlink()


def _guard(place: str, value: Any, scrubber: Scrubber) -> None:
    """Walks what is to be written, since YAML may fold, escape or pack a text in which a search would find nothing."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in OURS and _holds_secret(key, scrubber):
                raise SecretFound(f"{place}: a name")
            _guard(f"{place}/{key}", inner, scrubber)
    elif isinstance(value, list | tuple):
        for inner in value:
            _guard(place, inner, scrubber)
    elif _holds_secret(value, scrubber):
        raise SecretFound(place)


def _holds_secret(value: Any, scrubber: Scrubber) -> bool:
    if isinstance(value, bytes):
        return scrubber.body(value) != value or _packed_secret(value, scrubber)
    return isinstance(value, str) and scrubber.text(value) != value


def _packed_secret(body: bytes, scrubber: Scrubber) -> bool:
    for encoding in ("gzip", "deflate"):
        unpacked = Response(200, (("content-encoding", encoding),), body).decoded
        if scrubber.body(unpacked) != unpacked:
            return True
    return False


def _grouped(headers: Headers) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for name, value in headers:
        grouped[name].append(value)
    return dict(grouped)


def _pairs(headers: Headers) -> list[list[str]]:
    """Headers whose order a mapping would lose, as they were; nothing when the mapping keeps it."""
    return [] if flat_headers(_grouped(headers)) == headers else [list(pair) for pair in headers]


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _phrase(status: int) -> str:
    return http.HTTPStatus(status).phrase if status in list(http.HTTPStatus) else ""


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list | tuple) else value
