"""Re-make what the self-tests hold fast: rule ids, levels and titles, the generated pages of docs/, the reports."""

from pathlib import Path

from test_committed_reports import REPORTED

from relayproof import book, cli, report, runs
from relayproof.rules import load

ROOT = Path(__file__).parents[2]


def main() -> None:
    lines = [f"{rule.id} | {rule.level} | {rule.relay} | {rule.title}" for _, rule in sorted(load().items())]
    (Path(__file__).parent / "rules.snapshot").write_text("\n".join(lines) + "\n", "utf-8")
    book.write(ROOT / "docs", ROOT / "cassettes", cli.main)
    for folder in REPORTED:
        report.write(runs.replay(folder), ROOT / "reports" / folder.name)


if __name__ == "__main__":
    main()
