"""Rules: pure functions from an exchange (or a few) to findings, with everything a reader needs to know about them.

A rule is one function. Its verb is its level, its module and name are its id, its docstring is the page that
`relayproof explain`, docs/rules.md and every report print. What it yields is wrong; yielding nothing means good.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from relayproof.exchange import Exchange


class Level(StrEnum):
    """How binding a rule is, in the words of RFC 2119."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"


MUST, SHOULD, MAY = Level.MUST, Level.SHOULD, Level.MAY


class Answers(StrEnum):
    """Which answers a rule looks at."""

    OK = "ok"
    REFUSED = "refused"
    ANY = "any"
    EVEN_NONE = "even-none"


OK, REFUSED, ANY, EVEN_NONE = Answers
OPENAI, RELAY = "openai", "relay"
PROFILES = (OPENAI, RELAY)


@dataclass(frozen=True)
class Source:
    """Where a rule comes from: document, anchor (section, schema or file), and the date it was read."""

    document: str
    anchor: str
    read: str = "2026-11-22"

    def __str__(self) -> str:
        return f"{self.document}, {self.anchor} (read {self.read})"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where (a JSON pointer, an event, a header), and what, with the value that shows it.

    Half of a surrogate pair, which JSON can carry and UTF-8 can not, is spelt out.
    """

    where: str
    what: str

    def __post_init__(self) -> None:
        for name in ("where", "what"):
            object.__setattr__(self, name, getattr(self, name).encode(errors="backslashreplace").decode())


class Untested(Exception):
    """Raised by a rule that could not measure: the reason is shown, and the verdict is never green."""


class NotOffered(Exception):
    """Raised by a rule where the relay itself says that it does not serve what was asked: no failure, and not green."""


class MalformedRule(TypeError):
    """A rule whose docstring or name breaks the form. Raised at import."""


Check = Callable[[Any], Iterable[Finding]]
Group = Callable[[Sequence[Exchange]], Iterator[tuple[Exchange, ...]]]
When = Callable[[Exchange], bool]


@dataclass(frozen=True)
class Rule:
    """A rule and its card. `across` makes tuples of exchanges for a rule that compares several."""

    id: str
    level: Level
    relay: Level
    source: Source
    on: frozenset[str]
    answers: Answers
    when: When | None
    needs: frozenset[str]
    partial: bool
    across: Group | None
    title: str
    why: str
    fix: str
    check: Check

    def level_in(self, profile: str) -> Level:
        """The level in a profile."""
        return self.relay if profile == RELAY else self.level

    @property
    def place(self) -> str:
        """file:line of the function, for a reader who wants the code."""
        code = inspect.unwrap(self.check).__code__
        return f"{code.co_filename}:{code.co_firstlineno}"


RULES: dict[str, Rule] = {}


def must(source: Source, **card: Any) -> Callable[[Check], Check]:
    """A rule that every client may rely on. See `rule` for the keywords."""
    return _decorator(MUST, source, card)


def should(source: Source, **card: Any) -> Callable[[Check], Check]:
    """A rule whose breach is a warning. See `rule` for the keywords."""
    return _decorator(SHOULD, source, card)


def may(source: Source, **card: Any) -> Callable[[Check], Check]:
    """A rule whose breach is worth knowing, no more. See `rule` for the keywords."""
    return _decorator(MAY, source, card)


def _decorator(level: Level, source: Source, card: dict[str, Any]) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        made = rule(check, level, source, **card)
        if made.id in RULES:
            raise MalformedRule(f"two rules are called {made.id}")
        RULES[made.id] = made
        return check

    return register


def rule(
    check: Check,
    level: Level,
    source: Source,
    *,
    on: str | Iterable[str],
    relay: Level | None = None,
    answers: Answers = OK,
    when: When | None = None,
    needs: str | Iterable[str] = (),
    partial: bool = False,
    across: Group | None = None,
) -> Rule:
    """Make a rule of a function.

    on: the surfaces it judges. relay: its level in profile relay, where it differs. answers: OK (2xx, the default),
    REFUSED (4xx and 5xx), ANY, or EVEN_NONE (also where no answer came). when: a predicate on the exchange. needs:
    aspects of the record that it looks at (exchange.HEADERS, FRAMING, ...). partial: also judges responses that broke
    off. across: a function that makes tuples of exchanges out of all exchanges on `on`. Raises MalformedRule when the
    docstring has not its three parts.
    """
    title, why, fix = _page(check)
    return Rule(
        id=_id(check),
        level=level,
        relay=relay or level,
        source=source,
        on=frozenset([on] if isinstance(on, str) else on),
        answers=answers,
        when=when,
        needs=frozenset([needs] if isinstance(needs, str) else needs),
        partial=partial,
        across=across,
        title=title,
        why=why,
        fix=fix,
        check=check,
    )


def _id(check: Check) -> str:
    module = check.__module__.rpartition(".")[2]
    return f"{module}/{check.__name__}".replace("_", "-")


def _page(check: Check) -> tuple[str, str, str]:
    paragraphs = [_flat(text) for text in re.split(r"\n\s*\n", inspect.getdoc(check) or "")]
    if len(paragraphs) < 3 or not paragraphs[-1].startswith("Fix: ") or not paragraphs[0].endswith("."):
        raise MalformedRule(f"{_id(check)}: the docstring needs a title ending with a full stop, a reason, and 'Fix: '")
    return paragraphs[0], "\n\n".join(paragraphs[1:-1]), paragraphs[-1].removeprefix("Fix: ")


def _flat(text: str) -> str:
    return " ".join(text.split())
