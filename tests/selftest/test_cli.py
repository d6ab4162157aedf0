"""What each command of relayproof does when all is well: what it writes, what it says, what it sends."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from commandline import FAULT, FEW, KEY, TENANT, Wire, broken, keyless, refused, relayproof, started, verdicts, written
from starlette.responses import HTMLResponse

from relayproof import probes, report, rules
from relayproof.reference import serving
from relayproof.relay import settings

pytestmark = pytest.mark.usefixtures("here")


def test_run_without_a_url_judges_the_reference_relay_and_writes_the_reports() -> None:
    outcome = relayproof("run", *FEW)
    assert outcome.code == 0, outcome
    assert sorted(path.name for path in Path("reports").iterdir()) == sorted(report.WRITERS)
    assert written()["verdicts"]
    assert outcome.out.endswith("exit 0: every required rule that applies was measured and holds\n")


def test_run_judges_the_relay_at_a_url_with_the_key_from_the_environment(url: str, wire: Wire) -> None:
    outcome = relayproof("run", f"{url}/v1", "--only", "models", "--reports", "a/b")
    assert outcome.code == 0, outcome
    assert f"Bearer {KEY}" in {request.get("authorization") for request in wire.requests}
    assert written("a/b")["verdicts"]
    assert not Path("reports").exists()


def test_plan_sends_nothing_and_says_what_run_then_says(url: str, wire: Wire) -> None:
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
    with broken(FAULT) as bad:
        relayproof("record", bad, "--only", "models", "--to", "cassettes/bad")
    outcome = relayproof("replay", "cassettes/bad", "cassettes/good", "--reports", "both")
    assert outcome.code == 1, outcome
    assert written("both/good")["summary"]["exit_code"] == 0
    assert written("both/bad")["summary"]["exit_code"] == 1


def test_rules_are_listed_and_can_be_chosen_by_surface() -> None:
    whole, some = relayproof("rules").out.splitlines(), relayproof("rules", "--surface", "models").out.splitlines()
    there = [rule.id for _, rule in sorted(rules.load().items())]
    assert [line.split()[0] for line in whole] == [*there, str(len(there))]
    about_models = [name for name in there if "models" in rules.load()[name].on]
    assert [line.split()[0] for line in some] == [*about_models, str(len(about_models))]


def test_rules_are_listed_as_json() -> None:
    listed = json.loads(relayproof("rules", "--surface", "chat-stream", "--json").out)
    assert {each["rule"] for each in listed} == {each.id for each in rules.load().values() if "chat_stream" in each.on}
    assert all(set(each) == {"rule", "openai", "relay", "title"} for each in listed)


def test_explain_tells_a_rule_whole() -> None:
    out = relayproof("explain", "chat/usage-adds-up").out
    rule = rules.load()["chat/usage-adds-up"]
    told, parts = " ".join(out.split()), (rule.id, rule.title, rule.why, rule.fix, str(rule.source), "chat_stream")
    assert all(" ".join(part.split()) in told for part in parts)
    assert max(map(len, out.splitlines())) <= 80


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
    assert FAULT in relayproof("faults").out


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


def test_what_costs_more_than_was_allowed_is_told_as_not_asked(url: str, here: Path) -> None:
    assert relayproof("run", url, "--only", "audio,chat").code == 0
    note = "not asked, since it costs more than --spend cents: parts of audio, parts of chat"
    assert written()["notes"] == [note]
    assert note in Path("reports", "report.md").read_text("utf-8").replace("\\", "")
