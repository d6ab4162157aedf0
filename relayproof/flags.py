"""Options that several commands share, as decorators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from relayproof import options
from relayproof.options import BadOption

FILE = click.Path(path_type=Path)
PROFILES = click.Choice(["openai", "relay"])
SPENDS = click.Choice(["free", "cents", "money"])
LANGUAGES = click.Choice(["en", "zh"])
Command = Callable[..., Any]


def _refuse_key(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise BadOption(options.KEY_REFUSED)


def _all(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, shown in this order."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


profile = click.option(
    "--profile",
    type=PROFILES,
    help="openai: the official contract. relay (default): known habits of one-api and new-api pass as warnings.",
)
reports = click.option(
    "--reports", type=FILE, default=Path("reports"), show_default=True, help="Folder for the reports."
)
maybe_reports = click.option("--reports", type=FILE, help="Folder for the reports; without it none are written.")
relay = _all(
    click.argument("url", required=False),
    click.option(
        "--key-env",
        default=options.KEY_VARIABLE,
        show_default=True,
        metavar="NAME",
        help="Environment variable that holds the key.",
    ),
    click.option("--key", "--api-key", hidden=True, expose_value=False, callback=_refuse_key),
    profile,
    click.option("--only", metavar="SURFACE,...", help="Only these surfaces."),
    click.option("--model", metavar="NAME", help="The model to ask, where relayproof.toml names none."),
    click.option("--header", multiple=True, metavar="K:V", help="An extra header for every request; may be repeated."),
    click.option(
        "--spend",
        type=SPENDS,
        help="The dearest probes to send: nothing, some tokens (default), pictures, speech and music.",
    ),
    click.option("--max-requests", type=click.IntRange(1), metavar="N", help="Send no more than N requests."),
    click.option("--config", type=FILE, metavar="FILE", help="Settings, in place of relayproof.toml in this folder."),
)
judging = _all(
    click.option("--strict", is_flag=True, help="Warnings fail the run as well."),
    click.option("--lang", type=LANGUAGES, default="en", show_default=True, help="Language of the reports."),
)
