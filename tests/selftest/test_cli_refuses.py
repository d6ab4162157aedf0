"""What can't be used is one line and exit code 2, before anything is sent; a key on the command line is never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commandline import KEY, TENANT, Wire, refused, relayproof, written
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from relayproof.reference import serving

pytestmark = pytest.mark.usefixtures("here")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "--bogus"], "--bogus"),
        (["rum"], "No such command"),
        (["run", "ftp://relay.example.com"], "no http:// or https:// address"),
        (["run", "http://[::1"], "Invalid IPv6 URL"),
        (["run", ""], "'' is no http:// or https:// address"),
        (["plan", ""], "'' is no http:// or https:// address"),
        (["run", "http://127.0.0.1:99999"], "Port out of range"),
        (["run", "http://127.0.0.1:abc"], "'abc'"),
        (["run", "http://a..b"], "'http://a..b' can't be used"),
        (["run", "http://a b"], "'http://a b' is no"),
        (["run", "http://127.0.0.1:1/\udcff"], "is no http:// or https:// address"),
        (["run", "http://127.0.0.1:1", "--upstream", ""], "'' is no http:// or https:// address"),
        (["run", "http://127.0.0.1:1", "--model", ""], "--model names no model"),
        (["run", "--header", "Content-Length: 5"], "Content-Length is set by the client"),
        (["run", "--reports", "a" * 300], "File name too long"),
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
        ("[relay]\nrules = ['exits.py']\n", "exits.py: SystemExit"),
        ("[paths]\n'/v1' = '@127.0.0.1:2/'\n", "paths./v1"),
        ("[paths]\n'v1' = '/x'\n", "paths.v1"),
        ("[headers]\nTransfer-Encoding = 'chunked'\n", "headers.Transfer-Encoding: is set by the client"),
        ("[timeouts]\ngap = inf\n", "timeouts.gap"),
        ("[timeouts]\ngap = 0\n", "timeouts.gap: is to be more than 0"),
        (f"[limits]\nrequests = {'9' * 5000}\n", "can't be read: Exceeds the limit"),
        (f"a = {'[' * 5000}", "can't be read: maximum recursion depth"),
        ("[relay]\nrules = ['mute.py']\n", "mute.py"),
        ("[limits]\nrequests = 'many'\n", "limits.requests"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line_before_anything_is_sent(
    text: str, told: str, url: str, wire: Wire
) -> None:
    Path("relayproof.toml").write_text(text)
    Path("bad.py").write_text("def\n")
    Path("odd.py").write_text("1 / 0\n")
    Path("exits.py").write_text("raise SystemExit(5)\n")
    Path("mute.py").write_text(
        "from relayproof.rule import *\n@must(Source('a', 'b', 'c'), on='chat')\ndef f(x): ...\n"
    )
    refused(relayproof("run", url, "--only", "models"), told)
    assert wire.requests == []


def test_serve_says_when_the_port_is_taken(url: str) -> None:
    refused(relayproof("serve", "--port", url.rpartition(":")[2]), "can't listen")


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
    outcome = relayproof("run", url, "--key-env", "NO_SUCH_KEY", "--only", "models")
    assert outcome.lines[0] == "no key: the environment variable NO_SUCH_KEY is empty; asking without one"
    assert outcome.code != 0
    assert wire.requests


def test_an_extra_header_is_sent_and_its_value_shown_nowhere(url: str, wire: Wire) -> None:
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


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ("", "can't be read"),
        ("[" * 5000, "nested too deep"),
        ('{"requests": "many"}', "requests is to be a int, not str"),
        ('{"tokens": null}', "tokens is to be a int"),
        ('{"profile": "azure"}', "profile is 'azure'"),
        ('{"notes": 5}', "notes is to be a list"),
        ('{"left_out": [5]}', "left_out[0]: has no outcome"),
        ('{"left_out": [{"outcome": "odd"}]}', "left_out[0]: has no outcome"),
    ],
)
def test_a_cassette_whose_about_was_spoilt_is_one_line(about: str, told: str) -> None:
    Path("tape").mkdir()
    Path("tape/about.json").write_text(about)
    refused(relayproof("replay", "tape"), "tape/about.json", told)


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        ("[5]", "verdicts[0]: surface is to be text"),
        ('[{"surface": "a", "rule": "b", "level": "must", "verdict": "odd", "reason": ""}]', '"odd" is no verdict'),
        ('[{"surface": "a", "rule": "b", "level": "must", "verdict": "fails", "reason": ""}]', "findings is to be"),
        ("[" * 5000, "nested too deep"),
    ],
)
def test_a_spoilt_report_is_one_line(verdicts: str, told: str) -> None:
    Path("old.json").write_text('{"verdicts": []}')
    Path("new.json").write_text(f'{{"verdicts": {verdicts}}}')
    refused(relayproof("diff", "old.json", "new.json"), "new.json", told)


def test_what_a_report_says_is_shown_without_escapes() -> None:
    found = [{"where": "\x1b]0;x\x07", "what": "\ud800"}]
    verdict = {"surface": "a\x1b[31m", "rule": "b\ud800", "level": "must", "verdict": "fails", "reason": ""}
    Path("old.json").write_text('{"verdicts": []}')
    Path("new.json").write_text(json.dumps({"verdicts": [verdict | {"findings": found}]}))
    outcome = relayproof("diff", "old.json", "new.json")
    assert outcome.code == 1
    assert "\x1b" not in outcome.out
    assert "\\x1b" in outcome.out
