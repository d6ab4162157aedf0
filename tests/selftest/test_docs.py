"""What the documentation says is so: generated pages, coverage, every option, the README's example and its table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest

from relayproof import book, cli, judge, runs
from relayproof.endings import EXIT_CODES
from relayproof.exchange import Exchange, Request, Response
from relayproof.options import BadOption, Options, target
from relayproof.pages import PAGES, Page
from relayproof.probe import dump

ROOT = Path(__file__).parents[2]
CASSETTES = ROOT / "cassettes"
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = sorted(name for name, command in cli.main.commands.items() if not command.hidden)


def table(text: str) -> dict[int, str]:
    """The rows of the table of exit codes."""
    return {int(code): meaning for code, meaning in re.findall(r"^\| (\d+) \| (.+?) \|$", text, re.MULTILINE)}


def example() -> str:
    """The README's Python block."""
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]


@pytest.mark.parametrize("name", ["rules.md", "coverage.md", "usage.md"])
def test_a_generated_page_is_as_relayproof_makes_it(name: str) -> None:
    made = book.pages(CASSETTES, cli.main)[name]
    committed = (ROOT / "docs" / name).read_text("utf-8")
    assert committed == made, f"docs/{name} is out of date: run `relayproof docs`"


def test_no_generated_page_is_left_out_of_these_tests() -> None:
    assert set(book.pages(CASSETTES, cli.main)) == {"rules.md", "coverage.md", "usage.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_a_page_of_the_documentation_has_schemas_probes_and_rules(page: Page) -> None:
    found = book.covering(page, CASSETTES)
    assert [kind for kind in ("schemas", "probes", "rules") if not found[kind]] == []


@pytest.mark.skipif(not CASSETTES.is_dir(), reason="there are no cassettes at all")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_a_page_of_the_documentation_has_cassettes(page: Page) -> None:
    assert book.covering(page, CASSETTES)["cassettes"] != []


def options() -> Iterator[tuple[str, str]]:
    for name in COMMANDS:
        for parameter in cli.main.commands[name].params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                yield from ((name, option) for option in parameter.opts)


def section(command: str) -> str:
    """The part of docs/usage.md on a command."""
    text = (ROOT / "docs" / "usage.md").read_text("utf-8")
    return re.findall(rf"^## {command}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_in_the_usage_page_with_its_help(command: str) -> None:
    told = section(command)
    assert f"`relayproof {command}" in told
    for name, option in options():
        assert name != command or f"`{option}" in told, f"{name} {option}"
    for parameter in cli.main.commands[command].params:
        assert not isinstance(parameter, click.Option) or parameter.hidden or parameter.help, (
            f"{command} {parameter.name} has no help"
        )


def test_no_command_or_option_in_the_readme_is_made_up() -> None:
    named = set(re.findall(r"^ *(?:- run: )?relayproof (\w+)", README, re.MULTILINE)) | set(
        re.findall(r"`relayproof (\w+)", README)
    )
    assert named <= set(cli.main.commands)
    known = {option for _, option in options()} | {"--relay", "--relay-seed", "--pyargs", "--key"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) <= known


def test_the_readmes_exit_codes_are_the_commands_own() -> None:
    assert table(README) == EXIT_CODES


def test_the_chinese_readme_has_the_same_exit_codes() -> None:
    assert set(table((ROOT / "README.zh-CN.md").read_text("utf-8"))) == set(EXIT_CODES)


def chat(answer: dict[str, object]) -> Exchange:
    request = Request("POST", "/v1/chat/completions", (), dump({"model": "m", "messages": []}))
    return Exchange(request, Response(200, (("content-type", "application/json"),), dump(answer)), id="001")


def test_the_readmes_rule_works_as_a_users_rule(tmp_path: Path) -> None:
    (tmp_path / "my_rules.py").write_text(example(), "utf-8")
    (tmp_path / "relayproof.toml").write_text('[relay]\nrules = ["my_rules.py"]\n')
    with target(Options(config=tmp_path / "relayproof.toml"), serve=False) as asked:
        own = runs.load_rules(asked.relay.rules)["my-rules/fingerprint-is-given"]
    good, bad = chat({"system_fingerprint": "fp_1"}), chat({"id": "x"})
    assert [each.outcome for each in judge.judge([good, bad], [own]).verdicts] == [judge.PASSES, judge.FAILS]
    assert own.title in example()
    assert own.title == "Every answer names its system_fingerprint."


def test_a_users_rules_can_be_loaded_twice_and_stay_out_of_the_suites_own(tmp_path: Path) -> None:
    (tmp_path / "my_rules.py").write_text(example(), "utf-8")
    file = str(tmp_path / "my_rules.py")
    assert runs.load_rules([file]).keys() - runs.load_rules().keys() == {"my-rules/fingerprint-is-given"}
    assert runs.load_rules([file]).keys() == runs.load_rules([file]).keys()
    assert "my-rules/fingerprint-is-given" not in runs.load_rules()


def test_the_readmes_settings_are_settings(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "relayproof.toml"
    file.write_text(block, "utf-8")
    with target(Options(config=file), serve=False) as asked:
        assert [known.rule for known in asked.relay.known] == ["chat/n-is-honoured"]
    file.write_text(block.replace("reason", "raison"), "utf-8")
    with pytest.raises(BadOption, match="raison"), target(replace(Options(), config=file), serve=False):
        pass


def test_every_file_that_the_documentation_points_to_is_there() -> None:
    for page in (ROOT / "README.md", ROOT / "README.zh-CN.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
