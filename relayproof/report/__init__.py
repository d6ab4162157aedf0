"""Reports: results in, files out. A report sees verdicts, not rules; each form is one module."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from relayproof.report import html, json_report, junit, markdown
from relayproof.report.overview import Overview
from relayproof.results import Results

Writer = Callable[[Overview, str], str]
WRITERS: dict[str, Writer] = {
    "report.json": json_report.render,
    "report.html": html.render,
    "report.md": markdown.render,
    "junit.xml": junit.render,
}


class Unwritten(ExceptionGroup[Exception]):
    """Some reports could not be made. The others are written, and an older file of the same name is as it was."""


def write(results: Results, folder: Path, language: str = "en") -> list[Path]:
    """Write every report into `folder`, each whole or not at all, and return the paths. Raises Unwritten at the end.

    `language` ("en" or "zh") is that of headings and sentences; ids and the keys of report.json are the same in both.
    """
    overview = Overview(results)
    folder.mkdir(parents=True, exist_ok=True)
    written, errors = [], []
    for name, render in WRITERS.items():
        try:
            _replace(folder / name, render(overview, language))
        except Exception as error:
            error.add_note(f"while writing {name}")
            errors.append(error)
        else:
            written.append(folder / name)
    if errors:
        raise Unwritten("reports that could not be written", errors)
    return written


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, "utf-8", newline="\n")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
