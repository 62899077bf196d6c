"""A model as one ONNX file, and as a program of torch.export: both take any number of images."""

import importlib.util
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ensearch.store.samples import ImageSample

EXTRA = ("onnx", "onnxruntime", "onnxscript")


def missing() -> list[str]:
    """Return the packages that an ONNX file needs and that are not installed."""
    return [name for name in EXTRA if importlib.util.find_spec(name) is None]


def write_onnx(model: nn.Module, sample: ImageSample, path: Path, facts: Mapping[str, Any]) -> None:
    """Write the model with its weights in one file; `facts` become its metadata.

    Its input `images` is uint8 N x H x W x channels, its output `probabilities` N x classes. Raises
    whatever PyTorch cannot express.
    """
    with _quiet():
        program = torch.onnx.export(
            model,
            (_example(sample),),
            dynamo=True,
            input_names=["images"],
            output_names=["probabilities"],
            dynamic_shapes={"images": {0: "batch", 1: "height", 2: "width"}},
            external_data=False,
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props.update({k: _text(value) for k, value in facts.items()})
    program.save(path)


def write_pt2(model: nn.Module, sample: ImageSample, path: Path) -> None:
    """Write the model as a program that `torch.export.load` reads without model.py."""
    free = torch.export.Dim.DYNAMIC
    with _quiet():
        program = torch.export.export(
            model, (_example(sample),), dynamic_shapes={"images": {0: free, 1: free, 2: free}}
        )
        torch.export.save(program, path)


def _example(sample: ImageSample) -> torch.Tensor:
    """Two images: with one, or with sides that are equal, the graph would be made for those."""
    images = sample.images[np.arange(2) % len(sample.images)]
    side = sample.resolution
    wider = np.concatenate([images, images[:, :, : side // 2]], axis=2)
    return torch.from_numpy(np.ascontiguousarray(wider))


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of the exporter, which are for those who develop it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
