"""The event stream reader: the WHATWG grammar over bytes, whatever the network and the server do to them."""

from __future__ import annotations

import gzip
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relayproof.exchange import Response
from relayproof.sse import BOM, first_arrivals, read

FIELDS = (b"data: x", b"data:x", b"data", b"event: a", b"id: 1", b": c", b"{}")
SIGNS = (*FIELDS, b"\r", b"\n", b"\r\n", b"\n\n", BOM, b"\0")
bodies = st.lists(st.sampled_from(SIGNS) | st.binary(max_size=4), max_size=30).map(b"".join)


def data(body: bytes) -> list[str]:
    return [event.data for event in read(body).events]


def kinds(body: bytes) -> list[str]:
    return [oddity.kind for oddity in read(body).oddities]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_end_with_lf_cr_or_crlf(end: bytes) -> None:
    assert data(end.join([b"data: one", b"", b"data: two", b"", b""])) == ["one", "two"]


def test_line_ends_may_be_mixed() -> None:
    assert data(b"data: a\r\ndata: b\rdata: c\n\r\n") == ["a\nb\nc"]


def test_one_crlf_is_one_line_end() -> None:
    assert data(b"data: a\r\n\r\ndata: b\r\n\r\n") == ["a", "b"]


def test_foreign_line_ends_are_told() -> None:
    assert kinds(b"data: a\r\n\n") == ["crlf"]
    assert kinds(b"data: a\r\r") == ["cr", "cr"]
    assert kinds(b"data: a\n\n") == []


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_other_line_ends_of_unicode_are_text(sign: str) -> None:
    assert data(f"data: a{sign}b\n\n".encode()) == [f"a{sign}b"]


def test_a_byte_order_mark_is_taken_off_the_beginning_only() -> None:
    assert data(BOM + b"data: a\n\n") == ["a"]
    assert kinds(BOM + b"data: a\n\n") == ["bom"]
    assert kinds(b"data: a\n\n" + BOM + b"data: b\n\n") == ["unknown-field"]


def test_comments_are_no_data_and_are_told() -> None:
    body = b": ping\ndata: a\n: x-cost=1\ndata: b\n\n"
    assert data(body) == ["a\nb"]
    assert [(oddity.kind, oddity.offset, oddity.text) for oddity in read(body).oddities] == [
        ("comment", 0, ": ping"),
        ("comment", 15, ": x-cost=1"),
    ]


def test_data_lines_are_joined_by_lf() -> None:
    (event,) = read(b"data: {\ndata:\ndata: }\n\n").events
    assert (event.data, event.lines, event.json) == ("{\n\n}", 3, {})


def test_one_space_behind_the_colon_is_taken_off() -> None:
    assert data(b"data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\n") == ["a", "a", " a", "\ta"]
    assert kinds(b"data:a\n\n") == ["no-space"]


def test_a_field_without_a_colon_has_an_empty_value() -> None:
    assert data(b"data\n\ndata\ndata\n\n") == ["", "\n"]


def test_field_names_are_exact() -> None:
    assert kinds(b"Data: a\n\ndatas: a\n\n data: a\n\n{}\n\n") == ["unknown-field"] * 4
    assert data(b"Data: a\n\ndatas: a\n\n") == []


def test_id_and_retry_make_no_event_and_no_oddity() -> None:
    assert data(b"id: 1\0\nretry: 10\n\nretry: soon\ndata: a\nid\n\n") == ["a"]
    assert kinds(b"id: 1\0\nretry: 10\n\nretry: soon\ndata: a\nid\n\n") == []


def test_an_event_has_the_last_name_given() -> None:
    first, second = read(b"event: a\nevent: b\ndata: 1\n\ndata: 2\n\n").events
    assert (first.name, second.name) == ("b", "")


def test_a_name_without_data_is_no_event_but_told() -> None:
    stream = read(b"event: keepalive\n\ndata: a\n\n")
    assert [event.data for event in stream.events] == ["a"]
    assert [(oddity.kind, oddity.text) for oddity in stream.oddities] == [("event-without-data", "keepalive")]


def test_blank_lines_alone_do_nothing() -> None:
    assert read(b"\n\r\n\r\n\n").events == ()


def test_an_unterminated_tail_is_an_event_and_told() -> None:
    stream = read(b"data: a\n\ndata: b")
    assert [(event.data, event.terminated) for event in stream.events] == [("a", True), ("b", False)]
    assert kinds(b"data: a\n\ndata: b") == ["unterminated"]


@pytest.mark.parametrize("body", [b"", b"\n", BOM, b":", b"\0"])
def test_nothing_is_no_event(body: bytes) -> None:
    assert read(body).events == ()


def test_offsets_are_those_of_the_body() -> None:
    body = BOM + ": 你\ndata: 好\n\ndata: b\n\n".encode()
    first, second = read(body).events
    assert (first.start, first.end) == (3, body.index(b"\n\n") + 2)
    assert body[second.start : second.end] == b"data: b\n\n"
    assert second.place == f"event 1, bytes {second.start}-{second.end}"


def test_broken_utf_8_is_replaced_and_told() -> None:
    stream = read(b"data: \xe4\xbd\n\ndata: \xe4\xbd\xa0\n\n")
    assert [event.data for event in stream.events] == ["\ufffd", "你"]
    assert kinds(b"data: \xe4\xbd\n\n") == ["invalid-utf-8"]


def test_a_line_may_hold_a_megabyte() -> None:
    body = b'data: "' + b"x" * 2**20 + b'"\n\n' + b"data: [DONE]\n\n"
    first, last = read(body).events
    assert len(first.json) == 2**20
    assert last.done


def test_a_megabyte_may_hold_a_hundred_thousand_events() -> None:
    assert len(read(b"data: {}\n\n" * 105_000).events) == 105_000


@pytest.mark.parametrize(("text", "done"), [("[DONE]", True), (" [DONE] ", True), ('"[DONE]"', False), ("DONE", False)])
def test_done_is_the_bare_sentinel(text: str, done: bool) -> None:
    assert read(f"data: {text}\n\n".encode()).events[0].done is done


def test_payloads_that_are_no_objects_have_an_empty_body() -> None:
    assert [(event.json, event.body) for event in read(b"data: [1]\n\ndata: {\n\ndata: null\n\n").events] == [
        ([1], {}),
        (None, {}),
        (None, {}),
    ]


@given(bodies)
def test_no_bytes_make_it_raise(body: bytes) -> None:
    stream = read(body)
    assert [event.number for event in stream.events] == list(range(len(stream.events)))
    assert all(event.start < event.end <= len(body) for event in stream.events)
    assert all(before.end <= after.start for before, after in itertools.pairwise(stream.events))
    assert all(isinstance(event.body, dict) for event in stream.events)


@given(bodies, bodies)
def test_what_follows_a_closed_event_does_not_change_it(before: bytes, after: bytes) -> None:
    whole = before + b"\n\n"
    assert read(whole + after).events[: len(read(whole).events)] == read(whole).events


@given(bodies, st.lists(st.integers(1, 9), max_size=60))
def test_the_way_bytes_are_cut_into_reads_changes_no_event(body: bytes, cuts: list[int]) -> None:
    pieces = cut(body, cuts)
    reads = tuple((float(number), len(piece)) for number, piece in enumerate(pieces))
    assert Response(200, (), b"".join(pieces), reads).events == read(body).events


@settings(max_examples=100)
@given(bodies, st.lists(st.integers(1, 9), max_size=60))
def test_an_event_arrives_with_the_read_that_completed_it(body: bytes, cuts: list[int]) -> None:
    pieces = cut(body, cuts)
    ends = list(itertools.accumulate(map(len, pieces)))
    events = read(body).events
    arrivals = first_arrivals(events, [(float(number), len(piece)) for number, piece in enumerate(pieces)])
    assert arrivals == [float(next(number for number, end in enumerate(ends) if end >= event.end)) for event in events]


def cut(body: bytes, sizes: list[int]) -> list[bytes]:
    starts = [0, *(place for place in itertools.accumulate(sizes) if place < len(body)), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(starts) if start < end]


def test_a_payload_nested_without_end_is_no_json() -> None:
    (event,) = read(b"data: " + b"[" * 200_000 + b"\n\n").events
    assert event.json is None


def test_without_reads_no_arrival_is_known() -> None:
    assert first_arrivals(read(b"data: a\n\ndata: b\n\n").events, ()) == [None, None]


def test_arrivals_of_a_packed_body_are_not_known() -> None:
    packed = gzip.compress(b"data: a\n\n")
    response = Response(200, (("content-encoding", "gzip"),), packed, ((0.5, len(packed)),))
    assert [event.data for event in response.events] == ["a"]
    assert response.arrivals == [None]
