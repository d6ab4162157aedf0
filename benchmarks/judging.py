"""What judging costs, as ratios of one run: `python benchmarks/judging.py [TRAFFIC]`.

TRAFFIC is a file or folder that `relayproof check` reads; without one, the exchanges of a run on the reference relay
are taken, many times over. Printed: all rules against bare jsonschema on the same bodies, and a whole run against its
exchanges alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from relayproof import judge, probes, report, rules, runs, schema, session, traffic
from relayproof.exchange import Exchange
from relayproof.pointer import Absent
from relayproof.reference import KEY, serving
from relayproof.relay import Key, Limits, Relay
from relayproof.surface import CHAT, EMBEDDINGS, MODELS

BARE = {CHAT: "openai/chat_completion", MODELS: "openai/model_list", EMBEDDINGS: "openai/embedding_list"}
TIMES = 20


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """(seconds, what it returned)."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def bare(exchanges: list[Exchange]) -> int:
    """Hold every body that has one against one schema with plain jsonschema; returns how many."""
    validators = {name: Draft202012Validator(schema.load(name), registry=schema.registry()) for name in BARE.values()}
    held = 0
    for exchange in exchanges:
        name = BARE.get(exchange.surface)
        try:
            body = exchange.answered.json if name else None
        except Absent:
            continue
        if name and body is not None:
            list(validators[name].iter_errors(body))
            held += 1
    return held


def main() -> None:
    with serving() as url:
        relay = Relay(url, Key(KEY), limits=Limits(requests=1000, tokens=10**6))
        whole, run = timed(lambda: session.run(relay, probes.load().values()))
    own = list(rules.load().values())
    verdicts, results = timed(lambda: runs.from_run(run))
    files, _ = timed(lambda: report.write(results, Path("/tmp/relayproof-benchmark")))
    network = sum(exchange.response.seconds for exchange in run.exchanges if exchange.response)
    print(f"a run: {len(run.exchanges)} exchanges, {network:.2f} s in exchanges (side by side), {whole:.2f} s sending,")
    ratio = (whole + verdicts + files) / whole
    print(f"       {verdicts:.2f} s judging, {files:.2f} s reports: {ratio:.2f} x the sending alone")

    if len(sys.argv) > 1:
        exchanges = list(traffic.read(Path(sys.argv[1]), []))
    else:
        exchanges = [each for each in run.exchanges for _ in range(TIMES)]
    all_rules, judgement = timed(lambda: judge.judge(exchanges, own))
    one_schema, held = timed(lambda: bare(exchanges))
    print(f"judging: {len(exchanges)} exchanges, {len(judgement.verdicts)} verdicts in {all_rules:.2f} s")
    rate, plain = len(exchanges) / all_rules, held / one_schema
    print(f"         {rate:.0f} exchanges/s by {len(own)} rules, {plain:.0f} bodies/s by jsonschema and one schema:")
    print(f"         {rate / plain:.2f} x")


if __name__ == "__main__":
    main()
