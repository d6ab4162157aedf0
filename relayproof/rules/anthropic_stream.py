"""What only a stream of Messages events can get wrong: names, order, blocks, and counts that change on the way.

The message that the events add up to is judged by the rules of `anthropic`; how lines are framed by `chat_stream`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from relayproof.exchange import CONTENT, FRAMING, REQUEST, Exchange
from relayproof.jsontext import parse
from relayproof.pointer import Absent, get, is_a
from relayproof.rule import SHOULD, Finding, Source, Untested, must
from relayproof.rules import shapes
from relayproof.rules.anthropic import SDK, USAGE
from relayproof.schema import shown
from relayproof.sse import Event
from relayproof.surface import ANTHROPIC_STREAM

EVENTS = Source(SDK, "types/raw_message_stream_event.py")
DELTAS = Source(SDK, "types/raw_content_block_delta.py")
STREAMING = Source(SDK, "_streaming.py")
STREAM_LIB = Source(SDK, "lib/streaming/_messages.py")

START, STOP, END, PING, ERROR = "message_start", "message_stop", "message_delta", "ping", "error"
OPEN, DELTA, CLOSE = "content_block_start", "content_block_delta", "content_block_stop"
FITTING = {
    "text": ("text_delta", "citations_delta"),
    "tool_use": ("input_json_delta",),
    "server_tool_use": ("input_json_delta",),
    "mcp_tool_use": ("input_json_delta",),
    "thinking": ("thinking_delta", "signature_delta"),
    "redacted_thinking": (),
    "compaction": ("compaction_delta",),
}
COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")

shapes.matches_schema(
    "anthropic_stream", "anthropic/stream_event", EVENTS, on=ANTHROPIC_STREAM, documents=shapes.events
)


@dataclass
class Block:
    """One content block: its start, its deltas, its stop, and the blocks that were open when it started."""

    index: int
    start: Event
    beside: tuple[int, ...]
    deltas: list[Event] = field(default_factory=list)
    stop: Event | None = None

    @property
    def kind(self) -> str:
        """The type that content_block_start gave it."""
        return str(get(self.start.body, "/content_block/type", str, ""))

    def joined(self, key: str) -> str:
        """One key of its deltas, joined."""
        return "".join(get(event.body, f"/delta/{key}", str, "") for event in self.deltas)


@dataclass
class Walk:
    """A stream read by its grammar: the blocks in order, and the deltas and stops that belong to no open block."""

    blocks: list[Block] = field(default_factory=list)
    strays: list[Event] = field(default_factory=list)

    def open_at(self, index: Any) -> Block | None:
        """The block of that index that is open."""
        return next((each for each in reversed(self.blocks) if each.index == index and each.stop is None), None)


def kind(event: Event) -> str:
    """The type that an event's payload names; "" when none."""
    return str(event.body.get("type") or "")


def of_kind(exchange: Exchange, *kinds: str) -> list[Event]:
    """The events of these types."""
    return [event for event in whole(exchange) if kind(event) in kinds]


def whole(exchange: Exchange) -> tuple[Event, ...]:
    """All events. Raises Absent for a body without Messages events, Untested for recordings put one behind another."""
    events = exchange.events
    if not any(kind(event) in (START, STOP, END, OPEN, DELTA, CLOSE) for event in events):
        raise Absent("no Messages events")
    if {REQUEST, FRAMING} <= exchange.blind and joined(events):
        raise Untested("the recording holds several streams, one behind another")
    return events


def joined(events: Sequence[Event]) -> bool:
    """True when a message starts behind the stop of another."""
    kinds = [kind(event) for event in events if kind(event) in (START, STOP)]
    return kinds == [START, STOP] * (len(kinds) // 2) and len(kinds) > 2


def broken(exchange: Exchange) -> bool:
    """True when the stream reports an error: what is missing behind it is told by that."""
    return any(kind(event) == ERROR or event.body.get("error") for event in exchange.events)


def walk(exchange: Exchange) -> Walk:
    """Read the stream as a state machine. Events without an index are left out: a schema speaks of them."""
    found = Walk()
    for event in whole(exchange):
        if is_a(event.body.get("index"), int):
            _step(found, event, event.body["index"])
    return found


def _step(found: Walk, event: Event, index: int) -> None:
    if kind(event) == OPEN:
        beside = tuple(each.index for each in found.blocks if each.stop is None)
        found.blocks.append(Block(index, event, beside))
    elif kind(event) in (DELTA, CLOSE):
        block = found.open_at(index)
        if block is None:
            found.strays.append(event)
        elif kind(event) == DELTA:
            block.deltas.append(event)
        else:
            block.stop = event


def blocks(exchange: Exchange, *kinds: str) -> list[Block]:
    """The blocks, of these types if any are named. Raises Absent when there is none."""
    found = [block for block in walk(exchange).blocks if not kinds or block.kind in kinds]
    if not found:
        raise Absent("no such block")
    return found


def started(exchange: Exchange) -> dict[str, Any]:
    """The usage inside message_start. Raises Absent when there is none."""
    for event in of_kind(exchange, START):
        usage = get(event.body, "/message/usage", dict)
        if usage is not None:
            return usage  # type: ignore[no-any-return]
    raise Absent("no usage in message_start")


@must(STREAMING, on=ANTHROPIC_STREAM)
def event_names_are_their_types(exchange: Exchange) -> Iterator[Finding]:
    """Every event has an `event:` line that names the `type` of its data.

    Anthropic's SDK skips events without a name: the user sees an empty answer, without an error.

    Fix: write `event: TYPE` before each `data:` line.
    """
    for event in whole(exchange):
        if kind(event) and event.name != kind(event):
            named = f"event: {event.name}" if event.name else "no event line"
            yield Finding(event.place, f"{named} for data of type {kind(event)}")
            return


@must(EVENTS, on=ANTHROPIC_STREAM)
def begins_with_message_start(exchange: Exchange) -> Iterator[Finding]:
    """The first event is `message_start`.

    Accumulators make the message from it; SDKs raise on any event before it.

    Fix: send message_start before the first block, also when the answer begins with a tool call.
    """
    first = next((event for event in whole(exchange) if kind(event) not in (PING, ERROR)), None)
    if first is not None and kind(first) != START:
        yield Finding(first.place, f"the stream begins with {kind(first) or shown(first.data[:80])}")


@must(EVENTS, on=ANTHROPIC_STREAM)
def message_starts_once(exchange: Exchange) -> Iterator[Finding]:
    """There is one `message_start`.

    A second one throws away what was gathered so far, or raises. A relay that makes one of every upstream chunk, or
    retries in the middle of an answer, sends several.

    Fix: send it once, and do not retry after the first byte.
    """
    stop = next((event.number for event in of_kind(exchange, STOP)), len(exchange.events))
    starts = [event for event in of_kind(exchange, START) if event.number < stop]
    if len(starts) > 1:
        yield Finding(starts[1].place, f"message_start {len(starts)} times")


@must(EVENTS, on=ANTHROPIC_STREAM)
def ends_with_message_stop(exchange: Exchange) -> Iterator[Finding]:
    """The stream ends with `message_stop`.

    Without it a client can't tell a whole answer from a cut one.

    Fix: write message_stop after the last message_delta, and only when the upstream ended well.
    """
    if broken(exchange):
        raise Absent("an error was reported")
    if not of_kind(exchange, STOP):
        last = whole(exchange)[-1]
        yield Finding(last.place, f"no message_stop; the last event is {kind(last) or shown(last.data[:80])}")


@must(EVENTS, on=ANTHROPIC_STREAM)
def nothing_follows_message_stop(exchange: Exchange) -> Iterator[Finding]:
    """Nothing stands behind `message_stop`.

    Clients have closed the message there; what follows is lost, or opens a second one.

    Fix: close the response after message_stop.
    """
    stops = of_kind(exchange, STOP)
    if not stops:
        raise Absent("no message_stop")
    behind = [event for event in whole(exchange)[stops[0].number + 1 :] if not event.done]
    if behind:
        yield Finding(behind[0].place, f"{kind(behind[0]) or shown(behind[0].data[:80])} behind message_stop")


@must(EVENTS, on=ANTHROPIC_STREAM, relay=SHOULD)
def done_is_not_sent(exchange: Exchange) -> Iterator[Finding]:
    """A Messages stream has no `data: [DONE]`.

    That is OpenAI's word. A client that parses every payload fails on it, after the whole answer has come.

    Fix: end with message_stop.
    """
    done = next((event for event in whole(exchange) if event.done), None)
    if done is not None:
        yield Finding(done.place, "[DONE] in a Messages stream")


@must(EVENTS, on=ANTHROPIC_STREAM)
def message_delta_stands_behind_the_blocks(exchange: Exchange) -> Iterator[Finding]:
    """`message_delta`, with the stop_reason and the usage, comes after the last block and before `message_stop`.

    It is all that says why the answer ended and what it costs. new-api is known to leave it out when the upstream
    sent no usage.

    Fix: send it always; count the tokens yourself where the upstream does not.
    """
    if broken(exchange):
        raise Absent("an error was reported")
    ends = of_kind(exchange, END)
    if not ends:
        if of_kind(exchange, STOP):
            yield Finding(of_kind(exchange, STOP)[0].place, "no message_delta before message_stop")
        return
    late = [event for event in of_kind(exchange, OPEN, DELTA, CLOSE) if event.number > ends[0].number]
    if late and not _joined_by_stop(exchange, ends[0], late[0]):
        yield Finding(late[0].place, f"{kind(late[0])} behind message_delta")


def _joined_by_stop(exchange: Exchange, first: Event, second: Event) -> bool:
    return any(first.number < stop.number < second.number for stop in of_kind(exchange, STOP))


@must(STREAM_LIB, on=ANTHROPIC_STREAM)
def every_block_is_closed(exchange: Exchange) -> Iterator[Finding]:
    """Every `content_block_start` has its `content_block_stop`.

    Clients run a tool, or show a block as done, when it closes. A block that never does is lost, or hangs.

    Fix: close the open block before the next one starts, and before message_delta.
    """
    if broken(exchange):
        raise Absent("an error was reported")
    for block in blocks(exchange):
        if block.stop is None:
            yield Finding(block.start.place, f"block {block.index} ({block.kind}) has no content_block_stop")


@must(EVENTS, on=ANTHROPIC_STREAM, relay=SHOULD)
def blocks_do_not_overlap(exchange: Exchange) -> Iterator[Finding]:
    """A block starts when the one before it is closed.

    Clients that keep one current block put the deltas of two into one. new-api is known to close the tool blocks of
    converted answers together at the end.

    Fix: gather one upstream call to its end before the next begins.
    """
    found = blocks(exchange)
    closed = {block.index for block in found if block.stop is not None}
    for block in found:
        open_still = [index for index in block.beside if index in closed and index != block.index]
        if open_still:
            yield Finding(block.start.place, f"block {block.index} starts while block {open_still[0]} is open")


@must(STREAM_LIB, on=ANTHROPIC_STREAM)
def block_indexes_count_from_zero(exchange: Exchange) -> Iterator[Finding]:
    """The blocks have the indexes 0, 1, 2, ... in the order in which they start, each once.

    Accumulators build the content by index: two blocks of one index overwrite each other, a hole raises.

    Fix: count the blocks yourself while converting, over text, thinking and tools together.
    """
    indexes = [block.index for block in blocks(exchange)]
    if indexes != list(range(len(indexes))):
        wrong = next(block for number, block in enumerate(blocks(exchange)) if block.index != number)
        yield Finding(wrong.start.place, f"indexes {indexes}")


@must(STREAM_LIB, on=ANTHROPIC_STREAM)
def deltas_belong_to_an_open_block(exchange: Exchange) -> Iterator[Finding]:
    """A delta or stop has the index of a block that is open.

    SDKs raise on an index that was never started, in the middle of the answer.

    Fix: send content_block_start first, and one index for all events of a block.
    """
    of_kind(exchange, DELTA, CLOSE)
    indexes = [block.index for block in walk(exchange).blocks]
    for event in walk(exchange).strays:
        index = event.body["index"]
        state = "is closed" if index in indexes else "was never started"
        yield Finding(event.place, f"{kind(event)} for block {index}, which {state}")


@must(DELTAS, on=ANTHROPIC_STREAM)
def deltas_fit_their_block(exchange: Exchange) -> Iterator[Finding]:
    """A block gets deltas of its own kind: text_delta for text, input_json_delta for tools, and so on.

    SDKs drop any other, or append it to a field that the block has not.

    Fix: close a block and open one of the other kind when the upstream changes over.
    """
    judged = [block for block in blocks(exchange) if block.kind in FITTING]
    if not any(block.deltas for block in judged):
        raise Absent("no deltas")
    for block in judged:
        for event in block.deltas:
            sort = get(event.body, "/delta/type", str)
            if sort is not None and sort not in FITTING[block.kind]:
                yield Finding(event.place, f"{sort} in a {block.kind} block")


@must(STREAM_LIB, on=ANTHROPIC_STREAM, needs=CONTENT)
def tool_input_is_a_json_object(exchange: Exchange) -> Iterator[Finding]:
    """The joined partial_json of a tool block is a JSON object, or nothing at all for no input.

    Every client parses it when the block closes. Pieces joined wrongly, sent twice or quoted twice fail here. Only
    where max_tokens cut the answer may the last one be half.

    Fix: start a call with empty input, and send each piece of the upstream's arguments once.
    """
    cut = {get(event.body, "/delta/stop_reason", str) for event in of_kind(exchange, END)} & {"max_tokens", "refusal"}
    found = blocks(exchange, "tool_use", "server_tool_use", "mcp_tool_use")
    for block in found:
        text = block.joined("partial_json")
        if text and not isinstance(_parsed(text), dict) and not ((cut or broken(exchange)) and block is found[-1]):
            yield Finding(block.start.place, f"the input of block {block.index} is no JSON object: {shown(text)}")


def _parsed(text: str) -> Any:
    try:
        return parse(text)
    except ValueError:
        return None


@must(DELTAS, on=ANTHROPIC_STREAM, relay=SHOULD)
def thinking_ends_with_its_signature(exchange: Exchange) -> Iterator[Finding]:
    """A thinking block ends with exactly one signature_delta, and that is not empty.

    The next turn sends the block back, and the model refuses one whose signature is lost or damaged.

    Fix: pass the signature on as one delta; leave thinking blocks out where the upstream signs none.
    """
    if broken(exchange):
        raise Absent("an error was reported")
    for block in blocks(exchange, "thinking"):
        sorts = [get(event.body, "/delta/type") for event in block.deltas]
        place = (block.deltas[-1] if block.deltas else block.start).place
        if "signature_delta" not in sorts:
            if not get(block.start.body, "/content_block/signature", str):
                yield Finding(place, f"block {block.index} has no signature_delta")
        elif sorts.count("signature_delta") > 1 or sorts[-1] != "signature_delta":
            times = sorts.count("signature_delta")
            yield Finding(place, f"block {block.index} has its signature {times} times, or not at its end")
        elif not block.joined("signature"):
            yield Finding(place, f"the signature of block {block.index} is empty")


@must(USAGE, on=ANTHROPIC_STREAM)
def message_start_counts_the_prompt(exchange: Exchange) -> Iterator[Finding]:
    """message_start counts the input: input_tokens, and what was read from the cache or written to it, are not all 0.

    Clients take the input from here, and only the output from message_delta. A 0 makes the prompt free.

    Fix: take the upstream's count; hold message_start back until it is known.
    """
    usage = started(exchange)
    if not is_a(usage.get("input_tokens"), int):
        raise Absent("told by the schema")
    if sum(usage[key] for key in COUNTS if is_a(usage.get(key), int)) < 1:
        place = of_kind(exchange, START)[0].place
        yield Finding(f"{place} /message/usage", shown({key: usage.get(key) for key in COUNTS}))


@must(USAGE, on=ANTHROPIC_STREAM, relay=SHOULD)
def input_is_counted_once(exchange: Exchange) -> Iterator[Finding]:
    """Where message_delta repeats the counts of the input, they are those of message_start.

    The prompt does not change while the answer is written. Two numbers are an estimate and a count, and the bill
    depends on which one a client read. Tools that the server runs itself are the exception.

    Fix: take both from one source.
    """
    first = started(exchange)
    if sum(first[key] for key in COUNTS if is_a(first.get(key), int)) < 1:
        raise Absent("told by message-start-counts-the-prompt")
    told = [event for event in of_kind(exchange, END) if is_a(get(event.body, "/usage/input_tokens"), int)]
    if not told or any(_ran_tools(event) for event in told) or _server_blocks(exchange):
        raise Absent("told once, or counted over several calls")
    for event in told:
        for key in COUNTS:
            before, after = first.get(key), event.body["usage"].get(key)
            if is_a(before, int) and is_a(after, int) and before != after:
                yield Finding(f"{event.place} /usage/{key}", f"{after}, but {before} in message_start")


def _ran_tools(event: Event) -> bool:
    return bool(get(event.body, "/usage/server_tool_use", dict))


def _server_blocks(exchange: Exchange) -> bool:
    known = ("text", "thinking", "redacted_thinking", "tool_use")
    return any(block.kind not in known for block in walk(exchange).blocks)


@must(USAGE, on=ANTHROPIC_STREAM)
def output_tokens_only_grow(exchange: Exchange) -> Iterator[Finding]:
    """`message_delta.usage.output_tokens` counts the whole answer: it is not smaller than what was told before.

    It is cumulative. A client that takes the last number bills too little when it is only the last piece.

    Fix: add up the pieces, or pass the upstream's number on.
    """
    last = get(started(exchange), "/output_tokens", int, 0)
    told = [event for event in of_kind(exchange, END) if is_a(get(event.body, "/usage/output_tokens"), int)]
    if not told:
        raise Absent("told by the schema")
    for event in told:
        now = event.body["usage"]["output_tokens"]
        if 0 < now < last:
            yield Finding(f"{event.place} /usage/output_tokens", f"{now} after {last}")
        last = max(now, last)


@must(EVENTS, on=ANTHROPIC_STREAM)
def stream_holds_no_error(exchange: Exchange) -> Iterator[Finding]:
    """A stream to a valid request holds no error.

    An error in the middle means that the answer broke off after it was begun; SDKs raise, and the text is lost.

    Fix: look at the upstream; retry before the first byte is sent.
    """
    if not exchange.events:
        raise Absent("no events")
    for event in exchange.events:
        if kind(event) == ERROR or event.body.get("error"):
            yield Finding(event.place, shown(event.body.get("error")))


@must(STREAMING, on=ANTHROPIC_STREAM, when=broken)
def nothing_follows_an_error(exchange: Exchange) -> Iterator[Finding]:
    """After an error event a stream ends.

    Text or message_stop behind it makes a client that misses the error take half an answer for a whole one.

    Fix: close the stream after the error.
    """
    first = next(event for event in exchange.events if kind(event) == ERROR or event.body.get("error"))
    for event in exchange.events[first.number + 1 :]:
        if kind(event) in (OPEN, DELTA, CLOSE, END, STOP, START):
            yield Finding(event.place, f"{kind(event)} behind an error")
            return
