"""Generated requests: what holds for any input, legal or not. Which it was, the sender says: `expect["generated"]`."""

from __future__ import annotations

from collections.abc import Iterator

from relayproof import lifecycle
from relayproof.exchange import STATUS, Exchange
from relayproof.pointer import Absent, get
from relayproof.rule import ANY, EVEN_NONE, SHOULD, Finding, Untested, must, should
from relayproof.rules.every_response import EVERY, has_none_of_it, overloaded, said
from relayproof.rules.sources import ERROR_CODES, HTTP, OBSERVED
from relayproof.surface import MIDJOURNEY, SUNO

VALID, INVALID = "valid", "invalid"
NOT_BUILT = 501
NOTHING_SAID = (401, 402, 403, 429)


def generated(kind: str) -> object:
    """A predicate: the request was generated, and is (or is not) one that the contract allows."""
    return lambda exchange: exchange.expect.get("generated") == kind


@must(HTTP, on=EVERY, answers=EVEN_NONE, partial=True, when=lambda exchange: "generated" in exchange.expect)
def every_request_gets_an_answer(exchange: Exchange) -> Iterator[Finding]:
    """Every request gets an answer, whatever stands in it.

    One request that hangs holds a connection and a worker; a few of them stop the relay for everyone. A client can't
    tell a dropped connection from a bad network, and sends the same again.

    Fix: answer 400 for what can't be handled; catch what a handler throws; give every upstream call a time limit.
    """
    if exchange.response is not None:
        return
    if exchange.failure.startswith("unreachable"):
        raise Untested(exchange.failure)
    yield Finding("response", exchange.failure)


@must(ERROR_CODES, on=EVERY, answers=ANY, needs=STATUS, when=generated(VALID))
def legal_request_is_no_server_error(exchange: Exchange) -> Iterator[Finding]:
    """A request that the contract allows is never answered with a server error.

    On 5xx SDKs send the same again, three times, and the user is told that the service is down. What the model can't do
    is told by what_a_model_cannot_do_is_refused_with_4xx.

    Fix: find the field that breaks the relay; handle it, or pass the upstream's own answer on.
    """
    _measurable(exchange)
    if has_none_of_it(exchange):
        raise Absent("the model does not have what was asked for")
    if exchange.status >= 500:
        yield Finding("status", f"{exchange.status}: {said(exchange)}")


@must(ERROR_CODES, on=EVERY, answers=ANY, needs=STATUS, relay=SHOULD, when=generated(INVALID))
def illegal_request_is_no_server_error(exchange: Exchange) -> Iterator[Finding]:
    """A request that breaks the contract is refused with 4xx, not with a server error.

    It is the client's mistake, and will not go away by sending it again, which is what SDKs do on 5xx. new-api is known
    to answer 500 where a field has a wrong type.

    Fix: validate before the request goes upstream, and answer 400 with the field in `param`.
    """
    _measurable(exchange)
    if exchange.status >= 500:
        yield Finding(f"request {exchange.expect.get('at') or '/'}", f"{exchange.status} for {_wrong(exchange)}")


@should(OBSERVED, on=EVERY, answers=ANY, needs=STATUS, when=generated(INVALID))
def illegal_request_is_refused(exchange: Exchange) -> Iterator[Finding]:
    """A request that breaks the contract is refused.

    What is accepted is dropped or guessed: the client believes in a setting that has no effect, and pays for an answer
    that it did not ask for.

    Fix: validate, or pass the field on and give the upstream's refusal back.
    """
    if exchange.status in NOTHING_SAID:
        raise Absent("told by legal_request_is_no_server_error")
    if exchange.succeeded and not _refused_in_words(exchange):
        yield Finding(f"request {exchange.expect.get('at') or '/'}", f"{exchange.status} for {_wrong(exchange)}")


def _measurable(exchange: Exchange) -> None:
    """Raises Untested where the relay did not get as far as the request."""
    if exchange.status in NOTHING_SAID or overloaded(exchange):
        raise Untested(f"the relay answered {exchange.status}: {said(exchange)}")
    if exchange.expect.get("shut"):
        raise Untested(f"the relay had stopped answering good requests as well: {said(exchange)}")
    if exchange.status == NOT_BUILT:
        raise Absent("the relay does not serve it")


def _wrong(exchange: Exchange) -> str:
    return str(exchange.expect.get("with", "an illegal request"))


def _refused_in_words(exchange: Exchange) -> bool:
    """True for the dialects that say no with status 200, and for an error in a success, which has a rule of its own."""
    try:
        answer = exchange.answered.json
    except Absent:
        return False
    if get(answer, "/error") or get(answer, "/success") is False:
        return True
    if exchange.surface == MIDJOURNEY and lifecycle.kind(exchange) == lifecycle.SUBMIT:
        return get(answer, "/code") not in lifecycle.ACCEPTED
    return exchange.surface == SUNO and get(answer, "/code") not in ("success", 1)
