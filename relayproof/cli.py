"""The command line: the only room that prints. Commands import what they need late, so that --help answers at once."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relayproof import __version__

if TYPE_CHECKING:
    from relayproof.probe import Probe
    from relayproof.relay import Relay
    from relayproof.results import Results

KEY_VARIABLE = "RELAYPROOF_API_KEY"
SETTINGS = "relayproof.toml"
KEY_REFUSED = (
    "a key on the command line can be read by every user of this machine (ps, shell history); "
    f"put it into the environment variable {KEY_VARIABLE}, or name another with --key-env"
)


class Stop(click.ClickException):
    """One clear line, and exit code 2."""

    exit_code = 2


def relay_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which relay, and how it is spoken to."""
    for option in reversed(
        (
            click.argument("url", required=False),
            click.option("--key-env", default=KEY_VARIABLE, show_default=True, metavar="NAME",
                         help="Environment variable that holds the key."),
            click.option("--key", "--api-key", hidden=True, expose_value=False, callback=_refuse_key),
            click.option("--profile", type=click.Choice(["openai", "relay"]),
                         help="openai: the official contract; relay (default): what one-api and new-api are known to do is let pass as warnings."),
            click.option("--only", metavar="SURFACE,...", help="Only these surfaces."),
            click.option("--model", metavar="NAME", help="The model to ask, where relayproof.toml names none."),
            click.option("--header", multiple=True, metavar="K:V", help="An extra header for every request; may be repeated."),
            click.option("--spend", type=click.Choice(["free", "cents", "money"]),
                         help="The dearest probes to send: nothing, some tokens (default), pictures, speech and music."),
            click.option("--max-requests", type=click.IntRange(1), metavar="N", help="Send no more than N requests."),
            click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
                         help=f"Settings; {SETTINGS} in this folder is read by itself."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what becomes of the results."""
    for option in (
        click.option("--strict", is_flag=True, help="Warnings fail the run as well."),
        click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the reports."),
    ):  # fmt: skip
        command = option(command)
    return command


def _refuse_key(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise Stop(KEY_REFUSED)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Contract tests for LLM API relays: one-api, new-api, LiteLLM, Portkey and the like.

    Without a URL, `relayproof run` starts the embedded reference relay and judges that.

    Exit codes: 0 all good; 1 a required rule fails, or a known deviation is stale; 2 usage; 3 relayproof itself failed;
    4 incomplete: a required rule could not be measured.
    """


@main.command()
@relay_options
@report_options
@click.option(
    "--reports",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="Folder for the reports.",
)
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
def run(reports: Path, strict: bool, lang: str, upstream: str | None, upstream_key_env: str, **options: Any) -> None:
    """Send the probes to the relay at URL, judge every answer by every rule, and write the reports."""
    with relay_of(options) as (relay, only):
        results, gathered = _live(relay, only, strict)
        if upstream:
            results = _compared(results, gathered.relay, upstream, upstream_key_env, only)
    _report(results, reports, lang)


@main.command()
@relay_options
@report_options
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for the cassettes, such as cassettes/my-relay.",
)
def record(folder: Path, strict: bool, lang: str, **options: Any) -> None:
    """Run, and keep every exchange in cassettes (vcrpy's format, without keys), to be judged again at no cost."""
    from relayproof import runs
    from relayproof.wire.cassette import SecretFound
    from relayproof.wire.scrub import Scrubber

    with relay_of(options) as (relay, only):
        results, gathered = _live(relay, only, strict)
        try:
            runs.record(gathered, folder, Scrubber([relay.key.reveal()]))
        except (OSError, SecretFound) as error:
            raise Stop(f"{folder}: {error}") from None
    click.echo(f"{len(gathered.exchanges)} exchanges in {folder}")
    _finish(results, "reports", lang)


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--profile", type=click.Choice(["openai", "relay"]), help="Judge by another profile than the recorded one."
)
@click.option(
    "--reports",
    type=click.Path(path_type=Path),
    help="Folder for the reports; one below it per cassette folder where there are several.",
)
@report_options
def replay(folders: tuple[Path, ...], profile: str | None, reports: Path | None, strict: bool, lang: str) -> None:
    """Judge recorded cassettes again. Nothing is sent."""
    from relayproof import report, runs
    from relayproof.traffic import BadTraffic

    codes = []
    for folder in folders:
        if not folder.is_dir():
            raise Stop(f"{folder}: no such folder of cassettes")
        try:
            results = runs.replay(folder, profile=profile or "", strict=strict)
        except BadTraffic as error:
            raise Stop(str(error)) from None
        target = reports / folder.name if reports and len(folders) > 1 else reports
        if target:
            report.write(results, target, lang)
        _show(results, str(target or "reports"), lang)
        codes.append(results.summary.exit_code)
    sys.exit(max(codes, key=_weight))


@main.command()
@relay_options
def plan(**options: Any) -> None:
    """Say what `run` would send, surface by surface: requests and the most tokens. Nothing is sent."""
    with relay_of(options, serve=False) as (relay, only):
        rows = _rows(relay, probes_for(relay, only))
    width = max(len(surface) for surface, *_ in rows)
    for surface, requests, tokens, spend in rows:
        click.echo(f"{surface:<{width}}  {requests:>4} requests  {tokens:>7,} tokens at most  {spend}")
    click.echo(_plan_line(rows))


@main.command()
@relay_options
@report_options
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
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the failures: a cassette, the curl commands, and a test that sends them again.",
)
@click.option("--reports", type=click.Path(path_type=Path), help="Folder for the reports.")
def fuzz(
    seed: int,
    positive: bool,
    negative: bool,
    tries: int,
    saved: Path | None,
    reports: Path | None,
    strict: bool,
    lang: str,
    **options: Any,
) -> None:
    """Send generated requests, legal and illegal, to the relay at URL, and judge every answer.

    At most 100 requests, or --max-requests. Each failure is told once, by the smallest request that shows it.
    """
    from dataclasses import replace

    from relayproof import fuzz as fuzzing

    if positive and negative:
        positive = negative = False
    with relay_of(options) as (relay, only):
        most = options["max_requests"] or min(fuzzing.REQUESTS, relay.limits.requests)
        relay = replace(relay, limits=fuzzing.limits(relay.limits, most))
        click.echo(
            f"plan  at most {most} requests, {relay.limits.tokens:,} tokens, seed {seed}   {relay.url}", err=True
        )
        with _progress("asking", most) as step:
            gathered, results = fuzzing.run_and_judge(
                relay,
                seed=seed,
                only=only,
                legal=not negative,
                illegal=not positive,
                tries=tries,
                strict=strict,
                progress=lambda exchange: step(exchange.surface),
            )
    _keep_failures(gathered, results, saved, relay)
    _show_failures(results)
    if reports:
        _report(results, reports, lang)
    _finish(results, "reports", lang)


def _keep_failures(gathered: Any, results: Results, folder: Path | None, relay: Relay) -> None:
    from relayproof.fuzz import regressions
    from relayproof.wire.cassette import SecretFound
    from relayproof.wire.scrub import Scrubber

    if folder is None:
        return
    try:
        number = regressions.save(gathered, results, folder, Scrubber([relay.key.reveal()]))
    except (OSError, SecretFound) as error:
        raise Stop(f"{folder}: {error}") from None
    click.echo(f"{number} failures in {folder}")


def _show_failures(results: Results) -> None:
    """The command that shows each failure again."""
    from relayproof.judge import FAILS
    from relayproof.report.curl import curl

    for verdict in results.verdicts:
        exchange = results.exchange(verdict.exchanges[-1]) if verdict.outcome is FAILS and verdict.exchanges else None
        if exchange is not None:
            click.echo(f"# {verdict.level} {verdict.rule}\n{curl(exchange)}\n")


@main.command()
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="A file, instead of standard output.")
def openapi(out: Path | None) -> None:
    """Print the OpenAPI document of the whole relay in one piece, for Swagger UI, Apifox, Postman and the like."""
    from relayproof import openapi as document

    if out is None:
        click.echo(document.render(), nl=False)
        return
    try:
        out.write_text(document.render(), "utf-8")
    except OSError as error:
        raise Stop(f"{out}: {error.strerror}") from None
    click.echo(f"{out} written")


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--profile",
    type=click.Choice(["openai", "relay"]),
    default="relay",
    show_default=True,
    help="The contract to judge by.",
)
@click.option("--findings", type=click.Path(path_type=Path), help="Write a line of JSON for each failed verdict.")
@click.option("--reports", type=click.Path(path_type=Path), help="Folder for the reports.")
@report_options
def check(
    files: tuple[Path, ...], profile: str, findings: Path | None, reports: Path | None, strict: bool, lang: str
) -> None:
    """Judge recorded traffic: HAR, VCR cassettes, JSON Lines (each also as .gz). Nothing is sent."""
    from relayproof import runs, traffic

    problems: list[Any] = []
    for file in files:
        if not file.exists():
            raise Stop(f"{file}: no such file")
    with _progress("judging") as step:
        source = (exchange for file in files for exchange in traffic.read(file, problems))
        checked = runs.check(_counted(source, step), profile)
    for problem in problems:
        click.echo(f"not read: {problem}", err=True)
    if findings:
        _write_findings(findings, checked.failures)
    _finish_check(checked, files, profile, strict, lang, reports, bad_files=bool(problems))


@main.command()
@click.option("--surface", help="Only the rules of this surface.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def rules(surface: str | None, as_json: bool) -> None:
    """List the rules: id, level in profile openai and relay, title."""
    from relayproof.rules import load

    chosen = [rule for _, rule in sorted(load().items()) if surface is None or surface in rule.on]
    if as_json:
        click.echo(
            json.dumps(
                [{"rule": r.id, "openai": r.level, "relay": r.relay, "title": r.title} for r in chosen], indent=2
            )
        )
        return
    width = max((len(rule.id) for rule in chosen), default=0)
    for rule in chosen:
        level = rule.level if rule.level == rule.relay else f"{rule.level}/{rule.relay}"
        click.echo(f"{rule.id:<{width}}  {level:<11}  {rule.title}")
    click.echo(f"{len(chosen)} rules")


@main.command()
@click.argument("rule")
def explain(rule: str) -> None:
    """Say what a rule wants, why, how to fix its breach, and where it comes from."""
    import difflib

    from relayproof.rules import load

    if rule not in load():
        near = difflib.get_close_matches(rule, load(), n=3, cutoff=0.4)
        raise Stop(f"there is no rule {rule!r}" + (f"; did you mean {', '.join(near)}?" if near else ""))
    found = load()[rule]
    level = (
        found.level
        if found.level == found.relay
        else f"{found.level} in profile openai, {found.relay} in profile relay"
    )
    click.echo(
        f"{found.id}  ({level})\n\n{found.title}\n\n{found.why}\n\nFix: {found.fix}\n\nSurfaces: {', '.join(sorted(found.on))}"
    )
    click.echo(f"Source: {found.source}")


@main.command()
@relay_options
def init(**options: Any) -> None:
    """Ask the relay at URL for its models, and write relayproof.toml with what it offers and a model per surface."""
    from relayproof import settings_file

    target = options.pop("config") or Path(SETTINGS)
    if target.exists():
        raise Stop(f"{target}: exists already; remove it first")
    if not options["url"]:
        raise Stop("init needs the URL of a relay")
    with relay_of(options | {"config": None}) as (relay, _):
        text, problem = settings_file.draft(relay)
    target.write_text(text, "utf-8")
    click.echo(f"{target} written" + (f"; {problem}" if problem else ""))
    sys.exit(4 if problem else 0)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8017, show_default=True, type=click.IntRange(0, 65535))
@click.option("--fault", metavar="NAME", help="Break it in one way; `relayproof faults` lists the names.")
def serve(host: str, port: int, fault: str | None) -> None:
    """Serve the embedded reference relay until interrupted, whole or with a fault."""
    import threading

    from relayproof import faults
    from relayproof.reference import KEY, make_app, serving
    from relayproof.reference.server import CannotServe

    try:
        broken = faults.FaultyRelay(make_app(), _fault(fault), KEY) if fault else None
        raw = broken if broken is not None and broken.fault.raw else None
        server = faults.serving(raw, host=host, port=port) if raw else serving(broken, host=host, port=port)
        with server as url:
            click.echo(f"reference relay at {url}  key {KEY}")
            if broken is not None:
                click.echo(f"with the fault {broken.fault.name}: {broken.fault.says}")
            click.echo("Ctrl-C ends it")
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
    except (CannotServe, OSError) as error:
        raise Stop(str(error)) from None


def _fault(name: str) -> Any:
    import difflib

    from relayproof import faults

    try:
        return faults.find(name)
    except faults.UnknownFault:
        near = difflib.get_close_matches(name, faults.load(), n=3, cutoff=0.4)
        raise Stop(f"there is no fault {name!r}" + (f"; did you mean {', '.join(near)}?" if near else "")) from None


@main.command()
@click.option("--family", help="Only the faults of this family.")
def faults(family: str | None) -> None:
    """List the faults that `serve --fault` and `selftest` know: name, what the suite is to say, what is broken."""
    from relayproof.faults import load

    shown = [fault for fault in load().values() if family is None or fault.family == family]
    width = max((len(fault.name) for fault in shown), default=0)
    for fault in sorted(shown, key=lambda fault: fault.family):
        click.echo(f"{fault.name:<{width}}  {fault.family:<16}  {fault.verdict:<8}  {fault.says}")
    click.echo(f"{len(shown)} faults")


@main.command()
@click.option(
    "--only", "names", multiple=True, metavar="NAME", help="Only this fault, or those of a glob; may be repeated."
)
@click.option(
    "--write", "target", type=click.Path(path_type=Path), metavar="FILE", help="Write the table of all faults."
)
@click.option(
    "--against", type=click.Path(path_type=Path), metavar="FILE", help="Fail only for what that table has as found."
)
def selftest(names: tuple[str, ...], target: Path | None, against: Path | None) -> None:
    """Break the reference relay in every known way, run the suite on it, and say what was found by which rules.

    Exit code 1 when a fault is missed, or when the suite complains of what is right.
    """
    import time

    from relayproof.faults import UnknownFault
    from relayproof.selftest import Bench, chosen, page

    try:
        wanted = chosen(names)
    except UnknownFault as unknown:
        _fault(str(unknown))
        raise
    started, trials = time.monotonic(), []
    with Bench() as bench, _progress("breaking", len(wanted)) as step:
        for fault in wanted:
            trial = bench.trial(fault)
            trials.append(trial)
            step(fault.name)
            if names or not trial.good:
                _show_trial(trial)
    click.echo(page.summary(trials, time.monotonic() - started), nl=False)
    if target:
        target.write_text(page.page(trials), "utf-8")
    before = page.scores(against.read_text("utf-8")) if against else {}
    worse = page.lost(before, trials)
    for trial in worse:
        click.echo(f"lost: {trial.fault.name}", err=True)
    sys.exit(3 if any(trial.errors for trial in trials) else 1 if worse else 0)


def _show_trial(trial: Any) -> None:
    cost = f"{trial.requests} requests, {trial.tokens:,} tokens, {trial.seconds:.1f} s"
    click.echo(f"{trial.outcome:<11}  {trial.fault.name}  ({cost})\n{'':13}{trial.fault.says}")
    for title, rules in (("by", trial.found_by), ("also", trial.others)):
        if rules:
            click.echo(f"{'':13}{title} {', '.join(rules)}")
    for error in trial.errors:
        click.echo(error, err=True)


@main.command(hidden=True)
@click.option("--to", "folder", type=click.Path(path_type=Path), default=Path("docs"), show_default=True)
@click.option("--cassettes", type=click.Path(path_type=Path), default=Path("cassettes"), show_default=True)
def docs(folder: Path, cassettes: Path) -> None:
    """Re-make the generated pages of the documentation."""
    from relayproof import book

    for path in book.write(folder, cassettes):
        click.echo(str(path))


@contextlib.contextmanager
def relay_of(options: dict[str, Any], *, serve: bool = True) -> Iterator[tuple[Relay, frozenset[str]]]:
    """The relay that the options and relayproof.toml describe (the reference relay when there is no URL), and --only."""
    from relayproof.relay import BadSetting

    try:
        only = _only(options["only"])
        given = _given(options, only)
        if given.get("url"):
            yield _made(given, _key(options["key_env"])), only
        elif not serve:
            yield _made(given | {"url": "http://127.0.0.1"}, ""), only
        else:
            with _reference(given) as relay:
                yield relay, only
    except BadSetting as error:
        raise Stop(str(error)) from None


@contextlib.contextmanager
def _reference(given: dict[str, Any]) -> Iterator[Relay]:
    from relayproof.probe import Spend
    from relayproof.reference import KEY, serving

    with serving() as url:
        yield _made({"spend": Spend.MONEY} | given | {"url": url}, KEY)


def _made(given: dict[str, Any], key: str) -> Relay:
    from dataclasses import replace

    from relayproof.relay import Key, Limits, Relay

    limits = given.pop("limits", Limits())
    changes = {name: given.pop(name) for name in ("spend", "requests") if name in given}
    return Relay(key=Key(key), limits=replace(limits, **changes), **given)


def _given(options: dict[str, Any], only: frozenset[str]) -> dict[str, Any]:
    """Keywords for a Relay: the settings file first, then the flags over it."""
    from relayproof.probe import Spend
    from relayproof.relay import normal_url, settings

    file = options["config"] or Path(SETTINGS)
    found = settings(file) if options["config"] or file.exists() else {}
    found["headers"] = dict(found.get("headers", {})) | dict(_header(each) for each in options["header"])
    if options["url"]:
        found["url"] = normal_url(options["url"])
    if options["profile"]:
        found["profile"] = options["profile"]
    if options["model"]:
        found["models"] = dict(found.get("models", {})) | {"*": options["model"]}
    if options["spend"]:
        found["spend"] = Spend[options["spend"].upper()]
    if options["max_requests"]:
        found["requests"] = options["max_requests"]
    if only:
        found["offers"] = only
    return found


def _only(names: str | None) -> frozenset[str]:
    from relayproof.surface import SURFACES

    chosen = [name.strip().replace("-", "_") for name in (names or "").split(",") if name.strip()]
    for name in chosen:
        if name not in SURFACES:
            raise Stop(f"--only: {name!r} is no surface; there are {', '.join(SURFACES)}")
    return frozenset(chosen)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not value.strip().isprintable():
        raise Stop(f"--header: {name!r} is not of the form Name: value")
    return name.strip(), value.strip()


def _key(variable: str) -> str:
    """The key from the environment. Raises Stop for one that no header can carry, without showing it."""
    key = os.environ.get(variable, "").strip()
    if not key:
        click.echo(f"no key: the environment variable {variable} is empty; asking without one", err=True)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise Stop(f"the key in {variable} holds characters that a header can't carry")
    return key


def probes_for(relay: Relay, only: frozenset[str]) -> list[Probe]:
    """The probes to send, in the order of the surfaces: within the spend, and of the chosen surfaces."""
    from relayproof.probes import load
    from relayproof.surface import MODELS, SURFACES

    order = {surface: number for number, surface in enumerate(SURFACES)}
    wanted = [
        probe
        for probe in load().values()
        if probe.spend <= relay.limits.spend
        and (not only or probe.surface in only or (probe.surface == MODELS and probe.basic and not relay.models))
    ]
    return sorted(wanted, key=lambda probe: order[probe.surface])


def _rows(relay: Relay, probes: Sequence[Probe]) -> list[tuple[str, int, int, str]]:
    rows = []
    for surface in dict.fromkeys(probe.surface for probe in probes):
        here = [probe for probe in probes if probe.surface == surface]
        requests, tokens = sum(probe.requests for probe in here), sum(probe.most_tokens(relay) for probe in here)
        rows.append((surface, requests, tokens, max(probe.spend for probe in here).name.lower()))
    return rows


def _plan_line(rows: Sequence[tuple[str, int, int, str]]) -> str:
    requests, tokens = sum(row[1] for row in rows), sum(row[2] for row in rows)
    return f"plan  at most {requests} requests and {tokens:,} tokens on {len(rows)} surfaces"


def _live(relay: Relay, only: frozenset[str], strict: bool) -> tuple[Results, Any]:
    from relayproof import runs, session

    probes = probes_for(relay, only)
    runs.load_rules(relay.rules)
    click.echo(f"{_plan_line(_rows(relay, probes))}   {relay.url}", err=True)
    with _progress("asking", sum(probe.requests for probe in probes)) as step:
        gathered = session.run(relay, probes, progress=lambda probe, exchange: step(probe.name))
    return runs.from_run(gathered, strict=strict, narrow=bool(only)), gathered


def _compared(results: Results, relay: Relay, url: str, key_env: str, only: frozenset[str]) -> Results:
    """The results with each failure's origin: the same probes, models and limits, sent to the upstream."""
    from dataclasses import replace

    from relayproof import blame
    from relayproof.relay import Key, normal_url

    fronted = replace(relay, url=normal_url(url), key=Key(_key(key_env)), headers={}, paths={})
    theirs, _ = _live(fronted, only, strict=False)
    return blame.compare(results, theirs)


@contextlib.contextmanager
def _progress(verb: str, total: int | None = None) -> Iterator[Callable[[str], None]]:
    """A live line on a terminal, nothing elsewhere. The yielded function counts one step and names it."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn(verb),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda name: bar.update(task, advance=1, description=name)


def _counted(exchanges: Iterator[Any], step: Callable[[str], None]) -> Iterator[Any]:
    for exchange in exchanges:
        step(exchange.surface)
        yield exchange


def _report(results: Results, folder: Path, language: str) -> None:
    from relayproof import report

    try:
        report.write(results, folder, language)
    except OSError as error:
        raise Stop(f"{folder}: the reports can't be written: {error.strerror}") from None
    _finish(results, str(folder), language)


def _finish(results: Results, folder: str, language: str) -> None:
    _show(results, folder, language)
    sys.exit(results.summary.exit_code)


def _show(results: Results, folder: str, language: str) -> None:
    import shutil

    from relayproof.report import terminal

    width = min(shutil.get_terminal_size((80, 24)).columns, 100)
    click.echo(terminal.summary(results, width, language=language, folder=folder), nl=False)
    for error in results.errors:
        click.echo(
            f"\nrelayproof failed inside the rule {error.rule}, exchange {error.exchange}:\n{error.trace}", err=True
        )


def _write_findings(path: Path, failures: Sequence[Any]) -> None:
    from relayproof.wire.scrub import tidy

    with path.open("w", encoding="utf-8") as file:
        for verdict in failures:
            first = {
                "exchange": verdict.exchanges[-1],
                "surface": verdict.surface,
                "rule": verdict.rule,
                "level": verdict.level,
            }
            rest = {
                "where": verdict.findings[0].where,
                "what": tidy("; ".join(finding.what for finding in verdict.findings)),
            }
            file.write(json.dumps(first | rest, ensure_ascii=False) + "\n")


def _finish_check(
    checked: Any, files: Sequence[Path], profile: str, strict: bool, lang: str, reports: Path | None, bad_files: bool
) -> None:
    from relayproof import report
    from relayproof.results import Results

    summary = checked.summary(strict=strict)
    results = Results(
        relay=", ".join(file.name for file in files),
        profile=profile,
        verdicts=checked.failures,
        exchanges=checked.evidence,
        summary=summary,
        errors=checked.errors,
        notes=[f"{checked.exchanges:,} exchanges judged: " + ", ".join(f"{n} {count:,}" for n, count in sorted(checked.surfaces.items()))],
    )  # fmt: skip
    if reports:
        report.write(results, reports, lang)
    _show_check(checked, results, lang)
    code = summary.exit_code
    sys.exit(4 if bad_files and code == 0 else code)


def _show_check(checked: Any, results: Results, language: str) -> None:
    from collections import Counter

    from relayproof.wire.scrub import tidy

    click.echo(results.notes[0])
    rules_failed = Counter((verdict.level, verdict.rule) for verdict in checked.failures)
    for (level, rule), number in sorted(rules_failed.items()):
        first = next(verdict for verdict in checked.failures if verdict.rule == rule)
        mark = "FAIL" if level == "must" else "warn"
        click.echo(f"{mark}  {rule}  {number}x   first: {first.exchanges[-1]} at {first.findings[0].where}")
        click.echo(f"      {tidy(first.findings[0].what)[:200]}")
    outcomes = {str(outcome): 0 for _, outcome in checked.outcomes}
    for (_, outcome), number in checked.outcomes.items():
        outcomes[str(outcome)] += number
    click.echo("verdicts: " + ", ".join(f"{number:,} {name}" for name, number in sorted(outcomes.items())))
    for error in checked.errors[:3]:
        click.echo(
            f"\nrelayproof failed inside the rule {error.rule}, exchange {error.exchange}:\n{error.trace}", err=True
        )


def _weight(code: int) -> int:
    """How bad an exit code is: our own bug first, then a failure, then incomplete."""
    return {3: 3, 1: 2, 4: 1}.get(code, 0)


if __name__ == "__main__":
    main()
