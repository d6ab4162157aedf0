"""The command line as a user meets it: what it writes, what it says, with which code it ends, and that no key gets out."""

from __future__ import annotations

import contextlib
import gzip
import json
import resource
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rawserver import free_address, raw
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from relayproof import cli, probes, report, resume, rules, session
from relayproof.faults import FaultyRelay, find
from relayproof.reference import make_app, serving
from relayproof.relay import settings

KEY = "sk-cli0proof9zYxWvUtSrQpOnMlKjIhGfEdCbA"
TENANT = "tenant-5f3a9c27d1e84b60"
FEW = ("--only", "models,chat")
FAMILY = ("--only", "models,chat,chat_stream,errors")
LIST = {"object": "list", "data": [{"id": "gpt-4o-mini", "object": "model", "created": 1_700_000_000, "owned_by": "x"}]}
Reports = dict[str, Any]


class Outcome:
    """What a command said, and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        self.lines = [line for line in err.splitlines() if line.strip()]

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


class Wire:
    """An application that notes what it was asked."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.requests: list[dict[str, str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append(headers | {":path": scope["path"]})
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire(make_app(KEY))


@pytest.fixture(scope="module")
def url(wire: Wire) -> Iterator[str]:
    with serving(wire) as address:
        yield address


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RELAYPROOF_API_KEY", KEY)
    return tmp_path


def relayproof(*words: object) -> Outcome:
    """Run a command here. Whatever it does, it shows no traceback, and the key is in nothing that it said or wrote."""
    result = CliRunner().invoke(cli.main, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    outcome = Outcome(result.exit_code, result.stdout, result.stderr)
    assert "Traceback" not in outcome.out + outcome.err.partition("relayproof failed inside the rule")[0]
    assert keyless(outcome.out + outcome.err), outcome
    return outcome


def keyless(said: str = "") -> bool:
    files = [path.read_bytes() for path in Path.cwd().rglob("*") if path.is_file()]
    return not any(KEY[3:].encode() in data or TENANT.encode() in data for data in [said.encode(), *files])


def refused(outcome: Outcome, *words: str) -> None:
    """One line, exit code 2, and nothing written."""
    assert (outcome.code, outcome.out, len(outcome.lines)) == (2, "", 1), outcome
    assert outcome.lines[0].startswith("relayproof: ")
    for word in words:
        assert word in outcome.err


def written(folder: str = "reports") -> Reports:
    document: Reports = json.loads(Path(folder, "report.json").read_text("utf-8"))
    return document


def verdicts(document: Reports) -> list[Any]:
    kept = ("rule", "level", "surface", "probe", "verdict", "findings")
    return sorted((tuple(str(each.get(name)) for name in kept) for each in document["verdicts"]))


@contextlib.contextmanager
def broken(fault: str) -> Iterator[str]:
    with serving(FaultyRelay(make_app(KEY), find(fault), KEY)) as address:
        yield address


# What each command does when all is well.


def test_run_without_a_url_judges_the_reference_relay_and_writes_the_reports() -> None:
    outcome = relayproof("run", *FEW)
    assert outcome.code == 0, outcome
    assert sorted(path.name for path in Path("reports").iterdir()) == sorted(report.WRITERS)
    assert written()["verdicts"]
    assert outcome.out.endswith("exit 0: every required rule that applies was measured and holds\n")


def test_run_judges_the_relay_at_a_url_with_the_key_from_the_environment(url: str, wire: Wire) -> None:
    wire.requests.clear()
    outcome = relayproof("run", f"{url}/v1", "--only", "models", "--reports", "a/b")
    assert outcome.code == 0, outcome
    assert f"Bearer {KEY}" in {request.get("authorization") for request in wire.requests}
    assert written("a/b")["verdicts"]
    assert not Path("reports").exists()


def test_plan_sends_nothing_and_says_what_run_then_says(url: str, wire: Wire) -> None:
    wire.requests.clear()
    planned = relayproof("plan", url, *FEW)
    assert (planned.code, planned.err, wire.requests) == (0, "", [])
    total = planned.out.splitlines()[-1]
    assert [line.split()[0] for line in planned.out.splitlines()] == ["models", "chat", "plan"]
    ran = relayproof("run", url, *FEW)
    assert ran.lines[0] == f"{total}   {url}"
    assert len(wire.requests) <= int(total.split()[3])


def test_plan_and_run_agree_on_the_reference_relay() -> None:
    total = relayproof("plan", "--only", "errors").out.splitlines()[-1]
    assert relayproof("run", "--only", "errors").lines[0].startswith(total)


def test_plan_without_a_url_plans_the_whole_reference_relay() -> None:
    assert {probe.surface for probe in probes.load().values()} == {
        line.split()[0] for line in relayproof("plan").out.splitlines()[:-1]
    }


def test_record_and_replay_give_the_same_verdicts(url: str) -> None:
    recorded = relayproof(
        "record", url, "--only", "models,errors,chat_stream", "--to", "cassettes/my", "--header", f"X-Tenant: {TENANT}"
    )
    assert recorded.code == 0, recorded
    live = verdicts(written())
    replayed = relayproof("replay", "cassettes/my", "--reports", "again")
    assert replayed.code == 0, replayed
    assert verdicts(written("again")) == live
    assert len({verdict[0] for verdict in live}) > 50


def test_several_cassettes_are_replayed_into_a_folder_each_and_the_worst_code_counts(url: str) -> None:
    relayproof("record", url, "--only", "models", "--to", "cassettes/good")
    with broken("models-object-missing") as bad:
        relayproof("record", bad, "--only", "models", "--to", "cassettes/bad")
    outcome = relayproof("replay", "cassettes/bad", "cassettes/good", "--reports", "both")
    assert outcome.code == 1, outcome
    assert written("both/good")["summary"]["exit_code"] == 0
    assert written("both/bad")["summary"]["exit_code"] == 1


def test_rules_are_listed_and_can_be_chosen_by_surface() -> None:
    whole, some = relayproof("rules"), relayproof("rules", "--surface", "models")
    assert whole.out.splitlines()[-1] == f"{len(rules.load())} rules"
    assert set(some.out.splitlines()[:-1]) < {line for line in whole.out.splitlines()} | set(some.out.splitlines())
    chosen = json.loads(relayproof("rules", "--surface", "models", "--json").out)
    assert {each["rule"] for each in chosen} == {each.id for each in rules.load().values() if "models" in each.on}
    assert len(some.out.splitlines()) == len(chosen) + 1


def test_explain_tells_a_rule_whole() -> None:
    told = relayproof("explain", "chat/usage-adds-up").out
    rule = rules.load()["chat/usage-adds-up"]
    assert all(part in told for part in (rule.id, rule.title, rule.why, rule.fix, str(rule.source), "chat_stream"))


def test_explain_suggests_a_near_name() -> None:
    refused(relayproof("explain", "chat/usage-add-up"), "did you mean chat/usage-adds-up")


def test_init_writes_a_file_that_run_then_obeys(url: str) -> None:
    outcome = relayproof("init", url)
    assert (outcome.code, outcome.out) == (0, "relayproof.toml written\n")
    found = settings(Path("relayproof.toml"))
    assert found["url"] == url
    assert found["models"]["chat"] == "gpt-4o-mini"
    ran = relayproof("run", *FEW)
    assert ran.code == 0, ran
    assert url in ran.err
    assert written()["relay"] == url.removeprefix("http://")
    refused(relayproof("init", url), "exists already")


def test_init_on_a_relay_without_a_list_says_so() -> None:
    with serving(HTMLResponse("<p>hello</p>")) as page:
        outcome = relayproof("init", page, "--config", "other.toml")
    assert outcome.code == 4
    assert "could not be read" in outcome.out
    assert settings(Path("other.toml"))["url"] == page


def test_docs_writes_the_generated_pages() -> None:
    outcome = relayproof("docs", "--to", "pages")
    assert outcome.code == 0
    assert {path.name for path in Path("pages").iterdir()} == {"rules.md", "coverage.md", "usage.md"}


def test_openapi_prints_a_document() -> None:
    assert relayproof("openapi").out.startswith(("openapi:", "{"))


def test_faults_are_listed() -> None:
    assert "models-object-missing" in relayproof("faults").out


# check: traffic that others recorded.

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": None}, "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 11},
}  # fmt: skip
ASKED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hi"}]}
CHAT_URL = "https://relay.example.com/v1/chat/completions"
JSON_HEADER = [{"name": "content-type", "value": "application/json"}]


def as_jsonl() -> str:
    line = {"url": CHAT_URL, "status": 200, "request_body": ASKED, "response_body": ANSWER, "id": "one"}
    return json.dumps(line) + "\n"


def as_har() -> str:
    request = {"method": "POST", "url": CHAT_URL, "headers": JSON_HEADER, "postData": {"text": json.dumps(ASKED)}}
    response = {"status": 200, "headers": JSON_HEADER, "content": {"text": json.dumps(ANSWER)}}
    return json.dumps({"log": {"entries": [{"request": request, "response": response}]}})


def as_yaml() -> str:
    headers = {"content-type": ["application/json"]}
    request = {"method": "POST", "uri": CHAT_URL, "headers": headers, "body": json.dumps(ASKED)}
    response = {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": {"string": json.dumps(ANSWER)}}
    return json.dumps({"version": 1, "interactions": [{"request": request, "response": response}]})


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("name", "make"), [("t.jsonl", as_jsonl), ("t.har", as_har), ("t.yaml", as_yaml)])
def test_check_judges_every_format_and_writes_a_line_for_each_failure(
    name: str, make: Callable[[], str], packed: bool
) -> None:
    file = Path(name + ".gz" * packed)
    file.write_bytes(gzip.compress(make().encode()) if packed else make().encode())
    outcome = relayproof("check", file, "--findings", "found.jsonl", "--reports", "reports")
    assert outcome.code == 1, outcome
    assert "FAIL  chat/usage-adds-up  1x" in outcome.out
    lines = [json.loads(line) for line in Path("found.jsonl").read_text("utf-8").splitlines()]
    assert all(list(line) == ["exchange", "surface", "rule", "level", "where", "what"] for line in lines)
    found = next(line for line in lines if line["rule"] == "chat/usage-adds-up")
    assert found["exchange"] in outcome.out
    assert (found["surface"], found["level"], found["where"]) == ("chat", "must", "/usage/total_tokens")
    assert found["what"] == "11 is not 9 + 1"
    assert {each["rule"] for each in written()["verdicts"]} == {line["rule"] for line in lines}


def test_check_of_good_traffic_ends_with_0_and_an_empty_file_of_findings() -> None:
    good = ANSWER | {"usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}}
    Path("t.jsonl").write_text(as_jsonl().replace(json.dumps(ANSWER), json.dumps(good)))
    outcome = relayproof("check", "t.jsonl", "--findings", "found.jsonl")
    assert outcome.code == 0, outcome
    assert Path("found.jsonl").read_text() == ""
    assert "1 exchanges judged: chat 1" in outcome.out


def test_check_tells_of_a_line_that_it_cannot_read_and_judges_the_rest() -> None:
    Path("t.jsonl").write_text("{not json\n" + as_jsonl())
    outcome = relayproof("check", "t.jsonl")
    assert outcome.code == 1
    assert [line for line in outcome.lines if line.startswith("not read: t.jsonl:1")] == outcome.lines


@pytest.mark.parametrize("text", ["", "\n", "{not json\n", '{"url": "/weather", "response_body": 1}\n'])
def test_check_is_not_green_when_nothing_was_judged(text: str) -> None:
    Path("t.jsonl").write_text(text)
    assert relayproof("check", "t.jsonl").code == 4


# What can't be used: one line, exit code 2.


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "--bogus"], "--bogus"),
        (["rum"], "No such command"),
        (["run", "ftp://relay.example.com"], "no http:// or https:// address"),
        (["run", "http://[::1"], "Invalid IPv6 URL"),
        (["run", "http://me:secret@relay.example.com"], "environment variable"),
        (["run", "http://127.0.0.1:1", "more"], "unexpected extra argument"),
        (["run", "--only", "chat,weather"], "'weather' is no surface"),
        (["run", "--only", ","], "--only names no surface"),
        (["run", "http://127.0.0.1:1", "--only", "chat", "--spend", "free"], "cost more than --spend free allows"),
        (["run", "http://127.0.0.1:1", "--only", "images"], "images cost more than --spend cents allows"),
        (["run", "--spend", "millions"], "millions"),
        (["run", "--max-requests", "0"], "max-requests"),
        (["run", "--max-requests", "many"], "many"),
        (["run", "--profile", "azure"], "azure"),
        (["run", "--lang", "fr"], "fr"),
        (["run", "--header", "X-Tenant"], "Name: value"),
        (["run", "--header", "X Tenant: 1"], "Name: value"),
        (["run", "--header", "X-Tenant: 租户"], "the value of X-Tenant"),
        (["run", "--header", f"X-Tenant: {TENANT}\r\nX: y"], "the value of X-Tenant"),
        (["run", "--config", "none.toml"], "none.toml"),
        (["run", "--config", "."], "can't be read"),
        (["run", "--reports", "file/reports"], "file is no folder"),
        (["run", "http://127.0.0.1:1", "--upstream", "nowhere"], "no http:// or https:// address"),
        (["record", "http://127.0.0.1:1"], "--to"),
        (["record", "http://127.0.0.1:1", "--to", "file"], "file: is no folder"),
        (["replay"], "FOLDERS"),
        (["replay", "none"], "none: no such folder"),
        (["replay", "file"], "file: no such folder"),
        (["replay", "."], "about.json"),
        (["check"], "FILES"),
        (["check", "none.har"], "none.har: no such file"),
        (["check", "file", "--findings", "file/x.jsonl"], "file: is no folder"),
        (["explain", "zzz"], "there is no rule 'zzz'"),
        (["rules", "--surface", "weather"], "--surface: 'weather' is no surface"),
        (["init"], "needs the URL"),
        (["init", "relay.example.com"], "no http:// or https:// address"),
        (["docs", "--to", "file"], "can't be written"),
        (["serve", "--port", "70000"], "70000"),
        (["serve", "--fault", "weather"], "weather"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line(words: list[str], told: str) -> None:
    Path("file").write_text("a file")
    refused(relayproof(*words), told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[relay\n", "relayproof.toml: can't be read"),
        ("[weather]\n", "[weather]: no such table"),
        ("[relay]\nprofile = 'azure'\n", "relay.profile"),
        ("[relay]\nkey = 'x'\n", "relay.key: no such setting"),
        ("[relay]\nrules = ['none.py']\n", "no such file of rules"),
        ("[relay]\nrules = ['bad.py']\n", "bad.py: SyntaxError"),
        ("[relay]\nrules = ['odd.py']\n", "odd.py: ZeroDivisionError"),
        ("[relay]\nrules = ['mute.py']\n", "mute.py"),
        ("[limits]\nrequests = 'many'\n", "limits.requests"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line_before_anything_is_sent(
    text: str, told: str, url: str, wire: Wire
) -> None:
    wire.requests.clear()
    Path("relayproof.toml").write_text(text)
    Path("bad.py").write_text("def\n")
    Path("odd.py").write_text("1 / 0\n")
    Path("mute.py").write_text(
        "from relayproof.rule import *\n@must(Source('a', 'b', 'c'), on='chat')\ndef f(x): ...\n"
    )
    refused(relayproof("run", url, "--only", "models"), told)
    assert wire.requests == []


def test_serve_says_when_the_port_is_taken(url: str) -> None:
    refused(relayproof("serve", "--port", url.rpartition(":")[2]), "can't listen")


# The key.


@pytest.mark.parametrize(
    "words",
    [
        ("--key", KEY),
        (f"--key={KEY}",),
        ("--api-key", KEY),
        ("--header", f"Authorization: Bearer {KEY}"),
        ("--header", f"x-api-key: {KEY[:10]}"),
        ("--header", f"X-Own: {KEY}"),
        ("--key-env", KEY),
        ("http://127.0.0.1:1", KEY),
        (KEY,),
        (f"--kee={KEY}",),
    ],
)
def test_a_key_on_the_command_line_is_refused_and_not_shown(words: tuple[str, ...]) -> None:
    refused(relayproof("run", *words))


@pytest.mark.parametrize("option", ["--key", "--api-key"])
@pytest.mark.parametrize("command", ["run", "record", "plan", "init", "fuzz"])
def test_a_key_option_is_refused_with_the_reason(command: str, option: str) -> None:
    refused(relayproof(command, option, KEY), "can be read by every user", "RELAYPROOF_API_KEY")


@pytest.mark.parametrize("key", [f"Bearer {KEY}", f"{KEY}\u00fc", f"{KEY}\n{KEY}"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYPROOF_API_KEY", key)
    refused(relayproof("run", "http://127.0.0.1:1"), "RELAYPROOF_API_KEY")


def test_without_a_key_one_line_says_so_and_the_run_goes_on(url: str, wire: Wire) -> None:
    wire.requests.clear()
    outcome = relayproof("run", url, "--key-env", "NO_SUCH_KEY", "--only", "models")
    assert outcome.lines[0] == "no key: the environment variable NO_SUCH_KEY is empty; asking without one"
    assert outcome.code != 0
    assert wire.requests


def test_an_extra_header_is_sent_and_its_value_shown_nowhere(url: str, wire: Wire) -> None:
    wire.requests.clear()
    words = ("--header", f"X-Tenant: {TENANT}", "--header", "X-Group:vip")
    outcome = relayproof("record", url, "--only", "models,chat", "--to", "cassettes/my", *words)
    assert outcome.code == 0, outcome
    assert {(each["x-tenant"], each["x-group"]) for each in wire.requests} == {(TENANT, "vip")}
    assert (
        "X-Tenant" in Path("reports/report.html").read_text("utf-8") + Path("cassettes/my/chat/plain.yaml").read_text()
    )


def test_a_relay_that_gives_the_key_away_is_told_without_the_key() -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        said = dict(scope["headers"]).get(b"authorization", b"").decode()
        await JSONResponse({"error": {"message": f"wrong: {said}", "type": "x", "param": None, "code": None}}, 401)(
            scope, receive, send
        )

    with serving(echo) as address:
        outcome = relayproof("record", address, "--to", "cassettes/leaky", "--only", "models,errors")
    assert outcome.code in (1, 4)
    assert "every-response/key-is-not-echoed" in {
        each["rule"] for each in written()["verdicts"] if each["verdict"] == "fails"
    }


# The exit codes, and relays of every kind.


def test_a_broken_relay_is_1_and_told_with_its_fix() -> None:
    with broken("models-object-missing") as address:
        outcome = relayproof("run", address, "--only", "models")
    assert outcome.code == 1
    assert "FAIL" in outcome.out
    assert "fix" in outcome.out


def test_a_known_failure_is_0_and_a_stale_one_1(url: str) -> None:
    Path("relayproof.toml").write_text(
        '[[known]]\nrule = "models/*"\nreason = "ticket 17"\n\n[[known]]\nrule = "every-response/*"\nreason = "ticket 18"\n'
    )
    with broken("models-object-missing") as address:
        assert relayproof("run", address, "--only", "models", "--reports", "r").code in (0, 1)
        known = {each["rule"] for each in written("r")["verdicts"] if each["verdict"] == "known"}
    assert known
    Path("relayproof.toml").write_text("".join(f'[[known]]\nrule = "{rule}"\nreason = "ticket 17"\n' for rule in known))
    with broken("models-object-missing") as address:
        assert relayproof("run", address, "--only", "models").code == 0
    stale = relayproof("run", url, "--only", "models")
    assert stale.code == 1
    assert "is listed as known, but passes" in stale.out


def test_our_own_failure_is_3_and_names_the_rule(url: str) -> None:
    Path("relayproof.toml").write_text('[relay]\nrules = ["mine.py"]\n')
    page = '"""A sentence.\n\n    Why.\n\n    Fix: so.\n    """'
    source = "from relayproof.rule import Source, must\n\n"
    Path("mine.py").write_text(
        f"{source}@must(Source('a', 'b', 'c'), on='models')\ndef falls(exchange):\n    {page}\n    1 / 0\n"
    )
    outcome = relayproof("run", url, "--only", "models")
    assert outcome.code == 3
    assert "relayproof failed inside the rule mine/falls" in outcome.err
    assert "ZeroDivisionError" in outcome.err


def test_a_report_that_cannot_be_made_is_3_and_the_verdicts_are_shown_all_the_same(url: str) -> None:
    Path("reports/report.html").mkdir(parents=True)
    outcome = relayproof("run", url, "--only", "models")
    assert outcome.code == 3
    assert "required" in outcome.out
    assert len(outcome.lines) == 2
    assert "while writing report.html" in outcome.lines[-1]
    assert written()["verdicts"]


def test_an_exception_of_ours_is_one_line_and_3(monkeypatch: pytest.MonkeyPatch) -> None:
    def falls(*_: object, **__: object) -> None:
        raise KeyError(f"the key is {KEY}")

    monkeypatch.setattr(session, "run", falls)
    outcome = relayproof("run", "--only", "models")
    assert outcome.code == 3
    assert "relayproof itself failed, the relay is not to blame: KeyError" in outcome.lines[-1]
    assert "test_cli.py:" in outcome.lines[-1]


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

    async def empty(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/v1/models" and dict(scope["headers"]).get(b"authorization") == f"Bearer {KEY}".encode():
            await JSONResponse({"object": "list", "data": []})(scope, receive, send)
        else:
            await app(scope, receive, send)

    with serving(empty) as address:
        outcome = relayproof("run", address)
    assert outcome.code != 0, outcome
    assert "exit 0" not in outcome.out


def test_no_more_than_the_allowed_requests_are_sent_and_the_rest_is_4(url: str, wire: Wire) -> None:
    wire.requests.clear()
    outcome = relayproof("run", url, "--max-requests", "3", *FAMILY)
    assert outcome.code == 4
    assert len(wire.requests) == 3
    assert "3 requests" in outcome.out


def test_only_what_was_chosen_is_asked_and_in_any_spelling(url: str) -> None:
    relayproof("run", url, "--only", " chat-stream,models ")
    assert {each["surface"] for each in written()["verdicts"]} <= {"models", "chat_stream", "errors"}
    assert "chat_stream" in {each["surface"] for each in written()["verdicts"]}


def test_a_model_named_by_the_user_is_asked_without_a_list(url: str, wire: Wire) -> None:
    wire.requests.clear()
    relayproof("run", url, "--only", "chat", "--model", "gpt-4o-mini", "--max-requests", "4")
    assert {request[":path"] for request in wire.requests} == {"/v1/chat/completions"}


def test_a_warning_fails_only_a_strict_run() -> None:
    Path("relayproof.toml").write_text('[relay]\nrules = ["mine.py"]\n')
    page = '"""A sentence.\n\n    Why.\n\n    Fix: so.\n    """'
    source = "from relayproof.rule import Finding, Source, should\n\n"
    Path("mine.py").write_text(
        f"{source}@should(Source('a', 'b', 'c'), on='models')\ndef warns(exchange):\n    {page}\n    yield Finding('', 'odd')\n"
    )
    lax, strict = relayproof("run", "--only", "models"), relayproof("run", "--only", "models", "--strict")
    assert (lax.code, strict.code) == (0, 1)
    assert "mine/warns" in lax.out


def test_failures_are_told_as_introduced_or_inherited(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYPROOF_UPSTREAM_KEY", KEY)
    with broken("models-object-missing") as bad:
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


# Interrupted.


def test_an_interrupted_run_says_where_its_paid_tasks_are_kept(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(relay: object, probes: object, *, progress: object, tasks: resume.Tasks) -> None:
        assert tasks.path == Path("reports", resume.FILE)
        assert tasks.relay == url
        tasks.path.parent.mkdir()
        tasks.path.write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "run", interrupted)
    outcome = relayproof("run", url, "--only", "models")
    assert outcome.code == 130
    assert "the next run takes up the paid tasks in reports/tasks.json" in outcome.lines[-1]


def test_nothing_is_kept_of_the_reference_relay_whose_address_is_another_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(relay: object, probes: object, *, progress: object, tasks: resume.Tasks) -> None:
        assert tasks.path is None
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "run", interrupted)
    assert relayproof("run", "--only", "models").code == 130


def started(*words: str) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "relayproof.cli", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_ctrl_c_ends_a_run_with_one_line_and_130() -> None:
    asked, over = threading.Event(), threading.Event()

    def hold(connection: object, request: bytes) -> None:
        asked.set()
        over.wait(20)

    with raw(hold) as address:
        process = started("run", address)
        assert asked.wait(20)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        over.set()
    assert process.returncode == 130
    assert (out, err.splitlines()[-1]) == ("", "relayproof: interrupted; nothing was judged")
    assert "Traceback" not in err


def test_a_reader_that_goes_away_is_no_failure() -> None:
    with started("rules") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert (process.stderr.read(), process.wait(20)) == ("", 141)


def test_help_answers_at_once() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out, _ = started("--help").communicate(timeout=20)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "Usage: " in out
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3


def test_help_loads_nothing_that_only_commands_need() -> None:
    code = "import sys, relayproof.cli; print(*sorted(sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    heavy = {"httpx", "vcr", "yaml", "jsonschema", "pytest", "rich", "jinja2", "starlette", "schemathesis", "PIL"}
    assert (
        loaded & (heavy | {"relayproof.relay", "relayproof.rules", "relayproof.probes", "relayproof.report"}) == set()
    )


def test_relayproof_alone_shows_the_help_and_is_a_usage_error() -> None:
    outcome = relayproof()
    assert outcome.code == 2
    assert "Exit codes:" in outcome.out


def test_run_as_a_process_of_its_own_ends_with_its_code_and_without_the_key(url: str) -> None:
    process = started("run", url, "--only", "models", "--key-env", "RELAYPROOF_API_KEY")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "exit 0: " in out
    assert keyless(out + err)
    assert written()["verdicts"]
