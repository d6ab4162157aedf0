"""How a command ends that does not come to its end: one line, and an exit code. Nothing here prints."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from traceback import extract_tb

import click

from relayproof.options import BadOption

USAGE, OURS, INCOMPLETE, INTERRUPTED, NOBODY_READS = 2, 3, 4, 130, 141
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
EXIT_CODES = {
    0: "every required rule that applies was measured and holds",
    1: "a required rule fails, or a known deviation is stale (with `--strict`, also a warning)",
    USAGE: "usage: a bad flag or file",
    OURS: "relayproof itself failed; the relay is not to blame",
    INCOMPLETE: "incomplete: a required rule could not be measured (wrong key, rate limit, the relay went away)",
    INTERRUPTED: "interrupted; the reports hold what was measured until then",
}


class Stop(Exception):
    """One line, and an exit code."""

    def __init__(self, line: str, code: int) -> None:
        super().__init__(line)
        self.code = code


def ending(error: BaseException) -> tuple[str, int]:
    """(the line that tells of an error, the exit code)."""
    if isinstance(error, Stop):
        return str(error), error.code
    if isinstance(error, click.UsageError):
        return f"{error.format_message()} (see {error.ctx.command_path if error.ctx else 'relayproof'} --help)", USAGE
    if isinstance(error, BadOption):
        return str(error), USAGE
    if isinstance(error, click.ClickException):
        return error.format_message(), USAGE
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return f"can't be written: {error.strerror}", USAGE
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return "interrupted", INTERRUPTED
    return _our_own(error), OURS


def _our_own(error: BaseException) -> str:
    """What failed in relayproof, and where: enough for a report of the bug."""
    inner: BaseException = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
    notes = f", {', '.join(getattr(inner, '__notes__', ()))}" if inner is not error else ""
    frames = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in extract_tb(inner.__traceback__)]
    place = " < ".join(frames[:-4:-1])
    return f"relayproof itself failed{notes}, the relay is not to blame: {type(inner).__name__}: {inner} ({place})"


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong with a file of the user's into BadOption."""
    try:
        yield
    except OSError as error:
        raise _unwritten(path, error) from None
    except ExceptionGroup as several:
        ours = several.split(OSError)[1]
        first = several.exceptions[0]
        if ours or not isinstance(first, OSError):
            raise
        raise _unwritten(path, first) from None


def _unwritten(path: Path, error: OSError) -> BadOption:
    """One line that names the folder or file; for a report, also which."""
    which = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
    return BadOption(f"{path}: can't be written{which}: {error.strerror or error}")
