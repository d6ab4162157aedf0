"""report.html: one file, nothing loaded from anywhere, both languages in it. Bodies are untrusted: all is escaped."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from pathlib import Path
from typing import Any

from relayproof.judge import PASSES
from relayproof.report import evidence
from relayproof.report.focus import HERE
from relayproof.report.overview import KINDS, Overview, Tally, whole
from relayproof.report.spoken import spoken
from relayproof.report.untrusted import fit, one_line
from relayproof.report.wording import LANGUAGES, TAGS, WORDS, say, surface_name

FOLDER = Path(__file__).parent
ALWAYS = ("passes", "fails", "warns", "known", "untested", "not-offered")
SHOWN_PLACES = 8
SHOWN_FAILURES = 10


def render(overview: Overview, language: str) -> str:
    """The page; `language` is the one it opens in."""
    style, script = ((FOLDER / name).read_text("utf-8") for name in ("report.css", "report.js"))
    page: str = _template().render(
        **_words(overview),
        overview=overview,
        results=overview.results,
        language=language,
        tags=TAGS,
        style=_inline(style),
        script=_inline(script),
        policy=_policy(style, script),
        kinds=[kind for kind in KINDS if kind in ALWAYS or overview.of(kind)],
        bars={tally.surface: _bar(tally) for tally in overview.tallies},
        required=(overview.required[PASSES], whole(overview.required)),
        recommended=(overview.recommended[PASSES], whole(overview.recommended)),
        shown_places=SHOWN_PLACES,
        shown_failures=SHOWN_FAILURES,
        pieces=evidence.pieces,
    )
    return page


@functools.cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": _code, "marked": _marked, "fit": fit, "one_line": one_line}
    return environment.get_template("report.html.j2")


def _words(overview: Overview) -> dict[str, Any]:
    """What the template calls: `t` says a key in both languages, `plain` in one, for attributes."""
    return {
        "t": lambda key, **values: _both({each: say(key, each, **values) for each in LANGUAGES}),
        "plain": say,
        "reason_words": lambda text: _both({each: spoken(text, each) for each in LANGUAGES}),
        "surface_words": lambda surface: _both({each: surface_name(surface, each) for each in LANGUAGES}),
        "exit_words": lambda: _both({each: overview.exit_words(each) for each in LANGUAGES}),
        "sentence": lambda: _both({each: overview.sentence(each) for each in LANGUAGES}),
        "advice": [_both({each: say(key, each) for each in LANGUAGES}) for key in overview.advice],
        "has_words": WORDS.__contains__,
    }


def _both(texts: dict[str, str]) -> Any:
    from markupsafe import Markup

    if len(set(texts.values())) == 1:
        return texts["en"]
    span = Markup('<span class="{}" lang="{}">{}</span>')
    return Markup("").join(span.format(language, TAGS[language], text) for language, text in texts.items())


def _code(text: str) -> Any:
    """Escaped, with `backticks` as code."""
    from markupsafe import Markup

    parts = re.split(r"`([^`\n]+)`", text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part for number, part in enumerate(parts)
    )


def _marked(text: str) -> Any:
    """An excerpt, line by line, those of the place itself marked."""
    from markupsafe import Markup

    lines = (
        Markup("<mark>{}</mark>").format(line) if line.startswith(HERE) else Markup("{}").format(line)
        for line in text.split("\n")
    )
    return Markup("\n").join(lines)


def _inline(text: str) -> Any:
    """Our own style or script, as it is. It must not hold what would end its element."""
    from markupsafe import Markup

    if "</" in text:
        raise ValueError("'</' in an inline file would end its element")
    return Markup(text)


def _policy(style: str, script: str) -> str:
    """A content security policy under which nothing but our own style and script works, whatever a body says."""
    own = f"style-src {_hash(style)}; script-src {_hash(script)}"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _bar(tally: Tally) -> list[tuple[str, float, float]]:
    """(kind, x, width) in percent, for the bar of a surface."""
    total, at, parts = tally.counts.total(), 0.0, []
    for kind in KINDS:
        width = 100 * tally.counts[kind] / total
        if width:
            parts.append((kind, round(at, 2), round(width, 2)))
        at += width
    return parts
