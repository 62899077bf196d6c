"""Files of a folder that are not read as pictures: counted by why, kind and place, and said."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ensearch.units import counted, few

# Earlier versions read no others: see `Listing.otherwise`.
FIRST = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff")
# What Pillow reads by itself and what is a picture wherever it is found. Not those that other
# programs must draw (.eps, .wmf), that hold icons, films or tables (.ico, .fli, .fits, .h5), or
# that are often something else (.pcd of point clouds, .rgb of bare numbers): they are counted.
SUFFIXES = (
    *FIRST,
    *(".jpe", ".jfif", ".mpo", ".apng", ".avif", ".dib", ".pbm", ".pnm", ".tga", ".pcx", ".sgi"),
    *(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".qoi", ".ras", ".xbm", ".xpm"),
)
# Folders that file servers, file managers and archivers leave beside pictures, in lower case: they
# hold thumbnails, deleted files and remarks. Hidden ones (.thumbnails, .picasaoriginals) too.
_OF_PROGRAMS = {
    *("@eadir", "@__thumb", "@recycle", "@tmp", "#recycle", "#snapshot", "__macosx", "__pycache__"),
    *("$recycle.bin", "recycler", "system volume information", "lost+found", "_vti_cnf"),
    *("network trash folder", "temporary items", "_gsdata_"),
}
OTHER_KIND, OF_PROGRAMS, HIDDEN, LOOSE, DEEPER = range(5)
_WHY = {  # for one file, and for several
    OTHER_KIND: ("is of a kind that is not read", "are of kinds that are not read"),
    OF_PROGRAMS: ("lies in a folder that a program left", "lie in folders that programs left"),
    HIDDEN: ("is hidden", "are hidden"),
    LOOSE: ("lies in no class folder", "lie in no class folder"),
    DEEPER: ("lies in a folder within a class", "lie in folders within classes"),
}
_SHOWN = 5  # kinds of files, in a note


def is_of_program(name: str) -> bool:
    """Whether a folder of that name is no class of anybody."""
    return name.startswith(".") or name.lower() in _OF_PROGRAMS


def is_picture(name: str) -> bool:
    """Whether a file of that name is read."""
    return name.lower().endswith(SUFFIXES)


def kind(name: str) -> str:
    """The suffix in lower case, as messages show it."""
    return os.path.splitext(name)[1].lower() or "no suffix"


class LeftOut:
    """The files below a folder that are not read."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._counts: Counter[tuple[int, str, str]] = Counter()  # by why, kind and folder

    def kept(self, entries: Iterable[os.DirEntry[str]], folder: str) -> list[os.DirEntry[str]]:
        """What is neither hidden nor of a program; the rest is counted."""
        kept = []
        for entry in entries:
            why = HIDDEN if entry.name.startswith(".") else OF_PROGRAMS
            if entry.is_dir():
                if not is_of_program(entry.name):
                    kept.append(entry)
                else:
                    self.add_folder(why, entry, folder)
            elif why == HIDDEN:
                # Macs leave one beside every file: ._0.jpg
                self.add(why, "._*" if entry.name.startswith("._") else entry.name, folder)
            else:
                kept.append(entry)
        return kept

    def add(self, why: int, kind: str, folder: str, count: int = 1) -> None:
        """Count files of a kind that lie in the folder."""
        place = os.path.relpath(folder, self._root)
        self._counts[why, kind, "the folder itself" if place == "." else place] += count

    def add_folder(self, why: int, entry: os.DirEntry[str], folder: str) -> None:
        """Count all files of a folder that lies in `folder`, hidden ones too."""
        count = sum(len(files) for _, _, files in os.walk(entry.path))
        if count:
            self.add(why, f"{entry.name}{os.sep}", folder, count)

    def of(self, why: int) -> int:
        """How many files are left out for that reason."""
        return sum(count for (reason, _, _), count in self._counts.items() if reason == why)

    def note(self) -> str:
        """A sentence on how many are left out, why and where; "" if none is."""
        total = self._counts.total()
        if not total:
            return ""
        reasons = [
            f"{self.of(why):,} {_WHY[why][self.of(why) != 1]} ({self._kinds(why)})"
            for why in _WHY
            if self.of(why)
        ]
        verb = "is" if total == 1 else "are"
        files = counted(total, "file")
        return f"{files} of {self._root} {verb} left out: {', '.join(reasons)}"

    def _kinds(self, why: int) -> str:
        """.heic 90: 60 in train/cat, 30 in train/dog; .txt 1 in train."""
        places: dict[str, Counter[str]] = {}
        for (reason, what, folder), count in self._counts.items():
            if reason == why:
                places.setdefault(what, Counter())[folder] += count
        totals = sorted(((what, of.total()) for what, of in places.items()), key=_most)
        shown = []
        for what, total in totals[:_SHOWN]:
            where = [f"{n:,} in {folder}" for folder, n in sorted(places[what].items(), key=_most)]
            shown.append(
                f"{what} {where[0]}" if len(where) == 1 else f"{what} {total:,}: {few(where)}"
            )
        more = len(totals) - len(shown)
        return "; ".join(shown) + (f"; and {more} more kinds" if more else "")


def _most(of: tuple[str, int]) -> tuple[int, str]:
    return -of[1], of[0]
