"""Generated requests, ours against plain `st run`, as ratios of one run: `python benchmarks/fuzz.py [REQUESTS]`.

Both read the same OpenAPI document and ask the same three paths of the same reference relay, which runs in a process
of its own. Printed: cases a second, generated, sent and judged; then, on a relay with ten faults, the request by which
each fault first showed itself to us and to `st run`. Showing is not yet seeing: that is in favour of `st run`.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "selftest"))

from clumsy import COUNTS, FAULTS, Clumsy

from relayproof import fuzz, openapi
from relayproof.reference import KEY, chat, make_app, serving
from relayproof.relay import Key, Limits, Relay
from relayproof.session import Run

PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")
SURFACES = frozenset(["chat", "chat_stream", "completions", "completions_stream", "embeddings"])
HANG = "it hangs"
EXAMPLES = 20
REQUESTS = 300


@contextmanager
def relay(faults: frozenset[str]) -> Iterator[str]:
    """The relay in a process of its own; yields its URL."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(faults, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join(10)


def _serve(faults: frozenset[str], pipe: Any) -> None:
    chat.A_TOKEN_TAKES = 0
    with serving(Clumsy(make_app(), faults)) as url:
        pipe.send(url)
        pipe.recv()


def theirs(url: str, document: Path) -> float:
    """Seconds that `st run` takes with its default checks, without stopping early, and without shrinking."""
    program = str(Path(sys.executable).with_name("st"))
    command = [program, "run", str(document), "--url", url, "--header", f"Authorization: Bearer {KEY}", "--no-color"]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1"]
    command += ["--no-shrink", "--continue-on-failure"]
    for path in PATHS:
        command += ["--include-path", path]
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=False, cwd=document.parent)
    return time.perf_counter() - started


def ours(url: str, requests: int) -> tuple[float, Run, set[str]]:
    """(seconds, the run, the rules that fail)."""
    started = time.perf_counter()
    target = Relay(url=url, key=Key(KEY), limits=fuzz.limits(Limits(), requests))
    run, results = fuzz.run_and_judge(target, only=SURFACES, seed=1)
    failed = {verdict.rule for verdict in results.verdicts if verdict.outcome == "fails"}
    return time.perf_counter() - started, run, failed


def counts(url: str) -> dict[str, Any]:
    """What the relay has seen: requests, and the request by which each fault first showed itself."""
    found: dict[str, Any] = httpx.get(url + COUNTS, trust_env=False, timeout=60).json()
    return found


def speed(document: Path, requests: int) -> None:
    """Cases a second on a relay without faults."""
    with relay(frozenset(["none"])) as url:
        seconds, run, failed = ours(url, requests)
        before = counts(url)["requests"]
        other = theirs(url, document)
        sent = counts(url)["requests"] - before
    for name, number, took in (("ours", run.requests, seconds), ("st run", sent, other)):
        print(f"{name:<8} {number:>5} cases in {took:5.1f} s: {number / took:6.1f} a second")
    print(f"ratio    {run.requests / seconds / (sent / other):.2f}   rules that fail: {len(failed)}\n")


def finding(document: Path, requests: int) -> None:
    """Requests until each fault shows itself."""
    faults = frozenset(FAULTS) - {HANG}
    with relay(faults) as url:
        _, run, failed = ours(url, requests)
        shown = counts(url)["first"]
    with relay(faults) as url:
        theirs(url, document)
        seen = counts(url)
    print(f"{'request by which it first shows':<34} {'ours':>6} {'st run':>7}")
    print(f"{'(requests in all)':<34} {run.requests:>6} {seen['requests']:>7}")
    for fault in FAULTS:
        if fault != HANG:
            print(f"{fault:<34} {shown.get(fault, '-'):>6} {seen['first'].get(fault, '-'):>7}")
    print(f"reported by us: {len(failed)} rules: {', '.join(sorted(failed))}")


def main() -> None:
    """Measure both, and print."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "openapi.json"
        document.write_text(json.dumps(openapi.bundle()), "utf-8")
        speed(document, requests)
        finding(document, requests)


if __name__ == "__main__":
    main()
