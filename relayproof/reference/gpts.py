"""What is sold through chat: drawings, pictures behind a link, songs. The texts, and the songs behind their links."""

from __future__ import annotations

import re
import uuid

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relayproof import surface
from relayproof.reference import mind, voice
from relayproof.reference.app import Refusal
from relayproof.reference.images import LINKS as PICTURES

SONGS = "/v1/files/songs"
CLIPS = 2
DRAW = re.compile(r"(?i)^\W*(?:please |请)?(?:draw|paint|sketch|画|绘)\s*(.*)", re.DOTALL)
PICTURE_LINK = re.compile(r"(?i)https?://\S+\.(?:png|jpe?g|gif|webp)\b")
FIELD = re.compile(r"(?m)^\s*(prompt|tags|title)\s*[:：]?\s+(.+)$")
VERSE = ("The sea is wide and old,", "it carries ships and weather,", "at night it holds the stars.")


def said(model: str, question: str, base: str) -> str | None:
    """What such a model answers; None where it answers as any other model. `base` is where its links begin."""
    if not surface.speaks_through_chat(model):
        return None
    if model.startswith(("suno", "chirp")):
        return songs(model, question, base)
    wanted = DRAW.match(question)
    if wanted:
        return drawing(wanted.group(1), base)
    return "It is red." if PICTURE_LINK.search(question) else None


def drawing(subject: str, base: str) -> str:
    """A picture in Markdown, and the link to keep it."""
    link = f"{base}{PICTURES}/{int(mind.digest(subject, length=6), 16)}/1024x1024.png"
    name = " ".join(subject.split()).strip(".。")[:60]
    return f"![{name}]({link})\n\n[下载]({link})"


def songs(model: str, question: str, base: str) -> str:
    """Title, style, words unless it is to be instrumental, and two songs with their links."""
    given = dict(FIELD.findall(question))
    instrumental = question.rstrip().endswith("=1")
    lines = [f"## {given.get('title', 'The Sea').strip()}", f"**Style:** {given.get('tags', 'folk').strip()}"]
    if not instrumental:
        lines.append("\n".join(f"> {line}" for line in VERSE))
    for number in range(1, CLIPS + 1):
        mark = mind.digest(model, question, number)
        song = uuid.UUID(mind.digest(mark, length=32))
        lines.append(f"**Song {number}**\n[Listen]({base}{SONGS}/{song}.mp3)")
        lines.append(f"![cover {number}]({base}{PICTURES}/{int(mark[:6], 16)}/512x512.png)")
    return "\n\n".join(lines)


async def song(request: Request) -> Response:
    """The song behind a link: no key is asked for."""
    try:
        name = uuid.UUID(request.path_params["song"])
    except ValueError:
        raise Refusal(404, "There is no such song.") from None
    return Response(voice.speak(f"{' '.join(VERSE)} ({name})", "mp3"), media_type="audio/mpeg")


OPEN = [Route(SONGS + "/{song}.mp3", song, methods=["GET"])]
