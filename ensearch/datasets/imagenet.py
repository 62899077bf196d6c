"""ImageNet as it is published, and folders like it: `imagenet:PATH` or `imagenet:PATH@RESOLUTION`.

As `folder`, but with the channels' mean and deviation of ImageNet, which published networks were
trained with, with 224 pixels, and with the middle 7/8 of the shorter side: at 224 the usual resize
to 256 and crop.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ensearch.core import Schedule
from ensearch.datasets import Raw

SUMMARY = "ImageNet (ILSVRC 2012) in train/CLASS/* and val/CLASS/*, 224 x 224; not downloaded"
ARGUMENT = "PATH"
# Published recipes of 90 epochs crop from 8 % of the area on; a short one has less use for hard
# pictures, and here the crop is of the middle square at the stored size. Not tuned on ImageNet.
SCHEDULE = Schedule(epochs=10, batch_size=256, flip=True, crop_scale=0.25)

# In grey levels; as in torchvision and timm.
MEAN = np.array([0.485, 0.456, 0.406]) * 255
STD = np.array([0.229, 0.224, 0.225]) * 255
CROP = 0.875


def load(argument: str, data_dir: Path) -> Raw:
    from ensearch.datasets import _pictures  # imports Pillow

    raw = _pictures.read(argument, data_dir, resolution=_pictures.USUAL, share=CROP)
    return replace(raw, mean=MEAN, std=STD)
