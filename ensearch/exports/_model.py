"""The part of an exported model.py that all of them share; `source` copies it.

What is written here works without this package, and needs PyTorch alone.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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
        self.register_buffer("mean", torch.tensor(inputs["mean"]), persistent=False)
        self.register_buffer("std", torch.tensor(inputs["std"]), persistent=False)

    def forward(self, images: torch.Tensor, members: int | None = None) -> torch.Tensor:
        """Return N x classes probabilities of images N x H x W x channels with values 0..255.

        Images of another size than a network reads are resized: square ones keep their shape.
        `members` averages the first so many networks only, which is faster and less accurate.
        """
        count = len(self.networks) if members is None else members
        if not 1 <= count <= len(self.networks):
            raise ValueError(f"there are {len(self.networks)} members; got members={members}.")
        x = images.to(torch.float32).sub(self.mean).div(self.std).permute(0, 3, 1, 2)
        sized = {side: resized(x, side) for side in self.sides[:count]}
        logits = [
            network(sized[side])
            for network, side in zip(self.networks[:count], self.sides[:count], strict=True)
        ]
        if self.rule == "geometric":
            logs = torch.stack([row.log_softmax(dim=1) for row in logits])
            return logs.mean(dim=0).softmax(dim=1)
        return torch.stack([row.softmax(dim=1) for row in logits]).mean(dim=0)


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
