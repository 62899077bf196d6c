"""Notes: sentences on what a user of the pool may not expect, heard at once and kept."""

from collections.abc import Callable, Iterable

OnNote = Callable[[str], None]


def unheard(note: str) -> None:
    """Do nothing with a note."""


class Notes:
    """A listener that keeps every note and passes it on to another one."""

    def __init__(self, on_note: OnNote | None = None, kept: Iterable[str] = ()) -> None:
        """`kept` are notes that were passed on already."""
        self._on_note = on_note or unheard
        self._kept = list(kept)

    def __call__(self, note: str) -> None:
        self._kept.append(note)
        self._on_note(note)

    @property
    def kept(self) -> tuple[str, ...]:
        """All notes so far, oldest first."""
        return tuple(self._kept)
