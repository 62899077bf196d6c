"""Datasets that torchvision downloads and checks by their md5."""

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ensearch.datasets._dataset import Raw
from ensearch.datasets._stored import Images
from ensearch.errors import UnavailableError

# Seconds without a byte after which a download is given up; torchvision itself waits for ever.
SILENCE = 20


class Archive(NamedTuple):
    """A file that torchvision downloads; `path` is relative to the data folder."""

    path: str
    md5: str
    url: str


def load(dataset: Any, archives: Sequence[Archive], data_dir: Path) -> Raw:
    """Both splits of a torchvision dataset class, downloaded into `data_dir` if not there.

    Raises UnavailableError that says which of the `archives` to put where.
    """
    try:
        # Results go to stdout: what torchvision prints must not get between them.
        with redirect_stdout(sys.stderr), _socket_timeout(SILENCE):
            train, test = (dataset(data_dir, train=part, download=True) for part in (True, False))
    # Anything from URLError to AssertionError comes out of torchvision; all mean the same here.
    except Exception as error:
        raise _unavailable(dataset.__name__, archives, data_dir, error) from error
    return Raw(
        x_train=_images(train.data),
        y_train=np.asarray(train.targets, dtype=np.int64),
        x_test=_images(test.data),
        y_test=np.asarray(test.targets, dtype=np.int64),
        classes=tuple(train.classes),
    )


def _images(data: Any) -> Images:
    """N x H x W x C from an array or tensor that may lack the channel."""
    images: Images = np.asarray(data, dtype=np.uint8)
    return images[..., np.newaxis] if images.ndim == 3 else images


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _unavailable(
    name: str, archives: Sequence[Archive], data_dir: Path, error: Exception
) -> UnavailableError:
    """The error that says which archives are missing or broken, and where to get them."""
    from torchvision.datasets.utils import check_integrity

    reason = " ".join(str(error).split()) or type(error).__name__
    wrong = [a for a in archives if not check_integrity(data_dir / a.path, a.md5)]
    if not wrong:
        return UnavailableError(
            f"{name} in {data_dir} cannot be read ({reason}), though what was downloaded is whole. "
            f"Remove what was unpacked from {archives[0].path} and try again."
        )
    lines = [f"{name} is neither in {data_dir} nor could it be downloaded ({reason})."]
    for archive in wrong:
        path = data_dir / archive.path
        what = "another md5: broken or incomplete" if path.exists() else "no such file"
        lines.append(f"  expected {path} (md5 {archive.md5}); found {what}; get {archive.url}")
    lines.append("Put what is missing there, without unpacked leftovers beside it.")
    return UnavailableError("\n".join(lines), problem="not_downloaded")
