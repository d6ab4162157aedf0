"""Reasons and notes in Chinese: every sentence that the suite can make has its words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import relayproof
from relayproof import runs
from relayproof.report.spoken import FORMS, spoken
from relayproof.wire.client import DROPPED, MALFORMED

PACKAGE = Path(relayproof.__file__).parent
ELSEWHERE = {"report", "reference", "faults", "selftest", "book.py"}
MADE_BY = {"Untested", "BudgetSpent", "leave_out", "LeftOut", "stop", "append"}
HAN = re.compile("[\u4e00-\u9fff]")
RETURNED = [
    runs.NOTHING_MEASURED,
    runs.NO_SURFACE,
    DROPPED,
    f"{MALFORMED}: illegal header",
    "unreachable: refused",
    "timed-out: no answer began (ReadTimeout)",
    "broken: reset",
    "status 404",
    "introduced",
    "inherited",
    "not known",
    "not asked, since it costs more than --spend cents: images, parts of audio",
]


def text(node: ast.expr) -> str:
    """A literal, where every hole is filled with a number."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def sentences(tree: ast.AST) -> Iterator[str]:
    """The reasons and notes in a module: what Untested and its like are made with, and what is optional."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in MADE_BY and node.args:
                yield text(node.args[-1])
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (f"{text(value)}: 7" for key, value in pairs if key and text(key) == "optional" and text(value))
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            yield from (text(each) for each in node.value.elts[1:] if "UNTESTED" in ast.unparse(node.value))


def made() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] not in ELSEWHERE:
            yield from (
                each for each in sentences(ast.parse(path.read_text("utf-8"))) if re.search("[a-z]{2} [a-z]", each)
            )


def test_every_sentence_has_its_chinese() -> None:
    sentences = {*made(), *RETURNED}
    assert len(sentences) > 40
    assert "the relay limited the rate" in sentences
    lacking = [sentence for sentence in sentences if not HAN.search(spoken(sentence, "zh"))]
    assert lacking == [], "add them to FORMS in relayproof/report/spoken.py"
    assert all(spoken(sentence, "en") == sentence for sentence in sentences)


def test_a_sentence_within_a_sentence_is_said_too() -> None:
    said = spoken("the model list could not be read (status 401), and no model was named", "zh")
    assert said == "无法读取模型列表（状态码 401），也没有指定模型"
    assert spoken("against upstream: 2 introduced, 1 inherited", "zh").endswith("2 条由中转站引入，1 条继承自上游")


def test_what_others_wrote_stays_as_it_is() -> None:
    assert spoken("the Claude channel has no n; ticket 17", "zh") == "the Claude channel has no n; ticket 17"
    assert spoken('the relay answered 500: "{sdk} \\1"', "zh") == '中转站返回 500："{sdk} \\1"'


@pytest.mark.parametrize("form", FORMS)
def test_the_chinese_has_the_same_holes(form: str) -> None:
    holes = re.compile(r"\{\w+\}")
    assert sorted(holes.findall(form)) == sorted(holes.findall(FORMS[form]))
