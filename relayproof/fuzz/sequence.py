"""The order in which an operation's cases are tried: plain ones first, then single oddities, several, and wild ones.

Endless where the contract is; the same for the same seed. What was tried is not tried again.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from itertools import chain, count, cycle, islice
from typing import Any

from relayproof import schema
from relayproof.fuzz import breaches, generate
from relayproof.fuzz.case import Case, make, mistakes
from relayproof.fuzz.generate import NOTHING, Drawn
from relayproof.fuzz.tame import SCHEMA_KEYS, surface_of
from relayproof.mutate import replaced
from relayproof.openapi import Operation
from relayproof.pointer import get
from relayproof.relay import Relay
from relayproof.surface import ANTHROPIC, CHAT, COMPLETIONS

TOGETHER = 3
MOST_CHANGES = 2
CHUNK = 5
BARREN = 100
STREAMING = (CHAT, COMPLETIONS, ANTHROPIC)
SPEAKING_OF_JSON = {"role": "system", "content": "Answer in JSON."}
WORDS = ["and", "then", "the", "end"]
EVERYWHERE: tuple[tuple[str, Any], ...] = (
    ("null", None),
    ("true", True),
    ("two", 2),
    ("a negative number", -1),
    ("a list of words", WORDS),
    ("an empty object", {}),
    ("zero", 0),
    ("false", False),
    ("an empty list", []),
)
UNKNOWN = {"x_relayproof": {"unknown": [1, None, "长城"]}}
UNUSUAL = (
    ("Chinese and emoji", "长城 café 🎉 ّعربي"),
    ("the longest names", "a" * 64),
    ("signs", '"\\</script>\t\r\n%00{{7*7}}\u2028'),
    ("a long text", "word " * 120),
    ("empty texts", ""),
)


def legal(operation: Operation, relay: Relay, seed: int, streams: Sequence[bool]) -> Iterator[Case]:
    """Cases that the contract allows. `streams` says whether answers may be streamed, whole, or both."""
    chance = random.Random(f"{seed} {operation.name}")
    plain = [Drawn(body=body, what="example") for body in _examples(operation)]
    columns = _columns(generate.covering(operation, legal=True), _examples(operation), chance)
    single, several = _in_turns(columns), _together(columns, plain, chance)
    wild = _wild(operation, seed, legal=True)
    one = iter(single)
    dressed = _dressed(operation, plain)
    drawn = chain(plain, _alternating(dressed, dressed, one, dressed, several, one, wild))
    flowing = (_streamed(operation, each, streams, chance) for each in drawn)
    return _cases(operation, relay, flowing, legal=True)


def illegal(operation: Operation, relay: Relay, seed: int) -> Iterator[Case]:
    """Cases that the contract forbids; none for an operation without a body."""
    if not operation.request:
        return iter(())
    chance = random.Random(f"{seed} {operation.name} illegal")
    named = breaches.named(operation.request, _examples(operation), chance)
    one = iter(_in_turns(_columns(generate.covering(operation, legal=False), _examples(operation), chance)))
    drawn = _alternating(*[named] * 14, one, one, _wild(operation, seed, legal=False))
    return _cases(operation, relay, drawn, legal=False)


def breadth(operation: Operation) -> int:
    """How much there is to try on an operation."""
    return len(generate.covering(operation, legal=True)) + len(generate.covering(operation, legal=False))


def _cases(operation: Operation, relay: Relay, drawn: Iterable[Drawn], *, legal: bool) -> Iterator[Case]:
    seen: set[bytes] = set()
    barren = 0
    for each in drawn:
        case = make(operation, each, relay)
        barren += 1
        if case is not None and case.legal is legal and case.key not in seen:
            seen.add(case.key)
            barren = 0
            yield case
        if barren > BARREN:
            return


def _examples(operation: Operation) -> list[Any]:
    return list(schema.load(operation.request).get("examples", ())) if operation.request else []


def _columns(drawn: Sequence[Drawn], examples: Sequence[Any], chance: random.Random) -> list[list[Drawn]]:
    """The cases by the keys in which they differ from the plainest example, shuffled."""
    keys: dict[str, list[Drawn]] = defaultdict(list)
    for each in drawn:
        keys[" ".join(_changes(each, examples)) if examples else each.what].append(each)
    columns = list(keys.values())
    for column in columns:
        chance.shuffle(column)
    chance.shuffle(columns)
    return columns


def _changes(drawn: Drawn, examples: Sequence[Any]) -> dict[str, Any]:
    """What a body has other than the plainest example."""
    if not isinstance(drawn.body, dict) or not examples:
        return {}
    return {key: value for key, value in drawn.body.items() if key not in examples[0] or examples[0][key] != value}


def _in_turns(columns: Sequence[Sequence[Any]]) -> list[Any]:
    """One of each column, then the next of each: every key is visited early."""
    longest = max(map(len, columns), default=0)
    return [column[row] for row in range(longest) for column in columns if row < len(column)]


def _together(columns: Sequence[Sequence[Drawn]], plain: Sequence[Drawn], chance: random.Random) -> Iterator[Drawn]:
    """Several oddities in one request: a few requests meet many of them."""
    examples = [each.body for each in plain]
    odd = [column for column in columns if 0 < len(_changes(column[0], examples)) <= MOST_CHANGES]
    if len(odd) < TOGETHER:
        return
    for _ in range(sum(map(len, odd)) * 2):
        chosen = [chance.choice(column) for column in chance.sample(odd, TOGETHER)]
        body = dict(chance.choice(examples))
        for each in chosen:
            body |= _changes(each, examples)
        yield Drawn(body=body, path=chosen[0].path, what="; ".join(each.what for each in chosen))


def _dressed(operation: Operation, plain: Sequence[Drawn]) -> Iterator[Drawn]:
    """The examples made unusual as a whole, as far as the contract lets them; each way streamed and whole by turns."""
    forms = [{"stream": True}, {"stream": False}] if surface_of(operation) in STREAMING else [{}]
    for shift in range(len(plain)):
        for number, (what, dress) in enumerate(_ways(operation, shift)):
            body = dress(plain[(number + shift) % len(plain)].body)
            yield Drawn(body=body | forms[(number + shift) % len(forms)], what=f"example with {what}")


def _ways(operation: Operation, shift: int) -> list[tuple[str, Callable[[Any], Any]]]:
    """How an example is made unusual: texts of a kind and values wherever they may stand, texts as parts, a new key.

    Another `shift`, another text to each value: what one of them hides is seen beside another.
    """
    both: list[tuple[str, Callable[[Any], Any]]] = [
        (f"{what}, {kind} wherever it may stand", partial(_changed, operation, text=text, value=value))
        for (what, text), (kind, value) in zip(islice(cycle(UNUSUAL), shift, None), EVERYWHERE, strict=False)
    ]
    parts = ("texts as lists of parts", partial(_replaced, operation, change=_parted))
    return [parts, *both, ("a key that nobody knows", lambda body: body | UNKNOWN)]


def _changed(operation: Operation, body: Any, text: str, value: Any) -> Any:
    return _filled(operation, _replaced(operation, body, partial(_text, text=text)), value)


def _text(_: str, text: str) -> str:
    return text


def _parted(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


def _filled(operation: Operation, body: Any, value: Any) -> Any:
    """The body with the value under every key that may hold it, in the objects that it has as well."""
    for path in breaches.places(operation.request):
        if len(path) == 1 or isinstance(body.get(path[0]), dict):
            changed = replaced(body, path, value)
            body = changed if schema.valid(operation.request, changed) else body
    return body


def _replaced(operation: Operation, body: Any, change: Callable[[str], Any]) -> Any:
    """The body with each text changed, wherever it stands, as long as the body stays legal."""
    places: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for path, text in _texts(body, ()):
        places[text].append(path)
    for text, paths in places.items():
        changed = reduce(lambda found, path: replaced(found, path, change(text)), paths, body)
        body = changed if mistakes(operation.request, changed) == [] else body
    return body


def _texts(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(each, (*path, key)) if key not in SCHEMA_KEYS else ()
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _texts(each, (*path, number))


def _wild(operation: Operation, seed: int, *, legal: bool) -> Iterator[Drawn]:
    """Random bodies, some at a time, without end."""
    for number in count():
        yield from generate.wild(operation, CHUNK, seed * 10_000 + number, legal=legal)


def _streamed(operation: Operation, drawn: Drawn, streams: Sequence[bool], chance: random.Random) -> Drawn:
    """The body with `stream` said or not, and with what its keys need beside them."""
    body = drawn.body
    if body is NOTHING or not isinstance(body, dict):
        return drawn
    body = _completed(operation, body)
    if surface_of(operation) in STREAMING:
        wanted = body.get("stream") is True if body.get("stream") in (True, False) else chance.random() < 0.5
        body = {key: value for key, value in body.items() if key != "stream"}
        if (wanted and True in streams) or False not in streams:
            body["stream"] = True
        else:
            body.pop("stream_options", None)
    return Drawn(body=body, path=drawn.path, query=drawn.query, what=drawn.what)


def _completed(operation: Operation, body: dict[str, Any]) -> dict[str, Any]:
    """The body with the keys that others in it depend on."""
    needs = schema.load(operation.request)
    found = dict(body)
    lenders = [example for example in _examples(operation) if isinstance(example, dict)]
    for key, wanted in needs.get("dependentRequired", {}).items():
        for name in wanted if key in found else ():
            lender = next((each for each in lenders if name in each), None)
            if name not in found and lender is not None:
                found[name] = lender[name]
    for key, rule in needs.get("dependentSchemas", {}).items():
        inner = rule.get("then", rule).get("properties", {}) if found.get(key) is not None else {}
        found |= {name: said["const"] for name, said in inner.items() if "const" in said}
    if get(found, "/response_format/type") == "json_object" and isinstance(found.get("messages"), list):
        found["messages"] = [SPEAKING_OF_JSON, *found["messages"]]  # OpenAI refuses JSON that nobody spoke of
    return found


def _alternating(*sources: Iterator[Drawn]) -> Iterator[Drawn]:
    """One of each in turn, until all are at their end."""
    live = list(sources)
    while live:
        for source in list(live):
            found = next(source, None)
            if found is None:
                live = [each for each in live if each is not source]
            else:
                yield found
