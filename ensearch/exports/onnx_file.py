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

from ensearch.exports._model import Model, confidence, resized
from ensearch.store.samples import ImageSample

EXTRA = ("onnx", "onnxruntime", "onnxscript")


def missing() -> list[str]:
    """Return the packages that an ONNX file needs and that are not installed."""
    return [name for name in EXTRA if importlib.util.find_spec(name) is None]


def write_onnx(model: Model, sample: ImageSample, path: Path, facts: Mapping[str, Any]) -> None:
    """Write the model with its weights in one file; `facts` become its metadata.

    Its input `images` is uint8 N x H x W x channels, its output `probabilities` N x classes; N is 1
    of a cascade. Raises whatever PyTorch cannot express.
    """
    example, free = _example(sample), {0: "batch", 1: "height", 2: "width"}
    module: nn.Module = model
    if model.thresholds:
        example, module = example[:1], OneImage(model).eval()
        del free[0]
    with _quiet():
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            input_names=["images"],
            output_names=["probabilities"],
            dynamic_shapes={"images": free},
            external_data=False,
            verbose=False,
        )
    assert program is not None
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in facts.items()}
    program.model.metadata_props.update(texts)
    program.save(path)


def write_pt2(model: Model, sample: ImageSample, path: Path) -> None:
    """Write the model as a program that `torch.export.load` reads without model.py."""
    free = torch.export.Dim.DYNAMIC
    with _quiet():
        program = torch.export.export(
            model, (_example(sample),), dynamic_shapes={"images": {0: free, 1: free, 2: free}}
        )
        torch.export.save(program, path)


class OneImage(nn.Module):
    """A cascade for one image: a network runs if those before it were not sure.

    An ONNX graph has no batches that shrink, but it can leave a network out.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.model.normalised(images)
        return self._after(1, self._probs(0, x), x)

    def _probs(self, place: int, x: torch.Tensor) -> torch.Tensor:
        side = self.model.sides[place]
        probs: torch.Tensor = self.model.networks[place](resized(x, side)).softmax(dim=1)
        return probs

    def _after(self, stage: int, sums: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """The mean of `stage` networks whose probabilities are summed up, or of more."""
        mean = sums / stage
        if stage == len(self.model.networks):
            return mean
        sure = confidence(mean, self.model.measure) >= self.model.thresholds[stage - 1]
        chosen: torch.Tensor = torch.cond(
            sure[0],
            lambda sums, x: sums / stage,
            lambda sums, x: self._after(stage + 1, sums + self._probs(stage, x), x),
            (sums, x),
        )
        return chosen


def _example(sample: ImageSample) -> torch.Tensor:
    """Two images: with one, or with sides that are equal, the graph would be made for those."""
    images = sample.images[np.arange(2) % len(sample.images)]
    side = sample.resolution
    wider = np.concatenate([images, images[:, :, : side // 2]], axis=2)
    return torch.from_numpy(np.ascontiguousarray(wider))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of the exporter, which are for those who develop it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
