"""The command line: declares the commands and prints; the only room that does. A command returns its exit code.

What a command needs is imported late, so that --help answers at once.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relayproof import __version__, flags, options
from relayproof.endings import EXIT_CODES, INCOMPLETE, INTERRUPTED, NOBODY_READS, OURS, USAGE, Stop, ending, writing
from relayproof.flags import FILE, PROFILES
from relayproof.options import BadOption, Options, Target

if TYPE_CHECKING:
    from relayproof.results import Results
    from relayproof.session import Run


MOST_PROBLEMS = 20


class Commands(click.Group):
    """Commands that return their exit code. Whatever ends one early is one line and an exit code as well."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command, and leave the process with its exit code."""
        _fit_streams()
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            code = super().main(*args, **extra | {"standalone_mode": False}) or 0
        except (Exception, KeyboardInterrupt) as error:
            line, code = ending(error)
            if line:
                from relayproof.wire.scrub import tidy

                with contextlib.suppress(OSError):
                    click.echo(f"relayproof: {tidy(' '.join(line.split()))}", err=True)
        if code == INTERRUPTED:
            _leave(code)
        sys.exit(code)

    def invoke(self, context: click.Context) -> Any:
        """Run a command. A reader that goes away (`relayproof rules | head`) is no failure of ours."""
        try:
            code = super().invoke(context)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise Stop("", NOBODY_READS) from None
        return code


def _fit_streams() -> None:
    """Make what we print to take every character, also where there is no terminal, or one that knows few."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _leave(code: int) -> None:
    """Leave at once where threads still wait for answers: Python would wait for the threads."""
    from relayproof import session

    if session.still_waiting():
        os._exit(code)


def _codes() -> str:
    """The exit codes, for the help: a line of 78 columns or several for each."""
    import textwrap

    told = (
        textwrap.fill(f"{code:>3}  {meaning}", 76, subsequent_indent=" " * 5) for code, meaning in EXIT_CODES.items()
    )
    return "\b\nExit codes:\n" + "\n".join(told)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    epilog=_codes(),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__)
@click.pass_context
def main(context: click.Context) -> int:
    """Contract tests for LLM API relays: one-api, new-api, LiteLLM, Portkey and the like.

    Without a URL, `relayproof run` starts the embedded reference relay and judges that.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return USAGE


@main.command(short_help="Ask the relay at URL, judge every answer, write the reports.")
@flags.relay
@flags.judging
@flags.reports
@click.option(
    "--upstream",
    metavar="URL2",
    help="What the relay fronts: it is asked the same, to tell inherited failures from introduced ones.",
)
@click.option(
    "--upstream-key-env",
    default="RELAYPROOF_UPSTREAM_KEY",
    show_default=True,
    metavar="NAME",
    help="Environment variable of its key.",
)
def run(reports: Path, strict: bool, lang: str, upstream: str | None, upstream_key_env: str, **given: Any) -> int:
    """Send the probes to the relay at URL, judge every answer by every rule, and write the reports."""
    from dataclasses import replace

    from relayproof import blame

    options.writable(reports)
    with options.target(Options(**given)) as target:
        fronted = options.upstream(target, upstream, upstream_key_env) if upstream is not None else None
        gathered, results = _asked(target, reports, strict)
        if fronted and not gathered.interrupted:
            same = replace(fronted.relay, models=gathered.relay.models)
            results = blame.compare(results, _asked(replace(fronted, relay=same), reports, strict)[1])
    return _reported(results, reports, lang)


@main.command(short_help="Run, and keep every exchange in cassettes, without keys.")
@flags.relay
@flags.judging
@flags.reports
@click.option("--to", "folder", type=FILE, required=True, help="Folder for the cassettes, such as cassettes/my-relay.")
def record(folder: Path, reports: Path, strict: bool, lang: str, **given: Any) -> int:
    """Run, and keep every exchange in cassettes (vcrpy's format, without keys), to be judged again at no cost."""
    from relayproof import runs
    from relayproof.wire.cassette import SecretFound
    from relayproof.wire.client import scrubber

    options.writable(folder), options.writable(reports)
    with options.target(Options(**given)) as target:
        gathered, results = _asked(target, reports, strict)
    try:
        with writing(folder):
            runs.record(gathered, folder, scrubber(target.relay))
        click.echo(f"{len(gathered.exchanges)} exchanges in {folder}", err=True)
    except SecretFound as found:
        raise Stop(f"{folder}: {found}", OURS) from None
    finally:
        code = _reported(results, reports, lang)
    return code


def _asked(target: Target, reports: Path, strict: bool) -> tuple[Run, Results]:
    """Send the probes. Paid tasks under way are kept beside the reports, for a run that is interrupted."""
    from relayproof import resume, runs, session

    kept = None if target.embedded else reports / resume.FILE
    probes = options.probes(target)
    runs.load_rules(target.relay.rules)
    _announce(target, options.plan(target).line)
    try:
        with _progress("asking", sum(probe.requests for probe in probes)) as step:
            gathered = session.run(
                target.relay,
                probes,
                progress=lambda probe, exchange: step(probe.name),
                tasks=resume.Tasks(kept, target.relay.url),
            )
    except session.Interrupted as interrupted:
        gathered = interrupted.run
        click.echo("relayproof: interrupted; judging what was measured until then", err=True)
        if kept and kept.exists():
            click.echo(f"relayproof: the next run takes up the paid tasks in {kept}", err=True)
    gathered.notes += options.unasked(gathered, target.only)
    return gathered, runs.from_run(gathered, strict=strict, narrow=bool(target.only))


def _announce(target: Target, plan: str) -> None:
    for line in (*target.notes, f"{plan}   {target.relay.url}"):
        click.echo(line, err=True)


@main.command()
@click.argument("folders", nargs=-1, required=True, type=FILE)
@click.option("--profile", type=PROFILES, help="Judge by another profile than the recorded one.")
@click.option("--reports", type=FILE, help="Folder for the reports; of several cassettes, for a folder of each.")
@flags.judging
def replay(folders: tuple[Path, ...], profile: str | None, reports: Path | None, strict: bool, lang: str) -> int:
    """Judge recorded cassettes again. Nothing is sent."""
    from relayproof import runs
    from relayproof.traffic import BadTraffic

    codes = []
    for folder in folders:
        if not folder.is_dir():
            raise BadOption(f"{folder}: no such folder of cassettes")
        try:
            results = runs.replay(folder, profile=profile or "", strict=strict)
        except BadTraffic as error:
            raise BadOption(str(error)) from None
        codes.append(_reported(results, reports / folder.name if reports and len(folders) > 1 else reports, lang))
    return max(codes, key=_weight)


def _weight(code: int) -> int:
    """How bad an exit code is: our own bug first, then a failure, then incomplete."""
    return {OURS: 3, 1: 2, INCOMPLETE: 1}.get(code, 0)


@main.command(short_help="Say what `run` would send: requests, tokens. Sends nothing.")
@flags.relay
def plan(**given: Any) -> None:
    """Say what `run` would send, surface by surface: requests and the most tokens. Nothing is sent."""
    with options.target(Options(**given), serve=False) as target:
        planned = options.plan(target)
    width = max(len(cost.surface) for cost in planned.costs)
    for cost in planned.costs:
        most = f"{cost.requests:>4} requests  {cost.tokens:>7,} tokens at most"
        click.echo(f"{cost.surface:<{width}}  {most}  {cost.spend}")
    click.echo(planned.line)


@main.command(short_help="Send generated requests, and judge every answer.")
@flags.relay
@flags.judging
@flags.maybe_reports
@click.option("--seed", default=0, show_default=True, help="The same seed sends the same requests.")
@click.option("--positive", is_flag=True, help="Only requests that the contract allows.")
@click.option("--negative", is_flag=True, help="Only requests that it forbids.")
@click.option(
    "--reduce",
    "tries",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    show_default=True,
    help="Keep N of the requests to find smaller ones for the failures; they may cost as much as others.",
)
@click.option(
    "--save-regressions",
    "saved",
    type=FILE,
    metavar="DIR",
    help="Keep the failures: a cassette, the curl commands, and a test that sends them again.",
)
def fuzz(
    seed: int,
    positive: bool,
    negative: bool,
    tries: int,
    saved: Path | None,
    reports: Path | None,
    strict: bool,
    lang: str,
    **given: Any,
) -> int:
    """Send generated requests, legal and illegal, to the relay at URL, and judge every answer.

    At most 100 requests, or --max-requests. Each failure is told once, by the smallest request that shows it.
    """
    from relayproof import fuzz as fuzzing

    if positive and negative:
        positive = negative = False
    for folder in filter(None, (saved, reports)):
        options.writable(folder)
    with options.target(Options(**given)) as target:
        relay = fuzzing.budgeted(target.relay, given["max_requests"])
        most = relay.limits.requests
        _announce(target, f"plan  at most {most} requests, {relay.limits.tokens:,} tokens, seed {seed}")
        with _progress("asking", most) as step:
            gathered, results = fuzzing.run_and_judge(
                relay,
                seed=seed,
                only=target.only,
                legal=not negative,
                illegal=not positive,
                tries=tries,
                strict=strict,
                progress=lambda exchange: step(exchange.surface),
            )
    try:
        if saved:
            _keep_failures(gathered, results, saved)
    finally:
        _show_failures(results)
        code = _reported(results, reports, lang, "fuzz")
    return code


def _keep_failures(gathered: Run, results: Results, folder: Path) -> None:
    from relayproof.fuzz import regressions
    from relayproof.wire.cassette import SecretFound
    from relayproof.wire.client import scrubber

    try:
        with writing(folder):
            number = regressions.save(gathered, results, folder, scrubber(gathered.relay))
    except SecretFound as found:
        raise Stop(f"{folder}: {found}", OURS) from None
    click.echo(f"{number} failure{'s' * (number != 1)} in {folder}")


def _show_failures(results: Results) -> None:
    """The command that shows each required failure again, and a line for each recommended one."""
    from relayproof.judge import FAILS
    from relayproof.report.curl import curl
    from relayproof.wire.scrub import tidy

    for verdict in results.verdicts:
        exchange = results.exchange(verdict.exchanges[-1]) if verdict.outcome is FAILS and verdict.exchanges else None
        if exchange is not None:
            found = verdict.findings[0]
            told = f"# {verdict.level} {verdict.rule}  {found.where}: {tidy(found.what)}"
            click.echo(f"{told}\n{curl(exchange)}\n" if verdict.failed else told[:160])


@main.command(short_help="Judge recorded traffic: HAR, VCR cassettes, JSON Lines.")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--profile", type=PROFILES, default="relay", show_default=True, help="The contract to judge by.")
@click.option("--findings", type=FILE, help="Write a line of JSON for each failed verdict.")
@flags.maybe_reports
@flags.judging
def check(
    files: tuple[Path, ...], profile: str, findings: Path | None, reports: Path | None, strict: bool, lang: str
) -> int:
    """Judge recorded traffic: HAR, VCR cassettes, JSON Lines (each also as .gz). Nothing is sent."""
    from dataclasses import replace

    from relayproof import report, runs, traffic
    from relayproof.report import recorded
    from relayproof.report.untrusted import one_line

    for file in files:
        if not file.exists():
            raise BadOption(f"{file}: no such file")
    for folder in filter(None, (findings and findings.parent, reports)):
        options.writable(folder)
    problems: list[traffic.BadTraffic] = []
    with _progress("judging") as step:
        checked = runs.check(_counted((each for file in files for each in traffic.read(file, problems)), step), profile)
    for problem in problems[:MOST_PROBLEMS]:
        click.echo(f"not read: {one_line(str(problem), 400)}", err=True)
    if len(problems) > MOST_PROBLEMS:
        click.echo(f"not read: {len(problems) - MOST_PROBLEMS:,} more", err=True)
    results = checked.results(", ".join(file.name for file in files), profile, strict=strict)
    if problems and not results.summary.exit_code:
        results = replace(results, summary=replace(results.summary, exit_code=INCOMPLETE))
    if findings:
        with writing(findings):
            findings.write_text("".join(recorded.findings(results.verdicts)), "utf-8")
    if reports:
        with writing(reports):
            report.write(results, reports, lang)
    click.echo(recorded.summary(results, _width(), language=lang), nl=False)
    _show_errors(results)
    return results.summary.exit_code


def _counted(exchanges: Iterable[Any], step: Callable[[str], None]) -> Iterator[Any]:
    for exchange in exchanges:
        step(exchange.surface)
        yield exchange


@main.command(short_help="Hold two report.json against each other.")
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
def diff(old: Path, new: Path) -> int:
    """Hold two report.json against each other: what broke, what was mended, what is no longer measured.

    The exit code is 1 when a required rule broke or can no longer be measured.
    """
    from relayproof.report import diff as reports

    try:
        changes = reports.compare(reports.load(old), reports.load(new))
    except reports.BadReport as error:
        raise Stop(str(error), USAGE) from None
    for change in changes:
        click.echo(f"{change.kind}  {change.rule}  {change.level}  {change.surface}")
        click.echo(f"    {change.before} -> {change.after}  {change.what[:200]}".rstrip())
    click.echo(reports.summary(changes))
    return int(reports.regressed(changes))


@main.command(short_help="List the rules.")
@click.option("--surface", metavar="SURFACE,...", help="Only the rules of these surfaces.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def rules(surface: str | None, as_json: bool) -> None:
    """List the rules: id, level in profile openai and relay, title."""
    from relayproof.rules import load

    wanted = options.surfaces(surface, "--surface")
    chosen = [rule for _, rule in sorted(load().items()) if not wanted or rule.on & wanted]
    if as_json:
        cards = [{"rule": r.id, "openai": r.level, "relay": r.relay, "title": r.title} for r in chosen]
        click.echo(json.dumps(cards, indent=2))
        return
    width = max((len(rule.id) for rule in chosen), default=0)
    for rule in chosen:
        level = rule.level if rule.level == rule.relay else f"{rule.level}/{rule.relay}"
        click.echo(f"{rule.id:<{width}}  {level:<11}  {rule.title}")
    click.echo(f"{len(chosen)} rules")


@main.command(short_help="Say what a rule wants, why, and how to fix its breach.")
@click.argument("rule")
def explain(rule: str) -> None:
    """Say what a rule wants, why, how to fix its breach, and where it comes from."""
    import difflib

    from relayproof.report.terminal import wrapped
    from relayproof.rules import load

    found = load().get(rule)
    if found is None:
        near = difflib.get_close_matches(rule, load(), n=3, cutoff=0.4)
        raise BadOption(f"there is no rule {rule!r}" + (f"; did you mean {', '.join(near)}?" if near else ""))
    relay = f" in profile openai, {found.relay} in profile relay" if found.level != found.relay else ""
    facts = (f"Surfaces: {', '.join(sorted(found.on))}", f"Source: {found.source}")
    parts = (f"{found.id}  ({found.level}{relay})", found.title, *found.why.split("\n\n"), f"Fix: {found.fix}", *facts)
    click.echo("\n\n".join("\n".join(wrapped(part, _width())) for part in parts))


@main.command(short_help="Write relayproof.toml with what the relay at URL offers.")
@flags.relay
def init(**given: Any) -> int:
    """Ask the relay at URL for its models, and write relayproof.toml with what it offers and a model per surface."""
    from relayproof import settings_file

    file = given.pop("config") or options.SETTINGS
    if file.exists():
        raise BadOption(f"{file}: exists already; remove it first")
    if not given["url"]:
        raise BadOption("init needs the URL of a relay")
    options.writable(file.parent)
    with options.target(Options(**given), file=False) as target:
        _announce(target, "plan  1 request")
        text, problem = settings_file.draft(target.relay)
    with writing(file):
        file.write_text(text, "utf-8")
    click.echo(f"{file} written" + (f"; {problem}" if problem else ""))
    return INCOMPLETE if problem else 0


@main.command(short_help="Serve the embedded reference relay, whole or with a fault.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8017, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one.")
@click.option("--fault", metavar="NAME", help="Break it in one way; `relayproof faults` lists the names.")
def serve(host: str, port: int, fault: str | None) -> None:
    """Serve the embedded reference relay until interrupted, whole or with a fault."""
    import threading

    from relayproof import selftest
    from relayproof.faults import UnknownFault
    from relayproof.reference import KEY
    from relayproof.reference.server import CannotServe

    try:
        with selftest.serving(fault, host=host, port=port) as url:
            told = f", with the fault {fault}" if fault else ""
            click.echo(f"reference relay at {url}{told}\nkey: {KEY}\nCtrl-C ends it")
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
    except (CannotServe, UnknownFault, OSError) as error:
        raise BadOption(str(error)) from None


@main.command(short_help="List the faults of `serve --fault` and `selftest`.")
@click.option("--family", metavar="NAME", help="Only the faults of this family.")
def faults(family: str | None) -> None:
    """List the faults of `serve --fault` and `selftest`: name, family, what the suite is to say, what is broken."""
    from relayproof.faults import load

    shown = [fault for fault in load().values() if family is None or fault.family == family]
    width = max((len(fault.name) for fault in shown), default=0)
    for fault in sorted(shown, key=lambda fault: fault.family):
        click.echo(f"{fault.name:<{width}}  {fault.family:<16}  {fault.verdict:<8}  {fault.says}")
    click.echo(f"{len(shown)} faults")


@main.command("selftest", short_help="Break the reference relay in every known way, and judge it.")
@click.option("--only", "names", multiple=True, metavar="NAME", help="A fault, or a glob of faults; may be repeated.")
@click.option("--write", "target", type=FILE, metavar="FILE", help="Write the table of the faults.")
@click.option("--against", type=FILE, metavar="FILE", help="Exit 1 only for what that table has as found.")
def test_itself(names: tuple[str, ...], target: Path | None, against: Path | None) -> int:
    """Break the reference relay in every known way, run the suite on it, and say what was found by which rules.

    Exit code 1 when a fault is missed, or when the suite complains of what is right.
    """
    from relayproof import selftest
    from relayproof.faults import UnknownFault

    try:
        wanted = selftest.chosen(names)
        before = selftest.scores(against.read_text("utf-8")) if against else {}
    except (UnknownFault, OSError) as error:
        raise BadOption(str(error)) from None
    trials = []
    with selftest.Bench() as bench:
        for fault in wanted:
            trials.append(bench.trial(fault))
            if names or not trials[-1].good:
                click.echo(selftest.told(trials[-1]), nl=False)
    click.echo(selftest.summary(trials), nl=False)
    if target:
        with writing(target):
            target.write_text(selftest.page(trials), "utf-8")
    worse = selftest.lost(before, trials)
    for trial in worse:
        click.echo(f"lost: {trial.fault.name}", err=True)
    return OURS if any(trial.errors for trial in trials) else 1 if worse else 0


@main.command(short_help="Print the OpenAPI document of the whole relay.")
@click.option("--out", type=FILE, metavar="FILE", help="A file, instead of standard output.")
def openapi(out: Path | None) -> None:
    """Print the OpenAPI document of the whole relay in one piece, for Swagger UI, Apifox, Postman and the like."""
    from relayproof import openapi as document

    if out is None:
        click.echo(document.render(), nl=False)
        return
    with writing(out):
        out.write_text(document.render(), "utf-8")
    click.echo(f"{out} written")


@main.command(hidden=True)
@click.option("--to", "folder", type=FILE, default=Path("docs"), show_default=True)
@click.option("--cassettes", type=FILE, default=Path("cassettes"), show_default=True)
def docs(folder: Path, cassettes: Path) -> None:
    """Re-make the generated pages of the documentation."""
    from relayproof import book

    with writing(folder):
        paths = book.write(folder, cassettes, main)
    for path in paths:
        click.echo(str(path))


@contextlib.contextmanager
def _progress(verb: str, total: int | None = None) -> Iterator[Callable[[str], None]]:
    """A live line on a terminal, nothing elsewhere. The yielded function counts one step and names it."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    task_name = TextColumn("{task.description}")
    columns = (TextColumn(verb), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), task_name)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda name: bar.update(task, advance=1, description=name)


def _width() -> int:
    import shutil

    return min(shutil.get_terminal_size((80, 24)).columns, 100)


def _reported(results: Results, folder: Path | None, language: str, command: str = "run") -> int:
    """Write the reports and show the summary, also where a report could not be made. Returns the exit code."""
    from relayproof import report
    from relayproof.report import terminal

    try:
        if folder:
            with writing(folder):
                report.write(results, folder, language)
    finally:
        told = terminal.summary(results, _width(), language=language, folder=str(folder or ""), command=command)
        click.echo(told, nl=False)
        _show_errors(results)
    return results.summary.exit_code


def _show_errors(results: Results, most: int = 3) -> None:
    """Exceptions inside rules, whole: they are ours, and are to be reported to us."""
    for error in results.errors[:most]:
        told = f"relayproof failed inside the rule {error.rule}, exchange {error.exchange}:\n{error.trace}"
        click.echo(f"\n{told}", err=True)


if __name__ == "__main__":
    main()
