"""Cases for relayproof/rules/embeddings.py."""

from __future__ import annotations

import base64
import json
import math
import struct
from dataclasses import replace
from typing import Any

from cases.build import Case, answered, asking, changed, exchange
from relayproof.exchange import Exchange
from relayproof.reference import embeddings as reference
from relayproof.reference.embeddings import LENGTH

PATH = "/v1/embeddings"
CAT, NEAR, TAX = "The cat sat on the mat.", "A cat was sitting on the mat.", "Tax forms are due in April."


def embedded(given: Any = CAT, *, name: str = "1", **fields: Any) -> Exchange:
    """An embeddings exchange, answered as the reference relay does."""
    body = {"model": "text-embedding-3-small", "input": given} | fields
    return exchange("POST", PATH, body, reference.answer(body), id=name)


def given(exchange: Exchange, number: int = 0) -> list[float]:
    """The numbers of one vector of an answer."""
    found: list[float] = exchange.one(f"/data/{number}/embedding", list)
    return found


def vector(exchange: Exchange, value: Any, number: int = 0) -> Exchange:
    """The exchange with another vector."""
    return changed(exchange, f"/data/{number}/embedding", value)


def packed(kind: str, numbers: list[float]) -> str:
    """The numbers in base64, packed as `kind` says."""
    return base64.b64encode(struct.pack(kind.replace("*", str(len(numbers))), *numbers)).decode()


def unit(numbers: list[float]) -> list[float]:
    """The numbers as a vector of length 1."""
    length = math.hypot(*numbers)
    return [number / length for number in numbers]


def counted(exchange: Exchange, tokens: int) -> Exchange:
    """The exchange with another count of tokens."""
    return changed(exchange, "/usage", {"prompt_tokens": tokens, "total_tokens": tokens})


def turned(exchange: Exchange) -> Exchange:
    """The exchange with its vectors in reverse order, each under the other's index."""
    document = json.loads(exchange.answered.body)
    made = [item["embedding"] for item in document["data"]]
    for item, embedding in zip(document["data"], reversed(made), strict=True):
        item["embedding"] = embedding
    return answered(exchange, document)


def stored(exchange: Exchange) -> Exchange:
    """The exchange with its list turned round: each vector keeps its index."""
    document = json.loads(exchange.answered.body)
    return answered(exchange, document | {"data": document["data"][::-1]})


ONE = embedded()
TWO = embedded([CAT, TAX], name="2")
AGAIN = embedded([CAT, TAX, CAT])
NEARBY = replace(embedded([CAT, TAX, NEAR]), expect={"near": (0, 2), "far": (0, 1)})
SHORT = embedded(dimensions=64, name="3")
TEXT = embedded(encoding_format="base64", name="4")
TOKENS = embedded([[9906, 1917], [4438]])
PAIR = changed(asking(TWO, "/model", "bge-m3"), "/model", "bge-m3")
TAIL = reference.vector(json.dumps(CAT), LENGTH)[-64:]
DOUBLES, NETWORK = packed("<*d", given(ONE)), packed(">*f", given(ONE))

CASES = [
    Case("embeddings/matches-schema", ONE, changed(ONE, "/usage")),
    Case("embeddings/matches-schema", ONE, vector(ONE, [None, 1.0])),
    Case("embeddings/every-input-gets-a-vector", TWO, changed(TWO, "/data/1")),
    Case(
        "embeddings/every-input-gets-a-vector",
        embedded([9906, 1917]),
        counted(asking(TWO, "/input", [9906, 1917, 30]), 3),
    ),
    Case("embeddings/indexes-count-the-inputs", TWO, changed(TWO, "/data/1/index", 0)),
    Case("embeddings/data-is-in-order", TWO, stored(TWO)),
    Case("embeddings/vectors-have-one-length", PAIR, vector(PAIR, given(PAIR)[:-1])),
    Case(
        "embeddings/numbers-are-finite",
        ONE,
        vector(ONE, [float("nan"), *given(ONE)[1:]]),
        also=("embeddings/matches-schema", "every-response/body-is-one-json-value"),
    ),
    Case("embeddings/numbers-are-finite", TEXT, vector(TEXT, packed("<*f", [float("inf"), *given(ONE)[1:]]))),
    Case("embeddings/vectors-are-not-flat", ONE, vector(ONE, [0.0] * LENGTH)),
    Case(
        "embeddings/vectors-are-not-flat",
        ONE,
        vector(ONE, [0.1] * LENGTH),
        also=("embeddings/openai-vectors-are-normalised",),
    ),
    Case("embeddings/dimensions-are-honoured", SHORT, vector(SHORT, given(ONE))),
    Case(
        "embeddings/length-is-the-models",
        ONE,
        vector(ONE, given(ONE)[:1024]),
        also=("embeddings/openai-vectors-are-normalised",),
    ),
    Case("embeddings/openai-vectors-are-normalised", SHORT, vector(SHORT, given(ONE)[:64])),
    Case("embeddings/form-is-the-one-asked-for", TEXT, vector(TEXT, given(ONE))),
    Case("embeddings/form-is-the-one-asked-for", ONE, vector(ONE, packed("<*f", given(ONE)))),
    Case("embeddings/base64-holds-whole-floats", TEXT, vector(TEXT, base64.b64encode(b"123456").decode())),
    Case("embeddings/usage-counts-only-the-prompt", ONE, changed(ONE, "/usage/total_tokens", 99)),
    Case("embeddings/tokens-are-counted", TWO, counted(TWO, 1)),
    Case("embeddings/given-tokens-are-counted", TOKENS, counted(TOKENS, 9)),
    Case(
        "embeddings/equal-inputs-have-equal-vectors",
        AGAIN,
        vector(AGAIN, given(TWO, 1)),
        also=("embeddings/different-inputs-have-different-vectors",),
    ),
    Case("embeddings/different-inputs-have-different-vectors", TWO, vector(TWO, given(TWO, 1))),
    Case("embeddings/paraphrase-is-nearer", NEARBY, vector(NEARBY, [-number for number in given(ONE)], 2)),
    Case("embeddings/model-is-the-one-asked-for", ONE, changed(ONE, "/model", "bge-m3")),
    Case("embeddings/vectors-stand-at-their-inputs", (ONE, TWO), (ONE, turned(TWO))),
    Case(
        "embeddings/vectors-stand-at-their-inputs",
        (ONE, stored(TWO)),
        (stored(turned(TWO)), ONE),
        also=("embeddings/data-is-in-order",),
    ),
    Case("embeddings/same-input-has-the-same-vector", (ONE, TWO), (ONE, vector(TWO, given(NEARBY, 2)))),
    Case(
        "embeddings/base64-and-float-agree",
        (ONE, TEXT),
        (ONE, vector(TEXT, DOUBLES)),
        also=("embeddings/length-is-the-models", "embeddings/numbers-are-finite"),
    ),
    Case("embeddings/base64-and-float-agree", (ONE, TEXT), (vector(ONE, given(ONE)[::-1]), TEXT)),
    Case("embeddings/short-vector-is-the-beginning", (ONE, SHORT), (ONE, vector(SHORT, unit(TAIL)))),
]
