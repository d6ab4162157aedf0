"""What only a stream of legacy completions can get wrong, beside what chat_stream says of both OpenAI streams."""

from __future__ import annotations

from collections.abc import Iterator

from relayproof.exchange import Exchange
from relayproof.pointer import get
from relayproof.rule import Finding, must, should
from relayproof.rules import shapes
from relayproof.rules.chat_stream import chunks, pieces
from relayproof.rules.completions import COMPLETION
from relayproof.schema import shown
from relayproof.surface import COMPLETIONS_STREAM

shapes.matches_schema(
    "completions_stream", "openai/completion", COMPLETION, on=COMPLETIONS_STREAM, documents=shapes.events
)


@must(COMPLETION, on=COMPLETIONS_STREAM)
def empty_choices_come_with_usage(exchange: Exchange) -> Iterator[Finding]:
    """A chunk without choices is the one that carries the usage.

    Clients read choices[0] of every other chunk, and crash on an empty list.

    Fix: put the finish_reason into a choice with an empty text; send no chunk that says nothing.
    """
    for event in chunks(exchange):
        if event.body["choices"] == [] and not get(event.body, "/usage", dict):
            yield Finding(f"{event.place} /choices", "[] without usage")


@should(COMPLETION, on=COMPLETIONS_STREAM)
def chunk_holds_no_delta(exchange: Exchange) -> Iterator[Finding]:
    """A chunk's choice holds a text, and no chat delta or message beside it.

    Clients that serve both surfaces add up whatever they find: every word twice.

    Fix: convert the chunk to the form of the path that was asked.
    """
    for parts in pieces(exchange).values():
        for event, at, choice in parts:
            found = next((key for key in ("delta", "message") if key in choice), None)
            if found:
                yield Finding(f"{event.place} {at}/{found}", shown(choice[found]))
                return
