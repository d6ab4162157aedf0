"""The official SDK against the reference relay: embeddings."""

from __future__ import annotations

import math
from collections.abc import Iterator

import openai
import pytest

from relayproof.reference import KEY, serving

EMBEDDER = "text-embedding-3-small"
CAT, NEAR, TAX = "The cat sat on the mat.", "A cat was sitting on the mat.", "Tax forms are due in April."


@pytest.fixture(scope="module")
def sdk() -> Iterator[openai.OpenAI]:
    with serving() as url, openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_the_sdk_reads_embeddings_in_base64_as_it_reads_numbers(sdk: openai.OpenAI) -> None:
    packed = sdk.embeddings.create(model=EMBEDDER, input=[CAT])
    plain = sdk.embeddings.create(model=EMBEDDER, input=[CAT], encoding_format="float")
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert len(plain.data[0].embedding) == 1536


def test_embeddings_are_unit_vectors_and_near_where_texts_are_near(sdk: openai.OpenAI) -> None:
    answer = sdk.embeddings.create(model=EMBEDDER, input=[CAT, NEAR, TAX], dimensions=64)
    cat, near, tax = (item.embedding for item in answer.data)
    assert math.hypot(*cat) == pytest.approx(1, abs=1e-6)
    assert dot(cat, near) > dot(cat, tax) + 0.2


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_tokens_are_embedded_and_counted(sdk: openai.OpenAI) -> None:
    answer = sdk.embeddings.create(model=EMBEDDER, input=[[9906, 1917], [4438]])
    assert len(answer.data) == 2
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 3


def test_an_embedding_needs_an_input_and_a_model_that_can(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        sdk.embeddings.create(model=EMBEDDER, input=[])
    with pytest.raises(openai.BadRequestError):
        sdk.embeddings.create(model="gpt-4o-mini", input=CAT)
