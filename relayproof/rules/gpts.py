"""What is sold through chat: drawings, GPTs, songs. That these answers are chat answers is judged by the chat rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from relayproof import links, pictures, sounds
from relayproof.exchange import CONTENT, Exchange
from relayproof.links import PICTURE, SONG
from relayproof.pointer import Absent, find, get
from relayproof.rule import ANY, MAY, Finding, Source, must, should
from relayproof.rules.chat import BOTH, SPOKEN, ended_by, finished_texts, judged, some
from relayproof.rules.midjourney import reachable
from relayproof.rules.sources import OBSERVED
from relayproof.rules.suno import NOTHING
from relayproof.schema import shown
from relayproof.surface import OTHER, speaks_through_chat

SUNO_CHAT = Source("Suno documentation of several relays", "chat form", "2026-11-23")
GPTS_CHAT = Source("GPTs documentation of several relays", "gpt-4-all, gpt-4-gizmo-*", "2026-11-23")
SONGS_A_CALL = 2
SANDBOX = re.compile(r"sandbox:/\S*")
DRAW = re.compile(
    r"(?i)^\W*(?:(?:please|can you|could you|帮我|请你?|给我)\s*)*"
    r"(?:draw|paint|sketch|画|绘制|生成.{0,8}(?:图|画)|(?:generate|create|make)\s+(?:an?\s+)?(?:image|picture|drawing)\b)"
)
LOOK = re.compile(r"(?i)https?://\S+\.(?:png|jpe?g|gif|webp|bmp)\b")
BLIND = re.compile(
    r"(?i)(?:can(?:no|['’])t|unable to|not able to|do(?:n['’]t| not) have (?:the )?(?:ability|access))[^.!?。]{0,60}"
    r"\b(?:links?|urls?|images?|pictures?|websites?|internet|external)\b"
    r"|(?:无法|不能|没法)[^。！？]{0,12}(?:访问|打开|查看|识别)[^。！？]{0,20}(?:链接|网址|图片|网页|外部)"
)
CITED = re.compile(r"【[^】]{0,40}†[^】]{0,80}】|[\ue200-\ue2ff]")
FENCE = re.compile(r"^\s*(?:```\w*\s*)?(?=\{)")


def sings(exchange: Exchange) -> bool:
    """True for a song that is asked for in chat."""
    return speaks_through_chat(exchange.model) and links.sings(exchange.model)


def chats(exchange: Exchange) -> bool:
    """True for the other models that sell more than words."""
    return speaks_through_chat(exchange.model) and not links.sings(exchange.model)


def asked_in_words(exchange: Exchange) -> str:
    """The text of the request's last message; "" when there is none."""
    last = ([message for _, message in find(exchange.request.json, "/messages/*", dict)] or [{}])[-1]
    content = last.get("content")
    return content if isinstance(content, str) else " ".join(text for _, text in find(content, "/*/text", str))


def own_host(exchange: Exchange) -> str:
    """The relay's own host and port, where the sender told it; "" else."""
    return str(exchange.expect.get("relay_host", ""))


def usable(url: str, exchange: Exchange) -> bool:
    """True for an address that a buyer can open: public https, or the relay's own, with no hole in place of an id."""
    return reachable(url, own_host(exchange)) and not NOTHING.search(url.partition("://")[2].partition("/")[2])


@must(SUNO_CHAT, on=BOTH, when=sings, needs=CONTENT)
def song_has_an_audio_link(exchange: Exchange) -> Iterator[Finding]:
    """A song that ended with `stop` has an https link to its sound.

    The link is all that was bought. Words about a song, an excuse, or a link to None.mp3 are paid for all the same.

    Fix: end the answer when the songs are there, with their links; report a failed task as an error, not as text.
    """
    said = [(at, get(choice, "/message", dict, {})) for at, choice in ended_by(exchange, "stop")]
    for at, message in judged([(at, each) for at, each in said if any(map(each.get, SPOKEN))], "nothing was said"):
        text = str(message.get("content") or "")
        given = links.sounds(text)
        if not any(usable(url, exchange) for url in given):
            yield Finding(at, f"no usable link: {', '.join(given)}" if given else f"no link: {shown(text[-120:])}")


@should(SUNO_CHAT, on=BOTH, when=sings, needs=CONTENT)
def two_songs_are_made(exchange: Exchange) -> Iterator[Finding]:
    """A request gets two songs, each with a link of its own.

    Suno makes two at a time, and the price is that of two; one song, or one link given twice, is half of it.

    Fix: wait for both, and write down the link of each.
    """
    for at, text in finished_texts(exchange):
        made = [url for url in links.songs(text) if usable(url, exchange)]
        if not made:
            raise Absent("told by song_has_an_audio_link")
        if len(made) < SONGS_A_CALL:
            yield Finding(at, f"one song: {made[0]}")


@should(
    GPTS_CHAT,
    on=BOTH,
    when=lambda exchange: chats(exchange) and bool(DRAW.search(asked_in_words(exchange))),
    needs=CONTENT,
)
def drawing_comes_as_a_picture(exchange: Exchange) -> Iterator[Finding]:
    """A request to draw gets a Markdown picture with an https address.

    Clients show the text as Markdown: a bare file name, an http or sandbox address, or words alone show no picture.

    Fix: store the picture, and write `![...](https://...)` into the content.
    """
    for at, text in finished_texts(exchange):
        given = links.pictures(text)
        if SANDBOX.search(text):
            raise Absent("told by no_link_leads_into_a_sandbox")
        if not any(usable(url, exchange) for url in given):
            yield Finding(at, f"no usable picture: {', '.join(given)}" if given else f"no picture: {shown(text[:120])}")


@should(GPTS_CHAT, on=BOTH, when=chats, needs=CONTENT)
def no_link_leads_into_a_sandbox(exchange: Exchange) -> Iterator[Finding]:
    """No `sandbox:/` link is left in the text.

    It names a file on a machine that only the upstream can reach; the buyer can't open it.

    Fix: fetch the file from the upstream, store it, and put its public address in place of the link.
    """
    for at, text in some(exchange, "/choices/*/message/content", str):
        found = SANDBOX.search(text)
        if found:
            yield Finding(at, shown(found.group(0)))


@should(GPTS_CHAT, on=BOTH, relay=MAY, when=chats, needs=CONTENT)
def tools_are_not_overheard(exchange: Exchange) -> Iterator[Finding]:
    """The text holds nothing of what the model said to its tools: no image prompt as JSON, no marks of citations.

    The buyer reads it as part of the answer, and stores it; programs that parse the answer stumble over it. Relays
    that copy ChatGPT's web pages are known for it.

    Fix: pass on what is addressed to the user only; turn citations into links, or leave them out.
    """
    if "json" in asked_in_words(exchange).lower():
        raise Absent("JSON may be what was asked for")
    for at, text in some(exchange, "/choices/*/message/content", str):
        cited, prompt = CITED.search(text), image_prompt(text)
        if prompt:
            yield Finding(at, f"an image prompt: {shown(prompt)}")
        if cited:
            yield Finding(at, f"a citation's mark: {shown(cited.group(0))}")


def image_prompt(text: str) -> str:
    """The prompt in a JSON object with which a text begins; "" when there is none."""
    start = FENCE.match(text)
    if not start:
        return ""
    try:
        document, _ = json.JSONDecoder().raw_decode(text, start.end())
    except (ValueError, RecursionError):
        return ""
    return str(get(document, "/prompt", str, ""))


@should(
    GPTS_CHAT,
    on=BOTH,
    when=lambda exchange: chats(exchange) and bool(LOOK.search(asked_in_words(exchange))),
    needs=CONTENT,
)
def linked_picture_is_looked_at(exchange: Exchange) -> Iterator[Finding]:
    """A picture whose address stands in the text is looked at.

    That is what these models are bought for. "I can't open links" is how a plain model answers under their name.

    Fix: route to an upstream that opens addresses, or fetch the picture and pass it on as a part of the message.
    """
    for at, text in finished_texts(exchange):
        found = BLIND.search(text)
        if found:
            yield Finding(at, shown(found.group(0)))


@should(
    GPTS_CHAT, on=BOTH, when=lambda exchange: speaks_through_chat(exchange.model) and links.is_gizmo(exchange.model)
)
def gizmo_answers_under_its_name(exchange: Exchange) -> Iterator[Finding]:
    """A GPT's answer names the GPT that was asked for, or the name under which all GPTs are sold.

    Under `gpt-4` nobody can tell whether the GPT answered, or the plain model that costs less.

    Fix: answer with the requested name, or with gpt-4-gizmo.
    """
    answered = exchange.one("/model", str)
    if not answered:
        raise Absent("told by the schema")
    if answered not in (exchange.model, "gpt-4-gizmo", "gpt-4-gizmo-*"):
        yield Finding("/model", f"{shown(answered)} for {shown(exchange.model)}")


@must(OBSERVED, on=OTHER, answers=ANY, when=lambda exchange: exchange.expect.get("link") in (SONG, PICTURE))
def link_leads_to_what_was_bought(exchange: Exchange) -> Iterator[Finding]:
    """The link of a song leads to a sound, that of a drawing to a picture, without a key.

    The link is the whole delivery. A page, an error or an empty file behind it is money lost.

    Fix: store the file before its link is given out, and let nobody need a key for it. Links to other hosts than the
    relay's are followed with `pictures = true` under [relay] in relayproof.toml.
    """
    if 300 <= exchange.status < 400 and exchange.answered.header("location"):
        raise Absent("it leads on")
    if exchange.status != 200:
        yield Finding("status", f"{exchange.status} for {exchange.request.url}")
    elif not _is_there(exchange):
        kind, size = exchange.answered.content_type or "no media type", len(exchange.answered.body)
        yield Finding("body", f"no {exchange.expect['link']} behind {exchange.request.url}: {size:,} bytes, {kind}")


def _is_there(exchange: Exchange) -> bool:
    body = exchange.answered.decoded
    if exchange.expect["link"] == PICTURE:
        return pictures.read(body) is not None
    return bool(sounds.container(body)) and sounds.seconds(body) != 0
