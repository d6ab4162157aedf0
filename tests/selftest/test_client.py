"""The client against servers of every kind: always an exchange, never an exception, and the key in none of it."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from rawserver import free_address, raw, wait_for_end

from relayproof.exchange import Ended, Exchange
from relayproof.judge import FAILS, judge
from relayproof.probe import Call, File
from relayproof.relay import Key, Limits, Relay, Timeouts
from relayproof.rules import load
from relayproof.wire.budget import BudgetSpent, Spent
from relayproof.wire.client import WRONG_KEY, Client

KEY = "sk-proj-9fQ2hWm4ZbX7cV1nL8tR5yKe3aUo6jDs"
SHORT = Timeouts(connect=2, first_byte=0.2, gap=0.2, whole=2)
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHAT = Call("POST", "/v1/chat/completions", json={"model": "m", "messages": [{"role": "user", "content": "长城"}]})
POSSIBLE = Call("POST", "/v1/chat/completions", json={"model": "m", "prompt": "Hi there", "max_tokens": 64})
LISTING = Call("GET", "/v1/models")


def whole(body: bytes, head: bytes = JSON) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def asked(url: str, call: Call = LISTING, relay: Relay | None = None) -> Exchange:
    with Client(replace(relay or Relay("", Key(KEY), timeouts=SHORT), url=url)) as client:
        return client.send(call)


def broken_rules(exchange: Exchange) -> set[str]:
    result = judge([exchange], load().values())
    assert not result.errors, result.errors[0].trace
    return {verdict.rule for verdict in result.verdicts if verdict.outcome is FAILS and verdict.level == "must"}


def test_an_answer_is_kept_byte_for_byte() -> None:
    body = '{"object":  "list", "data": [], "x": "长城"}\n'.encode()
    with raw(whole(body, JSON + b"X-A: 1\r\nx-a: 2\r\n")) as url:
        exchange = asked(url)
    response = exchange.answered
    assert (exchange.id, exchange.failure, response.status, response.ended) == ("001", "", 200, Ended.COMPLETE)
    assert response.body == body
    assert [pair for pair in response.headers if pair[0].lower() == "x-a"] == [("X-A", "1"), ("x-a", "2")]
    assert sum(size for _, size in response.reads) == len(body)
    assert 0 <= response.reads[0][0] <= response.seconds


def test_a_chunked_answer_is_put_together_read_by_read() -> None:
    steps = [threading.Event(), threading.Event()]

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(JSON + b'Transfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n')
        steps[0].wait(5)
        connection.sendall(b'4\r\n": 1\r\n1\r\n}\r\n0\r\n\r\n')

    with raw(answer) as url, Client(Relay(url, Key(KEY))) as client:
        reading = client._read

        def read(*given: object) -> object:
            steps[0].set()
            return reading(*given)  # type: ignore[arg-type]

        client._read = read  # type: ignore[method-assign,assignment]
        response = client.send(LISTING).answered
    assert response.json == {"a": 1}
    assert sum(size for _, size in response.reads) == 8


def test_a_cut_connection_keeps_what_came() -> None:
    with raw(JSON + b'Content-Length: 500\r\n\r\n{"object"') as url:
        exchange = asked(url)
    assert (exchange.answered.body, exchange.answered.ended) == (b'{"object"', Ended.CUT)
    assert broken_rules(exchange) == {"every-response/arrives-whole"}


def test_a_cut_in_the_middle_of_a_chunk_keeps_what_came() -> None:
    with raw(JSON + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\nff\r\n 1') as url:
        exchange = asked(url)
    assert exchange.answered.ended is Ended.CUT
    assert exchange.answered.body.startswith(b'{"a":')


def test_a_length_that_is_too_small_is_believed() -> None:
    with raw(JSON + b'Content-Length: 4\r\n\r\n{"object": "list"}') as url:
        exchange = asked(url)
    assert exchange.answered.body == b'{"ob'
    assert "every-response/body-is-one-json-value" in broken_rules(exchange)


def test_a_gap_that_is_too_long_times_out_and_keeps_what_came() -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(JSON + b'Content-Length: 500\r\n\r\n{"object"')
        wait_for_end(connection)

    with raw(answer) as url:
        exchange = asked(url)
    assert (exchange.answered.body, exchange.answered.ended) == (b'{"object"', Ended.TIMED_OUT)
    assert broken_rules(exchange) == {"every-response/arrives-whole"}


def test_silence_is_a_failure_with_a_reason() -> None:
    with raw(lambda connection, request: wait_for_end(connection)) as url:
        exchange = asked(url)
    assert exchange.response is None
    assert exchange.failure.startswith("timed-out: no answer began")


def test_a_body_without_end_is_cut_off_at_the_limit() -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(JSON + b"\r\n")
        while True:
            connection.sendall(b"x" * 4096)

    with raw(answer) as url:
        exchange = asked(url, relay=Relay("", Key(KEY), limits=Limits(body=50_000), timeouts=SHORT))
    assert exchange.answered.ended is Ended.TOO_LARGE
    assert 50_000 < len(exchange.answered.body) < 50_000 + 10 * 65_536
    assert broken_rules(exchange) == {"every-response/arrives-whole"}


def test_a_body_that_trickles_without_end_is_cut_off_in_time() -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(JSON + b"\r\n")
        while True:
            connection.sendall(b"x")

    waits = Timeouts(connect=2, first_byte=1, gap=1, whole=0.1)
    with raw(answer) as url:
        exchange = asked(url, relay=Relay("", Key(KEY), limits=Limits(body=2**40), timeouts=waits))
    assert exchange.answered.ended is Ended.TIMED_OUT


@pytest.mark.parametrize(
    "answer",
    [
        JSON + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/9.9 weather\r\n\r\n",
        b"\x16\x03\x01\x00\xa5 not even text",
        b"",
    ],
)
def test_what_is_no_http_is_a_failure_with_a_reason(answer: bytes) -> None:
    with raw(answer) as url:
        exchange = asked(url)
    assert exchange.response is None
    assert exchange.failure
    assert "\n" not in exchange.failure


def test_nobody_there_is_a_failure_with_a_reason() -> None:
    exchange = asked(free_address())
    assert exchange.response is None
    assert exchange.failure.startswith("unreachable: ")


def test_a_packed_answer_is_kept_packed_and_read_unpacked() -> None:
    packed = gzip.compress(b'{"object": "list", "data": []}')
    with raw(whole(packed, JSON + b"Content-Encoding: gzip\r\n")) as url:
        response = asked(url).answered
    assert response.body == packed
    assert response.json == {"object": "list", "data": []}


def test_an_encoding_that_lies_raises_nothing() -> None:
    with raw(whole(b'{"object": "list", "data": []}', JSON + b"Content-Encoding: gzip\r\n")) as url:
        exchange = asked(url)
    assert broken_rules(exchange) == {"every-response/content-encoding-is-true"}


def test_broken_utf_8_raises_nothing() -> None:
    body = b'{"object": "list", "data": [], "x": "\xe9\x95"}'
    with raw(whole(body)) as url:
        exchange = asked(url)
    assert exchange.answered.body == body
    assert "every-response/no-character-is-lost" in broken_rules(exchange)


def test_only_encodings_that_can_be_unpacked_are_asked_for() -> None:
    assert asked_of(LISTING)["accept-encoding"] == "gzip, deflate"


def asked_of(call: Call, **settings: object) -> dict[str, str]:
    """The headers and body that arrive at the server."""
    seen: list[bytes] = []

    def answer(connection: socket.socket, request: bytes) -> None:
        seen.append(request)
        connection.sendall(whole(b"{}"))

    with raw(answer) as url:
        asked(url, call, Relay("", Key(KEY), **settings))  # type: ignore[arg-type]
    head, _, body = seen[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)} | {
        "first": first,
        "body": body.decode(errors="replace"),
    }


def test_json_is_sent_as_utf_8_without_escapes() -> None:
    seen = asked_of(CHAT)
    assert seen["first"] == "POST /v1/chat/completions HTTP/1.1"
    assert seen["content-type"] == "application/json"
    assert json.loads(seen["body"]) == CHAT.json
    assert "长城" in seen["body"]


def test_a_body_of_bytes_is_sent_as_it_is() -> None:
    assert asked_of(Call("POST", "/v1/x", body=b'{"a": ['))["body"] == '{"a": ['


def test_a_form_is_sent_as_multipart() -> None:
    call = Call("POST", "/v1/x", form=(("model", "m"), ("file", File("a.wav", "audio/wav", b"RIFF"))))
    seen = asked_of(call)
    assert seen["content-type"].startswith("multipart/form-data; boundary=")
    assert 'filename="a.wav"' in seen["body"]
    assert "RIFF" in seen["body"]


@pytest.mark.parametrize(
    ("key", "auth", "header", "value"),
    [
        ("own", "bearer", "authorization", f"Bearer {KEY}"),
        ("own", "x-api-key", "x-api-key", KEY),
        ("own", "x-goog-api-key", "x-goog-api-key", KEY),
        ("wrong", "bearer", "authorization", f"Bearer {WRONG_KEY}"),
        ("empty", "bearer", "authorization", "Bearer"),
        ("none", "bearer", "authorization", None),
    ],
)
def test_the_key_is_sent_in_the_form_that_was_asked_for(key: str, auth: str, header: str, value: str | None) -> None:
    assert asked_of(Call("GET", "/v1/models", key=key, auth=auth)).get(header) == value


def test_the_users_own_headers_go_along_and_are_not_recorded() -> None:
    seen = asked_of(LISTING, headers={"X-Team": "team-secret-0123456789"})
    assert seen["x-team"] == "team-secret-0123456789"
    with raw(whole(b"{}")) as url:
        exchange = asked(url, relay=Relay("", Key(KEY), headers={"X-Team": "team-secret-0123456789"}))
    assert "team-secret" not in repr(exchange)


def test_the_key_is_in_no_part_of_an_exchange_and_its_leak_is_told() -> None:
    body = json.dumps({"error": {"message": f"Incorrect key {KEY}", "type": "x", "param": None, "code": None}}).encode()
    head = JSON.replace(b"200 OK", b"401 Unauthorized") + f"X-Echo: Bearer {KEY}\r\n".encode()
    with raw(whole(body, head)) as url, Client(Relay(url, Key(KEY))) as client:
        exchange = client.send(replace(CHAT, path=f"/v1/chat/completions?key={KEY}"))
        assert KEY not in repr(client.scrubber)
    assert KEY not in repr(exchange)
    assert len(exchange.answered.body) == len(body)
    assert set(exchange.answered.leaks) == {"header X-Echo", "body"}
    assert "every-response/key-is-not-echoed" in broken_rules(exchange)


@pytest.mark.parametrize("line", [f"{KEY}: x\ty\x00", f"no colon {KEY}", f"Content-Length: {KEY}"])
def test_the_key_is_in_no_failure(line: str) -> None:
    with raw(JSON + line.encode() + b"\r\n\r\n") as url:
        exchange = asked(url)
    assert exchange.response is None
    assert exchange.failure
    assert KEY not in repr(exchange)


def test_redirects_are_not_followed() -> None:
    with raw(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n") as url:
        assert asked(url).status == 302


def test_a_request_over_the_budget_is_not_sent() -> None:
    seen: list[bytes] = []

    def answer(connection: socket.socket, request: bytes) -> None:
        seen.append(request)
        connection.sendall(whole(b"{}"))

    with raw(answer) as url, Client(Relay(url, limits=Limits(requests=1))) as client:
        client.send(LISTING)
        with pytest.raises(BudgetSpent):
            client.send(LISTING)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("answer", "tokens"),
    [
        (whole(b'{"usage": {"total_tokens": 7}}'), 7),
        (whole(b"{}"), POSSIBLE.most_tokens),
        (whole(b"{}", JSON.replace(b"200 OK", b"400 Bad Request")), 0),
    ],
)
def test_tokens_are_counted_as_the_relay_says_else_as_the_most_possible(answer: bytes, tokens: int) -> None:
    with raw(answer) as url, Client(Relay(url)) as client:
        client.send(POSSIBLE)
        assert client.budget.spent == Spent(1, tokens)
    assert POSSIBLE.most_tokens > 64


def test_sixteen_at_once_get_each_its_own_answer() -> None:
    together = threading.Barrier(16)

    def answer(connection: socket.socket, request: bytes) -> None:
        together.wait(5)
        connection.sendall(whole(json.dumps({"id": json.loads(request.partition(b"\r\n\r\n")[2])["id"]}).encode()))

    with raw(answer) as url, Client(Relay(url, Key(KEY))) as client, ThreadPoolExecutor(16) as pool:
        calls = [Call("POST", "/v1/x", json={"id": number}) for number in range(16)]
        exchanges = list(pool.map(client.send, calls))
    assert [exchange.answered.json for exchange in exchanges] == [call.json for call in calls]
    assert len({exchange.id for exchange in exchanges}) == 16
    assert client.budget.spent.requests == 16
