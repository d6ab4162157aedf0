"""Subtitles: what players read is read, what they refuse is told."""

from __future__ import annotations

import pytest

from relayproof.rules.subtitles import srt, vtt

SRT = "1\n00:00:00,000 --> 00:00:01,500\nHello\n\n2\n00:00:01,500 --> 00:00:02,000\nthere\nall\n"
VTT = "WEBVTT - a title\n\nNOTE by hand\n\n00:00.000 --> 00:01.500 align:left\nHello\n\n"
VTT += "second\n00:00:01.500 --> 01:00:02.000\nyou\n"


def test_srt_is_read_with_its_times_and_lines() -> None:
    found = srt(SRT)
    assert found.problems == []
    assert [(cue.start, cue.end, cue.text) for cue in found.cues] == [(0, 1.5, "Hello"), (1.5, 2, "there\nall")]


def test_srt_is_read_with_carriage_returns_and_a_byte_order_mark() -> None:
    assert srt("\ufeff" + SRT.replace("\n", "\r\n")) == srt(SRT)


def test_vtt_is_read_with_its_notes_names_and_settings() -> None:
    found = vtt(VTT)
    assert found.problems == []
    assert [(cue.start, cue.end) for cue in found.cues] == [(0, 1.5), (1.5, 3602)]
    assert found.text == "Hello you"


@pytest.mark.parametrize(
    "broken",
    [
        SRT.replace(",", "."),
        SRT.replace("2\n", "3\n", 1),
        SRT.replace("\n2\n", "\n"),
        SRT.replace("00:00:01,500", "00:61:01,500"),
        SRT.replace(" --> ", " -> "),
        '{"text": "Hello"}',
        SRT.replace("\n\n", "\n"),
        VTT,
    ],
)
def test_broken_srt_is_told(broken: str) -> None:
    assert srt(broken).problems


@pytest.mark.parametrize(
    "broken", ["", "WEBVTTX\n", "\n" + VTT, VTT.replace("WEBVTT", "Web"), VTT.replace(".", ","), SRT]
)
def test_broken_vtt_is_told(broken: str) -> None:
    assert vtt(broken).problems
