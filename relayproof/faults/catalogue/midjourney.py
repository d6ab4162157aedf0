"""Midjourney's tasks."""

from __future__ import annotations

from typing import Any

from relayproof.faults.answer import Answer
from relayproof.faults.document import change, drop, only, put
from relayproof.faults.fault import WARNS, Family, anyhow
from relayproof.faults.parameters import every
from relayproof.faults.reply import instead, status
from relayproof.faults.tasks import FAILED, FINISHED, RUNNING, edit, every_task, frozen, looks, without_key
from relayproof.surface import MIDJOURNEY

# fmt: off
# A table: a row is a line.

SHAPE, SUBMITTED = "midjourney/task-matches-schema", "midjourney/submit-matches-schema"
tasks = Family("midjourney", (MIDJOURNEY,))
TIMES = ("submitTime", "startTime", "finishTime")


def submits(answer: Answer) -> bool:
    """True for the submission of a task that was taken."""
    return "/submit/" in answer.asked.path or "/insight-face/" in answer.asked.path


def _listed(answer: Answer) -> bool:
    return answer.asked.path.endswith("/list-by-condition")


def acts(answer: Answer) -> bool:
    """True for an action on a task."""
    return answer.asked.path.endswith(("/submit/action", "/submit/change"))


def to_times(new: Any) -> Any:
    """A break of the times that are told, alone and in lists."""
    return every_task(lambda task: [task.update({key: new(task[key])}) for key in TIMES if task.get(key)])


def _stuck(task: dict[str, Any]) -> None:
    task["progress"] = f"{min(int(task['progress'].rstrip('%') or 0), 85)}%"
    if task["status"] == "SUCCESS":
        task.update(status="IN_PROGRESS", imageUrl="", finishTime=None)


def _falling(answer: Answer) -> None:
    number = answer.asked.count(f"falling {answer.asked.path}")
    edit(lambda task: task.update(progress=f"{max(70 - 30 * number, 1)}%"), RUNNING)(answer)


def _goes_back(answer: Answer) -> None:
    if looks(answer) and answer.asked.count(f"back {answer.asked.path}") > 1:
        edit(lambda task: task.update(status="SUBMITTED", progress="0%") if task["status"] == "IN_PROGRESS" else None)(answer)


REFUSED = {"code": 3, "description": "关联任务不存在或失效", "result": None, "properties": {}}
tasks.seen("mj-status-stuck-submitted", "A task is SUBMITTED for ever.", edit(lambda task: task.update(status="SUBMITTED", progress="0%", imageUrl=None, startTime=None, finishTime=None, buttons=[])), by="midjourney/task-comes-to-an-end")
tasks.seen("mj-fetch-empty-for-success", "A finished task is an empty body.", only(FINISHED, instead(b"")), by="every-response/body-*")
tasks.seen("mj-progress-stuck-85", "A task stops at 85 %.", edit(_stuck), by="midjourney/task-comes-to-an-end")
tasks.seen("mj-relay-never-completes", "Every look shows what the first one showed.", frozen, by="midjourney/task-comes-to-an-end")
tasks.seen("mj-action-on-success-task-refused", "Every second action on a finished task is refused.", only(acts, only(every(2, "action"), instead(REFUSED))), by="midjourney/button-of-a-*")
tasks.seen("mj-imageurl-localhost", "The picture's address is on localhost.", edit(lambda task: task.update(imageUrl=f"http://localhost:3000/mj/image/{task['id']}"), FINISHED), by="midjourney/image-url-is-public")
tasks.seen("mj-bottype-state-empty", "botType, customId and state are empty.", every_task(lambda task: task.update(botType="", customId="", state="")), by="midjourney/state-is-given-back", verdict=WARNS)
tasks.seen("mj-failure-progress-empty", "A failed task has the progress \"\".", edit(lambda task: task.update(progress=""), FAILED), by="midjourney/task-matches-schema-*", verdict=WARNS)
tasks.seen("mj-imageurl-empty-on-success", "A finished task has no picture.", edit(lambda task: task.update(imageUrl=""), FINISHED), by=("midjourney/finished-task-is-complete", SHAPE))
tasks.seen("mj-buttons-missing", "A finished task has no buttons.", edit(lambda task: task.update(buttons=[]), FINISHED), by="midjourney/task-matches-schema")
tasks.seen("mj-progress-number", "progress is a number.", every_task(lambda task: task.update(progress=int(str(task["progress"]).rstrip("%") or 0))), by=SHAPE)
tasks.seen("mj-code1-no-result", "A task was taken, and its id is missing.", only(submits, drop("/result")), by="midjourney/submit-matches-schema")
tasks.seen("mj-times-in-seconds", "Times are seconds.", to_times(lambda time: time // 1000), by=("midjourney/times-are-of-today", SHAPE))
tasks.seen("mj-finished-without-finishtime", "A finished task has no finishTime.", edit(lambda task: task.update(finishTime=0), FINISHED), by=("midjourney/finished-task-*", "midjourney/times-*"))
for key in ("id", "status", "progress", "action", "submitTime", "imageUrl"):
    tasks.sibling(f"mj-{key.lower()}-missing", f"Tasks have no `{key}`.", every_task(without_key(key)), by=SHAPE)
for key in ("code", "description"):
    tasks.sibling(f"mj-submit-{key}-missing", f"A submission is answered without `{key}`.", only(submits, drop(f"/{key}")), by=SUBMITTED)
tasks.sibling("mj-code-text", "The code is a text.", only(submits, change("/code", str)), by=SUBMITTED)
tasks.sibling("mj-result-number", "The task's id is a number.", only(submits, change("/result", lambda result: int(result) if result else result)), by="midjourney/submit-matches-schema")
tasks.sibling("mj-result-empty", "The task's id is empty.", only(submits, put("/result", "")), by="midjourney/submit-matches-schema")
tasks.sibling("mj-one-id-for-all", "All submissions get one id.", only(submits, lambda answer: put("/result", answer.asked.memory.setdefault("id", (answer.json or {}).get("result")))(answer)), by="midjourney/every-submit-makes-*")
tasks.sibling("mj-status-unknown", "A status is no word of Midjourney's.", edit(lambda task: task.update(status="RUNNING"), RUNNING), by=SHAPE)
tasks.sibling("mj-status-lower-case", "A status is in small letters.", every_task(lambda task: task.update(status=task["status"].lower())), by="midjourney/task-matches-schema")
tasks.sibling("mj-progress-without-percent", "progress has no percent sign.", every_task(lambda task: task.update(progress=task["progress"].rstrip("%"))), by="midjourney/task-matches-schema")
tasks.sibling("mj-progress-above-100", "progress is 150%.", edit(lambda task: task.update(progress="150%"), RUNNING), by=("midjourney/running-*", SHAPE))
tasks.sibling("mj-success-at-99", "A finished task is at 99%.", edit(lambda task: task.update(progress="99%"), FINISHED), by="midjourney/finished-task-*")
tasks.sibling("mj-failure-without-reason", "A failed task does not say why.", edit(lambda task: task.update(failReason=""), FAILED), by="midjourney/failure-says-why")
tasks.sibling("mj-reason-without-failure", "A finished task has a reason of failure.", edit(lambda task: task.update(failReason="ok"), FINISHED), by="midjourney/only-a-failure-*", verdict=WARNS)
tasks.sibling("mj-all-fail", "Every task fails.", edit(lambda task: task.update(status="FAILURE", failReason="no account", progress="0%", imageUrl=None), FINISHED), by="midjourney/valid-task-ends-well")
tasks.sibling("mj-another-task", "A look shows another task.", edit(lambda task: task.update(id="1700000000000001")), by="midjourney/fetched-task-is-*")
tasks.sibling("mj-action-wrong", "The action is another one.", every_task(lambda task: task.update(action="UPSCALE")), by="midjourney/action-is-*")
tasks.sibling("mj-prompt-changes", "The prompt changes from look to look.", lambda answer: edit(lambda task: task.update(prompt=f"{task['prompt']} {answer.asked.count('look')}"))(answer), by="midjourney/task-keeps-*")
tasks.sibling("mj-submit-time-moves", "submitTime changes from look to look.", lambda answer: edit(lambda task: task.update(submitTime=task["submitTime"] - 1000 * answer.asked.count("look")))(answer), by=("midjourney/task-keeps-*", "midjourney/times-*"))
tasks.sibling("mj-finish-before-start", "A task ends before it starts.", edit(lambda task: task.update(finishTime=task["submitTime"] - 5000), FINISHED), by="midjourney/times-are-in-order")
tasks.sibling("mj-times-of-last-year", "Times are a year old.", to_times(lambda time: time - 365 * 86_400_000), by="midjourney/times-are-of-today")
tasks.sibling("mj-times-text", "Times are dates.", to_times(lambda time: "2026-01-01 00:00:00"), by=SHAPE)
tasks.sibling("mj-state-lost", "The state is not given back.", every_task(lambda task: task.update(state=None)), by="midjourney/state-is-given-back", verdict=WARNS)
tasks.sibling("mj-state-of-another", "The state is somebody else's.", every_task(lambda task: task.update(state="other:1")), by="midjourney/state-*")
tasks.sibling("mj-imageurl-private", "The picture's address is in an inner network.", edit(lambda task: task.update(imageUrl="http://192.168.1.2/a.png"), FINISHED), by="midjourney/image-url-is-public")
tasks.sibling("mj-imageurl-relative", "The picture's address has no host.", edit(lambda task: task.update(imageUrl="/mj/image/1.png"), FINISHED), by="midjourney/image-url-is-public")
tasks.sibling("mj-imageurl-of-another", "All tasks have one picture.", edit(lambda task: task.update(imageUrl="https://cdn.example/1.png"), FINISHED), by="midjourney/tasks-have-pictures-*")
tasks.sibling("mj-buttons-equal", "All buttons have one customId.", edit(lambda task: [button.update(customId="MJ::JOB::upsample::1::x") for button in task.get("buttons") or []], FINISHED), by="midjourney/buttons-are-unique")
tasks.sibling("mj-buttons-text", "Buttons are texts.", edit(lambda task: task.update(buttons=["U1", "U2"]), FINISHED), by=SHAPE)
tasks.sibling("mj-list-empty", "The list of tasks is always empty.", only(lambda answer: "list-by-condition" in answer.asked.path, instead([])), by="midjourney/submitted-task-is-listed")
tasks.sibling("mj-list-null", "The list of tasks is null.", only(lambda answer: "list-by-condition" in answer.asked.path, instead("null")), by="midjourney/list-matches-schema*")
tasks.sibling("mj-list-of-all", "The list has tasks that nobody asked for.", lambda answer: _more_listed(answer), by="midjourney/list-has-only-*")
tasks.sibling("mj-forgets", "Every look finds no task.", only(looks, instead("null")), by="midjourney/task-matches-schema")
tasks.sibling("mj-submit-500", "Every submission fails with 500.", only(submits, instead({"error": {"message": "no", "type": "server_error", "param": None, "code": None}}, 500)), by="every-response/valid-request-*")
tasks.sibling("mj-submit-refused", "Every submission is refused with code 4.", only(submits, instead({"code": 4, "description": "参数错误", "properties": {}, "result": None})), by=("midjourney/valid-submit-*",))
tasks.sibling("mj-empty-prompt-taken", "An empty prompt is taken.", lambda answer: answer.say({"code": 1, "description": "提交成功", "result": "1", "properties": {}}, 200) if answer.asked.json.get("prompt") == "" else None, by="midjourney/empty-prompt-*", when=anyhow)
tasks.sibling("mj-unknown-task-200", "A task that does not exist is there.", lambda answer: answer.say({"id": "9", "action": "IMAGINE", "status": "SUCCESS", "progress": "100%", "imageUrl": "https://cdn.example/9.png"}, 200) if answer.status >= 400 and "fetch" in answer.asked.path else None, by="midjourney/unknown-task-*", when=anyhow)
tasks.sibling("mj-refusals-500", "Refusals are 500.", lambda answer: status(500)(answer) if answer.status >= 400 else None, by=("errors/bad-key-*", "midjourney/*is-refused", "midjourney/unknown-task-*"), when=anyhow)
tasks.sibling("mj-list-behind", "The list shows a finished task as running.", only(_listed, change("/*", lambda task: task | {"status": "IN_PROGRESS", "progress": "40%", "finishTime": None})), by="midjourney/status-never-goes-back")
tasks.sibling("mj-list-of-the-unknown", "The list has a task that does not exist.", only(_listed, lambda answer: answer.say([*answer.json, answer.json[0] | {"id": "1700000000000000"}]) if answer.json else None), by="midjourney/list-has-only-*")
tasks.sibling("mj-list-tells-another-prompt", "The list has another prompt in English.", only(_listed, put("/*/promptEn", "another")), by="midjourney/list-and-fetch-agree", verdict=WARNS)
tasks.sibling("mj-submit-time-zero", "A finished task has no submitTime.", every_task(lambda task: task.update(submitTime=0)), by="midjourney/finished-task-is-complete")
tasks.harmless("mj-new-api", "Tasks are those of new-api: no bot, no status before its first look, empty texts.", every_task(lambda task: _of_new_api(task)))
tasks.harmless("mj-shorten-missing", "There is no shortening of prompts and no swapping of faces.", only(lambda answer: answer.asked.path.endswith(("/shorten", "/swap")), instead({"error": {"message": "Invalid URL (POST /mj/submit/shorten)", "type": "invalid_request_error", "param": "", "code": ""}}, 404)))
tasks.harmless("mj-unknown-keys", "Tasks carry keys that nobody knows.", every_task(lambda task: task.update(mode="FAST", videoUrl="")))
tasks.harmless("mj-progress-zero-before-start", "A task that waits has the progress 0%.", edit(lambda task: task.update(progress="0%") if task["status"] == "SUBMITTED" else None))


def _of_new_api(task: dict[str, Any]) -> None:
    """Write a task as new-api does."""
    texts = ("imageUrl", "failReason", "state", "promptEn")
    words = {"finalPrompt": (task.get("properties") or {}).get("finalPrompt") or "", "finalZhPrompt": ""}
    task.update({key: task.get(key) or "" for key in texts} | {key: task.get(key) or 0 for key in TIMES})
    task.update(botType="", customId="", maskBase64="", properties=words, action=task["action"].replace("ZOOM", "CUSTOM_ZOOM"))
    task["status"] = "" if task["status"] == "SUBMITTED" else task["status"]
    task.pop("parentId", None)


def _more_listed(answer: Answer) -> None:
    if "list-by-condition" in answer.asked.path and isinstance(answer.json, list) and answer.json:
        answer.say([*answer.json, answer.json[0] | {"id": "1700000000000002"}])
