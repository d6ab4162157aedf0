"""A command line as a user has it: a folder of its own, a key in the environment, a relay on the loopback interface."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from starlette.types import ASGIApp, Receive, Scope, Send

from relayproof import cli
from relayproof.faults import FaultyRelay, find
from relayproof.reference import make_app, serving

KEY = "sk-cli0proof9zYxWvUtSrQpOnMlKjIhGfEdCbA"
TENANT = "tenant-5f3a9c27d1e84b60"
FEW = ("--only", "models,chat")
FAMILY = ("--only", "models,chat,chat_stream,errors")
FAULT = "models-object-missing"
PAGE = '"""A sentence.\n\n    Why.\n\n    Fix: so.\n    """'
Reports = dict[str, Any]


class Outcome:
    """What a command said, and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        self.lines = [line for line in err.splitlines() if line.strip()]

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


class Wire:
    """An application that notes what it was asked."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.requests: list[dict[str, str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append(headers | {":path": scope["path"]})
        await self.app(scope, receive, send)


def relayproof(*words: object) -> Outcome:
    """Run a command here. Whatever it does, it shows no traceback, and the key is in nothing that it said or wrote."""
    result = CliRunner().invoke(cli.main, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    outcome = Outcome(result.exit_code, result.stdout, result.stderr)
    assert "Traceback" not in outcome.out + outcome.err.partition("relayproof failed inside the rule")[0]
    assert keyless(outcome.out + outcome.err), outcome
    return outcome


def keyless(said: str = "") -> bool:
    files = [path.read_bytes() for path in Path.cwd().rglob("*") if path.is_file()]
    return not any(KEY[3:].encode() in data or TENANT.encode() in data for data in [said.encode(), *files])


def refused(outcome: Outcome, *words: str) -> None:
    """One line, exit code 2, and nothing written."""
    assert (outcome.code, outcome.out, len(outcome.lines)) == (2, "", 1), outcome
    assert outcome.lines[0].startswith("relayproof: ")
    for word in words:
        assert word in outcome.err


def written(folder: str = "reports") -> Reports:
    document: Reports = json.loads(Path(folder, "report.json").read_text("utf-8"))
    return document


def verdicts(document: Reports) -> list[Any]:
    kept = ("rule", "level", "surface", "probe", "verdict", "findings")
    return sorted(tuple(str(each.get(name)) for name in kept) for each in document["verdicts"])


@contextlib.contextmanager
def broken(fault: str) -> Iterator[str]:
    with serving(FaultyRelay(make_app(KEY), find(fault), KEY)) as address:
        yield address


def started(*words: str) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "relayproof.cli", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def own_rule(level: str, name: str, body: str) -> None:
    """A file of rules with one rule on the model list, and the settings that name it."""
    source = f"from relayproof.rule import Finding, Source, {level}\n\n@{level}(Source('a', 'b', 'c'), on='models')\n"
    Path("mine.py").write_text(f"{source}def {name}(exchange):\n    {PAGE}\n    {body}\n")
    Path("relayproof.toml").write_text('[relay]\nrules = ["mine.py"]\n')
