"""The rule that every answer matches its schema, made once per surface and strength.

A schema says what one document can say about itself. Its three strengths are three rules, so that a known deviation
of one can be listed without hiding the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from relayproof import schema
from relayproof.exchange import IDS, OMISSIONS, Exchange
from relayproof.pointer import Absent
from relayproof.rule import MUST, OK, RULES, SHOULD, Answers, Finding, MalformedRule, Source, Untested, When, rule

Documents = Callable[[Exchange], Iterable[tuple[str, Any]]]
STRENGTHS = (
    ("", MUST, MUST, "every good server sends", "Clients are generated from these shapes and break on others."),
    (".openai", MUST, SHOULD, "the official server sends", "Clients written against the official API read these keys."),
    (".should", SHOULD, SHOULD, "the current specification asks for", "Newer clients read these keys."),
)


def body(exchange: Exchange) -> Iterator[tuple[str, Any]]:
    """The whole answer as one document."""
    answer = exchange.answered.json
    if isinstance(answer, dict) and answer.get("error"):
        raise Absent("an error in a success is told by a rule of its own")
    yield "", answer


def events(exchange: Exchange) -> Iterator[tuple[str, Any]]:
    """Every JSON payload of a stream that is no error and not the sentinel."""
    for event in exchange.events:
        if isinstance(event.json, dict | list) and not event.body.get("error"):
            yield event.place, event.json


def matches_schema(
    prefix: str,
    name: str,
    source: Source,
    *,
    on: str | Iterable[str],
    documents: Documents = body,
    answers: Answers = OK,
    when: When | None = None,
    called: str = "matches_schema",
) -> None:
    """Register `prefix/called` for each strength that the schema `name` has. Raises MalformedRule for a missing schema.

    documents: what of an exchange is held against it, as (place, document) pairs.
    """
    if name not in schema.names():
        raise MalformedRule(f"{prefix}: there is no schema {name}")
    for suffix, level, relay, who, why in STRENGTHS:
        if name + suffix in schema.names():
            check = _check(prefix, name, suffix, documents, called, who, why)
            made = rule(check, level, source, relay=relay, on=on, answers=answers, when=when)
            RULES[made.id] = made


def _check(
    prefix: str, name: str, suffix: str, documents: Documents, called: str, who: str, why: str
) -> Callable[[Exchange], Iterator[Finding]]:
    def check(exchange: Exchange) -> Iterator[Finding]:
        wrong: list[Finding] = []
        hidden = ""
        for place, document in documents(exchange):
            for mismatch in schema.mismatches(name + suffix, document):
                where = f"{place} {mismatch.where or '/'}".strip()
                if _recorders(mismatch, exchange.blind):
                    hidden = hidden or f"{where}: {mismatch.what}, perhaps by the hand that made the record"
                else:
                    wrong.append(Finding(where, mismatch.what))
        if hidden and not wrong:
            raise Untested(hidden)
        yield from wrong

    check.__doc__ = (
        f"The answer has the shape that {who} (schema `{name}{suffix}`).\n\n{why}\n\n"
        "Fix: pass the upstream's object on unchanged, or build it with every key and type of the schema."
    )
    check.__name__ = called + suffix.replace(".", "_")
    check.__module__ = f"relayproof.rules.{prefix}"
    return check


def _recorders(mismatch: schema.Mismatch, blind: frozenset[str]) -> bool:
    """True for what a recorder may have done: a key left out of a fixture, an id put in the place of another."""
    if mismatch.keyword == "pattern" and mismatch.where.endswith(("/id", "_id")):
        return IDS in blind
    return mismatch.keyword == "required" and OMISSIONS in blind
