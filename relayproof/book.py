"""The generated pages of docs/: made from the docstrings and tables that the suite itself runs on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from relayproof import probes, rules, schema
from relayproof.pages import PAGES, Page, matching
from relayproof.rule import Rule

MADE = "<!-- made by `relayproof docs`; edit the docstrings or tables, not this page -->\n"
USAGE = """# Usage

Every command and its options. What relayproof.toml says of the relay holds where the command line says nothing. The
exit codes are in the [README](../README.md#exit-codes).
"""


def pages(cassettes: Path, commands: click.Group) -> dict[str, str]:
    """The text of every generated page by its name."""
    return {
        "rules.md": rules_page(),
        "coverage.md": coverage_page(cassettes),
        "usage.md": usage_page(commands),
    }


def write(folder: Path, cassettes: Path, commands: click.Group) -> list[Path]:
    """Write every generated page into `folder`; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages(cassettes, commands).items():
        path = folder / name
        path.write_text(text, "utf-8")
        written.append(path)
    return written


def rules_page() -> str:
    """docs/rules.md: every rule with its level, reason, fix and source."""
    by_module: dict[str, list[Rule]] = defaultdict(list)
    for _, each in sorted(rules.load().items()):
        by_module[each.id.partition("/")[0]].append(each)
    total = sum(len(group) for group in by_module.values())
    parts = [
        MADE,
        f"# The rules\n\n{total} rules. A must that fails fails the run; a should that fails is a warning.\n",
    ]
    for module, group in by_module.items():
        parts.append(f"\n## {module}\n")
        parts += [_rule(each) for each in group]
    return "".join(parts)


def _rule(each: Rule) -> str:
    level = f"{each.level}" if each.level == each.relay else f"{each.level}, in profile relay {each.relay}"
    return (
        f"\n### {each.id}\n\n**{level}**: {each.title}\n\n{each.why}\n\n*Fix:* {each.fix}\n\n"
        f"*Surfaces:* {', '.join(sorted(each.on))}. *Source:* {each.source}.\n"
    )


def coverage_page(cassettes: Path) -> str:
    """docs/coverage.md: every page of the documentation with what covers it."""
    lines = [
        MADE,
        "# Coverage\n\nEvery page of a relay's documentation, and what covers it.\n\n",
        "| page | documents | schemas | probes | rules | cassettes |\n|---|---|---|---|---|---|\n",
    ]
    for page in PAGES:
        found = covering(page, cassettes)
        cells = [page.title, f"`{page.path}`", *(_names(found[kind]) for kind in ("schemas", "probes"))]
        cells += [str(len(found["rules"])), _names(found["cassettes"])]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def covering(page: Page, cassettes: Path) -> dict[str, list[str]]:
    """The schemas, probes, rules and cassette folders that cover a page."""
    asked = matching(probes.load(), page.probes)
    asked = [name for name in asked if probes.load()[name].surface in page.surfaces]
    files = {f"{path.parent.name}/{path.stem}": path.parent.parent.name for path in cassettes.glob("*/*/*.yaml")}
    return {
        "schemas": matching(schema.names(), page.schemas),
        "probes": asked,
        "rules": sorted(each.id for each in rules.load().values() if _judges(each, page)),
        "cassettes": sorted({folder for name, folder in files.items() if name in asked}),
    }


def _judges(each: Rule, page: Page) -> bool:
    """True for a rule on one of the page's surfaces, or of the module that is named like it."""
    return bool(each.on & set(page.surfaces)) or each.id.partition("/")[0].replace("-", "_") in page.surfaces


def _names(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(f"`{name}`" for name in names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def usage_page(commands: click.Group) -> str:
    """docs/usage.md: every command with its arguments and options."""
    shown = [each for _, each in sorted(commands.commands.items()) if not each.hidden]
    return MADE + USAGE + "".join(_command(each) for each in shown)


def _command(command: click.Command) -> str:
    words = ["relayproof", command.name or "", *map(_argument, command.params)]
    told = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    rows = list(_options(command))
    table = "\n| option | meaning |\n|---|---|\n" + "".join(rows) if rows else ""
    return f"\n## {command.name}\n\n`{' '.join(filter(None, words))}`\n\n{told}\n{table}"


def _argument(argument: click.Parameter) -> str:
    """As it stands in a usage line; "" for an option that may be left out."""
    if isinstance(argument, click.Option):
        return _option(argument) if argument.required else ""
    name = (argument.name or "").upper() if argument.nargs == 1 else f"{(argument.name or '').upper().rstrip('S')}..."
    return name if argument.required else f"[{name}]"


def _options(command: click.Command) -> Iterator[str]:
    for each in command.params:
        if not isinstance(each, click.Option) or each.hidden:
            continue
        default = f" Default: `{each.default}`." if each.show_default else ""
        yield f"| `{_option(each)}` | {(each.help or '').rstrip('.')}.{default} |\n"


def _option(option: click.Option) -> str:
    """`--name VALUE`, as the help shows it."""
    name = ", ".join(option.opts)
    if option.is_flag:
        return name
    choices = "\\|".join(option.type.choices) if isinstance(option.type, click.Choice) else ""
    kind = "PATH" if isinstance(option.type, click.Path) else option.type.name.upper()
    return f"{name} {option.metavar or choices or kind}"
