"""Breaks of the framing, and the raw server that they need: no HTTP library writes a wrong length or half a chunk."""

from __future__ import annotations

import asyncio
import contextlib
import http
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from relayproof.faults.answer import Answer
from relayproof.faults.fault import Wire
from relayproof.faults.relay import FaultyRelay

START_SECONDS = 10
SINGLY = 600
Pieces = list[bytes | None]


def head(answer: Answer, *more: str, without: str = "", line: str = "") -> bytes:
    """The status line and the headers, framing headers left out, and `more` lines behind them."""
    left_out = {"content-length", "transfer-encoding", "connection", without}
    word = http.HTTPStatus(answer.status).phrase if answer.status in list(http.HTTPStatus) else "Unknown"
    lines = [line or f"HTTP/1.1 {answer.status} {word}"]
    lines += [f"{name}: {value}" for name, value in answer.headers if name not in left_out]
    return "\r\n".join([*lines, *more, "connection: close", "", ""]).encode("latin-1")


def chunk(piece: bytes) -> bytes:
    """A piece as a chunk of HTTP/1.1."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def plain(answer: Answer) -> Pieces:
    """The right way: a length for a whole body, chunks for a stream."""
    if answer.streamed:
        return [head(answer, "transfer-encoding: chunked"), *map(chunk, answer.pieces), b"0\r\n\r\n"]
    return [head(answer, f"content-length: {len(answer.body)}"), answer.body]


def in_single_bytes(answer: Answer) -> Pieces:
    """One byte a write, for a while: legal, and every character of Chinese text is cut."""
    raw = b"".join(piece or b"" for piece in plain(answer))
    return [*(bytes([byte]) for byte in raw[:SINGLY]), raw[SINGLY:]]


def in_tiny_chunks(answer: Answer) -> Pieces:
    """Chunks of three bytes for a while, for whole bodies too: legal."""
    body = answer.body
    chunks = [chunk(body[at : at + 3]) for at in range(0, len(body[:SINGLY]), 3)]
    rest = [chunk(body[SINGLY:])] if body[SINGLY:] else []
    return [head(answer, "transfer-encoding: chunked"), *chunks, *rest, b"0\r\n\r\n"]


def until_closed(answer: Answer) -> Pieces:
    """No length at all: the body ends where the connection does, as in HTTP/1.0. Legal."""
    return [head(answer), *answer.pieces]


def cut_in_the_middle(answer: Answer) -> Pieces:
    """The connection closes after half of what was announced."""
    if answer.streamed:
        return [head(answer, "transfer-encoding: chunked"), *map(chunk, answer.pieces[: len(answer.pieces) // 2])]
    return [head(answer, f"content-length: {len(answer.body)}"), answer.body[: len(answer.body) // 2]]


def reset_in_the_middle(answer: Answer) -> Pieces:
    """The connection is reset after half of what was announced."""
    return [*cut_in_the_middle(answer), None]


def cut_before_the_last_chunk(answer: Answer) -> Pieces:
    """All is said, but the empty chunk that ends a body never comes."""
    return [head(answer, "transfer-encoding: chunked"), *map(chunk, answer.pieces)]


def nothing_at_all(answer: Answer) -> Pieces:
    """The connection closes without a word."""
    return []


def only_a_head(answer: Answer) -> Pieces:
    """Status and headers, then the connection closes."""
    return [head(answer, f"content-length: {max(len(answer.body), 1)}")]


def length_too_small(answer: Answer) -> Pieces:
    """Content-Length is that of the text in characters, not of its bytes, or ten less."""
    length = min(len(answer.body.decode(errors="replace")), len(answer.body) - 10)
    return [head(answer, f"content-length: {max(length, 0)}"), answer.body]


def length_too_large(answer: Answer) -> Pieces:
    """Content-Length promises ten bytes that never come."""
    return [head(answer, f"content-length: {len(answer.body) + 10}"), answer.body]


def two_lengths(answer: Answer) -> Pieces:
    """Two Content-Length headers that differ."""
    return [head(answer, f"content-length: {len(answer.body)}", "content-length: 10"), answer.body]


def length_is_no_number(answer: Answer) -> Pieces:
    """Content-Length is a word."""
    return [head(answer, "content-length: undefined"), answer.body]


def chunked_twice(answer: Answer) -> Pieces:
    """Two lines of Transfer-Encoding: chunked."""
    more = ("transfer-encoding: chunked", "transfer-encoding: chunked")
    return [head(answer, *more), *map(chunk, answer.pieces), b"0\r\n\r\n"]


def chunked_but_plain(answer: Answer) -> Pieces:
    """Chunked by the header, plain on the wire."""
    return [head(answer, "transfer-encoding: chunked"), answer.body]


def chunk_sizes_wrong(answer: Answer) -> Pieces:
    """The size of a chunk counts one byte too many."""
    broken = [b"%x\r\n%b\r\n" % (len(piece) + 1, piece) for piece in answer.pieces]
    return [head(answer, "transfer-encoding: chunked"), *broken, b"0\r\n\r\n"]


def header_without_colon(answer: Answer) -> Pieces:
    """A header line that is none."""
    return [head(answer, f"content-length: {len(answer.body)}", "this line is no header"), answer.body]


def no_http(answer: Answer) -> Pieces:
    """A body without a status line."""
    return [answer.body + b"\r\n\r\n"]


def status_line_broken(answer: Answer) -> Pieces:
    """A status line without a number."""
    return [head(answer, f"content-length: {len(answer.body)}", line="HTTP/1.1 OK"), answer.body]


@contextlib.contextmanager
def serving(relay: FaultyRelay, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve a faulty relay whose fault breaks the framing, in a thread; yields its base URL. Raises OSError."""
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), []

    async def main() -> None:
        stop = asyncio.Event()
        server = await asyncio.start_server(_Connection(relay).serve, host, port)
        found.extend([server.sockets[0].getsockname()[1], stop])
        ready.set()
        async with server:
            await stop.wait()
        if open_still := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in open_still:
                task.cancel()
            await asyncio.wait(open_still, timeout=1)

    def work() -> None:
        try:
            loop.run_until_complete(main())
        except OSError as error:
            found.append(error)
            ready.set()
        finally:
            loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ready.wait(START_SECONDS)
    if isinstance(found[0], OSError):
        raise found[0]
    try:
        yield f"http://{host}:{found[0]}"
    finally:
        loop.call_soon_threadsafe(found[1].set)
        thread.join(START_SECONDS)


class _Connection:
    """One request a connection, written as the fault wants."""

    def __init__(self, relay: FaultyRelay) -> None:
        self.relay = relay
        self.wire = next(each for each in relay.fault.breaks if isinstance(each, Wire))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            scope, body = await _request(reader)
            answer = await self.relay.answer(scope, body)
            await _write(writer, self._pieces(scope, answer), answer.gap)
        writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()

    def _pieces(self, scope: dict[str, Any], answer: Answer) -> Pieces:
        fault = self.relay.fault
        broken = (not fault.on or answer.asked.surface in fault.on) and fault.when(answer)
        return self.wire.write(answer) if broken else plain(answer)


async def _request(reader: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    pairs = [line.split(":", 1) for line in lines[1:] if ":" in line]
    headers = [(name.strip().lower().encode("latin-1"), value.strip().encode("latin-1")) for name, value in pairs]
    length = int(next((value for name, value in headers if name == b"content-length"), b"0"))
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": unquote(path),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": headers,
        "server": None,
        "client": None,
    }
    return scope, await reader.readexactly(length)


async def _write(writer: asyncio.StreamWriter, pieces: Pieces, gap: float) -> None:
    for piece in pieces:
        if piece is None:
            writer.transport.abort()
            return
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(gap)
