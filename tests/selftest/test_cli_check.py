"""Traffic that others recorded, judged by `relayproof check`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from commandline import relayproof, written

pytestmark = pytest.mark.usefixtures("here")


MESSAGE = {"role": "assistant", "content": "Hi", "refusal": None}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": MESSAGE, "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 11},
}
ASKED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hi"}]}
CHAT_URL = "https://relay.example.com/v1/chat/completions"
JSON_HEADER = [{"name": "content-type", "value": "application/json"}]


def as_jsonl() -> str:
    line = {"url": CHAT_URL, "status": 200, "request_body": ASKED, "response_body": ANSWER, "id": "one"}
    return json.dumps(line) + "\n"


def as_har() -> str:
    request = {"method": "POST", "url": CHAT_URL, "headers": JSON_HEADER, "postData": {"text": json.dumps(ASKED)}}
    response = {"status": 200, "headers": JSON_HEADER, "content": {"text": json.dumps(ANSWER)}}
    return json.dumps({"log": {"entries": [{"request": request, "response": response}]}})


def as_yaml() -> str:
    headers = {"content-type": ["application/json"]}
    request = {"method": "POST", "uri": CHAT_URL, "headers": headers, "body": json.dumps(ASKED)}
    response = {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": {"string": json.dumps(ANSWER)}}
    return json.dumps({"version": 1, "interactions": [{"request": request, "response": response}]})


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("name", "make"), [("t.jsonl", as_jsonl), ("t.har", as_har), ("t.yaml", as_yaml)])
def test_check_judges_every_format_and_writes_a_line_for_each_failure(
    name: str, make: Callable[[], str], packed: bool
) -> None:
    file = Path(name + ".gz" * packed)
    file.write_bytes(gzip.compress(make().encode()) if packed else make().encode())
    outcome = relayproof("check", file, "--findings", "found.jsonl", "--reports", "reports")
    assert outcome.code == 1, outcome
    assert "FAIL  chat/usage-adds-up  1x" in outcome.out
    lines = [json.loads(line) for line in Path("found.jsonl").read_text("utf-8").splitlines()]
    assert all(list(line) == ["exchange", "surface", "rule", "level", "where", "what"] for line in lines)
    found = next(line for line in lines if line["rule"] == "chat/usage-adds-up")
    assert found["exchange"] in outcome.out
    assert (found["surface"], found["level"], found["where"]) == ("chat", "must", "/usage/total_tokens")
    assert found["what"] == "11 is not 9 + 1"
    assert {each["rule"] for each in written()["verdicts"]} == {line["rule"] for line in lines}


def test_check_of_good_traffic_ends_with_0_and_an_empty_file_of_findings() -> None:
    good = ANSWER | {"usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}}
    Path("t.jsonl").write_text(as_jsonl().replace(json.dumps(ANSWER), json.dumps(good)))
    outcome = relayproof("check", "t.jsonl", "--findings", "found.jsonl")
    assert outcome.code == 0, outcome
    assert Path("found.jsonl").read_text() == ""
    assert "1 exchanges judged: chat 1" in outcome.out


def test_check_tells_of_a_line_that_it_cannot_read_and_judges_the_rest() -> None:
    Path("t.jsonl").write_text("{not json\n" + as_jsonl())
    outcome = relayproof("check", "t.jsonl")
    assert outcome.code == 1
    assert [line for line in outcome.lines if line.startswith("not read: t.jsonl:1")] == outcome.lines


@pytest.mark.parametrize("text", ["", "\n", "{not json\n", '{"url": "/weather", "response_body": 1}\n'])
def test_check_is_not_green_when_nothing_was_judged(text: str) -> None:
    Path("t.jsonl").write_text(text)
    assert relayproof("check", "t.jsonl").code == 4


def test_check_tells_required_failures_last_with_their_fix_and_ends_with_the_exit_code() -> None:
    odd = ANSWER | {"created": 0}
    Path("t.jsonl").write_text(as_jsonl().replace(json.dumps(ANSWER), json.dumps(odd)))
    out = relayproof("check", "t.jsonl").out
    assert out.rindex("warn  ") < out.index("FAIL  chat/usage-adds-up")
    assert "fix     pass the upstream's usage" in out
    assert "relayproof explain RULE" in out
    assert out.endswith("exit 1: a required rule fails\n")
    assert max(map(len, out.splitlines())) <= 80


def test_check_says_incomplete_when_a_line_could_not_be_read() -> None:
    good = ANSWER | {"usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}}
    Path("t.jsonl").write_text("{bad\n" + as_jsonl().replace(json.dumps(ANSWER), json.dumps(good)))
    outcome = relayproof("check", "t.jsonl", "--reports", "reports")
    assert outcome.code == written()["summary"]["exit_code"] == 4
    assert "exit 4: incomplete" in outcome.out
    assert "t.jsonl:1" in outcome.err
