"""Whatever a relay sends, judging it raises nothing: an exception in a rule would be our bug, shown as such."""

from __future__ import annotations

import copy
import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from cases.build import answered, restream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_rules import CASES

from relayproof.exchange import Exchange
from relayproof.judge import judge
from relayproof.pointer import Absent
from relayproof.rules import load

ALONE = [given for case in CASES for given in (case.good, case.bad) if isinstance(given, Exchange) and given.response]
TOGETHER = [given for case in CASES for given in (case.good, case.bad) if isinstance(given, tuple)]
ODD = (None, True, 0, -1, 1.5, "", "x", [], [None], {}, {"x": 1}, {"": []}, [[]], 10**400, "\ud800", "1", "长")
FORMS = [each for each in ALONE if each.request.form]
ASKING = [each for each in ALONE if each.request.json is not None]
HEADERS = (
    "x-ratelimit-remaining-requests",
    "content-type",
    "content-encoding",
    "x-request-id",
    "x-ratelimit-limit-requests",
    "retry-after",
)
DEEP = b"[" * 200_000
NESTED = b"[" * 900 + b"]" * 900
odd = st.sampled_from(ODD)
numbers = st.integers(0, 10_000)
few = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def raises_nothing(*exchanges: Exchange) -> None:
    result = judge(exchanges, load().values())
    assert not result.errors, f"{result.errors[0].rule}: {result.errors[0].trace}"
    "".join(finding.where + finding.what for each in result.verdicts for finding in each.findings).encode()


def places(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values of a document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document if isinstance(document, list) else ())
    )
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


def spoil(data: st.DataObject, document: Any) -> bytes:
    """The document as JSON, with one value replaced by an odd one."""
    path = data.draw(st.sampled_from(places(document)), "place")
    value = data.draw(odd, "value")
    whole = within = copy.deepcopy([document])
    for step, following in itertools.pairwise([0, *path, None]):
        if following is None:
            within[step] = value
        within = within[step]
    return json.dumps(whole[0]).encode()


def spoilt(data: st.DataObject, exchange: Exchange) -> Exchange:
    """The exchange with one value of its answer replaced, in an event of it when it is a stream."""
    events = [json.dumps(event.json).encode() for event in exchange.events if not event.done]
    if events:
        number = data.draw(st.integers(0, len(events) - 1), "event")
        return restream(exchange, [*events[:number], spoil(data, json.loads(events[number])), *events[number + 1 :]])
    try:
        return answered(exchange, spoil(data, exchange.answered.json))
    except Absent:
        return exchange


@few
@given(numbers, st.data())
def test_an_odd_value_anywhere_in_an_answer_raises_nothing(number: int, data: st.DataObject) -> None:
    raises_nothing(spoilt(data, ALONE[number % len(ALONE)]))


@few
@given(numbers, st.data())
def test_an_odd_value_anywhere_in_a_request_raises_nothing(number: int, data: st.DataObject) -> None:
    exchange = ASKING[number % len(ASKING)]
    raises_nothing(replace(exchange, request=replace(exchange.request, body=spoil(data, exchange.request.json))))


@few
@given(numbers, st.data())
def test_odd_values_in_exchanges_that_are_compared_raise_nothing(number: int, data: st.DataObject) -> None:
    raises_nothing(*(spoilt(data, exchange) for exchange in TOGETHER[number % len(TOGETHER)]))


@few
@given(numbers, st.binary(max_size=40), st.sampled_from([200, 204, 301, 400, 500, 0, 999]))
def test_any_bytes_under_any_status_raise_nothing(number: int, body: bytes, status: int) -> None:
    raises_nothing(answered(ALONE[number % len(ALONE)], body, status=status))


@few
@given(numbers, st.lists(st.tuples(st.sampled_from(HEADERS), st.text(max_size=8)), max_size=6))
def test_any_headers_raise_nothing(number: int, headers: list[tuple[str, str]]) -> None:
    raises_nothing(answered(ALONE[number % len(ALONE)], None, headers=tuple(headers)))


@few
@given(numbers, st.text(alphabet="/[]?#%&=:.@²\ud800v1models长", max_size=12), st.booleans())
def test_any_url_raises_nothing(number: int, odd: str, first: bool) -> None:
    exchange = ALONE[number % len(ALONE)]
    url = f"/{odd}{exchange.request.url}" if first else f"{exchange.request.url}{odd}"
    raises_nothing(replace(exchange, request=replace(exchange.request, url=url)))


@few
@given(
    numbers, st.data(), st.sampled_from([b"", b"x", b"1e999", b"nan", b"-1", b"9" * 5000, "²".encode(), b"\xff", b"[]"])
)
def test_an_odd_value_in_a_form_raises_nothing(number: int, data: st.DataObject, value: bytes) -> None:
    exchange = FORMS[number % len(FORMS)]
    parts = list(exchange.request.form)
    at = data.draw(st.integers(0, len(parts) - 1), "part")
    parts[at] = replace(parts[at], value=value)
    raises_nothing(replace(exchange, request=replace(exchange.request, given_form=tuple(parts))))


@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        b"9" * 100_000,
        b'{"choices": 1e999}',
        b"data: " + DEEP + b"\n\n",
        b'{"choices": %b}' % NESTED,
        b'{"data": [{"id": %b}], "error": %b}' % (NESTED, NESTED),
        b'data: {"choices": %b}\n\n' % NESTED,
    ],
)
def test_extreme_json_raises_nothing(body: bytes) -> None:
    for exchange in {each.surface: each for each in ALONE}.values():
        raises_nothing(answered(exchange, body))
