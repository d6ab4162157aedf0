"""Exchanges with the reference relay itself: what it answers to a body or a form."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

from relayproof.exchange import Exchange, Request, Response
from relayproof.probe import File
from relayproof.reference import KEY, make_app

CLIENT = TestClient(make_app())


def post(path: str, body: Any = None, form: Any = None, **facts: Any) -> Exchange:
    """The exchange of a POST with a JSON body, or with a form of (name, text or File) pairs."""
    files = [(name, _part(value)) for name, value in form or ()] or None
    answer = CLIENT.post(path, json=body, files=files, headers={"Authorization": f"Bearer {KEY}"})
    request = Request("POST", path, tuple(answer.request.headers.items()), answer.request.read())
    response = Response(answer.status_code, tuple(answer.headers.items()), answer.content)
    return Exchange(request, response, **({"id": "1", "session": "case"} | facts))


def get(path: str, **facts: Any) -> Exchange:
    """The exchange of a GET without a key."""
    answer = CLIENT.get(path)
    response = Response(answer.status_code, tuple(answer.headers.items()), answer.content)
    return Exchange(Request("GET", path), response, **({"id": "1", "session": "case"} | facts))


def _part(value: Any) -> Any:
    return (value.filename, value.data, value.content_type) if isinstance(value, File) else (None, value)
