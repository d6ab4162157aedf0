"""Cases for relayproof/rules/suno.py: the lives of music and lyrics on the reference relay, changed at one place."""

from dataclasses import replace

from cases.build import Case, answered, changed, exchange
from cases.lives import Room
from relayproof.exchange import Exchange

ROOM = Room()
(NO_IDS,) = ROOM.live("suno/no-ids")
MUSIC = tuple(ROOM.live("suno/music"))
SUBMITTED, FIRST, RUNNING, DONE, LISTED = MUSIC
LYRICS = ROOM.live("suno/lyrics")[-1]
FAILED = ROOM.live("suno/unknown-voice")[-1]
EMPTY, UNKNOWN, NO_ACTION = ROOM.live("suno/empty-prompt", "suno/unknown-task", "suno/unknown-action")
SUNG = DONE.answered.json["data"]
ID = SUNG["task_id"]
CLIPS = SUNG["data"]
OTHER_SUBMIT = ROOM.live("suno/lyrics")[0]


def life(given: Exchange, other: Exchange) -> tuple[Exchange, ...]:
    """The whole life with one exchange in another's place."""
    return tuple(other if each is given else each for each in MUSIC)


def fetched(**fields: object) -> Exchange:
    """The finished task with other values."""
    return answered(DONE, DONE.answered.json | {"data": SUNG | fields})


INTEGER = answered(DONE, {"code": 1, "data": {"task_id": ID, "status": "complete", "data": CLIPS}})
INTEGER_SUBMIT = answered(SUBMITTED, {"code": 1, "data": {"task_id": ID}})
LOST = exchange(
    "GET", FIRST.request.url, None, {"code": "task_not_exist", "message": "x"}, status=400, session="run", id=FIRST.id
)
STUCK = replace(answered(DONE, RUNNING.answered.json), expect=dict(DONE.expect) | {"waited": 6.0, "limit": 6.0})
TAKEN = exchange("POST", "/suno/submit/lyrics", {"prompt": ""}, SUBMITTED.answered.json)

EMPTIED = {"code": "success", "message": "prompt_empty", "data": None}
STILL_RUNNING = answered(LISTED, LISTED.answered.json | {"data": [RUNNING.answered.json["data"]]})
WITH_UNKNOWN = changed(LISTED, "/data/0/task_id", LISTED.expect["unknown"])

CASES = [
    Case("suno/submit-matches-schema", SUBMITTED, changed(SUBMITTED, "/data", "")),
    Case("suno/submit-matches-schema-openai", SUBMITTED, INTEGER_SUBMIT),
    Case(
        "suno/task-matches-schema",
        DONE,
        answered(DONE, {"success": False, "data": []}),
        also=("every-response/failure-is-not-a-success", "suno/task-matches-schema-openai"),
    ),
    Case("suno/task-matches-schema-openai", DONE, INTEGER, also=("suno/task-matches-schema-should",)),
    Case("suno/task-matches-schema-should", DONE, changed(DONE, "/data/fail_reason")),
    Case("suno/list-matches-schema", LISTED, changed(LISTED, "/data", {}), also=("suno/list-matches-schema-openai",)),
    Case("suno/list-matches-schema-openai", LISTED, changed(LISTED, "/data", None)),
    Case("suno/list-matches-schema-should", LISTED, changed(LISTED, "/data/0/start_time")),
    Case(
        "suno/error-matches-schema",
        UNKNOWN,
        answered(UNKNOWN, {"error": "Internal server error."}, status=500),
        also=("suno/unknown-task-is-not-found",),
    ),
    Case(
        "suno/task-is-that-of-the-integer-dialect",
        INTEGER,
        changed(INTEGER, "/data/status", "SUCCESS"),
        also=("suno/task-matches-schema-openai", "suno/task-matches-schema-should"),
    ),
    Case(
        "suno/submit-names-a-task",
        INTEGER_SUBMIT,
        changed(INTEGER_SUBMIT, "/data", {}),
        also=("suno/submit-matches-schema-openai",),
    ),
    Case("suno/empty-prompt-is-refused", EMPTY, TAKEN),
    Case("suno/refusal-has-a-status", SUBMITTED, answered(NO_ACTION, status=200)),
    Case("suno/empty-prompt-is-refused", EMPTY, answered(EMPTY, EMPTIED, status=200)),
    Case("suno/finished-songs-can-be-heard", DONE, changed(DONE, "/data/data/0/metadata")),
    Case("suno/status-never-goes-back", MUSIC, life(LISTED, STILL_RUNNING)),
    Case("suno/list-has-only-what-was-asked-for", LISTED, WITH_UNKNOWN),
    Case("suno/unknown-action-is-refused", NO_ACTION, answered(NO_ACTION, SUBMITTED.answered.json, status=200)),
    Case("suno/unknown-task-is-not-found", UNKNOWN, answered(UNKNOWN, DONE.answered.json, status=200)),
    Case("suno/fetched-task-is-the-one-asked-for", DONE, fetched(task_id=ID[::-1])),
    Case(
        "suno/action-is-the-one-asked-for",
        MUSIC,
        life(DONE, fetched(action="LYRICS")),
        also=("suno/list-and-fetch-agree", "suno/task-keeps-its-identity", "suno/task-matches-schema"),
    ),
    Case("suno/finished-task-is-complete", DONE, fetched(finish_time=0)),
    Case("suno/failure-says-why", FAILED, changed(FAILED, "/data/fail_reason", "")),
    Case("suno/only-a-failure-has-a-reason", DONE, fetched(fail_reason="https://x.example/result.mp3")),
    Case("suno/times-are-in-order", DONE, fetched(start_time=SUNG["submit_time"] - 5)),
    Case("suno/times-are-of-today", DONE, fetched(submit_time=1_600_000_000)),
    Case("suno/finished-songs-can-be-heard", DONE, changed(DONE, "/data/data/0/metadata/duration", None)),
    Case("suno/addresses-hold-an-id", DONE, changed(DONE, "/data/data/0/audio_url", "https://cdn1.suno.ai/None.mp3")),
    Case("suno/music-has-two-clips", DONE, changed(DONE, "/data/data/1")),
    Case("suno/finished-lyrics-have-words", LYRICS, changed(LYRICS, "/data/data/text", " ")),
    Case(
        "suno/list-has-only-what-was-asked-for", LISTED, answered(LISTED, LISTED.answered.json | {"data": [SUNG] * 2})
    ),
    Case("suno/submitted-task-is-found", MUSIC, life(FIRST, LOST)),
    Case("suno/task-comes-to-an-end", MUSIC[:4], (*MUSIC[:3], STUCK)),
    Case(
        "suno/valid-task-ends-well", MUSIC[:4], (*MUSIC[:3], fetched(status="FAILURE", fail_reason="lost", data=None))
    ),
    Case("suno/status-never-goes-back", MUSIC, life(DONE, fetched(status="QUEUED"))),
    Case(
        "suno/progress-never-falls",
        MUSIC,
        life(DONE, fetched(progress="10%")),
        also=("suno/finished-task-is-complete", "suno/list-and-fetch-agree"),
    ),
    Case("suno/task-keeps-its-identity", MUSIC, life(DONE, changed(DONE, "/data/data/0/id", "another"))),
    Case(
        "suno/times-are-told-once", MUSIC, life(RUNNING, changed(RUNNING, "/data/start_time", SUNG["start_time"] + 5))
    ),
    Case(
        "suno/audio-stays-where-it-was",
        MUSIC,
        life(RUNNING, changed(RUNNING, "/data/data/0/audio_url", "https://audiopipe.suno.example/?item_id=1")),
    ),
    Case("suno/submitted-task-is-listed", MUSIC, life(LISTED, changed(LISTED, "/data", []))),
    Case(
        "suno/list-and-fetch-agree",
        MUSIC,
        life(LISTED, changed(LISTED, "/data/0/finish_time", SUNG["finish_time"] + 5)),
    ),
    Case(
        "suno/every-submit-makes-its-own-task",
        (SUBMITTED, OTHER_SUBMIT),
        (SUBMITTED, changed(OTHER_SUBMIT, "/data", ID)),
    ),
]
