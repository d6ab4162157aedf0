"""How a run ends: relays of every kind, our own failures, an interruption; each with its code and a clear line."""

from __future__ import annotations

import asyncio
import itertools
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from commandline import FAMILY, FAULT, FEW, KEY, Wire, broken, own_rule, relayproof, started, written
from rawserver import free_address
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import Receive, Scope, Send

from relayproof import report, resume, session
from relayproof.reference import make_app, serving
from relayproof.relay import Relay
from relayproof.wire import cassette

LIST = {"object": "list", "data": [{"id": "gpt-4o-mini", "object": "model", "created": 1_700_000_000, "owned_by": "x"}]}


pytestmark = pytest.mark.usefixtures("here")


def test_a_broken_relay_is_1_and_told_with_its_fix() -> None:
    with broken(FAULT) as address:
        outcome = relayproof("run", address, "--only", "models")
    assert outcome.code == 1
    assert "FAIL" in outcome.out
    assert "fix" in outcome.out


def test_a_known_failure_is_0_and_a_stale_one_1(url: str) -> None:
    with broken(FAULT) as address:
        relayproof("run", address, "--only", "models")
        fails = {each["rule"] for each in written()["verdicts"] if each["verdict"] == "fails"}
        Path("relayproof.toml").write_text(
            "".join(f"[[known]]\nrule = '{rule}'\nreason = 'my ticket'\n" for rule in fails)
        )
        outcome = relayproof("run", address, "--only", "models")
    assert outcome.code == 0, outcome
    assert {each["rule"] for each in written()["verdicts"] if each["verdict"] == "known"} == fails != set()
    stale = relayproof("run", url, "--only", "models")
    assert stale.code == 1
    assert "is listed as known, but passes" in stale.out


def test_our_own_failure_is_3_and_names_the_rule(url: str) -> None:
    own_rule("must", "falls", "1 / 0")
    outcome = relayproof("run", url, "--only", "models")
    assert outcome.code == 3
    assert "relayproof failed inside the rule mine/falls" in outcome.err
    assert "ZeroDivisionError" in outcome.err


def test_a_report_that_cannot_be_made_is_3_and_the_verdicts_are_shown_all_the_same(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(report.WRITERS, "report.html", lambda overview, language: str(1 // 0))
    outcome = relayproof("run", url, "--only", "models")
    assert outcome.code == 3
    assert "required" in outcome.out
    assert len(outcome.lines) == 2
    assert "while writing report.html" in outcome.lines[-1]
    assert written()["verdicts"]


def test_a_report_that_cannot_be_written_is_2_and_the_verdicts_are_shown_all_the_same(url: str) -> None:
    Path("reports/report.html").mkdir(parents=True)
    outcome = relayproof("run", url, "--only", "models")
    assert outcome.code == 2
    assert "required" in outcome.out
    assert len(outcome.lines) == 2
    assert "reports: can't be written, while writing report.html: Is a directory" in outcome.lines[-1]
    assert written()["verdicts"]


def test_an_exception_of_ours_is_one_line_and_3(monkeypatch: pytest.MonkeyPatch) -> None:
    def falls(*_: object, **__: object) -> None:
        raise KeyError(f"the key is {KEY}")

    monkeypatch.setattr(session, "run", falls)
    outcome = relayproof("run", "--only", "models")
    assert outcome.code == 3
    assert "relayproof itself failed, the relay is not to blame: KeyError" in outcome.lines[-1]
    assert "test_cli_ends.py:" in outcome.lines[-1]


def test_a_relay_that_is_not_there_is_4_with_the_reason() -> None:
    outcome = relayproof("run", free_address(), *FAMILY)
    assert outcome.code == 4
    assert "unreachable: " in outcome.out
    assert written()["summary"]["exit_code"] == 4


def test_a_wrong_key_is_4_with_the_relays_words(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "sk-other0123456789abcdef0123")
    outcome = relayproof("run", url, "--key-env", "OTHER", *FAMILY)
    assert outcome.code == 4
    assert "401" in outcome.out
    assert "sk-other0123456789" not in outcome.out + Path("reports/report.html").read_text("utf-8")


def test_a_page_of_html_for_every_path_is_1() -> None:
    with serving(HTMLResponse("<!doctype html><title>Relay</title>")) as page:
        outcome = relayproof("run", page, *FAMILY)
    assert outcome.code == 1
    assert "every-response/body-is-one-json-value" in outcome.out


def test_a_relay_with_a_list_and_nothing_else_is_1() -> None:
    async def listing(scope: Scope, receive: Receive, send: Send) -> None:
        there = scope["path"] == "/v1/models" and scope["method"] == "GET"
        error = {"error": {"message": "not found", "type": "invalid_request_error", "param": None, "code": None}}
        await JSONResponse(LIST if there else error, 200 if there else 404)(scope, receive, send)

    with serving(listing) as address:
        outcome = relayproof("run", address, *FAMILY)
    assert outcome.code == 1, outcome
    assert "every-response/valid-request-is-answered" in outcome.out


def test_a_relay_that_offers_nothing_is_not_green() -> None:
    app = make_app(KEY)
    ours = f"Bearer {KEY}".encode()

    async def empty(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/v1/models" and dict(scope["headers"]).get(b"authorization") == ours:
            await JSONResponse({"object": "list", "data": []})(scope, receive, send)
        else:
            await app(scope, receive, send)

    with serving(empty) as address:
        outcome = relayproof("run", address)
    assert outcome.code != 0, outcome
    assert "exit 0" not in outcome.out


def test_no_more_than_the_allowed_requests_are_sent_and_the_rest_is_4(url: str, wire: Wire) -> None:
    outcome = relayproof("run", url, "--max-requests", "3", *FAMILY)
    assert outcome.code == 4
    assert len(wire.requests) == 3
    assert "3 requests" in outcome.out


def test_only_what_was_chosen_is_asked_and_in_any_spelling(url: str) -> None:
    relayproof("run", url, "--only", " chat-stream,models ")
    assert {each["surface"] for each in written()["verdicts"]} <= {"models", "chat_stream", "errors"}
    assert "chat_stream" in {each["surface"] for each in written()["verdicts"]}


def test_a_model_named_by_the_user_is_asked_without_a_list(url: str, wire: Wire) -> None:
    relayproof("run", url, "--only", "chat", "--model", "gpt-4o-mini", "--max-requests", "4")
    assert {request[":path"] for request in wire.requests} == {"/v1/chat/completions"}


def test_a_warning_fails_only_a_strict_run() -> None:
    own_rule("should", "warns", "yield Finding('', 'odd')")
    lax, strict = relayproof("run", "--only", "models"), relayproof("run", "--only", "models", "--strict")
    assert (lax.code, strict.code) == (0, 1)
    assert "mine/warns" in lax.out


def test_failures_are_told_as_introduced_or_inherited(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYPROOF_UPSTREAM_KEY", KEY)
    with broken(FAULT) as bad:
        outcome = relayproof("run", bad, "--only", "models", "--upstream", url)
        both = relayproof("run", bad, "--only", "models", "--upstream", bad)
    assert "introduced" in outcome.out
    assert "inherited" not in outcome.out
    assert "inherited" in both.out
    assert Counter(line.split()[0] for line in outcome.lines) == {"plan": 2}


def test_the_reference_relay_can_be_named_whatever_the_settings_say() -> None:
    Path("relayproof.toml").write_text(f'[relay]\nurl = "{free_address()}"\n')
    assert relayproof("run", "reference", "--only", "models").code == 0
    assert relayproof("run", "--only", "models").code == 4


def test_the_summary_and_the_reports_speak_chinese(url: str) -> None:
    outcome = relayproof("run", url, "--only", "models", "--lang", "zh")
    assert "退出码 0" in outcome.out
    assert "退出码" in Path("reports/report.md").read_text("utf-8") + outcome.out


def test_an_interrupted_run_says_where_its_paid_tasks_are_kept(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(relay: object, probes: object, *, progress: object, tasks: resume.Tasks) -> None:
        assert tasks.path == Path("reports", resume.FILE)
        assert tasks.relay == url
        tasks.path.parent.mkdir()
        tasks.path.write_text("{}")
        raise session.Interrupted(session.Run(Relay(url), interrupted=True))

    monkeypatch.setattr(session, "run", interrupted)
    outcome = relayproof("run", url, "--only", "models")
    assert outcome.code == 130
    assert "the next run takes up the paid tasks in reports/tasks.json" in outcome.lines[-1]


def test_nothing_is_kept_of_the_reference_relay_whose_address_is_another_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(relay: object, probes: object, *, progress: object, tasks: resume.Tasks) -> None:
        assert tasks.path is None
        raise session.Interrupted(session.Run(Relay(""), interrupted=True))

    monkeypatch.setattr(session, "run", interrupted)
    assert relayproof("run", "--only", "models").code == 130


@pytest.mark.parametrize(
    ("answered", "number"),
    [(0, signal.SIGINT), (6, signal.SIGINT), (6, signal.SIGTERM)],
    ids=["first", "later", "term"],
)
def test_an_interrupted_run_ends_at_once_with_130_and_reports_what_was_measured(answered: int, number: int) -> None:
    """Both while the first answer is waited for, and while several are, side by side."""
    held, app, asked = threading.Event(), make_app(KEY), itertools.count()
    waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if next(asked) >= answered:
            over = asyncio.Event()
            waiting.append((asyncio.get_running_loop(), over))
            held.set()
            await over.wait()
        await app(scope, receive, send)

    with serving(slow) as address:
        process = started("record", address, *FEW, "--to", "tape")
        assert held.wait(20)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        for loop, over in waiting:
            loop.call_soon_threadsafe(over.set)
    assert process.returncode == 130
    assert "exit 130: interrupted" in out
    assert "Traceback" not in err
    document = written()
    assert document["summary"]["exit_code"] == 130
    assert max(0, answered - 4) <= len(document["exchanges"]) <= answered  # some may have been on their way
    assert len(document["exchanges"]) == len(cassette.read(Path("tape"))[0])
    assert {each["reason"] for each in document["verdicts"] if each["verdict"] == "untested"} >= {session.INTERRUPTED}


def test_a_reader_that_goes_away_is_no_failure() -> None:
    with started("rules") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert (process.stderr.read(), process.wait(20)) == ("", 141)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_knows_few_characters_gets_the_summary_all_the_same(encoding: str) -> None:
    said = ended("--lang", "zh", env={"PYTHONIOENCODING": encoding, "LC_ALL": "C", "PYTHONUTF8": "0"})
    assert (said.returncode, said.stderr.count(b"\n")) == (0, 1), said


@pytest.mark.parametrize(("redirected", "code"), [(">/dev/full", 2), (">&-", 0), ("2>&-", 0)])
def test_a_stream_that_takes_nothing_is_no_failure_of_ours(redirected: str, code: int) -> None:
    said = ended(shell=redirected)
    assert said.returncode == code, said
    assert b"Traceback" not in said.stderr
    assert written()["summary"]["exit_code"] == 0


def ended(*words: str, shell: str = "", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    """A run of the model list in a shell, as it ended."""
    line = f"{shlex.join([sys.executable, '-m', 'relayproof.cli', 'run', '--only', 'models', *words])} {shell}"
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, env=os.environ | (env or {}), timeout=60, check=False
    )
