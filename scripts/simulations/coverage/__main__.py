"""How often the intervals of a front hold the truth, and its status is right, in known worlds.

    python -m scripts.simulations.coverage --repetitions 200 --replicates 300

Prints one line for each world and number of images, as a Markdown table; README.md keeps the
result. Each repetition is a new study: new members, new images.
"""

import argparse

from scripts.simulations.coverage.repetition import HEADER, line, repeat
from scripts.simulations.coverage.worlds import WORLDS

IMAGES = (500, 2_500, 10_000)
SPLIT = "inside, wrong law"  # also with a val split that selects and a test split that scores


def main() -> None:
    options = _parser().parse_args()
    print(HEADER, "|---" * 11 + "|", sep="\n", flush=True)
    for world in WORLDS.values():
        for splits in (("val",), ("val", "test"))[: 1 + (world.name == SPLIT)]:
            for count in options.images if options.only in world.name else ():
                images = dict.fromkeys(splits, count)
                repetitions = [
                    repeat(world, images, options.replicates, seed)
                    for seed in range(options.repetitions)
                ]
                print(line(world, images, repetitions), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--repetitions", type=int, default=200, help="simulated studies of each line"
    )
    parser.add_argument(
        "--replicates", type=int, default=300, help="bootstrap replicates of each study"
    )
    parser.add_argument(
        "--images", type=int, nargs="*", default=IMAGES, help="images of each split"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="worlds whose name holds this")
    return parser


if __name__ == "__main__":
    main()
