"""The official SDK against the reference relay: legacy completions."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from relayproof.reference import KEY, serving

INSTRUCT = "gpt-3.5-turbo-instruct"


@pytest.fixture(scope="module")
def sdk() -> Iterator[openai.OpenAI]:
    with serving() as url, openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_a_completion_is_cut_at_its_limit_and_counted(sdk: openai.OpenAI) -> None:
    answer = sdk.completions.create(model=INSTRUCT, prompt="Something about the sea:", max_tokens=7)
    assert answer.object == "text_completion"
    assert answer.choices[0].text == "The sea is wide and old."
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 7


def test_prompts_and_n_make_choices_in_the_order_of_the_prompts(sdk: openai.OpenAI) -> None:
    prompts = ["Name a fruit:", "Count the sea:"]
    answer = sdk.completions.create(model=INSTRUCT, prompt=prompts, n=2, echo=True, max_tokens=5)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert [choice.text.startswith(prompts[0]) for choice in answer.choices] == [True, True, False, False]


def test_logprobs_are_four_lists_that_follow_the_text(sdk: openai.OpenAI) -> None:
    choice = sdk.completions.create(model=INSTRUCT, prompt="Hi: ", logprobs=2, echo=True).choices[0]
    told = choice.logprobs
    assert told is not None
    assert told.tokens is not None
    assert "".join(told.tokens) == choice.text
    lists = told.token_logprobs, told.top_logprobs, told.text_offset
    assert [len(each or []) for each in lists] == [len(told.tokens)] * 3
    assert told.token_logprobs is not None
    assert told.token_logprobs[:2] == [None, -0.1]


def test_a_streamed_completion_adds_up_to_the_whole_one(sdk: openai.OpenAI) -> None:
    asked = {"model": INSTRUCT, "prompt": "Something about the sea:", "max_tokens": 12}
    whole = sdk.completions.create(**asked, stream=False)  # type: ignore[call-overload]
    with sdk.completions.create(**asked, stream=True, stream_options={"include_usage": True}) as events:  # type: ignore[call-overload]
        chunks = list(events)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == whole.choices[0].text
    assert chunks[-2].choices[0].finish_reason == "length"
    assert chunks[-1].usage == whole.usage


@pytest.mark.parametrize("field", ["suffix", "best_of"])
def test_what_the_stand_in_cannot_do_is_refused(sdk: openai.OpenAI, field: str) -> None:
    with pytest.raises(openai.BadRequestError, match=field):
        sdk.completions.create(model=INSTRUCT, prompt="Hi", extra_body={field: 3})
