"""The images of a folder as one file beside the data, decoded once by all cores.

A cache is a folder: the arrays that `_work.create` makes, and `about.json`. It appears under its
name when it is whole, and is made again when a picture has been added, removed or changed, or when
it does not hold what it says. One whose making was interrupted goes on where it was.
"""

import json
import os
import shutil
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from ensearch.cores import usable_cores
from ensearch.datasets import _cache_files, _work
from ensearch.datasets._begun import Begun, sync
from ensearch.datasets._listing import place_of
from ensearch.datasets._stored import Stored
from ensearch.datasets._work import Job
from ensearch.errors import UnavailableError, printable
from ensearch.files import sha256

FORMAT = 1  # raise it when decoding gives other pixels
_CHUNK = 128  # pictures that a process decodes before it asks for more
# Fewer are decoded here: to start processes takes as long.
_ALONE = 256
_SAMPLE = 64  # images of a cache that are compared with their digests when it is opened
_NEWS_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a cache holds: the files, in order, and how they become images."""

    root: Path
    files: tuple[str, ...]
    key: str  # of the files' names, sizes and dates
    resolution: int
    share: float  # of a picture's shorter side that is kept
    spread: tuple[int, int] | None = None  # the range of 16-bit pictures that becomes 0 to 255

    @property
    def about(self) -> dict[str, Any]:
        content: dict[str, Any] = {
            "format": FORMAT,
            "files": self.key,
            "resolution": self.resolution,
            "share": self.share,
        }
        # Caches of pictures that are read as they always were stay what they are.
        return content if self.spread is None else content | {"spread": list(self.spread)}

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self.files), self.resolution, self.resolution, 3)


def load(contents: Contents, data_dir: Path) -> tuple[Stored, dict[int, str]]:
    """An image of every file, and why some are missing (theirs are black), by number.

    From the cache in `data_dir`, which is made first if it is not there. Raises UnavailableError
    if it cannot be written.
    """
    folder = place_of(contents.root, data_dir, str(contents.resolution))
    if contents.share != 1:
        folder = folder.with_name(f"{folder.name}-{contents.share:g}")
    cache = _open(contents, folder)
    if cache is not None:
        return cache
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            cache = _open(contents, folder)  # another process may have made it meanwhile
            if cache is None:
                _make(contents, folder)
                cache = _open(contents, folder)
    except ChildProcessError as error:
        raise UnavailableError(
            f"a process that decoded pictures of {contents.root} was killed ({error}); too little "
            "memory is the usual reason. Free some, or remove pictures of extreme size."
        ) from error
    except OSError as error:
        size = np.prod(contents.shape, dtype=np.int64) / 1e9
        raise UnavailableError(
            f"the images of {contents.root} cannot be written to {folder} "
            f"({error.strerror or error}): they take {size:.2g} GB. Make room there.",
            problem="no_room_for_images",
        ) from error
    if cache is None:
        raise UnavailableError(
            f"{folder} does not keep what is written to it.", problem="no_room_for_images"
        )
    return cache


def _open(contents: Contents, folder: Path) -> tuple[Stored, dict[int, str]] | None:
    """The cache, if it is there, whole, and of these files."""
    try:
        about = json.loads((folder / _cache_files.ABOUT).read_text())
        broken = {int(number): reason for number, reason in about.pop("broken").items()}
        pixels = np.load(folder / _work.PIXELS, mmap_mode="r")
        kept = about.pop(_cache_files.FILES, {})  # none where an earlier version wrote the cache
        digests, sums = np.load(folder / _work.DIGESTS), np.load(folder / _work.SUMS)
        if any(sha256.of_file(folder / name) != digest for name, digest in kept.items()):
            return None
    # Whatever is the matter with a file of ours, it can be made again.
    except Exception:
        return None
    count = len(contents.files)
    shapes = (pixels.shape, digests.shape, sums.shape)
    if about != contents.about or shapes != (contents.shape, (count, 16), (count, 2, 3)):
        return None
    sample = np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int64))
    stored = Stored(
        pixels=pixels,
        digests=digests,
        sums=sums,
        index=np.arange(count),
        folder=folder,
        seen=np.zeros(count, bool),
    )
    try:
        stored.check(sample)
    except UnavailableError:
        return None
    return stored, broken


def _locked(folder: Path) -> AbstractContextManager[object]:
    """A lock on the cache, held so that two studies that start together decode once."""
    lock = FileLock(f"{folder}.lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        _say(f"waiting for another process that reads the pictures for {folder}")
        return lock.acquire()


def _make(contents: Contents, folder: Path) -> None:
    """Decode all files into the cache, which replaces one that may be there."""
    new, old = folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)  # of a process that was killed
    try:
        begun = Begun(new, contents.about, len(contents.files), contents.resolution)
        _decode(contents, new, begun)
        begun.end()
        _cache_files.keep(new, contents.about | {"broken": begun.broken})
        sync(new)
        # Whoever has mapped the old file goes on reading it.
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except ChildProcessError:
        raise
    except OSError:
        shutil.rmtree(new, ignore_errors=True)  # a full disk is not left full
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _decode(contents: Contents, folder: Path, begun: Begun) -> None:
    """What is not decoded yet. An interrupt leaves the rest for the next start."""
    count, before = len(contents.files), len(begun.done)
    jobs = [
        Job(
            files=[
                os.path.join(contents.root, file) for file in contents.files[first : first + _CHUNK]
            ],
            first=first,
            folder=str(folder),
            resolution=contents.resolution,
            share=contents.share,
            spread=contents.spread,
        )
        for first in range(0, count, _CHUNK)
        if first not in begun.done
    ]
    kept = f"; {before * _CHUNK:,} are kept of an earlier start" if before else ""
    _say(
        f"reading {count:,} pictures of {contents.root}, once, at {contents.resolution} pixels a "
        f"side{kept}"
    )
    said = time.monotonic()
    try:
        for job, broken in zip(
            jobs, _work.run_all(jobs, usable_cores() if count >= _ALONE else 1), strict=True
        ):
            begun.add(job.first, broken)
            if time.monotonic() - said > _NEWS_SECONDS:
                begun.save()
                said = time.monotonic()
                _say(f"  {min(len(begun.done) * _CHUNK, count):,} of {count:,} pictures")
    except (KeyboardInterrupt, ChildProcessError):
        begun.save()
        _say(
            f"{min(len(begun.done) * _CHUNK, count):,} of {count:,} pictures are read and kept: "
            "the next start goes on there"
        )
        raise


def _say(text: str) -> None:
    if sys.stderr is not None:
        print(printable(text), file=sys.stderr, flush=True)
