"""The score: docs/faults.md, made from trials and read back from there. No timings: equal runs give equal pages."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from relayproof.faults import UNDETECTABLE, load
from relayproof.selftest.bench import GOOD, Outcome, Trial

MADE = "<!-- made by `relayproof selftest --write docs/faults.md` -->\n"
ROW = re.compile(r"^\| `([^`]+)` \|.*\| (\w[\w ]*) \| [^|]*\|$", re.MULTILINE)
HEAD = """# Faults

What `relayproof selftest` finds. Each fault is put into the reference relay, the probes of the surfaces that it touches
are sent, and every rule judges the answers. A fault is *found* when a must that is meant for it fails in both profiles,
*warned* when a should fails and no must does, *silent* when the contract allows it and no rule complains, *untested*
when nothing could be measured and the run says so. One that only an unrelated rule stumbles over is MISSED; one that is
failed although a warning (or nothing) is right is a FALSE ALARM. Faults marked with a dot were reported of real relays;
the others are their siblings.

`relayproof serve --fault NAME` serves a relay with that fault, for clients to be hardened against.

"""


def page(trials: Sequence[Trial]) -> str:
    """The whole page of these trials, family by family in the order of the catalogue."""
    families: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        families[trial.fault.family].append(trial)
    parts = [MADE, HEAD, *_counts(trials)]
    for name in sorted(families):
        parts.append(
            f"\n## {name}\n\n| fault | | what is broken | expected | outcome | by |\n|---|---|---|---|---|---|\n"
        )
        parts += [_row(trial) for trial in families[name]]
    parts.append("\n## Not injected\n\n| reported fault | why |\n|---|---|\n")
    parts += [f"| {name} | {why} |\n" for name, why in sorted(UNDETECTABLE.items())]
    return "".join(parts)


def _counts(trials: Sequence[Trial]) -> Iterable[str]:
    yield "| | injected | " + " | ".join(Outcome) + " |\n|---|" + "---|" * (len(Outcome) + 1) + "\n"
    for title, seen in (("reported", True), ("siblings", False)):
        counts = Counter(trial.outcome for trial in trials if trial.fault.seen is seen)
        yield f"| {title} | {counts.total()} | " + " | ".join(str(counts[each]) for each in Outcome) + " |\n"
    yield f"\n{len(UNDETECTABLE)} reported faults are not injected; the reasons stand at the end.\n"


def _row(trial: Trial) -> str:
    fault = trial.fault
    says = fault.says.replace("|", "\\|")
    cells = (
        f"`{fault.name}`",
        "•" if fault.seen else "",
        says,
        fault.verdict,
        trial.outcome,
        ", ".join(trial.found_by),
    )
    return f"| {' | '.join(cells)} |\n"


def told(trial: Trial) -> str:
    """A trial in a few lines, for a terminal: outcome, cost, what is broken, which rules complained."""
    cost = f"{trial.requests} requests, {trial.tokens:,} tokens, {trial.seconds:.1f} s"
    lines = [f"{trial.outcome:<11}  {trial.fault.name}  ({cost})", f"{'':13}{trial.fault.says}"]
    lines += [
        f"{'':13}{title} {', '.join(found)}"
        for title, found in (("by", trial.found_by), ("also", trial.others))
        if found
    ]
    return "\n".join([*lines, *trial.errors]) + "\n"


def summary(trials: Sequence[Trial]) -> str:
    """A line a family, and the sum, for a terminal."""
    families: dict[str, Counter[Outcome]] = defaultdict(Counter)
    for trial in trials:
        families[trial.fault.family][trial.outcome] += 1
    rows = [*sorted(families.items()), ("all", sum(families.values(), Counter[Outcome]()))]
    lines = [f"{'':<18}" + "".join(f"{outcome:>13}" for outcome in Outcome)]
    lines += [f"{name:<18}" + "".join(f"{counts[outcome]:>13}" for outcome in Outcome) for name, counts in rows]
    requests, tokens = sum(trial.requests for trial in trials), sum(trial.tokens for trial in trials)
    seconds = sum(trial.seconds for trial in trials)
    lines.append(f"{len(trials)} faults, {requests:,} requests, {tokens:,} tokens, {seconds:.0f} s")
    return "\n".join(lines) + "\n"


def scores(text: str) -> dict[str, Outcome]:
    """The outcome of each fault on a page; names that are no faults any more are left out."""
    known = load()
    return {name: Outcome(word) for name, word in ROW.findall(text) if name in known}


def lost(before: Mapping[str, Outcome], trials: Iterable[Trial]) -> list[Trial]:
    """The trials of faults that were judged rightly on the page, or are new, and are not now."""
    return [trial for trial in trials if not trial.good and before.get(trial.fault.name, Outcome.FOUND) in GOOD]
