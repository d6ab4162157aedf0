"""What is asked of Midjourney's task endpoints: whole lives of tasks. Drawing costs money, a refusal does not."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import quote, urlsplit

from relayproof import lifecycle
from relayproof.lifecycle import SUCCESS, Look
from relayproof.probe import FREE, MONEY, Call, Run, probe
from relayproof.probes.errors import because
from relayproof.probes.samples import data_url, png
from relayproof.probes.tasks import ENDS, MOST_LOOKS, Steps, followed, known, valid
from relayproof.relay import Relay
from relayproof.surface import MIDJOURNEY

SUBMIT = "/mj/submit"
LIST = "/mj/task/list-by-condition"
UNKNOWN = "1700000000000000"
STATE = "relayproof:7"
PROMPT = "a red cube on a white table"
RED, BLUE = (220, 30, 30), (30, 60, 220)
URL = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(?::\d{1,5})?/[!-~]{0,1800}")


def run(relay: Relay, path: str, body: dict[str, Any], first: int = 1, **facts: Any) -> Steps:
    """Submit a task that must be taken, and follow it."""
    submitted = yield Call("POST", path, json=body, expect=valid(relay, MIDJOURNEY, **facts))
    return (yield from fetched(relay, lifecycle.submitted(submitted), first))


def at(task: str) -> str:
    """The path of a task, whatever its id is made of."""
    return f"/mj/task/{quote(task, safe='', errors='replace')}"


def fetched(relay: Relay, task: str, first: int = 1, ends: Collection[str] = ENDS) -> Steps:
    """Follow a task to its end; nothing is asked when there is none."""
    if not task:
        return None
    look = Call("GET", f"{at(task)}/fetch", expect=known(relay, MIDJOURNEY))
    return (yield from followed(look, relay, first, ends))


def picture(size: int, colour: tuple[int, int, int]) -> str:
    """A square picture of one colour as a data URL."""
    return data_url(png(size, size, colour))


def without(relay: Relay, *dialects: str) -> bool:
    """True when the relay's settings name a dialect that lacks an endpoint."""
    return relay.dialect in dialects


@probe(MIDJOURNEY, spend=FREE, basic=True)
def no_ids(relay: Relay) -> Run:
    """A list of no tasks at all: free, and shows whether the endpoints are there."""
    yield Call("POST", LIST, json={"ids": []}, expect=valid(relay, MIDJOURNEY))


@probe(MIDJOURNEY, spend=FREE)
def mode_prefix(relay: Relay) -> Run:
    """The same list under /mj-fast."""
    yield Call("POST", f"/mj-fast{LIST}", json={"ids": []}, expect=known(relay, MIDJOURNEY))


@probe(MIDJOURNEY, spend=MONEY, requests=3 * MOST_LOOKS + 10, tokens=0)
def imagine(relay: Relay) -> Run:
    """A picture drawn, looked at, listed, asked for its seed, enlarged, and zoomed out under a new prompt."""
    hook, ear = hook_and_ear(relay)
    called_back = {"notifyHook": hook} if hook else {}
    drawn = yield from run(
        relay, f"{SUBMIT}/imagine", {"prompt": PROMPT, "state": STATE} | called_back, 0, callbacks=bool(hook)
    )
    if drawn is None:
        return
    yield from seen(relay, drawn)
    yield Call("POST", LIST, json={"ids": [drawn.id, UNKNOWN]}, expect=valid(relay, MIDJOURNEY, unknown=UNKNOWN))
    enlarged = None
    if drawn.status == SUCCESS:
        if not without(relay, "mjp") and drawn.task.get("buttons") is not None:
            yield Call("GET", f"{at(drawn.id)}/image-seed", expect=valid(relay, MIDJOURNEY))
        enlarged = yield from pressed(relay, drawn, "upsample::1")
    if ear:
        yield Call("GET", ear, key="none", expect=known(relay, MIDJOURNEY, task=drawn.id))
    if enlarged is not None and enlarged.status == SUCCESS:
        yield from zoomed(relay, enlarged)


def seen(relay: Relay, drawn: Look) -> Run:
    """Ask for the picture itself, where its address is one that may be asked."""
    url = drawn.task.get("imageUrl")
    if drawn.status == SUCCESS and isinstance(url, str) and may_fetch(url, relay):
        yield Call("GET", url, key="none", expect=known(relay, MIDJOURNEY, picture=url, task=drawn.id))


def may_fetch(url: str, relay: Relay) -> bool:
    """True for a plain address on the relay's own host, or on another one where the settings allow it."""
    try:
        parts = urlsplit(url)
        usable = bool(URL.fullmatch(url)) and (parts.port or 80) < 65536
    except ValueError:
        return False
    return usable and (parts.netloc == relay.name or (relay.pictures and lifecycle.is_public(url)))


def pressed(relay: Relay, drawn: Look, word: str) -> Steps:
    """Press the first button whose customId holds a word; by number where the dialect has no buttons."""
    if drawn.task.get("buttons") is None:
        body = {"taskId": drawn.id, "action": "UPSCALE", "index": 1}
        return (yield from run(relay, f"{SUBMIT}/change", body))
    custom = button(drawn, word)
    if custom is None:
        return None
    return (yield from run(relay, f"{SUBMIT}/action", {"taskId": drawn.id, "customId": custom}))


def button(drawn: Look, word: str) -> str | None:
    """The customId of the first button that holds a word."""
    found = drawn.task.get("buttons")
    customs = [each.get("customId") for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return next(
        (custom for custom in customs if isinstance(custom, str) and custom.isprintable() and word in custom), None
    )


def zoomed(relay: Relay, enlarged: Look) -> Run:
    """Press Custom Zoom, give the modal its prompt, and follow the task to its end."""
    custom = button(enlarged, "CustomZoom")
    if custom is None:
        return
    body = {"taskId": enlarged.id, "customId": custom}
    answer = yield Call("POST", f"{SUBMIT}/action", json=body, expect=valid(relay, MIDJOURNEY))
    task = lifecycle.submitted(answer)
    if not task:
        return
    if answer.get("/code") != 21:
        waiting = yield from fetched(relay, task)
        if waiting is None or waiting.status != lifecycle.MODAL:
            return
    yield Call(
        "POST",
        f"{SUBMIT}/modal",
        json={"taskId": task, "prompt": f"{PROMPT} --zoom 2"},
        expect=valid(relay, MIDJOURNEY),
    )
    yield from fetched(relay, task, ends=lifecycle.FINAL)


def hook_and_ear(relay: Relay) -> tuple[str, str]:
    """(where the relay is to post, where we ask what it posted); both "" when it can't reach this machine."""
    hook, _, port = relay.notify.partition("#")
    if not port.isdigit():
        return "", ""
    path = urlsplit(hook).path + "/imagine"
    return f"{hook}/imagine", f"http://127.0.0.1:{port}{path[path.index(lifecycle.HEARD) :]}"


@probe(MIDJOURNEY, spend=MONEY, requests=MOST_LOOKS + 1, tokens=0)
def describe(relay: Relay) -> Run:
    """A red picture to be described."""
    yield from run(relay, f"{SUBMIT}/describe", {"base64": picture(64, RED), "state": STATE})


@probe(MIDJOURNEY, spend=MONEY, requests=MOST_LOOKS + 1, tokens=0)
def blend(relay: Relay) -> Run:
    """A red and a blue picture to be mixed."""
    pictures = [picture(64, RED), picture(64, BLUE)]
    yield from run(relay, f"{SUBMIT}/blend", {"base64Array": pictures, "dimensions": "SQUARE", "state": STATE})


@probe(MIDJOURNEY, spend=MONEY, requests=MOST_LOOKS + 1, tokens=0)
def shorten(relay: Relay) -> Run:
    """A prompt of many words to be shortened."""
    if not without(relay, "mjp"):
        body = {"prompt": "a very detailed photograph of a red cube that stands on a white table", "state": STATE}
        yield from run(relay, f"{SUBMIT}/shorten", body, optional="not every server shortens", missing=True)


@probe(MIDJOURNEY, spend=MONEY, requests=MOST_LOOKS + 1, tokens=0)
def swap_face(relay: Relay) -> Run:
    """The face of one picture to be put on another."""
    if not without(relay, "mjp"):
        body = {"sourceBase64": picture(64, RED), "targetBase64": picture(64, BLUE), "state": STATE}
        yield from run(relay, "/mj/insight-face/swap", body, optional="not every server swaps faces", missing=True)


@probe(MIDJOURNEY, spend=MONEY, requests=MOST_LOOKS + 1, tokens=0)
def bad_flag(relay: Relay) -> Run:
    """A prompt with a version of Midjourney that does not exist: refused at once, or a task that fails."""
    body = {"prompt": f"{PROMPT} --v 99", "state": STATE}
    answer = yield Call("POST", f"{SUBMIT}/imagine", json=body, expect=known(relay, MIDJOURNEY))
    yield from fetched(relay, lifecycle.submitted(answer))


def bad(relay: Relay, kind: str, told: str) -> dict[str, Any]:
    """What the sender knows of a request that is to be refused."""
    return because(kind, told) | known(relay, MIDJOURNEY)


@probe(MIDJOURNEY, spend=FREE, negative=True)
def empty_prompt(relay: Relay) -> Run:
    """A drawing of nothing."""
    yield Call("POST", f"{SUBMIT}/imagine", json={"prompt": ""}, expect=bad(relay, "prompt", "an empty prompt"))


@probe(MIDJOURNEY, spend=FREE, negative=True)
def one_picture_to_blend(relay: Relay) -> Run:
    """A mixture of one picture."""
    body = {"base64Array": [picture(16, RED)]}
    yield Call("POST", f"{SUBMIT}/blend", json=body, expect=bad(relay, "pictures", "one picture to blend"))


@probe(MIDJOURNEY, spend=FREE, negative=True)
def unknown_task(relay: Relay) -> Run:
    """A task that does not exist."""
    yield Call("GET", f"/mj/task/{UNKNOWN}/fetch", expect=bad(relay, "task", "an unknown task"))


@probe(MIDJOURNEY, spend=FREE, negative=True)
def no_key(relay: Relay) -> Run:
    """A task's state, asked for without a key."""
    yield Call("GET", f"/mj/task/{UNKNOWN}/fetch", key="none", expect=bad(relay, "key", "no key"))
