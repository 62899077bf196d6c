"""Fused convolutions of few channels as dense ones, members on the diagonal.

Libraries may compute a convolution in groups many times more slowly than a dense one of as many
channels. A pack of members is one dense convolution whose weight is zero between them: its products
with zeros cost as many times more arithmetic as it has members, which GPUs have to spare where a
member has 16 channels.
"""

import torch
import torch.nn.functional as F
from torch import nn

# Channels of a pack at most: beyond, products with zeros cost more than dense kernels gain.
_CHANNELS = 128


class Packed(nn.Conv2d):
    """A convolution in groups that computes `pack` of them as one; weights as in `nn.Conv2d`."""

    pack: int
    diagonal: torch.Tensor  # pack x pack booleans

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        packs, outputs = self.groups // self.pack, len(self.weight) // self.groups
        inputs, *window = self.weight.shape[1:]
        # Pack, member, output, member, input, window: what is off the diagonal is zero.
        own = self.weight.view(packs, self.pack, outputs, 1, inputs, *window)
        dense = own * self.diagonal.view(1, self.pack, 1, self.pack, 1, 1, 1)
        weight = dense.reshape(len(self.weight), self.pack * inputs, *window)
        return F.conv2d(
            input,
            weight.contiguous(memory_format=torch.channels_last),
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            groups=packs,
        )


def pack(model: nn.Module, members: int) -> nn.Module:
    """The fused module, with those of its convolutions in packs that gain dense kernels by it."""
    for module in model.modules():
        if type(module) is not nn.Conv2d or module.groups != members:
            continue  # depthwise, or of another kind
        wide = max(module.in_channels, module.out_channels) // members
        sizes = [n for n in range(2, members + 1) if members % n == 0 and n * wide <= _CHANNELS]
        if sizes and module.padding_mode == "zeros":
            module.__class__ = Packed  # all else of it stays: weights, names, copies
            diagonal = torch.eye(sizes[-1], dtype=torch.bool, device=module.weight.device)
            module.pack = sizes[-1]  # type: ignore[assignment]
            module.register_buffer("diagonal", diagonal, persistent=False)
    return model
