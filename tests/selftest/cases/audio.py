"""Cases for relayproof/rules/audio.py."""

import base64
import json
from dataclasses import replace
from typing import Any

from cases.build import JSON, Case, answered, changed, events, restream
from cases.served import post
from relayproof import sounds
from relayproof.exchange import Exchange
from relayproof.probes.audio import BRIEF, LONG
from relayproof.probes.media_samples import FOX, WEATHER, sound
from relayproof.reference import voice

FOX_FILE, WEATHER_FILE = sound("fox.mp3"), sound("weather.mp3")


def said(text: str = BRIEF, name: str = "tts-1", **fields: Any) -> Exchange:
    body = {"model": name, "input": text, "voice": "alloy"} | fields
    return post("/v1/audio/speech", body)


def heard(file: Any = FOX_FILE, name: str = "whisper-1", task: str = "transcriptions", **fields: Any) -> Exchange:
    expect = fields.pop("expect", {})
    form = [("file", file), ("model", name)]
    form += [(key, each) for key, value in fields.items() for each in (value if isinstance(value, list) else [value])]
    return post(f"/v1/audio/{task}", form=form, expect=expect)


def labelled(given: Exchange, kind: str) -> Exchange:
    assert given.response is not None
    rest = tuple(pair for pair in given.response.headers if pair[0] != "content-type")
    return answered(given, headers=(*rest, ("content-type", kind)))


def typed(given: Exchange, documents: list[Any]) -> Exchange:
    return restream(given, documents, end=b"")


def edited(given: Exchange, number: int, **values: Any) -> Exchange:
    documents = events(given)
    documents[number] |= values
    return typed(given, documents)


MP3, WAV, PCM, FLAC = said(), said(response_format="wav"), said(response_format="pcm"), said(response_format="flac")
SPOKEN = said(name="gpt-4o-mini-tts", stream_format="sse")
PLAIN = heard(expect={"spoken": FOX})
TEXT, SRT, VTT = (heard(response_format=form) for form in ("text", "srt", "vtt"))
VERBOSE = heard(response_format="verbose_json", **{"timestamp_granularities[]": ["segment", "word"]})
SEGMENTS = heard(response_format="verbose_json")
DIARIZED = heard(name="gpt-4o-transcribe-diarize", response_format="diarized_json")
COUNTED = heard(name="gpt-4o-mini-transcribe")
STREAMED = heard(name="gpt-4o-mini-transcribe", stream="true")
ENGLISH = heard(WEATHER_FILE, task="translations")
ENGLISH_VERBOSE = heard(WEATHER_FILE, task="translations", response_format="verbose_json")
UNSOUGHT = changed(ENGLISH_VERBOSE, "/segments/0/seek")
AGAIN = heard(response_format="text", expect={"read_aloud": "The quick brown fox"})

SHORT, LONGER = said(response_format="wav"), replace(said(LONG, response_format="wav"), id="2")
HASTY = replace(said(LONG, response_format="wav", speed=2), id="2")
CUT = answered(LONGER, sounds.wav(voice.samples(0.3, sounds.PCM_RATE)))
SLOW = answered(HASTY, LONGER.answered.body)
SILENT = answered(WAV, sounds.wav(bytes(48_000)))
UNORDERED = answered(SRT, SRT.answered.text.replace("00:00:01,110 -->", "00:00:01,500 -->").encode())
NOT_NUMBERED = answered(SRT, SRT.answered.text.replace("\n\n2\n", "\n\n").encode())
JSON_SPEECH = answered(MP3, {"audio": base64.b64encode(b"ID3").decode()}, headers=JSON)
LOST_END = typed(STREAMED, events(STREAMED)[:-1])
FEWER = typed(STREAMED, events(STREAMED)[1:])
QUOTED = answered(TEXT, json.dumps(FOX).encode())
TOLD = heard(expect={"spoken": WEATHER})

CASES = [
    Case("audio/speech-is-a-sound", MP3, JSON_SPEECH),
    Case("audio/speech-has-the-format-asked-for", MP3, replace(WAV, request=MP3.request)),
    Case("audio/speech-is-labelled-as-what-it-is", WAV, labelled(WAV, "audio/mpeg")),
    Case("audio/speech-can-be-played", PCM, answered(PCM, PCM.answered.body[:-1])),
    Case("audio/speech-is-not-silence", WAV, SILENT),
    Case("audio/longer-text-takes-longer", (SHORT, LONGER), (SHORT, CUT)),
    Case("audio/speed-is-honoured", (LONGER, replace(HASTY, id="3")), (LONGER, replace(SLOW, id="3"))),
    Case("audio/stream-format-is-honoured", SPOKEN, replace(MP3, request=SPOKEN.request)),
    Case("audio/speech-event-matches-schema", SPOKEN, edited(SPOKEN, 0, type="speech.audio.delta", audio=None)),
    Case("audio/speech-event-matches-schema-openai", SPOKEN, edited(SPOKEN, -1, usage=None)),
    Case("audio/stream-ends-when-done", STREAMED, LOST_END),
    Case("audio/deltas-add-up", STREAMED, FEWER),
    Case("audio/stream-is-honoured", STREAMED, replace(COUNTED, request=STREAMED.request)),
    Case("audio/transcription-event-matches-schema", STREAMED, edited(STREAMED, -1, usage={"type": "duration"})),
    Case("audio/transcription-matches-schema", PLAIN, answered(PLAIN, {"transcript": FOX})),
    Case("audio/transcription-matches-schema-openai", PLAIN, changed(PLAIN, "/usage/type")),
    Case("audio/verbose-transcription-matches-schema", SEGMENTS, answered(SEGMENTS, {"text": FOX})),
    Case("audio/verbose-transcription-matches-schema-openai", SEGMENTS, changed(SEGMENTS, "/segments/0/tokens")),
    Case("audio/diarized-transcription-matches-schema", DIARIZED, changed(DIARIZED, "/segments/0/speaker")),
    Case("audio/diarized-transcription-matches-schema-openai", DIARIZED, changed(DIARIZED, "/usage", {"seconds": 1})),
    Case("audio/diarized-transcription-matches-schema-should", DIARIZED, changed(DIARIZED, "/task")),
    Case("audio/translation-matches-schema", ENGLISH, changed(ENGLISH, "/usage", "2 s")),
    Case("audio/verbose-translation-matches-schema", ENGLISH_VERBOSE, changed(ENGLISH_VERBOSE, "/language")),
    Case("audio/verbose-translation-matches-schema-openai", ENGLISH_VERBOSE, UNSOUGHT),
    Case("audio/document-is-json", PLAIN, answered(PLAIN, FOX.encode())),
    Case("audio/document-is-labelled-as-json", PLAIN, labelled(PLAIN, "text/plain")),
    Case("audio/text-is-plain", TEXT, QUOTED),
    Case("audio/subtitles-follow-their-format", SRT, NOT_NUMBERED),
    Case("audio/subtitles-follow-their-format", VTT, answered(VTT, VTT.answered.text.replace(".", ",").encode())),
    Case("audio/times-are-in-order", SRT, UNORDERED),
    Case("audio/times-are-in-order", VERBOSE, changed(VERBOSE, "/words/2/start", 0.1)),
    Case("audio/times-lie-within-the-sound", VERBOSE, changed(VERBOSE, "/segments/1/end", 1480)),
    Case("audio/segments-say-the-text", VERBOSE, changed(VERBOSE, "/segments/1/text", " brown.")),
    Case("audio/granularities-are-honoured", VERBOSE, changed(VERBOSE, "/words")),
    Case("audio/usage-adds-up", COUNTED, changed(COUNTED, "/usage/total_tokens", 1)),
    Case("audio/duration-is-that-of-the-file", SEGMENTS, changed(SEGMENTS, "/usage/seconds", 30)),
    Case("audio/speech-is-heard", PLAIN, changed(PLAIN, "/text", " ")),
    Case("audio/spoken-words-are-kept", AGAIN, answered(AGAIN, b"The lazy dog.\n")),
    Case("audio/translation-is-english", ENGLISH, changed(ENGLISH, "/text", WEATHER)),
]  # fmt: skip
