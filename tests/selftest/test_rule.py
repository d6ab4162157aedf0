"""A rule is a function with a page: how it gets its id, its card and its text, and what is refused at import."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cases.build import chat

from relayproof import rule as rules
from relayproof.exchange import Exchange
from relayproof.rule import MAY, MUST, OPENAI, RELAY, SHOULD, Finding, MalformedRule, Source, may, must, rule, should
from relayproof.rules import load
from relayproof.rules.shapes import matches_schema

EVERY = load()  # before the registry is replaced
SOURCE = Source("A document", "Its part", "2026-11-22")


def good_rule(exchange: Exchange) -> Iterator[Finding]:
    """A good relay answers
    in one piece.

    Who reads pieces, breaks.

    More of the reason.

    Fix: send one
    piece.
    """
    yield from ()


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, rules.Rule]:
    monkeypatch.setattr(rules, "RULES", {})
    return rules.RULES


def test_the_id_is_module_and_function(registry: dict[str, rules.Rule]) -> None:
    must(SOURCE, on="chat")(good_rule)
    assert list(registry) == ["test-rule/good-rule"]


def test_a_decorated_function_stays_as_it_is() -> None:
    assert must(SOURCE, on="chat")(good_rule) is good_rule


def test_the_page_is_the_docstring_in_three_parts() -> None:
    made = rule(good_rule, MUST, SOURCE, on="chat")
    assert made.title == "A good relay answers in one piece."
    assert made.why == "Who reads pieces, breaks.\n\nMore of the reason."
    assert made.fix == "send one piece."
    assert str(made.source) == "A document, Its part (read 2026-11-22)"


def test_the_place_is_file_and_line_of_the_function() -> None:
    file, _, line = rule(good_rule, MUST, SOURCE, on="chat").place.rpartition(":")
    assert file == __file__
    assert int(line) == good_rule.__code__.co_firstlineno


@pytest.mark.parametrize(("decorator", "level"), [(must, MUST), (should, SHOULD), (may, MAY)])
def test_the_verb_is_the_level(decorator: object, level: rules.Level, registry: dict[str, rules.Rule]) -> None:
    decorator(SOURCE, on="chat")(good_rule)  # type: ignore[operator]
    made = registry["test-rule/good-rule"]
    assert (made.level_in(OPENAI), made.level_in(RELAY)) == (level, level)


def test_the_relay_profile_may_have_another_level() -> None:
    made = rule(good_rule, MUST, SOURCE, on="chat", relay=SHOULD)
    assert (made.level_in(OPENAI), made.level_in(RELAY)) == (MUST, SHOULD)


def test_a_finding_can_be_written_whatever_a_relay_said() -> None:
    finding = Finding("/\ud800", "\udfff 长")
    assert (finding.where, finding.what) == ("/\\ud800", "\\udfff 长")


def test_one_surface_or_need_may_be_given_bare() -> None:
    made = rule(good_rule, MUST, SOURCE, on="chat", needs="headers")
    assert (made.on, made.needs) == ({"chat"}, {"headers"})
    assert rule(good_rule, MUST, SOURCE, on=("chat", "models")).on == {"chat", "models"}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "A title.",
        "A title.\n\nA reason.",
        "A title.\n\nFix: do it.",
        "A title without a stop\n\nA reason.\n\nFix: do it.",
        "A title.\n\nA reason.\n\nRepair: do it.",
        "A title.\n\nFix: do it.\n\nA reason.",
    ],
)
def test_a_malformed_page_is_refused_with_the_rules_name(text: str | None) -> None:
    def bad_page(exchange: Exchange) -> Iterator[Finding]:
        yield from ()

    bad_page.__doc__ = text
    with pytest.raises(MalformedRule, match="test-rule/bad-page: the docstring needs"):
        must(SOURCE, on="chat")(bad_page)


def test_two_rules_of_one_name_are_refused() -> None:
    must(SOURCE, on="chat")(good_rule)
    with pytest.raises(MalformedRule, match="two rules are called test-rule/good-rule"):
        should(SOURCE, on="models")(good_rule)


def test_a_schema_rule_needs_its_schema() -> None:
    with pytest.raises(MalformedRule, match="there is no schema openai/nothing"):
        matches_schema("chat", "openai/nothing", SOURCE, on="chat")


def test_every_rule_names_a_known_surface_and_a_source() -> None:
    from relayproof.surface import OTHER, SURFACES

    for each in EVERY.values():
        assert each.on <= {*SURFACES, OTHER}, each.id
        assert each.on, each.id
        assert each.source.document, each.id
        assert each.source.anchor, each.id


def test_a_rule_that_yields_nothing_finds_nothing() -> None:
    assert list(rule(good_rule, MUST, SOURCE, on="chat").check(chat())) == []
