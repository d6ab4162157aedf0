"""Pictures: generations, edits and variations, of many makers in one form, and the pictures behind their links."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from relayproof import lifecycle, pictures
from relayproof.exchange import CLOCK, CONTENT, HEADERS, IDS, OMISSIONS, Exchange
from relayproof.pictures import Picture
from relayproof.pointer import Absent, find, is_a, one
from relayproof.rule import ANY, MAY, SHOULD, Finding, Source, must, should
from relayproof.rules import shapes
from relayproof.rules.audio import endpoint, model, setting
from relayproof.rules.every_response import in_events, said
from relayproof.rules.sources import OBSERVED, OPENAI_OPENAPI
from relayproof.schema import shown
from relayproof.surface import IMAGES, OTHER

IMAGE_REQUEST = Source(OPENAI_OPENAPI, "CreateImageRequest")
EDIT_REQUEST = Source(OPENAI_OPENAPI, "CreateImageEditRequest")
IMAGE_LIST = Source(OPENAI_OPENAPI, "ImagesResponse")
IMAGE_EVENTS = Source(OPENAI_OPENAPI, "ImageGenStreamEvent")
IMAGE_USAGE = Source(OPENAI_OPENAPI, "ImageGenUsage")

GPT_IMAGE = re.compile(r"^(?:.*/)?(gpt-image|chatgpt-image)", re.IGNORECASE)
OPENAI_MADE = re.compile(r"^(?:.*/)?(gpt-image|chatgpt-image|dall-e)", re.IGNORECASE)
DALL_E_3 = re.compile(r"^(?:.*/)?dall-e-3", re.IGNORECASE)
PIXELS = re.compile(r"^([1-9]\d{1,4})x([1-9]\d{1,4})$")
A_STEP = 32
A_DAY = 86_400
MILLISECONDS = 10**11
KEPT = 24
BARE = ("application/octet-stream", "binary/octet-stream")
LABELS = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "webp": "webp", "gif": "gif", "svg+xml": "svg"}


def names_gpt_image(exchange: Exchange) -> bool:
    """True for the models that always answer in base64."""
    return bool(GPT_IMAGE.match(model(exchange)))


def names_dall_e_3(exchange: Exchange) -> bool:
    """True for dall-e-3."""
    return bool(DALL_E_3.match(model(exchange)))


def number(exchange: Exchange, name: str, default: int) -> int:
    """A whole number of the request. Raises Absent when it is none."""
    text = setting(exchange, name) or str(default)
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise Absent(f"{name} is no number")
    return int(text)


def entries(exchange: Exchange) -> list[tuple[str, dict[str, Any]]]:
    """The pictures of an answer, as (place, object): list items, or the last events of a stream. Raises Absent."""
    if in_events(exchange):
        found = [(event.place, event.body) for event in exchange.events if kind(event.body) == "completed"]
    else:
        found = list(exchange.find("/data/*", dict))
    if not found:
        raise Absent("no pictures")
    return found


def kind(event: dict[str, Any]) -> str:
    """partial_image or completed; what else the type says, or ""."""
    return str(event.get("type") or "").rpartition(".")[2]


def decoded(text: Any) -> bytes:
    """The bytes of a base64 text. Raises Absent when it is none: that is for the schema to say."""
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        raise Absent("told by the schema") from None
    if not data:
        raise Absent("no base64")
    return data


def shown_pictures(exchange: Exchange) -> list[tuple[str, Picture]]:
    """Every picture that came in base64 and can be read. Raises Absent when there is none."""
    found = []
    for place, entry in entries(exchange):
        picture = pictures.read(decoded(entry["b64_json"])) if entry.get("b64_json") else None
        if picture is not None:
            found.append((f"{place}/b64_json", picture))
    if not found:
        raise Absent("no readable picture")
    return found


def uncut(document: Any) -> Any:
    """The document, with base64 that a recorder cut taken as far as it goes: what is left is base64 still."""
    if isinstance(document, dict):
        return {key: uncut(value) for key, value in document.items()}
    if isinstance(document, list):
        return [uncut(value) for value in document]
    if isinstance(document, str) and "<<CUT base64" in document:
        whole = document.partition("<<CUT base64")[0]
        return whole[: len(whole) // 4 * 4]
    return document


def listed(exchange: Exchange) -> Iterator[tuple[str, Any]]:
    """The answer as one document for the schema."""
    yield from ((place, uncut(document)) for place, document in shapes.body(exchange))


def told(exchange: Exchange) -> Iterator[tuple[str, Any]]:
    """The events as documents for the schema."""
    yield from ((place, uncut(document)) for place, document in shapes.events(exchange))


shapes.matches_schema(
    "images",
    "openai/image_list",
    IMAGE_LIST,
    on=IMAGES,
    documents=listed,
    when=lambda exchange: not in_events(exchange),
)
shapes.matches_schema(
    "images",
    "openai/image_event",
    IMAGE_EVENTS,
    on=IMAGES,
    documents=told,
    when=in_events,
    called="event_matches_schema",
)


@must(IMAGE_REQUEST, on=IMAGES)
def n_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """A request for `n` pictures gets `n` pictures, one without `n` gets one.

    Pictures are billed by the piece: fewer are paid for and missing, more are paid for and not wanted.

    Fix: send n upstream, or send n requests; refuse n where neither is possible.
    """
    asked = number(exchange, "n", 1)
    if asked > 1 and names_dall_e_3(exchange):
        raise Absent("told by dall_e_3_makes_one_picture")
    got = len(entries(exchange)) if in_events(exchange) else len(exchange.one("/data", list))
    if asked >= 1 and got and got != asked:
        yield Finding("/data", f"{got} instead of {asked}")


@must(IMAGE_LIST, on=IMAGES)
def a_picture_comes_in_one_form(exchange: Exchange) -> Iterator[Finding]:
    """Each picture is there, as a `url` or as `b64_json`: exactly one of them is filled.

    Clients take the one that is there. With both empty there is no picture, though it was paid for.

    Fix: treat an upstream answer without a picture as an error; send one form.
    """
    if in_events(exchange):
        raise Absent("told by the schema")
    for place, entry in entries(exchange):
        filled = [key for key in ("url", "b64_json") if entry.get(key)]
        if entry.get("is_image_safe") is False:
            continue
        if len(filled) != 1:
            yield Finding(place, "both url and b64_json are filled" if filled else f"no picture: {shown(entry)}")


@must(IMAGE_LIST, on=IMAGES, relay=MAY, when=lambda exchange: not in_events(exchange))
def unused_keys_are_left_out(exchange: Exchange) -> Iterator[Finding]:
    """An entry has no `url` or `b64_json` that is an empty text.

    Code that asks whether the key is there takes nothing for a picture. new-api writes both keys always for the
    makers whose answers it converts.

    Fix: leave out the key that is not used.
    """
    for place, entry in entries(exchange):
        for key in ("url", "b64_json"):
            other = "b64_json" if key == "url" else "url"
            if entry.get(key) == "" and entry.get(other):
                yield Finding(f"{place}/{key}", "empty")


@must(IMAGE_REQUEST, on=IMAGES, relay=SHOULD, when=lambda exchange: not in_events(exchange))
def response_format_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """`response_format` gets what it asks for, url or b64_json; the gpt-image models send b64_json always.

    A client that asked for base64 gets an address instead, and may have no way to the network; or the other way round.

    Fix: pass response_format on; fetch or store the picture where the upstream has one form only.
    """
    wanted = "b64_json" if names_gpt_image(exchange) else setting(exchange, "response_format")
    if wanted not in ("url", "b64_json"):
        raise Absent("no form was asked for")
    for place, entry in entries(exchange):
        other = "url" if wanted == "b64_json" else "b64_json"
        if entry.get(other) and not entry.get(wanted):
            yield Finding(place, f"{other} instead of {wanted}")


@should(
    IMAGE_REQUEST,
    on=IMAGES,
    answers=ANY,
    when=lambda exchange: setting(exchange, "response_format") in ("url", "b64_json") and not names_gpt_image(exchange),
)
def response_format_is_accepted(exchange: Exchange) -> Iterator[Finding]:
    """`response_format` is not refused where the API has it: for all models but gpt-image.

    Clients of dall-e-2 and dall-e-3, and of everything that is sold in their form, send it.

    Fix: take the field, and honour it or drop it for upstreams that don't know it.
    """
    if not exchange.succeeded and "response_format" not in exchange.answered.text:
        raise Absent("refused for another reason")
    if not exchange.succeeded:
        yield Finding("status", f"{exchange.status}: {said(exchange)}")


@should(
    IMAGE_REQUEST,
    on=IMAGES,
    relay=MAY,
    answers=ANY,
    when=lambda exchange: bool(setting(exchange, "response_format")) and names_gpt_image(exchange),
)
def gpt_image_refuses_response_format(exchange: Exchange) -> Iterator[Finding]:
    """The gpt-image models refuse `response_format` with 400.

    They have one form only. Code that works against a relay which drops the field fails against the official API.

    Fix: pass the field on, and the refusal back.
    """
    if exchange.succeeded:
        yield Finding("status", f"{exchange.status} for response_format {setting(exchange, 'response_format')}")


@must(IMAGE_REQUEST, on=IMAGES, relay=SHOULD, answers=ANY, when=lambda exchange: number(exchange, "n", 1) > 1)
def dall_e_3_makes_one_picture(exchange: Exchange) -> Iterator[Finding]:
    """dall-e-3 refuses `n` > 1 with 400.

    One picture for n = 2 is a request that was half honoured, with nothing said about it.

    Fix: pass n on, and the refusal back.
    """
    if not names_dall_e_3(exchange):
        raise Absent("another model")
    if not 400 <= exchange.status < 500:
        got = f" and {len(entries(exchange))} picture(s)" if exchange.succeeded else f": {said(exchange)}"
        yield Finding("status", f"{exchange.status}{got} for n = {number(exchange, 'n', 1)}")


@must(IMAGE_LIST, on=IMAGES, needs=(CONTENT, IDS, OMISSIONS))
def base64_is_a_picture(exchange: Exchange) -> Iterator[Finding]:
    """`b64_json` holds a whole picture that can be read.

    Clients write it into a file; half a picture, a page or an address in base64 shows nothing.

    Fix: pass the upstream's bytes on as they are.
    """
    coded = [(place, entry["b64_json"]) for place, entry in entries(exchange) if entry.get("b64_json")]
    if not coded:
        raise Absent("no base64")
    for place, text in coded:
        data = decoded(text)
        if pictures.read(data) is None:
            yield Finding(f"{place}/b64_json", f"{len(data)} bytes that are no picture: {data[:12].hex(' ')}")


@must(IMAGE_REQUEST, on=IMAGES, needs=(CONTENT, IDS))
def output_format_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """The picture is of the `output_format` that was asked for, and of the one that the answer names; png by default.

    Files get their ending from it; a JPEG that is called png has lost its transparency, too.

    Fix: pass output_format on, and name the format that is sent.
    """
    asked = setting(exchange, "output_format") or ("png" if names_gpt_image(exchange) else "")
    judged = False
    for place, picture in shown_pictures(exchange):
        told = _told(exchange, place, "output_format")
        judged = judged or bool(asked or told)
        if asked and picture.form != asked:
            yield Finding(place, f"{picture.form} instead of {asked}")
        elif told and picture.form != told:
            yield Finding(place, f"{picture.form}, but output_format says {told}")
    if not judged:
        raise Absent("no format was asked for or named")


def _told(exchange: Exchange, place: str, key: str) -> str:
    """What the answer says of a picture: in its own event, or beside the list."""
    if in_events(exchange):
        bodies = (event.body for event in exchange.events if place.startswith(event.place))
        return next((str(body[key]) for body in bodies if isinstance(body.get(key), str)), "")
    return str(exchange.get(f"/{key}", str, ""))


@must(IMAGE_REQUEST, on=IMAGES, needs=(CONTENT, IDS))
def size_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """The picture has the `size` that was asked for. Makers who paint in steps of 32 pixels may round to the next.

    Layouts are made for a size, and larger ones cost more.

    Fix: pass size on; refuse one that the model can't paint.
    """
    asked = pixels(setting(exchange, "size"))
    slack = 0 if OPENAI_MADE.match(model(exchange)) else A_STEP - 1
    for place, picture in shown_pictures(exchange):
        if picture.form != "svg" and not _fits(asked, (picture.width, picture.height), slack):
            yield Finding(place, f"{picture.size} instead of {setting(exchange, 'size')}")


@should(IMAGE_LIST, on=IMAGES)
def answer_names_what_was_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """Where the answer names a size, a quality or a background, it is the one that was asked for.

    These words are what the picture is billed by.

    Fix: pass the fields on, and the upstream's answer back.
    """
    judged = 0
    for key in ("size", "quality", "background"):
        asked = setting(exchange, key)
        for place, told in _named(exchange, key):
            if asked and asked != "auto" and told != "auto":
                judged += 1
                if told != asked:
                    yield Finding(place, f"{shown(told)} instead of {asked}")
    if not judged:
        raise Absent("nothing is named, or nothing was asked for")


def _named(exchange: Exchange, key: str) -> list[tuple[str, str]]:
    if in_events(exchange):
        return [(f"{place} /{key}", entry[key]) for place, entry in entries(exchange) if is_a(entry.get(key), str)]
    return list(exchange.find(f"/{key}", str))


def pixels(size: str) -> tuple[int, int]:
    """(width, height). Raises Absent when the size is none in pixels."""
    found = PIXELS.match(size)
    if not found:
        raise Absent("no size in pixels")
    return int(found.group(1)), int(found.group(2))


def _fits(asked: tuple[int, int], got: tuple[int, int], slack: int) -> bool:
    return all(abs(want - have) <= slack for want, have in zip(asked, got, strict=True))


@must(IMAGE_LIST, on=IMAGES, needs=CLOCK)
def created_is_now(exchange: Exchange) -> Iterator[Finding]:
    """`created` is the time of the answer, within a day.

    Clients compute from it when the links expire.

    Fix: set it to the time of the answer.
    """
    created, now = exchange.one("/created", int), exchange.expect.get("now")
    if not now or created >= MILLISECONDS:
        raise Absent("no clock, or milliseconds: told by the schema")
    if abs(created - now) > A_DAY:
        yield Finding("/created", f"{created} is {abs(created - now) / A_DAY:,.0f} days from now")


@should(IMAGE_LIST, on=IMAGES, relay=MAY, when=names_dall_e_3)
def dall_e_3_tells_its_prompt(exchange: Exchange) -> Iterator[Finding]:
    """dall-e-3 answers carry `revised_prompt`: the prompt that was painted.

    The model always rewrites; without its words nobody can tell why the picture looks so.

    Fix: pass revised_prompt on.
    """
    for place, entry in entries(exchange):
        if not entry.get("revised_prompt"):
            yield Finding(f"{place}/revised_prompt", "missing or empty")


@should(IMAGE_USAGE, on=IMAGES, when=names_gpt_image)
def usage_is_given(exchange: Exchange) -> Iterator[Finding]:
    """The gpt-image models come with a usage object.

    They are billed by tokens, and nothing else says how many a picture took.

    Fix: pass the upstream's usage on.
    """
    if in_events(exchange):
        found = any(isinstance(event.body.get("usage"), dict) for event in exchange.events)
    else:
        found = isinstance(exchange.one("/data", list) and exchange.get("/usage"), dict)
    if not found:
        yield Finding("/usage", "missing")


@must(IMAGE_USAGE, on=IMAGES)
def usage_adds_up(exchange: Exchange) -> Iterator[Finding]:
    """`total_tokens` is input and output together, and each is the sum of its text and its image tokens.

    The gpt-image models are billed by these numbers, and image tokens cost more than text.

    Fix: pass the upstream's usage on, or recompute all of it.
    """
    usage = _usage(exchange)
    given, made, total = (one(usage, f"/{key}_tokens", int) for key in ("input", "output", "total"))
    if given + made != total:
        yield Finding("/usage/total_tokens", f"{total} is not {given} + {made}")
    for key, whole in (("input", given), ("output", made)):
        parts = [count for _, count in find(usage, f"/{key}_tokens_details/*", int)]
        named = {at.rpartition("/")[2] for at, _ in find(usage, f"/{key}_tokens_details/*", int)}
        if {"text_tokens", "image_tokens"} <= named and sum(parts) != whole:
            yield Finding(f"/usage/{key}_tokens", f"{whole} is not {' + '.join(map(str, parts))}")


def _usage(exchange: Exchange) -> dict[str, Any]:
    if not in_events(exchange):
        return dict(exchange.one("/usage", dict))
    told = [event.body["usage"] for event in exchange.events if isinstance(event.body.get("usage"), dict)]
    if not told:
        raise Absent("no usage")
    return dict(told[-1])


@should(OBSERVED, on=IMAGES, needs=(CONTENT, IDS))
def pictures_differ(exchange: Exchange) -> Iterator[Finding]:
    """The pictures of one answer are different ones.

    The same picture twice was painted once and sold twice.

    Fix: send n upstream, or send n requests that no cache answers.
    """
    seen: dict[str, str] = {}
    keys = ("b64_json",) if CLOCK in exchange.blind else ("b64_json", "url")  # recorders put one link for all
    found = [(place, entry[key]) for place, entry in entries(exchange) for key in keys if is_a(entry.get(key), str)]
    found = [(place, content) for place, content in found if content]
    if len(found) < 2:
        raise Absent("no two pictures")
    for place, content in found:
        if content in seen:
            yield Finding(place, f"the same as {seen[content]}")
        seen[content] = place


@must(IMAGE_REQUEST, on=IMAGES, relay=SHOULD, when=lambda exchange: setting(exchange, "stream") == "true")
def stream_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """`stream: true` gets a stream of events.

    The client reads lines, and finds one object of a few megabytes.

    Fix: pass `stream` and `partial_images` on.
    """
    if not in_events(exchange):
        yield Finding("body", f"no events: {shown(exchange.answered.text[:120])}")


@must(IMAGE_EVENTS, on=IMAGES, when=lambda exchange: in_events(exchange) and not _broke_off(exchange))
def stream_ends_with_the_picture(exchange: Exchange) -> Iterator[Finding]:
    """A stream of pictures has previews numbered 0, 1, ..., not more than were asked for, and then the picture, once.

    Clients show the previews as they come, and keep the last event: it is the one that counts.

    Fix: pass the upstream's events on in order, the last one too.
    """
    kinds = [kind(event.body) for event in exchange.events if event.body]
    indexes = [
        event.body.get("partial_image_index") for event in exchange.events if kind(event.body) == "partial_image"
    ]
    asked = number(exchange, "partial_images", 0)
    if indexes != list(range(len(indexes))):
        yield Finding("/partial_image_index", f"previews {shown(indexes)}")
    elif len(indexes) > asked:
        yield Finding("/partial_image_index", f"{len(indexes)} previews, {asked} asked for")
    ends = kinds.count("completed")
    if ends != max(number(exchange, "n", 1), 1) or kinds[-1] != "completed":
        yield Finding("end", f"{ends} finished picture(s); the last event is {kinds[-1] if kinds else 'none'}")


@must(IMAGE_EVENTS, on=IMAGES, when=in_events)
def events_are_those_of_the_request(exchange: Exchange) -> Iterator[Finding]:
    """The events of a generation are called image_generation..., those of an edit image_edit...

    SDKs build their objects by these names, and pass over others.

    Fix: name the events by the path that was asked.
    """
    wanted = {"generations": "image_generation", "edits": "image_edit"}.get(endpoint(exchange))
    named = [event for event in exchange.events if kind(event.body) in ("partial_image", "completed")]
    if wanted is None or not named:
        raise Absent("no such events")
    for event in named:
        if event.body["type"].partition(".")[0] != wanted:
            yield Finding(f"{event.place} /type", f"{shown(event.body['type'])} in a stream of {endpoint(exchange)}")


def _broke_off(exchange: Exchange) -> bool:
    return any(event.body.get("error") for event in exchange.events)


@must(IMAGE_LIST, on=IMAGES)
def link_leads_to_a_public_place(exchange: Exchange) -> Iterator[Finding]:
    """`url` is a whole https address that strangers can reach, not one of the relay's own machine or network.

    A relay that was never told its public address sends http://localhost:3000/..., which leads every client to itself.

    Fix: set the relay's public address; store pictures where clients reach them.
    """
    links = [(f"{place}/url", entry["url"]) for place, entry in entries(exchange) if is_a(entry.get("url"), str)]
    if not any(link for _, link in links):
        raise Absent("no links")
    for place, link in links:
        problem = wrong_with(link, exchange.request.header("host")) if link else ""
        if problem:
            yield Finding(place, f"{problem}: {shown(link)}")


def wrong_with(link: str, relay: str) -> str:
    """What is wrong with a link to a picture; "" when nothing is. A relay on this machine may link to itself."""
    try:
        parts = urlsplit(link)
        host = parts.hostname or ""
    except ValueError:
        return "no address"
    if parts.scheme == "data":
        return "a data URL, which belongs into b64_json"
    if parts.scheme not in ("http", "https") or not host:
        return "no whole address"
    if parts.netloc == relay and not lifecycle.is_public(f"http://{relay}"):
        return ""
    if not lifecycle.is_public(link):
        return "not reachable from elsewhere"
    return "" if parts.scheme == "https" else "not https"


@must(
    IMAGE_LIST,
    on=OTHER,
    answers=ANY,
    needs=(CONTENT, IDS),
    when=lambda exchange: "linked" in exchange.expect,
)
def link_shows_the_picture(exchange: Exchange) -> Iterator[Finding]:
    """The address of a picture answers without a key, with a picture of the size that was asked for.

    The link is all that a client has got for its money. Behind a login, or as a download page, it shows nothing.

    Fix: let anyone who has the link read it, for an hour at least, and send the picture itself.
    """
    if not exchange.succeeded:
        yield Finding("status", f"{exchange.status} for the picture's own address")
        return
    picture, form = pictures.read(exchange.answered.decoded), exchange.answered.content_type
    if picture is None:
        yield Finding("body", f"no picture: {shown(exchange.answered.text[:80])}")
        return
    if form and not form.startswith("image/") and form not in BARE:
        yield Finding("header content-type", f"{form} for a picture")
    asked, slack = (
        str(exchange.expect["linked"]),
        0 if OPENAI_MADE.match(str(exchange.expect.get("made_by"))) else A_STEP - 1,
    )
    if (
        PIXELS.match(asked)
        and picture.form != "svg"
        and not _fits(pixels(asked), (picture.width, picture.height), slack)
    ):
        yield Finding("body", f"{picture.size} instead of {asked}")


@must(
    IMAGE_LIST,
    on=OTHER,
    relay=SHOULD,
    needs=(CONTENT, HEADERS, IDS),
    when=lambda exchange: "linked" in exchange.expect,
)
def linked_picture_is_labelled(exchange: Exchange) -> Iterator[Finding]:
    """The picture behind a link has the Content-Type of its form.

    As a bare stream of bytes, browsers save it instead of showing it; under another form's name, viewers refuse it.

    Fix: set the type when the picture is stored; many stores take application/octet-stream for want of one.
    """
    picture, form = pictures.read(exchange.answered.decoded), exchange.answered.content_type
    if picture is None or (form and not form.startswith("image/") and form not in BARE):
        raise Absent("told by link_shows_the_picture")
    named = LABELS.get(form.removeprefix("image/"), picture.form)
    if not form or form in BARE or named != picture.form:
        yield Finding("header content-type", f"{form or 'no media type'} for {picture.form}")


@should(EDIT_REQUEST, on=IMAGES, relay=MAY, needs=(CONTENT, IDS), when=lambda exchange: endpoint(exchange) == "edits")
def mask_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """An edit leaves unchanged what the mask covers (dall-e-2; other models take the mask as a hint).

    Retouching one corner is not to repaint the face in the middle.

    Fix: pass the mask on, as a file, under its own name.
    """
    if not re.search(r"dall-e-2$", model(exchange) or "dall-e-2"):
        raise Absent("a model that takes the mask as a hint")
    files = {part.name.removesuffix("[]"): part.value for part in exchange.request.form if part.filename is not None}
    coded = [(place, entry["b64_json"]) for place, entry in entries(exchange) if entry.get("b64_json")]
    if not coded or not {"image", "mask"} <= set(files):
        raise Absent("no mask, or no picture to compare")
    for place, text in coded:
        changed = pictures.difference(files["image"], decoded(text), files["mask"])
        if changed is None:
            raise Absent("can't be compared")
        if changed > KEPT:
            yield Finding(f"{place}/b64_json", f"what the mask covers differs by {changed:.0f} of 255")
