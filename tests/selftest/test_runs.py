"""From what was gathered to what is reported: known and stale failures, narrow runs, replays and recorded traffic."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cases.build import changed, chat, exchange

from relayproof import judge, probes, report, runs
from relayproof.exchange import IDS, OMISSIONS, Exchange
from relayproof.judge import FAILS, KNOWN, NOT_OFFERED, PASSES, STALE, UNTESTED, Verdict
from relayproof.probe import CENTS
from relayproof.reference import KEY, serving
from relayproof.relay import BadSetting, Key, KnownDeviation, Limits, Relay
from relayproof.session import LeftOut, Run, run
from relayproof.surface import CHAT, ERRORS, MODELS, OTHER
from relayproof.wire.cassette import SecretFound
from relayproof.wire.scrub import Scrubber

RULE = "chat/usage-adds-up"
GOOD = chat()
ODD = changed(GOOD, "/usage", {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 11})
NONE: frozenset[str] = frozenset()
NO_SCRUBBER = Scrubber([])
YESTERDAY = datetime.date.today() - datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def gathered() -> Iterator[Run]:
    wanted = [each for each in probes.load().values() if each.surface in (MODELS, CHAT) and each.spend <= CENTS]
    with serving() as url:
        yield run(Relay(url, Key(KEY), limits=Limits(requests=60)), wanted)


def made(*exchanges: Exchange, known: tuple[KnownDeviation, ...] = (), left: tuple[LeftOut, ...] = ()) -> Run:
    relay = Relay("http://relay.example.com", models={"chat": "gpt-4o-mini"}, known=known)
    return Run(relay, list(exchanges), list(left), requests=len(exchanges))


def of(verdicts: list[Verdict] | tuple[Verdict, ...], rule: str = RULE) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.rule == rule]


def outcomes(*exchanges: Exchange, known: tuple[KnownDeviation, ...] = ()) -> list[str]:
    return [verdict.outcome for verdict in of(list(runs.from_run(made(*exchanges, known=known)).verdicts))]


def entry(rule: str = RULE, **more: object) -> tuple[KnownDeviation, ...]:
    return (replace(KnownDeviation(rule, "ticket 17"), **more),)  # type: ignore[arg-type]


def test_a_failure_is_a_failure_until_it_is_listed_as_known() -> None:
    assert outcomes(ODD) == [FAILS]
    assert outcomes(ODD, known=entry()) == [KNOWN]
    assert outcomes(ODD, known=entry("chat/*")) == [KNOWN]
    assert outcomes(ODD, known=entry("images/*")) == [FAILS]


def test_a_known_failure_keeps_its_reason_and_findings_and_does_not_redden_the_run() -> None:
    before = runs.from_run(made(ODD), narrow=True)
    fails = {verdict.rule for verdict in before.verdicts if verdict.failed}
    after = runs.from_run(made(ODD, known=tuple(KnownDeviation(rule, "ticket 17") for rule in fails)), narrow=True)
    (verdict,) = of(list(after.verdicts))
    assert (verdict.reason, verdict.findings[0].what) == ("ticket 17", "11 is not 9 + 1")
    assert (before.summary.exit_code, after.summary.exit_code) == (1, 0)


def test_a_known_failure_that_is_gone_is_stale_and_fails_the_run() -> None:
    assert outcomes(GOOD, known=entry()) == [PASSES, STALE]
    assert runs.from_run(made(GOOD, known=entry()), narrow=True).summary.exit_code == 1
    assert runs.from_run(made(GOOD), narrow=True).summary.exit_code == 0


def test_an_entry_that_was_not_measured_is_not_stale() -> None:
    assert outcomes(known=entry()) == []


def test_an_entry_ends_with_its_day() -> None:
    assert outcomes(ODD, known=entry(until=datetime.date.today())) == [KNOWN]
    assert outcomes(ODD, known=entry(until=YESTERDAY)) == [FAILS]
    assert outcomes(GOOD, known=entry(until=YESTERDAY)) == [PASSES]


def test_an_entry_can_be_for_one_model_or_surface() -> None:
    assert outcomes(ODD, known=entry(model="claude-*")) == [FAILS]
    assert outcomes(ODD, known=entry(model="gpt-*", surface="chat")) == [KNOWN]


def test_a_run_that_measured_no_surface_is_not_green_unless_the_user_chose_so() -> None:
    listing = exchange("GET", "/v1/models", answer={"object": "list", "data": []})
    whole, narrow = runs.from_run(made(listing)), runs.from_run(made(listing), narrow=True)
    assert (whole.summary.exit_code, narrow.summary.exit_code) == (4, 0)
    assert runs.NOTHING_MEASURED in whole.notes
    assert runs.NOTHING_MEASURED not in narrow.notes


def test_a_run_without_any_exchange_is_incomplete() -> None:
    assert runs.from_run(made(), narrow=True).summary.exit_code == 4


def test_what_was_left_out_stands_among_the_verdicts() -> None:
    left = (LeftOut("audio/speech", "audio", NOT_OFFERED, "no model"), LeftOut("suno/song", "suno", UNTESTED, "budget"))
    results = runs.from_run(made(GOOD, left=left))
    told = {(each.surface, each.outcome, each.reason) for each in results.verdicts if each.probe != GOOD.probe}
    assert told == {("audio", NOT_OFFERED, "no model"), ("suno", UNTESTED, "budget")}
    assert results.summary.exit_code == 4


def test_a_strict_run_fails_for_a_warning() -> None:
    lax, strict = (runs.from_run(made(changed(GOOD, "/model", "")), strict=each) for each in (False, True))
    assert any(verdict.warns for verdict in lax.verdicts)
    assert not any(verdict.failed for verdict in lax.verdicts)
    assert (lax.summary.exit_code, strict.summary.exit_code) == (0, 1)


def test_a_replay_gives_the_verdicts_of_the_run(gathered: Run, tmp_path: Path) -> None:
    runs.record(gathered, tmp_path / "cassette", NO_SCRUBBER)
    live, again = runs.from_run(gathered), runs.replay(tmp_path / "cassette")
    assert [replace(each, page=None) for each in live.verdicts] == [replace(each, page=None) for each in again.verdicts]
    assert (again.requests, again.tokens, again.models) == (live.requests, live.tokens, live.models)
    assert again.summary == live.summary


def test_reports_made_twice_are_the_same_bytes(gathered: Run, tmp_path: Path) -> None:
    first, second = (tmp_path / name / "relay-1.0" for name in ("here", "there"))
    for folder in (first, second):
        runs.record(gathered, folder, NO_SCRUBBER)
    made = [report.write(runs.replay(folder), folder.parent / "reports") for folder in (first, second)]
    for one, other in zip(*made, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert str(tmp_path).encode() not in one.read_bytes()


def test_the_order_of_the_rules_is_the_same_whichever_module_was_imported_first() -> None:
    code = "import relayproof.rules.{first}, relayproof.rules as rules; print(*rules.load())"
    orders = {
        subprocess.run(
            [sys.executable, "-c", code.format(first=first)], capture_output=True, text=True, check=True
        ).stdout
        for first in ("every_response", "chat")
    }
    assert len(orders) == 1
    assert orders.pop().split() == list(runs.load_rules())


def test_a_recording_is_replayed_under_another_profile(gathered: Run, tmp_path: Path) -> None:
    runs.record(gathered, tmp_path / "cassette", NO_SCRUBBER)
    assert runs.replay(tmp_path / "cassette").profile == "relay"
    assert runs.replay(tmp_path / "cassette", profile="openai").profile == "openai"


def test_a_replay_is_named_after_its_folder_and_dated_by_its_day(
    gathered: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.record(gathered, tmp_path / "my-relay", NO_SCRUBBER)
    about = tmp_path / "my-relay" / "about.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"day": "2025-01-31"}))
    monkeypatch.chdir(tmp_path / "my-relay")
    results = runs.replay(Path("."))
    assert (results.relay, results.day, results.seconds) == ("my-relay", "2025-01-31", None)


def test_a_secret_is_never_recorded(tmp_path: Path) -> None:
    secret = "sk-runs0proof9zYxWvUtSrQpOnMlKj"
    told = chat()
    assert told.response
    leaky = replace(told, response=replace(told.response, body=told.response.body + secret.encode()))
    with pytest.raises(SecretFound):
        runs.record(made(leaky), tmp_path / "cassette", Scrubber([secret]))
    assert list(tmp_path.rglob("*")) == []


def test_check_keeps_failures_and_counts_everything() -> None:
    four = enumerate([GOOD, ODD, GOOD, ODD])
    exchanges = [replace(each, id=str(number), session=str(number)) for number, each in four]
    checked = runs.check(exchanges, "relay")
    assert [verdict.exchanges for verdict in of(checked.failures)] == [("1",), ("3",)]
    assert [each.id for each in checked.evidence] == ["1", "3"]
    assert (checked.exchanges, dict(checked.surfaces)) == (4, {"chat": 4})
    assert checked.outcomes.total() > 4 * 10


def test_check_judges_across_batches_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    exchanges = [replace(each, id=str(number), session=str(number)) for number, each in enumerate([GOOD, ODD] * 3)]
    whole = runs.check(exchanges, "relay")
    monkeypatch.setattr(runs, "BATCH", 2)
    parts = runs.check(iter(exchanges), "relay")
    assert (parts.outcomes, parts.surfaces) == (whole.outcomes, whole.surfaces)
    assert len(of(parts.failures)) == 3


def test_what_a_log_does_not_show_makes_a_check_neither_red_nor_incomplete() -> None:
    blind = replace(GOOD, blind=frozenset({"headers", "framing", "timing", "clock"}))
    checked = runs.check([blind], "relay")
    assert any(outcome is UNTESTED for _, outcome in checked.outcomes)
    assert checked.summary().exit_code == 0


def test_a_key_that_a_fixture_lacks_is_untested_and_a_wrong_one_is_told() -> None:
    lacking, wrong = (changed(GOOD, "/created"), changed(changed(GOOD, "/created"), "/object", "x"))
    schema = [runs.load_rules()["chat/matches-schema"]]
    told = [judge.judge([replace(each, blind=frozenset({OMISSIONS}))], schema).verdicts[0] for each in (lacking, wrong)]
    assert [verdict.outcome for verdict in told] == [UNTESTED, FAILS]
    assert "created" in told[0].reason
    assert [finding.where for finding in told[1].findings] == ["/object"]


def test_the_form_of_a_replaced_id_is_untested() -> None:
    told = [runs.load_rules()["completions/matches-schema-openai"]]
    asked = {"model": "m", "prompt": "p"}
    whole = {"id": "ID", "model": "m", "choices": []}
    one = exchange("POST", "/v1/completions", asked, whole)
    outcomes = [
        judge.judge([replace(one, blind=blind)], told).verdicts[0].outcome for blind in (NONE, frozenset({IDS}))
    ]
    assert outcomes == [FAILS, UNTESTED]


@pytest.mark.parametrize("path", ["/weather", "/v2/else"])
def test_traffic_of_no_known_surface_is_not_green(path: str) -> None:
    checked = runs.check([exchange("GET", path, answer={"sun": True})], "relay")
    results = checked.results("log", "relay")
    assert set(checked.surfaces) == {OTHER}
    assert (results.summary.exit_code, results.notes[-1]) == (4, runs.NO_SURFACE)


def test_the_results_of_a_check_hold_its_failures_with_their_evidence() -> None:
    results = runs.check([ODD], "relay").results("log.jsonl", "relay")
    assert results.exchange(ODD.id) == ODD
    assert results.notes == ["1 exchanges judged: chat 1"]
    assert (results.relay, results.summary.exit_code) == ("log.jsonl", 1)
    assert {verdict.outcome for verdict in results.verdicts} == {FAILS}


PAGE = '    """A sentence.\n\n    Why.\n\n    Fix: so.\n    """\n'
HEAD = "from relayproof.rule import Source, must\n@must(Source('a', 'b', 'c'), on='chat')\n"
OWN = f"{HEAD}def {{name}}(exchange):\n{PAGE}    yield from ()\n"


def written(folder: Path, file: str, name: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(OWN.format(name=name))
    return str(folder / file)


def test_two_files_of_rules_are_loaded_beside_the_suites_own(tmp_path: Path) -> None:
    files = [written(tmp_path, "mine.py", "one"), written(tmp_path, "yours.py", "two")]
    assert runs.load_rules(files).keys() - runs.load_rules().keys() == {"mine/one", "yours/two"}


def test_two_rules_of_one_name_are_refused_wherever_they_stand(tmp_path: Path) -> None:
    twins = [written(tmp_path / "a", "mine.py", "one"), written(tmp_path / "b", "mine.py", "one")]
    with pytest.raises(BadSetting, match="two rules are called mine/one"):
        runs.load_rules(twins)
    with pytest.raises(BadSetting, match=f"two rules are called {RULE}"):
        runs.load_rules([written(tmp_path, "chat.py", "usage_adds_up")])
    assert runs.load_rules()[RULE].title.startswith("`total_tokens` is the sum")


def test_a_file_of_rules_that_falls_over_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN.format(name="one") + "\n1 / 0\n")
    with pytest.raises(BadSetting, match="ZeroDivisionError"):
        runs.load_rules([str(file)])
    assert "mine/one" not in runs.load_rules()


def test_only_a_surface_besides_the_list_and_the_refusals_counts_as_measured() -> None:
    def passing(surface: str) -> Verdict:
        return replace(of(list(runs.from_run(made(GOOD)).verdicts))[0], surface=surface)

    assert [runs.measured_something([passing(surface)]) for surface in (MODELS, ERRORS, CHAT)] == [False, False, True]
