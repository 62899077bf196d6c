"""What is decoded of a cache that is being made, so that an interrupted start goes on there."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ensearch.datasets import _work

_NAME = "progress.jsonl"  # a line of what is decoded, then one for each `save`


class Begun:
    """The jobs that are done, by the row of their first file, and why files were not decoded."""

    def __init__(self, folder: Path, about: dict[str, Any], count: int, resolution: int) -> None:
        """Go on in the folder if it was begun for the same images, else begin it anew."""
        self._folder, self._unsaved = folder, dict[int, dict[int, str]]()
        self.done = dict(_read(folder, about))
        if not self.done:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            _work.create(folder, count, resolution)
        # Once more, because the last line may be cut off.
        (folder / _NAME).write_text(f"{json.dumps(about)}\n{json.dumps(self.done)}\n")

    @property
    def broken(self) -> dict[int, str]:
        """Why a picture could not be read, by row."""
        return {row: why for reasons in self.done.values() for row, why in reasons.items()}

    def add(self, first: int, broken: dict[int, str]) -> None:
        self.done[first] = self._unsaved[first] = broken

    def save(self) -> None:
        """On disk the images come first: no job is noted whose images a crash may have cost."""
        sync(self._folder)
        with (self._folder / _NAME).open("a") as file:
            file.write(f"{json.dumps(self._unsaved)}\n")
        self._unsaved = {}

    def end(self) -> None:
        """All is decoded: what remains is the cache."""
        sync(self._folder)
        (self._folder / _NAME).unlink()


def sync(folder: Path) -> None:
    """Wait until the files are on disk."""
    for file in folder.iterdir():
        with file.open("rb+") as written:
            os.fsync(written.fileno())


def _read(folder: Path, about: dict[str, Any]) -> Iterator[tuple[int, dict[int, str]]]:
    try:
        lines = (folder / _NAME).read_text().splitlines()
        if json.loads(lines[0]) != about:
            return
        for line in lines[1:]:
            for first, broken in json.loads(line).items():
                yield int(first), {int(row): why for row, why in broken.items()}
    # None there, or cut off where a process was killed: what is not read is decoded again.
    except Exception:
        return
