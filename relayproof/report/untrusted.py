"""Text that a relay wrote, made fit to be shown: no terminal escapes, no hidden characters, no keys, no local paths."""

from __future__ import annotations

import re
from dataclasses import replace

from relayproof.judge import SuiteError, Verdict
from relayproof.results import Results
from relayproof.rule import Finding
from relayproof.wire.scrub import tidy

# Controls except tab and newline, C1 (a terminal obeys 0x9b), bidi and zero-width marks, what XML or UTF-8 refuses.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
LONGEST_KEY = 400


def visible(text: str) -> str:
    """The text with every hidden character spelt out (`\\x1b`, `\\u202e`). Tabs and line feeds stay."""
    return HIDDEN.sub(_spelt, text)


def _spelt(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code == 0x0D:
        return "\\r"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def masked(text: str, most: int = 0) -> str:
    """The text without keys, cut to `most` characters (0: all of it)."""
    if not most:
        return tidy(text)
    # Masked before it is cut: half a key no longer looks like one.
    whole = tidy(text[: most + LONGEST_KEY])
    return whole if len(whole) <= most and len(text) <= most else whole[:most] + "…"


def fit(text: str, most: int = 0) -> str:
    """The text without keys and hidden characters, cut to `most` characters (0: all of it)."""
    return visible(masked(text, most))


def one_line(text: str, most: int = 0) -> str:
    """Fit, and on one line."""
    return fit(" ".join(text.split()), most)


def cleaned(results: Results) -> Results:
    """The results with every text fit to be shown. The exchanges stay raw: `evidence` cleans what it shows of them."""
    return replace(
        results,
        relay=one_line(results.relay),
        verdicts=[_verdict(verdict) for verdict in results.verdicts],
        errors=[_error(error) for error in results.errors],
        models={surface: one_line(model) for surface, model in sorted(results.models.items())},
        notes=[one_line(note) for note in results.notes],
    )


def _verdict(verdict: Verdict) -> Verdict:
    return replace(
        verdict,
        model=one_line(verdict.model),
        reason=one_line(verdict.reason),
        findings=tuple(Finding(one_line(each.where), fit(each.what, 2000)) for each in verdict.findings),
    )


def _error(error: SuiteError) -> SuiteError:
    trace = re.sub(r'File "[^"]*[\\/]([^"\\/]+)"', r'File "\1"', error.trace)
    return replace(error, trace=fit(trace))
