"""Reports: true to the results, the same every time, and safe whatever a relay writes."""

import datetime
import html.parser
import json
import re
import shlex
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from relayproof import report, schema
from relayproof.exchange import REQUEST, Ended, Exchange, Part, Request, Response
from relayproof.judge import (
    FAILS,
    KNOWN,
    NOT_OFFERED,
    PASSES,
    STALE,
    UNTESTED,
    Judgement,
    SuiteError,
    Verdict,
    forgive,
    judge,
    summarise,
)
from relayproof.relay import KnownDeviation
from relayproof.report import WRITERS, evidence, focus, markdown, terminal, untrusted, wording
from relayproof.report.overview import Overview
from relayproof.results import Results
from relayproof.rule import MAY, MUST, SHOULD, Finding, Rule, Source, rule

KEY = "sk-proj-Zx81kQ0vN3mPq7Rt5Yw2LdGh"
HOSTILE = "<script>alert(1)</script>\x1b[31mred\x1b[0m\x00\u202e</pre>`|` @everyone \ud800"
SPEC = Source("OpenAI API reference", "chat/object", "2026-11-22")


# --- a sample run: a few real exchanges, judged by a few small rules, as a run would


def usage_adds_up(exchange):
    """`total_tokens` is the sum of `prompt_tokens` and `completion_tokens`.

    Buyers are billed from these numbers; a gateway that rewrites one and not the others bills wrongly.

    Fix: pass the upstream's usage object on unchanged, or recompute all three together.
    """
    usage = exchange.one("/usage", dict)
    if usage["total_tokens"] != usage["prompt_tokens"] + usage["completion_tokens"]:
        what = f"{usage['total_tokens']} is not {usage['prompt_tokens']} + {usage['completion_tokens']}"
        yield Finding("/usage/total_tokens", what)


def role_is_assistant(exchange):
    """Every message of the answer has the role `assistant`.

    A client appends the message to the conversation and sends it back; another role changes who said it.

    Fix: set `role` to "assistant" in every choice.
    """
    for where, role in exchange.find("/choices/*/message/role", str):
        if role != "assistant":
            yield Finding(where, f"{role!r} is not 'assistant'")


def error_inside_stream(exchange):
    """A stream that breaks off says so in an event with `error`, and does not go on to `[DONE]`.

    openai-python raises APIError on such an event. Others return a cut answer as if it were a whole one.

    Fix: close the stream after the error event, without `[DONE]`.
    """
    broken = [event for event in exchange.events if "error" in event.body]
    if broken and exchange.events[-1].done:
        yield Finding(broken[0].place, f"an error, and still [DONE] after it: {broken[0].data}")


def request_id(exchange):
    """Every response carries an `x-request-id` header.

    Without it a user's complaint can't be traced through relay and upstream.

    Fix: forward the upstream's `x-request-id`, or make one.
    """
    if not exchange.answered.has("x-request-id"):
        yield Finding("header x-request-id", "missing")


def error_is_json(exchange):
    """An error is a JSON object with `error.message`, `error.type` and `error.code`.

    Every client reads the reason from there; an HTML page reaches the user as "Unknown error".

    Fix: answer with application/json in every error path, the proxy's own pages included.
    """
    if exchange.answered.content_type != "application/json":
        yield Finding("content-type", f"{exchange.answered.header('content-type')}: {exchange.answered.text}")


def finish_reason(exchange):
    """Every choice of a finished answer has a `finish_reason`.

    Agents loop on it; null reads as "still writing".

    Fix: pass the upstream's value on.
    """
    for where, reason in exchange.find("/choices/*/finish_reason"):
        if reason is None:
            yield Finding(where, "null")


def fingerprint(exchange):
    """The answer carries a `system_fingerprint`.

    With a seed, it tells whether two answers came from the same backend.

    Fix: pass it on.
    """
    if exchange.get("/system_fingerprint", str) is None:
        yield Finding("", "no system_fingerprint")


def made(check, level, on, name, **card) -> Rule:
    return replace(rule(check, level, SPEC, on=on, **card), id=name)


RULES = [
    made(usage_adds_up, MUST, ("chat", "chat_stream"), "chat/usage-adds-up"),
    made(role_is_assistant, MUST, "chat", "chat/role-is-assistant"),
    made(error_inside_stream, MUST, "chat_stream", "chat-stream/error-inside-stream"),
    made(request_id, SHOULD, ("chat", "chat_stream", "models"), "every-response/request-id"),
    made(error_is_json, MUST, "chat", "errors/error-is-json", answers="refused"),
    made(finish_reason, MUST, "chat", "chat/finish-reason"),
    made(fingerprint, MAY, "chat", "chat/fingerprint"),
]


def ask(number: str, probe: str, body: bytes, status: int = 200, kind: str = "application/json", **asked) -> Exchange:
    document = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "你好，it's `me`"}], **asked}
    headers = (
        ("Host", "relay.example.com"),
        ("Authorization", "Bearer ***"),
        ("X-Tenant", "***"),
        ("Content-Type", "application/json"),
    )
    request = Request("POST", "/v1/chat/completions", headers, json.dumps(document, ensure_ascii=False).encode())
    reads = tuple((0.3 * count, len(part)) for count, part in enumerate(re.findall(rb".{1,90}", body, re.DOTALL), 1))
    answered = Response(status, (("Content-Type", kind), ("Server", "nginx")), body, reads, seconds=1.25)
    return Exchange(request, answered, id=number, probe=probe, session="run")


def completion(content: str, total: int, role: str = "assistant") -> bytes:
    usage = {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": total}
    choice = {"index": 0, "message": {"role": role, "content": content}, "finish_reason": "stop"}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini", "choices": [choice]}
    return json.dumps({**whole, "usage": usage}).encode()


def stream(*payloads: object) -> bytes:
    lines = [payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False) for payload in payloads]
    return "".join(f"data: {line}\n\n" for line in lines).encode()


def chunk(content: str) -> dict:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": content}}]}


BROKEN = stream(*(chunk(f"第{n}段") for n in range(6)), {"error": {"message": "upstream 500", "type": "e"}}, "[DONE]")


def run() -> list[Exchange]:
    page = f"<html><body><h1>502 Bad Gateway</h1>{HOSTILE}</body></html>".encode(errors="surrogatepass")
    return [
        ask("001", "chat/basic", completion("你好！我是助手。", 19)),
        ask("002", "chat/echo", completion(HOSTILE + f" my upstream key is {KEY}", 21)),
        ask("003", "chat/echo-again", completion("fine", 22)),
        ask("004", "chat-stream/basic", BROKEN, kind="text/event-stream", stream=True),
        ask("005", "errors/bad-gateway", page, 502, "text/html"),
        ask("006", "chat/role", completion("oops", 19, role=f"system {HOSTILE}")),
    ]


def sample(**changes) -> Results:
    exchanges = run()
    judgement = judge(exchanges, RULES)
    nothing = replace(judgement.verdicts[0], findings=(), page=None, exchanges=(), probe="", model="")
    judgement.verdicts += [
        replace(
            nothing,
            rule=f"midjourney/rule-{n}",
            level=level,
            surface="midjourney",
            outcome=UNTESTED,
            reason="claimed, but /mj/submit/imagine answers 401",
        )
        for n, level in enumerate((MUST, MUST, SHOULD))
    ]
    judgement.verdicts.append(
        replace(nothing, rule="suno/offered", surface="suno", outcome=NOT_OFFERED, reason="not in the model list")
    )
    entry = KnownDeviation("chat/role-is-assistant", "上游为旧版，三月前修复", None)
    judgement.verdicts = forgive(judgement.verdicts, [entry], datetime.date(2026, 11, 22))
    results = Results(
        relay="relay.example.com",
        profile="relay",
        verdicts=judgement.verdicts,
        exchanges=exchanges,
        summary=summarise(judgement),
        requests=6,
        tokens=8112,
        seconds=48.2,
        day="2026-11-22",
        models={"chat": "gpt-4o-mini", "chat_stream": "gpt-4o-mini"},
        notes=["gemini was left out: no model of that family is listed."],
    )
    return replace(results, **changes)


def only(*verdicts: Verdict) -> Results:
    return sample(verdicts=list(verdicts), summary=summarise(Judgement(list(verdicts))))


def verdict(outcome=PASSES, level=MUST, name="chat/usage-adds-up", **fields) -> Verdict:
    return Verdict(name, level, "chat", outcome, probe="chat/basic", page=RULES[0], **fields)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("reports")
    return {path.name: path.read_text("utf-8") for path in report.write(sample(), folder)}


# --- all reports


def test_every_report_is_written(written):
    assert list(written) == ["report.json", "report.html", "report.md", "junit.xml"]


def test_the_same_results_give_the_same_bytes(written, tmp_path):
    again = {path.name: path.read_text("utf-8") for path in report.write(sample(), tmp_path)}
    assert again == written


def test_no_report_holds_a_key_a_control_character_or_a_local_path(written):
    texts = {**written, "terminal": terminal.summary(sample())}
    for name, text in texts.items():
        assert KEY[8:] not in text, name
        assert not set(untrusted.HIDDEN.findall(text)), name
        assert "/work/" not in text, name
        assert str(Path.cwd()) not in text, name


def test_a_writer_that_fails_loses_nothing_and_keeps_the_older_file(tmp_path, monkeypatch):
    report.write(sample(), tmp_path)
    before = (tmp_path / "report.html").read_bytes()
    monkeypatch.setitem(report.WRITERS, "report.html", lambda overview, language: 1 / 0)
    with pytest.raises(report.Unwritten) as caught:
        report.write(sample(relay="other.example.com"), tmp_path)
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)
    assert (tmp_path / "report.html").read_bytes() == before
    assert "other.example.com" in (tmp_path / "junit.xml").read_text() + (tmp_path / "report.json").read_text()
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_every_word_exists_in_both_languages_with_the_same_blanks():
    for key, (english, chinese) in wording.WORDS.items():
        blanks = [set(re.findall(r"\{(\w+)\}", text)) for text in (english, chinese)]
        assert all((english, chinese)), key
        assert key.endswith(".one") or blanks[0] == blanks[1], key


def test_every_surface_has_a_name():
    from relayproof.surface import SURFACES

    assert not [surface for surface in SURFACES if f"surface.{surface}" not in wording.WORDS]


# --- the sentence and the counts


@pytest.mark.parametrize(
    ("results", "says"),
    [
        (only(verdict(FAILS), verdict(name="a/b")), "1 of 2 required rules fails on relay.example.com."),
        (only(verdict(PASSES)), "The one required rule holds on relay.example.com."),
        (only(verdict(PASSES), verdict(UNTESTED, name="a/b")), "but 1 of 2 could not be tested."),
        (only(verdict(UNTESTED)), "Nothing that is required could be measured on relay.example.com."),
        (
            only(verdict(PASSES), verdict(KNOWN, name="a/b")),
            "1 of 2 required rules hold on relay.example.com; the other",
        ),
        (only(verdict(PASSES), verdict(STALE)), "but 1 known deviation no longer exists."),
        (only(), "Nothing that is required could be measured on relay.example.com."),
        (only(verdict(NOT_OFFERED)), "Nothing that is required could be measured"),
    ],
)
def test_one_sentence_says_how_the_run_came_out(results, says):
    assert says in Overview(results).sentence()


def test_a_strict_run_says_why_it_fails():
    verdicts = [verdict(), verdict(FAILS, SHOULD, "a/b")]
    results = replace(only(*verdicts), summary=summarise(Judgement(verdicts), strict=True))
    assert "1 recommended rule does, and this run is strict" in Overview(results).sentence()


def test_the_worst_verdict_of_a_rule_on_a_surface_counts():
    for outcome in (FAILS, UNTESTED, KNOWN):
        assert Overview(only(verdict(), verdict(outcome), verdict())).required == Counter([outcome])


def test_untested_rules_stay_in_the_denominator():
    text = terminal.summary(only(verdict(), verdict(UNTESTED, name="a/b")))
    assert "required 1/2" in text


def test_the_same_finding_on_many_exchanges_is_told_once():
    same = [verdict(FAILS, findings=(Finding(f"/data/{n}/id", "is 3"),)) for n in range(40)]
    ruling = Overview(only(*same)).of("fails")[0]
    assert [len(place.verdicts) for place in ruling.places] == [40]


def test_findings_that_differ_in_their_values_alone_are_told_once_and_others_are_not():
    whats = ['last is "chatcmpl-1', 'last is "chatcmpl-\\"2"', "required key is missing: id"]
    ruling = Overview(only(*(verdict(FAILS, findings=(Finding("", what),)) for what in whats))).of("fails")[0]
    assert [len(place.verdicts) for place in ruling.places] == [2, 1]


# --- report.json


def test_the_json_report_fits_its_schema(written):
    assert list(schema.mismatches("report/report", json.loads(written["report.json"]))) == []


def test_the_schema_refuses_what_a_report_never_says(written):
    document = json.loads(written["report.json"])
    document["verdicts"][0]["verdict"] = "green"
    assert [each.where for each in schema.mismatches("report/report", document)] == ["/verdicts/0/verdict"]


def test_the_json_report_holds_every_verdict_exchange_and_rule(written):
    document, results = json.loads(written["report.json"]), sample()
    assert len(document["verdicts"]) == len(results.verdicts)
    assert [each["id"] for each in document["exchanges"]] == [each.id for each in results.exchanges]
    assert sorted(document["rules"]) == sorted(rule.id for rule in RULES)
    assert document["summary"]["exit_code"] == 1


def test_a_run_without_an_answer_fits_the_schema_too():
    silent = replace(run()[0], response=None, failure="unreachable: refused")
    document = json.loads(report.json_report.render(Overview(sample(exchanges=[silent], seconds=None, day="")), "zh"))
    assert list(schema.mismatches("report/report", document)) == []
    assert document["exchanges"][0]["status"] is None


def test_a_suite_error_is_told_without_the_paths_of_this_machine():
    trace = 'Traceback:\n  File "/home/me/relayproof/rules/chat.py", line 3, in x\nKeyError: 1\n'
    results = sample(errors=[SuiteError("chat/x", "001", trace)])
    document = report.json_report.document(Overview(results))
    assert 'File "chat.py", line 3' in document["suite_errors"][0]["trace"]
    assert "/home/me" not in json.dumps(document)


# --- report.html


class Page(html.parser.HTMLParser):
    """Collects tags with their attributes, and the text outside script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] not in ("script", "style"):
            self.texts.append(data)


def test_what_a_relay_writes_never_becomes_markup(written):
    page = Page(written["report.html"])
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "<script>alert(1)" in "".join(page.texts)
    assert not [attributes for _, attributes in page.tags if any(name.startswith("on") for name in attributes)]


def test_the_page_loads_nothing_from_anywhere(written):
    text = written["report.html"]
    loaders = [(tag, a) for tag, a in Page(text).tags if a.get("src") or (tag in ("link", "img", "iframe", "object"))]
    assert not loaders
    assert all(a["href"].startswith("#") for tag, a in Page(text).tags if tag == "a")
    assert not re.search(r"url\(|@import", text)


def test_the_policy_of_the_page_allows_its_own_script_and_no_other(written):
    import base64
    import hashlib

    text = written["report.html"]
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(a["content"] for _, a in Page(text).tags if a.get("http-equiv"))
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_page_says_everything_in_both_languages_and_opens_in_the_one_asked_for(written):
    assert '<html lang="en" data-language="en">' in written["report.html"]
    assert "条必须遵守的规则未通过" in written["report.html"]
    chinese = report.WRITERS["report.html"](Overview(sample()), "zh")
    assert '<html lang="zh-CN" data-language="zh">' in chinese
    assert "required rules fail" in chinese


def test_every_id_of_the_page_is_unique_and_every_link_has_its_target(written):
    tags = Page(written["report.html"]).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for tag, a in tags if tag == "a"} <= set(ids)


def test_a_failure_shows_value_reason_fix_source_and_evidence(written):
    text = "".join(Page(written["report.html"]).texts)
    for part in ("21 is not 12 + 7", "Buyers are billed", "recompute all three", "OpenAI API reference", "curl -i"):
        assert part in text


# --- report.md


def test_nothing_a_relay_writes_leaves_its_code_block(written):
    outside = re.sub(r"(?ms)^(`{3,})\n.*?\n\1$", "", written["report.md"])
    outside = re.sub(r"(`+)[^`\n].*?\1(?!`)", "", outside)
    assert "alert(1)" not in outside
    assert "@everyone" not in outside
    assert "alert(1)" in written["report.md"]


def test_a_fence_is_longer_than_any_run_of_backticks_in_it():
    assert markdown.block("a ```` b").startswith("`````\n")
    assert markdown.code("`x`") == "`` `x` ``"


def test_prose_mentions_nobody_and_makes_no_table_cell():
    assert markdown.prose("@me | <b> `a|b`") == "@&#8203;me \\| &lt;b&gt; `a|b`"


def test_the_markdown_report_fits_into_a_comment():
    many = [verdict(FAILS, name=f"chat/rule-{n}", findings=(Finding("/x", "y" * 5000),)) for n in range(300)]
    text = markdown.render(Overview(only(*many)), "en")
    assert len(text) < 60_000
    assert "more in report.html" in text


# --- junit.xml


def cases(text: str) -> dict[str, ET.Element]:
    return {case.get("name"): case for case in ET.fromstring(text).iter("testcase")}


def test_only_a_passed_verdict_is_a_green_case():
    verdicts = [
        verdict(outcome, level, f"a/{outcome}-{level}")
        for outcome in Counter([PASSES, FAILS, KNOWN, STALE, NOT_OFFERED, UNTESTED])
        for level in (MUST, SHOULD)
    ]
    found = cases(report.junit.render(Overview(only(*verdicts)), "en"))
    kinds = {name.removesuffix(" [chat/basic]"): [child.tag for child in case] for name, case in found.items()}
    assert kinds == {
        "a/passes-must": [],
        "a/passes-should": [],
        "a/fails-must": ["failure"],
        "a/fails-should": ["system-out"],
        "a/known-must": ["skipped"],
        "a/known-should": ["skipped"],
        "a/stale-must": ["failure"],
        "a/stale-should": ["failure"],
        "a/not-offered-must": ["skipped"],
        "a/not-offered-should": ["skipped"],
        "a/untested-must": ["error"],
        "a/untested-should": ["skipped"],
    }


def test_the_suites_count_their_cases_and_names_are_unique(written):
    root = ET.fromstring(written["junit.xml"])
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(names) == len(set(names)) == int(root.get("tests")) == len(sample().verdicts)
    assert int(root.get("errors")) == 2


def test_a_run_that_measured_nothing_is_an_error_not_an_empty_green_file():
    root = ET.fromstring(report.junit.render(Overview(only()), "en"))
    assert root.get("errors") == "1"


# --- the terminal


def test_no_line_of_the_summary_is_wider_than_the_screen():
    for width in (60, 80, 120):
        for language in wording.LANGUAGES:
            lines = terminal.summary(sample(), width, language=language).splitlines()
            assert max(terminal.cells(line) for line in lines) <= width


def test_the_summary_ends_in_its_arithmetic_and_the_exit_code():
    lines = terminal.summary(sample()).splitlines()
    text = " ".join(lines[-3:])
    for part in ("required 1/7", "known 1", "untested 3", "6 requests, 8,112 tokens, 48 s", "exit 1: a required rule"):
        assert part in text


def test_the_summary_shows_eight_failures_and_counts_the_others():
    many = [verdict(FAILS, name=f"chat/rule-{n}", findings=(Finding("/x", "y"),)) for n in range(11)]
    text = terminal.summary(only(*many), folder="reports")
    assert text.count("FAIL  chat/rule-") == 8
    assert "and 3 more in reports/report.html" in text
    assert "report: reports/report.html" in text
    assert "report.html" not in terminal.summary(only(*many))


def test_a_wrong_key_and_a_wrong_address_are_told_as_such():
    key = only(verdict(UNTESTED, reason="the model list could not be read (status 401), and no model was named"))
    address = only(verdict(UNTESTED, reason="unreachable: [Errno 111] Connection refused"))
    for results, words, other in ((key, "does not take the key", "Nobody"), (address, "Nobody answers", "the key")):
        for text in (
            terminal.summary(results),
            WRITERS["report.html"](Overview(results), "en"),
            markdown.render(Overview(results), "en"),
        ):
            assert words in text
            assert other not in text


def test_failures_stand_at_the_head_of_the_page_with_links_to_their_cards():
    failed = verdict(FAILS, name="chat/n", findings=(Finding("/x", "1 <b> instead of 2"),))
    page = WRITERS["report.html"](Overview(only(failed)), "en")
    head = page[: page.index('class="surfaces"')]
    assert '<a href="#chat.chat/n"><code>chat/n</code></a>' in head
    assert "1 &lt;b&gt; instead of 2" in head
    assert 'id="chat.chat/n"' in page


def test_a_chinese_report_gives_reasons_in_chinese():
    results = only(verdict(UNTESTED, reason="the relay limited the rate"))
    for render in (WRITERS[name] for name in ("report.md", "junit.xml", "report.html")):
        assert "被中转站限流" in render(Overview(results), "zh")
    assert "被中转站限流" in terminal.summary(results, language="zh")


def test_a_wide_character_takes_two_columns():
    assert terminal.cells("ab你好e\u0301") == 7
    assert [terminal.cells(line) for line in terminal.wrapped("你好" * 10, 15)] == [14, 14, 12]


# --- evidence


def test_the_curl_command_names_the_key_but_never_holds_it():
    words = shlex.split(evidence.curl(run()[3]).replace("\\\n", " "))
    assert words[:4] == ["curl", "-i", "-N", "$RELAYPROOF_URL/v1/chat/completions"]
    assert "Authorization: Bearer $RELAYPROOF_API_KEY" in words
    assert "X-Tenant: <your X-Tenant>" in words
    assert "Host: relay.example.com" not in words


def test_the_curl_command_sends_the_very_bytes_that_were_sent():
    exchange = run()[0]
    words = shlex.split(evidence.curl(exchange).replace("\\\n", " "))
    assert words[words.index("--data") + 1].encode() == exchange.request.body


def test_the_curl_command_of_a_key_in_the_address_and_of_a_plain_get():
    exchange = Exchange(Request("GET", "/v1beta/models?key=***&x=$(id)"))
    assert evidence.curl(exchange) == (
        "curl -i \"$RELAYPROOF_URL\"'/v1beta/models?key='\"$RELAYPROOF_API_KEY\"'&x=$(id)'"
    )


def test_the_curl_command_of_a_wrong_key_does_not_ask_for_the_right_one():
    exchange = replace(run()[0], expect={"key": "wrong"})
    assert "Authorization: Bearer sk-a-wrong-key" in evidence.curl(exchange)


def test_the_curl_command_of_a_form_has_its_fields():
    parts = (Part("model", None, "text/plain", b"@whisper-1"), Part("file", "a;b.wav", "audio/wav", b"RIFF\0\0"))
    command = evidence.curl(Exchange(Request("POST", "/v1/audio/transcriptions", given_form=parts)))
    assert "--form-string model=@whisper-1" in command
    assert "-F 'file=@a_b.wav;type=audio/wav'" in command
    assert command.startswith("# a;b.wav: 6 bytes, audio/wav\ncurl")


def test_a_long_body_is_shortened_and_says_so():
    exchange = ask("1", "p", b"{}", user="x" * 9000)
    command = evidence.curl(exchange)
    assert command.startswith("# the body has")
    assert len(command) < 1000


def test_an_unknown_request_has_no_command():
    assert evidence.curl(Exchange(Request("POST", "/x"), blind=frozenset({REQUEST}))).startswith("#")


def test_the_excerpt_marks_the_place_of_a_json_pointer():
    text = evidence.excerpt(run()[1], "/usage/total_tokens")
    assert [line for line in text.split("\n") if line.startswith("> ")] == ['>     "total_tokens": 21']
    assert text.startswith("  HTTP 200\n")


def test_the_excerpt_of_an_event_shows_its_raw_bytes_and_its_neighbours():
    exchange = run()[3]
    text = evidence.excerpt(exchange, exchange.events[6].place)
    marked = [line for line in text.split("\n") if line.startswith("> ")]
    assert marked[0].startswith(f"> [{exchange.events[6].place}, at ")
    assert marked[1] == '> data: {"error": {"message": "upstream 500", "type": "e"}}'
    assert "  data: [DONE]" in text
    assert "第5段" in text
    assert "第4段" not in text


def test_the_excerpt_of_a_missing_header_shows_the_headers_there_are():
    assert "  Server: nginx" in evidence.excerpt(run()[0], "header x-request-id")
    assert "> Content-Type: text/html" in evidence.excerpt(run()[4], "content-type")


def test_the_excerpt_of_a_missing_part_says_what_is_not_there():
    assert "no 'cost' in it" in evidence.excerpt(run()[0], "/usage/cost")


def test_an_excerpt_stays_short_and_keeps_its_place():
    items = [{"id": f"m{n}", "text": "x" * 500} for n in range(5000)]
    exchange = ask("1", "p", json.dumps({"data": items}).encode())
    text = evidence.excerpt(exchange, "/data/4000/id")
    assert len(text) < 2500
    assert '"id": "m4000"' in text


@pytest.mark.parametrize("where", ["", "/choices/0/message/content", "event 0", "bytes 10-400", "status", "/nowhere/1"])
def test_an_excerpt_never_shows_a_key_or_an_escape(where):
    for exchange in run():
        text = evidence.excerpt(exchange, where)
        assert KEY[8:] not in text
        assert not untrusted.HIDDEN.search(text)


def test_a_key_that_a_cut_would_halve_is_masked_all_the_same():
    text = "a" * 150 + " " + KEY
    assert KEY[8:20] not in untrusted.fit(text, 170)
    assert KEY[8:20] not in "\n".join(focus.lines({"x": text}, "/x"))


def test_a_binary_body_is_described_not_shown():
    exchange = ask("1", "p", bytes(range(256)) * 40, kind="audio/mpeg")
    assert "(10,240 bytes, not text: 00 01 02" in evidence.excerpt(exchange, "content-type")


def test_no_answer_and_an_early_end_are_said():
    silent = replace(run()[0], response=None, failure="timed-out: no answer began")
    assert evidence.excerpt(silent, "") == "> no answer: timed-out: no answer began"
    cut = replace(run()[0], response=replace(run()[0].response, ended=Ended.CUT))
    assert "(the response ended early: cut)" in evidence.excerpt(cut, "")


def test_what_was_not_tested_is_told_even_where_the_rule_fails_elsewhere():
    results = only(verdict(FAILS), replace(verdict(UNTESTED), probe="chat/tools", reason="the budget is spent"))
    [(reason, gaps)] = Overview(results).gaps().items()
    assert (reason, gaps[0].probes) == ("the budget is spent", ("chat/tools",))
    for text in (terminal.summary(results), report.WRITERS["report.html"](Overview(results), "en")):
        assert "the budget is spent" in text


def test_the_end_of_a_stream_and_the_status_can_be_the_place():
    exchange = run()[3]
    assert "> data: [DONE]" in evidence.excerpt(exchange, "end")
    assert evidence.excerpt(exchange, "status").startswith("> HTTP 200\n")


def test_a_key_in_an_address_is_masked_and_what_follows_the_address_stays():
    text = untrusted.fit('{"url":"https://x/?token=abcdef","usage":{}}')
    assert text == '{"url":"https://x/?token=***","usage":{}}'


def test_a_line_feed_in_a_file_name_begins_no_command():
    parts = (Part("file", "a.wav\nrm -rf x", "audio/wav", b"RIFF"),)
    first, second, *_ = evidence.curl(Exchange(Request("POST", "/v1/audio/translations", given_form=parts))).split("\n")
    assert first == "# a.wav rm -rf x: 4 bytes, audio/wav"
    assert second.startswith("curl ")


def test_junit_has_only_the_attributes_that_strict_readers_know():
    root = ET.fromstring(WRITERS["junit.xml"](Overview(only(verdict(PASSES), verdict(UNTESTED, name="a/b"))), "en"))
    known = {
        "testsuites": {"name", "time", "tests", "failures", "errors"},
        "testsuite": {"name", "tests", "failures", "errors", "skipped"},
        "testcase": {"name", "classname"},
        "error": {"type", "message"},
        "failure": {"type", "message"},
        "skipped": {"message"},
        "system-out": set(),
    }
    assert all(set(element.attrib) <= known[element.tag] for element in root.iter())
