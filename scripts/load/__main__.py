"""See `scripts.load`."""

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from scripts import campaigns
from scripts.load import __doc__ as about
from scripts.load.parts import PARTS
from scripts.load.world import Row


def main() -> int:
    parser = campaigns.parser("scripts.load", about, "a folder of rows and storages, to go on with")
    parser.add_argument("--parts", default=",".join(PARTS), help="some only, with commas between")
    parser.add_argument("--small", action="store_true", help="every part in little")
    options = parser.parse_args()
    names = options.parts.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"unknown parts {', '.join(unknown)}: there are {', '.join(PARTS)}")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # networks so small that threads only wait
    kept: Path | None = options.kept and options.kept.resolve()
    folder = kept or Path(tempfile.mkdtemp(prefix="ensearch-load-"))
    folder /= "small" if options.small else "full"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "rows.jsonl"
    rows = campaigns.read(file, Row)
    for name in names:
        done = {row.step for row in rows if row.part == name}
        for row in PARTS[name](folder, done, options.small):
            rows.append(row)
            campaigns.keep(file, row)
            print(f"{row.part}: {_said(row)}", file=sys.stderr, flush=True)
    for name in names:
        print(f"\n## {name}\n\n{table([row for row in rows if row.part == name])}")
    if kept is None:
        print(f"\nStorages lie in {folder}.", file=sys.stderr)
    return 0


def table(rows: Iterable[Row]) -> str:
    """Return a Markdown table of the rows of one part."""
    every = [{head: _shown(value) for head, value in row.values.items()} for row in rows]
    return campaigns.markdown(list(every[0]), [list(row.values()) for row in every])


def _said(row: Row) -> str:
    return ", ".join(f"{head} {_shown(value)}" for head, value in row.values.items())


def _shown(value: float | str) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value


if __name__ == "__main__":
    sys.exit(main())
