"""The schemas themselves, and the two validators that hold documents against them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from cases import chat, chat_stream
from cases.build import changed
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from test_robustness import ALONE, ODD, places

from relayproof import schema
from relayproof.exchange import Exchange
from relayproof.pointer import Absent
from relayproof.rules import load
from relayproof.schema import BASE, mismatches, mismatches_of, shown

NAMES = schema.names()
HELD = {
    "chat": "openai/chat_completion",
    "chat_stream": "openai/chat_completion_chunk",
    "models": "openai/model_list",
}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def references(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        yield from (value for key, value in document.items() if key in ("$ref", "$dynamicRef"))
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    for each in inner:
        yield from references(each)


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_valid_2020_12_and_says_what_it_is(name: str) -> None:
    document = schema.load(name)
    Draft202012Validator.check_schema(document)
    jsonschema_rs.Draft202012Validator(document, registry=jsonschema_rs.Registry(RESOURCES))
    assert document["$schema"] == DIALECT
    assert document["$id"] == f"{BASE}{name}.json"
    assert document["title"]


RESOURCES = [(f"{BASE}{name}.json", schema.load(name)) for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_resolves_inside_the_folder(name: str) -> None:
    registry: Any = Registry().with_resources((uri, Resource.from_contents(each)) for uri, each in RESOURCES)
    resolver = registry.resolver(base_uri=f"{BASE}{name}.json")
    for reference in references(schema.load(name)):
        assert resolver.lookup(reference).contents is not None


def bodies() -> Iterator[tuple[str, Any]]:
    """(schema name, document): what the cases of a schema rule hold against it."""
    for exchange in ALONE:
        for name in held_against(exchange):
            yield from ((name, document) for document in documents(exchange))


def held_against(exchange: Exchange) -> list[str]:
    kinds = {
        "chat": "openai/chat_completion",
        "chat_stream": "openai/chat_completion_chunk",
        "models": "openai/model_list",
    }
    name = kinds.get(exchange.surface, "") if exchange.succeeded else "openai/error"
    return [name + strength for strength in ("", ".openai", ".should") if name + strength in NAMES]


def documents(exchange: Exchange) -> list[Any]:
    try:
        if exchange.events:
            return [event.json for event in exchange.events if isinstance(event.json, dict)]
        return [exchange.answered.json]
    except Absent:
        return []


BODIES = list({json.dumps(each): each for each in bodies()}.values())


def agree(name: str, document: Any) -> bool:
    exact = next(schema._exact(name).iter_errors(document), None) is None
    return bool(schema._fast(name).is_valid(document)) == exact


def test_both_validators_agree_on_every_body_of_the_cases() -> None:
    assert len(BODIES) > 100
    assert [(name, document) for name, document in BODIES if not agree(name, document)] == []


def mutants(name: str, document: Any) -> Iterator[tuple[str, Any]]:
    """The document with each of its values replaced in turn by the next odd one."""
    for number, path in enumerate(places(document)[1:]):
        mutant = json.loads(json.dumps(document))
        within = mutant
        for step in path[:-1]:
            within = within[step]
        within[path[-1]] = [odd for odd in ODD if odd != "\ud800"][(number + len(name)) % (len(ODD) - 1)]
        yield name, mutant


def test_both_validators_agree_on_mutated_bodies() -> None:
    whole = [chat.PLAIN.json, chat.CALLS.json, chat.LOGPROBS.json]
    kinds = [("openai/chat_completion", each) for each in whole]
    kinds += [("openai/chat_completion.openai", each) for each in whole]
    kinds += [("openai/chat_completion_chunk", event.json) for event in chat_stream.CALLS.events[:3]]
    kinds += [("openai/error", {"error": {"message": "m", "type": "t", "param": None, "code": None}})]
    made = [each for kind in kinds for each in mutants(*kind)]
    assert len(made) > 300
    assert [each for each in made if not agree(*each)] == []


@pytest.mark.parametrize(("form", "wrong"), [("date", "2024-13-01"), ("date-time", "yesterday")])
def test_formats_are_checked_by_both(form: str, wrong: str) -> None:
    one = {"$schema": DIALECT, "format": form}
    assert not jsonschema_rs.Draft202012Validator(one, validate_formats=True).is_valid(wrong)
    assert list(Draft202012Validator(one, format_checker=Draft202012Validator.FORMAT_CHECKER).iter_errors(wrong))


def test_a_format_that_one_validator_alone_knows_is_told_all_the_same() -> None:
    (mismatch,) = mismatches("openai/chat_completion", cited("not a uri"))
    assert mismatch.where == "/choices/0/message/annotations/0/url_citation/url"
    assert "not a uri" in mismatch.what
    assert schema.valid("openai/chat_completion", cited("https://example.com/"))


def cited(url: str) -> Any:
    citation = {"start_index": 0, "end_index": 2, "url": url, "title": "t"}
    note = {"type": "url_citation", "url_citation": citation}
    return changed(chat.PLAIN, "/choices/0/message/annotations", [note]).json


def test_a_format_in_a_schema_of_ours_counts() -> None:
    card = {"id": "m", "object": "model", "created": 1, "owned_by": "x", "shutdown_date": "2026-13-41"}
    (mismatch,) = mismatches("openai/model", card)
    assert mismatch.where == "/shutdown_date"


def test_every_schema_that_is_broken_by_the_fast_validator_is_explained_by_the_exact_one() -> None:
    broken = [each for each in BODIES if not schema.valid(*each)]
    assert broken
    assert all(list(mismatches(*each)) for each in broken)


def test_half_a_surrogate_pair_is_judged_like_any_text() -> None:
    card = {"id": "\ud83d", "object": "model", "created": 1, "owned_by": "x"}
    assert schema.valid("openai/model", card)
    assert not schema.valid("openai/model", card | {"created": "\ud83d"})
    assert shown("\ud83d").encode() == b'"\\ud83d"'


def test_an_unknown_schema_is_named() -> None:
    with pytest.raises(schema.UnknownSchema, match="openai/nothing"):
        schema.valid("openai/nothing", {})


@pytest.mark.parametrize(
    ("document", "where", "what"),
    [
        ({"object": "list", "data": [{"object": "model", "created": 1, "owned_by": "x"}]}, "/data/0", "missing: id"),
        ({"object": "lists", "data": []}, "/object", '"lists" is not "list"'),
        ({"object": "list", "data": {}}, "/data", "{} is not of type array"),
        ([], "", "[] is not of type object"),
    ],
)
def test_a_mismatch_says_where_and_shows_the_value(document: Any, where: str, what: str) -> None:
    (found,) = mismatches("openai/model_list", document)
    assert found.where == where
    assert what in found.what


def test_a_mismatch_inside_alternatives_is_told_of_the_branch_that_fits_best() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text"}]}]}
    found = list(mismatches("openai/chat_request", body))
    assert found
    assert all(each.where.startswith("/messages/0") for each in found)


FOREIGN = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def test_a_foreign_schema_judges() -> None:
    assert [each.where for each in mismatches_of(FOREIGN, {"city": 7})] == ["/city"]
    assert schema.fits(FOREIGN, {"city": "Paris"})


@pytest.mark.parametrize(
    "foreign",
    [
        {"type": "nonsense"},
        {"$ref": "https://schemas.example/city.json"},
        {"$ref": "#/$defs/missing"},
        {"pattern": "("},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"type": []},
        ["no schema"],
        None,
        "text",
    ],
)
def test_a_broken_foreign_schema_accuses_nobody_and_fetches_nothing(foreign: Any, monkeypatch: Any) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a schema was fetched")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert list(mismatches_of(foreign, {"city": 7})) == []


@pytest.mark.parametrize("number", [10**400, float("inf")])
def test_a_number_too_large_to_reckon_with_accuses_nobody(number: float) -> None:
    assert list(mismatches_of({"multipleOf": 1e-320}, number)) == []


def test_every_schema_is_held_against_something_or_part_of_one_that_is() -> None:
    used = {rule.title.partition("schema `")[2].rstrip("`).") for rule in load().values()} & set(NAMES)
    assert used >= {"openai/chat_completion", "openai/chat_completion_chunk.openai", "openai/error", "openai/model"}
