"""What correct relays do otherwise than the reference relay is no failure: each was once taken for one."""

from __future__ import annotations

import pytest
from cases.anthropic import message
from cases.build import asking, changed, chat, exchange
from cases.chat import damaged
from cases.chat_stream import PLAIN, at
from cases.errors import because, refused, told
from cases.every_response import toolless
from cases.gemini import whole

from relayproof import rules
from relayproof.exchange import Exchange
from relayproof.judge import FAILS, NOT_OFFERED, UNTESTED, Outcome, judge
from relayproof.offers import best
from relayproof.probes.chat import repeating
from relayproof.probes.samples import CITY, WEATHER
from relayproof.relay import Relay
from relayproof.surface import ANTHROPIC, CHAT, GEMINI

ALL = tuple(rules.load().values())
VALID = "every-response/valid-request-is-answered"
JSON = "application/json"
BEGUN = changed(chat(), "/choices/0/message/content", '{"city": "Pa')
BEGINS = changed(whole(), "/candidates/0/content/parts/0/text", '{"city": "Pa')


def shaped(schema: dict[str, object]) -> dict[str, object]:
    """A response_format of that schema."""
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def cut(given: Exchange) -> Exchange:
    """A chat answer that the token limit ended."""
    return changed(given, "/choices/0/finish_reason", "length")


def outcomes(given: Exchange, rule: str) -> list[Outcome]:
    return [verdict.outcome for verdict in judge([given], ALL).verdicts if verdict.rule == rule]


@pytest.mark.parametrize(
    "message",
    [
        "This model does not support tools.",
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "tools are only supported by certain models",
        "该模型不支持工具调用",
    ],
)
def test_a_refusal_that_names_what_the_model_lacks_is_not_offered(message: str) -> None:
    assert outcomes(toolless(400, message), VALID) == [NOT_OFFERED]


@pytest.mark.parametrize(
    "message",
    [
        "messages[0]: unknown variant `image_url`, expected `text` at line 1 column 142",
        "The provided messages are invalid: Input should be a valid string: messages.0.content",
        "No endpoints found that support image input",
        "Invalid content type. image_url is only supported by certain models.",
    ],
)
def test_a_model_that_reads_text_only_is_not_offered_pictures(message: str) -> None:
    blind = refused(400, told(message), expect={"answer": True, "optional": "the model may not see pictures"})
    assert outcomes(blind, VALID) == [NOT_OFFERED]


def test_a_redirect_is_no_refusal() -> None:
    redirect = exchange("GET", "/v1/models/", None, b"", status=307, headers=(("location", "/v1/models"),))
    assert not [verdict for verdict in judge([redirect], ALL).verdicts if verdict.outcome is FAILS]


def test_a_server_of_claude_alone_may_answer_on_openais_path_in_its_own_words() -> None:
    words = {"type": "error", "error": {"type": "not_found_error", "message": "Not Found"}}
    alone = refused(404, words, expect={"answer": True, "surface": ANTHROPIC})
    assert not [verdict for verdict in judge([alone], ALL).verdicts if verdict.outcome is FAILS]
    assert outcomes(alone, VALID) == [NOT_OFFERED]


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("key", "errors/bad-key-is-refused"),
        ("path", "errors/unknown-path-is-not-found"),
        ("method", "errors/wrong-method-is-refused"),
    ],
)
def test_a_rate_limit_says_nothing_of_what_was_asked(kind: str, rule: str) -> None:
    assert outcomes(because(kind, 429), rule) == [UNTESTED]


def test_a_short_answer_may_come_at_once() -> None:
    assert not outcomes(at(PLAIN, 0.9), "chat-stream/stream-arrives-over-time")


@pytest.mark.parametrize(
    ("names", "surface", "chosen"),
    [
        (["bge-m3", "meta-llama/Llama-3.2-1B-Instruct"], CHAT, "meta-llama/Llama-3.2-1B-Instruct"),
        (["gpt-3.5-turbo-instruct", "gpt-5-nano"], CHAT, "gpt-5-nano"),
        (["gemini-2.5-flash-image", "gemini-2.5-flash-preview-tts", "gemini-2.5-pro"], GEMINI, "gemini-2.5-pro"),
        (["gemini-embedding-001"], GEMINI, ""),
        (["claude-haiku-4-5"], ANTHROPIC, "claude-haiku-4-5"),
    ],
)
def test_a_model_that_talks_is_chosen_for_talking(names: list[str], surface: str, chosen: str) -> None:
    assert best(names, surface) == chosen


@pytest.mark.parametrize("name", ["gpt-5-mini", "o3", "openai/o4-mini", "gpt-5.1"])
def test_a_model_that_thinks_first_is_asked_in_its_own_words(name: str) -> None:
    body = repeating(Relay("http://relay.example", models={CHAT: name})).json
    assert body["max_completion_tokens"] > 64
    assert not {"max_tokens", "temperature"} & set(body)


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-5-chat-latest", "glm-4-o1", "solo-3"])
def test_any_other_model_is_given_max_tokens(name: str) -> None:
    assert repeating(Relay("http://relay.example", models={CHAT: name})).json["max_tokens"] == 64


DECLARED = {"functionDeclarations": [{"name": "get_weather", "parameters": CITY}]}
NAMED = {"type": "function", "function": {"name": "get_time"}}
ONLY_THE_CLOCK = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_time"]}}


@pytest.mark.parametrize(
    ("given", "rule", "fields"),
    [
        (chat(), "chat/forced-tool-is-called", {"tool_choice": "required"}),
        (chat(), "chat/forced-tool-is-called", {"tools": [WEATHER], "tool_choice": NAMED}),
        (chat(), "chat/named-tool-is-the-one-called", {"tools": [WEATHER], "tool_choice": NAMED}),
        (message(), "anthropic/forced-tool-is-called", {"tool_choice": {"type": "any"}}),
        (message(), "anthropic/named-tool-is-the-one-called", {"tool_choice": {"type": "tool", "name": "get_time"}}),
        (whole(), "gemini/forced-call-is-made", {"tools": [DECLARED], "toolConfig": ONLY_THE_CLOCK}),
    ],
)
def test_a_choice_of_a_tool_that_was_not_offered_promises_nothing(
    given: Exchange, rule: str, fields: dict[str, object]
) -> None:
    for key, value in fields.items():
        given = asking(given, f"/{key}", value)
    assert outcomes(given, rule) == []


@pytest.mark.parametrize(
    ("given", "rule", "fields"),
    [
        (BEGUN, "chat/json-object-is-honoured", {"response_format": {"type": "json_object"}, "stop": "d"}),
        (BEGUN, "chat/json-schema-is-honoured", {"response_format": shaped({"type": "object"}), "stop": ["d"]}),
        (BEGINS, "gemini/json-is-delivered", {"generationConfig": {"responseMimeType": JSON, "stopSequences": ["d"]}}),
        (cut(chat()), "chat/cut-json-begins-as-json", {"response_format": shaped({"type": "string"})}),
        (cut(chat()), "chat/cut-json-begins-as-json", {"response_format": shaped({})}),
    ],
)
def test_json_is_not_looked_for_where_a_stop_string_or_a_bare_word_may_stand(
    given: Exchange, rule: str, fields: dict[str, object]
) -> None:
    for key, value in fields.items():
        given = asking(given, f"/{key}", value)
    assert outcomes(given, rule) == []


def test_a_server_of_gemini_alone_refuses_to_list_models_in_googles_words() -> None:
    words = {
        "error": {"code": 403, "message": "The request is missing a valid API key.", "status": "PERMISSION_DENIED"}
    }
    listing = exchange("GET", "/v1/models", None, words, status=403)
    told = {verdict.rule: verdict.level for verdict in judge([listing], ALL).verdicts if verdict.outcome is FAILS}
    assert told == {"errors/envelope-is-openais": "should"}


def test_a_small_model_leaves_an_emoji_out_by_itself() -> None:
    assert outcomes(damaged("1833 年 café aaaa 1100"), "chat/repeated-line-is-undamaged") == [UNTESTED]
