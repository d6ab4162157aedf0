"""Cases for relayproof/rules/usage.py."""

from __future__ import annotations

from dataclasses import replace

from cases.build import Case, asking, changed, chat
from cases.completions import completed
from relayproof.exchange import Exchange
from relayproof.probes.chat import about_the_sea, measuring
from relayproof.probes.samples import data_url, png

MESSAGE = "/choices/0/message"
PLAIN = chat()
LONG = chat("Write about the sea.", max_tokens=80)
LOGPROBS = chat("Write about the sea.", max_tokens=40, logprobs=True, top_logprobs=2)
TWO = chat("Write about the sea.", n=2, max_tokens=80)
LENGTHS = (1, 24, 72)
SEA = tuple(
    replace(
        changed(chat(about_the_sea(words), max_tokens=80), "/id", f"chatcmpl-{words}"),
        id=str(words),
        expect=measuring(words),
    )
    for words in LENGTHS
)


def counted(given: Exchange, *, prompt: int | None = None, completion: int | None = None) -> Exchange:
    """The answer with another count, and the total that goes with it."""
    usage = given.json["usage"]
    usage = usage | {
        "prompt_tokens": usage["prompt_tokens"] if prompt is None else prompt,
        "completion_tokens": usage["completion_tokens"] if completion is None else completion,
    }
    return changed(given, "/usage", usage | {"total_tokens": usage["prompt_tokens"] + usage["completion_tokens"]})


def asked(given: Exchange) -> int:
    """The tokens of the prompt."""
    return int(given.json["usage"]["prompt_tokens"])


def billed(ratio: float, more: int = 0) -> tuple[Exchange, ...]:
    """The prompts of growing length, each counted `ratio` times, and `more` tokens."""
    return tuple(counted(each, prompt=round(asked(each) * ratio) + more) for each in SEA)


def copied(given: Exchange) -> Exchange:
    """The answer with its first text in every choice."""
    return changed(given, "/choices/1/message/content", given.json["choices"][0]["message"]["content"])


PARTS = [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": data_url(png())}}]
WORDS = chat()
SEEN = replace(changed(asking(chat(), "/messages/0/content", PARTS), "/id", "2"), id="2")
SEEN = counted(SEEN, prompt=asked(WORDS) + 85)
SYSTEM = replace(chat("Ignore this:" + " a" * 30), expect={"at_least": 30})
COMPLETED = (completed(), replace(changed(completed(n=2), "/id", "cmpl-2"), id="2"))
SAME_PROMPT = replace(changed(chat("Write about the sea.", max_tokens=80), "/id", "chatcmpl-2"), id="2")

CASES = [
    Case("usage/completion-tokens-fit-the-text", PLAIN, counted(PLAIN, completion=90)),
    Case("usage/completion-tokens-fit-the-text", LONG, asking(counted(LONG, completion=2), "/max_tokens", 2)),
    Case(
        "usage/completion-tokens-fit-the-logprobs",
        LOGPROBS,
        asking(counted(LOGPROBS, completion=80), "/max_tokens", 80),
    ),
    Case("usage/prompt-tokens-grow-with-the-prompt", SEA, billed(2.5)),
    Case("usage/prompt-tokens-grow-with-the-prompt", SEA, billed(0, 100)),
    Case("usage/prompt-holds-nothing-else", SEA, billed(1, 200)),
    Case(
        "usage/n-does-not-multiply-the-prompt",
        (SAME_PROMPT, TWO),
        (SAME_PROMPT, counted(TWO, prompt=2 * asked(TWO))),
    ),
    Case("usage/n-does-not-multiply-the-prompt", COMPLETED, (COMPLETED[0], counted(COMPLETED[1], prompt=16))),
    Case("usage/every-message-is-counted", SYSTEM, counted(SYSTEM, prompt=20)),
    Case("usage/pictures-are-counted", (WORDS, SEEN), (WORDS, counted(SEEN, prompt=asked(WORDS)))),
    Case("usage/every-choice-is-counted", TWO, counted(TWO, completion=80)),
    Case("usage/choices-are-made-one-by-one", TWO, copied(TWO)),
]
