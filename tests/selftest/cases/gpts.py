"""Cases for relayproof/rules/gpts.py."""

from dataclasses import replace

from cases.build import Case, asking, changed, chat, chat_stream, events, exchange, restream
from relayproof.exchange import Exchange
from relayproof.reference import voice
from relayproof.reference.mind import tokens

TEXT = "/choices/0/message/content"
SONG = chat("A short cheerful tune about the sea.", model="suno-v3")
STREAMED = chat_stream("A short cheerful tune about the sea.", model="suno-v3")
DRAWING = chat("Draw a red cube.", model="gpt-4-all")
SEEN = chat("https://example.com/cube.png What colour is it?", model="gpt-4o-all")
GIZMO = chat("Say hello.", model="gpt-4-gizmo-g-relayproof")
AT = {"session": "case", "expect": {"link": "song", "surface": "gpts"}}
SOUND = exchange(
    "GET", "/v1/files/songs/1.mp3", None, voice.speak("la", "mp3"), headers=[("content-type", "audio/mpeg")], **AT
)
ONE = "## The Sea\n[Listen](https://cdn.example/6f9619ff-8b86-d011-b42d-00c04fc964ff.mp3)"
CITY = "It is Paris【4†source】."


def saying(given: Exchange, text: str) -> Exchange:
    """The answer with another text, and its tokens counted."""
    usage, said = given.json["usage"], len(tokens(text))
    counts = usage | {"completion_tokens": said, "total_tokens": usage["prompt_tokens"] + said}
    return changed(changed(given, TEXT, text), "/usage", counts)


def without_links() -> list[object]:
    chunks = events(STREAMED)
    for chunk in chunks:
        delta = chunk["choices"][0]["delta"]
        if delta.get("content"):
            delta["content"] = delta["content"].replace("https", "http")
    return chunks


CASES = [
    Case("gpts/song-has-an-audio-link", SONG, saying(SONG, "Your song is being made, please wait.")),
    Case("gpts/song-has-an-audio-link", SONG, saying(SONG, "[Listen](https://cdn1.suno.ai/None.mp3)")),
    Case("gpts/song-has-an-audio-link", SONG, saying(SONG, ONE.replace("cdn.example", "localhost:3000"))),
    Case("gpts/song-has-an-audio-link", STREAMED, restream(STREAMED, without_links())),
    Case(
        "gpts/song-has-an-audio-link",
        SONG,
        changed(changed(SONG, TEXT, ""), "/choices/0/message/reasoning_content", ONE),
    ),
    Case("gpts/two-songs-are-made", SONG, saying(SONG, ONE)),
    Case("gpts/two-songs-are-made", SONG, saying(SONG, f"{ONE}\n{ONE}?download=1")),
    Case("gpts/drawing-comes-as-a-picture", DRAWING, saying(DRAWING, "Here is your cube: cube.png")),
    Case("gpts/drawing-comes-as-a-picture", DRAWING, saying(DRAWING, "![cube](http://127.0.0.1:3000/cube.png)")),
    Case("gpts/drawing-comes-as-a-picture", DRAWING, asking(SEEN, "/messages/0/content", "请画一只猫")),
    Case("gpts/no-link-leads-into-a-sandbox", DRAWING, saying(DRAWING, "[cube](sandbox:/mnt/data/cube.png)")),
    Case(
        "gpts/tools-are-not-overheard",
        DRAWING,
        saying(DRAWING, '```json\n{"prompt": "a cube", "size": "1024x1024"}\n```'),
        also=("gpts/drawing-comes-as-a-picture",),
    ),
    Case(
        "gpts/tools-are-not-overheard",
        DRAWING,
        saying(DRAWING, '{"prompt": "a cube", "n": 1}\n![](https://a.example/1.png)'),
    ),
    Case("gpts/tools-are-not-overheard", GIZMO, saying(GIZMO, CITY)),
    Case("gpts/tools-are-not-overheard", GIZMO, saying(GIZMO, "It is Paris\ue200cite\ue202turn0search1\ue201.")),
    Case("gpts/linked-picture-is-looked-at", SEEN, saying(SEEN, "I'm sorry, but I can't view images from links.")),
    Case("gpts/linked-picture-is-looked-at", SEEN, saying(SEEN, "抱歉，我无法直接访问外部链接。")),
    Case("gpts/gizmo-answers-under-its-name", GIZMO, changed(GIZMO, "/model", "gpt-4")),
    Case(
        "gpts/gizmo-answers-under-its-name",
        changed(GIZMO, "/model", "gpt-4-gizmo-*"),
        changed(GIZMO, "/model", "gpt-4-gizmo-g-other"),
    ),
    Case(
        "gpts/link-leads-to-what-was-bought",
        SOUND,
        replace(SOUND, response=replace(SOUND.answered, body=b"<html>gone</html>")),
    ),
    Case("gpts/link-leads-to-what-was-bought", SOUND, replace(SOUND, response=replace(SOUND.answered, status=404))),
    Case("gpts/link-leads-to-what-was-bought", SOUND, replace(SOUND, expect={"link": "picture"})),
]
