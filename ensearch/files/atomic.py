"""Files that are whole or absent under their own name, whenever a process is killed."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write(path: Path, content: bytes, *, sync: bool = True, parents: bool = True) -> None:
    """Put `content` at `path` in one step, creating the folder, and with `parents` those above it.

    With `sync` the content is on disk before the file has its name: without it a power cut may
    leave the name on an empty file. Raises OSError.
    """
    path.parent.mkdir(parents=parents, exist_ok=True)
    with replacing(path) as temporary, temporary.open("xb") as file:
        file.write(content)
        if sync:
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new name beside `path`, renamed to `path` at the end of the block, removed on an error.

    Two processes that write the same file have a temporary file each; what a killed one leaves is
    never read, and `leftovers` names it. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # of what is written and synced the system does not say it
        raise


def leftovers(path: Path) -> list[Path]:
    """Temporary files of `path` that killed processes left behind."""
    return sorted(path.parent.glob(f".{_escaped(path.name)}.*.tmp"))


def _escaped(name: str) -> str:
    """The name as a pattern that matches itself only."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
