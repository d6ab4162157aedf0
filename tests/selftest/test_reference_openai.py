"""The official SDK against the reference relay: the model list, chat whole and streamed, and errors."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from relayproof.probes.samples import CLOCK, WEATHER, data_url, png, user
from relayproof.reference import KEY, serving

MODEL = "gpt-4o-mini"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield f"{address}/v1"


@pytest.fixture(scope="module")
def sdk(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
        yield client


def said(sdk: openai.OpenAI, text: Any, **fields: Any) -> Any:
    return sdk.chat.completions.create(model=MODEL, messages=user(text), **fields)


def test_models_are_listed_and_each_can_be_fetched(sdk: openai.OpenAI) -> None:
    listed = list(sdk.models.list())
    assert MODEL in [model.id for model in listed]
    assert [sdk.models.retrieve(model.id) for model in listed] == listed


def test_a_chat_is_answered_and_counted(sdk: openai.OpenAI) -> None:
    answer = said(sdk, "用一句话介绍长城。")
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert "长城" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_two_answers_to_one_request_differ_in_id_only(sdk: openai.OpenAI) -> None:
    first, second = said(sdk, "Hi"), said(sdk, "Hi")
    assert first.id != second.id
    assert (first.choices, first.usage) == (second.choices, second.usage)


def test_a_stream_adds_up_to_the_same_answer(sdk: openai.OpenAI) -> None:
    line = "Repeat exactly, nothing else: 1833 年 café 🎉 鱻鱻鱻 aaaa 1100"
    with said(sdk, line, stream=True) as stream:
        chunks = list(stream)
    whole = said(sdk, line)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "stop"
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_ends_with_usage_where_that_was_asked_for(sdk: openai.OpenAI) -> None:
    with said(sdk, "Hi", stream=True, stream_options={"include_usage": True}) as stream:
        chunks = list(stream)
    assert chunks[-1].choices == []
    assert chunks[-1].usage == said(sdk, "Hi").usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_sdks_own_accumulator_takes_the_stream(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(model=MODEL, messages=user("Use the tools."), tools=[WEATHER, CLOCK]) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.done" in kinds
    assert [call.function.name for call in final.choices[0].message.tool_calls or ()] == ["get_weather", "get_time"]
    assert final.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("choice", "names", "reason"),
    [
        ("auto", ["get_weather"], "tool_calls"),
        ("required", ["get_weather"], "tool_calls"),
        ("none", [], "stop"),
        ({"type": "function", "function": {"name": "get_time"}}, ["get_time"], "stop"),
    ],
)
def test_tools_are_called_as_tool_choice_says(sdk: openai.OpenAI, choice: Any, names: list[str], reason: str) -> None:
    answer = said(sdk, "Weather in Paris?", tools=[WEATHER, CLOCK], tool_choice=choice).choices[0]
    assert [call.function.name for call in answer.message.tool_calls or ()] == names
    assert answer.finish_reason == reason


def test_the_result_of_a_tool_is_answered_in_words(sdk: openai.OpenAI) -> None:
    asked = user("Weather in Paris?")
    call = said(sdk, "Weather in Paris?", tools=[WEATHER]).choices[0].message
    result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "18 C"}
    messages: Any = [*asked, call.model_dump(exclude_none=True), result]
    answer = sdk.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content
    assert not answer.choices[0].message.tool_calls


def test_the_old_form_of_functions_is_served(sdk: openai.OpenAI) -> None:
    answer = said(sdk, "Weather in Paris?", functions=[WEATHER["function"]], function_call="auto").choices[0]
    assert answer.message.function_call.name == "get_weather"
    assert answer.finish_reason == "function_call"


class City(BaseModel):
    city: str
    population: int


def test_parse_gives_an_object_of_the_class(sdk: openai.OpenAI) -> None:
    messages: Any = user("Paris.")
    answer = sdk.chat.completions.parse(model=MODEL, messages=messages, response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)


def test_json_mode_gives_an_object(sdk: openai.OpenAI) -> None:
    answer = said(sdk, "Paris as JSON", response_format={"type": "json_object"})
    assert answer.choices[0].message.content.startswith("{")


def test_n_choices_are_numbered_and_all_counted(sdk: openai.OpenAI) -> None:
    answer = said(sdk, "Name a fruit.", n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) == 3


def test_logprobs_join_to_the_content(sdk: openai.OpenAI) -> None:
    choice = said(sdk, "Name a fruit.", logprobs=True, top_logprobs=2).choices[0]
    entries = choice.logprobs.content
    assert b"".join(bytes(entry.bytes) for entry in entries).decode() == choice.message.content
    assert {len(entry.top_logprobs) for entry in entries} == {2}
    assert all(entry.logprob <= 0 for entry in entries)


def test_a_picture_is_seen_and_counted(sdk: openai.OpenAI) -> None:
    picture = {"type": "image_url", "image_url": {"url": data_url(png()), "detail": "low"}}
    answer = said(sdk, [{"type": "text", "text": "What colour is this?"}, picture])
    assert answer.choices[0].message.content == "It is red."
    assert answer.usage.prompt_tokens > said(sdk, "What colour is this?").usage.prompt_tokens
    assert base64.b64decode(data_url(png()).partition(",")[2]).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_an_answer_is_cut_at_its_limit(sdk: openai.OpenAI, name: str) -> None:
    answer = said(sdk, "Write about the sea.", **{name: 5})
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 5)


def test_a_stop_sequence_ends_the_answer(sdk: openai.OpenAI) -> None:
    answer = said(sdk, "Count: 1 2 3", stop=["5"]).choices[0]
    assert answer.message.content == "1 2 3 4 "
    assert answer.finish_reason == "stop"


@pytest.mark.parametrize("key", ["sk-wrong-0123456789", "sk-"])
def test_a_bad_key_raises_authentication_error(url: str, key: str) -> None:
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        for ask in (client.models.list, lambda: said(client, "Hi"), lambda: said(client, "Hi", stream=True)):
            with pytest.raises(openai.AuthenticationError):
                ask()


def test_an_unknown_model_raises_not_found_with_its_code(sdk: openai.OpenAI) -> None:
    messages: Any = user("Hi")
    for ask in (
        lambda: sdk.models.retrieve("nothing"),
        lambda: sdk.chat.completions.create(model="nothing", messages=messages),
    ):
        with pytest.raises(openai.NotFoundError, match="nothing") as caught:
            ask()
        assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    "fields",
    [{"temperature": 5}, {"temperature": "hot"}, {"n": 0}, {"messages": []}, {"messages": [{"role": "banana"}]}],
)
def test_a_bad_request_raises_bad_request_error(sdk: openai.OpenAI, fields: dict[str, Any]) -> None:
    body: Any = {"model": MODEL, "messages": user("Hi")} | fields
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.chat.completions.create(**body)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.param


def test_a_prompt_that_is_too_long_raises_with_the_code_that_agents_know(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        said(sdk, "word " * 20_000)
    assert caught.value.code == "context_length_exceeded"


def test_every_answer_has_a_request_id(sdk: openai.OpenAI) -> None:
    first, second = said(sdk, "Hi"), said(sdk, "Hi")
    assert first._request_id
    assert first._request_id != second._request_id
