"""What studies say at each budget, replayed from a table of really trained members.

    python -m scripts.simulations.decisions --table digits --replays 60

Prints a Markdown table with a line for each strategy and method, and one that compares what the
strategies come to with the first of them, by the intervals of the first method. A study sees one
half of the images; the other half and all members of the table are the truth.
"""

import argparse
import time
from pathlib import Path

from scripts.simulations.decisions.run import run
from scripts.simulations.decisions.studies import parse_strategy
from scripts.simulations.decisions.tables import (
    COMPARED_HEADER,
    HEADER,
    compared,
    line,
    truth_line,
)
from scripts.simulations.replay import world as worlds
from scripts.simulations.verdicts.methods import METHODS
from scripts.simulations.verdicts.rules import RULES
from scripts.simulations.verdicts.settling import Settling

FOLDER = Path(worlds.__file__).parent
STRATEGIES = ("40x1", "26x2", "20x3", "13x4")


def main() -> None:
    options = _parser().parse_args()
    world = worlds.load(FOLDER / f"{options.table}.toml")
    started = time.perf_counter()
    outcomes = run(
        world,
        [parse_strategy(text) for text in options.strategy],
        {name: METHODS[name] for name in options.method},
        range(options.first, options.first + options.replays),
        options.margin,
        [
            Settling(cost=cost, rule=rule, shown=options.shown)
            for cost in options.settle
            for rule in options.rule
        ],
    )
    print(
        f"{options.table}, {options.replays} replays from seed {options.first}, "
        f"{len(outcomes.budgets)} of {len(world.ladder.budgets)} budgets of the ladder can be "
        f"compared, margin {100 * options.margin:g} points, {time.perf_counter() - started:.0f} s. "
        + truth_line(next(iter(outcomes.found.values()))),
        end="\n\n",
    )
    print(HEADER)
    for (strategy, method), of_pair in outcomes.found.items():
        print(line(strategy, method, of_pair, outcomes.unit, options.margin))
    print(f"\n{COMPARED_HEADER}")
    base = next(iter(outcomes.found.values()))
    for (strategy, method), of_pair in outcomes.found.items():
        if method == options.method[0]:
            print(compared(strategy, of_pair, base, outcomes.unit))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    tables = sorted(path.stem for path in FOLDER.glob("*.npz"))
    parser.add_argument("--table", choices=tables, required=True, help="members to replay on")
    parser.add_argument("--replays", type=int, default=60, help="replays, each a new split")
    parser.add_argument("--first", type=int, default=0, help="seed of the first replay")
    parser.add_argument(
        "--strategy",
        nargs="+",
        default=STRATEGIES,
        metavar="TRIALSxSEEDS[:ORDER]",
        help="trials x seeds of every network; x3 is 3 seeds for the cost of today's search",
    )
    parser.add_argument(
        "--method", nargs="+", default=["fronts"], choices=list(METHODS), help="who decides"
    )
    parser.add_argument("--margin", type=float, default=0.01, help="a difference that counts")
    parser.add_argument(
        "--settle",
        type=float,
        nargs="+",
        default=[],
        metavar="COST",
        help="also settle each study for so many times its search's training",
    )
    parser.add_argument("--rule", nargs="+", default=["variance"], choices=list(RULES))
    parser.add_argument(
        "--shown", action="store_true", help="the search's own verdicts were shown before"
    )
    return parser


if __name__ == "__main__":
    main()
