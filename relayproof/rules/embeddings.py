"""Embeddings: a vector for each input, at its place, in the form and length asked for, and saying something."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from relayproof.exchange import CONTENT, Exchange
from relayproof.groups import together
from relayproof.pointer import Absent
from relayproof.rule import SHOULD, Finding, Source, must, should
from relayproof.rules import shapes
from relayproof.rules.chat import names_its_model, same_model, some
from relayproof.rules.sources import OBSERVED, OPENAI_OPENAPI
from relayproof.rules.vectors import (
    LENGTHS,
    NOT_MEANING,
    SAME,
    Twins,
    Vector,
    by_input,
    cosine,
    form,
    inputs,
    is_openai,
    known_inputs,
    length,
    plain_name,
    settings,
    swapped,
    twins,
    unpacked,
    vectors,
)
from relayproof.schema import shown
from relayproof.surface import EMBEDDINGS

EMBEDDING_LIST = Source(OPENAI_OPENAPI, "CreateEmbeddingResponse")
EMBEDDING_REQUEST = Source(OPENAI_OPENAPI, "CreateEmbeddingRequest")
OPENAI_GUIDE = Source("OpenAI API guide", "Vector embeddings")
DIFFERENT, UNIT = 0.9999, 0.01

shapes.matches_schema("embeddings", "openai/embedding_list", EMBEDDING_LIST, on=EMBEDDINGS)


@must(EMBEDDING_LIST, on=EMBEDDINGS)
def every_input_gets_a_vector(exchange: Exchange) -> Iterator[Finding]:
    """`data` has as many vectors as `input` has texts (or lists of tokens).

    Vector stores pair them by counting. One vector for a batch leaves the others empty, or shifts them all.

    Fix: send the whole batch upstream, or one request for each input; a flat list of numbers is one input.
    """
    wanted, got = len(inputs(exchange)), len(exchange.one("/data", list))
    if got and got != wanted:
        yield Finding("/data", f"{got} instead of {wanted}")


@must(EMBEDDING_LIST, on=EMBEDDINGS)
def indexes_count_the_inputs(exchange: Exchange) -> Iterator[Finding]:
    """The indexes of the vectors are 0 to n-1, each once.

    A client that sorts by index, as many do, loses vectors that share one.

    Fix: number the vectors again when batches are joined.
    """
    indexes = [index for _, index in some(exchange, "/data/*/index", int)]
    if sorted(indexes) != list(range(len(indexes))):
        yield Finding("/data", f"indexes {shown(indexes)}")


@should(EMBEDDING_LIST, on=EMBEDDINGS)
def data_is_in_order(exchange: Exchange) -> Iterator[Finding]:
    """The vectors stand in the order of their indexes.

    Most clients read data[i] for input i, and never look at the index.

    Fix: sort by index before answering.
    """
    indexes = [index for _, index in some(exchange, "/data/*/index", int)]
    if sorted(indexes) != list(range(len(indexes))):
        raise Absent("told by indexes_count_the_inputs")
    if indexes != sorted(indexes):
        yield Finding("/data", f"indexes {shown(indexes)}")


@must(EMBEDDING_LIST, on=EMBEDDINGS, needs=CONTENT)
def vectors_have_one_length(exchange: Exchange) -> Iterator[Finding]:
    """All vectors of an answer have the same number of dimensions.

    A vector store refuses the one that is different, in the middle of a batch.

    Fix: send a batch to one model.
    """
    lengths = sorted({len(vector) for _, vector in vectors(exchange)})
    if len(lengths) > 1:
        yield Finding("/data/*/embedding", f"lengths {', '.join(map(str, lengths))}")


@must(EMBEDDING_LIST, on=EMBEDDINGS, needs=CONTENT)
def numbers_are_finite(exchange: Exchange) -> Iterator[Finding]:
    """No number of a vector is NaN or infinite.

    JSON knows neither: strict parsers refuse the whole answer, others put a vector into the store that is near to
    nothing, or to everything.

    Fix: report an error when the model gives no number; pack 32-bit floats little-endian.
    """
    for at, vector in vectors(exchange):
        odd = next((number for number in vector if not math.isfinite(number)), None)
        if odd is not None:
            yield Finding(at, f"{odd} at place {list(map(math.isfinite, vector)).index(False)}")


@must(OBSERVED, on=EMBEDDINGS, needs=CONTENT)
def vectors_are_not_flat(exchange: Exchange) -> Iterator[Finding]:
    """The numbers of a vector are not all the same.

    Zeros all through are what a failed model leaves behind; a search over them finds anything.

    Fix: treat such a vector as a failure of the upstream.
    """
    for at, vector in vectors(exchange):
        if len(vector) > 1 and min(vector) == max(vector):
            yield Finding(at, f"{len(vector)} times {vector[0]}")


@must(EMBEDDING_REQUEST, on=EMBEDDINGS, needs=CONTENT, when=lambda exchange: bool(exchange.asked("/dimensions", int)))
def dimensions_are_honoured(exchange: Exchange) -> Iterator[Finding]:
    """A request with `dimensions` gets vectors of that length.

    The store was made for this length and refuses every other.

    Fix: pass dimensions on; refuse it where the model can't shorten its vectors.
    """
    wanted = exchange.asked("/dimensions", int)
    for at, vector in vectors(exchange):
        if len(vector) != wanted:
            yield Finding(at, f"{len(vector)} dimensions instead of {wanted}")


@must(
    OPENAI_GUIDE,
    on=EMBEDDINGS,
    relay=SHOULD,
    needs=CONTENT,
    when=lambda exchange: is_openai(exchange) and not exchange.asked("/dimensions"),
)
def length_is_the_models(exchange: Exchange) -> Iterator[Finding]:
    """Without `dimensions`, an OpenAI model's vectors have its own length: 1536, or 3072 for text-embedding-3-large.

    Another length is another model's vector, or one that was packed in another way; it fits no index made before.

    Fix: route to the model that was asked for; pack base64 as 32-bit floats.
    """
    wanted = LENGTHS[plain_name(exchange.model)]
    for at, vector in vectors(exchange):
        if len(vector) != wanted:
            yield Finding(at, f"{len(vector)} dimensions instead of {wanted}")


@must(OPENAI_GUIDE, on=EMBEDDINGS, needs=CONTENT, when=is_openai)
def openai_vectors_are_normalised(exchange: Exchange) -> Iterator[Finding]:
    """A vector of an OpenAI model has the length 1, a shortened one too.

    Code takes the dot product for the cosine because of it; a vector that was cut and not scaled again ranks too low.

    Fix: divide by the length after cutting; pass the upstream's numbers on unchanged.
    """
    yield from _not_unit(exchange)


def _not_unit(exchange: Exchange) -> Iterator[Finding]:
    measured = [(at, length(vector)) for at, vector in vectors(exchange)]
    told_elsewhere = [size for _, size in measured if not math.isfinite(size) or size == 0]
    if len(told_elsewhere) == len(measured):
        raise Absent("no length to speak of")
    for at, size in measured:
        if math.isfinite(size) and size > 0 and abs(size - 1) > UNIT:
            yield Finding(at, f"length {size:.4g}")


@must(EMBEDDING_REQUEST, on=EMBEDDINGS)
def form_is_the_one_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """`encoding_format: "base64"` gets text, `"float"` or none gets lists of numbers.

    The official SDK asks for base64 by itself and forgives a list; other clients that asked for one form crash on the
    other.

    Fix: pass encoding_format on, and convert where the upstream knows one form only.
    """
    wanted = form(exchange)
    if wanted not in ("float", "base64"):
        raise Absent(f"nothing is known of {wanted}")
    for at, value in some(exchange, "/data/*/embedding"):
        if isinstance(value, list) and wanted == "base64":
            yield Finding(at, f"a list of {len(value)} numbers, asked for base64")
        if isinstance(value, str) and wanted == "float":
            yield Finding(at, f"the text {shown(value[:40])}, asked for numbers")


@must(EMBEDDING_REQUEST, on=EMBEDDINGS, needs=CONTENT)
def base64_holds_whole_floats(exchange: Exchange) -> Iterator[Finding]:
    """An embedding in base64 has 4 bytes for each number.

    Clients unpack 32-bit floats; bytes left over mean that it was cut, or packed in another way.

    Fix: pack little-endian 32-bit floats, and encode them once.
    """
    for at, text in some(exchange, "/data/*/embedding", str):
        if len(unpacked(text)) % 4:
            yield Finding(at, f"{len(unpacked(text))} bytes")


@must(EMBEDDING_LIST, on=EMBEDDINGS, relay=SHOULD)
def usage_counts_only_the_prompt(exchange: Exchange) -> Iterator[Finding]:
    """`total_tokens` is `prompt_tokens`: an embedding writes nothing.

    What stands between the two is billed for nothing.

    Fix: pass the upstream's usage on; add no completion tokens.
    """
    prompt, total = exchange.one("/usage/prompt_tokens", int), exchange.one("/usage/total_tokens", int)
    if prompt != total:
        yield Finding("/usage/total_tokens", f"{total}, but prompt_tokens is {prompt}")


@must(EMBEDDING_LIST, on=EMBEDDINGS)
def tokens_are_counted(exchange: Exchange) -> Iterator[Finding]:
    """`prompt_tokens` is at least one for each input that is not empty.

    A smaller count got lost, or counts the first input of a batch; whoever meters by it gives the rest away.

    Fix: pass the upstream's usage on; add the counts up when batches are joined.
    """
    least, counted = sum(1 for each in inputs(exchange) if each), exchange.one("/usage/prompt_tokens", int)
    if counted < least:
        yield Finding("/usage/prompt_tokens", f"{counted} for {least} input(s)")


@must(OBSERVED, on=EMBEDDINGS, relay=SHOULD, when=lambda exchange: is_openai(exchange) and gives_tokens(exchange))
def given_tokens_are_counted(exchange: Exchange) -> Iterator[Finding]:
    """When the inputs are lists of tokens, `prompt_tokens` is how many there are.

    Here the buyer knows the bill beforehand. Relays that count texts only find 0, or count the digits.

    Fix: pass the upstream's count on.
    """
    given, counted = sum(len(each) for each in inputs(exchange)), exchange.one("/usage/prompt_tokens", int)
    if counted != given:
        yield Finding("/usage/prompt_tokens", f"{counted} for {given} tokens")


def gives_tokens(exchange: Exchange) -> bool:
    """True when every input is a list of tokens."""
    return all(isinstance(each, list) for each in inputs(exchange))


@must(OBSERVED, on=EMBEDDINGS, needs=CONTENT)
def equal_inputs_have_equal_vectors(exchange: Exchange) -> Iterator[Finding]:
    """The same text twice in one request gets the same vector twice.

    It does not, where vectors stand in another order than their inputs, or come from different models.

    Fix: put each vector at its input's index; send a batch to one model.
    """
    first: dict[str, tuple[str, Vector]] = {}
    compared = 0
    for given, at, vector in by_input(exchange):
        before = first.setdefault(json.dumps(given), (at, vector))
        if before[0] == at:
            continue
        compared += 1
        likeness = cosine(before[1], vector)
        if likeness < SAME:
            yield Finding(at, f"cosine {likeness:.4f} with {before[0]}, for the same input {shown(given)[:60]}")
    if not compared:
        raise Absent("no input comes twice")


@must(OBSERVED, on=EMBEDDINGS, needs=CONTENT)
def different_inputs_have_different_vectors(exchange: Exchange) -> Iterator[Finding]:
    """Different texts get different vectors.

    One vector for all is an input that got lost on the way: the model saw an empty text, or a list written as a text.

    Fix: compare what reached the upstream with what was sent.
    """
    pairs = [(one, other) for one, other in pairwise(by_input(exchange)) if _letters(one[0]) != _letters(other[0])]
    if not pairs:
        raise Absent("no two inputs differ")
    for (one, _, before), (other, at, vector) in pairs:
        if cosine(before, vector) > DIFFERENT and min(vector) != max(vector):
            yield Finding(at, f"the vector of {shown(one)[:60]} again, for {shown(other)[:60]}")


def _letters(given: Any) -> str:
    return re.sub(r"[\W_]+", " ", given).strip().lower() if isinstance(given, str) else json.dumps(given)


@should(OBSERVED, on=EMBEDDINGS, needs=CONTENT, when=lambda exchange: bool(exchange.expect.get("near")))
def paraphrase_is_nearer(exchange: Exchange) -> Iterator[Finding]:
    """A paraphrase is nearer to its text than a text about something else.

    It is all that an embedding is for. A model that was not trained for it fails here.

    Fix: serve an embedding model; do not pool a chat model's states.
    """
    found = [vector for _, _, vector in by_input(exchange)]
    near, far = (cosine(*(found[number] for number in exchange.expect[kind])) for kind in ("near", "far"))
    if near <= far:
        yield Finding("/data", f"cosine {near:.4f} with the paraphrase, {far:.4f} with another text")


@must(EMBEDDING_LIST, on=EMBEDDINGS, relay=SHOULD, when=names_its_model)
def model_is_the_one_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """`model` is the name that was asked for, or a version of it.

    Vectors of two models can't be compared: an index that was filled with one is lost with the other.

    Fix: route to the model that was asked for; take the provider's prefix off.
    """
    asked, answered = exchange.model, exchange.one("/model", str)
    if not same_model(plain_name(asked), plain_name(answered)):
        yield Finding("/model", f"{shown(answered)} instead of {shown(asked)}")


@must(OBSERVED, on=EMBEDDINGS, across=together)
def vectors_stand_at_their_inputs(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A text has one vector in every batch: its own, not that of another text in the batch.

    In a store that was filled from vectors in the wrong order every document is found under another's words, and
    nothing shows it.

    Fix: put each vector at the index of its input when answers are joined or sorted.
    """
    batched = [pair for pair in twins(exchanges) if len(inputs(pair.first)) + len(inputs(pair.second)) > 2]
    if not batched:
        raise Absent("no input comes again in a batch")
    for pair in batched:
        if not pair.same and swapped(pair):
            yield Finding(
                f"exchange {pair.second.id} {pair.at}",
                f"the vector of another input than {shown(pair.given)[:60]}, by exchange {pair.first.id}",
            )


@should(OBSERVED, on=EMBEDDINGS, across=together)
def same_input_has_the_same_vector(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A text gets the same vector each time, alone and in a batch.

    Otherwise the search depends on which channel answered, and a document is not found by its own words.

    Fix: send one model's requests to one upstream.
    """
    alike = [pair for pair in twins(exchanges) if form(pair.first) == form(pair.second)]
    if not alike:
        raise Absent("no input comes again in the same form")
    yield from _differing(alike)


@must(EMBEDDING_REQUEST, on=EMBEDDINGS, across=together)
def base64_and_float_agree(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A text has the same vector in base64 as in numbers.

    The official SDK reads base64 while other clients read numbers: doubles, or bytes in network order, give the one
    nonsense and the other sense. A text whose numbers differ from call to call is told by
    same_input_has_the_same_vector.

    Fix: pack little-endian 32-bit floats.
    """
    every = twins(exchanges)
    alike = [pair for pair in every if form(pair.first) == form(pair.second)]
    unsteady = [pair.given for pair in alike if not pair.same]
    mixed = [pair for pair in every if pair not in alike and pair.given not in unsteady]
    if not mixed:
        raise Absent("no input was asked for in both forms")
    yield from _differing(mixed)


def _differing(pairs: Sequence[Twins]) -> Iterator[Finding]:
    for pair in pairs:
        if not pair.same and not swapped(pair):
            sizes = len(pair.before), len(pair.vector)
            told = f"cosine {cosine(pair.before, pair.vector):.4f}" if sizes[0] == sizes[1] else f"{sizes} dimensions"
            yield Finding(
                f"exchange {pair.second.id} {pair.at}",
                f"{told} with exchange {pair.first.id}, for the same input {shown(pair.given)[:60]}",
            )


@should(OPENAI_GUIDE, on=EMBEDDINGS, across=together, when=is_openai)
def short_vector_is_the_beginning(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """With `dimensions` d, a vector is the first d numbers of the whole one, scaled to length 1.

    Code shortens stored vectors by the same rule, and compares the two.

    Fix: pass dimensions on; cut at the end, not elsewhere.
    """
    known: dict[str, Vector] = {}
    compared = 0
    for exchange in sorted(exchanges, key=lambda each: bool(each.asked("/dimensions"))):
        for given, at, vector in known_inputs(exchange):
            name = json.dumps([settings(exchange, (*NOT_MEANING, "dimensions")), given])
            whole = known.get(name)
            if not exchange.asked("/dimensions"):
                known.setdefault(name, vector)
            elif whole is not None and 1 < len(vector) < len(whole):
                compared += 1
                likeness = cosine(whole[: len(vector)], vector)
                if likeness < 0.99:
                    yield Finding(f"exchange {exchange.id} {at}", f"cosine {likeness:.4f} with the beginning")
    if not compared:
        raise Absent("no vector was shortened")
