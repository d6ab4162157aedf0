"""An interrupted run takes its paid tasks up again, and callbacks are heard: what a session adds to a task's life."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from cases.lives import InProcess, Room

from relayproof import session
from relayproof.judge import FAILS, PASSES, judge
from relayproof.lifecycle import HEARD, SUBMIT, kind, submitted
from relayproof.probe import MONEY, Call
from relayproof.probes import load
from relayproof.reference.midjourney import post_all
from relayproof.relay import Key, Limits, Relay, Timeouts
from relayproof.resume import DAY, Tasks
from relayproof.rules import load as rules
from relayproof.wire.client import Client
from relayproof.wire.listener import is_loopback, listening

KEY = "sk-resume0123456789abcdefghijklmnopqrstuvwxyz"
BASIC = "midjourney/no-ids"


class Interrupted(BaseException):
    """As a Ctrl-C would."""


class WithListener(InProcess):
    """The relay in this process, and our own listener over the loopback interface."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if HEARD not in request.url.path:
            return super().handle_request(request)
        with httpx.HTTPTransport() as network:
            answer = network.handle_request(request)
            answer.read()
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))


class Stage:
    """A room whose client can be interrupted after a number of requests, and the file of tasks beside it."""

    def __init__(self, folder: Path) -> None:
        self.room = Room()
        self.room.clock.now = self.now = time.time()
        self.room.transport = WithListener(self.room.app)
        self.room.app.state.key = KEY
        self.room.app.state.post = lambda hook, bodies: post_all(hook, bodies, lambda seconds: None)
        self.file = folder / "reports" / "tasks.json"
        self.clock = lambda: self.now

    def run(self, *names: str, until: int = 10_000) -> session.Run:
        """A session of these probes; Interrupted after `until` requests."""
        relay = Relay(
            self.room.relay.url,
            Key(KEY),
            models={"midjourney": "mj_imagine", "suno": "suno_music"},
            limits=Limits(spend=MONEY, concurrency=1),
            timeouts=Timeouts(task=6),
        )
        asked = self.room.transport.requests
        before = len(asked)

        def sleep(seconds: float) -> None:
            if len(asked) - before >= until:
                raise Interrupted
            self.room.clock.sleep(seconds)

        client = Client(relay, self.room.transport, sleep)
        probes = [load()[name] for name in ("models/listing", *names)]
        return session.run(relay, probes, client=client, tasks=Tasks(self.file, relay.url, self.clock))

    def submits(self) -> int:
        """How many submits the relay was sent."""
        return sum("/submit/" in request.url.path for request in self.room.transport.requests)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def interrupted(stage: Stage, *names: str, until: int) -> None:
    with pytest.raises(Interrupted):
        stage.run(*names, until=until)


def test_a_run_that_is_interrupted_takes_its_task_up_and_does_not_pay_again(stage: Stage) -> None:
    interrupted(stage, "midjourney/describe", until=2)
    assert stage.submits() == 1
    result = stage.run("midjourney/describe")
    assert stage.submits() == 1
    verdicts = judge(result.exchanges, rules().values()).verdicts
    assert not [verdict for verdict in verdicts if verdict.outcome is FAILS]
    ended = [verdict.outcome for verdict in verdicts if verdict.rule == "midjourney/task-comes-to-an-end"]
    assert ended == [PASSES]


def test_every_paid_step_of_a_life_is_taken_up(stage: Stage) -> None:
    whole = len(Room().live("midjourney/imagine"))
    for sent in range(3, whole):
        interrupted_at = Stage(stage.file.parent / str(sent))
        try:
            interrupted_at.run("midjourney/imagine", until=sent)
        except Interrupted:
            paid = interrupted_at.submits()
            result = interrupted_at.run("midjourney/imagine")
            ids = [submitted(each) for each in result.exchanges if kind(each) == SUBMIT]
            assert interrupted_at.submits() == 4, f"{paid} paid before"
            assert len(ids) == 4
            assert all(ids)


def test_what_has_come_to_its_end_is_submitted_anew(stage: Stage) -> None:
    stage.run("suno/lyrics")
    assert not stage.file.exists()
    stage.run("suno/lyrics")
    assert stage.submits() == 2


def test_a_task_of_the_day_before_yesterday_is_not_taken_up(stage: Stage) -> None:
    interrupted(stage, "suno/lyrics", until=2)
    stage.clock = lambda: stage.now + 2 * DAY
    stage.run("suno/lyrics")
    assert stage.submits() == 2


def test_the_tasks_of_another_relay_are_left_alone(stage: Stage) -> None:
    interrupted(stage, "suno/lyrics", until=2)
    call = Call("POST", "/suno/submit/lyrics", json={"prompt": "a red cube by the sea"})
    other = Tasks(stage.file, "https://other.example", stage.clock)
    assert other.taken_up(call, "suno/lyrics", lambda: "1") is None
    other.forget("suno/lyrics")
    assert stage.file.exists()


def test_a_broken_file_of_tasks_is_no_reason_to_stop(stage: Stage) -> None:
    stage.file.parent.mkdir()
    for text in ("", "[]", '{"tasks": [1]}', '{"tasks": [{"relay": "x"}]}'):
        stage.file.write_text(text)
        stage.run("suno/lyrics")
    assert stage.submits() == 4


def test_the_file_of_tasks_holds_no_key(stage: Stage) -> None:
    interrupted(stage, "suno/lyrics", until=2)
    assert json.loads(stage.file.read_text("utf-8"))["tasks"]
    assert KEY not in stage.file.read_text("utf-8")
    assert [path.name for path in stage.file.parent.iterdir()] == ["tasks.json"]


def test_callbacks_become_an_exchange_that_is_judged(stage: Stage) -> None:
    result = stage.run("midjourney/imagine")
    outcomes = {each.rule: each.outcome for each in judge(result.exchanges, rules().values()).verdicts}
    for name in ("callbacks-never-go-back", "last-callback-is-the-end", "callback-is-the-task", "task-is-called-back"):
        assert outcomes[f"midjourney/{name}"] is PASSES
    assert result.relay.notify == ""


def post(url: str, body: bytes) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=5)
    connection.request("POST", parts.path, body)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_callbacks_are_kept_in_order_and_given_back() -> None:
    with listening(Relay("http://127.0.0.1:1")) as relay:
        hook, _, port = relay.notify.partition("#")
        told: Any = None
        assert post(f"{hook}/imagine", b'{"id": "1", "status": "SUBMITTED"}') == 200
        assert post(f"{hook}/imagine", "完成".encode()) == 200
        assert post(f"{hook}/other", b"{}") == 200
        assert post(f"http://127.0.0.1:{port}/elsewhere", b"{}") == 404
        with Client(relay) as client:
            told = client.send(Call("GET", f"{hook}/imagine", key="none")).answered.json
        assert [each["body"] for each in told] == [{"id": "1", "status": "SUBMITTED"}, "完成"]


def test_nothing_listens_where_the_relay_can_not_call_back() -> None:
    with listening(Relay("https://relay.example")) as relay:
        assert relay.notify == ""
    with listening(Relay("http://127.0.0.1:1"), wanted=False) as relay:
        assert relay.notify == ""
    assert is_loopback("http://localhost:3000")
    assert not is_loopback("http://10.0.0.1:3000")


def test_a_tunnel_names_its_local_port() -> None:
    with listening(Relay("http://127.0.0.1:1")) as free:
        port = free.notify.partition("#")[2]
    with listening(Relay("https://relay.example", notify=f"https://hook.example/a#{port}")) as relay:
        assert relay.notify.startswith("https://hook.example/a/relayproof/heard/")
        assert relay.notify.endswith(f"#{port}")


def test_a_request_that_goes_elsewhere_carries_no_key_and_none_of_the_relays_headers() -> None:
    room = Room(headers={"x-own": "secret-value"})
    room.send(Call("GET", "http://127.0.0.1:18099/mj/image/1.png"))
    room.send(Call("GET", "/v1/models"))
    there, here = (request.headers for request in room.transport.requests)
    assert "authorization" not in there
    assert "x-own" not in there
    assert here["authorization"].startswith("Bearer ")
    assert here["x-own"] == "secret-value"


def test_a_call_waits_before_it_is_sent() -> None:
    room = Room()
    room.send(Call("GET", "/v1/models", wait=2.5))
    assert room.clock.slept == 2.5
