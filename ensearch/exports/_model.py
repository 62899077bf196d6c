"""The part of an exported model.py that all of them share; `source` copies it.

What is written here works without this package, and needs PyTorch alone.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn

from ensearch.core import Architecture

# From an architecture, a number of channels and one of classes to a network with fresh weights.
Builder = Callable[[Architecture, int, int], nn.Module]

# What safetensors calls a type -> PyTorch's.
TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class Model(nn.Module):
    """One or more networks whose probabilities are averaged."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, config: Mapping[str, Any], builders: Mapping[str, Builder]) -> None:
        """Build the networks of a config.json with fresh weights; `builders` are by family."""
        super().__init__()
        inputs, shapes = config["input"], config["members"]
        self.classes: list[str] = config["classes"]
        self.rule: str = config["rule"]
        self.sides: list[int] = [shape["resolution"] for shape in shapes]
        # Of a cascade: the confidence with which an image leaves after each network but the last.
        cascade = config.get("cascade") or {"thresholds": [], "measure": "max"}
        self.thresholds: list[float] = cascade["thresholds"]
        self.measure: str = cascade["measure"]
        self.networks = nn.ModuleList(
            builders[shape["family"].partition(":")[0]](
                Architecture(
                    family=shape["family"],
                    width=shape["width"],
                    depth=shape["depth"],
                    resolution=shape["resolution"],
                ),
                inputs["channels"],
                len(self.classes),
            )
            for shape in shapes
        )
        # Of a GPU, on which members run in turn, side by side; none: one after another.
        self.streams: list[torch.cuda.Stream] = []
        self.register_buffer("mean", torch.tensor(inputs["mean"]), persistent=False)
        self.register_buffer("std", torch.tensor(inputs["std"]), persistent=False)

    def forward(self, images: torch.Tensor, members: int | None = None) -> torch.Tensor:
        """Return N x classes probabilities of images N x H x W x channels with values 0..255.

        Images of another size than a network reads are resized: square ones keep their shape.
        `members` averages the first so many networks only, which is faster and less accurate. In a
        cascade it makes all images pass so many.
        """
        if self.thresholds and members is None:
            return self.staged(images)[0]
        count = len(self.networks) if members is None else members
        if not 1 <= count <= len(self.networks):
            raise ValueError(f"there are {len(self.networks)} members; got members={members}.")
        mean = self.parts(images, range(count)).mean(dim=0)
        return mean.softmax(dim=1) if self.rule == "geometric" else mean

    def parts(self, images: torch.Tensor, which: Sequence[int]) -> torch.Tensor:
        """Return what some members have to average: members x N x classes probabilities, or logs.

        Members that run in several places are averaged once all parts are there.
        """
        x = self.normalised(images)
        sized = {side: resized(x, side) for side in sorted({self.sides[k] for k in which})}
        logits = [
            self.on_stream(place, self.networks[k], sized[self.sides[k]])
            for place, k in enumerate(which)
        ]
        for stream in self.streams:  # what follows reads what they compute
            torch.cuda.current_stream().wait_stream(stream)
        if self.rule == "geometric":
            return torch.stack([row.log_softmax(dim=1) for row in logits])
        return torch.stack([row.softmax(dim=1) for row in logits])

    def on_stream(self, place: int, network: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """Return what a network says of images, computed on a stream if there are any."""
        if not self.streams:
            return cast(torch.Tensor, network(x))
        here, stream = torch.cuda.current_stream(), self.streams[place % len(self.streams)]
        stream.wait_stream(here)
        with torch.cuda.stream(stream):
            logits: torch.Tensor = network(x)
        # Its memory belongs to the stream, which must not fill it again while it is read here.
        logits.record_stream(here)
        return logits

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """Return N x channels x H x W of mean 0 and deviation 1 in the training images."""
        return images.to(torch.float32).sub(self.mean).div(self.std).permute(0, 3, 1, 2)

    def staged(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return probabilities of a cascade, and after how many networks each image left.

        A network runs on the images that those before it were not sure of.
        """
        x = self.normalised(images)
        rows = torch.arange(len(x), device=x.device)
        probabilities = x.new_zeros(len(x), len(self.classes))
        stages = torch.full_like(rows, len(self.networks))
        sums = probabilities
        for stage, (network, side) in enumerate(zip(self.networks, self.sides, strict=True), 1):
            sums = sums + network(resized(x, side)).softmax(dim=1)
            if stage == len(self.networks):
                probabilities[rows] = sums / stage
                break
            leaves = confidence(sums / stage, self.measure) >= self.thresholds[stage - 1]
            probabilities[rows[leaves]] = sums[leaves] / stage
            stages[rows[leaves]] = stage
            rows, x, sums = rows[~leaves], x[~leaves], sums[~leaves]
            if not len(rows):
                break
        return probabilities, stages


def confidence(probabilities: torch.Tensor, measure: str) -> torch.Tensor:
    """Return how sure N x classes probabilities are, N in [0, 1].

    `max` is the largest one, `margin` its distance to the second, `entropy` 1 less the entropy over
    its maximum.
    """
    if measure == "max":
        return probabilities.amax(dim=1)
    if measure == "margin":
        two = probabilities.topk(2, dim=1).values
        return two[:, 0] - two[:, 1]
    logs = probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()
    return 1 + (probabilities * logs).sum(dim=1) / math.log(probabilities.shape[1])


def resized(x: torch.Tensor, side: int) -> torch.Tensor:
    """Return N x channels x H x W images at `side` pixels a side, as they were in training."""
    # A graph that is exported takes images of any size.
    if not torch.compiler.is_exporting() and x.shape[-2:] == (side, side):
        return x
    return F.interpolate(
        x.contiguous(), (side, side), mode="bilinear", align_corners=False, antialias=True
    )


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file: the length of a table, the table, the numbers."""
    content = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    table = json.loads(content[8:start])
    tensors = {}
    for name, entry in table.items():
        if name == "__metadata__":
            continue
        first, beyond = entry["data_offsets"]
        numbers = bytearray(content[start + first : start + beyond])
        tensor = torch.frombuffer(numbers, dtype=TYPES[entry["dtype"]])
        tensors[name] = tensor.reshape(entry["shape"])
    return tensors


def load_from(folder: Path, builders: Mapping[str, Builder]) -> Model:
    """Return the model of a folder with its weights, ready to predict."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model = Model(config, builders)
    model.load_state_dict(read_weights(folder / "weights.safetensors"))
    return model.eval().requires_grad_(requires_grad=False)
