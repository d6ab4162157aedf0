"""Traffic in: every format gives the same exchanges, says what it cannot show, and a bad line never hides the rest."""

from __future__ import annotations

import base64
import gzip
import json
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from relayproof import traffic
from relayproof.exchange import (
    CLOCK,
    CONTENT,
    FRAMING,
    HEADERS,
    IDS,
    OMISSIONS,
    REQUEST,
    STATUS,
    TIMING,
    Ended,
    Exchange,
    Request,
    Response,
)
from relayproof.traffic import BadTraffic
from relayproof.wire import cassette
from relayproof.wire.scrub import Scrubber

KEY = "sk-proj-9fQ2hWm4ZbX7cV1nL8tR5yKe3aUo6jDs"
ASKED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "你好"}]}
ANSWER = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "choices": []}
SSE = 'data: {"choices":[{"delta":{"content":"好 😀"}}]}\r\n\r\ndata: [DONE]\n\n'
OLD = 'data: {"object":"chat.completion.chunk","created":1726168855,"choices":[]}\n\n'
LINE: dict[str, Any] = {
    "id": "a1",
    "method": "POST",
    "url": "/v1/chat/completions",
    "status": 200,
    "request_body": ASKED,
    "response_headers": {"content-type": "application/json"},
    "response_body": ANSWER,
}
MEMBERS = [*LINE, "blind", "flags", "multipart", "binary", "bytes", "first_bytes_hex", "reads", "ended", "seconds"]
MEMBERS += ["request", "response", "uri", "url", "headers", "postData", "params", "text", "content", "encoding", "body"]
MEMBERS += [
    "expect",
    "leaks",
    "string",
    "base64_string",
    "code",
    "x-relayproof",
    "form",
    "response_headers",
    "answered",
    "value",
    "name",
]
SEEN = {CLOCK, HEADERS, TIMING}


def line(**changes: Any) -> bytes:
    """A line of the exchange format; a change to `...` takes the member away."""
    changed = {name: value for name, value in {**LINE, **changes}.items() if value is not ...}
    return json.dumps(changed, ensure_ascii=False).encode() + b"\n"


def saved(folder: Path, data: bytes | str, name: str = "log.jsonl") -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def read(path: Path) -> list[Exchange]:
    return list(traffic.read(path))


def only(path: Path) -> Exchange:
    (one,) = read(path)
    return one


def test_a_line_becomes_an_exchange(tmp_path: Path) -> None:
    one = only(saved(tmp_path, line(session="s", probe="chat/echo", expect={"echo": "你好"}, seconds=0.5)))
    assert (one.id, one.session, one.probe, one.status, one.surface) == ("a1", "s", "chat/echo", 200, "chat")
    assert one.request.json == ASKED
    assert one.json == ANSWER
    assert one.expect == {"echo": "你好"}
    assert one.answered.seconds == 0.5
    assert one.blind == {*SEEN, FRAMING}


@pytest.mark.parametrize(
    ("changes", "blind"),
    [
        ({"response_body": SSE}, SEEN),
        ({"response_body": SSE, "flags": ["sse_framing_rebuilt"]}, {*SEEN, FRAMING}),
        ({"response_body": SSE, "flags": ["reserialised_json"]}, {*SEEN, FRAMING}),
        ({"response_body": SSE, "capture": "fixture"}, {*SEEN, FRAMING, OMISSIONS}),
        ({"response_body": SSE, "capture": "cassette"}, SEEN),
        ({"response_body": SSE, "flags": ["sanitised_by_recorder"]}, {*SEEN, IDS}),
        ({"response_body": SSE, "flags": ["ids_scrubbed_by_recorder"]}, {*SEEN, IDS}),
        ({"response_body": SSE, "flags": ["no_request", "status_and_headers_assumed"]}, {*SEEN, REQUEST, STATUS}),
        ({"response_body": SSE, "flags": ["hand_made"]}, {*SEEN, STATUS, FRAMING, IDS, OMISSIONS}),
        ({"response_body": SSE, "request_body": None}, {*SEEN, REQUEST}),
        ({"response_body": SSE, "request_body": None, "method": "GET"}, SEEN),
        ({"response_body": SSE, "status": ...}, {*SEEN, STATUS}),
        ({"response_body": OLD, "recorded_at": "2023-10-23T20:17:16+00:00"}, {*SEEN, REQUEST}),
        ({"response_body": OLD, "response_headers": {"date": "Mon, 23 Oct 2023 20:17:16 GMT"}}, {*SEEN, REQUEST}),
        ({"response_body": OLD, "recorded_at": "2024-09-12T19:20:55Z"}, SEEN),
        ({"response_body": OLD, "recorded_at": "yesterday"}, SEEN),
        ({"response_body": SSE, "headers_complete": True}, {CLOCK, TIMING}),
        ({"response_body": SSE, "headers_complete": True, "response_headers": {"cf-ray": "<present>"}}, SEEN),
        ({"response_body": SSE, "blind": ["ids"]}, {*SEEN, IDS}),
        ({"response_body": "data: <<CUT base64 chars=9>>"}, {*SEEN, CONTENT}),
        ({"response_body": SSE, "request_body": {"q": "<<CUT text chars=9>>"}}, {*SEEN, CONTENT}),
        ({"response_body": None}, {*SEEN, FRAMING, CONTENT}),
        ({"response_body": None, "status": 204}, {*SEEN, FRAMING}),
        ({"response_body": {"binary": True, "bytes": 9, "first_bytes_hex": "fff3"}}, {*SEEN, FRAMING, CONTENT}),
        ({"response_body": ..., "response_body_base64": "e30="}, SEEN),
        ({"response_body": "{}", "reads": [[0.1, 2]]}, SEEN - {TIMING}),
    ],
)
def test_what_a_line_cannot_show_is_named(tmp_path: Path, changes: dict[str, Any], blind: set[str]) -> None:
    assert only(saved(tmp_path, line(**changes))).blind == blind


def test_text_and_base64_keep_every_byte(tmp_path: Path) -> None:
    raw = base64.b64encode(b"\xff\x00 packed").decode()
    first, second = read(saved(tmp_path, line(response_body=SSE) + line(response_body=None, response_body_base64=raw)))
    assert first.answered.body == SSE.encode()
    assert second.answered.body == b"\xff\x00 packed"


def test_a_cut_binary_body_keeps_its_true_length(tmp_path: Path) -> None:
    one = only(saved(tmp_path, line(response_body={"binary": True, "bytes": 27260, "first_bytes_hex": "fff3c4"})))
    assert one.answered.body == b"\xff\xf3\xc4"
    assert one.expect["bytes"] == 27260


def test_a_form_is_given_as_its_parts(tmp_path: Path) -> None:
    parts = [
        {"name": "model", "value": "whisper-1"},
        {"name": "file", "filename": "a.wav", "content_type": "audio/wav", "bytes": 4, "first_bytes_hex": "52494646"},
    ]
    one = only(saved(tmp_path, line(url="/v1/audio/transcriptions", request_body={"multipart": parts})))
    assert one.request.field("model") == "whisper-1"
    assert [(part.filename, part.value) for part in one.request.form] == [(None, b"whisper-1"), ("a.wav", b"RIFF")]
    assert REQUEST not in one.blind


def test_a_line_may_tell_of_a_failure_or_a_broken_off_answer(tmp_path: Path) -> None:
    lines = line(status=..., response_body=..., failure="unreachable: refused") + line(ended="cut", leaks=["body"])
    failed, cut = read(saved(tmp_path, lines))
    assert (failed.response, failed.failure) == (None, "unreachable: refused")
    assert (cut.answered.ended, cut.answered.leaks) == (Ended.CUT, ("body",))


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b"{not json}\n", "the line is not JSON: "),
        (b"[1]\n", "the line is no JSON object"),
        (b'{"url": "\xff"}\n', "the line is not UTF-8"),
        (b'{"url":' + b"[" * 100_000 + b"\n", "the line is not JSON: "),
        (line(url=...), "`url` is missing"),
        (line(response_body=...), "`response_body` is missing"),
        (line(status="good"), '`status` is to be a whole number, not "good"'),
        (line(flags="no_request"), '`flags` is to be a list, not "no_request"'),
        (line(blind=["everything"]), "`blind` is to hold some of clock, content, "),
        (line(blind=[["ids"]]), "`blind` is to hold some of clock, content, "),
        (line(reads=[["soon", 1]]), "`reads` is to be a list of [seconds, bytes], not of ['soon', 1]"),
        (line(response_body=SSE, reads=[[0.1, 3]]), "`reads` add up to 3 bytes, but the body has "),
        (line(ended="oddly"), "`ended` is to be one of complete, cut, timed-out, too-large, not 'oddly'"),
        (line(response_body_base64="é"), "`response_body_base64` is not base64"),
        (line(response_headers="none"), "`response_headers` is to be an object or a list of [name, value]"),
        (line(response_body={"binary": True, "first_bytes_hex": "xy"}), "`first_bytes_hex` is not hexadecimal"),
        (line(request_body={"multipart": ["model"]}), "`multipart` is to be a list of objects"),
        (
            line(response_body_base64="//8=", response_headers={"content-encoding": "br"}),
            "the body is packed with br; ",
        ),
        (line(url="http://[::1/v1"), "the URL can't be read: "),
    ],
)
def test_a_bad_line_is_told_and_the_rest_is_read(tmp_path: Path, bad: bytes, problem: str) -> None:
    path, problems = saved(tmp_path, line(id="1") + b"\n" + bad + line(id="4")), list[BadTraffic]()
    assert [one.id for one in traffic.read(path, problems)] == ["1", "4"]
    (told,) = problems
    assert told.place == f"{path}:3"
    assert told.problem.startswith(problem)
    with pytest.raises(BadTraffic) as caught:
        read(path)
    assert str(caught.value) == f"{told.place}: {told.problem}"
    assert "\n" not in told.problem


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "POST", "/v1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(MEMBERS), ANYTHING, max_size=8), st.sampled_from(["jsonl", "har", "yaml", "json"])
)
def test_whatever_a_file_holds_the_only_error_is_bad_traffic(holds: dict[str, Any], kind: str) -> None:
    inner = {
        "har": {"log": {"entries": [holds]}},
        "yaml": {"interactions": [holds, {"request": holds, "response": holds}]},
    }
    problems: list[BadTraffic] = []
    with tempfile.TemporaryDirectory() as folder:
        for one in traffic.read(
            saved(Path(folder), json.dumps(inner.get(kind, {"url": "/v1", **holds})), f"x.{kind}"), problems
        ):
            assert one.surface
    assert all("\n" not in str(told) for told in problems)


def test_a_broken_gzip_gives_what_came_before(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(line(id=str(n), note="x" * n) for n in range(4000)), mtime=0)
    path, problems = saved(tmp_path, packed[: len(packed) // 2], "log.jsonl.gz"), list[BadTraffic]()
    assert len(list(traffic.read(path, problems))) > 10
    assert [told.place for told in problems] == [str(path)]


def test_json_lines_are_read_in_constant_memory(tmp_path: Path) -> None:
    big = line(response_body="data: " + "好" * 20_000 + "\n\n")
    path = tmp_path / "log.jsonl"
    with path.open("wb") as file:
        for _ in range(400):
            file.write(big)
    tracemalloc.start()
    count = sum(1 for _ in traffic.read(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 400
    assert peak < 40 * len(big) < path.stat().st_size


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(BadTraffic, match=r"none\.jsonl: can't be read: No such file"):
        read(tmp_path / "none.jsonl")


def test_secrets_are_masked_on_the_way_in(tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "X-Forwarded-Key": KEY}
    lines = saved(tmp_path, line(url=f"https://api.example/v1/chat/completions?key={KEY}", request_headers=headers))
    request = only(lines).request
    assert request.url == "/v1/chat/completions?key=***"
    assert request.headers == (("Authorization", "Bearer ***"), ("X-Forwarded-Key", "sk-proj-***"))
    tape = {"interactions": [{"request": {"uri": "http://a/", "headers": headers}, "response": {"status": 200}}]}
    har = {"request": {"method": "GET", "url": "http://a/", "headers": [{"name": "X-Api-Key", "value": KEY}]}}
    for path in (
        saved(tmp_path, yaml.safe_dump(tape), "tape.yaml"),
        saved(tmp_path, json.dumps({"log": {"entries": [{**har, "response": {"status": 200}}]}}), "log.har"),
    ):
        assert KEY not in repr(read(path))


def entry(**changes: Any) -> dict[str, Any]:
    request = {
        "method": "POST",
        "url": "https://relay.example/v1/chat/completions",
        "headers": [{"name": ":method", "value": "POST"}, {"name": "content-type", "value": "application/json"}],
        "postData": {"mimeType": "application/json", "text": json.dumps(ASKED)},
    }
    response = {
        "status": 200,
        "headers": [{"name": "content-type", "value": "application/json"}, {"name": "content-encoding", "value": "br"}],
        "content": {"mimeType": "application/json", "text": json.dumps(ANSWER), "size": 70},
    }
    return {"startedDateTime": "2026-11-22T10:00:00Z", "time": 250, "request": request, "response": response, **changes}


def har(folder: Path, *entries: Any) -> Path:
    return saved(folder, json.dumps({"log": {"version": "1.2", "entries": entries}}), "visit.har")


def test_a_har_is_a_session_of_exchanges(tmp_path: Path) -> None:
    one = only(har(tmp_path, entry()))
    assert (one.id, one.session, one.surface, one.status) == ("1", "visit.har", "chat", 200)
    assert one.request.headers == (("content-type", "application/json"),)
    assert one.request.json == ASKED
    assert one.json == ANSWER
    assert one.answered.headers == (("content-type", "application/json"),)
    assert one.answered.seconds == 0.25
    assert one.blind == {CLOCK, TIMING, FRAMING}


def test_har_bodies_in_base64_are_exact(tmp_path: Path) -> None:
    content = {"encoding": "base64", "text": base64.b64encode(b"\xff\xfb").decode()}
    one = only(har(tmp_path, entry(response={"status": 200, "headers": [], "content": content})))
    assert one.answered.body == b"\xff\xfb"
    assert one.blind == {CLOCK, TIMING, HEADERS}


def test_a_har_without_the_body_shows_no_content(tmp_path: Path) -> None:
    one = only(har(tmp_path, entry(response={"status": 200, "headers": [], "content": {"size": 4096}})))
    assert CONTENT in one.blind
    assert one.expect == {"bytes": 4096}


def test_a_har_that_keeps_the_body_in_another_file_shows_no_content(tmp_path: Path) -> None:
    content = {"size": -1, "mimeType": "application/json", "_file": "3f.json"}
    one = only(har(tmp_path, entry(response={"status": 200, "headers": [], "content": content})))
    assert CONTENT in one.blind
    assert one.expect == {}


@pytest.mark.parametrize("write", [lambda data: base64.b64encode(data).decode(), bytes.hex], ids=["base64", "hex"])
def test_the_packed_pieces_of_polly_js_are_put_together(tmp_path: Path, write: Any) -> None:
    packed = gzip.compress(json.dumps(ANSWER).encode())
    content = {"encoding": "base64", "text": json.dumps([write(packed[:40]), write(packed[40:])])}
    headers = [{"name": "content-encoding", "value": "gzip"}, {"name": "content-type", "value": "application/json"}]
    one = only(har(tmp_path, entry(response={"status": 200, "headers": headers, "content": content})))
    assert one.json == ANSWER
    assert one.answered.headers == (("content-type", "application/json"),)


def test_har_forms_sockets_and_failures(tmp_path: Path) -> None:
    params = [{"name": "model", "value": "whisper-1"}, {"name": "file", "fileName": "a.mp3", "value": "x"}]
    form = {"method": "POST", "url": "http://r/v1/audio/transcriptions"}
    form["postData"] = {"mimeType": "multipart/form-data; boundary=x", "params": params}  # type: ignore[assignment]
    entries = (
        entry(request=form),
        entry(_webSocketMessages=[]),
        entry(response={"status": 0, "_error": "net::ERR_CONNECTION_RESET"}),
        entry(request={"method": "POST", "url": "http://r/v1/chat/completions"}),
    )
    asked, failed, unknown = read(har(tmp_path, *entries))
    assert (asked.request.field("model"), asked.request.form[1].filename) == ("whisper-1", "a.mp3")
    assert (failed.response, failed.failure) == (None, "no answer: net::ERR_CONNECTION_RESET")
    assert REQUEST in unknown.blind
    assert REQUEST not in asked.blind


def test_a_bad_har_entry_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    problems: list[BadTraffic] = []
    path = har(tmp_path, entry(request="GET"), 7, entry())
    assert [one.id for one in traffic.read(path, problems)] == ["3"]
    assert [told.place for told in problems] == [f"{path}: entry 1", f"{path}: entry 2"]


VCRPY = {
    "version": 1,
    "interactions": [
        {
            "request": {
                "method": "POST",
                "uri": "https://api.example/v1/chat/completions",
                "headers": {"content-type": ["application/json"]},
                "body": json.dumps(ASKED),
            },
            "response": {
                "status": {"code": 200, "message": "OK"},
                "headers": {"content-type": ["application/json"], "content-encoding": ["gzip"], "x-n": [1]},
                "body": {"string": gzip.compress(json.dumps(ANSWER).encode(), mtime=0)},
            },
        }
    ],
}
RUBY = {
    "http_interactions": [
        {
            "request": {
                "method": "post",
                "uri": "https://api.example/v1/chat/completions",
                "body": {"encoding": "UTF-8", "string": json.dumps(ASKED)},
                "headers": {"Content-Type": ["application/json"]},
            },
            "response": {
                "status": {"code": 200, "message": "OK"},
                "headers": {"Content-Type": ["application/json"]},
                "body": {"encoding": "UTF-8", "base64_string": base64.b64encode(json.dumps(ANSWER).encode()).decode()},
            },
            "recorded_at": "Sun, 22 Nov 2026 10:00:00 GMT",
        }
    ],
    "recorded_with": "VCR 6.3.1",
}
GO = {
    "version": 2,
    "interactions": [
        {
            "id": 0,
            "request": {"method": "POST", "url": "https://api.example/v1/chat/completions", "body": json.dumps(ASKED)},
            "response": {
                "status": "200 OK",
                "code": 200,
                "headers": {"Content-Type": ["application/json"]},
                "body": json.dumps(ANSWER),
            },
        }
    ],
}


@pytest.mark.parametrize("document", [RUBY, GO], ids=["ruby-vcr", "go-vcr"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_cassette_may_be_json(tmp_path: Path, document: Any, indent: int | None) -> None:
    one = only(saved(tmp_path, json.dumps(document, indent=indent), "t.json"))
    assert (one.surface, one.request.json, one.json, one.blind) == ("chat", ASKED, ANSWER, {CLOCK, TIMING})


def test_a_body_that_was_parsed_for_the_cassette_is_written_anew(tmp_path: Path) -> None:
    headers = {"content-type": ["application/json"]}
    asked = {"method": "POST", "uri": "https://r/v1/chat/completions", "headers": headers, "parsed_body": ASKED}
    answer = {"status": {"code": 200}, "headers": headers, "parsed_body": ANSWER}
    tape = {"version": 1, "interactions": [{"request": asked, "response": answer}]}
    one = only(saved(tmp_path, yaml.safe_dump(tape), "t.yaml"))
    assert (one.request.json, one.json, one.blind) == (ASKED, ANSWER, {CLOCK, TIMING, FRAMING})


PACKED = [gzip.compress(json.dumps(ANSWER).encode(), mtime=0).hex()]
PLAIN_HEADER = ["content-type", "application/json"]


@pytest.mark.parametrize(
    ("response", "headers", "blind"),
    [
        (ANSWER, PLAIN_HEADER, {FRAMING}),
        (json.dumps(ANSWER), PLAIN_HEADER, set()),
        (json.dumps(ANSWER), {"content-type": "application/json"}, set()),
        (PACKED, [*PLAIN_HEADER, "content-encoding", "gzip"], set()),
    ],
)
def test_what_nock_recorded_is_read(tmp_path: Path, response: Any, headers: Any, blind: set[str]) -> None:
    record = {"scope": "https://r:443", "method": "POST", "path": "/v1/chat/completions", "body": ASKED, "status": 200}
    tape = [{**record, "response": response, "rawHeaders": headers}]
    one = only(saved(tmp_path, json.dumps(tape), "t.json"))
    assert (one.surface, one.request.json, one.json) == ("chat", ASKED, ANSWER)
    assert one.blind == {CLOCK, TIMING, *blind}


def test_a_bad_record_of_nock_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    good = {"scope": "https://r", "method": "GET", "path": "/v1/models", "status": 200, "response": {"data": []}}
    problems: list[BadTraffic] = []
    tape = [good, "x", {**good, "response": ["zz"]}, good]
    found = list(traffic.read(saved(tmp_path, json.dumps(tape), "t.json"), problems))
    assert [one.id for one in found] == ["1", "4"]
    assert [str(each).partition("t.json: ")[2][:8] for each in problems] == ["record 2", "record 3"]


@pytest.mark.parametrize("document", [VCRPY, RUBY, GO], ids=["vcrpy", "ruby-vcr", "go-vcr"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_cassettes_of_all_makers_give_the_same_exchange(tmp_path: Path, document: Any, packed: bool) -> None:
    text = yaml.safe_dump(document).encode()
    one = only(saved(tmp_path, gzip.compress(text), "t.yaml.gz") if packed else saved(tmp_path, text, "t.yaml"))
    assert (one.id, one.status, one.surface, one.request.method) == ("1", 200, "chat", "POST")
    assert one.session == ("t.yaml.gz" if packed else "t.yaml")
    assert (one.request.json, one.json) == (ASKED, ANSWER)
    assert one.blind == {CLOCK, TIMING}


def test_a_body_that_the_recorder_unpacked_shows_no_framing(tmp_path: Path) -> None:
    tape = json.loads(json.dumps(VCRPY, default=lambda body: gzip.decompress(body).decode()))
    one = only(saved(tmp_path, yaml.safe_dump(tape), "t.yaml"))
    assert one.json == ANSWER
    assert one.blind == {CLOCK, TIMING, FRAMING}


def test_our_own_cassettes_come_back_exactly(tmp_path: Path) -> None:
    response = Response(200, (("a", "1"),), SSE.encode(), ((0.1, len(SSE.encode())),), Ended.COMPLETE, 0.2, ("body",))
    one = Exchange(Request("POST", "/v1/x", body=b"\xff"), response, "007", "chat/echo", "run", expect={"echo": "x"})
    cassette.write(tmp_path, [one], {}, Scrubber(()))
    assert read(tmp_path) == read(tmp_path / "chat" / "echo.yaml") == [one]


def test_a_bad_interaction_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    good = GO["interactions"][0]  # type: ignore[index]
    bad = [{"request": {}}, 7, {"request": {"uri": "http://a/"}, "response": {"status": "gone"}}]
    path, problems = saved(tmp_path, yaml.safe_dump({"interactions": [*bad, good]}), "t.yaml"), list[BadTraffic]()
    assert [one.id for one in traffic.read(path, problems)] == ["4"]
    assert [told.place.rpartition(": ")[2] for told in problems] == [f"interaction {number}" for number in (1, 2, 3)]


def test_no_tag_in_a_cassette_runs_code(tmp_path: Path) -> None:
    path = saved(tmp_path, f"interactions: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n", "t.yaml")
    with pytest.raises(BadTraffic, match="could not determine a constructor"):
        read(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("body", "surface", "status"),
    [
        (ANSWER, "chat", 200),
        ('data: {"object":"chat.completion.chunk"}\n\n', "chat_stream", 200),
        ('event: message_start\ndata: {"type":"message_start"}\n\n', "anthropic_stream", 200),
        ({"object": "text_completion"}, "completions", 200),
        ({"object": "list", "data": [{"object": "embedding"}]}, "embeddings", 200),
        ({"object": "list", "data": [{"object": "model"}]}, "models", 200),
        ({"type": "message"}, "anthropic", 200),
        ({"candidates": []}, "gemini", 200),
        ([{"candidates": []}], "gemini_stream", 200),
        ({"created": 1, "data": [{"b64_json": ""}, {"url": "http://a"}]}, "images", 200),
        ({"code": 1, "description": "ok", "result": "17"}, "midjourney", 200),
        ({"id": "1", "action": "IMAGINE", "progress": "0%"}, "midjourney", 200),
        ({"code": "success", "data": {}}, "suno", 200),
        ({"text": "hello"}, "audio", 200),
        ({"error": {"message": "no"}}, "chat", 400),
    ],
)
def test_a_single_body_is_recognised_by_what_it_says(tmp_path: Path, body: Any, surface: str, status: int) -> None:
    data = body if isinstance(body, str) else json.dumps(body, indent=1)
    one = only(saved(tmp_path, data, "answer.json"))
    assert (one.surface, one.status, one.answered.body) == (surface, status, data.encode())
    assert one.blind == {REQUEST, STATUS, HEADERS, FRAMING, TIMING, CLOCK}


@pytest.mark.parametrize("body", ["<html></html>", '{"hello": 1}', "", "[]", "7"])
def test_a_body_that_nobody_sends_is_a_problem(tmp_path: Path, body: str) -> None:
    with pytest.raises(BadTraffic, match=r"answer\.json: is "):
        read(saved(tmp_path, body, "answer.json"))


def test_a_folder_of_cassettes_is_read_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    saved(tmp_path, yaml.safe_dump(RUBY), "a.yml")
    saved(tmp_path / "sub", gzip.compress(json.dumps(GO).encode()), "b.json.gz")
    saved(tmp_path, "{}", "c.json")
    saved(tmp_path, b"no gzip", "a.jsonl.gz")
    saved(tmp_path, "not traffic", "README.md")
    problems: list[BadTraffic] = []
    found = list(traffic.read(tmp_path, problems))
    assert [(one.session, one.json) for one in found] == [("a.yml", ANSWER), ("b.json.gz", ANSWER)]
    assert [Path(each.place).name for each in problems] == ["a.jsonl.gz", "c.json"]


def test_what_a_file_is_shows_in_its_content(tmp_path: Path) -> None:
    assert [one.id for one in read(saved(tmp_path, line(id="1") + line(id="2"), "log.json"))] == ["1", "2"]
    assert only(saved(tmp_path, line(id="1").strip(), "one.json")).id == "1"
    assert only(saved(tmp_path, har(tmp_path, entry()).read_bytes(), "har.json")).session == "har.json"
    assert only(saved(tmp_path, yaml.safe_dump(RUBY), "tape")).session == "tape"
