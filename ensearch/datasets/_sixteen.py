"""The range that 16-bit pictures of a folder use: what is spread over the 256 grey levels.

Cameras and scanners of 10 to 14 bits write into 16: the upper 8 of those are few levels, or one.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ensearch.core import Labels
from ensearch.datasets import _decode, _levels
from ensearch.datasets._levels import Levels
from ensearch.datasets._listing import Listing, place_of
from ensearch.errors import UnavailableError
from ensearch.files import atomic

LOOKED_AT = 400  # pictures of a split, evenly spaced: decoding them takes seconds
LARGEST = 2**16 - 1
# A range of at most a quarter would be at most 64 of the 256 grey levels.
MOST_SPREAD = 2**16 // 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How many pictures of a split were looked at, how many have 16 bits, and their range."""

    pictures: int
    sixteen: int
    low: int = 0
    high: int = 0

    @property
    def range(self) -> Levels:
        return Levels(self.low, self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is to be done with pictures of 16 bits: the range that is spread, if any, and a note."""

    spread: tuple[int, int] | None = None
    note: str = ""


def look(listing: Listing, data_dir: Path) -> Found:
    """Look at some pictures of either split; what is seen is kept in `data_dir`.

    Raises UnavailableError where the ranges of train and test are far apart.
    """
    train, test = (_deep(listing, part) for part in (listing.train, listing.test))
    if not train and not test:
        return Found()
    folder = place_of(listing.root, data_dir)
    place = folder.with_name(f"{folder.name}.levels.json")
    seen = _kept(place, listing.key)
    if seen is None:
        seen = _look_at(listing, train), _look_at(listing, test)
        content = {"files": listing.key, "train": asdict(seen[0]), "test": asdict(seen[1])}
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(place, json.dumps(content).encode())
        except OSError:
            pass  # then the next start looks again
    return _judged(listing.root, *seen)


def _deep(listing: Listing, part: Labels) -> list[str]:
    """Some pictures of a split whose format may have 16 bits."""
    some = part[:: max(1, len(part) // LOOKED_AT)]
    files = [listing.files[row] for row in some.tolist()]
    return [file for file in files if file.lower().endswith(_decode.DEEP)]


def _kept(place: Path, key: str) -> tuple[Looked, Looked] | None:
    try:
        content = json.loads(place.read_bytes())
        if content["files"] != key:
            return None
        return Looked(**content["train"]), Looked(**content["test"])
    # Whatever is the matter with a file of ours, it can be made again.
    except Exception:
        return None


def _look_at(listing: Listing, files: list[str]) -> Looked:
    counts, sixteen = np.zeros(2**16, dtype=np.int64), 0
    for file in files:
        values = _decode.sixteen_bits(os.path.join(listing.root, file))
        if values is not None:
            sixteen += 1
            counts += np.bincount(values.ravel(), minlength=2**16)
    if not sixteen:
        return Looked(pictures=len(files), sixteen=0)
    used = _levels.of_counts(counts)
    return Looked(pictures=len(files), sixteen=sixteen, low=int(used.low), high=int(used.high))


def _judged(root: Path, train: Looked, test: Looked) -> Found:
    if not train.sixteen and not test.sixteen:
        return Found()
    if not train.sixteen or not test.sixteen:
        deep, other = ("train", "test") if train.sixteen else ("test", "train")
        used = (train if train.sixteen else test).range
        if used.width < MOST_SPREAD:
            raise UnavailableError(
                f"{root}: {deep} has pictures of 16 bits that use {used} of 0 to {LARGEST:,}, and "
                f"{other} has pictures of 8. Save both alike."
            )
        return Found(note=f"{deep} has pictures of 16 bits, {other} of 8: were both saved alike?")
    ranges = f"train uses {train.range} of 0 to {LARGEST:,}, test {test.range}"
    if _levels.are_apart(train.range, test.range):
        raise UnavailableError(
            f"{root}: pictures of 16 bits, of which {ranges}: they were not scaled alike. Save "
            "both with the same range."
        )
    looked, sixteen = train.pictures + test.pictures, train.sixteen + test.sixteen
    which = f"{sixteen:,} of the {looked:,} pictures looked at have 16 bits"
    if not 0 < train.range.width < MOST_SPREAD:
        return Found(note=f"{which}, and {ranges}: the upper 8 of the bits are read")
    return Found(
        spread=(train.low, train.high),
        note=f"{which}, and {ranges}: {train.range} is spread over the 256 grey levels",
    )
