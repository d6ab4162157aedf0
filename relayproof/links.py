"""What an answer in chat carries besides words: links to songs and pictures, and which models sell such things.

Here is only reading. Rules judge the links, probes follow them.
"""

from __future__ import annotations

import re

SONG, PICTURE = "song", "picture"
URL = re.compile(r"https?://[^\s<>\"'`()\[\]{}|\\^，。；（）【】]+")
SOUND = re.compile(r"(?i)\.(?:mp3|m4a|wav|flac|ogg|opus|aac)(?:$|[?#])|//audiopipe\.|[?&]item_id=")
SHOWN = re.compile(r"!\[[^\]]*\]\(\s*<?([^\s)>]+)")
MARK = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_gizmo(model: str) -> bool:
    """True for a GPT under its own id, or under the wildcard of all GPTs."""
    return model.startswith("gpt-4-gizmo")


def sings(model: str) -> bool:
    """True for Suno's models."""
    return model.startswith(("suno", "chirp"))


def addresses(text: str) -> list[str]:
    """Every http(s) address in a text, in order, without the punctuation behind it."""
    return [found.rstrip(".,;:!?*_~") for found in URL.findall(text)]


def sounds(text: str) -> list[str]:
    """Every address of a sound, in order."""
    return [url for url in addresses(text) if SOUND.search(url)]


def songs(text: str) -> list[str]:
    """One address for each song: a player's and a file's address with the same id are one song."""
    found: dict[str, str] = {}
    for url in sounds(text):
        mark = MARK.search(url)
        found.setdefault(mark.group(0).lower() if mark else re.split(r"[?#]", url)[0], url)
    return list(found.values())


def pictures(text: str) -> list[str]:
    """The target of every Markdown picture, in order; it need not be an address that leads anywhere."""
    return [found for found in SHOWN.findall(text) if not found.startswith("data:")]
