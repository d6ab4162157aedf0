"""From what was gathered to what is reported: live runs, recorded ones and traffic come to Results in the same way."""

from __future__ import annotations

import datetime
import functools
import importlib.util
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from relayproof import judge, rules
from relayproof.exchange import Exchange
from relayproof.judge import FAILS, PASSES, UNTESTED, Judgement, Outcome, SuiteError, Summary, Verdict
from relayproof.relay import BadSetting, KnownDeviation, Relay
from relayproof.results import Results
from relayproof.rule import PROFILES, RELAY, RULES, Level, MalformedRule, Rule
from relayproof.session import LeftOut, Run
from relayproof.surface import ERRORS, MODELS, OTHER
from relayproof.wire import cassette
from relayproof.wire.scrub import Scrubber

BATCH = 500
NOTHING_MEASURED = "nothing but the model list and refusals was measured: no surface is known to work"
NO_SURFACE = "no exchange is of a surface that relayproof knows: nothing but the form of the answers was measured"


def load_rules(files: Iterable[str] = ()) -> dict[str, Rule]:
    """Every rule of the suite, and those of the user's own files. Raises BadSetting for a file that can't be loaded."""
    found = dict(rules.load())
    for file in files:
        own = _own_rules(Path(file).resolve())
        if twice := found.keys() & own.keys():
            raise BadSetting(file, f"two rules are called {min(twice)}")
        found |= own
    return found


@functools.cache
def _own_rules(file: Path) -> dict[str, Rule]:
    """The rules that a user's file makes. They are taken out of the registry again: it is the suite's."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise BadSetting(str(file), "no such file of rules")
    suite = set(RULES)
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        return {name: RULES[name] for name in RULES.keys() - suite}
    except MalformedRule as error:
        raise BadSetting(str(file), str(error)) from None
    except (Exception, SystemExit) as error:
        raise BadSetting(str(file), f"{type(error).__name__}: {error}") from None
    finally:
        for name in RULES.keys() - suite:
            del RULES[name]


def from_run(run: Run, *, strict: bool = False, narrow: bool = False) -> Results:
    """The results of a live run. `narrow` when the user chose the surfaces: then what is missing is not missed."""
    judgement = judge.judge(run.exchanges, load_rules(run.relay.rules).values(), run.relay.profile)
    return _results(run, judgement, run.relay.known, strict=strict, narrow=narrow)


def _results(run: Run, judgement: Judgement, known: Sequence[KnownDeviation], *, strict: bool, narrow: bool) -> Results:
    left_out = [left.verdict() for left in run.left_out]
    today = datetime.date.today()
    judgement.verdicts = judge.forgive([*judgement.verdicts, *left_out], known, today)
    summary = judge.summarise(judgement, strict=strict)
    notes = list(dict.fromkeys(run.notes))
    if summary.exit_code == 0 and not narrow and not measured_something(judgement.verdicts):
        summary = replace(summary, exit_code=4)
        notes.append(NOTHING_MEASURED)
    return Results(
        relay=run.relay.name,
        profile=run.relay.profile,
        verdicts=judgement.verdicts,
        exchanges=run.exchanges,
        summary=ended(summary, run),
        errors=judgement.errors,
        requests=run.requests,
        tokens=run.tokens,
        seconds=run.seconds or None,
        day=today.isoformat(),
        models=dict(run.relay.models),
        notes=notes,
    )


def ended(summary: Summary, run: Run) -> Summary:
    """The summary, with the exit code of a run that was interrupted, unless we failed ourselves."""
    return replace(summary, exit_code=130) if run.interrupted and summary.exit_code != 3 else summary


def measured_something(verdicts: Iterable[Verdict]) -> bool:
    """True when a surface besides the model list and the refusals has a rule that passes."""
    return any(verdict.outcome is PASSES and verdict.surface not in (MODELS, ERRORS) for verdict in verdicts)


def record(run: Run, folder: Path, scrubber: Scrubber) -> None:
    """Write a run as a cassette folder. Raises cassette.SecretFound before a secret could be written."""
    about = {
        "relay": run.relay.name,
        "profile": run.relay.profile,
        "day": datetime.date.today().isoformat(),
        "models": dict(run.relay.models),
        "requests": run.requests,
        "tokens": run.tokens,
        "left_out": [
            {"probe": left.probe, "surface": left.surface, "outcome": str(left.outcome), "reason": left.reason}
            for left in run.left_out
        ],
        "notes": list(run.notes),
    }
    cassette.write(folder, run.exchanges, about, scrubber)


def replay(folder: Path, *, profile: str = "", known: Sequence[KnownDeviation] = (), strict: bool = False) -> Results:
    """Judge a cassette folder again: the same exchanges give the same results, whenever and wherever."""
    exchanges, about = cassette.read(folder)
    profile = profile or about.get("profile") or RELAY
    if profile not in PROFILES:
        raise cassette.BadTraffic(f"{folder / cassette.ABOUT}", f"profile is {profile!r}, which is none")
    relay = Relay(url=f"http://{folder.resolve().name}", profile=profile, models=_models(about))
    run = Run(relay, exchanges, list(_left_out(about, folder)), [str(note) for note in about.get("notes", ())])
    run.requests, run.tokens = int(about.get("requests", len(exchanges))), int(about.get("tokens", 0))
    judgement = judge.judge(exchanges, load_rules().values(), relay.profile)
    results = _results(run, judgement, known, strict=strict, narrow=True)
    return _as_of(results, str(about.get("day", "")))


def _as_of(results: Results, day: str) -> Results:
    return replace(results, day=day, seconds=None)


def _models(about: Mapping[str, Any]) -> dict[str, str]:
    models = about.get("models")
    return {str(key): str(value) for key, value in models.items()} if isinstance(models, dict) else {}


def _left_out(about: Mapping[str, Any], folder: Path) -> Iterator[LeftOut]:
    for number, entry in enumerate(about.get("left_out", ())):
        outcome = entry.get("outcome", UNTESTED) if isinstance(entry, dict) else ""
        if outcome not in list(Outcome):
            raise cassette.BadTraffic(f"{folder / cassette.ABOUT}: left_out[{number}]", "has no outcome that is known")
        outcome = Outcome(outcome)
        yield LeftOut(str(entry.get("probe", "")), str(entry.get("surface", "")), outcome, str(entry.get("reason", "")))


@dataclass
class Checked:
    """What a check of recorded traffic came to. Only failures are kept; everything else is counted."""

    failures: list[Verdict] = field(default_factory=list)
    evidence: list[Exchange] = field(default_factory=list)
    errors: list[SuiteError] = field(default_factory=list)
    surfaces: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[Level, Outcome]] = field(default_factory=Counter)

    def add(self, group: Sequence[Exchange], judgement: Judgement) -> None:
        """Take in the judgement of one batch."""
        failures = [verdict for verdict in judgement.verdicts if verdict.outcome is FAILS]
        wanted = {number for verdict in failures for number in verdict.exchanges}
        self.failures += failures
        self.evidence += [exchange for exchange in group if exchange.id in wanted]
        self.errors += judgement.errors
        self.surfaces.update(judge.shown_surface(exchange) for exchange in group)
        self.outcomes.update((verdict.level, verdict.outcome) for verdict in judgement.verdicts)

    @property
    def exchanges(self) -> int:
        """How many exchanges were judged."""
        return self.surfaces.total()

    def summary(self, *, strict: bool = False) -> Summary:
        """The counts and the exit code, by the rules of judge.summarise."""
        counts = {
            level: Counter({outcome: number for (each, outcome), number in self.outcomes.items() if each is level})
            for level in Level
        }
        summary = judge.conclude(counts, self.errors, strict=strict, recorded=True)
        return replace(summary, exit_code=4) if summary.exit_code == 0 and not self.known_surfaces else summary

    @property
    def known_surfaces(self) -> bool:
        """True when at least one exchange is of a surface that relayproof knows."""
        return bool(self.surfaces.keys() - {OTHER})

    def results(self, name: str, profile: str, *, strict: bool = False) -> Results:
        """For reports: the failures with their evidence. `name` says what was judged."""
        kinds = ", ".join(f"{surface} {number:,}" for surface, number in sorted(self.surfaces.items()))
        return Results(
            relay=name,
            profile=profile,
            verdicts=self.failures,
            exchanges=self.evidence,
            summary=self.summary(strict=strict),
            errors=self.errors,
            notes=[f"{self.exchanges:,} exchanges judged: {kinds}", *([] if self.known_surfaces else [NO_SURFACE])],
        )


def check(exchanges: Iterable[Exchange], profile: str, files: Iterable[str] = ()) -> Checked:
    """Judge recorded traffic in bounded memory. Exchanges are compared only within a batch and a session."""
    checked, own = Checked(), list(load_rules(files).values())
    for group in _batches(exchanges, BATCH):
        checked.add(group, judge.judge(group, own, profile))
    return checked


def _batches(exchanges: Iterable[Exchange], size: int) -> Iterator[list[Exchange]]:
    source = iter(exchanges)
    while group := list(itertools.islice(source, size)):
        yield group
