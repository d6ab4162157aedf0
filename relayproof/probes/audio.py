"""What is asked of speech, transcriptions and translations: thirteen requests at most, four of them for cents and
one without a key.

One model is asked that speaks, one that hears, and where the relay has them, one of each that streams. What no model
of the list can do is not asked.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from relayproof import sounds
from relayproof.offers import SPEECH_STREAM, TRANSCRIPTION, TRANSCRIPTION_STREAM
from relayproof.probe import FREE, MONEY, Call, File, Run, probe
from relayproof.probes.errors import because
from relayproof.probes.media_samples import FOX, WEATHER, sound
from relayproof.probes.samples import GOOD
from relayproof.relay import Relay
from relayproof.surface import AUDIO

BRIEF = "Good morning."
LONG = "The quick brown fox jumps over the lazy dog while the sun goes down behind the hills."
HEARS = re.compile(r"whisper|transcri|asr|sensevoice|paraformer", re.IGNORECASE)
TIMELESS = re.compile(r"gpt-(4o|transcribe)", re.IGNORECASE)
VOICE = {"optional": "the model may not have the voice alloy"}


def speaker(relay: Relay) -> str:
    """The model that reads aloud; "" when none is known."""
    name = relay.model(AUDIO)
    return "" if HEARS.search(name) else name


def listener(relay: Relay) -> str:
    """The model that writes down; "" when none is known."""
    name = relay.model(AUDIO)
    return relay.models.get(TRANSCRIPTION, "") or (name if HEARS.search(name) else "")


def say(relay: Relay, text: str, name: str = "", **fields: Any) -> Run:
    """Have a text read aloud, by the speaker or by the model `name`."""
    body = {"model": name or speaker(relay), "input": text, "voice": "alloy"} | fields
    if body["model"]:
        yield Call("POST", "/v1/audio/speech", json=body, expect=GOOD | {"surface": AUDIO} | VOICE)


def hear(relay: Relay, file: File, task: str = "transcriptions", *, expect: Any = None, **fields: Any) -> Run:
    """Have a file written down. A field whose value is a list is sent several times, as `name[]`."""
    fields = {"model": listener(relay)} | fields
    form: list[tuple[str, str | File]] = [("file", file)]
    for name, value in fields.items():
        several = isinstance(value, list)
        form += [(f"{name}[]" if several else name, each) for each in (value if several else [value])]
    if fields["model"]:
        yield Call("POST", f"/v1/audio/{task}", form=tuple(form), expect=GOOD | {"surface": AUDIO} | (expect or {}))


def tells_times(relay: Relay) -> bool:
    """True for models that have the formats with times in them."""
    return not TIMELESS.search(listener(relay))


@probe(AUDIO, basic=True, tokens=0)
def transcription(relay: Relay) -> Run:
    """Two seconds of Chinese, written down in the usual format."""
    yield from hear(relay, sound("weather.mp3"), expect={"spoken": WEATHER})


@probe(AUDIO, tokens=0)
def transcription_verbose(relay: Relay) -> Run:
    """A second of English with the times of segments and words."""
    if tells_times(relay):
        granularities = ["segment", "word"]
        yield from hear(relay, sound("fox.mp3"), response_format="verbose_json",
                        timestamp_granularities=granularities, expect={"spoken": FOX})  # fmt: skip


@probe(AUDIO, tokens=0)
def transcription_srt(relay: Relay) -> Run:
    """A second of English as SubRip subtitles, with a prompt and a temperature."""
    if tells_times(relay):
        yield from hear(relay, sound("fox.mp3"), response_format="srt", prompt="A story about animals.",
                        temperature="0", expect={"spoken": FOX})  # fmt: skip


@probe(AUDIO, tokens=0)
def translation(relay: Relay) -> Run:
    """Two seconds of Chinese, written down in English, by the models that can."""
    if tells_times(relay):
        missing = {"optional": "the relay may not translate sound", "missing": True}
        yield from hear(relay, sound("weather.mp3"), "translations", expect={"spoken": WEATHER} | missing)


@probe(AUDIO, spend=MONEY, tokens=0)
def transcription_vtt(relay: Relay) -> Run:
    """A second of English as WebVTT subtitles, with its language said."""
    if tells_times(relay):
        yield from hear(relay, sound("fox.mp3"), response_format="vtt", language="en", expect={"spoken": FOX})


@probe(AUDIO, spend=MONEY, tokens=0)
def transcription_streamed(relay: Relay) -> Run:
    """A second of English as a stream, from a model that has one; Whisper may ignore that it is asked."""
    name = relay.models.get(TRANSCRIPTION_STREAM, "") or listener(relay)
    yield from hear(relay, sound("fox.mp3"), model=name, stream="true", expect={"spoken": FOX})


@probe(AUDIO, spend=FREE, negative=True, tokens=0)
def no_key(relay: Relay) -> Run:
    """A sentence to read aloud, or a sound to write down, without a key."""
    asked = next(say(relay, BRIEF), None) or next(hear(relay, sound("fox.mp3")), None)
    if asked is not None:
        yield replace(asked, key="none", expect=because("key", "no key"))


@probe(AUDIO, spend=MONEY, tokens=0)
def speech(relay: Relay) -> Run:
    """Two words read aloud, no format said."""
    yield from say(relay, BRIEF)


@probe(AUDIO, spend=MONEY, requests=2, tokens=0)
def round_trip(relay: Relay) -> Run:
    """A sentence read aloud as WAV, and what was heard of it as plain text."""
    for call in say(relay, LONG, response_format="wav"):
        spoken = yield call
        if spoken.succeeded and sounds.container(spoken.answered.decoded) == "wav":
            file = File("speech.wav", "audio/wav", spoken.answered.decoded)
            yield from hear(relay, file, response_format="text", expect={"spoken": LONG, "read_aloud": LONG})


@probe(AUDIO, spend=MONEY, tokens=0)
def speech_samples(relay: Relay) -> Run:
    """The sentence as bare samples, at twice the speed."""
    yield from say(relay, LONG, response_format="pcm", speed=2)


@probe(AUDIO, spend=MONEY, tokens=0)
def speech_opus(relay: Relay) -> Run:
    """The sentence as Opus."""
    yield from say(relay, LONG, response_format="opus")


@probe(AUDIO, spend=MONEY, tokens=0)
def speech_aac(relay: Relay) -> Run:
    """Two words as AAC: as a stream of events, where the relay has a model for that."""
    name = relay.models.get(SPEECH_STREAM, "")
    events = {"stream_format": "sse"} if name else {}
    yield from say(relay, BRIEF, name, response_format="aac", **events)
