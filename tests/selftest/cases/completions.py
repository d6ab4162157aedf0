"""Cases for relayproof/rules/completions.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cases.build import GONE, Case, changed, exchange, stream
from relayproof.exchange import Exchange
from relayproof.reference import completions as reference

PATH = "/v1/completions"
SEA = "A few lines about the sea:"


def ask(prompt: Any = SEA, **fields: Any) -> dict[str, Any]:
    """A completion request body."""
    return {"model": "gpt-3.5-turbo-instruct", "prompt": prompt, "max_tokens": 20} | fields


def completed(prompt: Any = SEA, **fields: Any) -> Exchange:
    """A completion exchange, answered as the reference relay does."""
    body = ask(prompt, **fields)
    return exchange("POST", PATH, body, reference.completion(body, "cmpl-case"))


def completed_stream(prompt: Any = SEA, **fields: Any) -> Exchange:
    """A streamed completion exchange, answered as the reference relay does."""
    body = ask(prompt, stream=True, **fields)
    return stream(PATH, body, list(reference.chunks(reference.completion(body, "cmpl-case"), body)))


def counted(given: Exchange, *, prompt: int | None = None, completion: int | None = None) -> Exchange:
    """The answer with other counts, and the total that goes with them."""
    usage = given.json["usage"]
    asked = usage["prompt_tokens"] if prompt is None else prompt
    said = usage["completion_tokens"] if completion is None else completion
    return changed(given, "/usage", {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said})


def completed_less(given: Exchange) -> Exchange:
    """The answer without its second choice and without the tokens of it."""
    return counted(changed(given, "/choices/1"), completion=given.json["usage"]["completion_tokens"] // 2)


def parroted(given: Exchange) -> Exchange:
    """The answer with the prompt before each text."""
    for at, choice in given.find("/choices/*", dict):
        given = changed(given, f"{at}/text", SEA + choice["text"])
    return given


PLAIN = completed()
ECHOED = completed("How are you?", echo=True)
TWO = completed(n=2)
ECHO = completed(["Name a fruit:", "How are you?"], echo=True)
TOLD = completed(logprobs=2)
COUNT = completed("Count: 1 2 3 4", stop="8")
MEANT = replace(PLAIN, expect={"answer": True})
SPOKEN, MISHEARD = completed_stream("1833:", echo=True), completed_stream("183:", echo=True)
LISTS: dict[str, list[Any]] = {"tokens": ["A"], "token_logprobs": [-0.1], "top_logprobs": [{}], "text_offset": [0]}

CASES = [
    Case("completions/matches-schema", PLAIN, changed(PLAIN, "/usage")),
    Case("completions/matches-schema", PLAIN, changed(PLAIN, "/object", "chat.completion")),
    Case("completions/matches-schema-openai", PLAIN, changed(PLAIN, "/id", "chatcmpl-1")),
    Case("completions/every-prompt-gets-its-choices", TWO, completed_less(TWO)),
    Case("completions/every-prompt-gets-its-choices", ECHO, changed(ECHO, "/choices/1")),
    Case("completions/echo-is-honoured", ECHO, changed(ECHO, "/choices/0/text", "Apple.")),
    Case(
        "completions/echo-is-honoured",
        ECHO,
        changed(changed(ECHO, "/choices/0/index", 1), "/choices/1/index", 0),
        also=("chat/choice-indexes-count-from-zero",),
    ),
    Case("completions/echo-is-honoured", SPOKEN, replace(SPOKEN, response=MISHEARD.response)),
    Case("completions/logprobs-are-delivered", TOLD, changed(TOLD, "/choices/0/logprobs", None)),
    Case("completions/logprobs-are-delivered", TOLD, changed(TOLD, "/choices/0/logprobs", {key: [] for key in LISTS})),
    Case(
        "completions/logprobs-are-delivered",
        TOLD,
        changed(TOLD, "/choices/0/logprobs/top_logprobs/0", {"a": -1, "b": -1, "c": -2, "d": -3}),
    ),
    Case("completions/logprobs-lists-are-parallel", TOLD, changed(TOLD, "/choices/0/logprobs/tokens/0", GONE)),
    Case("completions/logprobs-lists-are-parallel", TOLD, changed(TOLD, "/choices/0/logprobs/text_offset/9", 0)),
    Case("completions/logprobs-are-logarithms", TOLD, changed(TOLD, "/choices/0/logprobs/token_logprobs/0", 0.9)),
    Case("completions/logprobs-come-only-when-asked-for", PLAIN, changed(PLAIN, "/choices/0/logprobs", LISTS)),
    Case("completions/stop-is-honoured", COUNT, changed(COUNT, "/choices/0/text", "5 6 7 8 9")),
    Case("completions/cut-text-says-length", PLAIN, changed(PLAIN, "/choices/0/finish_reason", "stop")),
    Case("completions/cut-text-says-length", TWO, changed(TWO, "/choices/1/finish_reason", "stop")),
    Case("completions/tokens-are-counted", PLAIN, changed(PLAIN, "/usage/completion_tokens")),
    Case("completions/tokens-are-counted", PLAIN, counted(PLAIN, prompt=0)),
    Case("completions/every-choice-is-counted", TWO, counted(TWO, completion=20)),
    Case("completions/counted-text-is-there", PLAIN, changed(PLAIN, "/choices/0/text", "")),
    Case("completions/counted-text-is-there", ECHOED, changed(ECHOED, "/choices/0/text", "How are you?")),
    Case("completions/prompt-is-not-echoed-unasked", TWO, parroted(TWO)),
    Case("completions/logprobs-are-of-this-text", TOLD, changed(TOLD, "/choices/0/logprobs/tokens/1", " ocean")),
    Case(
        "completions/choice-holds-no-message",
        PLAIN,
        changed(PLAIN, "/choices/0/message", {"role": "assistant", "content": "The sea"}),
    ),
    Case("completions/rejection-is-no-text", MEANT, changed(MEANT, "/choices/0/text", "[rejected] the server is busy")),
]
