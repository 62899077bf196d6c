"""How often verdicts are wrong in worlds whose truth is known, and how often they say something.

    python -m scripts.simulations.verdicts --studies 400 --first-seed 0 --workers 2 --out FOLDER

A cell is a world with a number of images. Its results are kept in a file of FOLDER for each method;
what is there already is not made again. Prints a Markdown table for each method.
"""

import argparse
import functools
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from scripts.simulations.verdicts import table
from scripts.simulations.verdicts.cells import Cell, Outcome, run
from scripts.simulations.verdicts.methods import METHODS
from scripts.simulations.verdicts.rules import RULES
from scripts.simulations.verdicts.settling import Settling
from scripts.simulations.verdicts.worlds import WORLDS

IMAGES = (500, 2_500, 10_000)


def main() -> None:
    options = _parser().parse_args()
    methods = options.method
    if options.settle:
        methods = [
            Settling(cost=cost, rule=rule, shown=options.shown).name
            for cost in options.settle
            for rule in options.rule
        ]
    asked = [
        Cell(world=world, images=images, seeds=options.seeds, margin=options.margin)
        for world in WORLDS
        if options.only in world
        for images in options.images
    ]
    if not asked:
        sys.exit(f"no world has {options.only!r} in its name; there are {', '.join(WORLDS)}")
    studies = range(options.first_seed, options.first_seed + options.studies)
    outcomes: dict[str, list[Outcome]] = {method: [] for method in methods}
    found = _run_all(asked, methods, studies, options.out, options.workers)
    for done, of_cell in enumerate(found, start=1):
        for outcome in of_cell:
            outcomes[outcome.method].append(outcome)
            text = f"{outcome.method}: {table.line(outcome, studies)}"
            print(f"{done} of {len(asked)}: {text}", file=sys.stderr, flush=True)
    for method, of_method in outcomes.items():
        print(f"\n{method}, {options.seeds} seeds, studies {studies[0]} to {studies[-1]}\n")
        print(table.HEADER)
        for outcome in of_method:
            print(table.line(outcome, studies))
        print(table.totals(of_method, studies))


def _run_all(
    cells: Sequence[Cell],
    methods: Sequence[str],
    studies: Sequence[int],
    folder: Path,
    workers: int,
) -> Iterator[list[Outcome]]:
    work = functools.partial(run, methods=methods, seeds=studies, folder=folder)
    if workers == 1:
        yield from map(work, cells)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(work, cells)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=400, help="simulated studies of each cell")
    parser.add_argument("--first-seed", type=int, default=0, help="seed of the first study")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for results")
    parser.add_argument("--only", default="", metavar="TEXT", help="worlds whose name holds this")
    parser.add_argument("--images", type=int, nargs="*", default=IMAGES, help="of each study")
    parser.add_argument("--seeds", type=int, default=3, help="of every network, at the least")
    parser.add_argument("--margin", type=float, default=0.01, help="delta, a fraction of accuracy")
    parser.add_argument(
        "--method",
        nargs="+",
        default=["fronts"],
        choices=METHODS,
        metavar="NAME",
        help=f"of {', '.join(METHODS)}".replace("%", "%%"),
    )
    parser.add_argument(
        "--settle",
        type=float,
        nargs="+",
        metavar="COST",
        help="settle each study for so many times its search's training, instead of a method",
    )
    parser.add_argument("--rule", nargs="+", default=["variance"], choices=list(RULES))
    parser.add_argument(
        "--shown", action="store_true", help="the search's own verdicts were shown before"
    )
    return parser


if __name__ == "__main__":
    main()
