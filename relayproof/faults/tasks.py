"""Breaks of tasks: what a relay says when a client looks at work that goes on after the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relayproof.faults.answer import Answer
from relayproof.faults.fault import After, Condition

Task = dict[str, Any]


def task_of(document: Any) -> Task:
    """The task in an answer: Midjourney's stands alone, Suno's in `data`; an empty one when there is none."""
    if not isinstance(document, dict):
        return {}
    inner = document.get("data")
    return inner if isinstance(inner, dict) and "task_id" in inner else document if "status" in document else {}


def looks(answer: Answer) -> bool:
    """True for a look at one task."""
    return bool(task_of(answer.json)) and "fetch" in answer.asked.path


def has_status(*words: str) -> Condition:
    """True for a look at a task with one of these statuses."""
    return lambda answer: looks(answer) and task_of(answer.json).get("status") in words


FINISHED, FAILED, RUNNING = has_status("SUCCESS"), has_status("FAILURE"), has_status("IN_PROGRESS")
ENDED = has_status("SUCCESS", "FAILURE")


def edit(change: Callable[[Task], Any], when: Condition = looks) -> After:
    """Change the task in place where it is looked at."""

    def after(answer: Answer) -> None:
        if when(answer):
            answer.rewrite(lambda document: change(task_of(document)) and None)

    return after


def every_task(change: Callable[[Task], Any]) -> After:
    """Change each task, looked at alone or in a list."""

    def changed(document: Any) -> None:
        listed = document.get("data") if isinstance(document, dict) else document
        tasks = listed if isinstance(listed, list) else [task_of(document)]
        for task in tasks:
            if isinstance(task, dict) and task:
                change(task)

    return lambda answer: answer.rewrite(changed)


def without_key(key: str) -> Callable[[Task], Any]:
    """A change that takes a key out of a task."""
    return lambda task: task.pop(key, None)


def frozen(answer: Answer) -> None:
    """What the first look at a task showed is what every later look shows."""
    if looks(answer):
        answer.pieces = [answer.asked.memory.setdefault(f"look {answer.asked.path}", answer.body)]
