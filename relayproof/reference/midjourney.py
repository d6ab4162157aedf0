"""Midjourney's tasks in the dialect of midjourney-proxy-plus: submit, fetch, list, buttons, modal, seed, callbacks."""

from __future__ import annotations

import hashlib
import re
import threading
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from relayproof import schema
from relayproof.reference import pictures
from relayproof.reference.app import json_body
from relayproof.reference.tasks import TOLD_AT, Stage, clock, stage

PREFIXES = ("", "/mj-fast", "/mj-relax", "/mj-turbo")
AT_ONCE, QUEUE = 12, 10
BANNED = ("gore", "bloodbath")
FLAGS = re.compile(r"--(\w+)\s+(\S+)")
GRIDS = ("IMAGINE", "BLEND", "VARIATION", "REROLL", "ZOOM")
ACTIONS = {
    "upsample": "UPSCALE",
    "variation": "VARIATION",
    "reroll": "REROLL",
    "Outpaint": "ZOOM",
    "CustomZoom": "ZOOM",
    "Inpaint": "INPAINT",
    "pan": "PAN",
}
WAITING = ("CustomZoom", "Inpaint")
SUBMITS = {
    "imagine": "IMAGINE",
    "blend": "BLEND",
    "describe": "DESCRIBE",
    "shorten": "SHORTEN",
    "swap": "SWAP_FACE",
}
BODIES = {name: f"midjourney/submit_{name}_request" for name in SUBMITS} | {"swap": "midjourney/swap_face_request"}
FINAL = ("SUCCESS", "FAILURE", "CANCEL")


@dataclass
class Task:
    """One task: what was asked, and when it was begun. `waits` marks one that waits for its modal."""

    id: str
    action: str
    submitted: float
    begun: float
    asked: dict[str, Any]
    prompt: str
    parent: str = ""
    waits: bool = False

    @property
    def mark(self) -> str:
        """The uuid of the task's picture."""
        return str(uuid.UUID(hashlib.sha256(self.id.encode()).hexdigest()[:32]))

    @property
    def fault(self) -> str:
        """What is wrong with the prompt's flags; "" when nothing is."""
        for name, value in FLAGS.findall(self.prompt):
            if name in ("v", "version") and not re.fullmatch(r"[1-7](\.\d)?", value):
                return f"Invalid parameter: `--{name}` must be a known version, not {value}"
        return ""

    def at(self, now: float) -> Stage:
        """How far the task is."""
        return Stage("MODAL", 0) if self.waits else stage(self.begun, now, fails=bool(self.fault))


@dataclass
class Tasks:
    """All tasks of one application."""

    clock: Callable[[], float]
    known: dict[str, Task] = field(default_factory=dict)

    def make(self, action: str, asked: dict[str, Any], prompt: str, **facts: Any) -> Task:
        """A new task under an id of 13 digits of time and 3 of count."""
        now = self.clock()
        name = f"{int(now * 1000):013d}{len(self.known) % 1000:03d}"
        self.known[name] = Task(name, action, now, now, asked, prompt, **facts)
        return self.known[name]

    def busy(self) -> int:
        """How many tasks are under way."""
        now = self.clock()
        return sum(task.at(now).status not in (*FINAL, "MODAL") for task in self.known.values())


def tasks(request: Request) -> Tasks:
    """The application's tasks."""
    state = request.app.state
    if not hasattr(state, "midjourney"):
        state.midjourney = Tasks(clock(request))
    found: Tasks = state.midjourney
    return found


def refused(what: str, code: int = 4, status: int = 400) -> Response:
    """A refusal in Midjourney's shape."""
    return JSONResponse({"code": code, "description": what, "type": "upstream_error"}, status_code=status)


def wrong(name: str, body: dict[str, Any]) -> Response | None:
    """The refusal of a body that breaks its request schema; None for a good one."""
    mismatch = next(schema.mismatches(name, body), None)
    return refused(f"{mismatch.where.strip('/') or 'body'}: {mismatch.what}") if mismatch else None


async def submit(request: Request) -> Response:
    """POST /mj/submit/{imagine, blend, describe, shorten} and /mj/insight-face/swap."""
    name = request.url.path.rpartition("/")[2]
    body = await json_body(request)
    prompt = str(body.get("prompt") or "")
    return wrong(BODIES[name], body) or banned(prompt) or begin(request, SUBMITS[name], body, prompt)


def banned(prompt: str) -> Response | None:
    """Code 24 for a prompt that Midjourney would not draw."""
    word = next((word for word in BANNED if word in prompt.lower()), None)
    if word is None:
        return None
    properties = {"promptEn": prompt, "bannedWord": word}
    return JSONResponse({"code": 24, "description": "可能包含敏感词", "result": None, "properties": properties})


def begin(request: Request, action: str, body: dict[str, Any], prompt: str, **facts: Any) -> Response:
    """Make a task, and answer that it is submitted, queued, or not taken for a full queue."""
    room = tasks(request)
    before = room.busy() - AT_ONCE + 1
    if before > QUEUE:
        return JSONResponse({"code": 23, "description": "队列已满，请稍后尝试", "result": None, "properties": {}})
    task = room.make(action, body, prompt, **facts)
    announce(request, task)
    if task.waits:
        return _taken(task, 21, "Waiting for window confirm", {"finalPrompt": prompt, "remix": True})
    if before > 0:
        return _taken(task, 22, f"排队中，前面还有{before}个任务", {"numberOfQueues": before})
    return _taken(task, 1, "提交成功", {})


def _taken(task: Task, code: int, said: str, properties: dict[str, Any]) -> Response:
    properties = {"discordInstanceId": "relayproof"} | properties
    return JSONResponse({"code": code, "description": said, "result": task.id, "properties": properties})


async def action(request: Request) -> Response:
    """POST /mj/submit/action: press a button of a finished task."""
    body = await json_body(request)
    fault = wrong("midjourney/submit_action_request", body)
    if fault:
        return fault
    origin = tasks(request).known.get(body["taskId"])
    if origin is None or origin.at(tasks(request).clock()).status != "SUCCESS":
        return refused("task_not_found" if origin is None else "task_status_not_success")
    if body["customId"] not in [button["customId"] for button in buttons(origin)]:
        return refused(f"unknown_action:{body['customId']}")
    word = next((word for word in ACTIONS if word in body["customId"]), "")
    made = ACTIONS.get(word, "ACTION")
    return begin(request, made, body, origin.prompt, parent=origin.id, waits=word in WAITING)


async def change(request: Request) -> Response:
    """POST /mj/submit/change and simple-change: the buttons of old, by number."""
    body = await json_body(request)
    simple = request.url.path.endswith("simple-change")
    fault = wrong(f"midjourney/submit_{'simple_' if simple else ''}change_request", body)
    if fault:
        return fault
    if simple:
        name, _, order = body["content"].partition(" ")
        words = {"U": "UPSCALE", "V": "VARIATION", "R": "REROLL"}
        body |= {"taskId": name, "action": words[order[0].upper()]}
    origin = tasks(request).known.get(body["taskId"])
    if origin is None or origin.at(tasks(request).clock()).status != "SUCCESS":
        return refused("task_not_found" if origin is None else "task_status_not_success")
    return begin(request, body["action"], body, origin.prompt, parent=origin.id)


async def modal(request: Request) -> Response:
    """POST /mj/submit/modal: send a task that waits on its way."""
    body = await json_body(request)
    fault = wrong("midjourney/submit_modal_request", body) or banned(str(body.get("prompt") or ""))
    if fault:
        return fault
    room = tasks(request)
    task = room.known.get(body["taskId"])
    if task is None or not task.waits:
        return refused("task_not_found" if task is None else "task_status_not_modal")
    task.waits, task.begun, task.prompt = False, room.clock(), body.get("prompt") or task.prompt
    announce(request, task)
    return _taken(task, 1, "提交成功", {})


async def fetch(request: Request) -> Response:
    """GET /mj/task/{id}/fetch."""
    task = tasks(request).known.get(request.path_params["task"])
    return refused("task_no_found") if task is None else JSONResponse(shown(task, request))


async def listing(request: Request) -> Response:
    """POST /mj/task/list-by-condition: the tasks of those ids, unknown ones left out."""
    body = await json_body(request)
    fault = wrong("midjourney/list_by_condition_request", body)
    if fault:
        return fault
    known = tasks(request).known
    return JSONResponse([shown(known[name], request) for name in dict.fromkeys(body["ids"]) if name in known])


async def image_seed(request: Request) -> Response:
    """GET /mj/task/{id}/image-seed."""
    task = tasks(request).known.get(request.path_params["task"])
    if task is None:
        return refused("task_no_found")
    if task.at(tasks(request).clock()).status != "SUCCESS":
        return refused("task_status_not_success")
    seed = str(int(hashlib.sha256(task.mark.encode()).hexdigest()[:8], 16))
    return JSONResponse({"code": 1, "description": "成功", "result": seed, "properties": {}})


async def picture(request: Request) -> Response:
    """GET /mj/image/{id}.png, without a key: a browser asks for it."""
    task = tasks(request).known.get(request.path_params["task"])
    if task is None or task.at(tasks(request).clock()).status != "SUCCESS":
        return Response(status_code=404)
    number = int(task.id[-3:])
    colours = pictures.GRID if task.action in GRIDS else (pictures.GRID[number % 4],)
    return Response(pictures.grid(colours), media_type="image/png")


def shown(task: Task, request: Request, now: float | None = None) -> dict[str, Any]:
    """The task object as it stands now, or at another moment."""
    stage = task.at(tasks(request).clock() if now is None else now)
    done = stage.status == "SUCCESS"
    return {
        "id": task.id,
        "parentId": task.parent or None,
        "action": task.action,
        "botType": task.asked.get("botType", "MID_JOURNEY"),
        "prompt": task.prompt,
        "promptEn": task.prompt,
        "description": f"/{task.action.lower()} {task.prompt}".strip(),
        "state": task.asked.get("state"),
        "submitTime": _ms(task.submitted),
        "startTime": _ms(stage.started),
        "finishTime": _ms(stage.finished),
        "status": stage.status,
        "progress": f"{stage.percent}%",
        "imageUrl": f"{request.base_url}mj/image/{task.id}.png" if done and task.action != "SHORTEN" else None,
        "failReason": task.fault if stage.status == "FAILURE" else None,
        "buttons": buttons(task) if done else [],
        "properties": {"finalPrompt": final_prompt(task) if done else "", "notifyHook": task.asked.get("notifyHook")},
    }


def _ms(seconds: float) -> int | None:
    return int(seconds * 1000) or None


def final_prompt(task: Task) -> str:
    """What was drawn; of a picture described four prompts, of one shortened the candidates."""
    if task.action == "DESCRIBE":
        return "\n\n".join(
            f"{number}️⃣ a plain {word} square" for number, word in enumerate(("red", "flat", "warm", "bare"), 1)
        )
    if task.action == "SHORTEN":
        words = task.prompt.split()
        return "\n\n".join(f"{number}️⃣ {' '.join(words[: 9 - number])}" for number in range(1, 6))
    return task.prompt


def buttons(task: Task) -> list[dict[str, Any]]:
    """The buttons of a finished task."""
    return [
        {"customId": custom, "emoji": emoji, "label": label, "type": 2, "style": 2}
        for custom, emoji, label in _buttons(task)
    ]


def _buttons(task: Task) -> Iterator[tuple[str, str, str]]:
    if task.action in GRIDS:
        for number in range(1, 5):
            yield f"MJ::JOB::upsample::{number}::{task.mark}", "", f"U{number}"
        yield f"MJ::JOB::reroll::0::{task.mark}::SOLO", "🔄", ""
        for number in range(1, 5):
            yield f"MJ::JOB::variation::{number}::{task.mark}", "", f"V{number}"
    elif task.action == "UPSCALE":
        yield f"MJ::JOB::low_variation::1::{task.mark}::SOLO", "🪄", "Vary (Subtle)"
        yield f"MJ::JOB::high_variation::1::{task.mark}::SOLO", "🪄", "Vary (Strong)"
        yield f"MJ::Inpaint::1::{task.mark}::SOLO", "🖌️", "Vary (Region)"
        yield f"MJ::Outpaint::50::1::{task.mark}::SOLO", "🔍", "Zoom Out 2x"
        yield f"MJ::CustomZoom::{task.mark}", "🔍", "Custom Zoom"
        for way, arrow in (("left", "⬅️"), ("right", "➡️"), ("up", "⬆️"), ("down", "⬇️")):
            yield f"MJ::JOB::pan_{way}::1::{task.mark}::SOLO", arrow, ""
    elif task.action in ("DESCRIBE", "SHORTEN"):
        word = "PicReader" if task.action == "DESCRIBE" else "PromptAnalyzer"
        for number in range(1, 5):
            yield f"MJ::Job::{word}::{number}", f"{number}️⃣", ""


def announce(request: Request, task: Task) -> None:
    """Post the task to its notifyHook at every change, while it goes on; only to this machine."""
    hook = str(task.asked.get("notifyHook") or "")
    if urlsplit(hook).hostname not in ("127.0.0.1", "localhost", "::1") or task.waits:
        return
    bodies = [JSONResponse(shown(task, request, task.begun + age)).body for age in TOLD_AT]
    post: Callable[[str, list[bytes]], None] = getattr(request.app.state, "post", _post_in_time)
    post(hook, [bytes(body) for body in bodies])


def _post_in_time(hook: str, bodies: list[bytes]) -> None:
    threading.Thread(target=post_all, args=(hook, bodies, threading.Event().wait), daemon=True).start()


def post_all(hook: str, bodies: list[bytes], sleep: Callable[[float], Any]) -> None:
    """Post each body at its moment; nobody listening ends it."""
    passed = 0.0
    for age, body in zip(TOLD_AT, bodies, strict=True):
        sleep(age - passed)
        passed = age
        request = urllib.request.Request(hook, body, {"Content-Type": "application/json"})
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=2).close()
        except OSError:
            return


def _routes() -> Iterator[Route]:
    for prefix in PREFIXES:
        for name in ("imagine", "blend", "describe", "shorten"):
            yield Route(f"{prefix}/mj/submit/{name}", submit, methods=["POST"])
        yield Route(f"{prefix}/mj/insight-face/swap", submit, methods=["POST"])
        yield Route(f"{prefix}/mj/submit/action", action, methods=["POST"])
        yield Route(f"{prefix}/mj/submit/change", change, methods=["POST"])
        yield Route(f"{prefix}/mj/submit/simple-change", change, methods=["POST"])
        yield Route(f"{prefix}/mj/submit/modal", modal, methods=["POST"])
        yield Route(f"{prefix}/mj/task/{{task}}/fetch", fetch, methods=["GET"])
        yield Route(f"{prefix}/mj/task/{{task}}/image-seed", image_seed, methods=["GET"])
        yield Route(f"{prefix}/mj/task/list-by-condition", listing, methods=["POST"])


ROUTES = list(_routes())
OPEN = [Route("/mj/image/{task}.png", picture, methods=["GET"])]
