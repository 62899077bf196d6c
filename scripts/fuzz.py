"""Inputs by hypothesis for every parser and file: what was taken, refused, or went wrong.

    python -m scripts.fuzz --inputs 100000 --kept fuzz.jsonl

Prints a Markdown table. An input that raises anything but an error that says what is wrong with it
is a defect, and its place is printed. With `--kept` it goes on where it was stopped. The inputs are
those of `tests/fuzzing.py`.
"""

import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings

from scripts import campaigns
from tests import fuzzing
from tests.fuzzing import Target

ROUND = 200  # inputs of a target at a time


@dataclass(slots=True, kw_only=True)
class Found:
    """What a round of inputs of a target came to; `wrong` are defects, by where they are."""

    target: str
    number: int
    taken: int = 0
    refused: int = 0
    slowest: float = 0.0  # seconds of this process
    wrong: dict[str, str] = field(default_factory=dict)

    def add(self, target: Target, content: Any) -> None:
        """Give an input to the target."""
        started = time.process_time()
        try:
            target.feed(content)
            self.taken += 1
        except target.refuses:
            self.refused += 1
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            place = [
                f"{Path(f.filename).name}:{f.lineno}" for f in frames if "ensearch" in f.filename
            ]
            said = f"{type(error).__name__}: {error} for {' '.join(repr(content).split())[:200]}"
            self.wrong.setdefault(f"{type(error).__name__} in {place[-1]}", said)
        self.slowest = max(self.slowest, time.process_time() - started)


def rounds(folder: Path, inputs: int, done: Iterable[Found], kept: Path | None) -> list[Found]:
    """Rounds of all targets until there were so many inputs, with those that are done."""
    found = list(done)
    over = {(each.target, each.number) for each in found}
    targets = list(fuzzing.targets(folder))
    for number in range(-(-inputs // (ROUND * len(targets)))):
        for target in targets:
            if (target.name, number) in over:
                continue
            found.append(_round(target, number))
            campaigns.keep(kept, found[-1])
    return found


def _round(target: Target, number: int) -> Found:
    found = Found(target=target.name, number=number)

    @seed(number)
    @settings(
        max_examples=ROUND, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(content=target.inputs)
    def feed(content: Any) -> None:
        found.add(target, content)

    feed()
    return found


def table(found: Iterable[Found]) -> str:
    """A Markdown table: a line for each target, and one for all."""
    every = list(found)
    names = dict.fromkeys(each.target for each in every)
    rows = [_row(name, [each for each in every if each.target == name]) for name in names]
    heads = ("input", "n", "taken", "refused", "wrong", "slowest, s")
    return campaigns.markdown(heads, [*rows, _row("all", every)])


def _row(name: str, found: list[Found]) -> tuple[object, ...]:
    taken, refused = sum(each.taken for each in found), sum(each.refused for each in found)
    wrong = len({place for each in found for place in each.wrong})
    slowest = max(each.slowest for each in found)
    counts = (f"{count:,}" for count in (taken + refused, taken, refused))
    return (name, *counts, wrong, f"{slowest:.2f}")


def main() -> int:
    parser = campaigns.parser("scripts.fuzz", __doc__, "a file of rounds, to go on with")
    parser.add_argument("--inputs", type=int, default=100_000, help="of all parsers together")
    options = parser.parse_args()
    kept: Path | None = options.kept and options.kept.resolve()
    done = campaigns.read(kept, Found)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        found = rounds(Path(folder), options.inputs, done, kept)
        os.chdir("/")
    print(table(found))
    wrong = {place: said for each in found for place, said in each.wrong.items()}
    for place, said in wrong.items():
        print(f"\n{place}\n{said}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
