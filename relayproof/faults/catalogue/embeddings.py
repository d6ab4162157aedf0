"""Embeddings: forms, lengths, order, and vectors that are not their text's."""

from __future__ import annotations

import base64
import struct
from typing import Any

from relayproof.faults.answer import Answer
from relayproof.faults.document import change, drop, edit, only, put
from relayproof.faults.fault import WARNS, Family
from relayproof.faults.parameters import asks, ignored, openai_error, refused, without
from relayproof.faults.reply import instead
from relayproof.surface import EMBEDDINGS

# fmt: off
# A table: a row is a line.

SHAPE, ANSWERED = "embeddings/matches-schema", "every-response/valid-request-is-answered"
embeddings = Family("embeddings", (EMBEDDINGS,))
VECTOR = "/data/*/embedding"
AS_TEXT = asks("/encoding_format", "base64")


def packed(vector: list[float], order: str = "<") -> str:
    """A vector as base64 of 4-byte floats."""
    return base64.b64encode(struct.pack(f"{order}{len(vector)}f", *vector)).decode()


def unpacked(text: str | list[float]) -> list[float]:
    """The numbers of a vector in base64."""
    if isinstance(text, list):
        return text
    raw = base64.b64decode(text)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def numbers(new: Any) -> Any:
    """A break of the vectors that come as numbers."""
    return only(without(AS_TEXT), change(VECTOR, new))


def _longer(answer: Answer) -> None:
    answer.rewrite(lambda document: [each.update(embedding=[*each["embedding"], *each["embedding"]]) for each in document["data"] if isinstance(each["embedding"], list)] and None)


embeddings.seen("embed-base64-ignored-floats", "base64 is ignored: numbers come.", only(AS_TEXT, change(VECTOR, unpacked)), by="embeddings/form-is-the-one-asked-for")
embeddings.seen("embed-base64-for-float", "base64 comes unasked.", numbers(packed), by="embeddings/form-is-the-one-asked-for")
embeddings.seen("embed-encoding-format-required", "A request without encoding_format is refused.", refused(400, {"error": "encoding_format is missing"}, without(asks("/encoding_format"))), by=ANSWERED)
embeddings.seen("embed-dimensions-ignored", "dimensions is ignored.", ignored("dimensions"), by="embeddings/dimensions-are-honoured")
embeddings.seen("embed-usage-missing", "There is no usage.", drop("/usage"), by=SHAPE)
embeddings.seen("embed-not-normalised-after-dimensions", "A shortened vector is not brought to length 1 again.", only(asks("/dimensions"), change(VECTOR, lambda vector: [value * 0.4 for value in vector])), by="embeddings/openai-vectors-are-normalised")
for key in ("object", "data", "model"):
    embeddings.sibling(f"embed-{key}-missing", f"The key `{key}` is missing.", drop(f"/{key}"), by=SHAPE)
for key in ("object", "index", "embedding"):
    embeddings.sibling(f"embed-item-{key}-missing", f"Vectors have no `{key}`.", drop(f"/data/*/{key}"), by=SHAPE)
embeddings.sibling("embed-bare-vector", "A vector comes without an object around it.", edit(lambda document: document["data"][0]["embedding"]), by=SHAPE)
embeddings.sibling("embed-nested", "The vector stands in a list of one.", numbers(lambda vector: [vector]), by=SHAPE)
embeddings.sibling("embed-texts", "The numbers are texts.", numbers(lambda vector: [str(value) for value in vector]), by=SHAPE)
embeddings.sibling("embed-nulls", "A number is null.", numbers(lambda vector: [None, *vector[1:]]), by=SHAPE)
embeddings.sibling("embed-empty", "The vectors are empty.", numbers(lambda vector: []), by="embeddings/matches-schema")
embeddings.sibling("embed-zeros", "All numbers are 0.", numbers(lambda vector: [0.0] * len(vector)), by=("embeddings/vectors-are-not-flat", "embeddings/*normalised"))
embeddings.sibling("embed-one-vector-for-all", "Every text gets the first one's vector.", change("/data", lambda data: [each | {"embedding": data[0]["embedding"]} for each in data]), by="embeddings/different-inputs-*")
embeddings.sibling("embed-vectors-swapped", "Two vectors have changed places.", change("/data", lambda data: [each | {"embedding": data[-1 - number]["embedding"]} for number, each in enumerate(data)]), by=("embeddings/vectors-stand-*", "embeddings/equal-*"))
embeddings.sibling("embed-one-vector-for-many", "Only the first text gets a vector.", change("/data", lambda data: data[:1]), by=("embeddings/every-input-*", "embeddings/indexes-*"))
embeddings.sibling("embed-indexes-zero", "All vectors have index 0.", put("/data/*/index", 0), by="embeddings/indexes-*")
embeddings.sibling("embed-indexes-from-one", "Indexes count from 1.", change("/data/*/index", lambda index: index + 1), by="embeddings/indexes-*")
embeddings.sibling("embed-reversed", "The vectors come in reverse order, with their indexes.", change("/data", lambda data: data[::-1]), by="embeddings/data-is-in-order", verdict=WARNS)
embeddings.sibling("embed-scaled", "The vectors are twice as long.", numbers(lambda vector: [value * 2 for value in vector]), by="embeddings/openai-vectors-are-normalised")
embeddings.sibling("embed-doubled", "The vectors have twice as many numbers.", _longer, by=("embeddings/length-*", "embeddings/dimensions-*", "embeddings/*normalised"))
embeddings.sibling("embed-base64-big-endian", "base64 holds its bytes in the other order.", only(AS_TEXT, change(VECTOR, lambda text: packed(unpacked(text), ">"))), by=("embeddings/base64-*", "embeddings/numbers-*", "embeddings/*normalised"))
embeddings.sibling("embed-base64-half", "base64 holds half-size floats.", only(AS_TEXT, change(VECTOR, lambda text: base64.b64encode(struct.pack(f"<{len(unpacked(text))}e", *unpacked(text))).decode())), by=("embeddings/base64-*", "embeddings/vectors-have-*", "embeddings/length-*"))
embeddings.sibling("embed-base64-doubles", "base64 holds double-size floats.", only(AS_TEXT, change(VECTOR, lambda text: base64.b64encode(struct.pack(f"<{len(unpacked(text))}d", *unpacked(text))).decode())), by=("embeddings/base64-*", "embeddings/numbers-*", "embeddings/vectors-have-*"))
embeddings.sibling("embed-base64-cut", "base64 breaks off.", only(AS_TEXT, change(VECTOR, lambda text: text[:-6])), by=(SHAPE, "embeddings/base64-*"))
embeddings.sibling("embed-usage-zero", "The counts are 0.", put("/usage/prompt_tokens", 0), put("/usage/total_tokens", 0), by="embeddings/tokens-are-counted")
embeddings.sibling("embed-total-wrong", "total_tokens is not prompt_tokens.", change("/usage/total_tokens", lambda count: count * 3), by="embeddings/usage-counts-*", verdict=WARNS)
embeddings.sibling("embed-model-of-another-family", "Another model answers.", put("/model", "bge-large-zh"), by="embeddings/model-is-*", verdict=WARNS)
embeddings.sibling("embed-batch-refused", "A list of texts is refused.", refused(400, openai_error("input is to be a string"), asks("/input/0")), by=ANSWERED)
embeddings.sibling("embed-tokens-refused", "A list of tokens is refused.", refused(400, openai_error("input is to be a string"), asks("/input/0/0")), by="every-response/valid-request-is-answered")
embeddings.sibling("embed-dimensions-refused", "dimensions is refused.", refused(400, openai_error("unknown field dimensions"), asks("/dimensions")), by=ANSWERED)
embeddings.sibling("embed-error-in-200", "An error comes with status 200.", instead(openai_error("no channel"), 200), by=("every-response/error-is-not-*", SHAPE))
embeddings.harmless("embed-extra-keys", "Keys that nobody knows stand there.", put("/provider", "x"))
embeddings.harmless("embed-rounded", "The numbers are rounded to 7 digits.", numbers(lambda vector: [round(value, 7) for value in vector]))
