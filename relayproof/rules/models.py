"""The model list and single models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from relayproof.exchange import CLOCK, STATUS, Exchange
from relayproof.groups import together
from relayproof.pointer import Absent, find, get, is_a
from relayproof.rule import ANY, SHOULD, Finding, Untested, must, should
from relayproof.rules import shapes
from relayproof.rules.chat import MILLISECONDS
from relayproof.rules.sources import MODEL, MODEL_LIST, OBSERVED
from relayproof.schema import shown
from relayproof.surface import MODELS, NOT_THERE

FOUNDED = 1_420_070_400  # 2015-01-01
A_DAY = 86_400


def is_openai(exchange: Exchange) -> bool:
    """True unless the request speaks Anthropic's or Gemini's dialect, as far as the record shows."""
    header = exchange.request.header
    if "/v1beta" in exchange.request.url or header("anthropic-version") or header("x-goog-api-key"):
        return False
    return bool(header("authorization")) or not _answers_in_another_dialect(exchange)


def _answers_in_another_dialect(exchange: Exchange) -> bool:
    """True for the lists and cards of Anthropic, Google and Azure: which was asked for, the key's header alone says."""
    if not exchange.succeeded:
        return False
    body = exchange.json
    google = get(body, "/models", list) is not None or "/models/" in f"/{get(body, '/name', str, '')}"
    return google or any(get(body, path) for path in ("/first_id", "/display_name", "/data/0/lifecycle_status"))


def is_list(exchange: Exchange) -> bool:
    """True for GET .../models in OpenAI's dialect."""
    return is_openai(exchange) and bool(re.search(r"/models/?$", exchange.request.path))


def is_single(exchange: Exchange) -> bool:
    """True for GET .../models/{model} in OpenAI's dialect."""
    return is_openai(exchange) and not is_list(exchange) and exchange.request.method == "GET"


def asked_id(exchange: Exchange) -> str:
    """The model that GET .../models/{model} asks for."""
    return unquote(exchange.request.path.partition("/models/")[2]).rstrip("/")


shapes.matches_schema("models", "openai/model_list", MODEL_LIST, on=MODELS, when=is_list)
shapes.matches_schema("models", "openai/model", MODEL, on=MODELS, when=is_single, called="model_matches_schema")


@must(MODEL_LIST, on=MODELS, when=is_list)
def ids_are_unique(exchange: Exchange) -> Iterator[Finding]:
    """Every model stands in the list once, under a name that is not empty.

    Clients fill menus from it, and take the name as a key.

    Fix: remove doubles when the lists of several channels are joined.
    """
    ids = [value for _, value in exchange.find("/data/*/id", str)]
    if not ids:
        raise Absent("no models")
    for name in sorted({name for name in ids if not name or ids.count(name) > 1}):
        yield Finding("/data", f"{shown(name)} stands {ids.count(name)} times")


@must(MODEL, on=MODELS, needs=CLOCK, when=is_openai)
def created_is_a_date(exchange: Exchange) -> Iterator[Finding]:
    """`created` of a model is a day between 2015 and tomorrow.

    Clients sort by it and show it. 0 is 1970; a day that has not come is a wrong clock. Milliseconds are told by the
    schema.

    Fix: give each model a fixed date in seconds; that of the relay's first day will do.
    """
    dates = [*exchange.find("/data/*/created", int), *exchange.find("/created", int)]
    latest = exchange.expect.get("now", MILLISECONDS) + A_DAY
    if not dates:
        raise Absent("told by the schema")
    for at, created in dates:
        if created < FOUNDED or latest < created < MILLISECONDS:
            yield Finding(at, f"{created} is no day between 2015 and tomorrow")


@must(OBSERVED, on=MODELS)
def list_is_no_chat_completion(exchange: Exchange) -> Iterator[Finding]:
    """A model list has no `choices` and no `usage`.

    Some documentation of relays shows a chat completion as the answer of GET /v1/models; code written from it fails.

    Fix: answer with {"object": "list", "data": [...]}, and correct the documentation.
    """
    body = exchange.answered.json
    found = [key for key in ("choices", "usage") if isinstance(body, dict) and key in body]
    if found:
        yield Finding("/", f"{' and '.join(found)} in a model list")


@must(MODEL, on=MODELS, when=is_single)
def single_model_is_the_one_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """GET /v1/models/{model} answers with that model.

    A client that checks whether a model exists reads another one's data.

    Fix: look the model up by its whole name, slashes included.
    """
    if exchange.one("/id", str) != asked_id(exchange):
        yield Finding("/id", f"{shown(exchange.one('/id'))} instead of {shown(asked_id(exchange))}")


@must(
    MODEL,
    on=MODELS,
    relay=SHOULD,
    answers=ANY,
    needs=STATUS,
    when=lambda exchange: is_single(exchange) and exchange.expect.get("model") == "unknown",
)
def unknown_model_is_not_found(exchange: Exchange) -> Iterator[Finding]:
    """GET /v1/models/{unknown} is answered with 404.

    Clients ask this to learn whether they may use a model; a 200 says yes. one-api and new-api send an error in a 200.

    Fix: answer 404 with code model_not_found.
    """
    if exchange.status in (401, 403, 429):
        raise Untested(f"the relay answered {exchange.status}")
    if exchange.status != 404:
        yield Finding("status", f"{exchange.status} instead of 404")


@should(MODEL, on=MODELS, answers=ANY, across=together)
def listed_model_can_be_fetched(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A model that the list shows can be fetched by GET /v1/models/{model}.

    Clients verify a configured model this way. new-api looks only into a table of well-known names.

    Fix: answer from the same source as the list.
    """
    listed = {
        value
        for each in exchanges
        if each.succeeded and is_list(each)
        for _, value in find(each.json, "/data/*/id", str)
    }
    fetched = [each for each in exchanges if is_single(each) and asked_id(each) in listed]
    if not fetched:
        raise Absent("no listed model was fetched")
    for each in fetched:
        if each.status in NOT_THERE or (each.succeeded and not each.get("/id")):
            yield Finding("status", f"{each.status} for {shown(asked_id(each))}, which the list shows")


@should(OBSERVED, on=MODELS, across=together)
def list_is_stable(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """Two calls of GET /v1/models give the same models with the same data.

    Clients cache the list by its content; `created` set to the time of the call makes every copy look new.

    Fix: give each model a fixed `created`.
    """
    lists = [
        {item["id"]: item.get("created") for _, item in find(each.json, "/data/*", dict) if is_a(item.get("id"), str)}
        for each in exchanges
        if is_list(each)
    ]
    if len(lists) < 2:
        raise Absent("the list was asked for once")
    if set(lists[0]) != set(lists[1]):
        yield Finding("/data", f"different models: {shown(sorted(map(str, set(lists[0]) ^ set(lists[1])))[:5])}")
        return
    moved = next((name for name in lists[0] if lists[0][name] != lists[1][name]), None)
    if moved is not None:
        yield Finding("/data/*/created", f"{lists[0][moved]}, then {lists[1][moved]}, for {shown(moved)}")


@must(
    OBSERVED,
    on=MODELS,
    answers=ANY,
    when=lambda exchange: is_list(exchange) and exchange.request.path.endswith("/"),
)
def trailing_slash_is_no_model(exchange: Exchange) -> Iterator[Finding]:
    """GET /v1/models/ is the list, a redirect to it, or 404: not a model with an empty name.

    Some clients add the slash. An error about an empty model name in a 200 leaves them with an empty menu.

    Fix: route the path with the slash to the list.
    """
    if exchange.status == 404 or 300 <= exchange.status < 400:
        return
    if exchange.status in (401, 403, 429):
        raise Untested(f"the relay answered {exchange.status}")
    if exchange.succeeded and exchange.get("/success") is False:
        raise Absent("told by failure_is_not_a_success")
    if not exchange.succeeded:
        yield Finding("status", f"{exchange.status}: {shown(exchange.answered.text[:120])}")
    elif not isinstance(exchange.get("/data"), list):
        yield Finding("/data", shown(exchange.answered.text[:120]))
