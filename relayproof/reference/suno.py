"""Suno's tasks in the form of new-api: songs and lyrics, fetched one by one or as a list."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from relayproof import schema
from relayproof.reference.app import json_body
from relayproof.reference.mind import SEA, digest
from relayproof.reference.tasks import clock, stage

VOICES = {
    "chirp-v3-0": "v3",
    "chirp-v3-5": "v3.5",
    "chirp-v4": "v4",
    "chirp-auk": "v4.5",
    "chirp-bluejay": "v4.5+",
    "chirp-crow": "v5",
}
LENGTH = 92.5
STREAMS_AT = 30


@dataclass(frozen=True)
class Task:
    """One task: what was asked, and when."""

    id: str
    action: str
    begun: float
    asked: dict[str, Any]

    @property
    def fault(self) -> str:
        """Why it can't be sung; "" when it can."""
        voice = self.asked.get("mv") or "chirp-v3-0"
        return "" if self.action == "LYRICS" or voice in VOICES else f"model {voice} is not available"


@dataclass
class Tasks:
    """All tasks of one application."""

    clock: Callable[[], float]
    known: dict[str, Task] = field(default_factory=dict)


def tasks(request: Request) -> Tasks:
    """The application's tasks."""
    state = request.app.state
    if not hasattr(state, "suno"):
        state.suno = Tasks(clock(request))
    found: Tasks = state.suno
    return found


def told(data: Any) -> Response:
    """A success in its envelope."""
    return JSONResponse({"code": "success", "message": "", "data": data})


def refused(code: str, what: str, status: int = 400) -> Response:
    """A refusal in the shape of the task endpoints."""
    return JSONResponse({"code": code, "message": what, "data": None}, status_code=status)


async def submit(request: Request) -> Response:
    """POST /suno/submit/{music, lyrics}."""
    action = request.path_params["action"].upper()
    if action not in ("MUSIC", "LYRICS"):
        return refused("invalid_request", "invalid_action")
    body = await json_body(request)
    mismatch = next(schema.mismatches(f"suno/submit_{action.lower()}_request", body), None)
    if mismatch:
        empty = action == "LYRICS" and not str(body.get("prompt") or "").strip()
        return refused("invalid_request", "prompt_empty" if empty else mismatch.what)
    room = tasks(request)
    if body.get("task_id") and body["task_id"] not in room.known:
        return refused("task_not_exist", "task_origin_not_exist")
    name = str(uuid.UUID(digest("suno", len(room.known), body, length=32)))
    room.known[name] = Task(name, action, room.clock(), body)
    return told(name)


async def fetch(request: Request) -> Response:
    """GET /suno/fetch/{id}."""
    room = tasks(request)
    task = room.known.get(request.path_params["task"])
    return refused("task_not_exist", "task_not_exist") if task is None else told(shown(task, room.clock()))


async def listing(request: Request) -> Response:
    """POST /suno/fetch: the tasks of those ids, unknown ones left out."""
    body = await json_body(request)
    mismatch = next(schema.mismatches("suno/fetch_request", body), None)
    if mismatch:
        return refused("invalid_request", mismatch.what)
    room = tasks(request)
    wanted = str(body.get("action") or "").upper()
    found = [room.known[name] for name in dict.fromkeys(body["ids"]) if name in room.known]
    return told([shown(task, room.clock()) for task in found if wanted in ("", task.action)])


def shown(task: Task, now: float) -> dict[str, Any]:
    """The task object as it stands now."""
    at = stage(task.begun, now, fails=bool(task.fault))
    return {
        "task_id": task.id,
        "notify_hook": task.asked.get("notify_hook", ""),
        "action": task.action,
        "status": at.status,
        "fail_reason": task.fault if at.status == "FAILURE" else "",
        "submit_time": int(task.begun),
        "start_time": int(at.started),
        "finish_time": int(at.finished),
        "progress": f"{at.percent}%",
        "data": _data(task, at.status, at.percent),
    }


def _data(task: Task, status: str, percent: int) -> Any:
    if status not in ("IN_PROGRESS", "SUCCESS"):
        return None
    if task.action == "LYRICS":
        return _lyrics(task) if status == "SUCCESS" else None
    return [song(task, number, percent) for number in range(2)]


def _lyrics(task: Task) -> dict[str, Any]:
    text = f"[Verse]\n{SEA[:88].strip()}\n\n[Chorus]\n{SEA[88:170].strip()}"
    return {"id": task.id, "status": "complete", "title": task.asked["prompt"][:40].title(), "text": text}


def song(task: Task, number: int, percent: int) -> dict[str, Any]:
    """One of the two clips; it can be heard before the task has ended, at one address that stays."""
    name = str(uuid.UUID(digest(task.id, number, length=32)))
    heard, done = percent >= STREAMS_AT, percent == 100
    voice = task.asked.get("mv") or "chirp-v3-0"
    words = "[Instrumental]" if task.asked.get("make_instrumental") else task.asked.get("prompt") or SEA[:88]
    return {
        "id": name,
        "audio_url": f"https://cdn.suno.example/{name}.mp3" if heard else "",
        "video_url": f"https://cdn.suno.example/{name}.mp4" if done else "",
        "image_url": f"https://cdn.suno.example/{name}.jpeg" if done else "",
        "image_large_url": f"https://cdn.suno.example/{name}_large.jpeg" if done else "",
        "major_model_version": VOICES.get(voice, ""),
        "model_name": voice,
        "status": "complete" if done else "streaming" if heard else "submitted",
        "title": task.asked.get("title") or "The Sea",
        "text": words,
        "metadata": {
            "tags": task.asked.get("tags") or "folk",
            "prompt": words,
            "gpt_description_prompt": task.asked.get("gpt_description_prompt"),
            "audio_prompt_id": task.asked.get("continue_clip_id"),
            "duration": LENGTH + number if done else None,
            "error_type": None,
            "error_message": None,
        },
    }


ROUTES = [
    Route("/suno/submit/{action}", submit, methods=["POST"]),
    Route("/suno/fetch/{task}", fetch, methods=["GET"]),
    Route("/suno/fetch", listing, methods=["POST"]),
]
