"""What the rules of embeddings measure with: inputs and their vectors, the angle between two, inputs that come again.

Two vectors are the same when their cosine is above 0.99: the official server has been recorded to answer one text
twice within a minute at 0.996. Vectors of different texts, or of two models, are far from that.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relayproof.exchange import CONTENT, Exchange
from relayproof.pointer import Absent, is_a
from relayproof.rules.chat import some

LENGTHS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
SAME = 0.99
NOT_MEANING = ("input", "encoding_format", "user")
REMEMBERED = 500

Vector = Sequence[float]


def inputs(exchange: Exchange) -> list[Any]:
    """The request's inputs, each a text or a list of tokens. Raises Absent when there is none, or none is known."""
    given = exchange.asked("/input")
    if given is None or given == []:
        raise Absent("no input")
    return [given] if not isinstance(given, list) or is_a(given[0], int) else given


def vectors(exchange: Exchange) -> list[tuple[str, Vector]]:
    """(pointer, numbers) of every embedding, both forms. Raises Absent for what the schema or another rule tells."""
    return [(at, numbers(value)) for at, value in some(exchange, "/data/*/embedding")]


def numbers(value: Any) -> Vector:
    """The numbers of an embedding: a list as it is, or base64 of little-endian 32-bit floats. Raises Absent."""
    if isinstance(value, list) and value and all(is_a(each, float) for each in value):
        return value
    packed = unpacked(value) if isinstance(value, str) else b""
    if not packed or len(packed) % 4:
        raise Absent("no vector")
    return struct.unpack(f"<{len(packed) // 4}f", packed)


def unpacked(text: str) -> bytes:
    """The bytes of a base64 text. Raises Absent when it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Absent("no base64") from None


def by_input(exchange: Exchange) -> list[tuple[Any, str, Vector]]:
    """(input, pointer, vector) in the order of the inputs. Raises Absent unless each input has its own vector."""
    found = dict(zip((index for _, index in some(exchange, "/data/*/index", int)), vectors(exchange), strict=False))
    given = inputs(exchange)
    if sorted(found) != list(range(len(given))):
        raise Absent("told by indexes_count_the_inputs")
    return [(each, *found[number]) for number, each in enumerate(given)]


def length(vector: Vector) -> float:
    """The Euclidean length. NaN and Infinity go through."""
    return math.sqrt(sum(number * number for number in vector))


def cosine(one: Vector, other: Vector) -> float:
    """The cosine of two vectors of one length. Raises Absent when it has no meaning."""
    product = length(one) * length(other)
    if len(one) != len(other) or not math.isfinite(product) or product == 0:
        raise Absent("no angle")
    return sum(a * b for a, b in zip(one, other, strict=True)) / product


def plain_name(model: str) -> str:
    """A model's name without its provider: text-embedding-3-small for openai/text-embedding-3-small."""
    return model.rpartition("/")[2].lower()


def is_openai(exchange: Exchange) -> bool:
    """True when the request names one of OpenAI's embedding models."""
    return plain_name(exchange.model) in LENGTHS


@dataclass(frozen=True)
class Twins:
    """One input in two exchanges, with its vectors there."""

    given: Any
    first: Exchange
    second: Exchange
    before: Vector
    vector: Vector
    at: str

    @property
    def same(self) -> bool:
        """True when the vectors are as near as two calls of one model are."""
        return len(self.before) == len(self.vector) and cosine(self.before, self.vector) > SAME


def twins(exchanges: Sequence[Exchange]) -> list[Twins]:
    """Inputs that come again in a later exchange, for the same model and settings. Raises Absent when there is none."""
    known: dict[str, tuple[Exchange, Vector]] = {}
    found = []
    for exchange in exchanges:
        for given, at, vector in known_inputs(exchange):
            name = json.dumps([settings(exchange, NOT_MEANING), given])
            if name in known and known[name][0] is not exchange:
                found.append(Twins(given, known[name][0], exchange, known[name][1], vector, at))
            elif len(known) < REMEMBERED:
                known.setdefault(name, (exchange, array("d", vector)))
    if not found:
        raise Absent("no input comes again")
    return found


def known_inputs(exchange: Exchange) -> list[tuple[Any, str, Vector]]:
    """Every input with its vector; none for an answer that does not hold them whole."""
    try:
        return by_input(exchange) if CONTENT not in exchange.blind else []
    except Absent:
        return []


def settings(exchange: Exchange, but: Sequence[str]) -> str:
    """Everything in a request that makes a difference to a vector."""
    rest = {key: value for key, value in (exchange.request.json or {}).items() if key not in but and value is not None}
    return f"{exchange.request.url} {json.dumps(rest, sort_keys=True)}"


def form(exchange: Exchange) -> str:
    """The encoding that the request asks for; float when it says nothing."""
    return str(exchange.asked("/encoding_format", str, "float"))


def swapped(pair: Twins) -> bool:
    """True when the vector stands at another input, in one of the two exchanges."""
    for sought, exchange in ((pair.before, pair.second), (pair.vector, pair.first)):
        others = [vector for given, _, vector in by_input(exchange) if given != pair.given]
        if any(len(sought) == len(other) and cosine(sought, other) > SAME for other in others):
            return True
    return False
