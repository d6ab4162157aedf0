"""report.json: everything the other reports say, for programs. Its form is schemas/report/report.json."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from relayproof.exchange import Exchange
from relayproof.judge import Outcome, Verdict
from relayproof.report.curl import curl
from relayproof.report.overview import KINDS, Overview
from relayproof.report.untrusted import fit, one_line
from relayproof.rule import Rule

FORMAT = 1


def render(overview: Overview, language: str) -> str:
    """The report as JSON text. The same results give the same bytes; the language changes only the sentence."""
    return json.dumps(document(overview, language), ensure_ascii=False, indent=2) + "\n"


def document(overview: Overview, language: str = "en") -> dict[str, Any]:
    """The report as plain data."""
    results = overview.results
    return {
        "format": FORMAT,
        "relay": results.relay,
        "profile": results.profile,
        "relayproof": results.version,
        "day": results.day,
        "models": dict(results.models),
        "sentence": overview.sentence(language),
        "summary": _summary(overview),
        "notes": list(results.notes),
        "surfaces": [_surface(tally.surface, tally.model, tally.counts) for tally in overview.tallies],
        "parameters": [{"name": p.name, "surface": p.surface, "state": p.state} for p in overview.parameters],
        "verdicts": [_verdict(verdict) for verdict in results.verdicts],
        "rules": {page.id: _rule(page) for page in _pages(overview)},
        "exchanges": [_exchange(exchange) for exchange in results.exchanges],
        "suite_errors": [{"rule": e.rule, "exchange": e.exchange, "trace": e.trace} for e in results.errors],
    }


def _summary(overview: Overview) -> dict[str, Any]:
    results = overview.results
    return {
        "state": overview.state,
        "exit_code": results.summary.exit_code,
        "required": _outcomes(overview.required),
        "recommended": _outcomes(overview.recommended),
        "optional": _outcomes(overview.optional),
        "requests": results.requests,
        "tokens": results.tokens,
        "seconds": results.seconds,
        "exchanges": len(results.exchanges),
        "verdicts": len(results.verdicts),
    }


def _outcomes(counts: Counter[Outcome]) -> dict[str, int]:
    return {str(outcome): counts[outcome] for outcome in Outcome}


def _surface(surface: str, model: str, counts: Counter[str]) -> dict[str, Any]:
    return {"surface": surface, "model": model, "rules": {kind: counts[kind] for kind in KINDS}}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "rule": verdict.rule,
        "level": str(verdict.level),
        "surface": verdict.surface,
        "probe": verdict.probe,
        "model": verdict.model,
        "verdict": str(verdict.outcome),
        "findings": [{"where": finding.where, "what": finding.what} for finding in verdict.findings],
        "reason": verdict.reason,
        "origin": verdict.origin,
        "exchanges": list(verdict.exchanges),
    }


def _pages(overview: Overview) -> Iterator[Rule]:
    pages = {ruling.rule: ruling.page for ruling in overview.rulings if ruling.page}
    yield from (pages[rule] for rule in sorted(pages))


def _rule(page: Rule) -> dict[str, Any]:
    return {
        "title": page.title,
        "why": page.why,
        "fix": page.fix,
        "source": str(page.source),
        "level": str(page.level),
        "level_in_relay": str(page.relay),
    }


def _exchange(exchange: Exchange) -> dict[str, Any]:
    response = exchange.response
    return {
        "id": exchange.id,
        "probe": exchange.probe,
        "method": fit(exchange.request.method),
        "url": fit(exchange.request.url),
        "status": response.status if response else None,
        "seconds": response.seconds if response else None,
        "bytes": len(response.body) if response else None,
        "failure": one_line(exchange.failure),
        "curl": curl(exchange),
    }
