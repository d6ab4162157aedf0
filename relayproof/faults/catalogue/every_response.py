"""What any response can get wrong: headers, encodings, framing, lines of a stream, time, and connections that break."""

from __future__ import annotations

import json
import re

from relayproof.faults import transport
from relayproof.faults.answer import Frame
from relayproof.faults.document import change, only, put
from relayproof.faults.fault import WARNS, Family, Wire, anyhow, refused
from relayproof.faults.parameters import every
from relayproof.faults.reply import body, gzipped, header, header_again, headers_gone, instead
from relayproof.faults.stream import done, first, frames, insert, middle, not_first, whole, written
from relayproof.surface import CHAT, CHAT_STREAM, ERRORS, MODELS

# fmt: off
# A table: a row is a line.

common = Family("common", (), (MODELS, CHAT), when=anyhow)
json_answers = Family("common", (MODELS, CHAT), (MODELS, CHAT))
streams = Family("common", (CHAT_STREAM,))
chat_stream = Family("chat-stream", (CHAT_STREAM,))
browsers = Family("common", (), (ERRORS,), when=anyhow)
everything = Family("common", (), (MODELS, CHAT, CHAT_STREAM), when=anyhow)
chats = Family("common", (CHAT, CHAT_STREAM), (CHAT, CHAT_STREAM))

# Headers and encodings


def _in_blocks_of_seven(given: bytes) -> bytes:
    return b"".join(given[at : at + 7].decode(errors="replace").encode() for at in range(0, len(given), 7))


ENCODING, CUT, ONE = "every-response/content-encoding-is-true", "every-response/arrives-whole", "every-response/body-is-one-json-value"
json_answers.seen("header-gzip-body-unlabelled", "A packed body has no Content-Encoding.", gzipped(labelled=False), by=(ENCODING, ONE))
json_answers.seen("json-charset-latin1", "UTF-8 is labelled ISO-8859-1.", header("content-type", "application/json; charset=iso-8859-1"), by="every-response/text-is-utf-8")
json_answers.seen("json-trailing-garbage", "A line of JSON stands behind the document.", body(lambda given: given + b'\n{"log":"ok"}'), by=ONE)
browsers.seen("cors-duplicate-allow-origin", "Access-Control-Allow-Origin comes twice.", header_again("access-control-allow-origin", "*"), header_again("access-control-allow-origin", "*"), by="every-response/cors-origin-*")
browsers.seen("cors-preflight-401", "A preflight is refused with 401.", only(lambda answer: answer.asked.method == "OPTIONS", instead(b"", 401), headers_gone("access-control")), by="errors/preflight-*", verdict=WARNS)
browsers.seen("origin-header-403", "A request with an Origin header is refused.", only(lambda answer: "origin" in answer.asked.headers and answer.asked.method != "OPTIONS", instead(b"", 403)), by="errors/origin-*", verdict=WARNS)
chats.seen("model-substituted-cheaper", "Another model answers every fifth request.", only(every(5, "cheap"), put("/model", "gpt-3.5-turbo")), by=("chat/model-is-the-one-asked-for", "chat-stream/model-*"))
chats.seen("model-echo-provider-prefix", "`model` carries a provider's prefix.", change("/model", lambda model: f"hosted_vllm/{model}"), by="chat/model-is-named-plainly", verdict=WARNS)
json_answers.sibling("json-leading-garbage", "A log line stands before the document.", body(lambda given: b"INFO ok\n" + given), by=ONE)
json_answers.sibling("json-bom", "A byte order mark stands before the document.", body(lambda given: b"\xef\xbb\xbf" + given), by=ONE)
json_answers.sibling("json-cut", "The document breaks off, and its length is right.", body(lambda given: given[:-20]), by=ONE)
json_answers.sibling("json-single-quotes", "The document is Python's, not JSON.", body(lambda given: given.replace(b'"', b"'")), by=ONE)
json_answers.sibling("json-nan", "A number is NaN.", body(lambda given: given.replace(b'"created":', b'"score":NaN,"created":', 1)), by="every-response/body-is-one-json-value")
json_answers.sibling("json-as-event", "A whole answer comes as one server-sent event.", body(lambda given: b"data: " + given + b"\n\n"), by=ONE)
json_answers.sibling("json-in-a-text", "The document is a JSON text that holds JSON.", instead(lambda answer: '"' + answer.body.decode().replace("\\", "\\\\").replace('"', '\\"') + '"'), by=("chat/matches-schema", "models/*matches-schema"))
json_answers.sibling("json-charset-gbk", "UTF-8 is labelled GBK.", header("content-type", "application/json; charset=gbk"), by="every-response/text-is-utf-8")
json_answers.sibling("json-twice", "The document comes twice.", body(lambda given: given + given), by=ONE)
json_answers.sibling("gzip-label-without-gzip", "Plain bodies are labelled gzip.", header("content-encoding", "gzip"), by=(ENCODING, CUT))
json_answers.sibling("gzip-twice", "The body is packed twice and labelled once.", gzipped(labelled=False), gzipped(labelled=True), by=(ENCODING, ONE))
json_answers.sibling("gzip-label-on-deflate", "Bodies are labelled deflate and packed by gzip.", gzipped(labelled=False), header("content-encoding", "deflate"), by=(ENCODING, ONE))
json_answers.sibling("gzip-cut", "The packed body breaks off.", gzipped(labelled=True), body(lambda given: given[:-12]), by=(ENCODING, ONE))
json_answers.sibling("content-type-twice", "Content-Type comes twice.", header_again("content-type", "text/plain"), by="every-response/single-headers-*")
json_answers.sibling("content-type-html", "JSON is labelled as a web page.", header("content-type", "text/html"), by="every-response/json-is-labelled-*")
json_answers.sibling("content-type-event-stream", "JSON is labelled as a stream.", header("content-type", "text/event-stream"), by="every-response/json-is-labelled-*")
browsers.sibling("cors-two-origins", "Access-Control-Allow-Origin names two origins.", header("access-control-allow-origin", "https://a.example, *"), by="every-response/cors-origin-*")
browsers.sibling("cors-preflight-405", "A preflight finds no such method.", only(lambda answer: answer.asked.method == "OPTIONS", instead({"error": {"message": "no", "type": "x", "param": None, "code": None}}, 500)), by="errors/preflight-*", verdict=WARNS)
everything.sibling("request-id-constant", "All answers have one request id.", header("x-request-id", "req_1"), by="every-response/request-ids-differ")
everything.harmless("request-id-missing", "No answer has a request id.", headers_gone("x-request-id"))
everything.harmless("headers-unknown", "Answers carry headers that nobody knows.", header("x-relay-channel", "7"), header("server", "relay"))
json_answers.harmless("gzip-right", "Whole answers are packed and labelled.", gzipped(labelled=True))
json_answers.harmless("json-indented", "JSON is indented and ends with a line break.", body(lambda given: json.dumps(json.loads(given), indent=1).encode() + b"\n"))
json_answers.harmless("json-charset-utf-8", "JSON names its charset.", header("content-type", "application/json; charset=utf-8"))

# Lines of a stream

GRAMMAR = ("chat-stream/every-line-*", "chat-stream/every-payload-*")


def _numbered(given: list[Frame]) -> list[Frame]:
    return [Frame(raw=f"id: {number}\n".encode() + frame.bytes()) for number, frame in enumerate(given)]


def _pretty(piece: bytes) -> bytes:
    return piece.replace(b'{"id"', b'{\ndata:  "id"')


def _merged(given: list[Frame]) -> list[Frame]:
    at = len(given) // 2
    return [Frame(raw=frame.bytes()[:-1]) if number == at else frame for number, frame in enumerate(given)]


def _split(given: list[Frame]) -> list[Frame]:
    at = len(given) // 2
    return [Frame(raw=frame.bytes()[:40] + b"\n\n" + frame.bytes()[40:]) if number == at else frame for number, frame in enumerate(given)]


streams.seen("sse-utf8-replacement-chars", "Characters at the border of a block become U+FFFD.", whole(_in_blocks_of_seven), by="every-response/no-character-is-lost")
streams.seen("sse-multiline-json", "A payload stands on several data lines.", written(_pretty), by="chat-stream/framing-is-plain", verdict=WARNS)
streams.seen("sse-crlf", "Lines end with CRLF.", written(lambda piece: piece.replace(b"\n", b"\r\n")), by="chat-stream/framing-is-plain", verdict=WARNS)
streams.seen("sse-events-merged", "No blank line stands between two events.", frames(_merged), by="chat-stream/every-payload-is-json")
chat_stream.seen("sse-keepalive-comment-blank-line", "Events have ids, and a comment has a blank line of its own.", frames(_numbered), insert(b": ping\n\n", middle), by="chat-stream/comments-stand-*", verdict=WARNS)
chat_stream.seen("sse-comment-metadata-lines", "Comments with the relay's notes stand before the end.", insert(b": x-relay-cost=0.0001\n", done), by="chat-stream/framing-is-plain", verdict=WARNS)
chat_stream.seen("sse-event-keepalive-no-data", "An event comes without data, to keep the line open.", insert(b"event: keepalive\n\n", middle), by="chat-stream/events-carry-data")
streams.sibling("sse-event-split", "A blank line stands in the middle of an event.", frames(_split), by=GRAMMAR)
streams.sibling("sse-no-space", "No space stands behind `data:`.", written(lambda piece: piece.replace(b"data: ", b"data:")), by="chat-stream/framing-is-plain", verdict=WARNS)
streams.sibling("sse-cr", "Lines end with CR alone.", written(lambda piece: piece.replace(b"\n", b"\r")), by="chat-stream/framing-is-plain", verdict=WARNS)
streams.sibling("sse-bom", "A byte order mark stands before the first event.", insert(b"\xef\xbb\xbf", first), by="chat-stream/framing-is-plain", verdict=WARNS)
streams.sibling("sse-one-line-break", "Events end with one line break.", written(lambda piece: piece.replace(b"\n\n", b"\n")), by=GRAMMAR)
streams.sibling("sse-literal-line-breaks", "Line breaks are written as backslash and n.", written(lambda piece: piece.replace(b"\n\n", b"\\n\\n")), by=("chat-stream/every-payload-*", "chat-stream/stream-holds-an-answer"))
streams.sibling("sse-event-names", "Every event has a name.", written(lambda piece: b"event: message\n" + piece), by=("chat-stream/framing-*", "chat-stream/events-*"), verdict=WARNS)
streams.sibling("sse-data-data", "`data: ` stands there twice.", written(lambda piece: piece.replace(b"data: ", b"data: data: ", 1)), by="chat-stream/every-payload-*")
streams.sibling("sse-bare-json-line", "A bare line of JSON stands between the events.", insert(b'{"error":{"message":"upstream"}}\n', middle), by="chat-stream/every-line-*")
streams.sibling("sse-log-line", "A line of a log stands between the events.", insert(b"[GIN] 2026/01/01 | 200 | POST /v1/chat/completions\n\n", middle), by="chat-stream/every-line-*")
streams.sibling("sse-empty-data", "An event has empty data.", insert(b"data: \n\n", middle), by="chat-stream/events-carry-data")
streams.sibling("sse-ping-event", "An event named ping has no JSON.", insert(b"event: ping\ndata: ping\n\n", middle), by="chat-stream/every-payload-*")
streams.sibling("sse-payload-null", "A payload is null.", insert(b"data: null\n\n", middle), by="chat-stream/every-payload-*")
streams.sibling("sse-payload-list", "Payloads are lists of one chunk.", written(lambda piece: piece.replace(b"data: {", b"data: [{").replace(b"}\n\n", b"}]\n\n")), by="chat-stream/every-payload-*")
streams.sibling("sse-payload-broken", "A payload breaks off.", frames(lambda given: [Frame(raw=frame.bytes()[:-9] + b"\n\n") if number == len(given) // 2 else frame for number, frame in enumerate(given)]), by="chat-stream/every-payload-*")
streams.sibling("sse-base64", "Payloads are in base64.", written(lambda piece: piece.replace(b"data: {", b"data: eyJ")), by="chat-stream/every-payload-*")
streams.sibling("sse-trailing-page", "A web page stands behind the stream.", whole(lambda given: given + b"<html>Bad gateway</html>"), by=("chat-stream/every-line-*", "chat-stream/done-*"))
streams.sibling("sse-utf8-cut", "A character of several bytes loses its last byte.", whole(lambda given: re.sub(rb"[\xe4-\xe9]..", lambda found: found.group()[:2], given, count=1)), by="every-response/no-character-is-lost")
streams.harmless("sse-retry-field", "The stream says how long to wait before a new try.", insert(b"retry: 3000\n\n", first))
streams.harmless("sse-keepalive-comment", "Comments keep the line open.", insert(b": keepalive\n", not_first))

# Framing and connections

WHOLE = Family("common", (CHAT,))
STREAMED = Family("common", (CHAT_STREAM,))
BOTH = Family("common", (CHAT, CHAT_STREAM), (CHAT, CHAT_STREAM))
REFUSALS = Family("common", (CHAT,), (CHAT, ERRORS), when=refused)
STREAMED.seen("header-transfer-encoding-twice", "Transfer-Encoding: chunked comes twice.", Wire(transport.chunked_twice), by=("every-response/single-headers-*", CUT))
WHOLE.sibling("length-too-small", "Content-Length counts letters, not bytes.", Wire(transport.length_too_small), by="every-response/body-is-one-json-value")
WHOLE.sibling("length-too-large", "Content-Length promises more than comes.", Wire(transport.length_too_large), by=CUT)
WHOLE.sibling("two-lengths", "Two Content-Length headers differ.", Wire(transport.two_lengths), by="every-response/arrives-whole")
WHOLE.sibling("length-is-no-number", "Content-Length is a word.", Wire(transport.length_is_no_number), by="every-response/arrives-whole")
BOTH.sibling("connection-cut", "The connection closes in the middle of the answer.", Wire(transport.cut_in_the_middle), by=CUT)
BOTH.sibling("connection-reset", "The connection is reset in the middle of the answer.", Wire(transport.reset_in_the_middle), by=CUT)
STREAMED.sibling("last-chunk-missing", "The empty chunk that ends the body never comes.", Wire(transport.cut_before_the_last_chunk), by=CUT)
STREAMED.sibling("chunked-but-plain", "The body is chunked by its header only.", Wire(transport.chunked_but_plain), by="every-response/arrives-whole")
STREAMED.sibling("chunk-sizes-wrong", "The sizes of the chunks are wrong.", Wire(transport.chunk_sizes_wrong), by="every-response/arrives-whole")
BOTH.sibling("no-answer-at-all", "The connection closes without a word.", Wire(transport.nothing_at_all), by=CUT)
WHOLE.sibling("only-a-head", "Status and headers come, and no body.", Wire(transport.only_a_head), by=CUT)
BOTH.sibling("header-without-colon", "A header line is none.", Wire(transport.header_without_colon), by="every-response/arrives-whole")
WHOLE.sibling("no-http", "A body comes without a status line.", Wire(transport.no_http), by="every-response/arrives-whole")
WHOLE.sibling("status-line-broken", "The status line has no number.", Wire(transport.status_line_broken), by="every-response/arrives-whole")
REFUSALS.sibling("refusal-cut", "Refusals break off.", Wire(transport.cut_in_the_middle), by=CUT)
BOTH.harmless("single-bytes", "Every byte comes alone: characters and events are cut.", Wire(transport.in_single_bytes))
BOTH.harmless("tiny-chunks", "Bodies come in chunks of three bytes.", Wire(transport.in_tiny_chunks))
BOTH.harmless("until-closed", "Bodies have no length: the connection's end is theirs.", Wire(transport.until_closed))
