"""What only a stream of GenerateContentResponse can get wrong: its form, its order, and the pieces of one answer.

The answer that the chunks add up to is judged by the rules of `gemini`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from relayproof import gemini
from relayproof.exchange import CONTENT, FRAMING, HEADERS, IDS, Exchange
from relayproof.pointer import Absent, find, get, is_a
from relayproof.rule import SHOULD, Finding, Source, must, should
from relayproof.rules import shapes
from relayproof.rules.gemini import CANDIDATE, RESPONSE, USAGE, asked, candidates, holds, runs_tools
from relayproof.schema import shown
from relayproof.streams.gemini import KNOWN, Chunk, chunks
from relayproof.surface import GEMINI_STREAM, wants_sse

CLIENT = Source("google-genai 3.4.0", "_api_client.py, HttpResponse.segments")
REST = Source("Gemini API reference", "models.streamGenerateContent", "2026-11-23")
PROTO = Source("googleapis", "google/api/http.proto, server streaming", "2026-11-23")
SHORT, LONG = 8, 20
FRAMING_ODDITIES = {
    "comment": "a comment",
    "no-space": "no space behind `data:`",
    "bom": "a byte order mark",
    "cr": "a lone carriage return",
}


def answers(exchange: Exchange) -> Iterator[Chunk]:
    """Every chunk that is no error."""
    return ((place, document) for place, document in chunks(exchange.answered) if not document.get("error"))


shapes.matches_schema("gemini_stream", "gemini/generate_response", RESPONSE, on=GEMINI_STREAM, documents=answers)


def sent(exchange: Exchange) -> list[Chunk]:
    """The chunks that are no errors. Raises Absent when there is none."""
    found = list(answers(exchange))
    if not found:
        raise Absent("no chunks")
    return found


def broken(exchange: Exchange) -> bool:
    """True when the stream reports an error."""
    return any(document.get("error") for _, document in chunks(exchange.answered))


def as_array(exchange: Exchange) -> bool:
    """True when a JSON array was asked for: a stream without alt=sse."""
    return "streamGenerateContent" in exchange.request.url and not wants_sse(exchange.request.url)


def as_events(exchange: Exchange) -> bool:
    """True when server-sent events were asked for."""
    return wants_sse(exchange.request.url)


@must(REST, on=GEMINI_STREAM, when=as_events)
def events_are_sent_for_alt_sse(exchange: Exchange) -> Iterator[Finding]:
    """With `alt=sse` events are sent, at least one of them with data.

    A client that asked for events reads lines; one JSON object, a page or nothing at all leaves it waiting or failing.

    Fix: pass the whole query on, and convert a whole upstream answer into events where it has no stream.
    """
    if not exchange.events:
        yield Finding("body", f"no events: {shown(exchange.answered.text[:120])}")


@must(PROTO, on=GEMINI_STREAM, relay=SHOULD, when=as_array)
def array_is_sent_without_alt_sse(exchange: Exchange) -> Iterator[Finding]:
    """Without `alt=sse` a stream is one JSON array of chunks.

    The plain HTTP clients of this form parse piece by piece, and begin at `[`. new-api answers with one object.

    Fix: pass the path and the query on; where the upstream sends events, write them as items of an array.
    """
    asked(exchange)
    if exchange.events:
        yield Finding("body", f"{len(exchange.events)} events instead of an array")
    elif not isinstance(exchange.answered.json, list):
        yield Finding("/", f"{shown(exchange.answered.json)[:120]} instead of an array")


@must(PROTO, on=GEMINI_STREAM, when=as_array)
def array_is_one_json_value(exchange: Exchange) -> Iterator[Finding]:
    """A stream without `alt=sse` is one JSON value, when it has come to its end.

    Most clients of this form parse it as a whole. A bracket that is never closed, two arrays, or a page break them.

    Fix: write `[` before the first chunk, `,` between two, and `]` behind the last, also when the upstream breaks off.
    """
    if exchange.events:
        raise Absent("told by array_is_sent_without_alt_sse")
    try:
        exchange.answered.json  # noqa: B018
    except Absent:
        yield Finding("body", f"no JSON value: {shown(exchange.answered.text[:120])}")


@must(REST, on=GEMINI_STREAM, needs=HEADERS, when=as_array)
def array_is_labelled_as_json(exchange: Exchange) -> Iterator[Finding]:
    """A stream as a JSON array has Content-Type `application/json`.

    Clients choose their parser by it.

    Fix: send `Content-Type: application/json` where you send an array.
    """
    exchange.answered.json  # noqa: B018
    kind = exchange.answered.content_type
    if not (kind == "application/json" or kind.endswith("+json")):
        yield Finding("header content-type", kind or "no media type")


@must(CLIENT, on=GEMINI_STREAM, needs=FRAMING, when=lambda exchange: bool(exchange.events))
def framing_is_googles(exchange: Exchange) -> Iterator[Finding]:
    """Events are framed as Google's client reads them: one `data: ` line each, no comments, no names, no [DONE].

    Google's SDK takes every other line for a piece of JSON, and raises: a `: PING`, an `event:` line or a `[DONE]`
    behind the answer ends it with an error.

    Fix: on Gemini paths write `data: {json}` and a blank line, nothing else, and just end.
    """
    seen = set()
    for oddity in exchange.answered.stream.oddities:
        if oddity.kind in FRAMING_ODDITIES and oddity.kind not in seen:
            seen.add(oddity.kind)
            yield Finding(f"byte {oddity.offset}", f"{FRAMING_ODDITIES[oddity.kind]}: {shown(oddity.text)}")
    for event in exchange.events:
        if event.done:
            yield Finding(event.place, "[DONE]")
        elif event.lines > 1 and isinstance(event.json, dict):
            yield Finding(event.place, f"one payload over {event.lines} data lines")
        elif event.name:
            yield Finding(event.place, f"event {shown(event.name)}")
        else:
            continue
        return


@must(RESPONSE, on=GEMINI_STREAM)
def stream_holds_an_answer(exchange: Exchange) -> Iterator[Finding]:
    """A stream holds a chunk with a candidate, or with the reason why the prompt was blocked.

    A 200 with nothing in it is a failure that was swallowed.

    Fix: answer with an error status when the upstream gives nothing.
    """
    found = chunks(exchange.answered)
    if broken(exchange) or (not found and not _is_empty(exchange)):
        raise Absent("an error was reported, or told by the rules of its form")
    if not any(key in document for _, document in found for key in KNOWN):
        yield Finding("body", f"no candidate in {len(found)} chunk(s): {exchange.answered.text[:120]}")


def _is_empty(exchange: Exchange) -> bool:
    return not exchange.events and exchange.answered.decoded.strip() == b"[]"


@must(RESPONSE, on=GEMINI_STREAM)
def stream_holds_no_error(exchange: Exchange) -> Iterator[Finding]:
    """A stream that has begun ends without an error.

    An error in the middle means that the answer broke off after it was begun; clients raise, and the text is lost.

    Fix: look at the upstream; retry before the first byte is sent.
    """
    found = chunks(exchange.answered)
    if not found:
        raise Absent("no chunks")
    for place, document in found:
        if document.get("error"):
            yield Finding(place, shown(document["error"]))


@must(RESPONSE, on=GEMINI_STREAM, when=broken)
def nothing_follows_an_error(exchange: Exchange) -> Iterator[Finding]:
    """No chunk follows an error in a stream.

    Text behind it makes a client that misses the error take half an answer for a whole one.

    Fix: close the stream after the error.
    """
    found = chunks(exchange.answered)
    first = next(number for number, (_, document) in enumerate(found) if document.get("error"))
    for place, document in found[first + 1 :]:
        if document.get("candidates"):
            yield Finding(place, "a chunk behind an error")
            return


def pieces(exchange: Exchange) -> dict[int, list[Chunk]]:
    """Every candidate's pieces in order, by its index: (place, candidate). Raises Absent when there is none."""
    gathered: dict[int, list[Chunk]] = {}
    for place, document in sent(exchange):
        for at, candidate in find(document, "/candidates/*", dict):
            if is_a(candidate.get("index", 0), int):
                gathered.setdefault(candidate.get("index", 0), []).append((f"{place} {at}".strip(), candidate))
    if not gathered:
        raise Absent("no candidates")
    return gathered


@must(CANDIDATE, on=GEMINI_STREAM)
def last_chunk_has_the_finish_reason(exchange: Exchange) -> Iterator[Finding]:
    """The last chunk of each candidate has its finishReason.

    Google sends no [DONE]: without a reason a client can't tell a whole answer from a cut one.

    Fix: pass the upstream's last chunk on, or send one with finishReason STOP.
    """
    if broken(exchange):
        raise Absent("an error was reported")
    for index, parts in pieces(exchange).items():
        place, last = parts[-1]
        if not last.get("finishReason") and "finish_reason" not in last:
            earlier = next((where for where, each in parts if each.get("finishReason")), None)
            what = f"candidate {index} ends without a finishReason"
            yield Finding(f"{place}/finishReason", what + (f"; it stands in {earlier}" if earlier else ""))


@must(CANDIDATE, on=GEMINI_STREAM, when=lambda exchange: not runs_tools(exchange))
def finish_reason_stands_in_the_last_chunk_only(exchange: Exchange) -> Iterator[Finding]:
    """No chunk but the last of a candidate has a finishReason.

    Clients stop reading at it, and lose what follows. Only where the server runs code between two parts does Google
    send a reason in the middle.

    Fix: leave finishReason out of every chunk before the last.
    """
    for parts in pieces(exchange).values():
        for number, (place, each) in enumerate(parts[:-1]):
            if each.get("finishReason") and any(holds(later) for _, later in parts[number + 1 :]):
                yield Finding(f"{place}/finishReason", f"{shown(each['finishReason'])}, and more behind it")
                break
            if each.get("finishReason") and each["finishReason"] != parts[-1][1].get("finishReason"):
                later = shown(parts[-1][1].get("finishReason"))
                yield Finding(f"{place}/finishReason", f"{shown(each['finishReason'])}, later {later}")
                break


@must(USAGE, on=GEMINI_STREAM)
def usage_is_told(exchange: Exchange) -> Iterator[Finding]:
    """A stream tells its token counts in usageMetadata.

    Buyers check their bill against it, and gateways meter by it; without it nobody can.

    Fix: pass usageMetadata on; count yourself where the upstream sends none.
    """
    if broken(exchange) or not exchange.json:
        raise Absent("an error was reported")
    if any("usage_metadata" in document for _, document in sent(exchange)):
        raise Absent("told by the schema")
    told = [usage for _, document in sent(exchange) for _, usage in find(document, "/usageMetadata", dict)]
    if not any(is_a(usage.get(key), int) for usage in told for key in ("totalTokenCount", "candidatesTokenCount")):
        yield Finding("usageMetadata", f"no totalTokenCount in {len(sent(exchange))} chunk(s)")


@should(USAGE, on=GEMINI_STREAM)
def last_chunk_has_the_usage(exchange: Exchange) -> Iterator[Finding]:
    """The last chunk has usageMetadata: its counts are those of the whole answer.

    Clients read the last chunk; in those before it the counts are of what has been sent so far.

    Fix: pass the upstream's last chunk on as a whole.
    """
    found = sent(exchange)
    if broken(exchange) or not any(isinstance(document.get("usageMetadata"), dict) for _, document in found):
        raise Absent("told by usage_is_told")
    place, last = found[-1]
    if not isinstance(last.get("usageMetadata"), dict):
        yield Finding(f"{place} /usageMetadata".strip(), shown(last.get("usageMetadata")))


def _counts(exchange: Exchange, name: str) -> list[tuple[str, int, int]]:
    """(place, count, bytes said in this chunk) of the chunks that tell this count."""
    found = []
    for place, document in sent(exchange):
        tokens = get(document, f"/usageMetadata/{name}", int)
        if tokens is not None:
            found.append((place, int(tokens), _size(document)))
    return found


def _size(document: dict[str, Any]) -> int:
    texts = [gemini.said(get(each, "/content")) for _, each in find(document, "/candidates/*", dict)]
    texts += [json.dumps(call) for _, call in find(document, "/candidates/*/content/parts/*/functionCall", dict)]
    return sum(len(text.encode(errors="replace")) for text in texts)


@must(USAGE, on=GEMINI_STREAM, needs=CONTENT)
def usage_grows_with_the_answer(exchange: Exchange) -> Iterator[Finding]:
    """candidatesTokenCount counts what has been sent so far: it is larger after more text.

    The last count is the bill. A relay that hands the first chunk's counts on with every chunk bills three tokens for
    a page. With several candidates a chunk may count them all.

    Fix: pass each chunk's own usageMetadata on.
    """
    if len(candidates(exchange)) > 1:
        raise Absent("several candidates")
    told = _counts(exchange, "candidatesTokenCount")
    grown = [(place, tokens, size) for place, tokens, size in told[1:] if size]
    first = next((tokens for _, tokens, _ in told), 0)
    if first < 1 or not grown:
        raise Absent("nothing was said behind the first count")
    place, last, _ = told[-1]
    if last <= first:
        said = sum(size for _, _, size in grown)
        yield Finding(f"{place} /usageMetadata/candidatesTokenCount".strip(), f"{last}, as {said:,} bytes before")


@must(USAGE, on=GEMINI_STREAM, when=lambda exchange: not runs_tools(exchange))
def output_counts_only_grow(exchange: Exchange) -> Iterator[Finding]:
    """candidatesTokenCount and thoughtsTokenCount never become smaller from chunk to chunk.

    They are running totals. A client that takes the last number bills too little when it is only the last piece.

    Fix: add up the pieces, or pass the upstream's numbers on.
    """
    judged = False
    for name in ("candidatesTokenCount", "thoughtsTokenCount"):
        told = _counts(exchange, name)
        judged = judged or len(told) > 1
        for (_, before, _), (place, after, _) in pairwise(told):
            if after < before:
                yield Finding(f"{place} /usageMetadata/{name}".strip(), f"{after} after {before}")
                break
    if not judged:
        raise Absent("told once")


@must(RESPONSE, on=GEMINI_STREAM, needs=IDS, relay=SHOULD)
def response_id_is_constant(exchange: Exchange) -> Iterator[Finding]:
    """`responseId` is the same in every chunk.

    A new id in the middle is another answer: a retry poured into the same stream.

    Fix: pass the upstream's id on; do not retry after the first byte.
    """
    yield from _changed(exchange, "responseId")


@should(RESPONSE, on=GEMINI_STREAM)
def model_version_is_constant(exchange: Exchange) -> Iterator[Finding]:
    """`modelVersion` is the same in every chunk.

    One answer is written by one model.

    Fix: pass the upstream's on.
    """
    yield from _changed(exchange, "modelVersion")


def _changed(exchange: Exchange, key: str) -> Iterator[Finding]:
    told = [(place, document[key]) for place, document in sent(exchange) if document.get(key)]
    if len(told) < 2:
        raise Absent("told once")
    for place, value in told[1:]:
        if value != told[0][1]:
            yield Finding(f"{place} /{key}".strip(), f"{shown(value)} after {shown(told[0][1])}")
            return


@must(CANDIDATE, on=GEMINI_STREAM, needs=CONTENT)
def chunks_hold_only_what_is_new(exchange: Exchange) -> Iterator[Finding]:
    """Each chunk holds the text that is new, not what was sent before, and not the whole answer again at the end.

    Clients join the texts: what is sent twice is shown twice.

    Fix: send the difference where the upstream sends the whole so far.
    """
    every = [texts for parts in pieces(exchange).values() if len(texts := _texts(parts)) > 1]
    if not every:
        raise Absent("too short to tell")
    for texts in every:
        what = _again([text for _, text in texts])
        if what:
            yield Finding(texts[-1][0], f"{what}: {shown(texts[-1][1][:60])}")


def _again(texts: list[str]) -> str:
    """What is sent again, in words; "" when nothing is."""
    before = "".join(texts[:-1]).strip()
    if len(before) >= LONG and texts[-1].strip() == before:
        return "the whole text again at the end"
    if len(texts) > 2 and len(texts[-2]) >= SHORT and all(b.startswith(a) for a, b in pairwise(texts)):
        return "each chunk begins with all that was sent before"
    if len(set(texts)) > 2 and len(before) >= LONG and texts[::2] == texts[1::2]:
        return "each chunk came twice"
    return ""


def _texts(parts: list[Chunk]) -> list[tuple[str, str]]:
    return [(place, text) for place, each in parts if (text := gemini.said(get(each, "/content")))]


@must(RESPONSE, on=GEMINI_STREAM)
def calls_have_names(exchange: Exchange) -> Iterator[Finding]:
    """A function call has a name, and all of it comes in one part.

    Gemini sends a call whole. Converters that make a part of each fragment of OpenAI's arguments send parts without a
    name, which no client can call. Only with streamed arguments (willContinue) does a call go on in the next part.

    Fix: join the fragments of a call, and send it when it is complete.
    """
    found = list(exchange.find("/candidates/*/content/parts/*/functionCall", dict))
    if not found:
        raise Absent("no call")
    for at, call in found:
        if "name" not in call:
            yield Finding(f"{at}/name", f"missing: {shown(call)}")
