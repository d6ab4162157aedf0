"""Tasks over their whole lives: on the reference relay nothing is found, on every faulty variant of it the fault is."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cases.lives import MIDJOURNEY, SUNO, Change, Room, unchanged
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from relayproof import lifecycle, options
from relayproof.exchange import Exchange
from relayproof.judge import FAILS, PASSES, UNTESTED, Outcome, judge
from relayproof.probe import Call
from relayproof.probes.samples import data_url, png
from relayproof.probes.tasks import waits
from relayproof.relay import Relay
from relayproof.rule import MUST, OPENAI, PROFILES, RELAY, SHOULD
from relayproof.rules import load as rules
from relayproof.session import Run
from relayproof.wire import cassette
from relayproof.wire.scrub import Scrubber

FAMILIES = ("midjourney", "suno", "every-response", "errors")
FEW = settings(
    max_examples=10,
    stateful_step_count=14,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
RULES = [rule for name, rule in rules().items() if name.split("/")[0] in FAMILIES]
Document = Any


def outcomes(exchanges: Sequence[Exchange], profile: str = RELAY) -> dict[str, set[tuple[str, Outcome]]]:
    """rule -> {(level, outcome)} of a run."""
    result = judge(exchanges, RULES, profile)
    assert not result.errors, result.errors[0].trace
    found: dict[str, set[tuple[str, Outcome]]] = {}
    for verdict in result.verdicts:
        found.setdefault(verdict.rule, set()).add((str(verdict.level), verdict.outcome))
    return found


def failed(exchanges: Sequence[Exchange], profile: str = RELAY, level: str = MUST) -> set[str]:
    """The rules of a level that fail."""
    return {name for name, found in outcomes(exchanges, profile).items() if (level, FAILS) in found}


@dataclass
class Fault:
    """One way to break a correct relay: `spoil(kind, document, memory)` changes an answer's JSON, or gives bytes.

    `rule` is the one that is to fail. `compares` marks a fault that shows only beside an earlier look at the same task.
    """

    name: str
    rule: str
    spoil: Callable[[str, Document, dict[str, Any]], Document]
    level: str = MUST
    suno: bool = False
    compares: bool = False

    def change(self) -> tuple[Change, list[int]]:
        """The change of a transport, and its counter of bites."""
        memory: dict[str, Any] = {}
        bites = [0]

        def change(
            request: httpx.Request, status: int, headers: dict[str, str], body: bytes
        ) -> tuple[int, dict[str, str], bytes]:
            kind = kind_of(request)
            if status != 200 or not kind or self.suno is not ("/suno/" in request.url.path):
                return status, headers, body
            spoilt = self.spoil(kind, json.loads(body), {"path": request.url.path, "store": memory})
            told = spoilt if isinstance(spoilt, bytes) else json.dumps(spoilt).encode()
            bites[0] += not same(told, body)
            return status, headers, told

        return change, bites


def same(told: bytes, body: bytes) -> bool:
    """True for the same JSON value."""
    with contextlib.suppress(ValueError):
        return bool(json.loads(told) == json.loads(body))
    return False


def kind_of(request: httpx.Request) -> str:
    """`submit`, `press`, `fetch`, `list`, or "" for the rest."""
    path = request.url.path
    if re.search(r"/submit/(action|change)", path):
        return "press"
    if re.search(r"/submit/|/swap$", path):
        return "submit"
    if path.endswith(("list-by-condition", "/suno/fetch")):
        return "list"
    return "fetch" if "fetch" in path else ""


def in_tasks(change: Callable[[dict[str, Any]], Any]) -> Callable[[str, Document, dict[str, Any]], Document]:
    """A spoil that changes each task in a fetch or a list, in place."""

    def spoil(kind: str, document: Document, memory: dict[str, Any]) -> Document:
        if kind in ("fetch", "list"):
            inner = document["data"] if isinstance(document, dict) and "code" in document else document
            for task in inner if isinstance(inner, list) else [inner]:
                change(task)
        return document

    return spoil


def on(status: str, **values: Any) -> Callable[[str, Document, dict[str, Any]], Document]:
    """A spoil that sets fields of tasks with that status."""
    return in_tasks(lambda task: task.update(values) if task["status"] == status else None)


def on_grids(**values: Any) -> Callable[[str, Document, dict[str, Any]], Document]:
    """A spoil that sets fields of grids that are done."""

    def change(task: dict[str, Any]) -> None:
        if task["status"] == "SUCCESS" and task["action"] in ("IMAGINE", "BLEND"):
            task.update(values)

    return in_tasks(change)


def stuck(**values: Any) -> Callable[[str, Document, dict[str, Any]], Document]:
    """A spoil that keeps tasks from their good end."""
    empty = {"imageUrl": None, "finishTime": None, "buttons": [], "finish_time": 0, "data": None}

    def change(task: dict[str, Any]) -> None:
        if task["status"] not in ("FAILURE", "MODAL"):
            task.update({key: value for key, value in empty.items() if key in task} | values)

    return in_tasks(change)


def first_look_for_ever(kind: str, document: Document, memory: dict[str, Any]) -> Document:
    return memory["store"].setdefault(memory["path"], document) if kind == "fetch" else document


def empty_when_done(kind: str, document: Document, memory: dict[str, Any]) -> Document:
    return b"" if kind == "fetch" and document["status"] == "SUCCESS" else document


def null_when_done(kind: str, document: Document, memory: dict[str, Any]) -> Document:
    return None if kind == "fetch" and document["status"] == "SUCCESS" else document


def every_second_press_refused(kind: str, document: Document, memory: dict[str, Any]) -> Document:
    if kind != "press":
        return document
    memory["store"]["presses"] = memory["store"].get("presses", 0) + 1
    gone = {"code": 3, "description": "关联任务不存在或失效"}
    return gone if memory["store"]["presses"] % 2 == 0 else document


def lists_an_object(kind: str, document: Document, memory: dict[str, Any]) -> Document:
    return (document or [{"id": "1"}])[0] if kind == "list" else document


def id_is_a_number(kind: str, document: Document, memory: dict[str, Any]) -> Document:
    if kind in ("submit", "press") and document["result"]:
        return document | {"result": int(document["result"])}
    return document


def without_result(kind: str, document: Document, memory: dict[str, Any]) -> Document:
    if kind in ("submit", "press") and document["code"] == 1:
        document.pop("result")
    return document


def in_seconds(task: dict[str, Any]) -> None:
    for key in ("submitTime", "startTime", "finishTime"):
        task[key] = task[key] // 1000 if task[key] else task[key]


def each_song(**values: Any) -> Callable[[str, Document, dict[str, Any]], Document]:
    """A spoil that sets fields of every clip of finished music."""

    def change(task: dict[str, Any]) -> None:
        if task["status"] == "SUCCESS" and isinstance(task["data"], list):
            for song in task["data"]:
                song.update(values)

    return in_tasks(change)


def streams_elsewhere(task: dict[str, Any]) -> None:
    if task["status"] == "IN_PROGRESS" and isinstance(task["data"], list):
        for song in task["data"]:
            song["audio_url"] = f"https://audiopipe.suno.example/?item_id={song['id']}"


def integer_code(kind: str, document: Document, memory: dict[str, Any]) -> Document:
    if kind == "fetch":
        words = {"SUCCESS": "complete", "IN_PROGRESS": "processing", "FAILURE": "error"}
        task = document["data"]
        return {"code": 1, "data": task | {"status": words.get(task["status"], task["status"].lower())}}
    return document


def failed_without_data(kind: str, document: Document, memory: dict[str, Any]) -> Document:
    return {"success": False, "data": []} if kind == "fetch" and document["data"]["status"] == "FAILURE" else document


LOCALHOST = "http://localhost:3000/mj/image/1711217942120945"
MJ_FAULTS = [
    Fault("status-stuck-submitted", "midjourney/task-comes-to-an-end", stuck(status="SUBMITTED", progress="0%")),
    Fault("progress-stuck-85", "midjourney/task-comes-to-an-end", stuck(status="IN_PROGRESS", progress="85%")),
    Fault("relay-never-completes", "midjourney/task-comes-to-an-end", first_look_for_ever),
    Fault("fetch-empty-for-success", "every-response/body-is-one-json-value", empty_when_done),
    Fault("fetch-null-for-success", "midjourney/task-matches-schema", null_when_done),
    Fault("action-refused", "midjourney/button-of-a-finished-task-works", every_second_press_refused),
    Fault("imageurl-localhost", "midjourney/image-url-is-public", on("SUCCESS", imageUrl=LOCALHOST)),
    Fault("imageurl-empty-on-success", "midjourney/task-matches-schema", on_grids(imageUrl="")),
    Fault("buttons-missing", "midjourney/task-matches-schema", on_grids(buttons=[])),
    Fault("progress-number", "midjourney/task-matches-schema", on("SUCCESS", progress=100)),
    Fault("code1-no-result", "midjourney/submit-matches-schema", without_result),
    Fault("times-in-seconds", "midjourney/task-matches-schema", in_tasks(in_seconds)),
    Fault("finished-without-finishtime", "midjourney/finished-task-is-complete", on("SUCCESS", finishTime=0)),
    Fault("list-as-object", "midjourney/list-matches-schema", lists_an_object),
    Fault("id-as-number", "midjourney/submit-matches-schema", id_is_a_number),
    Fault("failure-without-reason", "midjourney/failure-says-why", on("FAILURE", failReason="")),
    Fault("progress-falls", "midjourney/progress-never-falls", on("SUCCESS", progress="1%"), compares=True),
    Fault(
        "bottype-state-empty",
        "midjourney/state-is-given-back",
        in_tasks(lambda task: task.update(customId="", botType="", state="") if task.get("state") else None),
        SHOULD,
    ),
    Fault("failure-progress-empty", "midjourney/task-matches-schema-should", on("FAILURE", progress=""), SHOULD),
]
SUNO_FAULTS = [
    Fault(
        "audio-url-none",
        "suno/addresses-hold-an-id",
        each_song(audio_url="https://cdn1.suno.example/None.mp3"),
        suno=True,
    ),
    Fault(
        "clip-submitted-for-ever",
        "suno/finished-songs-can-be-heard",
        each_song(status="submitted", audio_url="", video_url=""),
        suno=True,
    ),
    Fault("task-stuck", "suno/task-comes-to-an-end", stuck(status="SUBMITTED", progress="0%"), suno=True),
    Fault("audio-url-changes", "suno/audio-stays-where-it-was", in_tasks(streams_elsewhere), suno=True, compares=True),
    Fault("failed-task-no-data", "suno/task-matches-schema", failed_without_data, suno=True),
    Fault(
        "one-clip",
        "suno/music-has-two-clips",
        in_tasks(lambda task: task.update(data=task["data"][:1]) if isinstance(task["data"], list) else None),
        suno=True,
    ),
    Fault("code-int", "suno/task-matches-schema-openai", integer_code, SHOULD, suno=True),
]


def lived(change: Change = unchanged, *, suno: bool = False) -> list[Exchange]:
    return Room(change).live(*(SUNO if suno else MIDJOURNEY))


def test_the_reference_relay_lives_without_a_finding() -> None:
    run = Room().live(*MIDJOURNEY, *SUNO)
    for profile in PROFILES:
        found = outcomes(run, profile)
        assert {name for name, seen in found.items() for _, outcome in seen if outcome is FAILS} == set()
    assert {name for name, seen in found.items() for _, outcome in seen if outcome is UNTESTED} == {
        "midjourney/task-is-called-back"
    }


def test_all_life_cycles_together_take_few_requests() -> None:
    assert len(lived()) <= 40
    assert len(lived(suno=True)) <= 15


@pytest.mark.parametrize("fault", MJ_FAULTS + SUNO_FAULTS, ids=lambda fault: fault.name)
def test_the_probes_find_every_fault(fault: Fault) -> None:
    change, bites = fault.change()
    run = lived(change, suno=fault.suno)
    assert bites[0]
    assert fault.rule in failed(run, RELAY, fault.level)
    assert fault.rule in failed(run, OPENAI, fault.level) | failed(run, OPENAI)


@pytest.mark.parametrize(
    "fault", [fault for fault in MJ_FAULTS + SUNO_FAULTS if fault.level == SHOULD], ids=lambda fault: fault.name
)
def test_what_is_only_a_warning_breaks_no_must(fault: Fault) -> None:
    assert failed(lived(fault.change()[0], suno=fault.suno), RELAY) == set()


def test_a_refused_upstream_that_leaks_out_is_found() -> None:
    def change(request: httpx.Request, status: int, headers: dict[str, str], body: bytes) -> Any:
        error = {"error": "Internal server error. AxiosError: Request failed with status code 403"}
        return (
            (500, headers, json.dumps(error).encode())
            if request.url.path.endswith("/music")
            else (status, headers, body)
        )

    found = failed(lived(change, suno=True))
    assert {"suno/error-matches-schema", "every-response/valid-request-is-answered"} <= found


def test_a_picture_that_is_none_is_found() -> None:
    for status, kind, body in (
        (404, "text/plain", b""),
        (200, "text/html", b"<html>"),
        (200, "image/png", png(16, 16)),
    ):

        def change(request: httpx.Request, *answer: Any, told: Any = (status, {"content-type": kind}, body)) -> Any:
            return told if request.url.path.startswith("/mj/image/") else answer

        assert "midjourney/image-url-leads-to-a-picture" in failed(lived(change))


def test_a_picture_elsewhere_is_asked_for_only_where_the_settings_allow_it() -> None:
    def change(request: httpx.Request, status: int, headers: dict[str, str], body: bytes) -> Any:
        return status, headers, body.replace(b"http://127.0.0.1:18099/", b"https://cdn.pictures.example/")

    room = Room(change)
    lived_there = room.live("midjourney/imagine")
    assert "midjourney/image-url-leads-to-a-picture" not in outcomes(lived_there)
    note = "not fetched, since it lies on other hosts (pictures = true under [relay]): cdn.pictures.example"
    assert options.elsewhere(Run(Relay("http://127.0.0.1:18099"), exchanges=list(lived_there))) == [note]
    assert all(request.url.host == "127.0.0.1" for request in room.transport.requests)
    free = Room(change, pictures=True)
    assert (MUST, PASSES) in outcomes(free.live("midjourney/imagine"))["midjourney/image-url-leads-to-a-picture"]
    (asked,) = [request for request in free.transport.requests if request.url.host == "cdn.pictures.example"]
    assert "authorization" not in asked.headers


def test_an_address_inside_a_private_network_is_never_asked() -> None:
    def change(request: httpx.Request, status: int, headers: dict[str, str], body: bytes) -> Any:
        return status, headers, body.replace(b"http://127.0.0.1:18099/", b"http://169.254.169.254/")

    room = Room(change, pictures=True)
    assert "midjourney/image-url-is-public" in failed(room.live("midjourney/imagine"))
    assert {request.url.host for request in room.transport.requests} == {"127.0.0.1"}


def test_a_recorded_life_is_judged_from_the_cassette_at_once(tmp_path: Path) -> None:
    run = lived(MJ_FAULTS[1].change()[0]) + [replace(each, id=f"s{each.id}") for each in lived(suno=True)]
    cassette.write(tmp_path / "tape", run, {}, Scrubber([]))
    replayed, _ = cassette.read(tmp_path / "tape")
    assert outcomes(sorted(replayed, key=lambda each: each.id)) == outcomes(sorted(run, key=lambda each: each.id))


def test_a_task_that_was_not_watched_to_the_limit_is_untested() -> None:
    run = [each for each in lived(MJ_FAULTS[0].change()[0]) if each.probe == "midjourney/describe"]
    assert (MUST, UNTESTED) in outcomes(run[:3])["midjourney/task-comes-to-an-end"]


def test_looks_come_later_and_later_and_end_at_the_limit() -> None:
    steps = list(waits(600))
    assert steps[0] == (0.0, 0.0)
    assert steps[-1][1] == 600
    assert len(steps) <= 20
    growing = [wait for wait, _ in steps[:-1]]
    assert growing == sorted(growing)


class Lives(RuleBasedStateMachine):
    """Tasks of all kinds, submitted, looked at, listed and pressed in any order; then each is watched to its end."""

    def __init__(self, fault: Fault | None = None, bitten: list[int] | None = None) -> None:
        super().__init__()
        self.fault, self.bitten = fault, bitten
        change, self.bites = fault.change() if fault else (unchanged, [0])
        self.room = Room(change)
        self.seen: list[Exchange] = []
        self.tasks: dict[str, str] = {}

    def ask(self, method: str, path: str, body: Any = None, **expect: Any) -> Exchange:
        expect = {"relay_host": self.room.relay.name} | expect
        self.seen.append(self.room.send(Call(method, path, json=body, expect=expect)))
        return self.seen[-1]

    def keep(self, answer: Exchange) -> None:
        made = lifecycle.submitted(answer)
        if made:
            self.tasks[made] = "/suno/fetch/{}" if "/suno/" in answer.request.url else "/mj/task/{}/fetch"

    @rule(
        path=st.sampled_from(["/mj/submit/imagine", "/mj-relax/mj/submit/imagine", "/mj/submit/shorten"]),
        prompt=st.sampled_from(["a cube", "红色 立方体 🎉", "a cube --v 99"]),
        order=st.integers(1, 99),
    )
    def draw(self, path: str, prompt: str, order: int) -> None:
        self.keep(self.ask("POST", path, {"prompt": prompt, "state": f"order {order}"}))

    @rule(count=st.integers(1, 6))
    def blend(self, count: int) -> None:
        self.keep(self.ask("POST", "/mj/submit/blend", {"base64Array": [data_url(png(8, 8))] * count}))

    @rule(prompt=st.sampled_from(["", "  ", "gore"]))
    def draw_nothing(self, prompt: str) -> None:
        self.keep(self.ask("POST", "/mj/submit/imagine", {"prompt": prompt}))

    @rule(voice=st.sampled_from(["chirp-v3-5", "chirp-none"]), words=st.sampled_from(["the sea", "海"]))
    def sing(self, voice: str, words: str) -> None:
        self.keep(self.ask("POST", "/suno/submit/music", {"gpt_description_prompt": words, "mv": voice}))

    @rule(words=st.sampled_from(["the sea", ""]))
    def write(self, words: str) -> None:
        self.keep(self.ask("POST", "/suno/submit/lyrics", {"prompt": words}))

    @rule(seconds=st.floats(0.01, 0.7))
    def wait(self, seconds: float) -> None:
        self.room.clock.sleep(seconds)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        task, path = data.draw(st.sampled_from(sorted(self.tasks.items())))
        self.ask("GET", path.format(task))

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), suno=st.booleans())
    def list_some(self, data: st.DataObject, suno: bool) -> None:
        own = sorted(task for task, path in self.tasks.items() if ("/suno/" in path) is suno)
        ids = data.draw(st.lists(st.sampled_from([*own, "1700000000000000"]), unique=True))
        self.ask("POST", "/suno/fetch" if suno else "/mj/task/list-by-condition", {"ids": ids})

    @precondition(lambda self: self.buttons())
    @rule(data=st.data())
    def press(self, data: st.DataObject) -> None:
        task, custom = data.draw(st.sampled_from(self.buttons()))
        self.keep(self.ask("POST", "/mj/submit/action", {"taskId": task, "customId": custom}))

    @precondition(lambda self: self.waiting())
    @rule(data=st.data())
    def say_more(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(self.waiting()))
        self.ask("POST", "/mj/submit/modal", {"taskId": task, "prompt": "a cube --zoom 2"})

    def buttons(self) -> list[tuple[str, str]]:
        """(task, customId) of every button that was seen."""
        seen = {look.id: look.task for each in self.seen for look in lifecycle.looks(each) if look.final}
        return [(name, each["customId"]) for name, task in sorted(seen.items()) for each in task.get("buttons") or ()]

    def waiting(self) -> list[str]:
        """The tasks that wait for their modal."""
        sent = {lifecycle.parent(each) for each in self.seen if each.request.url.endswith("/modal")}
        asked = {lifecycle.submitted(each) for each in self.seen if b'"code":21' in each.answered.body}
        return sorted(asked - sent - {""})

    def teardown(self) -> None:
        waiting = self.waiting()
        for when in (0.4, 1.4):
            self.room.clock.sleep(when)
            for task, path in self.tasks.items():
                if task not in waiting:
                    self.ask("GET", path.format(task), waited=when, limit=1.4)
        for task, custom in self.buttons()[:2]:
            self.ask("POST", "/mj/submit/action", {"taskId": task, "customId": custom})
        if self.fault is None:
            wrong = {name for name, seen in outcomes(self.seen).items() for _, outcome in seen if outcome is FAILS}
            assert wrong == set()
        elif self.bites[0]:
            assert self.bitten is not None
            self.bitten.append(self.bites[0])
            assert self.fault.rule in failed(self.seen, RELAY, self.fault.level)


def test_no_order_of_events_makes_the_reference_relay_fail() -> None:
    run_state_machine_as_test(Lives, settings=settings(FEW, max_examples=15, stateful_step_count=25))


@pytest.mark.thorough
@pytest.mark.parametrize(
    "fault", [fault for fault in MJ_FAULTS + SUNO_FAULTS if not fault.compares], ids=lambda fault: fault.name
)
def test_no_order_of_events_hides_a_fault(fault: Fault) -> None:
    bitten: list[int] = []
    run_state_machine_as_test(lambda: Lives(fault, bitten), settings=FEW)
    assert any(bitten), "no life showed the fault"
