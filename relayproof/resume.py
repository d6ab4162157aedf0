"""Paid tasks that are under way, kept in a file: an interrupted run takes them up again, and does not pay twice.

A submit's answer is written down as soon as it is there, and forgotten when its probe has come to its end. The next run
that is about to send the same request gets that answer in place of sending.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from relayproof import lifecycle
from relayproof.exchange import Exchange
from relayproof.probe import Call, dump
from relayproof.wire import cassette

FILE = "tasks.json"
DAY = 86_400
FIELDS = {"relay", "probe", "request", "at", "exchange"}


class Tasks:
    """The tasks under way at one relay. Without a path it keeps nothing. Safe to share between threads."""

    def __init__(self, path: Path | None, relay: str, clock: Callable[[], float] = time.time) -> None:
        self.path, self.relay, self.clock = path, relay, clock
        self._lock = threading.Lock()
        self._taken: set[str] = set()

    def taken_up(self, call: Call, probe: str, number: Callable[[], str]) -> Exchange | None:
        """The answer of an earlier run to the same submit, under a new id; None when there is none."""
        if self.path is None or call.method != "POST":
            return None
        with self._lock:
            entry = next((each for each in self._mine() if each["probe"] == probe and self._fits(each, call)), None)
            if entry is None:
                return None
            self._taken.add(_key(entry))
        try:
            stored = cassette.exchange(entry["exchange"], str(self.path))
        except cassette.BadTraffic:
            return None
        return replace(stored, id=number(), expect=dict(stored.expect) | {"resumed": True})

    def remember(self, call: Call, exchange: Exchange) -> None:
        """Write a submit's answer down, if it accepted a task."""
        if self.path is None or not lifecycle.submitted(exchange):
            return
        entry = {
            "relay": self.relay,
            "probe": exchange.probe,
            "request": _fingerprint(call),
            "at": int(self.clock()),
            "exchange": cassette.interaction(exchange),
        }
        with self._lock:
            self._taken.add(_key(entry))
            self._write([*self._read(), entry])

    def forget(self, probe: str) -> None:
        """Strike out what a probe had under way: it has come to its end."""
        if self.path is None:
            return
        with self._lock:
            entries = self._read()
            kept = [each for each in entries if (each["relay"], each["probe"]) != (self.relay, probe)]
            if kept != entries:
                self._write(kept)

    def _mine(self) -> list[dict[str, Any]]:
        fresh = self.clock() - DAY
        return [each for each in self._read() if each["relay"] == self.relay and each["at"] > fresh]

    def _fits(self, entry: dict[str, Any], call: Call) -> bool:
        return entry["request"] == _fingerprint(call) and _key(entry) not in self._taken

    def _read(self) -> list[dict[str, Any]]:
        """The entries of the file; none when it is missing, or is not ours."""
        assert self.path is not None
        try:
            entries = json.loads(self.path.read_bytes())["tasks"]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return [each for each in entries if isinstance(each, dict) and each.keys() >= FIELDS]

    def _write(self, entries: list[dict[str, Any]]) -> None:
        assert self.path is not None
        if not entries:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".part")
        beside.write_text(json.dumps({"version": 1, "tasks": entries}, ensure_ascii=False, indent=1) + "\n", "utf-8")
        os.replace(beside, self.path)


def _fingerprint(call: Call) -> str:
    """The same for two submits of the same task, wherever they ask to be called back."""
    body = (
        {key: value for key, value in call.json.items() if key != "notifyHook"}
        if isinstance(call.json, dict)
        else call.json
    )
    return hashlib.sha256(f"{call.method} {call.path} ".encode() + dump(body)).hexdigest()[:32]


def _key(entry: dict[str, Any]) -> str:
    return f"{entry['request']} {entry['at']} {entry['exchange'].get('x-relayproof', {}).get('id')}"
