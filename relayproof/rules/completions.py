"""Legacy completions: the answer, whole or put together from a stream. What holds for chat as well stands in chat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from relayproof.exchange import CONTENT, Exchange
from relayproof.pointer import Absent, find, get, is_a
from relayproof.rule import SHOULD, Finding, Source, must, should
from relayproof.rules import shapes
from relayproof.rules.chat import breaks_off, ended_by, some, stops, token_limit
from relayproof.rules.sources import COMPLETION_USAGE, OBSERVED, OPENAI_OPENAPI
from relayproof.schema import shown
from relayproof.surface import COMPLETIONS, COMPLETIONS_STREAM

BOTH = (COMPLETIONS, COMPLETIONS_STREAM)
COMPLETION = Source(OPENAI_OPENAPI, "CreateCompletionResponse")
COMPLETION_REQUEST = Source(OPENAI_OPENAPI, "CreateCompletionRequest")
LONG_PROMPT = 20
LISTS = ("tokens", "token_logprobs", "top_logprobs", "text_offset")

shapes.matches_schema("completions", "openai/completion_answer", COMPLETION, on=COMPLETIONS)


def prompts(exchange: Exchange) -> list[Any]:
    """The request's prompts, each a text or a list of tokens. Raises Absent when the request is not known."""
    prompt = exchange.asked("/prompt")
    if not isinstance(prompt, list):
        return [prompt]
    return [prompt] if prompt and is_a(prompt[0], int) else prompt


def copies(exchange: Exchange) -> int:
    """How many choices each prompt is to get."""
    return max(int(exchange.asked("/n", int, 1)), 1)


def whole(exchange: Exchange) -> list[tuple[str, dict[str, Any]]]:
    """The choices of an answer that did not break off. Raises Absent when there is none."""
    if exchange.surface == COMPLETIONS_STREAM and any(event.body.get("error") for event in exchange.events):
        raise Absent("an error was reported")
    return some(exchange, "/choices/*", dict)


def lists_prompts(exchange: Exchange) -> bool:
    """True unless it is a stream for one prompt, of which chat_stream tells the same."""
    return exchange.surface == COMPLETIONS or isinstance(exchange.asked("/prompt"), list)


@must(COMPLETION_REQUEST, on=BOTH, when=lists_prompts)
def every_prompt_gets_its_choices(exchange: Exchange) -> Iterator[Finding]:
    """k prompts and `n` get k times n choices.

    Batch code pairs choices with prompts by counting. One choice for n = 3 is less than was asked for, in a success.

    Fix: send prompts and n upstream, or one request for each; refuse what can't be done.
    """
    wanted, got = len(prompts(exchange)) * copies(exchange), len(whole(exchange))
    if exchange.asked("/n", int, 1) < 1:
        raise Absent("told by impossible_n_is_refused")
    if got != wanted:
        yield Finding("/choices", f"{got} instead of {wanted}: {len(prompts(exchange))} x n = {copies(exchange)}")


@must(COMPLETION_REQUEST, on=BOTH, needs=CONTENT, when=lambda exchange: exchange.asked("/echo") is True)
def echo_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """With `echo: true` every text begins with the prompt of its index, letter for letter.

    Scoring code cuts the prompt off by its length, and cuts the answer where the echo is missing. Choices 0 to n-1
    belong to the first prompt, the next n to the second: another order gives every answer to the wrong question.

    Fix: pass `echo` on; refuse it where the upstream does not know it.
    """
    given = prompts(exchange)
    if not any(isinstance(prompt, str) and prompt.strip() for prompt in given):
        raise Absent("no prompt is a text")
    for at, choice in whole(exchange):
        number, text = get(choice, "/index", int, -1), get(choice, "/text", str)
        if text is None or not 0 <= number < len(given) * copies(exchange):
            continue
        prompt = given[number // copies(exchange)]
        if isinstance(prompt, str) and not text.lstrip().startswith(prompt.strip()):
            yield Finding(f"{at}/text", f"{shown(text[:80])} for the prompt {shown(prompt[:60])}")


@must(COMPLETION_REQUEST, on=BOTH, needs=CONTENT, when=lambda exchange: not exchange.asked("/echo"))
def prompt_is_not_echoed_unasked(exchange: Exchange) -> Iterator[Finding]:
    """Without `echo`, the texts do not begin with the prompt.

    Servers that give the whole text back put the question into every answer. A model may say a prompt again, but not
    at once, letter for letter, in each of several choices.

    Fix: ask the upstream for the new text only (`return_full_text: false`), or cut the prompt off.
    """
    texts = [get(choice, "/text", str, "") for _, choice in whole(exchange)]
    given = prompts(exchange)
    if len(texts) < 2 or len(given) != 1 or not isinstance(given[0], str) or len(given[0]) < LONG_PROMPT:
        raise Absent("no long prompt with several choices")
    if all(text.startswith(given[0]) for text in texts):
        yield Finding("/choices/0/text", f"begins with the prompt {shown(given[0])}")


def asked_logprobs(exchange: Exchange) -> int:
    """How many alternatives a token the request asks for; 0 when it asks for none."""
    return int(exchange.asked("/logprobs", int, 0) or 0)


@must(COMPLETION_REQUEST, on=BOTH, when=lambda exchange: asked_logprobs(exchange) > 0)
def logprobs_are_delivered(exchange: Exchange) -> Iterator[Finding]:
    """`logprobs: k` gets log probabilities for every text, with at most k + 1 alternatives a token.

    It is what this old surface is still used for; null with status 200 is a field that was dropped.

    Fix: pass the number on (it is a boolean in chat), and the answer's lists back.
    """
    most = asked_logprobs(exchange)
    for at, choice in whole(exchange):
        told = choice.get("logprobs")
        if choice.get("text") and (not isinstance(told, dict) or not any(told.values())):
            yield Finding(f"{at}/logprobs", f"{shown(told)} though {most} a token were asked for")
        for inner, others in find(told, "/top_logprobs/*", dict):
            if len(others) > most + 1:
                yield Finding(f"{at}/logprobs{inner}", f"{len(others)} alternatives, asked for {most}")


@must(COMPLETION, on=BOTH, relay=SHOULD)
def logprobs_lists_are_parallel(exchange: Exchange) -> Iterator[Finding]:
    """The lists in `logprobs` are of one length, and `text_offset` never goes back.

    Readers walk them side by side, and cut the text by the offsets.

    Fix: append to all four lists for each token; count offsets through the whole stream.
    """
    told = [each for each in some(exchange, "/choices/*/logprobs", dict) if any(key in each[1] for key in LISTS)]
    if not told:
        raise Absent("no lists")
    for at, lists in told:
        lengths = {key: len(lists[key]) for key in LISTS if isinstance(lists.get(key), list)}
        if len(set(lengths.values())) > 1:
            yield Finding(at, ", ".join(f"{key} {length}" for key, length in lengths.items()))
        offsets = [offset for _, offset in find(lists, "/text_offset/*", int)]
        if offsets != sorted(offsets):
            yield Finding(f"{at}/text_offset", shown(offsets))


@must(COMPLETION, on=BOTH)
def logprobs_are_logarithms(exchange: Exchange) -> Iterator[Finding]:
    """Every log probability is at most 0.

    A probability above 1 is none; it comes from a server that sends percentages, or adds where it should not.

    Fix: pass the upstream's numbers on.
    """
    chosen = some(exchange, "/choices/*/logprobs/token_logprobs/*", float)
    for at, value in [*chosen, *exchange.find("/choices/*/logprobs/top_logprobs/*/*", float)]:
        if value > 1e-6:
            yield Finding(at, f"{value}")


@must(COMPLETION, on=BOTH, relay=SHOULD, needs=CONTENT, when=lambda exchange: asked_logprobs(exchange) > 0)
def logprobs_are_of_this_text(exchange: Exchange) -> Iterator[Finding]:
    """The tokens that `logprobs` lists, joined, begin with the text.

    Scoring code reads the text off them. Behind the text may stand what a stop sequence cut off; a token that is half
    a character is written as bytes, and can't be joined.

    Fix: pass all entries on, in streams with the chunk that they belong to.
    """
    told = [(at, _listed(choice), get(choice, "/text", str, "")) for at, choice in whole(exchange)]
    readable = [each for each in told if each[1] and each[2]]
    if not readable:
        raise Absent("no tokens to join")
    for at, tokens, text in readable:
        if not "".join(tokens).startswith(text):
            yield Finding(f"{at}/logprobs/tokens", f"{shown(tokens[:8])} for {shown(text[:60])}")


def _listed(choice: dict[str, Any]) -> list[str]:
    """The tokens that can be joined to a text; none when one can't be, or when the lists are not parallel."""
    tokens, numbers = (get(choice, f"/logprobs/{key}", list, []) for key in ("tokens", "token_logprobs"))
    readable = all(isinstance(token, str) and not token.startswith(("bytes:", "token_id:")) for token in tokens)
    return tokens if readable and len(tokens) == len(numbers) else []


@must(COMPLETION_REQUEST, on=BOTH, relay=SHOULD, when=lambda exchange: not exchange.asked("/logprobs"))
def logprobs_come_only_when_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """Without `logprobs`, logprobs is null or absent.

    They make an answer many times as large.

    Fix: do not ask the upstream for what the client did not ask for.
    """
    if exchange.asked("/logprobs") == 0:
        raise Absent("0 asks for the chosen tokens alone")
    for at, choice in whole(exchange):
        if isinstance(choice.get("logprobs"), dict) and any(choice["logprobs"].values()):
            yield Finding(f"{at}/logprobs", shown(choice["logprobs"]))


@must(
    COMPLETION_REQUEST,
    on=BOTH,
    needs=CONTENT,
    when=lambda exchange: bool(stops(exchange)) and not exchange.asked("/echo"),
)
def stop_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """No stop sequence stands in the text.

    Base models go on for ever; the stop sequence is how a client says where its answer ends.

    Fix: pass stop on, all of it, as a string or a list.
    """
    for at, text in some(exchange, "/choices/*/text", str):
        for stop in stops(exchange):
            if stop in text:
                yield Finding(at, f"{shown(stop)} stands in {shown(text[:80])}")


@must(COMPLETION, on=BOTH, needs=CONTENT)
def cut_text_says_length(exchange: Exchange) -> Iterator[Finding]:
    """A text that used up its token limit ends with finish_reason `length`.

    With `stop` the client takes half a text for a whole one. A text may end of itself on the last token that was
    allowed, so only one that stops in the middle of a word or sentence counts.

    Fix: pass the upstream's finish_reason on.
    """
    limit, choices = token_limit(exchange), whole(exchange)
    if stops(exchange) or exchange.one("/usage/completion_tokens", int) < limit * len(choices):
        raise Absent("the limit was not reached, as far as one can tell")
    for at, choice in choices:
        text = get(choice, "/text", str, "")
        if choice.get("finish_reason") == "stop" and breaks_off(text):
            yield Finding(f"{at}/finish_reason", f'"stop" after {limit} of {limit} tokens, at {shown(text[-40:])}')


@must(COMPLETION_USAGE, on=BOTH)
def tokens_are_counted(exchange: Exchange) -> Iterator[Finding]:
    """A text that is not empty has at least one completion token, and one prompt token for what was asked.

    A zero is a count that got lost on the way; whoever meters by it gives the answer away, or bills a guess later.

    Fix: read usage from the upstream's last chunk; ask for it with stream_options.include_usage.
    """
    prompt, completion = exchange.one("/usage/prompt_tokens", int), exchange.get("/usage/completion_tokens", int, 0)
    if not any(text for _, text in some(exchange, "/choices/*/text", str)):
        raise Absent("nothing was said")
    if prompt < 1 and any(prompts(exchange)):
        yield Finding("/usage/prompt_tokens", f"{prompt} for a prompt that is not empty")
    if completion < 1:
        yield Finding("/usage/completion_tokens", f"{shown(exchange.get('/usage/completion_tokens'))} for a text")


@must(COMPLETION_USAGE, on=BOTH)
def every_choice_is_counted(exchange: Exchange) -> Iterator[Finding]:
    """`completion_tokens` counts the tokens of all choices: each one that ended with `length` has used up its limit.

    A count of one choice out of several gives the others away, or makes the bill depend on who counts. A tenth less
    than the limit is let pass: some servers keep a few tokens back.

    Fix: add up the usage of every choice and prompt.
    """
    limit, cut = token_limit(exchange), ended_by(exchange, "length")
    used = exchange.one("/usage/completion_tokens", int)
    if 0 < used < min(limit - 1, limit * 0.9) * len(cut):
        yield Finding("/usage/completion_tokens", f"{used} for {len(cut)} choice(s) cut at {limit} tokens")


@must(OBSERVED, on=BOTH, needs=CONTENT, when=lambda exchange: not stops(exchange))
def counted_text_is_there(exchange: Exchange) -> Iterator[Finding]:
    """An answer whose tokens were counted has a text.

    Relays that rebuild this answer from a chat answer lose the text and keep the bill.

    Fix: put the words into choices[].text, not into a message.
    """
    choices, used = whole(exchange), exchange.one("/usage/completion_tokens", int)
    if used <= len(choices) or any(choice.get("finish_reason") == "content_filter" for _, choice in choices):
        raise Absent("nothing is missing for certain")
    if all(_said_nothing(exchange, choice) for _, choice in choices):
        yield Finding("/choices/0/text", f"{shown(choices[0][1]['text'])}, but {used} completion tokens were counted")


def _said_nothing(exchange: Exchange, choice: dict[str, Any]) -> bool:
    """True for a choice without a text, or with nothing but the prompt that was to be echoed."""
    echoed = prompts(exchange) if exchange.asked("/echo") else []
    return choice.get("text") == "" or choice.get("text") in echoed


@should(COMPLETION, on=COMPLETIONS)
def choice_holds_no_message(exchange: Exchange) -> Iterator[Finding]:
    """A choice holds a text, and no chat message beside it.

    Clients that serve both surfaces tell them apart by this key.

    Fix: convert the answer to the form of the path that was asked.
    """
    for at, choice in whole(exchange):
        found = next((key for key in ("message", "delta") if key in choice), None)
        if found:
            yield Finding(f"{at}/{found}", shown(choice[found]))


@must(OBSERVED, on=BOTH, when=lambda exchange: exchange.expect.get("answer") is True)
def rejection_is_no_text(exchange: Exchange) -> Iterator[Finding]:
    """A relay that can't answer says so with a status, never as the text of a completion.

    The client stores the excuse as the model's answer, and pays for it.

    Fix: answer 429 or 503 with an error object.
    """
    words = re.compile(r"\s*\[?(rejected|error|rate.?limit\w*|upstream error|no capacity|quota)\]?\b[\s:\]]", re.I)
    for at, text in some(exchange, "/choices/*/text", str):
        if words.match(text):
            yield Finding(at, shown(text))
