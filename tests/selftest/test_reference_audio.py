"""The official SDK against the reference relay: speech, transcriptions and translations."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import openai
import pytest

from relayproof import sounds
from relayproof.probes.media_samples import FOX, WEATHER, sound
from relayproof.reference import KEY, serving
from relayproof.rules import subtitles

LONG = "The quick brown fox jumps over the lazy dog while the sun goes down behind the hills."
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
FOX_FILE, WEATHER_FILE = (("speech.mp3", sound(name).data, "audio/mpeg") for name in ("fox.mp3", "weather.mp3"))


@pytest.fixture(scope="module")
def sdk() -> Iterator[openai.OpenAI]:
    with serving() as url, openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def spoken(sdk: openai.OpenAI, text: str, form: str, speed: float = 1) -> bytes:
    answer = sdk.audio.speech.create(
        model="tts-1", voice="alloy", input=text, response_format=form, speed=speed  # type: ignore[arg-type]
    )  # fmt: skip
    return answer.content


@pytest.mark.parametrize("form", FORMATS)
def test_speech_is_of_the_asked_format_and_grows_with_the_text(sdk: openai.OpenAI, form: str) -> None:
    brief, long, fast = spoken(sdk, "Hi.", form), spoken(sdk, LONG, form), spoken(sdk, LONG, form, speed=2)
    assert sounds.wears_container(long) == ("" if form == "pcm" else form)
    lengths = [sounds.seconds(each, form) or 0 for each in (brief, fast, long)]
    assert lengths == sorted(lengths)
    assert lengths[2] / lengths[1] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("form", ["mp3", "opus", "flac", "wav"])
def test_what_is_spoken_is_heard_again(sdk: openai.OpenAI, form: str) -> None:
    file = (f"speech.{form}", spoken(sdk, "Bonjour, 世界", form))
    assert sdk.audio.transcriptions.create(model="whisper-1", file=file).text == "Bonjour, 世界"


def test_speech_streams_as_events_that_add_up_to_the_file(sdk: openai.OpenAI) -> None:
    with sdk.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input=LONG, response_format="aac", stream_format="sse"
    ) as answer:
        lines = [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data:")]
    assert b"".join(base64.b64decode(line["audio"]) for line in lines[:-1]) == spoken(sdk, LONG, "aac")
    assert lines[-1]["type"] == "speech.audio.done"


def test_verbose_json_tells_segments_and_words_within_the_file(sdk: openai.OpenAI) -> None:
    answer = sdk.audio.transcriptions.create(
        model="whisper-1",
        file=FOX_FILE,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert answer.text == FOX
    assert answer.segments is not None
    assert "".join(segment.text for segment in answer.segments) == FOX
    assert [word.word for word in answer.words or []] == ["The", "quick", "brown", "fox"]
    assert answer.segments[-1].end == pytest.approx(float(answer.duration), abs=0.01)


def test_subtitles_and_plain_text_say_the_same(sdk: openai.OpenAI) -> None:
    plain, srt, vtt = (
        str(sdk.audio.transcriptions.create(model="whisper-1", file=FOX_FILE, response_format=form))
        for form in ("text", "srt", "vtt")
    )
    assert plain == f"{FOX}\n"
    assert subtitles.srt(srt).text == subtitles.vtt(vtt).text == FOX
    assert subtitles.srt(srt).problems == subtitles.vtt(vtt).problems == []


def test_a_transcription_streams_in_pieces_that_add_up(sdk: openai.OpenAI) -> None:
    stream = sdk.audio.transcriptions.create(model="gpt-4o-mini-transcribe", file=FOX_FILE, stream=True)
    *pieces, done = list(stream)
    assert done.type == "transcript.text.done"
    assert "".join(piece.delta for piece in pieces if piece.type == "transcript.text.delta") == done.text == FOX


def test_speakers_are_told_apart_by_the_model_that_can(sdk: openai.OpenAI) -> None:
    answer = sdk.audio.transcriptions.create(
        model="gpt-4o-transcribe-diarize", file=FOX_FILE, response_format="diarized_json"
    )
    assert {segment.speaker for segment in answer.segments} == {"A"}


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_translation_is_english(sdk: openai.OpenAI) -> None:
    assert sdk.audio.transcriptions.create(model="whisper-1", file=WEATHER_FILE).text == WEATHER
    answer = sdk.audio.translations.create(model="whisper-1", file=WEATHER_FILE)
    assert answer.text == "Today the weather is very good."


def test_what_is_no_sound_is_refused(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="Invalid file format"):
        sdk.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"no sound"))
    with pytest.raises(openai.BadRequestError, match="verbose_json"):
        sdk.audio.transcriptions.create(
            model="gpt-4o-mini-transcribe", file=FOX_FILE, response_format="verbose_json"
        )  # fmt: skip
    with pytest.raises(openai.NotFoundError):
        sdk.audio.speech.create(model="tts-0", voice="alloy", input="Hi")
