"""The suite against itself: what breaks a schema is found, what a schema allows is let pass."""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from relayproof import mutate, openapi, schema
from relayproof.exchange import Exchange
from relayproof.fuzz.case import make
from relayproof.fuzz.generate import Drawn
from relayproof.judge import FAILS, judge
from relayproof.mutate import Kind, Mutant
from relayproof.openapi import Operation
from relayproof.reference import KEY, serving
from relayproof.relay import Key, Limits, Relay
from relayproof.rule import OPENAI
from relayproof.rules import load
from relayproof.wire.client import Client

MODELS = {
    "*": "gpt-4o-mini",
    "audio": "tts-1",
    "transcription": "whisper-1",
    "images": "gpt-image-1",
    "embeddings": "text-embedding-3-small",
    "anthropic": "claude-3-5-haiku",
    "gemini": "gemini-2.0-flash",
    "completions": "gpt-3.5-turbo-instruct",
}
PLACES = {"model": "gpt-4o-mini", "id": "1730621826053455"}
RULES = list(load().values())
# These go beyond shapes: each compares a part of an answer with another part, with the request, or with common sense.
COMPARE = {
    "anthropic/answer-is-not-empty",
    "anthropic/forced-tool-is-called",
    "anthropic/stop-sequence-is-one-of-those-asked-for",
    "anthropic/tool-use-ids-are-unique",
    "anthropic/tool-use-is-no-empty-promise",
    "audio/granularities-are-honoured",
    "chat/answer-is-not-empty",
    "chat/calling-tools-ends-with-tool-calls",
    "chat/choice-indexes-count-from-zero",
    "chat/forced-tool-is-called",
    "chat/function-call-goes-with-its-reason",
    "chat/n-is-honoured",
    "chat/tool-call-ids-are-unique",
    "chat/tool-calls-is-no-empty-promise",
    "chat/usage-adds-up",
    "completions/every-choice-is-counted",
    "completions/every-prompt-gets-its-choices",
    "completions/tokens-are-counted",
    "embeddings/dimensions-are-honoured",
    "embeddings/every-input-gets-a-vector",
    "embeddings/given-tokens-are-counted",
    "embeddings/indexes-count-the-inputs",
    "embeddings/usage-counts-only-the-prompt",
    "every-response/failure-is-not-a-success",
    "gemini/answer-holds-a-candidate",
    "gemini/answer-is-not-empty",
    "gemini/call-ids-are-unique",
    "gemini/calls-end-with-stop",
    "gemini/candidate-count-is-honoured",
    "gemini/candidate-indexes-count-from-zero",
    "gemini/enums-are-names",
    "gemini/forced-arguments-fit-their-schema",
    "gemini/inline-data-is-what-it-says",
    "gemini/names-are-unique",
    "gemini/no-call-without-tools",
    "gemini/part-holds-one-thing",
    "gemini/tokens-are-counted",
    "gemini/total-is-the-sum",
    "gemini/total-is-told",
    "gemini/usage-details-fit-their-totals",
    "images/a-picture-comes-in-one-form",
    "images/link-leads-to-a-public-place",
    "images/n-is-honoured",
    "images/usage-adds-up",
    "models/ids-are-unique",
}
CAUGHT = (
    ("post-v1-chat-completions", Kind.ONE, "/usage/total_tokens"),
    ("post-v1-chat-completions", Kind.ONE, "/usage/prompt_tokens"),
    ("post-v1-chat-completions", Kind.ONE, "/usage/completion_tokens"),
    ("post-v1-chat-completions", Kind.ONE, "/choices/*/index"),
    ("post-v1-chat-completions", Kind.TWICE, "/choices"),
    ("post-v1-chat-completions", Kind.TWICE, "/choices/*/message/tool_calls"),
    ("post-v1-chat-completions", Kind.DROPPED, "/choices"),
    ("post-v1-completions", Kind.ONE, "/usage/total_tokens"),
    ("post-v1-completions", Kind.TWICE, "/choices"),
    ("post-v1-embeddings", Kind.ONE, "/data/*/index"),
    ("post-v1-embeddings", Kind.TWICE, "/data"),
    ("post-v1-embeddings", Kind.DROPPED, "/data"),
    ("post-v1-embeddings", Kind.TWICE, "/data/*/embedding"),
    ("post-v1-images-generations", Kind.TWICE, "/data"),
    ("post-v1-images-generations", Kind.ONE, "/usage/total_tokens"),
    ("post-v1beta-models-model-generatecontent", Kind.ONE, "/usageMetadata/totalTokenCount"),
    ("get-v1-models", Kind.TWICE, "/data"),
    ("get-v1beta-models", Kind.TWICE, "/models"),
)


@dataclass(frozen=True)
class Base:
    """A good answer: its operation and exchange, and a document in it with its schema. `at` is its text in a stream."""

    operation: Operation
    exchange: Exchange
    schema: str
    document: Any
    at: str = ""

    def __str__(self) -> str:
        return f"{self.operation.slug} {self.exchange.id} {self.schema}"

    def with_document(self, document: Any) -> Exchange:
        """The same exchange, answered with another document."""
        response = self.exchange.answered
        body = json.dumps(document)
        if self.at:
            body = response.text.replace(self.at, body, 1)
        return replace(self.exchange, response=replace(response, body=body.encode(), reads=()))


@functools.cache
def bases() -> tuple[Base, ...]:
    """What the reference relay answers to the examples of every operation, document by document."""
    limits = Limits(requests=1000, tokens=10**6)
    found: list[Base] = []
    with serving() as url, Client(Relay(url=url, key=Key(KEY), models=MODELS, limits=limits)) as client:
        for operation in openapi.operations():
            for drawn in _examples(operation):
                case = make(operation, drawn, client.relay)
                exchange = client.send(case.call, f"fuzz/{operation.slug}") if case else None
                if exchange is not None and exchange.succeeded:
                    found += _documents(operation, exchange)
    return tuple(found)


def _examples(operation: Operation) -> Iterator[Drawn]:
    if not operation.request:
        yield Drawn(path=PLACES)
        return
    for body in schema.load(operation.request)["examples"]:
        yield Drawn(body=body)


def _documents(operation: Operation, exchange: Exchange) -> Iterator[Base]:
    kind = exchange.answered.content_type
    names = _schemas(operation, kind)
    if kind == "application/json":
        for name in [name for name in names if schema.valid(name, exchange.answered.json)][-1:]:
            yield Base(operation, exchange, name, exchange.answered.json)
    elif kind == "text/event-stream" and names:
        events = [event for event in exchange.events if isinstance(event.json, dict)]
        for event in (events[0], events[len(events) // 2], events[-1]):
            yield Base(operation, exchange, names[0], event.json, event.data)


def _schemas(operation: Operation, kind: str) -> list[str]:
    document = openapi.load()
    answer = document["paths"][operation.path][operation.method.lower()]["responses"]["200"]
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    said = answer["content"].get(kind, {}).get("schema", {})
    return [each["$ref"].removesuffix(".json") for each in said.get("anyOf", [said]) if "$ref" in each]


def failed(exchange: Exchange) -> set[str]:
    """The rules that fail; a rule must never break."""
    judgement = judge([exchange], RULES, OPENAI)
    assert not judgement.errors, judgement.errors[0].trace
    return {verdict.rule for verdict in judgement.verdicts if verdict.outcome is FAILS}


def required(exchange: Exchange) -> set[str]:
    """The required rules that fail."""
    return {rule for rule in failed(exchange) if load()[rule].level == "must"}


def allowed(base: Base, mutant: Mutant) -> bool:
    """True when a document is valid at every strength of its schema."""
    names = [base.schema + strength for strength in (".openai", ".should") if base.schema + strength in schema.names()]
    return mutant.valid and all(schema.valid(name, mutant.document) for name in names)


def place(mutant: Mutant) -> str:
    return re.sub(r"/\d+", "/*", mutant.where)


def test_there_is_an_answer_of_every_kind() -> None:
    known = {base.schema for base in bases()}
    assert len(known) >= 18
    assert {
        "openai/chat_completion",
        "openai/chat_completion_chunk",
        "anthropic/message",
        "anthropic/stream_event",
    } <= known
    assert {"openai/embedding_list", "openai/model_list", "gemini/generate_answer", "suno/submit_result"} <= known


def test_the_good_answers_are_good() -> None:
    assert {str(base): failed(base.exchange) for base in bases() if failed(base.exchange)} == {}


@pytest.mark.thorough
def test_what_breaks_a_schema_is_found() -> None:
    silent = [
        f"{base}: {mutant.kind} {mutant.where}"
        for base in bases()
        for mutant in mutate.mutants(base.schema, base.document)
        if not mutant.valid and not failed(base.with_document(mutant.document))
    ]
    assert silent == []


def test_what_a_schema_allows_is_let_pass_by_rules_that_look_at_one_part() -> None:
    said = {
        rule
        for base in bases()
        if not base.at
        for mutant in mutate.mutants(base.schema, base.document)
        if allowed(base, mutant)
        for rule in required(base.with_document(mutant.document))
    }
    assert said == COMPARE


def test_a_key_that_nobody_knows_is_let_pass() -> None:
    for base in bases():
        for mutant in mutate.mutants(base.schema, base.document):
            if mutant.kind is Kind.UNKNOWN and "arguments" not in mutant.where and "args" not in mutant.where:
                assert not required(base.with_document(mutant.document)), f"{base} {mutant.where}"


@pytest.mark.parametrize(("slug", "kind", "where"), CAUGHT)
def test_what_no_schema_can_say_is_found_by_a_rule(slug: str, kind: Kind, where: str) -> None:
    found = [
        (base, mutant)
        for base in bases()
        if base.operation.slug == slug and not base.at
        for mutant in mutate.mutants(base.schema, base.document)
        if mutant.kind is kind and place(mutant) == where
    ]
    assert found
    assert [
        f"{base} {mutant.document}" for base, mutant in found if not failed(base.with_document(mutant.document))
    ] == []


def test_mutants_are_the_same_each_time() -> None:
    base = bases()[0]
    first, second = (list(mutate.mutants(base.schema, base.document)) for _ in range(2))
    assert first == second


def test_a_mutant_differs_from_its_document_and_leaves_it_alone() -> None:
    for base in bases()[:12]:
        before = json.dumps(base.document)
        for mutant in mutate.mutants(base.schema, base.document):
            assert mutant.document != base.document, f"{base} {mutant.kind} {mutant.where}"
        assert json.dumps(base.document) == before


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["openai/chat_completion", "openai/embedding_list", "anthropic/message", "suno/task"])
def test_schemathesis_agrees_on_what_breaks_a_schema(name: str) -> None:
    broken, kept = _schemathesis(name)
    assert len(broken) > 20
    assert kept
    assert [body for body in kept if not schema.valid(name, body)] == []
    assert [body for body in broken if schema.valid(name, body)] == []


@pytest.mark.thorough
def test_what_schemathesis_breaks_is_found() -> None:
    base = next(base for base in bases() if base.schema == "openai/chat_completion")
    broken, _ = _schemathesis(base.schema)
    assert [body for body in broken if not failed(base.with_document(body))] == []


def _schemathesis(name: str) -> tuple[list[Any], list[Any]]:
    """(broken, kept): the documents that schemathesis' coverage phase makes of a schema, by its private API."""
    import schemathesis
    from schemathesis import GenerationMode

    bundle = openapi.bundle()
    component = {"$ref": f"#/components/schemas/{name.replace('/', '.')}"}
    content = {"application/json": {"schema": component}}
    operation = {"requestBody": {"required": True, "content": content}, "responses": {"200": {"description": "x"}}}
    document = {**bundle, "paths": {"/x": {"post": operation}}, "security": []}
    loaded = schemathesis.openapi.from_dict(document)
    target = loaded["/x"]["POST"]
    settings = loaded.config.generation_for(operation=target, phase="coverage")
    made: list[list[Any]] = []
    for mode in (GenerationMode.NEGATIVE, GenerationMode.POSITIVE):
        cases = loaded.iter_coverage_cases(target, generation_modes=[mode], generation_config=settings)
        made.append([each.body for each in cases if each.method == "POST" and _of_body(each)])
    return made[0], made[1]


def _of_body(case: Any) -> bool:
    location = getattr(case.meta.phase.data, "parameter_location", None)
    return getattr(location, "value", "") == "body" and isinstance(case.body, dict | list | str | int | None)
