"""Cassettes: what is written comes back exactly, plain vcrpy can use it, and no secret gets into it."""

from __future__ import annotations

import gzip
import string
import tempfile
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import vcr
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from vcr.serialize import deserialize, serialize
from vcr.serializers import yamlserializer

from relayproof.exchange import Ended, Exchange, Part, Request, Response
from relayproof.wire import cassette
from relayproof.wire.cassette import BadTraffic, SecretFound
from relayproof.wire.scrub import Scrubber

KEY = "sk-proj-9fQ2hWm4ZbX7cV1nL8tR5yKe3aUo6jDs"
NOBODY = Scrubber(())
SSE = 'data: {"choices":[{"delta":{"content":"你好，世界 😀"}}]}\n\ndata: {"choices":[]} \n\ndata: [DONE]\n\n'.encode()
ANSWER = '{"id":"chatcmpl-1","object":"chat.completion","choices":[{"message":{"content":"早上好"}}]}'.encode()
ABOUT = {"profile": "relay", "models": {"chat": "gpt-4o-mini"}, "day": "2026-11-22", "skipped": []}


def made(body: bytes = ANSWER, *, id: str = "001", probe: str = "chat/echo", **more: object) -> Exchange:
    headers = (("content-type", "application/json"), ("set-cookie", "***"), ("set-cookie", "***"))
    request = Request("POST", "/v1/chat/completions", (("Content-Type", "application/json"),), b'{"model":"m"}')
    response = Response(200, headers, body, reads=((0.05, len(body)),), seconds=0.06)
    return replace(Exchange(request, response, id=id, probe=probe, session="run"), **more)


def written(folder: Path, *exchanges: Exchange, scrubber: Scrubber = NOBODY) -> Path:
    cassette.write(folder, exchanges, ABOUT, scrubber)
    return folder


texts = st.text(max_size=30)
SIGNS = ("\r", "\r\n", "\0", "\n", "\n\n", " ", " \n", "\t", "\x85\u2028\u2029\ufeff", "你好", "😀", "'", '"')
YAML_SIGNS = ("data: {}", "# ", "- ", "---\n", "...\n", "!!binary", "{", "~", "x" * 5000)
awkward = st.sampled_from([*(sign.encode() for sign in SIGNS + YAML_SIGNS), b"\xff\xfe", b"\xe4\xbd"])
bodies = st.one_of(st.binary(max_size=60), st.lists(awkward, max_size=8).map(b"".join), texts.map(str.encode))
headers = st.lists(st.tuples(texts, st.text(string.printable + "é\xa0", max_size=12)), max_size=4).map(tuple)
numbers = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
reads = st.lists(st.tuples(numbers, st.integers(0, 10**9)), max_size=4).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
parts = st.builds(Part, texts, st.none() | texts, texts, bodies)
requests = st.builds(
    Request,
    st.sampled_from(["GET", "POST"]),
    texts.map("/".__add__),
    headers,
    bodies,
    st.lists(parts, max_size=2).map(tuple),
)
responses = st.builds(
    Response,
    st.integers(100, 599),
    headers,
    bodies,
    reads,
    st.sampled_from(Ended),
    numbers,
    st.lists(texts, max_size=2).map(tuple),
)
exchanges = st.builds(
    Exchange,
    requests,
    st.none() | responses,
    id=texts,
    probe=st.sampled_from(["chat/echo", "chat/两个", "", "../..", "CON", "models/list"]) | texts,
    session=texts,
    failure=texts,
    expect=st.dictionaries(texts, json_values, max_size=3),
    blind=st.sets(st.sampled_from(["headers", "ids", "clock"])).map(frozenset),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(exchanges, max_size=3, unique_by=lambda each: each.id))
@example([made(SSE)])
@example([made(b"line \r\nnext\0\x85")])
@example([made(b"{\n" + b'"a": "' + b"y" * 200_000 + b'"\n}')])
def test_what_is_written_is_read_back_exactly(recorded: list[Exchange]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cassette.write(Path(folder), recorded, ABOUT, NOBODY)
        back, about = cassette.read(Path(folder))
    assert sorted(back, key=lambda each: each.id) == sorted(recorded, key=lambda each: each.id)
    assert about == ABOUT


@settings(max_examples=30, deadline=None)
@given(st.lists(exchanges, min_size=1, max_size=2))
def test_every_yaml_reader_reads_the_same(recorded: list[Exchange]) -> None:
    text = cassette.render([cassette.interaction(each) for each in recorded])
    assert yaml.load(text, Loader=yaml.SafeLoader) == cassette.load(Path("x.yaml"), text.encode())


@settings(max_examples=30, deadline=None)
@given(bodies, bodies)
def test_vcrpy_reads_and_saves_any_body(asked: bytes, answered: bytes) -> None:
    one = Exchange(Request("POST", "/v1/x", body=asked), Response(200, body=answered))
    read = deserialize(cassette.render([cassette.interaction(one)]), yamlserializer)
    again = deserialize(serialize({"requests": read[0], "responses": read[1]}, yamlserializer), yamlserializer)
    assert [request.body or b"" for request in again[0]] == [asked]
    assert [response["body"]["string"] or b"" for response in again[1]] == [answered]


@pytest.mark.parametrize(
    ("body", "extra"),
    [(ANSWER, ()), (SSE, ()), (gzip.compress(ANSWER), (("content-encoding", "gzip"),)), (b"\x89PNG\r\n\x1a\n\xff", ())],
)
def test_plain_vcrpy_replays_status_headers_and_body(
    tmp_path: Path, body: bytes, extra: tuple[tuple[str, str], ...]
) -> None:
    one = made(body)
    assert one.response is not None
    one = replace(one, response=replace(one.response, status=201, headers=one.response.headers + extra))
    file = written(tmp_path, one) / "chat" / "echo.yaml"
    with vcr.use_cassette(str(file), record_mode="none"), httpx.Client() as client:
        answer = client.post("http://relay.invalid/v1/chat/completions", json={"model": "m"})
    assert answer.status_code == 201
    assert answer.headers.get_list("set-cookie") == ["***", "***"]
    assert answer.content == one.answered.decoded if one.response else None


def test_plain_vcrpy_saves_the_file_again(tmp_path: Path) -> None:
    file = written(tmp_path, made(SSE)) / "chat" / "echo.yaml"
    with vcr.use_cassette(str(file), record_mode="new_episodes") as tape:
        tape.dirty = True
    text = file.read_text("utf-8")
    assert "x-relayproof" not in text
    assert deserialize(text, yamlserializer)[1][0]["body"]["string"] == SSE
    with pytest.raises(BadTraffic, match=r"echo\.yaml: interaction 1: it has no x-relayproof"):
        cassette.read(tmp_path)


def test_a_request_without_an_answer_is_599_to_vcrpy(tmp_path: Path) -> None:
    one = made(response=None, failure="unreachable: [Errno 111] Connection refused")
    file = written(tmp_path, one) / "chat" / "echo.yaml"
    with vcr.use_cassette(str(file), record_mode="none"), httpx.Client() as client:
        answer = client.post("http://relay.invalid/v1/chat/completions")
    assert (answer.status_code, answer.reason_phrase, answer.content) == (599, "No Answer", b"")
    assert cassette.read(tmp_path)[0] == [one]


def test_chinese_and_emoji_are_readable_and_streams_are_blocks(tmp_path: Path) -> None:
    text = (written(tmp_path, made(SSE)) / "chat" / "echo.yaml").read_text("utf-8")
    assert (
        '      string: |+\n        data: {"choices":[{"delta":{"content":"你好，世界 😀"}}]}\n\n        data: ' in text
    )


def test_json_stays_on_one_line_byte_for_byte(tmp_path: Path) -> None:
    text = (written(tmp_path, made(ANSWER * 9)) / "chat" / "echo.yaml").read_text("utf-8")
    assert f"string: '{(ANSWER * 9).decode()}'\n" in text


def test_binary_is_written_as_binary(tmp_path: Path) -> None:
    assert "string: !!binary" in (written(tmp_path, made(b"\xff\xf3\x84")) / "chat" / "echo.yaml").read_text("utf-8")


def test_the_same_exchanges_give_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    some = [made(id="002", expect={"b": 1, "a": [1]}), made(SSE, id="001"), made(id="003", probe="models/list")]
    turned = [replace(each, expect=dict(reversed(each.expect.items()))) for each in reversed(some)]
    one, two = written(tmp_path / "one", *some), written(tmp_path / "two", *turned)
    files = sorted(path.relative_to(one) for path in one.rglob("*.*"))
    assert [str(file) for file in files] == ["about.json", "chat/echo.yaml", "models/list.yaml"]
    assert [(one / file).read_bytes() for file in files] == [(two / file).read_bytes() for file in files]


def test_exchanges_come_back_in_the_order_of_their_ids(tmp_path: Path) -> None:
    ids = ["1000", "002", "999", "010"]
    written(tmp_path, *(made(id=number, probe=f"chat/p{number[-1]}") for number in ids))
    assert [each.id for each in cassette.read(tmp_path)[0]] == ["002", "010", "999", "1000"]


def test_a_probe_never_names_a_file_outside_the_folder(tmp_path: Path) -> None:
    written(tmp_path / "in", made(probe="../../out"), made(id="2", probe="/etc/x"), made(id="3", probe=""))
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.yaml"))
    assert names == ["in/etc/x.yaml", "in/out.yaml", "in/without-probe.yaml"]


def test_recording_again_removes_what_is_no_longer_there_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("kept: true\n")
    written(tmp_path, made(), made(id="002", probe="models/list"))
    written(tmp_path, made())
    assert sorted(path.name for path in tmp_path.rglob("*.yaml")) == ["echo.yaml", "mine.yaml"]


@pytest.mark.parametrize(
    "leaky",
    [
        made(b'{"error": "bad key ' + KEY.encode() + b'"}'),
        made(b"\xff\0" + KEY.encode()),
        made(gzip.compress(b"key: " + KEY.encode())),
        made(request=Request("GET", f"/v1/models?k={KEY}")),
        made(request=Request("GET", "/", (("X-Mine", KEY),))),
        made(request=Request("POST", "/", given_form=(Part("a", None, "text/plain", KEY.encode()),))),
        made(expect={"echo": ["a", {"b": KEY}]}),
        made(failure=f"broken: {KEY}"),
        made(expect={KEY: 1}),
        made(request=Request("GET", "/", ((KEY, "1"),))),
    ],
)
def test_a_secret_is_refused_before_anything_is_written(tmp_path: Path, leaky: Exchange) -> None:
    written(tmp_path, made())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    with pytest.raises(SecretFound, match=r"^chat/echo\.yaml: interaction 1") as caught:
        written(tmp_path, leaky, scrubber=Scrubber([KEY]))
    assert KEY not in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_a_secret_in_about_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretFound, match=r"^about\.json/models/chat: "):
        cassette.write(tmp_path, [made()], {"models": {"chat": KEY}}, Scrubber([KEY]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("    method: POST\n", "", "interaction 1: method is to be a str, not NoneType"),
        ("code: 200", "code: good", "interaction 1: code is to be a int, not str"),
        (
            "reads: [[0.05,",
            "reads: [[soon,",
            "interaction 1: reads is to be a list of [seconds, bytes], not of ['soon', 94]",
        ),
        (
            "session: run",
            "session: run\n    ended: oddly",
            "interaction 1: ended is 'oddly', which is none of complete",
        ),
        ("session: run", "session: run\n    blind: [1]", "interaction 1: blind is to be a list of strings"),
        ("interactions:", "nothing:", "is no cassette: it has no list of interactions"),
        ("version: 1", "version: !!python/object/apply:os.getcwd []", "is not YAML: could not determine a constructor"),
        ("version: 1", "version: [1", "is not YAML: "),
    ],
)
def test_a_malformed_file_is_told_in_one_line(tmp_path: Path, old: str, new: str, problem: str) -> None:
    file = written(tmp_path, made()) / "chat" / "echo.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(BadTraffic) as caught:
        cassette.read(tmp_path)
    assert str(caught.value).startswith(str(file))
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_about_is_no_cassette(tmp_path: Path) -> None:
    with pytest.raises(BadTraffic, match=r"about\.json: can't be read"):
        cassette.read(tmp_path)
