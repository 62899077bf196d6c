"""What lies in a folder of pictures and in the folders within: names only, no file is opened."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from ensearch.datasets import _left_out
from ensearch.datasets._left_out import LeftOut
from ensearch.errors import UnavailableError

Picture = tuple[str, int]  # the path of a picture relative to the root, and its label


def composed(name: str) -> str:
    """The name in the one of its Unicode forms that most systems write; Macs write another."""
    return unicodedata.normalize("NFC", name)


def by_form(folder: Path, names: list[str]) -> dict[str, str]:
    """The names of folders within, by how they are compared. UnavailableError if two look alike."""
    found: dict[str, str] = {}
    for name in names:
        if found.setdefault(composed(name), name) != name:
            raise UnavailableError(
                f"{folder}: two folders are called {name}, and differ in the Unicode form (NFC or "
                "NFD) of their names alone. Put the pictures of both into one."
            )
    return found


def folders(folder: Path) -> list[str]:
    """Sorted names of the folders within that people made; links to folders count."""
    return sorted(
        entry.name
        for entry in entries(str(folder))
        if entry.is_dir() and not _left_out.is_of_program(entry.name)
    )


def pictures(
    root: Path, split: str, classes: list[str], left_out: LeftOut, nested: bool
) -> list[Picture]:
    """All pictures of the classes, sorted by class and path."""
    count_loose(root / split, left_out)
    start = len(os.path.join(root, ""))
    there = by_form(root / split, folders(root / split))
    found: list[Picture] = []
    for label, name in enumerate(classes):
        if composed(name) not in there:
            continue
        folder = os.path.join(root, split, there[composed(name)])
        paths = sorted(_walk(folder, nested, frozenset(), left_out))
        found += [(path[start:], label) for path in paths]
    return found


def count_loose(folder: Path, left_out: LeftOut, within: bool = True) -> None:
    """Count the files in the folder itself, which belong to no class, and what programs left.

    Folders within are looked at only where `within` says so.
    """
    inside = [entry for entry in entries(str(folder)) if within or not entry.is_dir()]
    for entry in left_out.kept(inside, str(folder)):
        if not entry.is_dir():
            left_out.add(_left_out.LOOSE, _left_out.kind(entry.name), str(folder))


def _walk(
    folder: str, nested: bool, above: frozenset[tuple[int, int]], left_out: LeftOut
) -> Iterator[str]:
    """Paths of pictures, also in folders within if `nested`; links are followed, circles not."""
    status = os.stat(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for entry in left_out.kept(entries(folder), folder):
        if entry.is_dir():
            if nested:
                yield from _walk(entry.path, nested, above | {here}, left_out)
            else:
                left_out.add_folder(_left_out.DEEPER, entry, folder)
        elif _left_out.is_picture(entry.name):
            yield entry.path
        else:
            left_out.add(_left_out.OTHER_KIND, _left_out.kind(entry.name), folder)


def entries(folder: str) -> list[os.DirEntry[str]]:
    """What is in a folder."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError as error:
        raise UnavailableError(
            f"{folder} cannot be listed ({error.strerror}). Check its permissions."
        ) from error
