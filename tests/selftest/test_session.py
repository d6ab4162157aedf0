"""A run against relays of every kind: the right order, the right count, the right verdicts, and never an exception."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import pytest
from rawserver import free_address, raw
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from relayproof import probes, rules
from relayproof.judge import FAILS, NOT_OFFERED, PASSES, UNTESTED, Judgement, Verdict, judge, summarise
from relayproof.probe import CENTS, Probe
from relayproof.reference import KEY, make_app, serving
from relayproof.relay import Key, Limits, Relay, Timeouts
from relayproof.session import Run, run
from relayproof.surface import ANTHROPIC, CHAT, CHAT_STREAM, ERRORS, GEMINI, MODELS

FAMILY = (MODELS, CHAT, CHAT_STREAM, ERRORS)
SPINE = [probe for probe in probes.load().values() if {probe.surface, probe.gate} <= {*FAMILY} and probe.spend <= CENTS]
QUICK = Timeouts(connect=2, first_byte=2, gap=2, whole=5)
Handler = Callable[[Request], Awaitable[Response]]


def ran(url: str, chosen: list[Probe] = SPINE, *, key: str = KEY, **settings: Any) -> Run:
    return run(Relay(url, Key(key), timeouts=QUICK, **({"limits": Limits(requests=60)} | settings)), chosen)


def verdicts(result: Run) -> list[Verdict]:
    judged = judge(result.exchanges, rules.load().values(), result.relay.profile)
    assert not judged.errors, judged.errors[0].trace
    return [*judged.verdicts, *(left.verdict() for left in result.left_out)]


def exit_code(result: Run) -> int:
    return summarise(Judgement(verdicts(result))).exit_code


def failed(result: Run) -> set[str]:
    return {verdict.rule for verdict in verdicts(result) if verdict.failed}


def untested(result: Run) -> set[str]:
    return {verdict.surface for verdict in verdicts(result) if verdict.outcome is UNTESTED}


def app(*routes: tuple[str, Handler]) -> Starlette:
    """Paths and what answers them, whatever the method; the first that matches."""
    methods = ["GET", "POST", "OPTIONS", "PUT", "DELETE"]
    return Starlette(routes=[Route(path, handler, methods=methods) for path, handler in routes])


def always(answer: Response) -> Handler:
    async def handler(request: Request) -> Response:
        return Response(answer.body, answer.status_code, dict(answer.headers))

    return handler


def error(status: int, message: str, code: str | None = None) -> Response:
    envelope = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": envelope}, status_code=status)


LIST = JSONResponse(
    {"object": "list", "data": [{"id": "gpt-4o-mini", "object": "model", "created": 1_700_000_000, "owned_by": "x"}]}
)


@pytest.fixture(scope="module")
def reference() -> Iterator[Run]:
    with serving() as url:
        yield ran(url)


def test_the_reference_relay_passes_without_a_warning_and_with_nothing_untested(reference: Run) -> None:
    assert reference.left_out == []
    outcomes = {verdict.outcome for verdict in verdicts(reference)}
    assert outcomes == {PASSES}, [each for each in verdicts(reference) if each.outcome is not PASSES]
    assert exit_code(reference) == 0


def test_no_more_is_sent_than_the_plan_says(reference: Run) -> None:
    sent = Counter(exchange.probe for exchange in reference.exchanges)
    assert reference.requests == sent.total() == len(reference.exchanges)
    assert sent == {probe.name: probe.requests for probe in SPINE}
    assert reference.tokens <= sum(probe.most_tokens(reference.relay) for probe in SPINE)


def test_the_order_is_models_then_basics_then_the_rest_then_the_bad_ones_then_a_good_one(reference: Run) -> None:
    names = [exchange.probe for exchange in reference.exchanges]
    kinds = {probe.name: (probe.basic, probe.negative) for probe in SPINE}
    basics = [probe.name for probe in SPINE if probe.basic]
    assert names[0] == "models/listing"
    assert set(names[: len(basics)]) == set(basics)
    negative = [kinds[name][1] for name in names[:-1]]
    assert negative == sorted(negative)
    assert reference.exchanges[-1].expect["after"] == "bad requests"
    assert (names[-1], reference.exchanges[-1].status) == ("chat/plain", 200)


def test_ids_are_in_the_order_of_sending(reference: Run) -> None:
    ids = [exchange.id for exchange in reference.exchanges]
    assert ids == [f"{number:03d}" for number in range(1, len(ids) + 1)]


def test_the_key_is_nowhere_in_a_run(reference: Run) -> None:
    assert KEY not in repr(reference)


def test_other_requests_are_sent_side_by_side() -> None:
    together = threading.Barrier(4)

    async def chat(request: Request) -> Response:
        body = json.loads(await request.body())
        if "用一句话" not in body["messages"][0]["content"]:
            await in_thread(lambda: together.wait(2))
        return error(400, "no")

    rest = [probe for probe in SPINE if probe.surface == CHAT and not probe.basic][:4]
    with serving(app(("/v1/models", always(LIST)), ("/v1/chat/completions", chat))) as url:
        result = ran(url, [*[probe for probe in SPINE if probe.name == "models/listing"], *rest])
    assert not together.broken
    assert len(result.exchanges) == 5


async def in_thread(wait: Callable[[], Any]) -> None:
    await anyio.to_thread.run_sync(wait)


def test_probes_that_cost_more_than_allowed_are_not_sent() -> None:
    with serving() as url:
        result = ran(url, limits=Limits(spend=probes.load()["models/listing"].spend))
    assert {probe.name for probe in SPINE if probe.spend > 0} & {each.probe for each in result.exchanges} == set()
    assert result.exchanges


def test_a_spent_budget_leaves_the_rest_untested_and_is_never_overrun() -> None:
    with serving() as url:
        result = ran(url, limits=Limits(requests=5))
    assert (len(result.exchanges), result.requests) == (5, 5)
    assert any("budget of 5 requests is spent" in left.reason for left in result.left_out)
    assert exit_code(result) == 4


def test_a_relay_with_a_list_and_nothing_else_is_measured_there_and_fails() -> None:
    with serving(app(("/v1/models", always(LIST)))) as url:
        result = ran(url)
    asked = [exchange for exchange in result.exchanges if exchange.probe.startswith("chat")]
    assert [exchange.probe for exchange in asked] == ["chat/plain"]
    assert "every-response/valid-request-is-answered" in failed(result)
    assert exit_code(result) == 1


def test_a_relay_that_lists_no_chat_model_does_not_offer_chat() -> None:
    speech = JSONResponse({"object": "list", "data": [dict(json.loads(LIST.body)["data"][0], id="tts-1")]})
    with serving(app(("/v1/models", always(speech)))) as url:
        result = ran(url, [probe for probe in SPINE if probe.surface != ERRORS])
    assert {left.surface: left.outcome for left in result.left_out} == {CHAT: NOT_OFFERED, CHAT_STREAM: NOT_OFFERED}


def test_where_no_model_is_known_none_is_asked_for() -> None:
    bodies: list[bytes] = []

    async def listen(request: Request) -> Response:
        bodies.append(await request.body())
        return error(404, "no such model", "model_not_found")

    with serving(app(("/v1/chat/completions", listen))) as url:
        result = ran(url)
    assert {"chat", "chat_stream"} <= untested(result)
    assert bodies == []
    assert "errors/bad-key-is-refused" not in failed(result)


def test_models_that_are_served_in_openais_dialect_alone_are_asked_for_in_no_other() -> None:
    card = json.loads(LIST.body)["data"][0]
    cards = [card | {"id": f"{name}-flash"} for name in ("claude", "gemini")]
    several = JSONResponse({"object": "list", "data": cards})
    native = [probe for probe in probes.load().values() if probe.surface in (MODELS, ANTHROPIC, GEMINI)]
    lost = always(error(404, "Invalid URL"))
    with serving(app(("/v1/models", always(several)), ("/{path:path}", lost))) as url:
        result = ran(url, [probe for probe in native if {probe.surface, probe.gate} <= {MODELS, ANTHROPIC, GEMINI}])
    assert {each.surface for each in result.exchanges} == {MODELS}
    assert {left.surface: left.outcome for left in result.left_out} == {ANTHROPIC: NOT_OFFERED, GEMINI: NOT_OFFERED}


def test_html_for_every_path_fails_and_is_told() -> None:
    page = HTMLResponse("<!doctype html><title>Relay</title>")
    with serving(app(("/{path:path}", always(page)))) as url:
        result = ran(url)
    assert {"every-response/body-is-one-json-value", "errors/unknown-path-is-not-found"} <= failed(result)
    assert {CHAT, CHAT_STREAM} <= untested(result)
    assert exit_code(result) == 1


def test_a_model_named_by_the_user_is_asked_where_the_list_is_a_page() -> None:
    page = HTMLResponse("<!doctype html><title>Relay</title>")
    with serving(app(("/{path:path}", always(page)))) as url:
        result = ran(url, models={"*": "gpt-4o-mini"})
    assert {"every-response/body-is-one-json-value", "chat-stream/stream-is-a-stream"} <= failed(result)
    assert exit_code(result) == 1


def test_a_wrong_key_is_untested_with_the_relays_own_words() -> None:
    with serving() as url:
        result = ran(url, key="sk-wrong-0123456789abcdef")
    reasons = [verdict.reason for verdict in verdicts(result) if verdict.outcome is UNTESTED]
    assert any("401" in reason and "The API key is not known." in reason for reason in reasons)
    assert failed(result) == set()
    assert exit_code(result) == 4


def test_a_relay_that_is_not_there_is_untested_with_the_reason() -> None:
    result = ran(free_address())
    assert verdicts(result)
    assert {verdict.outcome for verdict in verdicts(result)} == {UNTESTED}
    assert any(verdict.reason.startswith("unreachable: ") for verdict in verdicts(result))
    assert exit_code(result) == 4


def test_what_speaks_no_http_fails() -> None:
    with raw(b"HTTP/9.9 weather\r\n\r\n") as url:
        result = ran(url)
    assert "every-response/arrives-whole" in failed(result)
    assert exit_code(result) == 1


def test_a_breaker_that_opens_on_bad_requests_is_the_one_thing_that_is_told() -> None:
    with serving(Breaker(make_app(), after=3)) as url:
        result = ran(url)
    warned = {verdict.rule for verdict in verdicts(result) if verdict.warns}
    assert "errors/bad-requests-do-no-harm" in warned
    assert failed(result) <= {"every-response/valid-request-is-answered"}
    assert any("had stopped answering good requests" in verdict.reason for verdict in verdicts(result))
    assert exit_code(result) != 0


class Breaker:
    """The reference relay behind a circuit breaker that counts clients' mistakes on chat."""

    def __init__(self, inner: Any, *, after: int) -> None:
        self.inner, self.left = inner, after

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.left <= 0 and scope["path"].endswith("/chat/completions") and scope["method"] == "POST":
            await error(503, "the circuit is open")(scope, receive, send)
            return

        async def count(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] in (400, 422):
                self.left -= 1
            await send(message)

        await self.inner(scope, receive, count)


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse(None),
        JSONResponse([]),
        JSONResponse({"data": None}),
        JSONResponse({"object": "list", "data": ["gpt-4o-mini", {"id": 7}, {"id": ""}, None]}),
        Response(b"\xff\xfe", 200),
        Response(b"", 204),
        Response(b"", 304),
        error(500, "boom"),
    ],
)
def test_no_model_list_however_odd_raises(answer: Response) -> None:
    with serving(app(("/{path:path}", always(answer)))) as url:
        result = ran(url)
    assert exit_code(result) != 0


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({"choices": []}),
        JSONResponse({"choices": [None], "usage": {"total_tokens": "many"}}),
        JSONResponse({"id": 1, "choices": [{"message": {"tool_calls": {"0": 1}}}]}),
        Response(b"data: {}\n\ndata: [DONE]\n\n", 200, media_type="text/event-stream"),
        Response(b"", 200),
        JSONResponse({"error": {"message": None}}, status_code=599),
    ],
)
def test_no_answer_however_odd_raises(answer: Response) -> None:
    with serving(app(("/v1/models", always(LIST)), ("/{path:path}", always(answer)))) as url:
        result = ran(url)
    assert exit_code(result) == 1


def test_rules_pass_and_fail_by_the_same_measure_in_both_profiles(reference: Run) -> None:
    strict = judge(reference.exchanges, rules.load().values(), "openai").verdicts
    assert {verdict.outcome for verdict in strict} == {PASSES}
    assert FAILS not in {verdict.outcome for verdict in verdicts(reference)}


def busy_first(wait: str) -> tuple[Handler, list[str]]:
    """A list that is refused at its first call, with that Retry-After; and the paths that were asked for."""
    asked: list[str] = []

    async def handler(request: Request) -> Response:
        asked.append(request.url.path)
        if len(asked) > 1:
            return LIST
        limited = error(429, "Rate limit reached", "rate_limit_exceeded")
        limited.headers["retry-after"] = wait
        return limited

    return handler, asked


LISTING = [probe for probe in SPINE if probe.name == "models/listing"]


def test_a_busy_relay_is_asked_again_when_it_says() -> None:
    handler, asked = busy_first("0")
    with serving(app(("/v1/models", handler))) as url:
        result = ran(url, LISTING)
    assert [each.status for each in result.exchanges] == [429, 200]
    assert not failed(result) | untested(result)
    assert len(asked) == result.requests == 2


@pytest.mark.parametrize("wait", ["86400", "Wed, 21 Oct 2026 07:28:00 GMT", "soon", "120"])
def test_a_relay_that_is_busy_for_long_is_not_waited_for(wait: str) -> None:
    handler, asked = busy_first(wait)
    with serving(app(("/v1/models", handler))) as url:
        result = ran(url, LISTING)
    assert len(asked) == 1
    assert untested(result)


def test_a_relay_that_sells_claude_through_its_own_path_only_does_not_offer_chat() -> None:
    card = {"id": "claude-haiku-4-5", "object": "model", "created": 1_700_000_000, "owned_by": "x"}
    listed = JSONResponse({"object": "list", "data": [card]})
    gone = always(error(404, "Invalid URL"))
    with serving(app(("/v1/models", always(listed)), ("/{path:path}", gone))) as url:
        result = ran(url)
    assert not [each for each in result.exchanges if each.surface in (CHAT, CHAT_STREAM)]
    assert {left.outcome for left in result.left_out if left.surface == CHAT} == {NOT_OFFERED}


def test_a_relay_without_a_list_is_asked_for_the_model_that_the_user_names() -> None:
    with serving(
        app(("/v1/chat/completions", always(error(500, "down"))), ("/{path:path}", always(error(404, "no"))))
    ) as url:
        result = ran(url, models={"*": "gpt-4o-mini"})
    assert {left.outcome for left in result.left_out if left.surface == MODELS} == {NOT_OFFERED}
    assert [each for each in result.exchanges if each.surface == CHAT]
    assert not [each for each in result.exchanges if each.surface == MODELS]
