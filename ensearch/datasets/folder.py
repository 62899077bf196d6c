"""Your own pictures in folders: `folder:PATH` or `folder:PATH@RESOLUTION`.

    PATH/train/CLASS/*   training pictures, also in folders within; val is cut from them
    PATH/val/CLASS/*     the held-out pictures: the test split, which only a confirmation uses
    PATH/test/CLASS/*    instead of val/, and preferred to it if both are there

or PATH/CLASS/* alone, of which a fixed fifth becomes test. Classes are numbered in the order of
their sorted names. Of each picture the largest square in the middle is scaled to RESOLUTION pixels
a side; without it to the size of the pictures, but at most 224. Grey, palette, CMYK and 16-bit
pictures become RGB, transparent ones lie on white, EXIF rotation is applied. Where 16-bit pictures
use a quarter of their range or less, what the training pictures use is spread over all grey levels.

Files whose suffix is not that of a picture which Pillow reads, hidden ones, and those in folders
that file servers and archivers leave (@eaDir, __MACOSX) are left out; a note says how many and
where. At most 1 % of the pictures may be unreadable; they are left out and named. Other notes name
validation and test pictures that are copies of training ones, and pictures of one colour. The
images are kept in the data folder, and made again when a picture changes.
"""

from pathlib import Path

from ensearch.core import Schedule
from ensearch.datasets._dataset import Raw

SUMMARY = "your own pictures: train/CLASS/* and val/CLASS/*; PATH@64 for 64 x 64 pixels"
ARGUMENT = "PATH"
SCHEDULE = Schedule(epochs=10, optimizer="muon", batch_size=128, flip=True, crop=8)


def load(argument: str, data_dir: Path) -> Raw:
    from ensearch.datasets import _pictures  # imports Pillow

    return _pictures.read(argument, data_dir)
