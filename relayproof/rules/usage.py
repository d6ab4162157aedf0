"""Token counts that can be true: held against the request, the text, and each other. A count that can't be is a fact;
why it is so, the relay may say. No rule here calls anything a fraud.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from relayproof.exchange import CONTENT, Exchange
from relayproof.groups import by_purpose, has_picture, same_prompt, same_words
from relayproof.pointer import Absent
from relayproof.rule import Finding, must, should
from relayproof.rules.chat import THOUGHTS, prompt_counts
from relayproof.rules.sources import COMPLETION_USAGE, OBSERVED
from relayproof.surface import CHAT, CHAT_STREAM, COMPLETIONS, COMPLETIONS_STREAM

BOTH = (CHAT, CHAT_STREAM)
TEXTS = (*BOTH, COMPLETIONS, COMPLETIONS_STREAM)
MOST_BYTES_A_TOKEN = 24
SPECIAL_TOKENS = 4
FRAME_TOKENS = 40
INJECTED = 100


def reasons(exchange: Exchange) -> bool:
    """True when tokens were spent on thinking, which the visible text does not show."""
    hidden = exchange.get("/usage/completion_tokens_details/reasoning_tokens", int, 0)
    return bool(hidden) or any(text for key in THOUGHTS for _, text in exchange.find(f"/choices/*/message/{key}", str))


def said(exchange: Exchange) -> int:
    """Bytes of everything that the choices say or call. Raises Absent when that is nothing."""
    parts = [text for _, text in exchange.find("/choices/*/message/content", str)]
    parts += [json.dumps(call) for _, call in exchange.find("/choices/*/message/tool_calls/*/function", dict)]
    parts += [json.dumps(call) for _, call in exchange.find("/choices/*/message/function_call", dict)]
    parts += [text for _, text in exchange.find("/choices/*/message/refusal", str)]
    size = sum(len(part.encode(errors="replace")) for part in parts)
    if not size:
        raise Absent("nothing was said")
    return size


@should(COMPLETION_USAGE, on=BOTH, needs=CONTENT, when=lambda exchange: not reasons(exchange))
def completion_tokens_fit_the_text(exchange: Exchange) -> Iterator[Finding]:
    """completion_tokens is not more than the text has bytes, and not so few that a token would hold a sentence.

    A token is at least a byte. More tokens than bytes are tokens that nobody received, unless the model thought in
    secret and the relay does not say so. Claude spends some thirty on the frame of each tool call.

    Fix: pass the upstream's count on, with its completion_tokens_details.
    """
    size, used = said(exchange), exchange.one("/usage/completion_tokens", int)
    frames = FRAME_TOKENS * sum(1 for _ in exchange.find("/choices/*/message/tool_calls/*", dict))
    if used > size + frames + SPECIAL_TOKENS * max(len(exchange.one("/choices", list)), 1) + SPECIAL_TOKENS:
        yield Finding("/usage/completion_tokens", f"{used} for {size} bytes of text")
    elif size > 200 and 0 < used * MOST_BYTES_A_TOKEN < size:
        yield Finding("/usage/completion_tokens", f"only {used} for {size} bytes of text")


@should(COMPLETION_USAGE, on=BOTH, needs=CONTENT, when=lambda exchange: not reasons(exchange))
def completion_tokens_fit_the_logprobs(exchange: Exchange) -> Iterator[Finding]:
    """completion_tokens is the number of tokens that logprobs lists, a few special ones aside.

    The list counts the tokens one by one: no other count of the same answer can be right.

    Fix: pass the upstream's count on.
    """
    listed = sum(len(entries) for _, entries in exchange.find("/choices/*/logprobs/content", list))
    if not listed:
        raise Absent("no logprobs")
    used = exchange.one("/usage/completion_tokens", int)
    room = SPECIAL_TOKENS * len(exchange.one("/choices", list))
    if abs(used - listed) > room:
        yield Finding("/usage/completion_tokens", f"{used}, but logprobs lists {listed} tokens")


@must(COMPLETION_USAGE, on=BOTH, across=by_purpose, when=lambda exchange: exchange.expect.get("words") is not None)
def prompt_tokens_grow_with_the_prompt(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """Each repetition of one word adds the same whole number of prompt tokens.

    The same word, over and over, is cut the same way by every tokenizer. A slope of 2.5 tokens is a count that was
    multiplied by a price; a slope of nothing is a count that was made up; one of a quarter of the letters is a guess.

    Fix: pass the upstream's count on, and keep price ratios out of usage.
    """
    points = _points(exchanges)
    (first, low), *_, (last, high) = points
    growth, words = high - low, last - first
    slope = round(growth / words)
    if slope < 1 or abs(growth - slope * words) > 2:
        told = ", ".join(f"{words} words {tokens}" for words, tokens in points)
        yield Finding("/usage/prompt_tokens", f"{growth / words:.2f} tokens a word ({told})")


@should(OBSERVED, on=BOTH, across=by_purpose, when=lambda exchange: exchange.expect.get("words") is not None)
def prompt_holds_nothing_else(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """What is left of prompt_tokens without the repeated words is about the length of the rest of the prompt.

    The rest is a short sentence. A hundred tokens more are a prompt that somebody else put before it: it costs the
    buyer, and steers the answers.

    Fix: leave requests as they are, or say in the documentation what is added.
    """
    points = _points(exchanges)
    (first, low), *_, (last, high) = points
    rest = low - round((high - low) / (last - first)) * first
    if rest > INJECTED:
        yield Finding("/usage/prompt_tokens", f"about {rest} tokens stand beside the words that were sent")


@must(COMPLETION_USAGE, on=BOTH, when=lambda exchange: bool(exchange.expect.get("at_least")))
def every_message_is_counted(exchange: Exchange) -> Iterator[Finding]:
    """prompt_tokens is not less than the words of the prompt, those of the system message among them.

    Each of these words is a token at the least. Fewer tokens mean that messages were left out: the system message, or
    all that was said before, never reached the model, or is not billed as it was read.

    Fix: send all messages upstream, in their order; convert a system message, do not drop it.
    """
    least, counted = int(exchange.expect["at_least"]), exchange.one("/usage/prompt_tokens", int)
    if 0 < counted < least:
        yield Finding("/usage/prompt_tokens", f"{counted} for a prompt of more than {least} words")


@should(COMPLETION_USAGE, on=BOTH, across=same_words)
def pictures_are_counted(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A prompt with a picture has more prompt_tokens than the same words without it.

    The same count means that the picture was taken out on the way: the model answers about something it never saw.

    Fix: pass image_url parts on; refuse them where the model sees no pictures.
    """
    seeing = [each for each in exchanges if has_picture(each)]
    blind = [each for each in exchanges if not has_picture(each)]
    if not seeing or not blind:
        raise Absent("no words that were sent with and without a picture")
    words = min(each.one("/usage/prompt_tokens", int) for each in blind)
    for each in seeing:
        counted = each.one("/usage/prompt_tokens", int)
        if 0 < counted <= words:
            yield Finding("/usage/prompt_tokens", f"{counted} with a picture, {words} without, in exchange {each.id}")


def _points(exchanges: tuple[Exchange, ...]) -> list[tuple[int, int]]:
    points = sorted(zip((int(each.expect["words"]) for each in exchanges), prompt_counts(exchanges), strict=True))
    if len({words for words, _ in points}) < 3:
        raise Absent("fewer than three lengths measure this")
    return points


@must(COMPLETION_USAGE, on=TEXTS, across=same_prompt)
def n_does_not_multiply_the_prompt(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A prompt that is sent once is counted once, however many choices are asked for.

    The upstream reads it once. A relay that sends n requests for n choices bills the prompt n times.

    Fix: send n upstream; where it has none, count the prompt once.
    """
    single = [each for each in exchanges if (each.asked("/n", int) or 1) == 1]
    several = [each for each in exchanges if (each.asked("/n", int) or 1) > 1]
    if not single or not several:
        raise Absent("no two different n")
    once = single[0].one("/usage/prompt_tokens", int)
    for each in several:
        count = each.one("/usage/prompt_tokens", int)
        if once and count > once * 1.5:
            yield Finding("/usage/prompt_tokens", f"{count} with n = {each.asked('/n')}, {once} without")


@must(OBSERVED, on=BOTH)
def every_choice_is_counted(exchange: Exchange) -> Iterator[Finding]:
    """completion_tokens counts the tokens of all choices, not of one.

    Where every choice was cut by the limit, each has about as many tokens as the limit. llama-server has been seen to
    count the first choice only: whoever meters by it gives the others away.

    Fix: add up the counts of all choices.
    """
    choices = exchange.one("/choices", list)
    limit = exchange.asked("/max_completion_tokens", int) or exchange.asked("/max_tokens", int, 0)
    cut = [reason for _, reason in exchange.find("/choices/*/finish_reason") if reason == "length"]
    if len(choices) < 2 or len(cut) != len(choices) or limit < 8:
        raise Absent("not all of several choices were cut")
    used = exchange.one("/usage/completion_tokens", int)
    if used < limit * len(choices) * 0.75:
        yield Finding("/usage/completion_tokens", f"{used} for {len(choices)} choices cut at {limit} tokens")


@should(OBSERVED, on=BOTH, needs=CONTENT, when=lambda exchange: (exchange.asked("/temperature", float, 1) or 0) > 0)
def choices_are_made_one_by_one(exchange: Exchange) -> Iterator[Finding]:
    """The choices of n > 1 are different texts.

    At the usual temperature two longer texts never agree to the letter; copies are one answer, sold n times.

    Fix: send n upstream.
    """
    texts = [text for _, text in exchange.find("/choices/*/message/content", str)]
    if len(texts) < 2 or min(map(len, texts)) < 100:
        raise Absent("no two longer texts")
    if len(set(texts)) == 1:
        yield Finding("/choices", f"{len(texts)} times the same {len(texts[0])} characters")
