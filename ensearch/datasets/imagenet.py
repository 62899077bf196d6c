"""ImageNet as it is published, and folders like it: `imagenet:PATH` or `imagenet:PATH@RESOLUTION`.

As `folder`, but with the channels' mean and deviation of ImageNet, which published networks were
trained with, with 224 pixels, and with the middle 7/8 of the shorter side: at 224 the usual resize
to 256 and crop.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ensearch.core import Schedule
from ensearch.datasets._dataset import Raw

SUMMARY = "ImageNet (ILSVRC 2012) in train/CLASS/* and val/CLASS/*, 224 x 224; not downloaded"
ARGUMENT = "PATH"
# Recipes of 90 epochs train on random resized crops of 8 % of the area and more. In short schedules
# they lost (validation accuracy in %, two seeds each, WRN-16-1), so `crop_scale` is for long ones:
#                                             none   crop   from 50 %   from 25 %   from 8 %
# 5,000 CIFAR-10 pictures, 10 epochs          65.4   64.7        60.6        57.7       53.5
# 534 photos of 10 classes at 64, 20 epochs   51.9   51.1     47.0        44.4       43.6
SCHEDULE = Schedule(epochs=10, optimizer="muon", batch_size=256, flip=True, crop=28)

# In grey levels; as in torchvision and timm.
MEAN = np.array([0.485, 0.456, 0.406]) * 255
STD = np.array([0.229, 0.224, 0.225]) * 255
CROP = 0.875


def load(argument: str, data_dir: Path) -> Raw:
    from ensearch.datasets import _pictures  # imports Pillow

    raw = _pictures.read(argument, data_dir, resolution=_pictures.USUAL, share=CROP)
    return replace(raw, mean=MEAN, std=STD)
