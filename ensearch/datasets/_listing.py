"""Which pictures a folder has, and of which class: names and file dates only, nothing decoded."""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels
from ensearch.datasets import _left_out, _walk
from ensearch.datasets._left_out import FIRST, SUFFIXES, LeftOut
from ensearch.datasets._split import others, stratified
from ensearch.datasets._walk import Picture
from ensearch.errors import UnavailableError
from ensearch.seeds import derive
from ensearch.units import counted, few

LAYOUT = "expected PATH/train/CLASS/* and PATH/val/CLASS/* (or test/ for val/)"
# Share that becomes test of a folder without train/, which has no published split.
TEST_SHARE = 0.2
SPLITS = ("val", "test", "valid", "validation", "training", "testing")


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
    otherwise: str  # what versions before the kinds of today read otherwise here; "" if nothing


def read(root: Path) -> Listing:
    """The pictures of a folder. Raises UnavailableError unless it has a layout that is expected."""
    if not root.is_dir():
        what = "a file" if root.exists() else f"nothing, seen from {Path.cwd()}"
        raise UnavailableError(f"{root}: {LAYOUT}; found {what}. Check the path.")
    within = _walk.folders(root)
    left_out = LeftOut(root)
    if "train" not in within:
        return _flat(root, within, left_out)
    classes = _walk.folders(root / "train")
    notes: list[str] = []
    held_out = _test_folder(root, within, classes, notes)
    used = {"train", held_out, *(["val"] if notes else [])}  # of an unread val the note tells
    unread = [name for name in within if name not in used]
    if unread:
        notes.append(f"of {root} train/ and {held_out}/ are read, and no others: {few(unread)}")
    _check_classes(root, classes, _walk.folders(root / held_out), held_out)
    # Folders that programs leave here (.git) may be as large as the dataset, and hold none of it.
    _walk.count_loose(root, left_out, within=False)
    train = _walk.pictures(root, "train", classes, left_out, nested=True)
    test = _walk.pictures(root, held_out, classes, left_out, nested=True)
    if not test:
        raise UnavailableError(
            f"{root / held_out}: no class has a picture. Add pictures.{_said(left_out)}"
        )
    _check_counts(root / "train", classes, _labels(train), 2, left_out=left_out)
    return _listing(root, classes, [*train, *test], np.arange(len(train)), notes, left_out)


def check_readable(listing: Listing, readable: npt.NDArray[np.bool_]) -> None:
    """Raise UnavailableError unless each class keeps what it needs; `readable` is of each file."""
    train = listing.train[readable[listing.train]]
    _check_counts(listing.root, listing.classes, listing.labels[train], 2, "readable ")
    if not readable[listing.test].any():
        raise UnavailableError(f"{listing.root}: no picture of the test split can be read.")


def _flat(root: Path, classes: list[str], left_out: LeftOut) -> Listing:
    """PATH/CLASS/*: a fixed fifth of every class becomes test, the same for every seed."""
    splits = [name for name in classes if name.lower() in (*SPLITS, "train")]
    if splits:
        raise UnavailableError(
            f"{root}: {LAYOUT}; found {few(splits)} without train. Rename or link the folders."
        )
    files = _walk.pictures(root, "", classes, left_out, nested=False)
    if len(classes) < 2 or not files:
        raise UnavailableError(
            f"{root}: {LAYOUT}, or PATH/CLASS/* with at least 2 classes; found "
            f"{len(classes)} folders ({few(classes) or 'none'}) with {len(files)} pictures "
            f"directly in them ({', '.join(SUFFIXES)}). {_likely_root(root, classes)}"
            f"{_said(left_out)}"
        )
    labels = _labels(files)
    _check_counts(root, classes, labels, 3, left_out=left_out)
    test = stratified(labels, round(TEST_SHARE * len(files)), derive("folder", "test"))
    train = others(test, len(files))
    note = f"{root} has no train/: a fixed {TEST_SHARE:.0%} of its pictures, {len(test)}, are test"
    return _listing(root, classes, files, train, [note], left_out)


def _likely_root(root: Path, within: list[str]) -> str:
    """What to write instead of a folder that holds a single class, or whole datasets."""
    below = [name for name in within if (root / name / "train").is_dir()]
    if below:
        return (
            f"It holds {few([f'{name}/train' for name in below])}: write folder:{root / below[0]}."
        )
    here = root.absolute()
    above = here.parent.parent if here.parent.name.lower() in (*SPLITS, "train") else here.parent
    if any(_left_out.is_picture(entry.name) for entry in _walk.entries(str(root))) and not within:
        return f"The pictures lie in it directly: if it is a class, write folder:{above}."
    return "Check the path."


def _said(left_out: LeftOut) -> str:
    """The note on what is left out as the end of another message."""
    note = left_out.note()
    return f" {note[0].upper()}{note[1:]}." if note else ""


def place_of(root: Path, data_dir: Path, kind: str = "") -> Path:
    """Where what is kept of a folder of pictures lies in `data_dir`: NAME-KIND-DIGEST of its path.

    Folders of one name have different digests.
    """
    digest = hashlib.sha256(os.path.realpath(root).encode(errors="surrogateescape")).hexdigest()[:8]
    parts = (root.resolve().name, *([kind] if kind else []), digest)
    return data_dir / "folders" / "-".join(parts)


def _listing(
    root: Path,
    classes: list[str],
    files: list[Picture],
    train: Labels,
    notes: list[str],
    left_out: LeftOut,
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
        notes=tuple(filter(None, (*notes, left_out.note()))),
        otherwise=_otherwise(files, left_out),
    )


def _otherwise(files: list[Picture], left_out: LeftOut) -> str:
    """What versions read otherwise that knew fewer kinds of pictures and no program's folders."""
    new = Counter(_left_out.kind(path) for path, _ in files if not path.lower().endswith(FIRST))
    kinds = [f"{kind} {count:,}" for kind, count in sorted(new.items())]
    of_programs = left_out.of(_left_out.OF_PROGRAMS)
    parts = [f"left out {counted(new.total(), 'picture')} ({few(kinds)})"] if new else []
    if of_programs:
        parts.append(f"read {counted(of_programs, 'file')} in folders that programs left")
    return " and ".join(parts)


def _test_folder(root: Path, within: list[str], classes: list[str], notes: list[str]) -> str:
    """The folder that is the test split: test/ if it has classes of train/, else val/."""
    both = [name for name in ("test", "val") if name in within]
    wanted = _walk.by_form(root / "train", classes)
    labelled = [
        name for name in both if wanted.keys() & map(_walk.composed, _walk.folders(root / name))
    ]
    if not labelled:
        splits = [name for name in within if name.lower() in SPLITS]
        raise UnavailableError(
            f"{root}: {LAYOUT}; found train/ with {few(classes) or 'no class folders'} and "
            f"{few(splits) or 'no other split'}{' without folders of these names' if both else ''}"
            f". Name the held-out pictures val/CLASS/*; or write folder:{root / 'train'}, which "
            f"takes {TEST_SHARE:.0%} of the training pictures for test."
        )
    if len(labelled) == 2:
        notes.append(
            f"{root} has val/ and test/: test/ is the test split, val/ is not used, and validation "
            "pictures are cut from train/"
        )
    return labelled[0]


def _check_classes(root: Path, classes: list[str], of_test: list[str], name: str) -> None:
    here, there = _walk.by_form(root / "train", classes), _walk.by_form(root / name, of_test)
    unknown = sorted(there[form] for form in there.keys() - here.keys())
    if unknown:
        raise UnavailableError(
            f"{root}: {name}/ has {len(unknown)} classes that train/ lacks: {few(unknown)}; train/ "
            f"has {len(classes)}: {few(classes) or 'none'}. Give both the same class folders."
        )
    if len(classes) < 2:
        raise UnavailableError(
            f"{root / 'train'}: expected at least 2 class folders; found {few(classes) or 'none'}."
        )


def _check_counts(
    where: Path,
    classes: Sequence[str],
    labels: Labels,
    least: int,
    kind: str = "",
    left_out: LeftOut | None = None,
) -> None:
    """Refuse classes with fewer than `least` pictures: one each for the splits cut from them."""
    counts = np.bincount(labels, minlength=len(classes))
    short = [f"{name} ({n})" for name, n in zip(classes, counts, strict=True) if n < least]
    if short:
        raise UnavailableError(
            f"{where}: expected at least {least} {kind}pictures of every class, to train and to "
            f"hold out; found fewer of {few(short)}. Add pictures or remove the folders. Pictures "
            f"are files named {', '.join(SUFFIXES)}.{_said(left_out) if left_out else ''}"
        )


def _labels(files: list[Picture]) -> Labels:
    return np.array([label for _, label in files], dtype=np.int64)
