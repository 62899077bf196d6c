"""Files that somebody names: a pipe that nobody writes to, and some devices, never end."""

import errno
import stat
from pathlib import Path


def check(path: Path) -> None:
    """Raise OSError for a pipe or a device. Of a folder or a file that is gone, others tell."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
