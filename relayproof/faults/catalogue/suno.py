"""Suno's tasks."""

from __future__ import annotations

from typing import Any

from relayproof.faults.answer import Answer
from relayproof.faults.document import change, drop, only, put
from relayproof.faults.fault import WARNS, Family, anyhow, refused
from relayproof.faults.reply import instead, status
from relayproof.faults.tasks import (
    ENDED,
    FAILED,
    FINISHED,
    RUNNING,
    edit,
    every_task,
    frozen,
    looks,
    task_of,
    without_key,
)
from relayproof.surface import SUNO

# fmt: off
# A table: a row is a line.

SHAPE, SUBMITTED = "suno/task-matches-schema", "suno/submit-matches-schema"
tasks = Family("suno", (SUNO,))


def clips(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The songs of a task."""
    data = task.get("data")
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def songs(new: Any, when: Any = looks) -> Any:
    """A break of every song of a task that is looked at."""
    return edit(lambda task: [new(clip) for clip in clips(task)], when)


def submits(answer: Answer) -> bool:
    """True for a submission."""
    return "/submit/" in answer.asked.path


def refuses_the_request(answer: Answer) -> bool:
    """True for a refusal that is not about the key."""
    return refused(answer) and answer.status != 401


def makes_songs(answer: Answer) -> bool:
    """True for a finished task with songs."""
    return FINISHED(answer) and bool(clips(task_of(answer.json)))


def _integer_dialect(document: Any) -> Any:
    task = task_of(document)
    if task:
        document.pop("message", None)
        document["code"] = 1
        task["status"] = {"SUCCESS": "complete"}.get(task["status"], task["status"].lower())
    return document


def _listed(answer: Answer) -> bool:
    return answer.asked.path.endswith("/suno/fetch")


tasks.seen("suno-audio-url-none-mp3", "The song's address holds None for an id.", songs(lambda clip: clip.update(audio_url="https://cdn1.suno.example/None.mp3") if clip.get("audio_url") else None), by="suno/addresses-hold-an-id")
tasks.seen("suno-status-submitted-forever-empty-url", "A song is submitted for ever.", edit(lambda task: (task.update(status="SUBMITTED", progress="0%", finish_time=0), [clip.update(status="submitted", audio_url="", video_url="") for clip in clips(task)])), by="suno/task-comes-to-an-end")
tasks.seen("suno-audio-url-changes-after-streaming", "The song moves to another address when it is done.", songs(lambda clip: clip.update(audio_url=f"https://audiopipe.suno.example/?item_id={clip['id']}"), RUNNING), by="suno/audio-stays-*")
tasks.seen("suno-wait-504", "A request that waits for the song ends with 504.", only(submits, instead({"error": {"code": "504", "message": "An error occurred with your deployment"}}, 504)), by=("every-response/valid-request-*", "suno/error-*"))
tasks.seen("suno-500-upstream-403", "The upstream's 403 is a 500 with a text.", only(submits, instead({"error": "Internal server error. AxiosError: Request failed with status code 403"}, 500)), by=("suno/error-*", "every-response/valid-request-*"))
tasks.seen("suno-failed-task-no-data", "A failed task is success: false with no data.", only(FAILED, instead({"success": False, "data": []})), by=("every-response/error-is-not-a-success", "suno/task-matches-schema"))
tasks.seen("suno-code-int", "The code is the number 1.", lambda answer: answer.rewrite(_integer_dialect) if looks(answer) else None, by=("suno/task-matches-schema-openai", "suno/task-is-that-of-*"), verdict=WARNS)
tasks.seen("suno-one-clip-instead-of-two", "One song comes where two are made.", edit(lambda task: task.update(data=task["data"][:1]), makes_songs), by="suno/music-has-two-clips")
for key in ("task_id", "status", "action", "progress", "data"):
    tasks.sibling(f"suno-{key.replace('_', '-')}-missing", f"Tasks have no `{key}`.", edit(without_key(key)), by=SHAPE)
tasks.sibling("suno-submit-without-id", "A submission gets no id.", only(submits, put("/data", "")), by=("suno/submit-names-*", SUBMITTED))
tasks.sibling("suno-submit-data-missing", "A submission gets no data.", only(submits, drop("/data")), by=("suno/submit-*",))
tasks.sibling("suno-one-id-for-all", "All submissions get one id.", only(submits, lambda answer: put("/data", answer.asked.memory.setdefault("id", (answer.json or {}).get("data")))(answer)), by="suno/every-submit-*")
tasks.sibling("suno-frozen", "Every look shows what the first one showed.", frozen, by="suno/task-comes-to-an-end")
tasks.sibling("suno-all-fail", "Every task fails.", edit(lambda task: task.update(status="FAILURE", fail_reason="no account", data=None), FINISHED), by="suno/valid-task-ends-well")
tasks.sibling("suno-audio-url-empty", "A finished song has no address.", songs(lambda clip: clip.update(audio_url=""), FINISHED), by="suno/finished-songs-*")
tasks.sibling("suno-audio-url-undefined", "The address holds undefined for an id.", songs(lambda clip: clip.update(audio_url="https://cdn1.suno.example/undefined.mp3")), by="suno/addresses-hold-an-id")
tasks.sibling("suno-songs-missing", "A finished task has no songs.", edit(lambda task: task.update(data=[]), makes_songs), by=("suno/finished-*", "suno/music-*", SHAPE))
tasks.sibling("suno-status-unknown", "A status is a word that Suno does not have.", edit(lambda task: task.update(status="RUNNING"), RUNNING), by=SHAPE)
tasks.sibling("suno-progress-number", "progress is a number.", edit(lambda task: task.update(progress=int(task["progress"].rstrip("%")))), by=SHAPE)
tasks.sibling("suno-progress-falls", "progress falls.", lambda answer: edit(lambda task: task.update(progress=f"{max(90 - 40 * answer.asked.count(answer.asked.path), 1)}%"))(answer) if looks(answer) and not ENDED(answer) else None, by="suno/progress-*")
tasks.sibling("suno-times-milliseconds", "Times are milliseconds.", edit(lambda task: task.update({key: task[key] * 1000 for key in ("submit_time", "start_time", "finish_time")})), by=("suno/times-*", SHAPE))
tasks.sibling("suno-finish-before-start", "A task ends before it starts.", edit(lambda task: task.update(finish_time=task["submit_time"] - 50), FINISHED), by="suno/times-are-in-order")
tasks.sibling("suno-failure-without-reason", "A failed task does not say why.", edit(lambda task: task.update(fail_reason=""), FAILED), by="suno/failure-says-why")
tasks.sibling("suno-another-task", "A look shows another task.", edit(lambda task: task.update(task_id="00000000-0000-4000-8000-000000000009")), by="suno/fetched-task-*")
tasks.sibling("suno-action-wrong", "The action is another one.", every_task(lambda task: task.update(action="EXTEND")), by=("suno/action-is-*", SHAPE))
tasks.sibling("suno-lyrics-empty", "Lyrics have no words.", edit(lambda task: task["data"].update(text="") if isinstance(task.get("data"), dict) else None, FINISHED), by="suno/finished-lyrics-*")
tasks.sibling("suno-list-null", "The list of tasks is null.", only(_listed, put("/data", None)), by="suno/list-matches-schema*", verdict=WARNS)
tasks.sibling("suno-list-empty", "The list of tasks is empty.", only(_listed, put("/data", [])), by="suno/submitted-task-is-listed")
tasks.sibling("suno-list-more", "The list has tasks that nobody asked for.", only(_listed, change("/data", lambda data: [*data, data[0] | {"task_id": "x"}] if data else data)), by="suno/list-has-only-*")
tasks.sibling("suno-list-behind", "The list shows a finished task as running.", only(_listed, change("/data/*", lambda task: task | {"status": "IN_PROGRESS", "progress": "40%", "finish_time": 0})), by="suno/status-never-goes-back")
tasks.sibling("suno-list-of-the-unknown", "The list has a task that does not exist.", only(_listed, change("/data", lambda data: [*data, data[0] | {"task_id": "00000000-0000-4000-8000-000000000000"}] if data else data)), by="suno/list-has-only-*")
tasks.sibling("suno-songs-without-metadata", "A finished song has no metadata.", songs(lambda clip: clip.pop("metadata"), FINISHED), by="suno/finished-songs-*")
tasks.sibling("suno-refusals-200", "Refusals have status 200.", status(200), by="suno/refusal-has-a-status", when=refuses_the_request, verdict=WARNS)
tasks.sibling("suno-refusals-as-success", "Refusals have status 200 and code success.", status(200), put("/code", "success"), by=("suno/*-is-refused", "suno/unknown-task-*"), when=refused)
tasks.harmless("suno-status-empty", "A task has no status before the relay's first look.", every_task(lambda task: task.update(status="") if task["status"] == "SUBMITTED" else None))
tasks.sibling("suno-forgets", "Every look finds no task.", only(looks, instead({"code": "task_not_exist", "message": "task not exist", "data": None}, 400)), by="suno/submitted-task-is-found")
tasks.sibling("suno-unknown-task-200", "A task that does not exist is there.", lambda answer: answer.say({"code": "success", "message": "", "data": {"task_id": "9", "action": "MUSIC", "status": "SUCCESS", "progress": "100%", "data": []}}, 200) if answer.status >= 400 and "fetch" in answer.asked.path else None, by="suno/unknown-task-*", when=anyhow)
tasks.harmless("suno-unknown-keys", "Tasks carry keys that nobody knows.", edit(lambda task: task.update(platform="suno", quota=1)))
