"""Which pictures a folder has, and of which class: names and file dates only, nothing decoded."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels
from ensearch.datasets._split import others, stratified
from ensearch.errors import UnavailableError
from ensearch.seeds import derive

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff")
LAYOUT = "expected PATH/train/CLASS/* and PATH/val/CLASS/* (or test/ for val/)"
# Share that becomes test of a folder without train/, which has no published split.
TEST_SHARE = 0.2
SPLITS = ("val", "test", "valid", "validation", "training", "testing")
_SHOWN = 5  # names of many, in a message


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listing:
    """The pictures of a folder, in an order that names alone decide."""

    root: Path
    files: tuple[str, ...]  # relative to root
    labels: Labels  # of each file
    train: Labels  # which of the files train; the others are test
    test: Labels
    classes: tuple[str, ...]  # sorted
    key: str  # changes with any name, size or date of modification
    notes: tuple[str, ...]  # what a user may not expect


_Picture = tuple[str, int]  # the path of a picture relative to the root, and its label


def read(root: Path) -> Listing:
    """The pictures of a folder. Raises UnavailableError unless it has a layout that is expected."""
    if not root.is_dir():
        what = "a file" if root.exists() else f"nothing, seen from {Path.cwd()}"
        raise UnavailableError(f"{root}: {LAYOUT}; found {what}. Check the path.")
    within = _folders(root)
    if "train" not in within:
        return _flat(root, within)
    classes = _folders(root / "train")
    notes: list[str] = []
    held_out = _test_folder(root, within, classes, notes)
    _check_classes(root, classes, _folders(root / held_out), held_out, notes)
    train = _pictures(root, "train", classes, nested=True)
    test = _pictures(root, held_out, classes, nested=True)
    if not test:
        raise UnavailableError(f"{root / held_out}: no class has a picture. Add pictures.")
    _check_counts(root / "train", classes, _labels(train), 2)
    return _listing(root, classes, [*train, *test], np.arange(len(train)), notes)


def check_readable(listing: Listing, readable: npt.NDArray[np.bool_]) -> None:
    """Raise UnavailableError unless each class keeps what it needs; `readable` is of each file."""
    train = listing.train[readable[listing.train]]
    _check_counts(listing.root, listing.classes, listing.labels[train], 2, "readable ")
    if not readable[listing.test].any():
        raise UnavailableError(f"{listing.root}: no picture of the test split can be read.")


def few(names: Sequence[str]) -> str:
    """The first few of many names, for a message."""
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def _flat(root: Path, classes: list[str]) -> Listing:
    """PATH/CLASS/*: a fixed fifth of every class becomes test, the same for every seed."""
    splits = [name for name in classes if name.lower() in (*SPLITS, "train")]
    if splits:
        raise UnavailableError(
            f"{root}: {LAYOUT}; found {few(splits)} without train. Rename or link the folders."
        )
    files = _pictures(root, "", classes, nested=False)
    if len(classes) < 2 or not files:
        raise UnavailableError(
            f"{root}: {LAYOUT}, or PATH/CLASS/* with at least 2 classes; found "
            f"{len(classes)} folders ({few(classes) or 'none'}) with {len(files)} pictures "
            f"directly in them ({', '.join(SUFFIXES)}). Check the path."
        )
    labels = _labels(files)
    _check_counts(root, classes, labels, 3)
    test = stratified(labels, round(TEST_SHARE * len(files)), derive("folder", "test"))
    train = others(test, len(files))
    note = f"{root} has no train/: a fixed {TEST_SHARE:.0%} of its pictures, {len(test)}, are test"
    return _listing(root, classes, files, train, [note])


def _listing(
    root: Path, classes: list[str], files: list[_Picture], train: Labels, notes: list[str]
) -> Listing:
    digest, start = hashlib.sha256(), os.path.join(root, "")
    for path, _ in files:
        try:
            status = os.stat(start + path)  # os.path.join would take as long as this
            line = f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n"
        except OSError:  # a link to nothing: broken, which decoding will say
            line = f"{path}\n"
        digest.update(line.encode(errors="surrogateescape"))
    return Listing(
        root=root,
        files=tuple(path for path, _ in files),
        labels=_labels(files),
        train=train,
        test=others(train, len(files)),
        classes=tuple(classes),
        key=digest.hexdigest(),
        notes=tuple(notes),
    )


def _test_folder(root: Path, within: list[str], classes: list[str], notes: list[str]) -> str:
    """The folder that is the test split: test/ if it has classes of train/, else val/."""
    both = [name for name in ("test", "val") if name in within]
    labelled = [name for name in both if set(classes) & set(_folders(root / name))]
    if not labelled:
        others = [name for name in within if name.lower() in SPLITS]
        raise UnavailableError(
            f"{root}: {LAYOUT}; found train/ with {few(classes) or 'no class folders'} and "
            f"{few(others) or 'no other split'}{' without folders of these names' if both else ''}"
            f". Name the held-out pictures val/CLASS/*; or write folder:{root / 'train'}, which "
            f"takes {TEST_SHARE:.0%} of the training pictures for test."
        )
    if len(labelled) == 2:
        notes.append(
            f"{root} has val/ and test/: test/ is the test split, val/ is not used, and validation "
            "pictures are cut from train/"
        )
    return labelled[0]


def _check_classes(
    root: Path, classes: list[str], of_test: list[str], name: str, notes: list[str]
) -> None:
    unknown = sorted(set(of_test) - set(classes))
    if unknown:
        raise UnavailableError(
            f"{root}: {name}/ has {len(unknown)} classes that train/ lacks: {few(unknown)}; train/ "
            f"has {len(classes)}: {few(classes) or 'none'}. Give both the same class folders."
        )
    missing = sorted(set(classes) - set(of_test))
    if missing:
        notes.append(f"{name}/ has no folder for {len(missing)} of the classes: {few(missing)}")
    if len(classes) < 2:
        raise UnavailableError(
            f"{root / 'train'}: expected at least 2 class folders; found {few(classes) or 'none'}."
        )


def _check_counts(
    where: Path, classes: Sequence[str], labels: Labels, least: int, kind: str = ""
) -> None:
    """Refuse classes with fewer than `least` pictures: one each for the splits cut from them."""
    counts = np.bincount(labels, minlength=len(classes))
    short = [f"{name} ({n})" for name, n in zip(classes, counts, strict=True) if n < least]
    if short:
        raise UnavailableError(
            f"{where}: expected at least {least} {kind}pictures of every class, to train and to "
            f"hold out; found fewer of {few(short)}. Add pictures or remove the folders. Pictures "
            f"are files named {', '.join(SUFFIXES)}."
        )


def _folders(folder: Path) -> list[str]:
    """Sorted names of the folders within, without hidden ones; links to folders count."""
    return sorted(entry.name for entry in _entries(str(folder)) if entry.is_dir())


def _pictures(root: Path, split: str, classes: list[str], nested: bool) -> list[_Picture]:
    """All pictures of the classes, sorted by class and path."""
    start = len(os.path.join(root, ""))
    pictures: list[_Picture] = []
    for label, name in enumerate(classes):
        folder = os.path.join(root, split, name)
        if not os.path.isdir(folder):
            continue
        pictures += [(path[start:], label) for path in sorted(_walk(folder, nested, frozenset()))]
    return pictures


def _walk(folder: str, nested: bool, above: frozenset[tuple[int, int]]) -> Iterator[str]:
    """Paths of pictures, also in folders within if `nested`; links are followed, circles not."""
    status = os.stat(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for entry in _entries(folder):
        if entry.is_dir():
            if nested:
                yield from _walk(entry.path, nested, above | {here})
        elif entry.name.lower().endswith(SUFFIXES):
            yield entry.path


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What is in a folder, without hidden files such as ._a.jpg."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise UnavailableError(
            f"{folder} cannot be listed ({error.strerror}). Check its permissions."
        ) from error


def _labels(files: list[_Picture]) -> Labels:
    return np.array([label for _, label in files], dtype=np.int64)
