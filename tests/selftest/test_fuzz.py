"""Generated requests: what is sent, how many, and what is found."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner
from clumsy import BROKEN, FAULTS, INSTEAD, Clumsy, many_stops
from starlette.responses import JSONResponse

from relayproof import fuzz, runs, schema
from relayproof.cli import main
from relayproof.exchange import Exchange
from relayproof.fuzz import regressions, sequence
from relayproof.fuzz.case import Case, make
from relayproof.fuzz.generate import Drawn
from relayproof.fuzz.tame import CALLBACKS, ROOM
from relayproof.judge import FAILS, PASSES, UNTESTED, Verdict
from relayproof.openapi import Operation, operations
from relayproof.pointer import find
from relayproof.probe import CENTS, FREE, MONEY, Spend
from relayproof.reference import KEY, chat, make_app, serving
from relayproof.relay import Key, Limits, Relay, Timeouts
from relayproof.results import Results
from relayproof.session import Run
from relayproof.surface import CHAT, CHAT_STREAM, EMBEDDINGS, MIDJOURNEY, SUNO
from relayproof.wire.cassette import read
from relayproof.wire.scrub import Scrubber

TALK = frozenset({CHAT, CHAT_STREAM})
MODELS = {"*": "gpt-4o-mini", "audio": "tts-1", "transcription": "whisper-1", "images": "gpt-image-1"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "A_TOKEN_TAKES", 0)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as found:
        yield found


def relay(url: str, requests: int, spend: Spend = CENTS, **facts: object) -> Relay:
    limits = replace(fuzz.limits(Limits(), requests), spend=spend)
    return Relay(url=url, key=Key(KEY), limits=limits, timeouts=Timeouts(first_byte=5), **facts)  # type: ignore[arg-type]


def asked(run: Run) -> list[tuple[str, str, bytes]]:
    return [(each.request.method, each.request.url, each.request.body) for each in run.exchanges]


def operation(name: str) -> Operation:
    return next(each for each in operations() if each.name == name)


def cases(name: str, number: int, *, legal: bool = True, seed: int = 1) -> list[Case]:
    drawn, known = drawing(name, legal, seed)
    known.extend(islice(drawn, max(number - len(known), 0)))
    return known[:number]


@cache
def drawing(name: str, legal: bool, seed: int) -> tuple[Iterator[Case], list[Case]]:
    """The cases still to come, and those that a test has had: making them is slow."""
    somewhere = Relay(url="http://127.0.0.1:1", models=MODELS)
    found = operation(name)
    made = sequence.legal(found, somewhere, seed, (False, True)) if legal else sequence.illegal(found, somewhere, seed)
    return made, []


@pytest.mark.thorough
def test_a_budget_of_25_sends_25(url: str) -> None:
    run = fuzz.run(relay(url, 25))
    assert len(run.exchanges) == run.requests == 25


@pytest.mark.thorough
def test_a_run_with_room_for_smaller_requests_stays_in_the_budget() -> None:
    with serving(Clumsy(make_app(), frozenset({"legal stop strings break it"}))) as url:
        run, _ = fuzz.run_and_judge(relay(url, 60), only=TALK, illegal=False, tries=20, seed=1)
    assert run.requests <= 60


@pytest.mark.thorough
def test_the_same_seed_sends_the_same_requests(url: str) -> None:
    first, second, other = (fuzz.run(relay(url, 30), only=TALK, seed=seed) for seed in (3, 3, 4))
    assert asked(first) == asked(second)
    assert asked(first) != asked(other)


@pytest.mark.thorough
def test_the_same_seed_makes_the_same_cases_in_another_process() -> None:
    name, number = "POST /suno/submit/music", 20
    listing = f"print(*[case.key for case in cases({name!r}, {number}, legal=legal)])"
    code = f"from test_fuzz import cases\nfor legal in (True, False): {listing}"
    here = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=here, capture_output=True, text=True, check=True)
    own = [" ".join(str(case.key) for case in cases(name, number, legal=legal)) for legal in (True, False)]
    assert done.stdout.splitlines() == own
    assert len(done.stdout) > 2000


@pytest.mark.parametrize("each", operations(), ids=lambda each: each.name)
def test_legal_cases_are_legal_and_illegal_ones_are_not(each: Operation) -> None:
    if not each.request or each.form:
        return
    for legal in (True, False):
        found = cases(each.name, 5, legal=legal)
        assert found
        assert all(schema.valid(each.request, case.call.json) is legal for case in found if case.call.body is None)


@pytest.mark.parametrize("name", ["POST /v1/chat/completions", "POST /v1/completions", "POST /v1/messages"])
@pytest.mark.parametrize("legal", [True, False])
def test_what_a_model_may_write_is_bounded_in_every_request(name: str, legal: bool) -> None:
    for case in cases(name, 15, legal=legal):
        if not isinstance(case.call.json, dict):
            continue
        assert case.call.json["max_tokens"] == ROOM
        assert "max_completion_tokens" not in case.call.json
        assert case.call.json.get("n") is None or not isinstance(case.call.json["n"], int) or case.call.json["n"] <= 2


def test_what_gemini_may_write_is_bounded_in_every_request() -> None:
    found = [
        case.call.json
        for legal in (True, False)
        for case in cases("POST /v1beta/models/{model}:generateContent", 15, legal=legal)
    ]
    bodies = [body for body in found if isinstance(body, dict)]
    assert bodies
    assert all(body["generationConfig"]["maxOutputTokens"] == ROOM for body in bodies)


def test_the_model_is_the_relays_own() -> None:
    found = {case.call.json["model"] for case in cases("POST /v1/chat/completions", 60)}
    assert found == {"gpt-4o-mini"}


@pytest.mark.thorough
def test_no_callback_and_no_address_is_ever_sent() -> None:
    for name in (
        "POST /mj/submit/imagine",
        "POST /suno/submit/music",
        "POST /v1/chat/completions",
        "POST /v1/messages",
    ):
        for case in cases(name, 40):
            assert not set(case.call.json) & set(CALLBACKS)
            assert "://" not in json.dumps(case.call.json)


def test_an_address_or_a_tool_that_an_upstream_runs_makes_no_case() -> None:
    somewhere = Relay(url="http://127.0.0.1:1", models=MODELS)
    picture = {"type": "image_url", "image_url": {"url": "https://pictures.example/1.png"}}
    body = {"model": "m", "messages": [{"role": "user", "content": [picture]}]}
    assert make(operation("POST /v1/chat/completions"), Drawn(body=body), somewhere) is None
    search = {"type": "web_search_20250305", "name": "web_search"}
    message = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "tools": [search]}
    assert make(operation("POST /v1/messages"), Drawn(body=message), somewhere) is None


def test_forms_carry_real_sounds_and_pictures() -> None:
    for name, start in (("POST /v1/audio/transcriptions", (b"ID3", b"\xff")), ("POST /v1/images/edits", (b"\x89PNG",))):
        for case in cases(name, 10):
            files = [value for _, value in case.call.form if not isinstance(value, str)]
            assert files
            assert all(file.data.startswith(start) for file in files)


def test_legal_cases_come_with_and_without_a_stream() -> None:
    streams = [bool(case.call.json.get("stream")) for case in cases("POST /v1/chat/completions", 40)]
    assert 8 < sum(streams) < 32


def test_unusual_cases_come_early() -> None:
    bodies = [case.call.json for case in cases("POST /v1/chat/completions", 90)]
    texts = [text for body in bodies for _, text in find(body, "/messages/*/content", str)]
    assert any(not text.isascii() for text in texts)
    assert "" in texts
    assert any(len(name) == 64 for body in bodies for _, name in find(body, "/tools/*/function/name", str))
    assert any(body.get("n") == 2 and body.get("stream") for body in bodies)
    assert any(isinstance(body.get("stop"), list) and len(body["stop"]) == 4 for body in bodies)
    assert any(sum(value is None for value in body.values()) > 5 for body in bodies)


def test_what_costs_money_is_asked_only_with_leave(url: str) -> None:
    dear = {each.path for each in operations() if each.spend is MONEY}
    some = frozenset({MIDJOURNEY, SUNO})
    assert not {each.request.url for each in fuzz.run(relay(url, 30), only=some).exchanges} & dear
    assert {each.request.url for each in fuzz.run(relay(url, 30, MONEY), only=some).exchanges} & dear


def test_with_no_leave_for_tokens_only_free_requests_are_sent(url: str) -> None:
    run = fuzz.run(relay(url, 20, FREE))
    assert {each.surface for each in run.exchanges} <= {"models", MIDJOURNEY, SUNO}
    assert len(run.exchanges) == 20


@pytest.mark.thorough
def test_the_reference_relay_survives(url: str) -> None:
    run = fuzz.run(relay(url, 150, MONEY, profile="openai"), seed=2)
    results = fuzz.results(run)
    assert not results.errors
    assert [(each.rule, each.findings) for each in results.verdicts if each.outcome is FAILS] == []
    assert {each.expect.get("generated") for each in run.exchanges} >= {"valid", "invalid"}


FOUND_BY = {
    "legal stop strings break it": ("properties/legal-request-is-no-server-error", "status", 500),
    "long tool names break it": ("properties/legal-request-is-no-server-error", "status", 502),
    "a wrong type breaks it": ("properties/illegal-request-is-no-server-error", "request /temperature", 500),
    "another envelope": ("errors/matches-schema", "/", 422),
    "a web page": ("errors/body-is-json", "body", 400),
    "an illegal field is ignored": ("properties/illegal-request-is-refused", "request /presence_penalty", 200),
    "empty content loses the role": ("chat/matches-schema", "/choices/0/message", 200),
    "null loses the usage": ("chat/matches-schema", "/usage", 200),
    "Unicode loses the object": ("chat-stream/matches-schema", "event 0", 200),
    "n with a stream keeps one index": ("chat-stream/choice-indexes-are-those-asked-for", "/choices", 200),
}


@pytest.fixture(scope="module")
def clumsy_run() -> tuple[Run, Results]:
    with serving(Clumsy(make_app(), frozenset(FOUND_BY))) as url:
        return fuzz.run_and_judge(relay(url, 300), only=TALK, seed=1)


@pytest.mark.thorough
@pytest.mark.parametrize("fault", FOUND_BY)
def test_300_requests_find_the_fault(fault: str, clumsy_run: tuple[Run, Results]) -> None:
    run, results = clumsy_run
    rule, where, status = FOUND_BY[fault]
    failures = [each for each in results.verdicts if each.outcome is FAILS and each.rule == rule]
    assert [each for each in failures if each.findings[0].where.startswith(where) and _status(run, each) == status]


def _status(run: Run, verdict: Verdict) -> int:
    return next(each.status for each in run.exchanges if each.id == verdict.exchanges[-1])


def test_every_fault_is_one_that_a_test_looks_for() -> None:
    assert set(FOUND_BY) | {"it hangs"} == set(FAULTS)


@pytest.mark.thorough
def test_a_request_that_hangs_is_found_and_asking_ends() -> None:
    with serving(Clumsy(make_app(), frozenset({"it hangs"}))) as url:
        slow = replace(relay(url, 100), timeouts=Timeouts(first_byte=0.3))
        run, results = fuzz.run_and_judge(slow, only=TALK, illegal=False, seed=1)
    found = [each for each in results.verdicts if each.outcome is FAILS]
    assert [each.rule for each in found] == ["properties/every-request-gets-an-answer"]
    assert sum(each.response is None for each in run.exchanges) <= 3


@pytest.fixture(scope="module")
def few() -> tuple[Run, Results]:
    """A short run on a relay with three faults."""
    chosen = ("legal stop strings break it", "n with a stream keeps one index", "null loses the usage")
    with serving(Clumsy(make_app(), frozenset(chosen))) as url:
        return fuzz.run_and_judge(relay(url, 90), only=TALK, illegal=False, seed=1)


def test_each_failure_is_told_once_by_its_smallest_request(few: tuple[Run, Results]) -> None:
    run, results = few
    rule = "properties/legal-request-is-no-server-error"
    broken = [each for each in runs.from_run(run, narrow=True).verdicts if each.rule == rule and each.outcome is FAILS]
    (told,) = [each for each in results.verdicts if each.rule == rule and each.outcome is FAILS]
    assert len(broken) > 1
    assert len(_exchange(run, told).request.body) == min(len(_exchange(run, each).request.body) for each in broken)


def _exchange(run: Run, verdict: Verdict) -> Exchange:
    return next(each for each in run.exchanges if each.id == verdict.exchanges[-1])


@pytest.mark.thorough
def test_leave_to_try_makes_the_failing_request_smaller() -> None:
    with serving(Clumsy(make_app(), frozenset({"legal stop strings break it"}))) as url:
        plain, told = fuzz.run_and_judge(relay(url, 60), only=TALK, illegal=False, seed=1)
        tried, less = fuzz.run_and_judge(relay(url, 110), only=TALK, illegal=False, seed=1, tries=50)
    before, after = (_only_failure(run, results) for run, results in ((plain, told), (tried, less)))
    assert len(after.request.body) < len(before.request.body)
    assert len(after.request.json["stop"]) == 4
    assert set(after.request.json) == {"model", "messages", "max_tokens", "stop"}


def _only_failure(run: Run, results: Results) -> Exchange:
    (found,) = [each for each in results.verdicts if each.outcome is FAILS]
    return _exchange(run, found)


def test_failures_are_kept_as_cassette_commands_and_test(few: tuple[Run, Results], tmp_path: Path) -> None:
    run, results = few
    number = regressions.save(run, results, tmp_path / "kept", Scrubber([KEY]))
    kept = regressions.read(tmp_path / "kept")
    assert len(kept) == number == len([each for each in results.verdicts if each.outcome is FAILS])
    assert all(regressions.recorded(each) for each in kept)
    again = runs.replay(tmp_path / "kept")
    assert {each.rule for each in kept} <= {each.rule for each in again.verdicts if each.outcome is FAILS}
    assert "curl -i" in (tmp_path / "kept" / "failures.md").read_text("utf-8")
    assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_kept_failures_are_gone_on_a_good_relay(few: tuple[Run, Results], tmp_path: Path, url: str) -> None:
    run, results = few
    regressions.save(run, results, tmp_path, Scrubber([KEY]))
    good = relay(url, 50)
    assert [str(each) for each in regressions.read(tmp_path) if regressions.asked_again(each, good)] == []


@pytest.mark.thorough
def test_the_kept_tests_run(few: tuple[Run, Results], tmp_path: Path) -> None:
    run, results = few
    for name in ("today", "before-today"):
        number = regressions.save(run, results, tmp_path / name, Scrubber([KEY]))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert f"{2 * number} passed, {2 * number} skipped" in done.stdout


def test_a_relay_that_shuts_itself_ends_the_run() -> None:
    class Breaker(Clumsy):
        """Three server errors shut it."""

        errors = 0

        async def __call__(self, scope, receive, send):  # type: ignore[no-untyped-def]
            async def counting(message):  # type: ignore[no-untyped-def]
                if message["type"] == "http.response.start":
                    self.errors += message["status"] >= 500
                    message = message | ({"status": 503} if self.errors >= 3 else {})
                await send(message)

            await super().__call__(scope, receive, counting)

    breaking = ("legal stop strings break it", "long tool names break it", "a wrong type breaks it")
    with serving(Breaker(make_app(), frozenset(breaking))) as url:
        run = fuzz.run(relay(url, 100), only=TALK, seed=1)
    assert run.requests < 100
    assert "stopped answering good requests" in run.left_out[-1].reason
    assert all(each.expect.get("shut") for each in run.exchanges if each.status == 503)


def test_what_the_relay_does_not_serve_is_left_out_after_one_request() -> None:
    app = make_app()
    app.router.routes = [route for route in app.router.routes if getattr(route, "path", "") != "/v1/embeddings"]
    with serving(app) as url:
        run = fuzz.run(relay(url, 20), only=frozenset({EMBEDDINGS}))
    assert [each.outcome for each in run.left_out] == ["not-offered"]
    assert run.requests == 2


def test_the_command_says_what_it_found(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYPROOF_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    with serving(Clumsy(make_app(), frozenset({"an illegal field is ignored"}))) as bad:
        command = ["fuzz", bad, "--max-requests", "80", "--only", "chat", "--negative", "--save-regressions", "kept"]
        result = CliRunner().invoke(main, command)
    assert result.exit_code == 0
    assert "should properties/illegal-request-is-refused" in result.output
    assert "request /presence_penalty" in result.output
    assert KEY not in result.output
    exchanges, _ = read(tmp_path / "kept")
    assert len(exchanges) == 1


CALL = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "get_time"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "noon"}
ASKED = {"role": "user", "content": "What time is it?"}
USED = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "get_time", "input": {}}]}
CLOCK = {"name": "get_time", "input_schema": {"type": "object"}}
SPEAKING = "POST /v1/chat/completions"
CLAUDE = "POST /v1/messages"
GOOGLE = "POST /v1beta/models/{model}:generateContent"
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}
SENSELESS: tuple[tuple[str, dict[str, object]], ...] = (
    (SPEAKING, {"messages": [ASKED, CALLED]}),
    (SPEAKING, {"messages": [ASKED, RESULT]}),
    (
        SPEAKING,
        {"messages": [ASKED, CALLED | {"tool_calls": [CALL | {"function": {"name": "", "arguments": "x"}}]}, RESULT]},
    ),
    (SPEAKING, {"messages": [ASKED | {"name": "a b"}]}),
    (SPEAKING, {"messages": [{"role": "user", "content": [PICTURE]}]}),
    (SPEAKING, {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "another"}}}),
    (SPEAKING, {"tools": [TOOL, TOOL]}),
    (SPEAKING, {"response_format": {"type": "json_object"}}),
    (CLAUDE, {"tool_choice": {"type": "any"}}),
    (CLAUDE, {"tools": [CLOCK], "tool_choice": {"type": "tool", "name": "another"}}),
    (CLAUDE, {"tools": [CLOCK], "messages": [ASKED, USED]}),
    (CLAUDE, {"messages": [{"role": "user", "content": " "}]}),
    (CLAUDE, {"messages": [ASKED, {"role": "assistant", "content": "It is "}]}),
    (GOOGLE, {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
    (GOOGLE, {"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "get_time", "response": {}}}]}]}),
    (GOOGLE, {"safetySettings": [{"category": "x", "threshold": "y"}]}),
    ("POST /v1/audio/speech", {"voice": "nobody"}),
    ("POST /v1/images/generations", {"model": "an image model", "size": "17x4711"}),
    ("POST /mj/submit/describe", {"base64": "data:image/png;base64,aGVsbG8="}),
)
DOUBTFUL: tuple[tuple[str, dict[str, object]], ...] = (
    ("POST /v1/chat/completions", {"temperature": "0.5"}),
    ("POST /v1/chat/completions", {"user": None}),
    ("POST /v1/completions", {"prompt": ""}),
    ("POST /v1/embeddings", {"dimensions": 5000}),
    ("POST /v1/embeddings", {"encoding_format": ""}),
    ("POST /v1beta/models/{model}:generateContent", {"contents": {"parts": {"text": "hello"}}}),
    ("POST /v1beta/models/{model}:generateContent", {"generationConfig": {"topK": "3", "stopSequences": "x"}}),
    ("POST /mj/submit/imagine", {"botType": "a basic relay knows none"}),
    ("POST /mj/submit/imagine", {"state": 5}),
    ("POST /mj/task/list-by-condition", {"ids": None}),
    ("POST /suno/fetch", {"ids": [5]}),
)


@pytest.mark.parametrize(("name", "odd"), SENSELESS, ids=lambda each: each if isinstance(each, str) else str(each))
def test_what_contradicts_itself_is_never_sent(name: str, odd: dict[str, object]) -> None:
    found = operation(name)
    body = schema.load(found.request)["examples"][0] | odd
    assert schema.valid(found.request, body)
    assert make(found, Drawn(body=body), Relay(url="http://127.0.0.1:1", models=MODELS)) is None


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        (SPEAKING, {"messages": [ASKED, CALLED, RESULT]}),
        (SPEAKING, {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "get_time"}}}),
        (SPEAKING, {"response_format": {"type": "json_object"}, "messages": [ASKED | {"content": "Answer in JSON."}]}),
        (CLAUDE, {"tools": [CLOCK], "tool_choice": {"type": "tool", "name": "get_time"}}),
        (CLAUDE, {"messages": [ASKED, {"role": "assistant", "content": "It is"}]}),
    ],
)
def test_what_fits_together_is_legal(name: str, odd: dict[str, object]) -> None:
    found = operation(name)
    body = schema.load(found.request)["examples"][0] | odd
    made = make(found, Drawn(body=body), Relay(url="http://127.0.0.1:1", models=MODELS))
    assert made is not None
    assert made.legal


def test_every_example_of_a_request_is_legal() -> None:
    for each in operations():
        for body in schema.load(each.request).get("examples", ()) if each.request else ():
            models = dict.fromkeys(MODELS, body["model"]) if body.get("model") else MODELS
            made = make(each, Drawn(body=body), Relay(url="http://127.0.0.1:1", models=models))
            assert made is not None, (each.name, body)
            assert made.legal, (each.name, body)


@pytest.mark.parametrize(("name", "odd"), DOUBTFUL, ids=lambda each: each if isinstance(each, str) else str(each))
def test_what_good_servers_read_in_two_ways_is_never_sent(name: str, odd: dict[str, object]) -> None:
    found = operation(name)
    somewhere = Relay(url="http://127.0.0.1:1", models={**MODELS, "embeddings": "text-embedding-3-small"})
    body = schema.load(found.request)["examples"][0] | odd
    assert make(found, Drawn(body=body), somewhere) is None


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("POST /v1/chat/completions", {"temperature": "warm"}),
        ("POST /v1/chat/completions", {"n": 0}),
        ("POST /v1/chat/completions", {"messages": []}),
        ("POST /v1/chat/completions", {"logit_bias": {"word": 1}}),
        ("POST /v1/messages", {"temperature": 2}),
        ("POST /v1beta/models/{model}:generateContent", {"contents": "hello"}),
        ("POST /mj/submit/imagine", {"prompt": " "}),
        ("POST /suno/fetch", {"ids": 5}),
    ],
)
def test_what_nobody_can_read_is_illegal(name: str, odd: dict[str, object]) -> None:
    found = operation(name)
    body = schema.load(found.request)["examples"][0] | odd
    made = make(found, Drawn(body=body), Relay(url="http://127.0.0.1:1", models=MODELS))
    assert made is not None
    assert not made.legal


def test_thinking_is_left_out_where_it_would_not_fit_into_the_tokens() -> None:
    body = schema.load("anthropic/message_request")["examples"][0]
    thinking = body | {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    made = make(operation("POST /v1/messages"), Drawn(body=thinking), Relay(url="http://127.0.0.1:1", models=MODELS))
    assert made is not None
    assert "thinking" not in made.call.json


def test_the_classical_mistakes_come_first() -> None:
    bodies = [case.call.json for case in cases("POST /v1/chat/completions", 12, legal=False)]
    objects = [body for body in bodies if isinstance(body, dict)]
    assert any("model" not in body for body in objects)
    assert any("messages" not in body for body in objects)
    assert any(not isinstance(body.get("messages", []), list) for body in objects)


def test_an_answer_is_held_to_a_shape_only_where_the_shape_is_an_object() -> None:
    found, somewhere = operation("POST /v1/chat/completions"), Relay(url="http://127.0.0.1:1", models=MODELS)
    plain = schema.load(found.request)["examples"][0]
    for inner in ({}, {"schema": {}}, {"schema": {"type": "string"}}):
        shaped = {"type": "json_schema", "json_schema": {"name": "x", **inner}}
        assert make(found, Drawn(body=plain | {"response_format": shaped}), somewhere) is None
    shaped = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    assert make(found, Drawn(body=plain | {"response_format": shaped}), somewhere) is not None


def test_a_relay_that_says_it_is_busy_is_not_blamed_for_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = "legal stop strings break it"
    busy = JSONResponse(BROKEN, 503, headers={"retry-after": "5"})
    monkeypatch.setitem(INSTEAD, fault, (many_stops, lambda: busy))
    with serving(Clumsy(make_app(), frozenset({fault}))) as url:
        _, results = fuzz.run_and_judge(relay(url, 60), only=TALK, illegal=False, seed=1)
    outcomes = {each.outcome for each in results.verdicts if each.rule == "properties/legal-request-is-no-server-error"}
    assert outcomes == {PASSES, UNTESTED}
