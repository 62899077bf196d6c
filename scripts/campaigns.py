"""What campaigns share: the frame of their commands, what they keep line by line, and tables."""

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Kept = TypeVar("Kept", bound=DataclassInstance)
else:
    Kept = TypeVar("Kept")


def parser(program: str, about: str | None, kept: str) -> argparse.ArgumentParser:
    """Return a parser of `python -m` with that program, which says what `--kept` is."""
    made = argparse.ArgumentParser(
        prog=f"python -m {program}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--kept", type=Path, help=kept)
    return made


def read(path: Path | None, kind: type[Kept]) -> list[Kept]:
    """Return what a file keeps, one of a line; nothing if it is not there."""
    if path is None or not path.exists():
        return []
    return [kind(**json.loads(line)) for line in path.read_text().splitlines()]


def keep(path: Path | None, one: "DataclassInstance") -> None:
    """Add a line to a file, if there is one to keep anything in."""
    if path is not None:
        with path.open("a") as file:
            file.write(f"{json.dumps(asdict(one))}\n")


def markdown(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])
