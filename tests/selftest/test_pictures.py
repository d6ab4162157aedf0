"""Pictures: formats and sizes are read, broken ones are none, and a mask tells what may change."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproof import pictures
from relayproof.pictures import Picture

SIZE = (64, 48)


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_format_and_size_are_read(form: str) -> None:
    assert pictures.read(pictures.paint(form, SIZE)) == Picture(form, 64, 48)


def test_another_number_is_another_picture() -> None:
    assert len({pictures.paint("png", SIZE, number) for number in range(20)}) == 20


def test_half_a_picture_is_none() -> None:
    assert pictures.read(pictures.paint("png", SIZE)[:60]) is None


def test_a_drawing_has_no_pixels() -> None:
    assert pictures.read(b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>') == Picture("svg", 0, 0)


def test_only_what_the_mask_covers_is_compared() -> None:
    before, mask = pictures.paint("png", SIZE), pictures.mask(SIZE)
    kept = pictures.repaint(before, mask, "png", SIZE, number=9)
    assert (pictures.difference(before, kept, mask) or 0) < 5
    assert (pictures.difference(before, pictures.paint("png", SIZE, 9), mask) or 0) > 50
    assert pictures.difference(before, b"no picture", mask) is None


def test_a_picture_that_says_it_is_huge_is_not_unpacked() -> None:
    header = pictures.paint("png", SIZE)
    claimed = struct.pack(">II", 9_469, 9_468)
    chunk = b"IHDR" + claimed + header[24:29]
    huge = header[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + header[33:]
    assert pictures.read(huge) == Picture("png", 9_469, 9_468)


@given(st.sampled_from(["png", "jpeg", "webp"]), st.integers(0, 300), st.binary(max_size=20))
def test_broken_pictures_never_raise(form: str, at: int, noise: bytes) -> None:
    data = pictures.paint(form, SIZE)
    found = pictures.read(data[:at] + noise + data[at + len(noise) // 2 :])
    assert found is None or found.width > 0
