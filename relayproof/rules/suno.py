"""Suno's tasks: songs and lyrics that are submitted, fetched and listed. Suno in chat form is judged as chat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from relayproof import lifecycle, schema
from relayproof.exchange import CLOCK, IDS, STATUS, Exchange
from relayproof.groups import tasks, together
from relayproof.lifecycle import FETCH, LIST, SUBMIT, SUCCESS, Look
from relayproof.pointer import Absent, find, get, is_a
from relayproof.rule import ANY, REFUSED, SHOULD, Finding, Source, Untested, must, should
from relayproof.rules import lifecycles, shapes
from relayproof.rules.errors import refused_as
from relayproof.rules.lifecycles import is_failure, is_success, said, sights
from relayproof.rules.sources import OBSERVED
from relayproof.schema import shown
from relayproof.surface import SUNO

NEW_API_SUNO = Source("QuantumNous/new-api f4f144bc", "dto/suno.go, relay/channel/task/suno")
OTHER_DIALECT = Source("Crazyrouter documentation", "Suno query", "2026-11-23")

STEADY = ("task_id", "action", "submit_time")
ENDED_FIELDS = ("task_id", "action", "status", "progress", "fail_reason", "submit_time", "finish_time")
CLIPS = 2
NOTHING = re.compile(r"(?i)(?:^|[/=_.-])(?:none|null|nil|undefined|nan)(?:$|[/?&#_.-])")


def is_kind(*kinds: str) -> Any:
    """A predicate: a request of one of those kinds that nobody meant to be refused."""
    return lambda exchange: lifecycle.kind(exchange) in kinds and not exchange.expect.get("refusal")


def is_music(look: Look) -> bool:
    """True for songs, also where the relay leaves the action empty."""
    return look.task.get("action") in ("MUSIC", "", None) and not isinstance(look.task.get("data"), dict)


def is_sung(look: Look) -> bool:
    """True for songs that are done."""
    return is_success(look) and is_music(look)


def songs(look: Look) -> list[tuple[str, dict[str, Any]]]:
    """(pointer, song) of every clip of a task."""
    return [(f"{look.at}/data{at}", song) for at, song in find(look.task.get("data"), "/*", dict)]


shapes.matches_schema(
    "suno", "suno/submit_result", NEW_API_SUNO, on=SUNO, when=is_kind(SUBMIT), called="submit_matches_schema"
)
shapes.matches_schema(
    "suno", "suno/fetch_result", NEW_API_SUNO, on=SUNO, when=is_kind(FETCH), called="task_matches_schema"
)
shapes.matches_schema(
    "suno", "suno/fetch_list_result", NEW_API_SUNO, on=SUNO, when=is_kind(LIST), called="list_matches_schema"
)


def _refusal(exchange: Exchange) -> Iterator[tuple[str, Any]]:
    if not isinstance(exchange.answered.json, dict):
        raise Absent("told by body_is_json")
    yield "", exchange.answered.json


shapes.matches_schema(
    "suno",
    "suno/error",
    NEW_API_SUNO,
    on=SUNO,
    answers=REFUSED,
    documents=_refusal,
    called="error_matches_schema",
)


@should(OTHER_DIALECT, on=SUNO, when=lambda exchange: is_kind(FETCH)(exchange) and exchange.one("/code") == 1)
def task_is_that_of_the_integer_dialect(exchange: Exchange) -> Iterator[Finding]:
    """A task under the code 1 has every field of that dialect.

    Two families of relays answer here: new-api says "success", the other says 1, and Suno's own words for the status.
    A mixture of both is read by no client.

    Fix: answer in one dialect throughout, best in new-api's.
    """
    for mismatch in schema.mismatches("suno/fetch_result.integer-code", exchange.answered.json):
        yield Finding(mismatch.where or "/", mismatch.what)


@must(NEW_API_SUNO, on=SUNO, when=is_kind(SUBMIT))
def submit_names_a_task(exchange: Exchange) -> Iterator[Finding]:
    """A submit that succeeds names its task.

    Without an id nothing can be fetched, and what was paid for is lost.

    Fix: answer with the id as `data`.
    """
    if exchange.one("/code") != 1:
        raise Absent("the schema tells")
    if not lifecycle.submitted(exchange):
        yield Finding("/data", shown(exchange.get("/data")))


@must(NEW_API_SUNO, on=SUNO, answers=ANY, when=lambda exchange: lifecycle.kind(exchange) == SUBMIT)
def empty_prompt_is_refused(exchange: Exchange) -> Iterator[Finding]:
    """Lyrics without a prompt are refused at once.

    What is taken is paid for, and fails minutes later, or sings nonsense.

    Fix: check the prompt before the task is made.
    """
    asked = exchange.request.json
    if (
        lifecycle.endpoint(exchange) != "lyrics"
        or not isinstance(asked, dict)
        or str(asked.get("prompt") or "").strip()
    ):
        raise Absent("no lyrics, or a prompt is there")
    yield from _not_taken(exchange, "an empty prompt")


@must(NEW_API_SUNO, on=SUNO, answers=ANY, when=refused_as("action"))
def unknown_action_is_refused(exchange: Exchange) -> Iterator[Finding]:
    """A kind of work that does not exist is refused with a 4xx status.

    Taken as another kind, it makes and bills what nobody asked for.

    Fix: answer 400 with code invalid_request.
    """
    yield from _not_taken(exchange, "an unknown action")


def _not_taken(exchange: Exchange, what: str) -> Iterator[Finding]:
    if exchange.status in lifecycles.FOR_NOW:
        raise Untested(f"the relay answered {exchange.status}: {said(exchange)}")
    if exchange.status >= 500:
        yield Finding("status", f"{exchange.status} for {what}: {said(exchange)}")
    if lifecycle.submitted(exchange):
        yield Finding("/data", f"task {lifecycle.submitted(exchange)} for {what}")
    elif exchange.succeeded and exchange.get("/code") in ("success", 1):
        yield Finding("/code", f"{shown(exchange.get('/code'))} for {what}: {said(exchange)}")


@must(NEW_API_SUNO, on=SUNO, answers=ANY, relay=SHOULD, needs=STATUS, when=lambda exchange: exchange.succeeded)
def refusal_has_a_status(exchange: Exchange) -> Iterator[Finding]:
    """A refusal comes with a 4xx or 5xx status, not as a success with another code.

    Clients look at the status first, and proxies and meters at nothing else: to them it was a song.

    Fix: send 400 with code invalid_request or task_not_exist, 403 with quota_not_enough.
    """
    code = exchange.one("/code", str)
    if code != "success":
        yield Finding("status", f"{exchange.status} with code {shown(code)}: {said(exchange)}")


@must(NEW_API_SUNO, on=SUNO, answers=ANY, when=refused_as("task"))
def unknown_task_is_not_found(exchange: Exchange) -> Iterator[Finding]:
    """A task that does not exist is answered with an error: a 4xx status, or a code that is none of success.

    Another's task, or an empty answer, sends the client into an endless loop.

    Fix: answer 400 with code task_not_exist.
    """
    if exchange.status in lifecycles.FOR_NOW:
        raise Untested(f"the relay answered {exchange.status}: {said(exchange)}")
    if exchange.status >= 500:
        yield Finding("status", f"{exchange.status}: {said(exchange)}")
    elif exchange.succeeded:
        answer = exchange.answered.json if exchange.answered.body.strip() else None
        if not isinstance(answer, dict) or get(answer, "/code") in (None, "success", 1):
            yield Finding("/", f"{shown(answer)} with status {exchange.status}")


@must(NEW_API_SUNO, on=SUNO, needs=IDS, when=is_kind(FETCH))
def fetched_task_is_the_one_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """The task that is fetched has the id that was asked for.

    The client plays another's song.

    Fix: look the task up by the id in the path, and answer with that id.
    """
    fetched = sights(exchange)[0]
    if fetched.id and fetched.id != lifecycle.path_id(exchange):
        yield Finding("/data/task_id", f"{fetched.id} instead of {lifecycle.path_id(exchange)}")


@must(NEW_API_SUNO, on=SUNO, answers=ANY, across=tasks)
def action_is_the_one_asked_for(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The `action` of a task is the one of the path under which it was submitted.

    Clients choose by it how to read `data`: songs or lyrics.

    Fix: store the action with the task.
    """
    wanted = lifecycle.endpoint(lifecycles.accepted(exchanges)).upper()
    look = lifecycles.last_look(exchanges)
    action = look.task.get("action")
    if isinstance(action, str) and action and action.upper() != wanted:
        yield Finding(f"{look.at}/action", f"{shown(action)} instead of {wanted}")


@should(NEW_API_SUNO, on=SUNO, when=is_kind(FETCH, LIST))
def finished_task_is_complete(exchange: Exchange) -> Iterator[Finding]:
    """A task with status SUCCESS has progress 100% and a finish_time.

    Clients wait for the one or the other.

    Fix: set status, progress and finish_time together.
    """
    for look in sights(exchange, lambda look: look.task.get("status") == SUCCESS):
        if isinstance(look.task.get("progress"), str) and look.progress != 100:
            yield Finding(f"{look.at}/progress", f"{shown(look.task.get('progress'))} with status SUCCESS")
        if "finish_time" in look.task and look.time("finish") == 0:
            yield Finding(f"{look.at}/finish_time", f"{shown(look.task['finish_time'])} with status SUCCESS")


@must(NEW_API_SUNO, on=SUNO, when=is_kind(FETCH, LIST))
def failure_says_why(exchange: Exchange) -> Iterator[Finding]:
    """A task with status FAILURE has a fail_reason.

    It is all that the user learns.

    Fix: pass the upstream's reason on; name a time-out or a lost upstream as such.
    """
    for look in sights(exchange, is_failure):
        if not look.reason.strip():
            yield Finding(f"{look.at}/fail_reason", f"{shown(look.task.get('fail_reason'))} with status FAILURE")


@should(NEW_API_SUNO, on=SUNO, when=is_kind(FETCH, LIST))
def only_a_failure_has_a_reason(exchange: Exchange) -> Iterator[Finding]:
    """fail_reason is empty unless the task failed.

    Clients take a filled field for a failure, and throw a good song away.

    Fix: empty the field when a task is tried again, and when it succeeds.
    """
    for look in sights(exchange, lambda look: not is_failure(look)):
        if look.reason:
            yield Finding(f"{look.at}/fail_reason", f"{shown(look.reason)} with status {look.status}")


@must(NEW_API_SUNO, on=SUNO, when=is_kind(FETCH, LIST))
def times_are_in_order(exchange: Exchange) -> Iterator[Finding]:
    """submit_time, start_time and finish_time stand in this order, where they are told.

    Durations and time-outs are reckoned from them.

    Fix: take all three from one clock, in seconds.
    """
    for look in sights(exchange, lambda look: look.time("start") > 0 or look.time("finish") > 0):
        yield from lifecycles.times_out_of_order(look)


@must(NEW_API_SUNO, on=SUNO, needs=CLOCK, when=is_kind(FETCH, LIST))
def times_are_of_today(exchange: Exchange) -> Iterator[Finding]:
    """The times of a task that was submitted now are of now, in seconds.

    Clients sort by them and delete what is old. Midjourney counts milliseconds, Suno seconds.

    Fix: use Unix time in seconds.
    """
    for look in sights(exchange, lifecycles.has_a_clock):
        yield from lifecycles.times_of_another_day(look, 1)


@must(NEW_API_SUNO, on=SUNO, when=is_kind(FETCH, LIST))
def finished_songs_can_be_heard(exchange: Exchange) -> Iterator[Finding]:
    """Every song of a task that ended well has an https audio_url and a duration.

    The address is what was bought. A clip that still says "submitted" in a finished task never gets one.

    Fix: end the task when its last clip is complete, not before.
    """
    found = [song for look in sights(exchange, is_sung) for song in songs(look)]
    if not found:
        raise Absent("no songs; the schema tells")
    bare = exchange.get("/code") == 1
    for at, song in found:
        url = song.get("audio_url")
        if not isinstance(url, str) or not url.startswith("https://") or not lifecycle.is_public(url):
            yield Finding(f"{at}/audio_url", f"{shown(url)} with status {shown(song.get('status'))}")
        if not _has_duration(song) and not (bare and "metadata" not in song):
            yield Finding(f"{at}/metadata/duration", shown(get(song, "/metadata/duration")))


def _has_duration(song: dict[str, Any]) -> bool:
    """True for a duration over 0 in either place."""
    told = [value for path in ("/duration", "/metadata/duration") for _, value in find(song, path)]
    return any(is_a(value, float) and value > 0 for value in told)


@must(OBSERVED, on=SUNO, when=is_kind(FETCH, LIST))
def addresses_hold_an_id(exchange: Exchange) -> Iterator[Finding]:
    """No address ends in the text of nothing, such as None.mp3.

    It is the address of a song whose id was not known yet when the address was made.

    Fix: leave the address empty until the id is known.
    """
    found = [
        (f"{at}/{key}", song[key])
        for look in sights(exchange)
        for at, song in songs(look)
        for key in ("audio_url", "video_url", "image_url", "image_large_url")
        if isinstance(song.get(key), str) and song[key]
    ]
    if not found:
        raise Absent("no addresses")
    for at, url in found:
        if NOTHING.search(url.partition("://")[2].partition("/")[2]):
            yield Finding(at, shown(url))


@must(OBSERVED, on=SUNO, when=is_kind(FETCH, LIST))
def music_has_two_clips(exchange: Exchange) -> Iterator[Finding]:
    """Music that ended well has two clips, each with an id and an address of its own.

    Suno makes two for every request and its price is for two; a relay that passes one on keeps half.

    Fix: pass the whole list of clips on.
    """
    for look in sights(exchange, lambda look: is_sung(look) and bool(songs(look))):
        found = [song for _, song in songs(look)]
        if len(found) < CLIPS:
            yield Finding(f"{look.at}/data", f"{len(found)} instead of {CLIPS}")
        for key in ("id", "audio_url"):
            values = [song[key] for song in found if isinstance(song.get(key), str) and song[key]]
            if len(set(values)) < len(values):
                yield Finding(f"{look.at}/data", f"clips with the same {key}: {shown(values[0])}")


@must(NEW_API_SUNO, on=SUNO, when=is_kind(FETCH, LIST))
def finished_lyrics_have_words(exchange: Exchange) -> Iterator[Finding]:
    """Lyrics that ended well have a text.

    The text is all that was asked for.

    Fix: end the task when the words are there, not before.
    """
    for look in sights(exchange, lambda look: is_success(look) and isinstance(look.task.get("data"), dict)):
        text = look.task["data"].get("text")
        if isinstance(text, str) and not text.strip():
            yield Finding(f"{look.at}/data/text", shown(text))


@must(NEW_API_SUNO, on=SUNO, when=is_kind(LIST))
def list_has_only_what_was_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """The list holds only tasks that were asked for, each once; no ids give an empty list.

    More than that is another user's work.

    Fix: select by the ids and by the key's owner.
    """
    if not isinstance(exchange.asked("/ids"), list):
        raise Absent("the list was asked for in another way")
    yield from lifecycles.listed_wrongly(exchange)


@must(NEW_API_SUNO, on=SUNO, answers=ANY, needs=STATUS, across=tasks)
def submitted_task_is_found(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A task that was accepted is found by its id, at once and until its end.

    The client polls from the moment of the answer; "not found" makes it give up a song that is being paid for.

    Fix: store the task before the submit is answered, and read from where it was stored.
    """
    yield from lifecycles.not_found(exchanges)


@must(OBSERVED, on=SUNO, answers=ANY, across=tasks)
def task_comes_to_an_end(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A task ends, in SUCCESS or FAILURE, within the time allowed (`task` under [timeouts]).

    A task that stands still for ever keeps its client waiting, and its price is gone.

    Fix: ask the upstream again when its events are lost; end tasks by a time-out of the relay's own.
    """
    yield from lifecycles.without_end(exchanges)


@must(OBSERVED, on=SUNO, answers=ANY, across=tasks)
def valid_task_ends_well(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A task that the contract allows ends in SUCCESS.

    A relay that takes every task and fails it looks alive and sells nothing.

    Fix: read fail_reason; a lost account or an empty plan is the usual cause.
    """
    yield from lifecycles.ends_badly(exchanges)


@must(NEW_API_SUNO, on=SUNO, answers=ANY, across=tasks)
def status_never_goes_back(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The status moves forward only, and an end never changes.

    Clients act once on an end; one that is taken back leaves them with a lie.

    Fix: drop an upstream's event that is older than what is known.
    """
    yield from lifecycles.moves_back(exchanges)


@must(NEW_API_SUNO, on=SUNO, answers=ANY, across=tasks)
def progress_never_falls(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The percentage never gets smaller.

    A bar that runs backwards shows that two sources speak for one task.

    Fix: drop an upstream's event that is older than what is known.
    """
    yield from lifecycles.falls(exchanges)


@must(NEW_API_SUNO, on=SUNO, answers=ANY, across=tasks)
def task_keeps_its_identity(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """task_id, action and submit_time of a task never change, nor do the ids of its clips.

    What changes is another task under the same number.

    Fix: set them once, when the task is made.
    """
    for earlier, later in lifecycles.pairs(exchanges):
        yield from lifecycles.differences(earlier, later, STEADY)
        before, after = (sorted(str(song.get("id")) for _, song in songs(look)) for look in (earlier, later))
        if before and after and not set(before) <= set(after):
            where = lifecycles.told_at(earlier, later)
            yield Finding(f"{later.at}/data", f"clips {shown(after)} after {shown(before)} ({where})")


@must(NEW_API_SUNO, on=SUNO, answers=ANY, across=tasks)
def times_are_told_once(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """start_time and finish_time, once told, stay as they are.

    A finish_time that moves with the clock is the time of asking, not of finishing.

    Fix: store the time when it happens.
    """
    yield from lifecycles.times_that_change(exchanges)


@must(OBSERVED, on=SUNO, answers=ANY, across=tasks)
def audio_stays_where_it_was(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The audio_url of a clip, once told, stays as it is.

    Clients keep the first address they see; one for listening during the work is dead when the work is done.

    Fix: tell one address from the beginning, or none until the clip is complete.
    """
    heard = [
        (earlier, later, at, song["audio_url"], _address(earlier, song.get("id")))
        for earlier, later in lifecycles.pairs(exchanges)
        for at, song in songs(later)
        if isinstance(song.get("audio_url"), str)
    ]
    heard = [each for each in heard if each[4]]
    if not heard:
        raise Absent("no address was told twice")
    for earlier, later, at, url, before in heard:
        if url != before:
            what = f"{shown(url)} after {shown(before)} ({lifecycles.told_at(earlier, later)})"
            yield Finding(f"{at}/audio_url", what)


def _address(look: Look, clip: Any) -> str:
    found = [song.get("audio_url") for _, song in songs(look) if song.get("id") == clip]
    return found[0] if found and isinstance(found[0], str) else ""


@must(NEW_API_SUNO, on=SUNO, answers=ANY, across=tasks)
def submitted_task_is_listed(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A task that is found by its id is in the list that asks for it.

    Clients with many tasks poll by the list alone.

    Fix: answer both from the same store.
    """
    yield from lifecycles.not_listed(exchanges)


@should(NEW_API_SUNO, on=SUNO, answers=ANY, across=tasks)
def list_and_fetch_agree(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The list says of a task that has ended what the fetch says.

    Two truths about one task make two clients act differently.

    Fix: answer both from the same store, and with the same object.
    """
    yield from lifecycles.told_differently(exchanges, ENDED_FIELDS)


@must(OBSERVED, on=SUNO, needs=IDS, across=together)
def every_submit_makes_its_own_task(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """Two submits never get the same task id.

    A cached or repeated answer sells one song twice.

    Fix: never cache a POST; make ids unique.
    """
    yield from lifecycles.made_twice([each for each in exchanges if lifecycle.submitted(each)])
