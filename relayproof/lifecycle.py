"""Tasks: what an exchange says about work that goes on after the answer, for Midjourney and Suno alike.

A task is submitted, looked at until it ends, listed, and acted upon. Here is only reading: which of these an exchange
is, which tasks it names, and what it shows of them. Rules judge it, probes act on it, a run resumes by it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from relayproof.exchange import Exchange
from relayproof.pointer import Absent, find, get, is_a
from relayproof.surface import SUNO

SUBMIT, FETCH, LIST, SEED, CALLBACKS, PICTURE = "submit", "fetch", "list", "seed", "callbacks", "picture"
ACCEPTED = (1, 21, 22)
HEARD = "/relayproof/heard/"
SUCCESS, FAILURE, CANCEL, MODAL = "SUCCESS", "FAILURE", "CANCEL", "MODAL"
FINAL = (SUCCESS, FAILURE, CANCEL)
RANKS: dict[str, int] = {"": 0, "NOT_START": 1, "SUBMITTED": 2, "QUEUED": 2, "IN_PROGRESS": 3} | dict.fromkeys(FINAL, 4)
PRIVATE = (".local", ".localhost", ".internal", ".lan", ".home.arpa", ".invalid")
OTHER_WORDS = {
    "submitted": "SUBMITTED",
    "processing": "IN_PROGRESS",
    "in_progress": "IN_PROGRESS",
    "complete": SUCCESS,
    "error": FAILURE,
    "failure": FAILURE,
}
_KINDS = (
    (FETCH, re.compile(r"/mj/task/([^/]+)/fetch/?$")),
    (SEED, re.compile(r"/mj/task/([^/]+)/image-seed/?$")),
    (LIST, re.compile(r"/mj/task/list-by-(?:condition|ids)/?$")),
    (SUBMIT, re.compile(r"/mj/(?:submit|insight-face)/[\w-]+/?$")),
    (SUBMIT, re.compile(r"/suno/submit/[\w-]+/?$")),
    (LIST, re.compile(r"/suno/fetch/?$")),
    (FETCH, re.compile(r"/suno/fetch/([^/]+)/?$")),
    (CALLBACKS, re.compile(HEARD)),
)


@dataclass(frozen=True)
class Look:
    """One sight of a task: the exchange, the JSON pointer, and the task as the relay gave it there."""

    exchange: Exchange
    at: str
    task: dict[str, Any]

    @property
    def id(self) -> str:
        """The id as text; "" when there is none."""
        return text_id(self.task.get("task_id" if self.suno else "id"))

    @property
    def suno(self) -> bool:
        """True for Suno's field names, which are written with underscores."""
        return "task_id" in self.task

    @property
    def status(self) -> str:
        """The status in new-api's words, whatever the dialect; as it is when it is in no dialect, "?" for no word."""
        status = self.task.get("status")
        word = status if isinstance(status, str) and re.fullmatch(r"\w*", status, re.ASCII) else "?"
        return OTHER_WORDS.get(word, word)

    @property
    def final(self) -> bool:
        """True when the task has ended."""
        return self.status in FINAL

    @property
    def progress(self) -> int | None:
        """The percentage; None where the field says none."""
        found = re.fullmatch(r"(\d{1,3})%", str(self.task.get("progress")))
        return int(found.group(1)) if found else None

    @property
    def reason(self) -> str:
        """Why it failed; "" when nothing is said."""
        said = self.task.get("fail_reason" if self.suno else "failReason")
        return said if isinstance(said, str) else ""

    def time(self, which: str) -> int:
        """The `submit`, `start` or `finish` time in the relay's own unit; 0 when it is not told."""
        value = self.task.get(self.time_field(which))
        return value if isinstance(value, int) and not isinstance(value, bool) else 0

    def time_field(self, which: str) -> str:
        """The name of a time in this dialect."""
        return f"{which}_time" if self.suno else f"{which}Time"


def kind(exchange: Exchange) -> str:
    """SUBMIT, FETCH, LIST, SEED, CALLBACKS or PICTURE; "" for what is no part of a task's life."""
    return _read(exchange.request.path)[0] or (PICTURE if exchange.expect.get("picture") else "")


def endpoint(exchange: Exchange) -> str:
    """The last word of a submit's path: `imagine`, `action`, `music`, ..."""
    return exchange.request.path.rstrip("/").rpartition("/")[2]


def path_id(exchange: Exchange) -> str:
    """The task in the path of a fetch or seed request; "" when there is none."""
    return _read(exchange.request.path)[1]


@lru_cache(maxsize=4096)
def _read(path: str) -> tuple[str, str]:
    """(kind, task) of a path."""
    name, found = next(((name, found) for name, pattern in _KINDS if (found := pattern.search(path))), ("", None))
    return name, unquote(found.group(1)) if found and found.groups() else ""


def submitted(exchange: Exchange) -> str:
    """The task that a submit's answer accepts; "" when it accepts none."""
    if kind(exchange) != SUBMIT or not exchange.succeeded:
        return ""
    try:
        answer = exchange.answered.json
    except Absent:
        return ""
    if exchange.surface == SUNO:
        told = get(answer, "/data/task_id", object, get(answer, "/data")) if _suno_ok(answer) else None
    else:
        told = get(answer, "/result") if get(answer, "/code") in ACCEPTED else None
    return text_id(told)


def _suno_ok(answer: Any) -> bool:
    return get(answer, "/code") in ("success", 1)


def text_id(value: Any) -> str:
    """A task id as text, also where a relay sends a number; "" for anything else."""
    text = str(value) if is_a(value, str) or is_a(value, int) else ""
    return text.encode(errors="replace").decode()


def parent(exchange: Exchange) -> str:
    """The task on which a submit acts: of an action, change or modal request; "" when it acts on none."""
    asked = exchange.request.json
    if kind(exchange) != SUBMIT or not isinstance(asked, dict):
        return ""
    if endpoint(exchange) == "simple-change":
        return str(asked.get("content") or "").partition(" ")[0]
    return text_id(asked.get("taskId") or asked.get("task_id"))


def listed_ids(exchange: Exchange) -> list[str]:
    """The ids that a list request asks for."""
    return [text_id(value) for _, value in find(exchange.request.json, "/ids/*")]


_PLACES = {
    (FETCH, False): "",
    (FETCH, True): "/data",
    (LIST, False): "/*",
    (LIST, True): "/data/*",
    (CALLBACKS, False): "/*/body",
}


def looks(exchange: Exchange) -> list[Look]:
    """Every task that the answer shows: of a fetch, a list, or the callbacks heard."""
    if not exchange.succeeded:
        return []
    try:
        answer = exchange.answered.json
    except Absent:
        return []
    place = _PLACES.get((kind(exchange), exchange.surface == SUNO))
    found = find(answer, place, dict) if place is not None else ()
    return [Look(exchange, at, task) for at, task in found if "status" in task]


def look(exchange: Exchange) -> Look | None:
    """The one task that a fetch shows; None when its answer shows none."""
    return next(iter(looks(exchange)), None) if kind(exchange) == FETCH else None


def names(exchange: Exchange) -> set[str]:
    """The ids of every task that the exchange is about."""
    found, what = {path_id(exchange), text_id(exchange.expect.get("task"))}, kind(exchange)
    if what == SUBMIT:
        found |= {submitted(exchange), parent(exchange)}
    elif what == LIST:
        found.update(listed_ids(exchange))
    elif what == CALLBACKS:
        found.update(each.id for each in looks(exchange))
    return found - {""}


def subject(group: Sequence[Exchange]) -> str:
    """The task that all exchanges of a group are about. Raises Absent when there is none."""
    common = set.intersection(*(names(each) for each in group)) if group else set()
    if not common:
        raise Absent("no common task")
    first = submitted(group[0])
    return first if first in common else min(common)


def segments(group: Sequence[Exchange], *, listed: bool = False) -> list[list[Look]]:
    """The fetches of the group's task in order, cut where a modal sent it on its way again.

    listed: what lists say of the task stands among them.
    """
    task = subject(group) if listed else ""
    found: list[list[Look]] = [[]]
    for exchange in group:
        if kind(exchange) == SUBMIT and endpoint(exchange) == "modal" and found[-1]:
            found.append([])
        if kind(exchange) == FETCH:
            found[-1] += looks(exchange)[:1]
        elif kind(exchange) == LIST and listed:
            found[-1] += [each for each in looks(exchange) if each.id == task][:1]
    return [segment for segment in found if segment]


def family(exchanges: Sequence[Exchange], *kinds: str) -> Iterator[Exchange]:
    """The exchanges of those kinds, in order."""
    return (each for each in exchanges if kind(each) in kinds)


def is_public(url: str) -> bool:
    """True for an address that strangers can reach: no bare name, no loopback, no private network."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(PRIVATE)
