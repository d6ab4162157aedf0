"""junit.xml: a suite per surface, a case per verdict, for CI servers. What was not measured never looks green."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence

from relayproof.judge import FAILS, KNOWN, NOT_OFFERED, STALE, UNTESTED, SuiteError, Verdict
from relayproof.report.overview import Overview
from relayproof.report.spoken import spoken
from relayproof.report.wording import say
from relayproof.rule import MUST

SUITE = "relayproof"


def render(overview: Overview, language: str) -> str:
    """The report as JUnit XML."""
    root = ET.Element("testsuites", name=SUITE)
    for tally in overview.tallies:
        here = [verdict for verdict in overview.results.verdicts if verdict.surface == tally.surface]
        _suite(root, tally.surface, here, language)
    if overview.results.errors or not overview.results.verdicts:
        _own_suite(root, overview, language)
    _count(root)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, surface: str, verdicts: Sequence[Verdict], language: str) -> None:
    suite = ET.SubElement(root, "testsuite", name=surface)
    names: Counter[str] = Counter()
    for verdict in verdicts:
        name = f"{verdict.rule} [{verdict.probe}]" if verdict.probe else verdict.rule
        names[name] += 1
        # CI servers take two cases of one name for one.
        unique = name if names[name] == 1 else f"{name} #{names[name]}"
        case = ET.SubElement(suite, "testcase", classname=surface, name=unique)
        _outcome(case, verdict, language)


def _outcome(case: ET.Element, verdict: Verdict, language: str) -> None:
    reason = spoken(verdict.reason, language) or say("no-reason", language)
    if verdict.failed or verdict.outcome is STALE:
        first = verdict.findings[0].what if verdict.findings else reason
        kind = "stale" if verdict.outcome is STALE else str(verdict.level)
        ET.SubElement(case, "failure", type=kind, message=first).text = _page(verdict, language)
    elif verdict.outcome is FAILS:
        kind = "warns" if verdict.warns else "notes"
        ET.SubElement(case, "system-out").text = f"{say(kind, language)}\n{_page(verdict, language)}"
    elif verdict.outcome is UNTESTED and verdict.level is MUST:
        ET.SubElement(case, "error", type="untested", message=reason)
    elif verdict.outcome in (UNTESTED, NOT_OFFERED, KNOWN):
        message = f"{say(str(verdict.outcome), language)}: {reason}"
        ET.SubElement(case, "skipped", message=message)
        if verdict.findings:
            ET.SubElement(case, "system-out").text = _page(verdict, language)


def _page(verdict: Verdict, language: str) -> str:
    lines = [f"{finding.where or say('whole', language)}: {finding.what}" for finding in verdict.findings]
    if verdict.page:
        page = verdict.page
        texts = (("expected", page.title), ("why", page.why), ("fix", page.fix), ("source", str(page.source)))
        lines += [f"{say(key, language)}: {text}" for key, text in texts]
    if verdict.exchanges:
        lines.append(f"{say('evidence', language)}: {', '.join(verdict.exchanges)}")
    return "\n".join(lines)


def _own_suite(root: ET.Element, overview: Overview, language: str) -> None:
    suite = ET.SubElement(root, "testsuite", name=SUITE)
    if not overview.results.verdicts:
        case = ET.SubElement(suite, "testcase", classname=SUITE, name="something is measured")
        ET.SubElement(case, "error", type="untested", message=overview.sentence(language))
    for number, error in enumerate(overview.results.errors, 1):
        _own_error(suite, number, error)


def _own_error(suite: ET.Element, number: int, error: SuiteError) -> None:
    name = f"{error.rule} on exchange {error.exchange} #{number}"
    case = ET.SubElement(suite, "testcase", classname=SUITE, name=name)
    last = error.trace.strip().rpartition("\n")[2]
    ET.SubElement(case, "error", type="suite", message=last).text = error.trace


def _count(root: ET.Element) -> None:
    """Write the totals that CI servers read off the suites; strict ones take no `skipped` on the whole."""
    for element in (root, *root):
        cases = list(element.iter("testcase"))
        element.set("tests", str(len(cases)))
        totals = {"failures": "failure", "errors": "error"} | ({"skipped": "skipped"} if element is not root else {})
        for attribute, tag in totals.items():
            element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
