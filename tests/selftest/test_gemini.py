"""Gemini's dialect: requests in either spelling, chunks put together, and what Google does that no rule may fail."""

from __future__ import annotations

from typing import Any

import pytest
from cases.build import changed, exchange
from cases.gemini import LONG, as_array, ask, path, restreamed, streamed, whole

from relayproof import gemini
from relayproof.exchange import Exchange
from relayproof.judge import FAILS, judge
from relayproof.probe import Call
from relayproof.reference import KEY, serving
from relayproof.relay import Key, Relay
from relayproof.rule import OPENAI
from relayproof.rules import load
from relayproof.wire.client import Client

INVALID_KEY = {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}
INVALID_KEY |= {"details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]}


def chunk(*parts: Any, **candidate: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts), "role": "model"}} | candidate]}


def broken(given: Exchange) -> set[str]:
    result = judge((given,), load().values(), OPENAI)
    assert not result.errors, result.errors[0].trace
    return {verdict.rule for verdict in result.verdicts if verdict.outcome is FAILS}


@pytest.mark.parametrize("made", [streamed, as_array])
def test_events_and_an_array_add_up_to_the_whole_answer(made: Any) -> None:
    assert made("Tell me of the sea.").json == whole("Tell me of the sea.").json | {"responseId": "case-2"}


def test_thoughts_and_texts_are_joined_apart() -> None:
    thought, text = {"text": "Hm", "thought": True}, {"text": "Hel"}
    given = restreamed(streamed(), [chunk(thought), chunk(thought), chunk(text), chunk({"text": "lo"})])
    assert given.json["candidates"][0]["content"]["parts"] == [{"text": "HmHm", "thought": True}, {"text": "Hello"}]


def test_streamed_arguments_become_one_call() -> None:
    opening = {"functionCall": {"name": "write", "willContinue": True}}
    piece = {"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "b"}], "willContinue": True}}
    given = restreamed(streamed(), [chunk(opening), chunk(piece), chunk(piece), chunk({"functionCall": {}})])
    (part,) = given.json["candidates"][0]["content"]["parts"]
    assert (part["functionCall"]["name"], len(part["functionCall"]["partialArgs"])) == ("write", 2)


def test_candidates_are_gathered_by_index_and_one_without_is_the_first() -> None:
    given = restreamed(streamed(), [chunk({"text": "b"}, index=1), chunk({"text": "a"}), chunk({"text": "A"}, index=0)])
    assert [gemini.said(each["content"]) for each in given.json["candidates"]] == ["aA", "b"]


def test_a_request_is_read_in_either_spelling() -> None:
    config = {"max_output_tokens": 5, "thinking_config": {"include_thoughts": True}}
    body = {"generation_config": config, "tools": {"function_declarations": [{"name": "f"}], "google_search": {}}}
    for given in (body, gemini.camel(body)):
        assert gemini.setting(given, "maxOutputTokens") == 5
        assert list(gemini.functions(given)) == ["f"]
        assert gemini.server_tools(given) == {"googleSearch"}


def test_the_callers_own_keys_keep_their_spelling() -> None:
    body = {"function_call": {"args": {"my_key": 1}}}
    assert gemini.camel(body) == {"functionCall": {"args": {"my_key": 1}}}


def test_a_schema_of_geminis_becomes_a_json_schema() -> None:
    given = {
        "type": "ARRAY",
        "minItems": "1",
        "items": {"type": "STRING", "nullable": True, "enum": ["a"]},
        "format": "x",
    }
    items = {"type": ["string", "null"], "enum": ["a", None]}
    assert gemini.json_schema(given) == {"type": "array", "minItems": 1, "items": items}


def test_google_may_leave_a_candidate_without_content_when_nothing_is_counted() -> None:
    lost = changed(changed(LONG, "/candidates/0/content"), "/candidates/0/finishReason", "MALFORMED_FUNCTION_CALL")
    nothing = changed(changed(lost, "/usageMetadata/candidatesTokenCount"), "/usageMetadata/totalTokenCount", 9)
    assert broken(lost) == {"gemini/what-is-counted-is-there"}
    assert broken(nothing) == set()


def test_google_may_refuse_a_key_with_400() -> None:
    facts: Any = {"status": 400, "expect": {"refusal": "key"}}
    assert broken(exchange("POST", path(), ask(), {"error": INVALID_KEY}, **facts)) == set()
    other = {"code": 400, "message": "Invalid JSON.", "status": "INVALID_ARGUMENT"}
    assert broken(exchange("POST", path(), ask(), {"error": other}, **facts)) == {"errors/bad-key-is-refused"}


def test_googles_line_ends_are_no_fault() -> None:
    given = streamed()
    crlf = given.answered.body.replace(b"\n", b"\r\n")
    assert broken(exchange("POST", given.request.url, ask(), crlf, headers=given.answered.headers)) == set()


def test_a_key_in_the_query_reaches_the_wire_and_no_record() -> None:
    with serving() as url, Client(Relay(url, Key(KEY))) as client:
        sent = client.send(Call("GET", "/v1beta/models?pageSize=5", auth="query"))
    assert sent.status == 200
    assert sent.request.url == "/v1beta/models?pageSize=5&key=***"
    assert not sent.request.header("authorization")
    assert KEY not in repr(sent)
