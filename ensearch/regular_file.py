"""Files that somebody names: a pipe that nobody writes to, and some devices, never end."""

import errno
import stat
from pathlib import Path


def check(path: Path) -> None:
    """Raise OSError unless it is a regular file, a folder or nothing, which other errors tell of."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
