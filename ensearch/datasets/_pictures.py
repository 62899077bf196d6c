"""A folder of pictures as train and test: `folder` and `imagenet` are this with other defaults."""

import os
import re
import statistics
from pathlib import Path

import numpy as np

from ensearch.datasets import _cache, _decode, _listing, _sixteen
from ensearch.datasets._dataset import Raw
from ensearch.datasets._listing import Listing
from ensearch.errors import UnavailableError, UsageError
from ensearch.units import few

LEAST, MOST = 8, 1024  # pixels on a side that may be asked for
# The usual size of a folder of photographs; smaller pictures keep theirs.
USUAL = 224
_LOOKED_AT = 100  # pictures whose size decides the resolution if nobody says it
# Share of the pictures that may be unreadable: so few are left out, and more are refused.
MOST_BROKEN = 0.01


def read(argument: str, data_dir: Path, resolution: int | None = None, share: float = 1.0) -> Raw:
    """The dataset of `PATH` or `PATH@RESOLUTION`; without one of `resolution`, or of the pictures'.

    An image is the middle square of a picture, `share` times its shorter side. A relative path
    starts at the current folder; the images are kept in `data_dir`. Raises UnavailableError and
    UsageError.
    """
    path, asked = _parsed(argument)
    listing = _listing.read(Path(os.path.expanduser(path)))
    resolution = asked or resolution or _usual_resolution(listing)
    found = _sixteen.look(listing, data_dir)
    contents = _cache.Contents(
        root=listing.root,
        files=listing.files,
        key=listing.key,
        resolution=resolution,
        share=share,
        spread=found.spread,
    )
    stored, broken = _cache.load(contents, data_dir)
    notes = (*listing.notes, found.note) if found.note else listing.notes
    if broken:
        lines = [f"{listing.files[i]} ({why})" for i, why in sorted(broken.items())]
        notes = (*notes, _left_out(lines, listing, data_dir))
    readable = np.ones(len(listing.files), dtype=bool)
    readable[list(broken)] = False
    _listing.check_readable(listing, readable)
    train, test = (part[readable[part]] for part in (listing.train, listing.test))

    def called(split: str, row: int) -> str:
        return listing.files[int((train if split == "train" else test)[row])]

    return Raw(
        x_train=stored.pick(train),
        y_train=listing.labels[train],
        x_test=stored.pick(test),
        y_test=listing.labels[test],
        classes=listing.classes,
        spread=_decode.of_sixteen_bits(found.spread),
        notes=notes,
        otherwise=_otherwise(listing.otherwise, found),
        called=called,
    )


def _otherwise(of_listing: str, found: _sixteen.Found) -> str:
    of_bits = "read the upper 8 of 16 bits" if found.spread is not None else ""
    return " and ".join(filter(None, (of_listing, of_bits)))


def _parsed(argument: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(.+)@(\d+)", argument)
    if match is None:
        return argument, None
    resolution = int(match[2])
    if not LEAST <= resolution <= MOST:
        raise UsageError(
            f"{argument!r}: after the @ should be {LEAST} to {MOST}, the pixels on a side of an "
            f"image; got {resolution}. A path that ends so itself needs a size after it."
        )
    return match[1], resolution


def _usual_resolution(listing: Listing) -> int:
    """The shorter side of the pictures, the median of some; not more than usual."""
    every = max(1, len(listing.files) // _LOOKED_AT)
    paths = (os.path.join(listing.root, file) for file in listing.files[::every])
    sides = [side for side in map(_decode.shorter_side, paths) if side is not None]
    if not sides:
        raise UnavailableError(
            f"{listing.root}: none of the pictures looked at can be read, {listing.files[0]} for "
            "one. Replace them."
        )
    return max(LEAST, min(USUAL, statistics.median_low(sides)))


def _left_out(lines: list[str], listing: Listing, data_dir: Path) -> str:
    """A note on the pictures that cannot be read. Raises UnavailableError if they are too many."""
    count, of = len(lines), len(listing.files)
    says = f"{count} of {of} pictures of {listing.root} cannot be read"
    if count <= MOST_BROKEN * of:
        return f"{says} and are left out: {few(lines)}"
    report = data_dir / "folders" / f"{listing.root.resolve().name}.broken.txt"
    report.write_text("\n".join(lines) + "\n", errors="replace")
    raise UnavailableError(
        f"{says}, and only {MOST_BROKEN:.0%} may be left out: {few(lines)}. Replace or "
        f"remove them; {report} lists them all."
    )
