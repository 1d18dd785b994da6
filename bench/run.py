"""Measures calfleet beside its baselines and prints a table. See scripts/bench --help."""

import argparse
import json
import platform
import sys
from pathlib import Path

from common import ROOT, Bench, FleetError, Stack

FIGURES = ("parts", "memory", "freebusy", "runs", "webhook")


def print_table(rows):
    head = ("figure; baseline", "unit", "ours min / median / max", "baseline min / median / max",
            "ratio", "bar", "verdict")
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row.cells()) + " |")


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(
        "Builds the release preset, starts a stack of its own and measures each figure beside its "
        "baseline. The table is Markdown, as docs/PERFORMANCE.md keeps it."))
    parser.add_argument("figure", nargs="*", metavar="NAME", choices=[*FIGURES, []],
                        help=f"only these: {' '.join(FIGURES)}")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (5)")
    parser.add_argument("--seconds", type=int, default=3, help="of one load (3)")
    parser.add_argument("--nice", type=int, default=0, metavar="N",
                        help="priority of all that is measured, baselines included; below 0 (as "
                        "root) on a machine that has other work")
    parser.add_argument("--bin", default=str(ROOT / "build" / "release" / "bin"),
                        help="where the programs are")
    parser.add_argument("--json", metavar="FILE", help="write every round there as well")
    parser.add_argument("--stack-dir", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--stack-port", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    work = Path(options.stack_dir).parent / "work"
    bench = Bench(options.bin, work, Stack(options.stack_dir, options.stack_port), options.rounds,
                  options.seconds)
    bench.prefer(options.nice)
    failed = 0
    for name in options.figure or FIGURES:
        try:
            __import__(name).measure(bench)
        except FleetError as e:
            failed += 1
            bench.note(f"{name}: not measured: {e}")
    print_table(bench.rows)
    for text in bench.notes:
        print(f"- {text}")
    print(f"- {len(bench.cores)} cores, {platform.machine()}, Linux {platform.release()}")
    if options.json:
        Path(options.json).write_text(json.dumps([vars(r) for r in bench.rows], indent=1))
    missed = sum(r.met is False for r in bench.rows)
    print(f"bench: {len(bench.rows)} figures, {missed} bars missed, {failed} not measured")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
