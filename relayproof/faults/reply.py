"""Breaks of what surrounds the body: status, headers, and whole replies put in place of the right one."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

from relayproof.faults.answer import Answer
from relayproof.faults.fault import After

HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


def status(code: int) -> After:
    """Another status; the body stays."""

    def after(answer: Answer) -> None:
        answer.status = code

    return after


def header(name: str, value: str | None) -> After:
    """Set a header; None takes it out."""
    return lambda answer: answer.put_header(name, value)


def header_again(name: str, value: str) -> After:
    """Send a header once more than it is sent already."""

    def after(answer: Answer) -> None:
        answer.headers.append((name, value))

    return after


def headers_gone(*beginnings: str) -> After:
    """Take out all headers whose names begin so."""

    def after(answer: Answer) -> None:
        answer.headers = [(name, value) for name, value in answer.headers if not name.startswith(beginnings)]

    return after


def instead(document: Any, code: int | None = None, kind: str = "application/json") -> After:
    """Another answer: a JSON document, text or bytes. A function is given the right answer and makes the other one."""

    def after(answer: Answer) -> None:
        answer.say(document(answer) if callable(document) else document, code, kind)

    return after


def body(change: Callable[[bytes], bytes]) -> After:
    """Change the bytes of the whole body."""

    def after(answer: Answer) -> None:
        answer.pieces = [change(answer.body)]

    return after


def gzipped(*, labelled: bool) -> After:
    """Pack the body, with or without saying so."""

    def after(answer: Answer) -> None:
        answer.pieces = [gzip.compress(answer.body, mtime=0)]
        if labelled:
            answer.put_header("content-encoding", "gzip")

    return after


def message(answer: Answer) -> str:
    """What an error says, in any of the envelopes."""
    document = answer.json if isinstance(answer.json, dict) else {}
    error = document.get("error")
    return str(error.get("message", "") if isinstance(error, dict) else error or document.get("description", ""))
