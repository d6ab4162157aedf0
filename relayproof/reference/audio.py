"""POST /v1/audio/speech, /v1/audio/transcriptions and /v1/audio/translations."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from relayproof import sounds
from relayproof.reference import forms, mind, voice
from relayproof.reference.app import Refusal, json_body
from relayproof.reference.events import typed_stream
from relayproof.reference.models import known

MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
HEARD_FORMS = ("flac", "mp3", "mp4", "ogg", "opus", "wav", "webm")
A_CHUNK = 12_000
WORDS_A_SEGMENT = 3
TOKENS_A_SECOND = 10


async def speech(request: Request) -> Response:
    """Read a text aloud: as a file, or as events that hold it in pieces."""
    body = await json_body(request)
    known(body.get("model"))
    forms.check("openai/speech_request", body)
    form = body.get("response_format", "mp3")
    sound = voice.speak(body["input"], form, body.get("speed", 1))
    if body.get("stream_format") == "sse":
        return typed_stream(spoken(sound, form, body["input"]))
    return Response(sound, media_type=MEDIA_TYPES[form])


def spoken(sound: bytes, form: str, text: str) -> Iterator[dict[str, Any]]:
    """The events of streamed speech."""
    for at in range(0, len(sound), A_CHUNK):
        yield {"type": "speech.audio.delta", "audio": base64.b64encode(sound[at : at + A_CHUNK]).decode()}
    said, heard = len(mind.tokens(text)), math.ceil((sounds.seconds(sound, form) or 0) * TOKENS_A_SECOND)
    usage = {"input_tokens": said, "output_tokens": heard, "total_tokens": said + heard}
    yield {"type": "speech.audio.done", "usage": usage}


async def transcriptions(request: Request) -> Response:
    """Write down what a sound file says, in the format that is asked for."""
    body, sound = await _upload(request)
    forms.check("openai/transcription_request", body)
    text = voice.hear(sound)
    if body.get("stream") and body["model"] != "whisper-1":
        return typed_stream(transcribed(text, sound))
    return written(body, text, sound, "transcribe")


async def translations(request: Request) -> Response:
    """Write down in English what a sound file says."""
    body, sound = await _upload(request)
    if body["model"] != "whisper-1":
        raise Refusal(400, f"The model `{body['model']}` does not translate", param="model")
    forms.check("openai/transcription_request", body)
    return written(body, voice.in_english(voice.hear(sound)), sound, "translate")


async def _upload(request: Request) -> tuple[dict[str, Any], bytes]:
    form = await forms.parts(request)
    body, sound = forms.fields(form), forms.file(form, "file")
    known(body.get("model"))
    if not sound:
        raise Refusal(400, "A file is needed.", param="file")
    if sounds.container(sound) not in HEARD_FORMS or not sounds.seconds(sound):
        raise Refusal(400, f"Invalid file format. Supported formats: {', '.join(HEARD_FORMS)}", param="file")
    return body, sound


def written(body: dict[str, Any], text: str, sound: bytes, task: str) -> Response:
    """The answer in the asked format."""
    seconds = round(sounds.seconds(sound) or 0, 2)
    form = body.get("response_format", "json")
    plain: dict[str, Callable[[], str]] = {
        "text": lambda: text + "\n",
        "srt": lambda: srt(segments(text, seconds)),
        "vtt": lambda: vtt(segments(text, seconds)),
    }
    if form in plain:
        return PlainTextResponse(plain[form]())
    documents: dict[str, Callable[[], dict[str, Any]]] = {
        "json": lambda: {"text": text, "usage": usage(body["model"], text, seconds)},
        "verbose_json": lambda: verbose(body, text, seconds, task),
        "diarized_json": lambda: diarized(text, seconds),
    }
    return JSONResponse(documents[form]())


def usage(model: str, text: str, seconds: float) -> dict[str, Any]:
    """What is billed: seconds for whisper-1, tokens for the others."""
    if model == "whisper-1":
        return {"type": "duration", "seconds": math.ceil(seconds)}
    heard, said = math.ceil(seconds * TOKENS_A_SECOND), len(mind.tokens(text))
    details = {"text_tokens": 0, "audio_tokens": heard}
    total = heard + said
    tokens = {"input_tokens": heard, "input_token_details": details, "output_tokens": said, "total_tokens": total}
    return {"type": "tokens"} | tokens


def segments(text: str, seconds: float) -> list[tuple[float, float, str]]:
    """(start, end, text) of every stretch of a few words, spread evenly over the sound."""
    pieces = voice.pieces(text)
    step = seconds / max(len(pieces), 1)
    starts = range(0, len(pieces), WORDS_A_SEGMENT)
    stretches = [(at, pieces[at : at + WORDS_A_SEGMENT]) for at in starts]
    return [(round(at * step, 2), round((at + len(said)) * step, 2), "".join(said)) for at, said in stretches]


def verbose(body: dict[str, Any], text: str, seconds: float, task: str) -> dict[str, Any]:
    """The text with its times, by segment, by word, or both, as asked."""
    wanted = body.get("timestamp_granularities") or ["segment"]
    whole: dict[str, Any] = {"task": task, "language": voice.language(text), "duration": seconds, "text": text}
    if "segment" in wanted:
        whole["segments"] = [_segment(number, *each) for number, each in enumerate(segments(text, seconds))]
    if "word" in wanted:
        whole["words"] = _words(text, seconds)
    return whole | {"usage": usage("whisper-1", text, seconds)}


def _segment(number: int, start: float, end: float, text: str) -> dict[str, Any]:
    tokens = [50_364, *(int(mind.digest(word, length=4), 16) % 50_000 for word in voice.pieces(text))]
    certainty = {"temperature": 0.0, "avg_logprob": -0.25, "compression_ratio": 1.1, "no_speech_prob": 0.01}
    return {"id": number, "seek": 0, "start": start, "end": end, "text": text, "tokens": tokens} | certainty


def _words(text: str, seconds: float) -> list[dict[str, Any]]:
    pieces = voice.pieces(text)
    step = seconds / max(len(pieces), 1)
    return [
        {"word": piece.strip().strip(".,!?"), "start": round(at * step, 2), "end": round((at + 1) * step, 2)}
        for at, piece in enumerate(pieces)
    ]


def diarized(text: str, seconds: float) -> dict[str, Any]:
    """The text by speaker: there is one, called A."""
    spoken = [
        {"id": f"seg_{number}", "speaker": "A", "start": start, "end": end, "text": said}
        for number, (start, end, said) in enumerate(segments(text, seconds))
    ]
    whole = {
        "task": "transcribe",
        "duration": seconds,
        "text": text,
        "segments": [{"type": "transcript.text.segment"} | each for each in spoken],
    }
    return whole | {"usage": usage("gpt-4o-transcribe-diarize", text, seconds)}


def transcribed(text: str, sound: bytes) -> Iterator[dict[str, Any]]:
    """The events of a streamed transcription."""
    for piece in voice.pieces(text):
        yield {"type": "transcript.text.delta", "delta": piece}
    counted = usage("gpt-4o-transcribe", text, sounds.seconds(sound) or 0)
    yield {"type": "transcript.text.done", "text": "".join(voice.pieces(text)), "usage": counted}


def srt(cues: list[tuple[float, float, str]]) -> str:
    """SubRip subtitles."""
    blocks = (f"{n}\n{clock(a, ',')} --> {clock(b, ',')}\n{text.strip()}\n\n" for n, (a, b, text) in enumerate(cues, 1))
    return "".join(blocks)


def vtt(cues: list[tuple[float, float, str]]) -> str:
    """WebVTT subtitles."""
    return "WEBVTT\n\n" + "".join(f"{clock(a, '.')} --> {clock(b, '.')}\n{text.strip()}\n\n" for a, b, text in cues)


def clock(seconds: float, mark: str) -> str:
    """00:00:01,500"""
    whole, millis = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{mark}{millis:03}"


ROUTES = [
    Route("/v1/audio/speech", speech, methods=["POST"]),
    Route("/v1/audio/transcriptions", transcriptions, methods=["POST"]),
    Route("/v1/audio/translations", translations, methods=["POST"]),
]
