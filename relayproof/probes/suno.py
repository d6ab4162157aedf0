"""What is asked of Suno's task endpoints: whole lives of tasks. Songs cost money, refusals and lists do not."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from relayproof import lifecycle
from relayproof.probe import FREE, MONEY, Call, Run, probe
from relayproof.probes.errors import because
from relayproof.probes.tasks import MOST_LOOKS, Steps, followed, known, valid
from relayproof.relay import Relay
from relayproof.surface import SUNO

SUBMIT, FETCH = "/suno/submit", "/suno/fetch"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def run(relay: Relay, action: str, body: dict[str, Any], first: int, expect: dict[str, Any]) -> Steps:
    """Submit a task and follow it; nothing is asked when it was not taken."""
    answer = yield Call("POST", f"{SUBMIT}/{action}", json=body, expect=expect)
    task = lifecycle.submitted(answer)
    if not task:
        return None
    look = Call("GET", f"{FETCH}/{quote(task, safe='', errors='replace')}", expect=known(relay, SUNO))
    return (yield from followed(look, relay, first))


@probe(SUNO, spend=FREE, basic=True)
def no_ids(relay: Relay) -> Run:
    """A list of no tasks at all: free, and shows whether the endpoints are there."""
    yield Call("POST", FETCH, json={"ids": []}, expect=valid(relay, SUNO))


@probe(SUNO, spend=MONEY, requests=MOST_LOOKS + 2, tokens=0)
def music(relay: Relay) -> Run:
    """Two short tunes, looked at until they are done, and listed beside a task that does not exist."""
    body = {
        "gpt_description_prompt": "a short cheerful tune about the sea",
        "mv": "chirp-v3-5",
        "make_instrumental": True,
    }
    made = yield from run(relay, "music", body, 0, valid(relay, SUNO))
    if made is not None:
        listed = {"ids": [made.id, UNKNOWN], "action": "MUSIC"}
        yield Call("POST", FETCH, json=listed, expect=valid(relay, SUNO, unknown=UNKNOWN))


@probe(SUNO, spend=MONEY, requests=MOST_LOOKS + 1, tokens=0)
def lyrics(relay: Relay) -> Run:
    """The words of a song."""
    yield from run(relay, "lyrics", {"prompt": "a red cube by the sea"}, 1, valid(relay, SUNO))


@probe(SUNO, spend=MONEY, requests=MOST_LOOKS + 1, tokens=0)
def unknown_voice(relay: Relay) -> Run:
    """A tune by a model that does not exist: refused at once, or a task that fails."""
    body = {"gpt_description_prompt": "a short tune", "mv": "chirp-relayproof", "make_instrumental": True}
    yield from run(relay, "music", body, 1, known(relay, SUNO))


def bad(relay: Relay, kind: str, told: str) -> dict[str, Any]:
    """What the sender knows of a request that is to be refused."""
    return because(kind, told) | known(relay, SUNO)


@probe(SUNO, spend=FREE, negative=True)
def empty_prompt(relay: Relay) -> Run:
    """Lyrics about nothing."""
    yield Call("POST", f"{SUBMIT}/lyrics", json={"prompt": ""}, expect=bad(relay, "prompt", "an empty prompt"))


@probe(SUNO, spend=FREE, negative=True)
def no_key(relay: Relay) -> Run:
    """A task's state, asked for without a key."""
    yield Call("GET", f"{FETCH}/{UNKNOWN}", key="none", expect=bad(relay, "key", "no key"))


@probe(SUNO, spend=FREE, negative=True)
def unknown_task(relay: Relay) -> Run:
    """A task that does not exist."""
    yield Call("GET", f"{FETCH}/{UNKNOWN}", expect=bad(relay, "task", "an unknown task"))


@probe(SUNO, spend=FREE, negative=True)
def unknown_action(relay: Relay) -> Run:
    """A kind of work that does not exist."""
    yield Call("POST", f"{SUBMIT}/relayproof", json={"prompt": "x"}, expect=bad(relay, "action", "an unknown action"))
