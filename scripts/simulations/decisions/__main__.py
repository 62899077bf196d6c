"""What studies say at each budget, replayed from a table of really trained members.

    python -m scripts.simulations.decisions --table digits --replays 60

Prints a Markdown table with a line for each strategy and method. A study sees one half of the
images; the other half and all members of the table are the truth.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from scripts.simulations.decisions.methods import METHODS
from scripts.simulations.decisions.outcomes import Outcome, Truth
from scripts.simulations.decisions.studies import comparable, parse_strategy, replay_of, study_of
from scripts.simulations.decisions.tables import HEADER, line, truth_line
from scripts.simulations.replay import world as worlds

FOLDER = Path(worlds.__file__).parent
STRATEGIES = ("40x1", "26x2", "20x3", "13x4")


def main() -> None:
    options = _parser().parse_args()
    world = worlds.load(FOLDER / f"{options.table}.toml")
    budgets, ladder = comparable(world), sorted(world.ladder.budgets)
    strategies = [parse_strategy(text) for text in options.strategy]
    found: dict[tuple[str, str], list[Outcome]] = {
        (strategy.name, method): [] for strategy in strategies for method in options.method
    }
    units, started = [], time.perf_counter()
    for seed in range(options.first, options.first + options.replays):
        replay = replay_of(world, seed)
        truth = Truth(replay)
        units.append(replay.today.spent)
        for strategy in strategies:
            study = study_of(replay, strategy)
            for method in options.method:
                rows = METHODS[method](study.evaluations, ladder, study.hits, options.margin, seed)
                found[strategy.name, method].append(truth.outcome(study, rows, budgets))
    print(
        f"{options.table}, {options.replays} replays from seed {options.first}, "
        f"{len(budgets)} of {len(ladder)} budgets of the ladder can be compared, margin "
        f"{100 * options.margin:g} points, {time.perf_counter() - started:.0f} s."
    )
    print(truth_line(next(iter(found.values()))), end="\n\n")
    print(HEADER)
    for (strategy_name, method), outcomes in found.items():
        print(line(strategy_name, method, outcomes, float(np.mean(units)), options.margin))


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
        "--method", nargs="+", default=list(METHODS), choices=list(METHODS), help="who decides"
    )
    parser.add_argument("--margin", type=float, default=0.01, help="a difference that counts")
    return parser


if __name__ == "__main__":
    main()
