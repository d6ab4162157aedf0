"""Relays that hang, flood, unfold and echo: each ends in bounded time and memory, and no form of the key stays."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import struct
import threading
import zlib
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from rawserver import Answer, raw, wait_for_end

from relayproof import rules, session
from relayproof.exchange import LARGEST, Ended, Exchange, Response
from relayproof.judge import UNTESTED, judge
from relayproof.probe import Call
from relayproof.probes import load
from relayproof.relay import Key, Relay, Timeouts
from relayproof.wire import cassette, patience, room
from relayproof.wire.client import LONGEST_URL, Client, scrubber
from relayproof.wire.scrub import Scrubber
from relayproof.wire.spelling import spellings

KEY = "sk-hostile+9zYx/WvUt=SrQpOnMl~KjIhGfEd.CbA"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
LISTING = Call("GET", "/v1/models")
SHORT = Timeouts(connect=1, first_byte=0.3, gap=0.3, whole=0.6)


def whole(body: bytes, head: bytes = JSON) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def asked(answer: Answer | bytes, call: Call = LISTING) -> Exchange:
    with raw(answer) as url, Client(Relay(url, Key(KEY), timeouts=SHORT)) as client:
        return client.send(call)


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX-A: "], ids=["continue", "drip"])
def test_a_head_without_end_is_given_up_in_time(first: bytes) -> None:
    never = threading.Event()

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(first)
        while not never.wait(0.02):
            connection.sendall(b"x" if first else b"HTTP/1.1 100 Continue\r\n\r\n")

    exchange = asked(answer)
    assert exchange.response is None
    assert exchange.failure.startswith("timed-out: no answer began")


def test_a_relay_that_hangs_ends_a_run_and_the_rest_is_untested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "IN_A_ROW", 0.25)
    asked: list[bytes] = []

    def answer(connection: socket.socket, request: bytes) -> None:
        asked.append(request)
        wait_for_end(connection)

    with raw(answer) as url:
        relay = Relay(url, Key(KEY), timeouts=replace(SHORT, first_byte=0.15), models={"*": "m"})
        run = session.run(relay, load().values())
    assert 2 <= len(asked) <= 4
    assert not [left for left in run.left_out if left.outcome is not UNTESTED]
    assert "the relay hangs: " in run.left_out[-1].reason


def test_after_a_time_out_the_next_answer_is_waited_for_less_until_one_comes() -> None:
    waits = patience.Patience()
    assert waits.of(4.0) == 4.0
    waits.note(60, in_vain=True)
    assert waits.of(4.0) == patience.LESS
    waits.check()
    waits.note(1, in_vain=False)
    assert waits.of(4.0) == 4.0


def test_a_relay_that_hangs_now_and_then_is_given_up_as_well() -> None:
    waits = patience.Patience()
    for _ in range(4):
        waits.note(60, in_vain=True)
        waits.note(1, in_vain=False)
    with pytest.raises(patience.Unanswered, match="240 s"):
        waits.check()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_unpacked_to_the_limit_and_no_further(encoding: str) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    body = b"".join([packer.compress(b" " * LARGEST) for _ in range(2)]) + packer.flush()
    exchange = asked(whole(body, JSON + f"Content-Encoding: {encoding}\r\n".encode()))
    assert exchange.answered.ended is Ended.TOO_LARGE
    assert len(exchange.answered.body) <= room.KEPT
    assert len(Response(200, (("content-encoding", encoding),), body).decoded) == LARGEST


@pytest.mark.parametrize(
    "body", [b"[{}" + b",{}" * (room.VALUES_A_BODY + 1) + b"]", b"data: {}\n\n" * room.VALUES_A_BODY]
)
def test_what_unfolds_to_too_many_values_is_too_large(body: bytes) -> None:
    response = asked(whole(body)).answered
    assert (response.ended, len(response.body)) == (Ended.TOO_LARGE, room.KEPT)
    assert sum(size for _, size in response.reads) == len(body)


def test_many_large_answers_end_a_run_and_fail_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_BYTES", 2000)
    with raw(whole(b" " * 1500)) as url, Client(Relay(url)) as client:
        assert [client.send(LISTING).answered.ended for _ in range(2)] == [Ended.COMPLETE] * 2
        with pytest.raises(room.TooMuch, match="3,000 bytes"):
            client.send(LISTING)


@pytest.mark.parametrize("spelt", sorted(spellings(KEY)), ids=lambda spelt: spelt[:12].encode().hex())
def test_a_key_is_masked_and_told_in_every_spelling(spelt: str) -> None:
    for form in {spelt, spelt.swapcase()}:
        response = asked(whole(b'{"m": "%b"}' % form.encode(), JSON + f"X-Echo: a{form}\r\n".encode())).answered
        assert form.lower() not in repr(response).lower()
        assert set(response.leaks) == {"header X-Echo", "body"}


@pytest.mark.parametrize("before", ["", "B", "Be", "Bearer ", "user:"])
def test_a_key_in_base64_is_masked_whatever_stands_around_it(before: str) -> None:
    packed = base64.b64encode(f"{before}{KEY} and more".encode())
    response = asked(whole(b'{"m": "%b"}' % packed)).answered
    assert response.leaks == ("body",)
    assert packed[16:40] not in response.body


def test_a_key_in_a_packed_answer_is_masked_and_the_answer_stays_packed() -> None:
    head = JSON + b"Content-Encoding: gzip\r\n"
    response = asked(whole(gzip.compress(b'{"m": "%b"}' % KEY.encode()), head)).answered
    assert response.leaks == ("body",)
    assert response.json["m"].startswith("sk-xxx")


def test_a_key_told_event_by_event_is_masked_and_told(tmp_path: Path) -> None:
    def event(text: str) -> bytes:
        return b"data: %b\n\n" % json.dumps({"id": "c", "choices": [{"delta": {"content": text}}]}).encode()

    parts = ["The key: ", *(KEY[at : at + 5] for at in range(0, len(KEY), 5)), " was it"]
    exchange = asked(
        whole(b"".join(map(event, parts)), STREAM), Call("POST", "/v1/chat/completions", json={"stream": True})
    )
    texts = [event.json["choices"][0]["delta"]["content"] for event in exchange.events]
    assert exchange.answered.leaks == ("body",)
    assert len(texts) == len(parts)
    assert set("".join(texts[1:-1])) == {"x"}
    assert (texts[0], texts[-1]) == (parts[0], parts[-1])
    cassette.write(tmp_path, [exchange], {}, scrubber(Relay("", Key(KEY))))


def test_a_key_in_the_name_of_a_header_is_masked() -> None:
    response = asked(whole(b"{}", JSON + b"X-sk-hostile9zYxWvUtSrQpOnMl: 1\r\n")).answered
    assert response.leaks == ()
    scrubber = Scrubber(["sk-hostile9zYxWvUtSrQpOnMl"])
    assert "hostile" not in repr(scrubber.response(replace(response, leaks=())))


def test_a_quoted_key_in_a_url_is_masked() -> None:
    assert quote(KEY, safe="") not in Scrubber([KEY]).url(f"/v1/x?a={quote(KEY, safe='')}")


LINKS = ["http://a..b/x", "http://127.0.0.1:99999/x", "http://[::1/x", "http://x:y/z"]
ODD_MODELS = ["a\x00b\x1b[31m", "half \ud800", "长 城", "x" * 100_000, "?key=1#", "../../admin", "http://127.0.0.1:1/x"]


@pytest.mark.parametrize("model", ODD_MODELS, ids=lambda model: model[:8].encode("ascii", "replace").hex())
def test_a_model_with_an_odd_name_is_asked_for_or_told_and_raises_nothing(model: str) -> None:
    listing = json.dumps({"object": "list", "data": [{"id": model, "object": "model", "created": 1, "owned_by": "x"}]})
    with raw(whole(listing.encode())) as url:
        run = session.run(Relay(url, Key(KEY), models={"*": model}), load().values(), hears=False)
    assert run.exchanges
    unsent = [each.failure for each in run.exchanges if each.failure.startswith("unreachable: the request can't")]
    assert bool(unsent) == (len(model) > LONGEST_URL)
    assert not judge(run.exchanges, rules.load().values()).errors


def test_a_kept_connection_that_is_reset_is_no_failure() -> None:
    answered: list[bytes] = []

    def answer(connection: socket.socket, request: bytes) -> None:
        answered.append(request)
        if len(answered) == 1:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            connection.sendall(whole(b"{}"))

    exchange = asked(answer)
    assert (exchange.status, len(answered)) == (200, 2)


@pytest.mark.parametrize("link", LINKS)
def test_a_link_that_leads_nowhere_is_unreachable(link: str) -> None:
    exchange = asked(whole(b"{}"), Call("GET", link, key="none"))
    assert exchange.response is None
    assert exchange.failure.startswith("unreachable: ")
