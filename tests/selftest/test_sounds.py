"""Sound files: containers are recognised, lengths measured, and broken bytes do no harm."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproof import sounds
from relayproof.reference import voice

FORMS = ("mp3", "opus", "aac", "flac", "wav")


@pytest.mark.parametrize("form", FORMS)
def test_every_container_is_recognised_and_measured(form: str) -> None:
    data = voice.speak("Good morning, good morning.", form)
    assert sounds.container(data) == sounds.wears_container(data) == form
    assert sounds.seconds(data) == pytest.approx(27 * voice.LETTER_SECONDS, abs=0.05)


@pytest.mark.parametrize("form", ["mp3", "opus", "flac", "wav"])
def test_a_title_is_written_and_read(form: str) -> None:
    assert sounds.title(sounds.titled(voice.speak("Hi", form), "你好, café")) == "你好, café"


def test_bare_samples_are_no_container_though_they_begin_like_one() -> None:
    samples = b"\xff\xfb" + voice.samples(0.5, sounds.PCM_RATE)
    assert sounds.container(samples) == "mp3"
    assert sounds.wears_container(samples) == ""
    assert sounds.seconds(samples, "pcm") == pytest.approx(0.5, abs=0.001)


def test_a_wav_of_a_server_that_streams_is_measured_by_what_is_there() -> None:
    data = bytearray(sounds.wav(voice.samples(2, sounds.PCM_RATE)))
    struct.pack_into("<I", data, 4, 0xFFFFFFFF)
    struct.pack_into("<I", data, 40, 0xFFFFFFFF)
    assert sounds.seconds(bytes(data)) == pytest.approx(2)


def test_an_mp3_behind_a_tag_is_an_mp3() -> None:
    data = sounds.titled(voice.speak("Hi", "mp3"), "Hi")
    assert data.startswith(b"ID3")
    assert sounds.container(data) == "mp3"


@pytest.mark.parametrize("data", [b"", b"{}", b"<html>", b"\xff", bytes(100)])
def test_what_is_no_sound_has_no_container_and_no_length(data: bytes) -> None:
    assert sounds.container(data) == ""
    assert sounds.seconds(data) is None


@given(st.sampled_from(FORMS), st.integers(0, 400), st.binary(max_size=20))
def test_broken_files_are_measured_or_not_but_never_raise(form: str, at: int, noise: bytes) -> None:
    data = voice.speak("Hi", form)
    broken = data[:at] + noise + data[at + len(noise) // 2 :]
    assert sounds.seconds(broken) is None or sounds.seconds(broken) >= 0  # type: ignore[operator]
    assert isinstance(sounds.title(broken), str)
    assert isinstance(sounds.samples(broken), bytes)
