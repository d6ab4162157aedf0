"""report.md: for a comment under a pull request. What a relay wrote stands in code, where Markdown means nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from relayproof.judge import PASSES
from relayproof.report.overview import KINDS, Overview, Ruling, whole
from relayproof.report.spoken import spoken
from relayproof.report.untrusted import one_line
from relayproof.report.wording import say, surface_name

LONGEST = 55_000
LONGEST_VALUE = 500
MOST_PLACES = 4
ALWAYS = ("passes", "fails", "warns", "known", "untested", "not-offered")
OPEN = ("fails", "stale")


def render(overview: Overview, language: str) -> str:
    """The report as Markdown, shorter than what a code host takes for a comment."""
    text = "\n".join(_head(overview, language))
    sections = list(_sections(overview, language))
    for number, section in enumerate(sections):
        if len(text) + len(section) > LONGEST:
            return text + f"\n{say('more', language, count=len(sections) - number, file='report.html')}\n"
        text += section
    return text


def _head(overview: Overview, language: str) -> Iterator[str]:
    yield f"## {say('state.' + overview.state, language)}: {prose(overview.sentence(language))}\n"
    results = overview.results
    counts = [
        f"{say(key, language)} {counter[PASSES]}/{whole(counter)}"
        for key, counter in (("required", overview.required), ("recommended", overview.recommended))
    ]
    spent = [say("requests", language, count=results.requests), say("tokens", language, count=results.tokens)]
    facts = [f"{say('profile', language)} {results.profile}", results.day, *counts, *spent]
    yield " · ".join(prose(fact) for fact in facts if fact) + "\n"
    yield from (f"{say(key, language)}\n" for key in overview.advice)
    yield from (f"{prose(spoken(note, language))}\n" for note in results.notes)
    yield from _table(overview, language)
    yield ""


def _table(overview: Overview, language: str) -> Iterator[str]:
    kinds = [kind for kind in KINDS if kind in ALWAYS or overview.of(kind)]
    yield _row(say(key, language) for key in ("surface", "model", *kinds))
    yield "| :-- | :-- |" + " --: |" * len(kinds)
    for tally in overview.tallies:
        model = code(tally.model).replace("|", "\\|") if tally.model else ""
        counts = (str(tally.counts[kind] or "") for kind in kinds)
        yield _row([prose(surface_name(tally.surface, language)), model, *counts])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _sections(overview: Overview, language: str) -> Iterator[str]:
    for kind in ("fails", "stale", "warns", "notes", "known"):
        rulings = overview.of(kind)
        if rulings:
            yield f"\n### {say(f'head.{kind}', language)} ({len(rulings)})\n"
            yield from (_ruling(ruling, language, kind in OPEN) for ruling in rulings)
    gaps = overview.gaps()
    if gaps:
        yield f"\n### {say('head.untested', language)} ({len(overview.of('untested'))})\n\n"
    for reason, same in gaps.items():
        shown = code(spoken(reason, language)) if reason else say("no-reason", language)
        rules = ", ".join(code(gap.ruling.rule) for gap in same[:8]) + (" …" if len(same) > 8 else "")
        yield f"- {shown}: {say('rules', language, count=len(same))} ({rules})\n"
    for error in overview.results.errors:
        yield f"\n### {say('head.errors', language)}: {code(error.rule)}\n\n{block(error.trace)}\n"


def _ruling(ruling: Ruling, language: str, opened: bool) -> str:
    page = ruling.page
    level = say(str(ruling.level), language)
    origin = f" · {spoken(ruling.origin, language)}" if ruling.origin else ""
    lines = [f"\n<details{' open' if opened else ''}>"]
    lines.append(f"<summary><code>{_escaped(ruling.rule)}</code> · {level} · {ruling.surface}{origin}</summary>\n")
    if page:
        lines.append(f"**{say('expected', language)}** {prose(page.title)}\n")
    for place in ruling.places[:MOST_PLACES]:
        where = code(place.finding.where) if place.finding.where else say("whole", language)
        lines.append(f"**{say('where', language)}** {where}\n")
        lines.append(block(one_line(place.finding.what, LONGEST_VALUE)) + "\n")
    if len(ruling.places) > MOST_PLACES:
        lines.append(say("places", language, count=len(ruling.places) - MOST_PLACES) + "\n")
    lines += [f"**{say('reason', language)}** {code(spoken(reason, language))}\n" for reason in ruling.reasons]
    if page:
        lines.append(f"**{say('why', language)}** {prose(page.why)}\n")
        lines.append(f"**{say('fix', language)}** {prose(page.fix)}\n")
        lines.append(f"**{say('source', language)}** {prose(str(page.source))}\n")
    return "\n".join([*lines, "</details>\n"])


def prose(text: str) -> str:
    """A sentence in which only `code` spans mean something, and nobody is mentioned."""
    parts = re.split(r"(`[^`\n]+`)", text)
    return "".join(part if number % 2 else _plain(part) for number, part in enumerate(parts))


def _plain(text: str) -> str:
    escaped = re.sub(r"([\\*\[\]|`_~])", r"\\\1", _escaped(text))
    # A code host looks for mentions after Markdown, so a backslash would not stop it.
    return re.sub(r"([@#])(?=\w)", r"\1&#8203;", escaped)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """A code span that the text can't close."""
    flat = " ".join(text.split()) or " "
    fence = "`" * (_longest_run(flat) + 1)
    pad = " " if flat[0] == "`" or flat[-1] == "`" else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def block(text: str) -> str:
    """A fenced code block that the text can't close."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}\n{text}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
