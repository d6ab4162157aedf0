"""Anthropic's own SDK against the reference relay, and Claude through OpenAI's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from relayproof.reference import KEY, serving

anthropic = pytest.importorskip("anthropic")
openai = pytest.importorskip("openai")

MODEL = "claude-3-5-haiku"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [{"name": "get_weather", "input_schema": SCHEMA}, {"name": "get_time", "input_schema": SCHEMA}]
ASK: Any = [{"role": "user", "content": "Weather and local time in Paris? Use the tools."}]
LONG = "Name the city first, then the value. " * 200


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Any]:
    with anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0) as made:
        yield made


def say(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": text}]} | fields


def test_a_message_has_text_usage_and_a_request_id(client: Any) -> None:
    answer = client.messages.create(**say("Hi"))
    assert answer.content[0].text == "Hello! How can I help?"
    assert answer.usage.input_tokens > 0
    assert answer._request_id.startswith("req_")


def test_the_key_may_come_as_a_bearer_token(url: str) -> None:
    with anthropic.Anthropic(base_url=url, auth_token=KEY, api_key=None, max_retries=0) as bearer:
        assert bearer.messages.create(**say("Hi")).stop_reason == "end_turn"


def test_a_stream_adds_up_to_a_message(client: Any) -> None:
    with client.messages.stream(**say("Write about the sea.", max_tokens=20)) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert final.content[0].text == text
    assert (final.stop_reason, final.usage.output_tokens) == ("max_tokens", 20)


def test_streamed_tools_have_parsed_input(client: Any) -> None:
    with client.messages.stream(**say("", messages=ASK, tools=TOOLS)) as stream:
        final = stream.get_final_message()
    assert [(call.name, call.input) for call in final.content] == [
        ("get_weather", {"city": "Paris"}),
        ("get_time", {"city": "Paris"}),
    ]
    assert final.stop_reason == "tool_use"


def test_tool_results_are_taken_and_a_stop_sequence_is_named(client: Any) -> None:
    called = client.messages.create(**say("", messages=ASK, tools=TOOLS)).content
    results: list[Any] = [{"type": "tool_result", "tool_use_id": call.id, "content": "18 C"} for call in called]
    turns = [*ASK, {"role": "assistant", "content": called}]
    turns.append({"role": "user", "content": [*results, {"type": "text", "text": "Count"}]})
    answer = client.messages.create(**say("", messages=turns, tools=TOOLS, stop_sequences=["5"]))
    assert (answer.stop_reason, answer.stop_sequence, answer.content[0].text) == ("stop_sequence", "5", "1 2 3 4 ")


def test_thinking_is_streamed_with_its_signature(client: Any) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    with client.messages.stream(**say("Hi", max_tokens=1100, thinking=thinking)) as stream:
        thought, spoken = stream.get_final_message().content
    assert thought.type == "thinking"
    assert thought.signature
    assert spoken.type == "text"


def test_a_marked_prompt_is_written_once_and_read_after(client: Any) -> None:
    system = [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}]
    first = client.messages.create(**say("Hi", system=system)).usage
    second = client.messages.create(**say("Hello there", system=system)).usage
    assert first.cache_creation_input_tokens == second.cache_read_input_tokens > 1024
    assert second.cache_creation_input_tokens == 0
    assert second.input_tokens < 20


def test_tokens_are_counted_as_a_message_counts_them(client: Any) -> None:
    counted = client.messages.count_tokens(model=MODEL, messages=ASK, tools=TOOLS).input_tokens
    assert counted == client.messages.create(**say("", messages=ASK, tools=TOOLS)).usage.input_tokens


def test_models_are_listed_page_by_page(client: Any) -> None:
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).type == "model"


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"model": "no-such-model"}, 404), ({"messages": []}, 400), ({"max_tokens": 0}, 400)],
)
def test_a_refusal_is_raised_with_its_type(client: Any, fields: dict[str, Any], status: int) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(**say("Hi", **fields))
    assert caught.value.status_code == status
    assert caught.value.body["type"] == "error"


def test_a_wrong_key_is_an_authentication_error(url: str) -> None:
    stranger = anthropic.Anthropic(base_url=url, api_key="sk-wrong", max_retries=0)
    with stranger, pytest.raises(anthropic.AuthenticationError):
        stranger.messages.create(**say("Hi"))


def test_claude_answers_through_the_openai_sdk(url: str) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
    assert answer.choices[0].message.content == "Hello! How can I help?"
