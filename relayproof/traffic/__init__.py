"""Recorded traffic in, exchanges out: JSON Lines, HAR, VCR cassettes, nock and single bodies, packed with gzip or not.

What a format cannot show is named in `Exchange.blind`, so that no rule judges what a recorder did. Nothing is sent.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from relayproof.exchange import Exchange
from relayproof.traffic import body, har, lines, nock, vcr
from relayproof.traffic.record import Problems
from relayproof.wire import cassette
from relayproof.wire.cassette import BadTraffic

__all__ = ["BadTraffic", "read"]

SUFFIXES = (".jsonl", ".ndjson", ".har", ".yaml", ".yml", ".json")
WHOLE_FILE = 512 * 2**20


def read(path: Path, problems: list[BadTraffic] | None = None) -> Iterator[Exchange]:
    """The exchanges in a file, one by one; of a folder, those of all its files.

    JSON Lines are read in constant memory. What can't be read goes to `problems`, and the rest is still yielded;
    without such a list the first problem is raised as BadTraffic.
    """
    yield from _safely(path, Problems(problems))


def _safely(path: Path, problems: Problems) -> Iterator[Exchange]:
    try:
        yield from _read(path, problems)
    except BadTraffic as problem:
        problems.add(problem)
    except (OSError, EOFError, zlib.error) as error:
        problems.add(BadTraffic(str(path), f"can't be read: {getattr(error, 'strerror', None) or error}"))


def _read(path: Path, problems: Problems) -> Iterator[Exchange]:
    if path.is_dir():
        yield from _folder(path, problems)
        return
    packed = path.suffix == ".gz"
    name = path.with_suffix("") if packed else path
    with cast(BinaryIO, gzip.open(path)) if packed else path.open("rb") as file:
        match name.suffix.lower():
            case ".jsonl" | ".ndjson":
                yield from lines.read(path, file, problems)
            case ".har":
                yield from har.read(path, _whole(path, file), problems)
            case ".yaml" | ".yml":
                yield from vcr.read(path, _whole(path, file), problems)
            case _:
                yield from _by_content(path, file, problems)


def _folder(path: Path, problems: Problems) -> Iterator[Exchange]:
    """A cassette of ours comes in the order in which it was recorded; any other folder file by file."""
    if (path / cassette.ABOUT).is_file():
        yield from cassette.read(path)[0]
        return
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.name.lower().removesuffix(".gz").endswith(SUFFIXES):
            yield from _safely(file, problems)


def _by_content(path: Path, file: BinaryIO, problems: Problems) -> Iterator[Exchange]:
    """A `.json` or any other name: what it is shows in its first line, or in the document."""
    first = file.readline(lines.LONGEST)
    rest = file.readline(lines.LONGEST)
    if lines.looks_like_one(first) and (lines.looks_like_one(rest) or not rest.strip()):
        yield from lines.read(path, file, problems, begun=[first, rest])
        return
    data = first + rest + _whole(path, file)
    if har.looks_like_one(data):
        yield from har.read(path, data, problems)
    elif vcr.looks_like_one(data):
        yield from vcr.read(path, data, problems)
    elif nock.looks_like_one(data):
        yield from nock.read(path, data, problems)
    else:
        yield body.read(path, data)


def _whole(path: Path, file: BinaryIO) -> bytes:
    data = file.read(WHOLE_FILE + 1)
    if len(data) > WHOLE_FILE:
        raise BadTraffic(str(path), f"is larger than {WHOLE_FILE // 2**20} MiB; convert it to JSON Lines")
    return data
