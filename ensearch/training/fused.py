"""Networks of one architecture as a single module that computes them side by side.

`fuse` copies a network and makes its layers m times as wide: Conv2d with m times the groups,
BatchNorm2d with m times the channels, Linear as m matrix products. Channels are ordered member by
member, so whatever lies between the layers, pointwise functions, pooling, sums, treats each member
as it would alone. Horizontally Fused Training Array (Wang et al., MLSys 2021, arXiv:2102.02344)
does the same by hand-written layers.

`torch.func.vmap` over stacked weights fuses any module without such rules, and was tried: its
steps took 1.0 to 2.4 times as long (Wide ResNets 10-0.25 to 16-2 with 2 to 8 members, float32, one
CPU thread, 9 settings), because it splits a batch norm into several passes over memory.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle

import torch
from torch import nn

# Added where a network starts with constants: scales of zero would hide what a branch does.
_NOISE = 0.1
# Share of the largest logit that outputs may differ by. Rounding makes 1e-6 of it; where members
# are mixed, outputs differ by as much as members do.
_TOLERANCE = 1e-3


class NotFusible(Exception):  # noqa: N818 - a property of a network, not an error of the program
    """Networks of this architecture cannot be computed side by side; the message says why."""


class SideBySide(nn.Module):
    """The linear layers of m members as one module: ... x (m inputs) to ... x (m outputs)."""

    def __init__(self, layer: nn.Linear, members: int) -> None:
        super().__init__()
        self.members = members
        self.weight = layer.weight
        self.bias = layer.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight.view(self.members, -1, self.weight.shape[1]).transpose(1, 2)
        rows = x.reshape(-1, self.members, weight.shape[1]).transpose(0, 1)
        y = torch.bmm(rows, weight).transpose(0, 1).flatten(1)
        y = y if self.bias is None else y + self.bias
        return y.reshape(*x.shape[:-1], y.shape[1])


def fuse(model: nn.Module, members: int) -> nn.Module:
    """A module for `members` networks like `model`: N x (m C) x R x R to N x (m classes).

    Every tensor of its state is those of the members one behind the other along the first
    dimension, with as many dimensions as alone, so that the same ones decay; a tensor without
    dimensions is shared. At first each member is a copy of `model`. Raises NotFusible, naming the
    layer, if there is one that it does not know how to widen.
    """
    for name, module in model.named_modules():
        _check(name, module)
    _check_shared(model)
    fused = copy.deepcopy(model)
    for name, module in list(fused.named_modules()):
        for tensor in (*module._parameters, *module._buffers):
            _widen(module, tensor, members)
        if isinstance(module, nn.Conv2d):
            module.in_channels *= members
            module.out_channels *= members
            module.groups *= members
        elif isinstance(module, nn.BatchNorm2d):
            module.num_features *= members
        elif isinstance(module, nn.Linear):
            if not name:
                return SideBySide(module, members)
            fused.set_submodule(name, SideBySide(module, members))
    return fused


def _check(name: str, module: nn.Module) -> None:
    """Raise NotFusible unless `fuse` knows how to widen all that the layer holds."""
    own = {*module._parameters, *module._buffers}
    what = f"{type(module).__name__} {name!r}" if name else type(module).__name__
    known = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
    if isinstance(module, nn.Conv2d | nn.BatchNorm2d) or type(module) is nn.Linear:
        if not own <= known:
            raise NotFusible(f"{what} computes its weights from others")
    elif own:
        raise NotFusible(f"{what} holds weights and is not a Conv2d, BatchNorm2d or Linear")


def _check_shared(model: nn.Module) -> None:
    """Raise NotFusible if two layers share a parameter, which would be widened twice."""
    every = model.named_parameters(remove_duplicate=False)
    single = {name for name, _ in model.named_parameters()}
    for name, _ in every:
        if name not in single:
            raise NotFusible(f"{name} is used in two places")


def _widen(module: nn.Module, name: str, members: int) -> None:
    """Replace a parameter or buffer by `members` copies of it, in the same memory format."""
    narrow = getattr(module, name)
    if narrow is None or narrow.ndim == 0:
        return
    wide = torch.cat([narrow.detach()] * members)
    if narrow.ndim == 4 and narrow.is_contiguous(memory_format=torch.channels_last):
        wide = wide.contiguous(memory_format=torch.channels_last)
    if isinstance(narrow, nn.Parameter):
        setattr(module, name, nn.Parameter(wide, requires_grad=narrow.requires_grad))
    else:
        setattr(module, name, wide)


def as_one_input(x: torch.Tensor) -> torch.Tensor:
    """Images m x N x R x R x C as a fused module reads them: N x (m C) x R x R, channels_last."""
    return x.permute(1, 2, 3, 0, 4).flatten(3).permute(0, 3, 1, 2)


def problem(model: nn.Module, channels: int, resolution: int) -> str | None:
    """Why networks like `model` must not be fused; None if they may.

    Two of them compute four images, in training and in evaluation, side by side and alone: a
    forward that mixes members or draws random numbers cannot pass, whatever its layers are.
    """
    try:
        pair = [_varied(model, seed) for seed in (0, 1)]
        wide = fuse(pair[0], 2)
        like = next(model.parameters())
        gather(wide.state_dict(), [member.state_dict() for member in pair])
        x = torch.randn(2, 4, resolution, resolution, channels, generator=_seeded(2)).to(like)
        # TensorFloat-32, which convolutions may use on a GPU, would need a wider tolerance.
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            for training in (True, False):
                _compare([member.train(training) for member in pair], wide.train(training), x)
    except NotFusible as reason:
        return str(reason)
    except Exception as error:
        # A forward that counts on its number of channels: what it raises is up to its author.
        first = (str(error) or type(error).__name__).splitlines()[0]
        return f"its forward pass does not work with the channels of two members ({first})"
    return None


def draws_random(model: nn.Module, channels: int, resolution: int) -> bool:
    """Whether the model's forward pass in training takes random numbers from torch's generator."""
    like = next(model.parameters())
    x = torch.randn(2, resolution, resolution, channels, generator=_seeded(0)).to(like)
    model, before = copy.deepcopy(model).train(), _random_state(x)
    with torch.no_grad():
        model(as_one_input(x[None]))
    return not torch.equal(_random_state(x), before)


@torch.no_grad()
def _compare(pair: list[nn.Module], wide: nn.Module, x: torch.Tensor) -> None:
    """Raise NotFusible unless `wide` computes of `x` (2 x N x R x R x C) what the two do alone."""
    alone = torch.cat([member(as_one_input(x[i : i + 1])) for i, member in enumerate(pair)], dim=1)
    together = wide(as_one_input(x))
    if together.shape != alone.shape:
        raise NotFusible(f"two members gave outputs of shape {tuple(together.shape)}")
    if not (together - alone).abs().max() <= _TOLERANCE * alone.abs().max():
        raise NotFusible("its forward pass mixes channels of different members")


@torch.no_grad()
def _varied(model: nn.Module, seed: int) -> nn.Module:
    """A copy of the model with noise on every tensor that is constant."""
    varied = copy.deepcopy(model)
    generator = _seeded(seed)
    for tensor in varied.state_dict().values():
        if tensor.is_floating_point() and tensor.min() == tensor.max():
            tensor += _NOISE * torch.rand(tensor.shape, generator=generator).to(tensor)
    return varied


def _random_state(x: torch.Tensor) -> torch.Tensor:
    return torch.cuda.get_rng_state() if x.is_cuda else torch.random.get_rng_state()


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def gather(wide: Mapping[str, torch.Tensor], members: Sequence[Mapping[str, torch.Tensor]]) -> None:
    """Fill the tensors of a fused module with those of its members."""
    _copy(
        (piece, member[name])
        for name, target in wide.items()
        for piece, member in zip(_pieces(target, len(members)), members, strict=bool(target.ndim))
    )


@torch.no_grad()
def scatter(
    wide: Mapping[str, torch.Tensor], members: Sequence[Mapping[str, torch.Tensor]]
) -> None:
    """Fill the tensors of the members with their parts of a fused module's tensors."""
    _copy(
        (member[name], piece)
        for name, source in wide.items()
        for member, piece in zip(members, cycle(_pieces(source, len(members))), strict=False)
    )


def _pieces(whole: torch.Tensor, members: int) -> tuple[torch.Tensor, ...]:
    """The members' parts of a tensor; the tensor itself where all of them share it."""
    return whole.chunk(members) if whole.ndim else (whole,)


def _copy(pairs: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Copy the second tensor of each pair into the first, all of a type in one go.

    A network has 125 tensors, and on a GPU each copy by itself is a kernel for a few bytes.
    """
    of_type: dict[torch.dtype, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}
    for target, source in pairs:
        targets, sources = of_type.setdefault(target.dtype, ([], []))
        targets.append(target)
        sources.append(source)
    for targets, sources in of_type.values():
        torch._foreach_copy_(targets, sources)
