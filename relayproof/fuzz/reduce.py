"""Smaller requests with the same failure. Each try is a request, so it is bounded, and done only with leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from relayproof.exchange import Exchange
from relayproof.fuzz import findings
from relayproof.fuzz.case import mistakes
from relayproof.judge import FAILS, judge
from relayproof.openapi import Operation, operations
from relayproof.probe import Call, dump
from relayproof.rule import Rule
from relayproof.rules.properties import VALID
from relayproof.session import Run
from relayproof.wire.budget import BudgetSpent
from relayproof.wire.client import Client

KEYS: tuple[str, ...] = ("x-api-key", "x-goog-api-key")
HEADERS: tuple[str, ...] = ("content-type", "anthropic-version")
KEPT = ("model", "max_tokens", "max_completion_tokens", "maxOutputTokens", "generationConfig", "n", "candidateCount")


def reduce(run: Run, rules: dict[str, Rule], client: Client, tries: int) -> None:
    """Send up to `tries` smaller requests for the failures of a run, and add what came back to it."""
    last = client.budget.spent.requests + tries
    for rule, exchange in list(_failures(run, rules)):
        small = exchange
        while client.budget.spent.requests < last:
            smaller = _smaller(small, rule, run, client, last)
            if smaller is None:
                break
            small = smaller


def _failures(run: Run, rules: dict[str, Rule]) -> Iterator[tuple[Rule, Exchange]]:
    """Each failure of one request with a JSON body, once; no hangs, which cost a time limit each."""
    known = {exchange.id: exchange for exchange in run.exchanges}
    for verdict in findings.once(findings.results(run).verdicts, known):
        exchange = known.get(verdict.exchanges[-1]) if verdict.outcome is FAILS and verdict.exchanges else None
        if exchange is None or exchange.response is None or len(verdict.exchanges) > 1 or verdict.rule not in rules:
            continue
        if isinstance(exchange.request.json, dict):
            yield rules[verdict.rule], exchange


def _smaller(exchange: Exchange, rule: Rule, run: Run, client: Client, last: int) -> Exchange | None:
    """The first smaller request that still fails by the rule; None when there is none, or no try left."""
    operation = operation_of(exchange)
    before = {findings.kind(verdict, exchange.status) for verdict in judge([exchange], [rule]).verdicts}
    for body in _candidates(exchange.request.json):
        if operation is None or not _alike(operation, body, exchange) or client.budget.spent.requests >= last:
            continue
        call = replace(again(exchange), body=dump(body))
        try:
            tried = client.send(call, exchange.probe)
        except BudgetSpent:
            return None
        run.exchanges.append(tried)
        verdicts = [verdict for verdict in judge([tried], [rule]).verdicts if verdict.outcome is FAILS]
        if any(findings.kind(verdict, tried.status) in before for verdict in verdicts):
            return tried
    return None


def operation_of(exchange: Exchange) -> Operation | None:
    """The operation that a generated exchange belongs to."""
    return next((each for each in operations() if exchange.probe == f"fuzz/{each.slug}"), None)


def _alike(operation: Operation, body: Any, exchange: Exchange) -> bool:
    """True when a body is as legal as the one it comes from."""
    wrong = mistakes(operation.request, body)
    return wrong is not None and (not wrong) is (exchange.expect.get("generated") == VALID)


def again(exchange: Exchange) -> Call:
    """The call that an exchange came from, its body as it was."""
    request = exchange.request
    named = {name.lower(): value for name, value in request.headers}
    auth = next((name for name in KEYS if name in named), "bearer")
    headers = {name: named[name] for name in HEADERS if name in named}
    return Call(
        request.method, request.url, body=request.body, headers=headers, auth=auth, expect=dict(exchange.expect)
    )


def _candidates(value: Any) -> Iterator[Any]:
    """Smaller values, the largest steps first: without a key, without an item, with a shorter text, smaller inside."""
    if isinstance(value, dict):
        for key in [key for key in value if key not in KEPT]:
            yield {name: each for name, each in value.items() if name != key}
        for key in [key for key in value if key not in KEPT]:
            yield from (value | {key: each} for each in _candidates(value[key]))
    elif isinstance(value, list):
        yield from (value[:number] + value[number + 1 :] for number in range(len(value)))
        for number, item in enumerate(value):
            yield from ([*value[:number], each, *value[number + 1 :]] for each in _candidates(item))
    elif isinstance(value, str) and len(value) > 1:
        yield value[: len(value) // 2]
