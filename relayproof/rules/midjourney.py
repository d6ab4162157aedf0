"""Midjourney's tasks: what is submitted, what is seen of it until it ends, and what can be done with the result."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from relayproof import lifecycle, pictures, schema
from relayproof.exchange import CLOCK, CONTENT, HEADERS, IDS, STATUS, Exchange
from relayproof.groups import tasks, together
from relayproof.lifecycle import ACCEPTED, CALLBACKS, FETCH, LIST, MODAL, PICTURE, SEED, SUBMIT, SUCCESS, Look
from relayproof.pointer import Absent, find, get, is_a
from relayproof.rule import ANY, MAY, REFUSED, SHOULD, Finding, NotOffered, Source, Untested, may, must, should
from relayproof.rules import lifecycles, shapes
from relayproof.rules.errors import refused_as
from relayproof.rules.every_response import is_missing, lacks
from relayproof.rules.lifecycles import is_failure, is_success, refused_for_now, said, sights
from relayproof.rules.sources import HTTP, OBSERVED
from relayproof.schema import shown
from relayproof.surface import MIDJOURNEY, OTHER

MJP = Source("novicezk/midjourney-proxy 0be95a91", "Task, SubmitResultVO and the API documentation")
MJP_CALLBACK = Source("novicezk/midjourney-proxy 0be95a91", "NotifyServiceImpl")
PLUS = Source("trueai-org/midjourney-proxy ed321976", "TaskInfo, SubmitResultVO and the API documentation")
NEW_API_TASK = Source("QuantumNous/new-api f4f144bc", "dto/midjourney.go")

GRIDS = ("IMAGINE", "VARIATION", "REROLL", "BLEND")
UPLOADS = ("upload-discord-images",)
PROMPTED = ("imagine", "shorten")
PRESSES = ("action", "change", "simple-change")
ENDPOINT_ACTIONS = {
    "imagine": ("IMAGINE",),
    "blend": ("BLEND",),
    "describe": ("DESCRIBE",),
    "shorten": ("SHORTEN",),
    "swap": ("SWAP_FACE",),
    "video-swap": ("SWAP_VIDEO_FACE",),
    "video": ("VIDEO", "VIDEO_EXTEND"),
    "edits": ("EDIT", "EDITS"),
    "edit": ("EDIT", "EDITS"),
    "retexture": ("RETEXTURE",),
    "upload-discord-images": ("UPLOAD",),
}
BUTTON_ACTIONS = (
    (r"upsample", ("UPSCALE", "UPSCALE_HD")),
    (r"low_variation", ("VARIATION", "LOW_VARIATION")),
    (r"high_variation", ("VARIATION", "HIGH_VARIATION")),
    (r"variation", ("VARIATION",)),
    (r"reroll", ("REROLL",)),
    (r"pan_", ("PAN",)),
    (r"CustomZoom", ("ZOOM", "CUSTOM_ZOOM", "OUTPAINT")),
    (r"Outpaint", ("ZOOM", "OUTPAINT")),
    (r"Inpaint", ("INPAINT",)),
)
GRID_BUTTONS = (*(f"upsample::{n}::" for n in range(1, 5)), *(f"variation::{n}::" for n in range(1, 5)), "reroll")
WAITING = re.compile(r"CustomZoom|Inpaint")
STEADY = ("id", "action", "prompt", "submitTime")
ENDED_FIELDS = (
    *("id", "action", "prompt", "promptEn", "description", "status", "progress", "imageUrl", "failReason"),
    *("submitTime", "finishTime", "buttons"),
)
MODES = re.compile(r"^/mj-(?:fast|relax|turbo)(?=/mj/)")
SMALLEST = 64
A_FEW_MINUTES = 300


def is_kind(*kinds: str) -> Any:
    """A predicate: a request of one of those kinds that nobody meant to be refused."""
    return lambda exchange: lifecycle.kind(exchange) in kinds and not exchange.expect.get("refusal")


def is_submit(exchange: Exchange) -> bool:
    """True for a submit."""
    return lifecycle.kind(exchange) == SUBMIT


def code(exchange: Exchange) -> int:
    """The code of a submit's answer. Raises Absent when it has none."""
    found: int = exchange.one("/code", int)
    return found


def pressed(exchange: Exchange) -> str:
    """The customId that an action request presses. Raises Absent."""
    custom = exchange.asked("/customId", str)
    if not custom:
        raise Absent("no button was pressed")
    return str(custom)


def dialect(exchange: Exchange) -> str:
    """The dialect of a task: as the settings say, else as its marks show; "" when they show none.

    new-api fills three fields with empty text, midjourney-proxy has none of them, the others name the bot.
    """
    if exchange.expect.get("dialect"):
        return str(exchange.expect["dialect"])
    task = exchange.answered.json
    if not isinstance(task, dict) or "status" not in task:
        return ""
    if all(task.get(key) == "" for key in ("customId", "botType", "maskBase64")):
        return "new-api"
    if task.get("botType"):
        return "plus"
    return "" if task.keys() & {"buttons", "botType", "customId", "maskBase64"} else "mjp"


shapes.matches_schema(
    "midjourney", "midjourney/submit_result", MJP, on=MIDJOURNEY, when=is_kind(SUBMIT), called="submit_matches_schema"
)
shapes.matches_schema(
    "midjourney", "midjourney/task", MJP, on=MIDJOURNEY, when=is_kind(FETCH), called="task_matches_schema"
)
shapes.matches_schema(
    "midjourney", "midjourney/task_list", MJP, on=MIDJOURNEY, when=is_kind(LIST), called="list_matches_schema"
)
shapes.matches_schema(
    "midjourney", "midjourney/image_seed", PLUS, on=MIDJOURNEY, when=is_kind(SEED), called="seed_matches_schema"
)


def _refusal(exchange: Exchange) -> Iterator[tuple[str, Any]]:
    if not isinstance(exchange.answered.json, dict):
        raise Absent("told by body_is_json")
    yield "", exchange.answered.json


shapes.matches_schema(
    "midjourney",
    "midjourney/error",
    NEW_API_TASK,
    on=MIDJOURNEY,
    answers=REFUSED,
    when=lambda exchange: not is_missing(exchange),
    documents=_refusal,
    called="error_matches_schema",
)


def _in_dialect(exchange: Exchange, name: str) -> Iterator[Finding]:
    for mismatch in schema.mismatches(f"midjourney/task.{name}", exchange.answered.json):
        yield Finding(mismatch.where or "/", mismatch.what)


def speaks(name: str) -> Any:
    """A predicate: a fetched task in that dialect."""
    return lambda exchange: is_kind(FETCH)(exchange) and dialect(exchange) == name


@should(MJP, on=MIDJOURNEY, when=speaks("mjp"))
def task_is_that_of_midjourney_proxy(exchange: Exchange) -> Iterator[Finding]:
    """A task that looks like midjourney-proxy's has every field of that dialect.

    Clients are written for one dialect, and know it by its marks: here no buttons and no bot.

    Fix: pass the upstream's task on unchanged; name the dialect in relayproof.toml where it is another.
    """
    yield from _in_dialect(exchange, "mjp")


@should(PLUS, on=MIDJOURNEY, when=speaks("plus"))
def task_is_that_of_plus(exchange: Exchange) -> Iterator[Finding]:
    """A task that looks like midjourney-proxy-plus's has every field of that dialect.

    Clients are written for one dialect, and know it by its marks: here a named bot.

    Fix: pass the upstream's task on unchanged; name the dialect in relayproof.toml where it is another.
    """
    yield from _in_dialect(exchange, "plus")


@should(NEW_API_TASK, on=MIDJOURNEY, when=speaks("new-api"))
def task_is_that_of_new_api(exchange: Exchange) -> Iterator[Finding]:
    """A task that looks like new-api's has every field of that dialect.

    Clients are written for one dialect, and know it by its marks: here three fields that are never filled.

    Fix: answer with new-api's task object; name the dialect in relayproof.toml where it is another.
    """
    yield from _in_dialect(exchange, "new-api")


@must(PLUS, on=MIDJOURNEY, relay=MAY, when=is_kind(FETCH, LIST))
def status_and_bot_are_named(exchange: Exchange) -> Iterator[Finding]:
    """A task has a status from the start, and names the bot that draws where it has the field.

    new-api leaves the status empty until its first look at the upstream, and never fills the bot.

    Fix: pass both on from the upstream.
    """
    for look in sights(exchange):
        for key in ("status", "botType"):
            if look.task.get(key) == "":
                yield Finding(f"{look.at}/{key}", "empty")


@must(HTTP, on=MIDJOURNEY, relay=SHOULD, needs=HEADERS)
def json_is_labelled_as_json(exchange: Exchange) -> Iterator[Finding]:
    """A JSON answer says so in its Content-Type.

    Clients choose their parser by it. new-api sends some submit answers under another label.

    Fix: send `Content-Type: application/json`.
    """
    exchange.answered.json  # noqa: B018
    kind = exchange.answered.content_type
    if not (kind == "application/json" or kind.endswith("+json")):
        yield Finding("header content-type", f"{kind or 'no media type'} for a JSON body")


@must(OBSERVED, on=MIDJOURNEY, when=is_submit)
def valid_submit_is_accepted(exchange: Exchange) -> Iterator[Finding]:
    """A submit that the contract allows gets code 1, 21 or 22.

    The status is 200 either way: only the code tells the client that nothing will be drawn. A full queue or an empty
    balance is no such failure: then nothing was measured.

    Fix: look for the reason in the description; keep an account connected for each mode that is sold.
    """
    if not exchange.expect.get("answer") or lifecycle.endpoint(exchange) in (*PRESSES, "modal"):
        raise Absent("nobody said that this request is valid, or another rule tells")
    if code(exchange) in ACCEPTED:
        return
    if code(exchange) in (23, 30) or refused_for_now(exchange):
        raise Untested(f"code {code(exchange)}: {said(exchange)}")
    if exchange.expect.get("optional") and lacks(exchange):
        raise NotOffered(f"{exchange.expect['optional']}: {said(exchange)}")
    yield Finding("/code", f"{code(exchange)} for a valid request: {said(exchange)}")


@must(MJP, on=MIDJOURNEY, when=is_submit)
def only_uploads_give_a_list(exchange: Exchange) -> Iterator[Finding]:
    """`result` is one task id; only an upload gives a list.

    The client puts it into the address of its next request.

    Fix: answer with the id as a string.
    """
    result = exchange.one("/result")
    if isinstance(result, list) and lifecycle.endpoint(exchange) not in UPLOADS:
        yield Finding("/result", f"{shown(result)} of {lifecycle.endpoint(exchange)}")


@should(MJP, on=MIDJOURNEY, when=is_submit)
def refusal_names_no_task(exchange: Exchange) -> Iterator[Finding]:
    """A submit that is not accepted (no code 1, 21 or 22) names no task.

    A client that finds an id polls it, and waits for what was never begun.

    Fix: answer `"result": null` with every other code.
    """
    if code(exchange) in ACCEPTED:
        raise Absent("accepted")
    result = exchange.get("/result")
    if result not in (None, "", []):
        yield Finding("/result", f"{shown(result)} with code {code(exchange)}")


@should(MJP, on=MIDJOURNEY, when=lambda exchange: is_submit(exchange) and code(exchange) == 22)
def queue_has_a_length(exchange: Exchange) -> Iterator[Finding]:
    """Code 22 says how many tasks wait in front: `properties.numberOfQueues` is 1 or more.

    Clients show it; a task that waits behind nobody is not queued.

    Fix: fill numberOfQueues, or answer code 1.
    """
    length = exchange.get("/properties/numberOfQueues")
    if not is_a(length, int) or length < 1:
        yield Finding("/properties/numberOfQueues", shown(length))


@should(MJP, on=MIDJOURNEY, when=lambda exchange: is_submit(exchange) and code(exchange) == 24)
def banned_word_is_named(exchange: Exchange) -> Iterator[Finding]:
    """Code 24 names the banned word, and the prompt in which it stands.

    Without it, the user guesses which of his words was meant.

    Fix: fill `properties.bannedWord` and `properties.promptEn`.
    """
    word, prompt = (exchange.get(f"/properties/{key}", str, "") for key in ("bannedWord", "promptEn"))
    if not word or word.lower() not in prompt.lower():
        yield Finding("/properties/bannedWord", f"{shown(word)}, the prompt is {shown(prompt)}")


def _not_taken(exchange: Exchange, what: str) -> Iterator[Finding]:
    if exchange.status in lifecycles.FOR_NOW:
        raise Untested(f"the relay answered {exchange.status}: {said(exchange)}")
    if exchange.status >= 500:
        yield Finding("status", f"{exchange.status} for {what}: {said(exchange)}")
    if exchange.succeeded and code(exchange) in ACCEPTED:
        yield Finding("/code", f"{code(exchange)} for {what}")


@must(MJP, on=MIDJOURNEY, answers=ANY, when=is_submit)
def empty_prompt_is_refused(exchange: Exchange) -> Iterator[Finding]:
    """A submit without a prompt is refused at once: code 4, or status 400.

    What is taken is paid for, and fails minutes later, or draws nonsense.

    Fix: check the prompt before the task is made.
    """
    asked = exchange.request.json
    if lifecycle.endpoint(exchange) not in PROMPTED or not isinstance(asked, dict):
        raise Absent("no prompt is needed")
    if str(asked.get("prompt") or "").strip() or asked.get("base64Array"):
        raise Absent("a prompt is there")
    yield from _not_taken(exchange, "an empty prompt")


@must(MJP, on=MIDJOURNEY, answers=ANY, when=is_submit)
def blend_needs_two_to_five_pictures(exchange: Exchange) -> Iterator[Finding]:
    """A blend of fewer than two pictures, or of more than five, is refused at once.

    Midjourney refuses it later, after it was paid for.

    Fix: count base64Array before the task is made.
    """
    given = exchange.asked("/base64Array", list)
    if lifecycle.endpoint(exchange) != "blend" or given is None or 2 <= len(given) <= 5:
        raise Absent("no blend, or one of the right size")
    yield from _not_taken(exchange, f"a blend of {len(given)}")


@must(OBSERVED, on=MIDJOURNEY, answers=ANY, when=refused_as("task"))
def unknown_task_is_not_found(exchange: Exchange) -> Iterator[Finding]:
    """A task that does not exist is answered with an error: a 4xx status, or a code that is none of success.

    Another's task sends the client into an endless loop. An answer of nothing is told by unknown_task_is_told.

    Fix: answer 404 or 400 with code 3 or 4.
    """
    if exchange.status in lifecycles.FOR_NOW:
        raise Untested(f"the relay answered {exchange.status}: {said(exchange)}")
    if exchange.status >= 500:
        yield Finding("status", f"{exchange.status}: {said(exchange)}")
    elif exchange.succeeded:
        answer = _answer(exchange)
        if answer is None:
            raise Absent("told by unknown_task_is_told")
        if not isinstance(answer, dict) or get(answer, "/code") in (None, *ACCEPTED):
            yield Finding("/", f"{shown(answer)} with status {exchange.status}")


@should(OBSERVED, on=MIDJOURNEY, answers=ANY, when=refused_as("task"))
def unknown_task_is_told(exchange: Exchange) -> Iterator[Finding]:
    """A task that does not exist is answered with words, not with nothing.

    A client can't tell an empty answer from a fault, and asks for the task for ever. midjourney-proxy, and what is made
    of it, answers so.

    Fix: answer 404 or 400 with code 3 or 4.
    """
    if not exchange.succeeded:
        raise Absent("told by unknown_task_is_not_found")
    if exchange.expect.get("dialect") in ("mjp", "plus"):
        raise Absent("these servers answer nothing at all")
    if _answer(exchange) is None:
        yield Finding("body", f"nothing, with status {exchange.status}")


def _answer(exchange: Exchange) -> Any:
    return exchange.answered.json if exchange.answered.body.strip() else None


@must(MJP, on=MIDJOURNEY, needs=IDS, when=is_kind(FETCH))
def fetched_task_is_the_one_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """The task that is fetched has the id that was asked for.

    The client shows another's picture.

    Fix: look the task up by the id in the path, and answer with that id.
    """
    fetched = sights(exchange)[0]
    if fetched.id and fetched.id != lifecycle.path_id(exchange):
        yield Finding("/id", f"{fetched.id} instead of {lifecycle.path_id(exchange)}")


@must(MJP, on=MIDJOURNEY, when=is_kind(FETCH, LIST))
def finished_task_is_complete(exchange: Exchange) -> Iterator[Finding]:
    """A task with status SUCCESS has progress 100%, a submitTime and a finishTime.

    Clients wait for the one or the other; without it they poll for ever, or never stop the clock.

    Fix: set status, progress and finishTime together.
    """
    for look in sights(exchange, is_success):
        if isinstance(look.task.get("progress"), str) and look.progress != 100:
            yield Finding(f"{look.at}/progress", f"{shown(look.task.get('progress'))} with status SUCCESS")
        for which in ("submit", "finish"):
            field = look.time_field(which)
            if look.time(which) == 0 and (which == "finish" or field in look.task):
                yield Finding(f"{look.at}/{field}", f"{shown(look.task.get(field))} with status SUCCESS")


@must(MJP, on=MIDJOURNEY, when=is_kind(FETCH, LIST))
def failure_says_why(exchange: Exchange) -> Iterator[Finding]:
    """A task with status FAILURE has a failReason and a finishTime.

    It is all that the user learns, and whoever refunds needs the time.

    Fix: pass the upstream's reason on; name a time-out or a lost upstream as such.
    """
    for look in sights(exchange, is_failure):
        if not look.reason.strip():
            yield Finding(f"{look.at}/failReason", f"{shown(look.task.get('failReason'))} with status FAILURE")
        if look.time("finish") == 0:
            yield Finding(f"{look.at}/finishTime", f"{shown(look.task.get('finishTime'))} with status FAILURE")


@should(MJP, on=MIDJOURNEY, when=is_kind(FETCH, LIST))
def only_a_failure_has_a_reason(exchange: Exchange) -> Iterator[Finding]:
    """failReason is empty unless the task failed.

    Clients take a filled field for a failure, and throw a good picture away.

    Fix: empty the field when a task is tried again, and when it succeeds.
    """
    for look in sights(exchange, lambda look: not is_failure(look) and look.status != "CANCEL"):
        if look.reason:
            yield Finding(f"{look.at}/failReason", f"{shown(look.reason)} with status {look.status}")


@must(MJP, on=MIDJOURNEY, when=is_kind(FETCH, LIST))
def running_task_has_a_percentage(exchange: Exchange) -> Iterator[Finding]:
    """A task with status IN_PROGRESS has a percentage.

    Clients draw a bar from it, and stop at what they can't read.

    Fix: answer "0%" until the upstream tells more.
    """
    for look in sights(exchange, lambda look: look.status == "IN_PROGRESS"):
        if look.task.get("progress") == "":
            yield Finding(f"{look.at}/progress", "empty with status IN_PROGRESS")


@must(MJP, on=MIDJOURNEY, when=is_kind(FETCH, LIST))
def times_are_in_order(exchange: Exchange) -> Iterator[Finding]:
    """submitTime, startTime and finishTime stand in this order, where they are told.

    Durations and time-outs are reckoned from them.

    Fix: take all three from one clock, in milliseconds.
    """
    for look in sights(exchange, lambda look: look.time("start") > 0 or look.time("finish") > 0):
        yield from lifecycles.times_out_of_order(look)


@must(MJP, on=MIDJOURNEY, needs=CLOCK, when=is_kind(FETCH, LIST))
def times_are_of_today(exchange: Exchange) -> Iterator[Finding]:
    """The times of a task that was submitted now are of now, in milliseconds.

    Clients sort by them and delete what is old.

    Fix: use Unix time in milliseconds.
    """
    for look in sights(exchange, lifecycles.has_a_clock):
        yield from lifecycles.times_of_another_day(look, 1000)


@should(MJP, on=MIDJOURNEY, needs=CLOCK, answers=ANY, across=tasks)
def submit_time_is_that_of_the_submit(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """submitTime is the moment in which the task was submitted.

    A clock that is off by hours (a time zone taken for UTC) makes every duration and time-out wrong.

    Fix: use Unix time, which knows no zones.
    """
    submit, look = lifecycles.accepted(exchanges), lifecycles.last_look(exchanges)
    now, told = submit.expect.get("now"), look.time("submit")
    if now is None or not lifecycles.right_size(told, 1000) or abs(told / 1000 - now) > lifecycles.DAY:
        raise Absent("no clock, or told elsewhere")
    if abs(told / 1000 - now) > A_FEW_MINUTES:
        yield Finding(f"{look.at}/submitTime", f"{told}, submitted at {now}000")


@should(PLUS, on=MIDJOURNEY, when=is_kind(FETCH, LIST))
def grid_offers_its_buttons(exchange: Exchange) -> Iterator[Finding]:
    """A finished grid offers U1 to U4, V1 to V4 and the reroll.

    A missing button is a picture that the user paid for and can't enlarge.

    Fix: pass all components of the message on, of every row.
    """
    for look in sights(exchange, _grid_with_buttons):
        customs = " ".join(custom for _, custom in find(look.task, "/buttons/*/customId", str))
        missing = [word.strip(":") for word in GRID_BUTTONS if word not in customs]
        if missing:
            yield Finding(f"{look.at}/buttons", f"missing: {', '.join(missing)}")


def _grid_with_buttons(look: Look) -> bool:
    """True where the schema has nothing to say: a finished grid with any buttons at all."""
    return is_success(look) and look.task.get("action") in GRIDS and bool(look.task.get("buttons"))


@must(PLUS, on=MIDJOURNEY, when=is_kind(FETCH, LIST))
def buttons_are_unique(exchange: Exchange) -> Iterator[Finding]:
    """Every button of a task has a customId of its own.

    The customId is all that an action request names; two of one kind press the same button.

    Fix: pass customIds on unchanged.
    """
    for look in sights(exchange, lambda look: bool(look.task.get("buttons"))):
        customs = [custom for _, custom in find(look.task, "/buttons/*/customId", str) if custom]
        for custom in sorted({custom for custom in customs if customs.count(custom) > 1}):
            yield Finding(f"{look.at}/buttons", f"{shown(custom)} stands there {customs.count(custom)} times")


@must(OBSERVED, on=MIDJOURNEY, when=is_kind(FETCH, LIST))
def image_url_is_public(exchange: Exchange) -> Iterator[Finding]:
    """imageUrl is an https address that the client can reach.

    A relay whose own address was never set hands out http://localhost:3000/...: the picture is lost to its buyer.

    Fix: set the server's public address (ServerAddress in new-api), or pass the upstream's URL on.
    """
    for look in sights(exchange, lambda look: bool(look.task.get("imageUrl"))):
        url = look.task["imageUrl"]
        if isinstance(url, str) and not reachable(url, str(exchange.expect.get("relay_host", ""))):
            yield Finding(f"{look.at}/imageUrl", shown(url))


def reachable(url: str, relay: str) -> bool:
    """True for a public https address, and for the address at which the relay itself is spoken to."""
    try:
        parts = urlsplit(url)
        here = urlsplit(f"//{relay}")
        same_machine = _local(parts.hostname) and _local(here.hostname) and parts.port == here.port
    except ValueError:
        return False
    if relay and parts.scheme in ("http", "https") and (parts.netloc == relay or same_machine):
        return True
    return parts.scheme == "https" and lifecycle.is_public(url)


def _local(host: str | None) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")


@must(OBSERVED, on=(MIDJOURNEY, OTHER), answers=ANY, across=tasks)
def image_url_leads_to_a_picture(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """imageUrl leads to a whole picture, without a key, under its own media type.

    Browsers fetch it; a page, an error or an empty file under the address is a drawing that was paid for and lost.

    Fix: store the picture when the task ends, and serve it with status 200 and its Content-Type. To have pictures of
    other hosts fetched, set `pictures = true` under [relay] in relayproof.toml.
    """
    asked = list(lifecycle.family(exchanges, PICTURE))
    if not asked:
        raise Absent("no drawing that ended well, or one on another host: a note tells")
    for each in asked:
        if 300 <= each.status < 400:
            raise Untested(f"imageUrl leads on: {each.status} to {shown(each.answered.header('location'))}")
        yield from _no_picture(each)


def _no_picture(exchange: Exchange) -> Iterator[Finding]:
    if exchange.status != 200:
        yield Finding("status", f"{exchange.status} for imageUrl {shown(exchange.expect['picture'])}")
        return
    body, kind = exchange.answered.decoded, exchange.answered.content_type
    drawn = pictures.read(body)
    if drawn is None:
        yield Finding(
            "body", f"no picture, or one that breaks off: {len(body):,} bytes, {shown(body[:24].decode('latin-1'))}"
        )
        return
    if not kind.startswith("image/"):
        yield Finding("header content-type", f"{kind or 'no media type'} for {drawn.form}")
    if min(drawn.width, drawn.height) < SMALLEST:
        yield Finding("body", f"a picture of {drawn.size}")


@should(PLUS, on=MIDJOURNEY, when=is_kind(FETCH, LIST))
def words_are_found(exchange: Exchange) -> Iterator[Finding]:
    """A DESCRIBE or SHORTEN that ended well has its words in `properties.finalPrompt`.

    They are the result: without them there is nothing to show.

    Fix: fill properties.finalPrompt from the message's embed.
    """
    for look in sights(exchange, lambda look: look.task.get("action") in ("DESCRIBE", "SHORTEN") and is_success(look)):
        words = get(look.task, "/properties/finalPrompt")
        if not isinstance(words, str) or not words.strip():
            yield Finding(f"{look.at}/properties/finalPrompt", shown(words))


@must(MJP, on=MIDJOURNEY, when=is_kind(LIST))
def list_has_only_what_was_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """The list holds only tasks that were asked for, each once; no ids give an empty list.

    More than that is another user's work.

    Fix: select by the ids and by the key's owner.
    """
    if not isinstance(exchange.asked("/ids"), list):
        raise Absent("the list was asked for in another way")
    yield from lifecycles.listed_wrongly(exchange)


@should(PLUS, on=MIDJOURNEY, answers=ANY, across=tasks)
def seed_of_a_finished_task_is_told(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The seed of a drawing that ended well is told, with code 1.

    The page for it is sold with the others; users repeat a picture by its seed.

    Fix: pass the request on to the account that drew the picture.
    """
    if lifecycles.last_look(exchanges).status != SUCCESS:
        raise Absent("not ended well")
    asked = [each for each in lifecycle.family(exchanges, SEED) if each.succeeded]
    if not asked:
        raise Absent("no seed was asked for, or valid-request-is-answered tells")
    for each in asked:
        if get(each.answered.json, "/code") != 1:
            yield Finding("/code", f"{shown(get(each.answered.json, '/code'))}: {said(each)}")


@must(MJP, on=MIDJOURNEY, answers=ANY, needs=STATUS, across=tasks)
def submitted_task_is_found(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A task that was accepted is found by its id, at once and until its end.

    The client polls from the moment of the answer; "not found" makes it give up a picture that is being paid for.

    Fix: store the task before the submit is answered, and read from where it was stored.
    """
    yield from lifecycles.not_found(exchanges)


@must(OBSERVED, on=MIDJOURNEY, answers=ANY, across=tasks)
def task_comes_to_an_end(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A task ends, in SUCCESS, FAILURE or CANCEL, within the time allowed (`task` under [timeouts]).

    A task that stands at SUBMITTED or at 85% for ever keeps its client waiting, and its price is gone.

    Fix: ask the upstream again when its events are lost; end tasks by a time-out of the relay's own.
    """
    yield from lifecycles.without_end(exchanges)


@must(OBSERVED, on=MIDJOURNEY, answers=ANY, across=tasks)
def valid_task_ends_well(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A task that the contract allows ends in SUCCESS.

    A relay that takes every task and fails it looks alive and sells nothing.

    Fix: read failReason; a lost account, a full plan or a filter is the usual cause.
    """
    yield from lifecycles.ends_badly(exchanges)


@must(MJP, on=MIDJOURNEY, answers=ANY, across=tasks)
def status_never_goes_back(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The status moves forward only: NOT_START, SUBMITTED, IN_PROGRESS, then an end that never changes.

    Clients act once on an end; one that is taken back leaves them with a lie.

    Fix: drop an upstream's event that is older than what is known.
    """
    yield from lifecycles.moves_back(exchanges)


@must(MJP, on=MIDJOURNEY, answers=ANY, across=tasks)
def progress_never_falls(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The percentage never gets smaller.

    A bar that runs backwards shows that two sources speak for one task.

    Fix: drop an upstream's event that is older than what is known.
    """
    yield from lifecycles.falls(exchanges)


@must(MJP, on=MIDJOURNEY, answers=ANY, needs=CONTENT, across=tasks)
def task_keeps_its_identity(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """id, action, prompt and submitTime of a task never change.

    What changes is another task under the same number.

    Fix: set them once, when the task is made.
    """
    for earlier, later in lifecycles.pairs(exchanges):
        yield from lifecycles.differences(earlier, later, STEADY)


@must(MJP, on=MIDJOURNEY, answers=ANY, across=tasks)
def times_are_told_once(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """startTime and finishTime, once told, stay as they are.

    A finishTime that moves with the clock is the time of asking, not of finishing.

    Fix: store the time when it happens.
    """
    yield from lifecycles.times_that_change(exchanges)


@must(MJP, on=MIDJOURNEY, answers=ANY, across=tasks)
def state_is_nobody_elses(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The `state` of a task is the one that was sent with it.

    Clients keep their own order number there; another's number delivers the picture to the wrong person.

    Fix: store the state with the task.
    """
    asked, look = _states(exchanges)
    told = look.task.get("state")
    if told and told != asked:
        yield Finding(f"{look.at}/state", f"{shown(told)} instead of {shown(asked)}")


@should(MJP, on=MIDJOURNEY, answers=ANY, across=tasks)
def state_is_given_back(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The `state` that was sent with a task comes back with it.

    Clients keep their own order number there, and lose track of the order without it.

    Fix: store the state with the task, and fill the field.
    """
    asked, look = _states(exchanges)
    if look.status != "" and not look.task.get("state"):
        yield Finding(f"{look.at}/state", f"{shown(look.task.get('state'))} instead of {shown(asked)}")


def _states(exchanges: tuple[Exchange, ...]) -> tuple[str, Look]:
    asked = lifecycles.accepted(exchanges).asked("/state", str)
    if not asked:
        raise Absent("no state was sent")
    return asked, lifecycles.last_look(exchanges)


@must(MJP, on=MIDJOURNEY, answers=ANY, across=tasks)
def action_is_the_one_asked_for(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The `action` of a task fits the endpoint and the button that made it.

    Clients choose by it what to show; a bill that lists the wrong action is a wrong bill.

    Fix: set the action from the endpoint, and from the customId of the button.
    """
    wanted = _wanted_actions(lifecycles.accepted(exchanges))
    look = lifecycles.last_look(exchanges)
    action = look.task.get("action")
    if isinstance(action, str) and action and action != "ACTION" and action not in wanted:
        yield Finding(f"{look.at}/action", f"{shown(action)} instead of {' or '.join(wanted)}")


def _wanted_actions(submit: Exchange) -> tuple[str, ...]:
    name = lifecycle.endpoint(submit)
    if name == "action":
        wanted: Any = next((actions for word, actions in BUTTON_ACTIONS if re.search(word, pressed(submit))), ())
    elif name == "change":
        wanted = (submit.asked("/action", str, ""),)
    else:
        wanted = ENDPOINT_ACTIONS.get(name, ())
    if not any(wanted):
        raise Absent("any action may do")
    return tuple(wanted)


@must(MJP, on=MIDJOURNEY, answers=ANY, across=tasks)
def submitted_task_is_listed(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A task that is found by its id is in the list that asks for it.

    Clients with many tasks poll by the list alone.

    Fix: answer both from the same store.
    """
    yield from lifecycles.not_listed(exchanges)


@should(MJP, on=MIDJOURNEY, answers=ANY, across=tasks)
def list_and_fetch_agree(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The list says of a task that has ended what the fetch says.

    Two truths about one task make two clients act differently.

    Fix: answer both from the same store, and with the same object.
    """
    yield from lifecycles.told_differently(exchanges, ENDED_FIELDS)


@must(OBSERVED, on=MIDJOURNEY, answers=ANY, across=tasks)
def button_of_a_finished_task_works(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A button that a finished task offers can be pressed: the action is accepted.

    "The task does not exist" for a task that was fetched a moment ago means that its message or account was lost; it
    often works at the second try, which clients do not make.

    Fix: keep the link from task to message, and send the action to the account that drew it.
    """
    task = lifecycle.subject(exchanges)
    presses = [
        each
        for number, each in enumerate(exchanges)
        if lifecycle.kind(each) == SUBMIT and lifecycle.parent(each) == task and _offered(each, exchanges[:number])
    ]
    measured = [each for each in presses if each.succeeded and not refused_for_now(each)]
    if presses and not measured:
        raise Untested(f"the action was answered with {presses[0].status}: {said(presses[0])}")
    if not measured:
        raise Absent("no button that was offered was pressed")
    for each in measured:
        if get(each.answered.json, "/code") not in (*ACCEPTED, 23, 30):
            yield Finding("/code", f"{shown(get(each.answered.json, '/code'))} (exchange {each.id}): {said(each)}")


def _offered(press: Exchange, before: tuple[Exchange, ...]) -> bool:
    """True when a look at the parent showed it finished, with the button that is pressed."""
    seen = [look for each in before for look in lifecycle.looks(each) if look.status == SUCCESS]
    seen = [look for look in seen if look.id == lifecycle.parent(press)]
    if not seen or lifecycle.endpoint(press) not in PRESSES:
        return False
    custom = press.asked("/customId", str)
    return custom is None or custom in [each for _, each in find(seen[-1].task, "/buttons/*/customId", str)]


@must(PLUS, on=MIDJOURNEY, when=lambda exchange: is_submit(exchange) and lifecycle.endpoint(exchange) in PRESSES)
def action_makes_a_task_of_its_own(exchange: Exchange) -> Iterator[Finding]:
    """An action makes a new task, with an id other than its parent's.

    Under the old id the client fetches the old picture, and takes it for the new one.

    Fix: answer with the id of the task that the action made.
    """
    made = lifecycle.submitted(exchange)
    if not made:
        raise Absent("no task was made")
    if made == lifecycle.parent(exchange):
        yield Finding("/result", f"{made} is the task on which the action works")


@must(PLUS, on=MIDJOURNEY, answers=ANY, across=tasks)
def waiting_button_asks_for_a_modal(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """Custom Zoom and Vary (Region) give code 21, or a task with status MODAL.

    They need a prompt or a mask: a task that runs at once has drawn without what the user wanted to say.

    Fix: pass code 21 on for these two; it does not mean "exists already" here.
    """
    press = lifecycles.accepted(exchanges)
    if not WAITING.search(pressed(press)):
        raise Absent("no such button")
    waits = [look for segment in lifecycle.segments(exchanges) for look in segment if look.status == MODAL]
    if code(press) != 21 and not waits:
        yield Finding("/code", f"{code(press)} for {shown(pressed(press))}, and the task never waited")


@must(PLUS, on=MIDJOURNEY, answers=ANY, across=tasks)
def modal_continues_the_task(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A modal with the id of a task that waits is accepted, and the task goes on under its id.

    Without it Custom Zoom and Vary (Region) are buttons to nowhere.

    Fix: keep the waiting message with the task, and send the modal to it.
    """
    task = lifecycle.subject(exchanges)
    modals = [
        each
        for each in lifecycle.family(exchanges, SUBMIT)
        if lifecycle.endpoint(each) == "modal" and lifecycle.parent(each) == task and each.succeeded
    ]
    if not modals:
        raise Absent("no modal was sent, or valid-request-is-answered tells")
    for each in modals:
        if not lifecycle.submitted(each):
            yield Finding("/code", f"{shown(get(each.answered.json, '/code'))}: {said(each)}")
        elif lifecycle.submitted(each) not in ("", task):
            yield Finding("/result", f"{lifecycle.submitted(each)} instead of {task}")


@must(OBSERVED, on=MIDJOURNEY, needs=IDS, across=together)
def every_submit_makes_its_own_task(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """Two submits never get the same task id.

    A cached or repeated answer sells one picture twice.

    Fix: never cache a POST; make ids unique.
    """
    submits = [each for each in exchanges if lifecycle.submitted(each) and lifecycle.endpoint(each) != "modal"]
    yield from lifecycles.made_twice([each for each in submits if code(each) != 21])


@must(OBSERVED, on=MIDJOURNEY, across=together)
def tasks_have_pictures_of_their_own(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """Two tasks never have the same picture.

    An enlargement that shows the grid again was paid for and not made.

    Fix: take the picture from the message that the action made.
    """
    drawn = {
        look.id: look.task["imageUrl"].partition("?")[0]
        for each in exchanges
        for look in lifecycle.looks(each)
        if look.status == SUCCESS and isinstance(look.task.get("imageUrl"), str) and look.task["imageUrl"]
    }
    if len(drawn) < 2:
        raise Absent("fewer than two pictures")
    for (first, url), (second, other) in combinations(sorted(drawn.items()), 2):
        if url == other:
            yield Finding("/imageUrl", f"{shown(url)} for tasks {first} and {second}")


@should(NEW_API_TASK, on=MIDJOURNEY, answers=ANY, across=together)
def speed_prefixes_change_nothing_else(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """/mj-fast, /mj-relax and /mj-turbo lead to the same endpoints as /mj.

    Clients choose a speed by changing the base path; a 404 there is a speed that is not sold.

    Fix: route the prefixes to the same handlers.
    """
    plain = {_request(each): each for each in exchanges if not MODES.match(each.request.url)}
    twins = [
        (plain[_request(each)], each) for each in exchanges if MODES.match(each.request.url) and _request(each) in plain
    ]
    twins = [(one, other) for one, other in twins if one.succeeded and other.expect.get("dialect") != "mjp"]
    if not twins:
        raise Absent("no request was sent both ways")
    for one, other in twins:
        if not other.succeeded and other.status not in lifecycles.FOR_NOW:
            yield Finding("status", f"{other.status} under {MODES.match(other.request.url)[0]}: {said(other)}")  # type: ignore[index]
        elif other.succeeded and type(one.answered.json) is not type(other.answered.json):
            yield Finding("/", f"{shown(other.answered.json)} instead of {shown(one.answered.json)}")


def _request(exchange: Exchange) -> str:
    return f"{exchange.request.method} {MODES.sub('', exchange.request.url)} {exchange.request.body!r}"


@must(MJP_CALLBACK, on=OTHER, when=is_kind(CALLBACKS))
def callbacks_never_go_back(exchange: Exchange) -> Iterator[Finding]:
    """Callbacks come in order: status and percentage never go back.

    They carry no signature and no number; a client can only believe the last one.

    Fix: drop a callback that is older than the last one sent.
    """
    for earlier, later in combinations(sights(exchange), 2):
        if earlier.id == later.id and _order(later) < _order(earlier):
            yield Finding(later.at, f"{later.status} {later.progress}% after {earlier.status} {earlier.progress}%")
            return


def _order(look: Look) -> tuple[int, int]:
    return lifecycle.RANKS.get(look.status, 2), look.progress or 0


@must(MJP_CALLBACK, on=(MIDJOURNEY, OTHER), answers=ANY, across=tasks)
def last_callback_is_the_end(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The last callback of a task tells its end.

    A client that waits for callbacks does not poll.

    Fix: send the end, and send it last; try again when the receiver does not answer.
    """
    look = lifecycles.last_look(exchanges)
    heard = _calls(exchanges, look.id)
    if not look.final or not heard:
        raise Absent("not ended, or no callbacks")
    if heard[-1].status != look.status:
        yield Finding(heard[-1].at, f"{heard[-1].status}, but the task ended in {look.status}")


@should(MJP_CALLBACK, on=(MIDJOURNEY, OTHER), answers=ANY, across=tasks)
def callback_is_the_task(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A callback carries the whole task, and at its end what a fetch tells.

    One reader serves both; a difference between them is a bug that shows only with callbacks.

    Fix: post the object that the fetch answers with.
    """
    look = lifecycles.last_look(exchanges)
    heard = _calls(exchanges, look.id)
    if not heard:
        raise Absent("no callbacks")
    for each in heard:
        for mismatch in schema.mismatches("midjourney/task", each.task):
            yield Finding(f"{each.at}{mismatch.where}", mismatch.what)
    if look.final and heard[-1].final:
        yield from lifecycles.differences(look, heard[-1], ENDED_FIELDS)


def _calls(exchanges: tuple[Exchange, ...], task: str) -> list[Look]:
    heard = [look for each in lifecycle.family(exchanges, CALLBACKS) for look in lifecycle.looks(each)]
    return [look for look in heard if look.id == task]


@may(MJP_CALLBACK, on=(MIDJOURNEY, OTHER), answers=ANY, across=tasks)
def task_is_called_back(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A task that was sent with a notifyHook is posted there.

    new-api drops the hook unless its operator allows it: then clients have to poll.

    Fix: allow notifyHook (MjNotifyEnabled in new-api), or say in the documentation that it is dropped.
    """
    submit, look = lifecycles.accepted(exchanges), lifecycles.last_look(exchanges)
    if "callbacks" not in submit.expect or not look.final:
        raise Absent("nobody listened, or it has not ended")
    if submit.expect.get("resumed"):
        raise Untested("the task was taken up from an earlier run, whose listener is gone")
    if not submit.expect["callbacks"]:
        raise Untested("the relay can't reach this machine; set `notify` under [relay] in relayproof.toml")
    if not any(True for _ in lifecycle.family(exchanges, CALLBACKS)):
        raise Untested("the listener was not asked")
    if not _calls(exchanges, look.id):
        yield Finding("notifyHook", "no callback came")
