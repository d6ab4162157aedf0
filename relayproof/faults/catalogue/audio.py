"""Speech, transcriptions and translations."""

from __future__ import annotations

from relayproof.faults.answer import Answer
from relayproof.faults.document import change, drop, edit, only, put
from relayproof.faults.fault import WARNS, Condition, Family
from relayproof.faults.media import tone, wav
from relayproof.faults.reply import TEXT, header, instead, status
from relayproof.faults.stream import drop as leave_out
from relayproof.faults.stream import last
from relayproof.pointer import get
from relayproof.surface import AUDIO

# fmt: off
# A table: a row is a line.

audio = Family("audio", (AUDIO,))
SOUND = wav(tone())


def to(end: str) -> Condition:
    """True for requests to that endpoint."""
    return lambda answer: answer.asked.path.endswith(end)


def wants(form: str | None) -> Condition:
    """True for speech in that format; None where no format is said."""
    return lambda answer: answer.asked.path.endswith("/speech") and answer.asked.json.get("response_format") == form


SPEECH, HEARD, TRANSLATED = to("/speech"), to("/transcriptions"), to("/translations")


def verbose(answer: Answer) -> bool:
    """True for a transcription with times."""
    return bool(get(answer.json, "/segments"))


def subtitles(answer: Answer) -> bool:
    """True for subtitles."""
    return b"-->" in answer.body


def spoken(answer: Answer) -> bool:
    """True for speech that is no stream of events."""
    return SPEECH(answer) and not answer.streamed


def said(kind: str) -> object:
    """A break that sends a WAV file under a label."""
    return instead(SOUND, None, kind)


audio.seen("audio-speech-default-wav", "Speech without a format comes as WAV, not MP3.", only(wants(None), instead(SOUND, None, "audio/wav")), by="audio/speech-has-the-format-*")
audio.seen("audio-speech-content-type-mislabelled", "WAV is labelled as MP3.", only(spoken, instead(SOUND, None, "audio/mpeg")), by="audio/speech-is-labelled-*")
audio.seen("audio-speech-format-ignored", "Bare samples were asked for, and WAV comes.", only(wants("pcm"), instead(SOUND, None, "audio/pcm")), by="audio/speech-has-the-format-*")
audio.seen("audio-verbose-json-no-segments", "verbose_json has the text only.", only(verbose, edit(lambda document: {"text": document["text"]})), by="audio/verbose-*")
audio.seen("audio-translation-not-english", "A translation is in the language of the sound.", only(TRANSLATED, put("/text", "今天天气很好")), by="audio/translation-is-english")
audio.sibling("audio-speech-json", "Speech comes as JSON with a link.", only(spoken, instead({"url": "https://cdn.example/a.mp3"})), by="audio/speech-is-a-sound")
audio.sibling("audio-speech-base64", "Speech comes in base64.", only(spoken, instead("SUQzBAAAAAAAI1RTU0UAAAAPAAADTGF2ZjU4", None, "audio/mpeg")), by=("audio/speech-can-be-played", "audio/speech-has-the-format-asked-for", "audio/speech-is-labelled-as-what-it-is"))
audio.sibling("audio-speech-empty", "Speech is empty.", only(spoken, instead(b"", None, "audio/mpeg")), by="audio/speech-is-a-sound")
audio.sibling("audio-speech-silence", "Speech is silence.", only(wants("wav"), instead(wav(bytes(96_000)), None, "audio/wav")), by="audio/speech-is-not-silence", verdict=WARNS)
audio.harmless("audio-speech-octets", "Speech is labelled as octets.", only(spoken, header("content-type", "application/octet-stream")))
audio.sibling("audio-speech-mp3-for-all", "Every format comes as WAV.", only(spoken, instead(SOUND, None, "audio/wav")), by="audio/speech-has-the-format-*")
audio.sibling("audio-speech-cut", "Speech breaks off in its first bytes.", only(spoken, lambda answer: setattr(answer, "pieces", [answer.body[:30]])), by=("audio/speech-can-be-played", "audio/speech-has-the-format-asked-for"))
audio.sibling("audio-speech-500", "Speech fails.", only(SPEECH, status(500)), by="every-response/valid-request-is-answered")
audio.sibling("audio-text-missing", "A transcription has no text.", only(HEARD, drop("/text")), by=("audio/transcription-event-matches-schema", "audio/transcription-matches-schema", "audio/verbose-transcription-matches-schema"))
audio.sibling("audio-text-empty", "A transcription is empty.", only(HEARD, put("/text", "")), by="audio/speech-is-heard")
audio.sibling("audio-text-null", "A transcription's text is null.", only(HEARD, put("/text", None)), by=("audio/transcription-event-matches-schema", "audio/transcription-matches-schema", "audio/verbose-transcription-matches-schema"))
audio.sibling("audio-subtitles-as-json", "Subtitles come as JSON.", only(subtitles, instead(lambda answer: {"text": answer.body.decode()})), by="audio/subtitles-*")
audio.sibling("audio-srt-with-points", "SubRip times have points for commas.", only(subtitles, lambda answer: answer.say(answer.body.replace(b",", b"."), None, TEXT)), by="audio/subtitles-*")
audio.sibling("audio-subtitles-unnumbered", "Subtitles lack their first line.", only(subtitles, lambda answer: answer.say(answer.body.split(b"\n", 1)[1], None, TEXT)), by="audio/subtitles-*")
audio.sibling("audio-segments-reversed", "Segments come in reverse order.", only(verbose, change("/segments", lambda given: given[::-1])), by="audio/times-are-in-order")
audio.sibling("audio-segments-backwards", "A segment ends before it starts.", only(verbose, edit(lambda document: [each.update(start=each["end"], end=each["start"]) for each in document["segments"]] and None)), by="audio/times-are-in-order")
audio.sibling("audio-times-in-milliseconds", "Times are milliseconds.", only(verbose, edit(lambda document: [each.update(start=each["start"] * 1000, end=each["end"] * 1000) for each in document["segments"]] and None)), by="audio/times-lie-within-*")
audio.sibling("audio-duration-text", "The duration is a text with a unit.", only(verbose, change("/duration", lambda given: f"{given} s")), by="audio/verbose-*")
audio.sibling("audio-duration-wrong", "The duration is ten times too long.", only(verbose, change("/duration", lambda given: given * 10)), by="audio/duration-*", verdict=WARNS)
audio.sibling("audio-words-missing", "Times of words were asked for and are missing.", only(verbose, drop("/words")), by="audio/granularities-*")
audio.sibling("audio-segment-text-lost", "A segment's words are lost.", only(verbose, put("/segments/0/text", "")), by="audio/segments-say-*", verdict=WARNS)
audio.sibling("audio-labelled-text", "A transcription is labelled text/plain.", only(lambda answer: answer.json is not None, header("content-type", TEXT)), by=("audio/document-is-labelled-*", "every-response/json-is-labelled-*"))
audio.sibling("audio-stream-done-missing", "A streamed transcription has no end.", leave_out(last), by="audio/stream-ends-*")
audio.harmless("audio-extra-keys", "Keys that nobody knows stand there.", only(lambda answer: isinstance(answer.json, dict), put("/provider", "x")))
