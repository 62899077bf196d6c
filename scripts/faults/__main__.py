"""See `scripts.faults`."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from scripts import campaigns
from scripts.faults import __doc__ as about
from scripts.faults import campaign
from scripts.faults.campaign import Run
from scripts.faults.kinds import KINDS


def main() -> int:
    options = _options()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # networks so small that threads only wait
    kinds = options.kinds
    rounds = range(
        options.first, options.first + (1 if options.short else -(-options.runs // len(kinds)))
    )
    runs = campaigns.read(options.kept, Run)
    folder = Path(tempfile.mkdtemp(prefix="ensearch-faults-"))
    for run in campaign.faults(folder, kinds, rounds, options.seed, list(runs)):
        runs.append(run)
        campaigns.keep(options.kept, run)
        says = f"LOST: {run.wrong}" if run.wrong else "survived"
        print(f"{run.kind} {run.number}: {says} ({run.seconds:.1f} s)", file=sys.stderr, flush=True)
    print(campaign.table(runs))
    lost = [run for run in runs if run.wrong]
    for run in lost:
        print(f"\n{run.kind} {run.number}: {run.wrong}\n{run.told}")
    if lost:
        print(f"\nWhat was lost lies in {folder}.", file=sys.stderr)
    return 1 if lost else 0


def _options() -> argparse.Namespace:
    parser = campaigns.parser("scripts.faults", about, "a file of runs, to go on with")
    parser.add_argument("--runs", type=int, default=200, help="faults, spread over the kinds")
    parser.add_argument("--short", action="store_true", help="each kind once")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and places")
    parser.add_argument("--first", type=int, default=0, help="the number of the first round")
    parser.add_argument("--kinds", default="", help="some kinds only, with commas between them")
    options = parser.parse_args()
    options.kinds = options.kinds.split(",") if options.kinds else list(KINDS)
    if unknown := [name for name in options.kinds if name not in KINDS]:
        parser.error(f"unknown kinds {', '.join(unknown)}: there are {', '.join(KINDS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
