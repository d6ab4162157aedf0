"""Cases for relayproof/rules/midjourney.py: the life of a drawing on the reference relay, changed at one place."""

from dataclasses import replace

from cases.build import Case, answered, changed, exchange
from cases.lives import Room
from relayproof import lifecycle
from relayproof.exchange import Exchange
from relayproof.lifecycle import FETCH, HEARD, LIST, PICTURE, SEED, SUBMIT

ROOM = Room()
NO_IDS, FAST = ROOM.live("midjourney/no-ids", "midjourney/mode-prefix")
IMAGINE = tuple(ROOM.live("midjourney/imagine"))
DESCRIBED = ROOM.live("midjourney/describe")[-1]
FAILED = ROOM.live("midjourney/bad-flag")[-1]
EMPTY, ONE_PICTURE, UNKNOWN = ROOM.live(
    "midjourney/empty-prompt", "midjourney/one-picture-to-blend", "midjourney/unknown-task"
)


def of(kind: str, number: int = 0) -> Exchange:
    """The exchange of a kind in the life, by its number."""
    return [each for each in IMAGINE if lifecycle.kind(each) == kind][number]


SUBMITTED, PRESSED, ZOOMED, MODAL = (of(SUBMIT, number) for number in range(4))
FIRST, RUNNING, DONE, ENLARGING, ENLARGED = (of(FETCH, number) for number in range(5))
LISTED, SEEDED, SEEN = of(LIST), of(SEED), of(PICTURE)
ID = lifecycle.submitted(SUBMITTED)
DRAWN = DONE.answered.json


def life(given: Exchange, other: Exchange) -> tuple[Exchange, ...]:
    """The whole life with one exchange in another's place."""
    return tuple(other if each is given else each for each in IMAGINE)


def refused(given: Exchange) -> Exchange:
    """A submit that is refused in words."""
    return answered(given, {"code": 3, "description": "关联任务不存在或失效"})


def heard(*tasks: object) -> Exchange:
    """What the listener heard."""
    said = [{"seconds": number / 10, "body": task} for number, task in enumerate(tasks)]
    return exchange("GET", f"{HEARD}0/imagine", None, said, id="900", session="run", expect={"task": ID})


def fetched(**fields: object) -> Exchange:
    """The finished task with other values; None as its own value."""
    return answered(DONE, DRAWN | fields)


MJP = {key: DRAWN[key] for key in DRAWN if key not in ("buttons", "botType", "parentId")}
NEW_API = {
    **{key: DRAWN[key] or "" for key in DRAWN if key not in ("parentId", "buttons", "properties")},
    "customId": "",
    "botType": "",
    "maskBase64": "",
    "videoUrl": "",
    "buttons": DRAWN["buttons"],
    "properties": {"finalPrompt": "x", "finalZhPrompt": ""},
}
QUEUED = answered(SUBMITTED, SUBMITTED.answered.json | {"code": 22, "properties": {"numberOfQueues": 2}})
BANNED = answered(
    replace(SUBMITTED, expect={}),
    {"code": 24, "description": "x", "result": None, "properties": {"promptEn": "Gore!", "bannedWord": "gore"}},
)
TAKEN = exchange("POST", "/mj/submit/imagine", {"prompt": " "}, SUBMITTED.answered.json)
BLENDED = exchange("POST", "/mj/submit/blend", {"base64Array": ["a"]}, SUBMITTED.answered.json)
CALLED = heard(FIRST.answered.json, RUNNING.answered.json, DRAWN)
WITH_CALLBACKS = (*IMAGINE, CALLED)
HOOKED = replace(SUBMITTED, expect=dict(SUBMITTED.expect) | {"callbacks": True})
OTHER_ID = ID[:-1] + "9"
LOST = exchange("GET", FIRST.request.url, None, {"code": 4, "description": "x"}, status=404, session="run", id=FIRST.id)
WAITED = dict(DONE.expect) | {"waited": 6.0, "limit": 6.0}
STUCK = replace(answered(DONE, RUNNING.answered.json), expect=WAITED)
REFUSED = refused(PRESSED)

WITH_UNKNOWN = changed(LISTED, "/0/id", LISTED.expect["unknown"])

CASES = [
    Case("midjourney/submit-matches-schema", SUBMITTED, changed(SUBMITTED, "/result", 1320098173412546)),
    Case(
        "midjourney/submit-matches-schema-should",
        SUBMITTED,
        changed(SUBMITTED, "/code", 77),
        also=("midjourney/refusal-names-no-task", "midjourney/valid-submit-is-accepted"),
    ),
    Case("midjourney/task-matches-schema", DONE, fetched(imageUrl="")),
    Case("midjourney/status-and-bot-are-named", DONE, fetched(botType="")),
    Case("midjourney/task-matches-schema-should", FAILED, changed(FAILED, "/progress", "")),
    Case("midjourney/list-matches-schema", LISTED, answered(LISTED, LISTED.answered.json[0])),
    Case("midjourney/status-and-bot-are-named", LISTED, changed(LISTED, "/0/status", "")),
    Case("midjourney/list-matches-schema-should", LISTED, changed(LISTED, "/0/promptEn")),
    Case("midjourney/seed-matches-schema", SEEDED, changed(SEEDED, "/result", 77)),
    Case("midjourney/seed-matches-schema-should", SEEDED, changed(SEEDED, "/result", "none")),
    Case("midjourney/error-matches-schema", UNKNOWN, changed(UNKNOWN, "/code", 1)),
    Case("midjourney/task-is-that-of-midjourney-proxy", answered(DONE, MJP), answered(DONE, MJP | {"action": "PAN"})),
    Case("midjourney/task-is-that-of-plus", DONE, fetched(botType="BOT")),
    Case(
        "midjourney/task-is-that-of-new-api",
        answered(DONE, NEW_API),
        answered(DONE, NEW_API | {"state": None}),
        also=("midjourney/status-and-bot-are-named",),
    ),
    Case(
        "midjourney/json-is-labelled-as-json", SUBMITTED, answered(SUBMITTED, headers=(("content-type", "text/plain"),))
    ),
    Case("midjourney/valid-submit-is-accepted", SUBMITTED, refused(SUBMITTED)),
    Case("midjourney/only-uploads-give-a-list", SUBMITTED, changed(SUBMITTED, "/result", ["https://x.example/1"])),
    Case("midjourney/refusal-names-no-task", BANNED, changed(BANNED, "/result", ID)),
    Case("midjourney/queue-has-a-length", QUEUED, changed(QUEUED, "/properties/numberOfQueues", 0)),
    Case("midjourney/banned-word-is-named", BANNED, changed(BANNED, "/properties/bannedWord", "war")),
    Case("midjourney/empty-prompt-is-refused", EMPTY, TAKEN),
    Case("midjourney/blend-needs-two-to-five-pictures", ONE_PICTURE, BLENDED),
    Case("midjourney/unknown-task-is-not-found", UNKNOWN, answered(UNKNOWN, DONE.json, status=200)),
    Case(
        "midjourney/unknown-task-is-told",
        answered(UNKNOWN, {"code": 4}, status=200),
        answered(UNKNOWN, b"null", status=200),
    ),
    Case("midjourney/fetched-task-is-the-one-asked-for", DONE, fetched(id=OTHER_ID)),
    Case(
        "midjourney/finished-task-is-complete", DONE, fetched(finishTime=0), also=("midjourney/task-is-that-of-plus",)
    ),
    Case("midjourney/failure-says-why", FAILED, changed(FAILED, "/failReason", "")),
    Case("midjourney/only-a-failure-has-a-reason", DONE, fetched(failReason="lost")),
    Case("midjourney/running-task-has-a-percentage", RUNNING, changed(RUNNING, "/progress", "")),
    Case("midjourney/times-are-in-order", DONE, fetched(startTime=DRAWN["finishTime"] + 1)),
    Case("midjourney/times-are-of-today", DONE, fetched(submitTime=1_600_000_000_000)),
    Case(
        "midjourney/submit-time-is-that-of-the-submit",
        IMAGINE,
        life(DONE, fetched(submitTime=DRAWN["submitTime"] + 8 * 3600_000)),
        also=("midjourney/list-and-fetch-agree", "midjourney/task-keeps-its-identity", "midjourney/times-are-in-order"),
    ),
    Case("midjourney/grid-offers-its-buttons", DONE, changed(DONE, "/buttons/7")),
    Case(
        "midjourney/buttons-are-unique",
        DONE,
        changed(DONE, "/buttons/1/customId", DRAWN["buttons"][0]["customId"]),
        also=("midjourney/grid-offers-its-buttons",),
    ),
    Case("midjourney/image-url-is-public", DONE, fetched(imageUrl=f"http://localhost:3000/mj/image/{ID}")),
    Case("midjourney/image-url-leads-to-a-picture", IMAGINE, life(SEEN, answered(SEEN, b"<html>not found</html>"))),
    Case("midjourney/words-are-found", DESCRIBED, changed(DESCRIBED, "/properties/finalPrompt", "")),
    Case("midjourney/list-has-only-what-was-asked-for", LISTED, changed(LISTED, "/0/id", OTHER_ID)),
    Case(
        "midjourney/seed-of-a-finished-task-is-told",
        IMAGINE,
        life(SEEDED, answered(SEEDED, {"code": 4, "description": "x"})),
    ),
    Case("midjourney/submitted-task-is-found", IMAGINE, life(FIRST, LOST)),
    Case("midjourney/task-comes-to-an-end", IMAGINE[:4], (*IMAGINE[:3], STUCK)),
    Case(
        "midjourney/valid-task-ends-well",
        IMAGINE[:4],
        (*IMAGINE[:3], fetched(status="FAILURE", failReason="account disabled")),
    ),
    Case("midjourney/status-never-goes-back", IMAGINE, life(DONE, fetched(status="SUBMITTED"))),
    Case("midjourney/progress-never-falls", IMAGINE, life(DONE, fetched(status="IN_PROGRESS", progress="10%"))),
    Case(
        "midjourney/task-keeps-its-identity",
        IMAGINE,
        life(DONE, fetched(prompt="a cat")),
        also=("midjourney/list-and-fetch-agree",),
    ),
    Case("midjourney/times-are-told-once", IMAGINE, life(DONE, fetched(startTime=DRAWN["startTime"] + 5))),
    Case("midjourney/state-is-nobody-elses", IMAGINE, life(DONE, fetched(state="order 9"))),
    Case("midjourney/state-is-given-back", IMAGINE, life(DONE, fetched(state=""))),
    Case(
        "midjourney/action-is-the-one-asked-for",
        IMAGINE,
        life(ENLARGED, changed(ENLARGED, "/action", "REROLL")),
        also=("midjourney/grid-offers-its-buttons", "midjourney/task-keeps-its-identity"),
    ),
    Case("midjourney/submitted-task-is-listed", IMAGINE, life(LISTED, answered(LISTED, []))),
    Case(
        "midjourney/list-and-fetch-agree", IMAGINE, life(LISTED, changed(LISTED, "/0/imageUrl", "https://x.example/2"))
    ),
    Case("midjourney/status-never-goes-back", IMAGINE, life(LISTED, answered(LISTED, [RUNNING.answered.json]))),
    Case("midjourney/list-and-fetch-agree", IMAGINE, life(LISTED, changed(LISTED, "/0/promptEn", "a blue cube"))),
    Case("midjourney/list-has-only-what-was-asked-for", LISTED, WITH_UNKNOWN),
    Case("midjourney/finished-task-is-complete", DONE, fetched(submitTime=0)),
    Case("midjourney/button-of-a-finished-task-works", IMAGINE, life(PRESSED, REFUSED)),
    Case("midjourney/action-makes-a-task-of-its-own", PRESSED, changed(PRESSED, "/result", ID)),
    Case("midjourney/waiting-button-asks-for-a-modal", IMAGINE, life(ZOOMED, changed(ZOOMED, "/code", 1))),
    Case(
        "midjourney/modal-continues-the-task",
        IMAGINE,
        life(MODAL, answered(MODAL, {"code": 4, "description": "任务不存在"})),
    ),
    Case(
        "midjourney/every-submit-makes-its-own-task",
        IMAGINE,
        life(PRESSED, changed(PRESSED, "/result", ID)),
        also=("midjourney/action-makes-a-task-of-its-own",),
    ),
    Case(
        "midjourney/tasks-have-pictures-of-their-own",
        IMAGINE,
        life(ENLARGED, changed(ENLARGED, "/imageUrl", DRAWN["imageUrl"])),
    ),
    Case(
        "midjourney/speed-prefixes-change-nothing-else",
        (NO_IDS, FAST),
        (NO_IDS, answered(FAST, UNKNOWN.answered.json, status=404)),
    ),
    Case(
        "midjourney/callbacks-never-go-back",
        CALLED,
        heard(FIRST.answered.json, DRAWN, RUNNING.answered.json),
    ),
    Case(
        "midjourney/last-callback-is-the-end",
        WITH_CALLBACKS,
        (*IMAGINE, heard(FIRST.answered.json, RUNNING.answered.json)),
    ),
    Case("midjourney/callback-is-the-task", WITH_CALLBACKS, (*IMAGINE, heard(DRAWN | {"progress": 100}))),
    Case(
        "midjourney/task-is-called-back",
        (*life(SUBMITTED, HOOKED), CALLED),
        (*life(SUBMITTED, HOOKED), heard()),
    ),
]
