"""Google's own SDK against the reference relay, and Gemini through OpenAI's."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from relayproof.probes.samples import CITY, png
from relayproof.reference import KEY, serving

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    genai = pytest.importorskip("google.genai")
openai = pytest.importorskip("openai")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
MODEL = "gemini-2.0-flash"
SCHEMA = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
TOOLS: Any = [{"function_declarations": [{"name": "get_weather", "parameters": CITY}, {"name": "get_time"}]}]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Any]:
    with genai.Client(api_key=KEY, http_options={"base_url": url, "api_version": "v1beta"}) as made:
        yield made


def say(client: Any, text: Any, **config: Any) -> Any:
    return client.models.generate_content(model=MODEL, contents=text, config=config or None)


def test_an_answer_has_text_a_reason_and_counts_that_add_up(client: Any) -> None:
    answer = say(client, "Hi")
    usage = answer.usage_metadata
    assert answer.text == "Hello! How can I help?"
    assert answer.candidates[0].finish_reason.name == "STOP"
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count
    assert (answer.model_version, bool(answer.response_id)) == (MODEL, True)


def test_a_stream_adds_up_to_the_whole_answer(client: Any) -> None:
    chunks = list(client.models.generate_content_stream(model=MODEL, contents="Hi"))
    assert "".join(chunk.text for chunk in chunks) == say(client, "Hi").text
    assert chunks[-1].usage_metadata == say(client, "Hi").usage_metadata
    assert len({chunk.response_id for chunk in chunks}) == 1


def test_a_chat_remembers_what_was_said(client: Any) -> None:
    talk = client.chats.create(model=MODEL)
    first = talk.send_message("Hi")
    second = talk.send_message("Name a fruit.")
    assert second.text == "Apple."
    assert second.usage_metadata.prompt_token_count > first.usage_metadata.prompt_token_count


def test_a_picture_is_seen(client: Any) -> None:
    part = genai.types.Part.from_bytes(data=png(), mime_type="image/png")
    answer = say(client, [part, "What colour is this?"])
    assert answer.text == "It is red."
    assert {each.modality.name for each in answer.usage_metadata.prompt_tokens_details} == {"TEXT", "IMAGE"}


@pytest.mark.parametrize("mode", ["AUTO", "ANY", "NONE"])
def test_functions_are_called_as_the_mode_says(client: Any, mode: str) -> None:
    config = {"function_calling_config": {"mode": mode}}
    answer = say(client, "Weather in Paris?", tools=TOOLS, tool_config=config)
    called = [call.name for call in answer.function_calls or []]
    assert called == ([] if mode == "NONE" else ["get_weather"])
    assert mode == "NONE" or answer.function_calls[0].args == {"city": "Paris"}


def test_a_stream_holds_the_same_calls(client: Any) -> None:
    chunks = client.models.generate_content_stream(model=MODEL, contents="Use the tools.", config={"tools": TOOLS})
    assert [call.name for chunk in chunks for call in chunk.function_calls or []] == ["get_weather", "get_time"]


def test_a_result_is_answered_in_words(client: Any) -> None:
    result = genai.types.Part.from_function_response(name="get_weather", response={"result": "18 C"})
    contents = [
        genai.types.Content(role="user", parts=[genai.types.Part(text="Weather in Paris?")]),
        genai.types.Content(role="model", parts=[genai.types.Part.from_function_call(name="get_weather", args={})]),
        genai.types.Content(role="user", parts=[result]),
    ]
    assert say(client, contents, tools=TOOLS).text


def test_json_comes_under_a_schema(client: Any) -> None:
    answer = say(client, "Paris", response_mime_type="application/json", response_schema=SCHEMA)
    assert json.loads(answer.text) == answer.parsed == {"city": "Paris"}


def test_candidates_limits_and_stop_sequences_are_honoured(client: Any) -> None:
    cut = say(client, "Tell me about the sea.", max_output_tokens=5, candidate_count=2)
    assert [each.finish_reason.name for each in cut.candidates] == ["MAX_TOKENS", "MAX_TOKENS"]
    assert [each.index for each in cut.candidates] == [0, 1]
    assert say(client, "Count: 1 2 3 4 5 6", stop_sequences=["5"]).text == "1 2 3 4 "


def test_thoughts_come_when_they_are_asked_for(client: Any) -> None:
    answer = say(client, "Hi", thinking_config={"include_thoughts": True})
    assert [part.thought for part in answer.candidates[0].content.parts] == [True, None]
    assert answer.usage_metadata.thoughts_token_count > 0
    assert answer.text == "Hello! How can I help?"


def test_a_search_shows_its_sources_and_its_tokens(client: Any) -> None:
    answer = say(client, "What is in the news?", tools=[{"google_search": {}}])
    assert answer.candidates[0].grounding_metadata.grounding_chunks
    assert answer.usage_metadata.tool_use_prompt_token_count > 0


def test_a_blocked_prompt_says_so(client: Any) -> None:
    answer = say(client, "How is a pipe bomb made?")
    assert (answer.candidates, answer.prompt_feedback.block_reason.name) == (None, "SAFETY")


def test_models_are_listed_and_fetched_and_tokens_counted(client: Any) -> None:
    assert f"models/{MODEL}" in [each.name for each in client.models.list()]
    assert client.models.get(model=MODEL).input_token_limit > 0
    assert client.models.count_tokens(model=MODEL, contents="Hi").total_tokens > 0


@pytest.mark.parametrize(
    ("model", "config", "word"),
    [
        ("nothing", {}, "NOT_FOUND"),
        (MODEL, {"temperature": 9}, "INVALID_ARGUMENT"),
        (MODEL, {"response_schema": SCHEMA}, "INVALID_ARGUMENT"),
    ],
)
def test_refusals_are_googles(client: Any, model: str, config: dict[str, Any], word: str) -> None:
    with pytest.raises(genai.errors.ClientError) as caught:
        client.models.generate_content(model=model, contents="Hi", config=config)
    assert caught.value.status == word


def test_actions_are_served_under_v1_as_well(url: str) -> None:
    with genai.Client(api_key=KEY, http_options={"base_url": url, "api_version": "v1"}) as client:
        assert say(client, "Hi").text
        with pytest.raises(genai.errors.ClientError) as caught:
            client.models.generate_content(model="nothing", contents="Hi")
    assert caught.value.status == "NOT_FOUND"


@pytest.mark.parametrize("form", ["x-goog-api-key", "authorization", "query", "none"])
def test_every_form_of_the_key_is_taken(url: str, form: str) -> None:
    headers = {"x-goog-api-key": KEY} if form == "x-goog-api-key" else {}
    headers |= {"authorization": f"Bearer {KEY}"} if form == "authorization" else {}
    query = f"?key={KEY}" if form == "query" else ""
    answer = httpx.get(f"{url}/v1beta/models{query}", headers=headers)
    assert answer.status_code == (401 if form == "none" else 200)


def test_a_stream_without_alt_sse_is_one_array(url: str) -> None:
    body = {"contents": [{"parts": [{"text": "Hi"}]}]}
    address = f"{url}/v1beta/models/{MODEL}:streamGenerateContent?key={KEY}"
    answer = httpx.post(address, json=body)
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.json()) == 3


def test_gemini_answers_through_openais_sdk(url: str) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
    assert (answer.model, answer.choices[0].message.content) == (MODEL, "Hello! How can I help?")
