"""Cases for relayproof/rules/models.py."""

from dataclasses import replace

from cases.build import Case, answered, changed, exchange
from relayproof.reference.models import CREATED, card

LIST = exchange("GET", "/v1/models", None, {"object": "list", "data": [card("gpt-4o-mini"), card("tts-1")]})
ONE = exchange("GET", "/v1/models/gpt-4o-mini", None, card("gpt-4o-mini"), id="2")
UNKNOWN = {"error": {"message": "no such model", "type": "invalid_request_error", "param": None, "code": None}}
NONE = exchange("GET", "/v1/models/nothing", None, UNKNOWN, status=404, expect={"model": "unknown"})
SLASH = exchange("GET", "/v1/models/", None, {"object": "list", "data": [card("tts-1")]})
LATER = replace(changed(LIST, "/data/0/created", CREATED + 60), id="2")
CHAT_SHAPE = exchange("GET", "/v1/models", None, {"object": "chat.completion", "choices": [], "usage": {}})

CASES = [
    Case("models/matches-schema", LIST, changed(LIST, "/object")),
    Case("models/model-matches-schema", ONE, changed(ONE, "/created", "2024")),
    Case("models/ids-are-unique", LIST, changed(LIST, "/data/1/id", "gpt-4o-mini")),
    Case("models/created-is-a-date", LIST, changed(LIST, "/data/1/created", 0)),
    Case("models/created-is-a-date", ONE, replace(changed(ONE, "/created", CREATED + 10**6), expect={"now": CREATED})),
    Case("models/list-is-no-chat-completion", LIST, CHAT_SHAPE, also=("models/matches-schema",)),
    Case("models/single-model-is-the-one-asked-for", ONE, changed(ONE, "/id", "tts-1")),
    Case("models/unknown-model-is-not-found", NONE, replace(ONE, expect={"model": "unknown"})),
    Case("models/listed-model-can-be-fetched", (LIST, ONE), (LIST, replace(NONE, request=ONE.request))),
    Case("models/list-is-stable", (LIST, replace(LIST, id="2")), (LIST, LATER)),
    Case(
        "models/trailing-slash-is-no-model",
        answered(SLASH, b"", status=307, headers=(("location", "/v1/models"),)),
        answered(SLASH, {"error": "model name is empty"}, status=200),
    ),
    Case("models/trailing-slash-is-no-model", SLASH, answered(SLASH, {"error": "model name is empty"})),
]
