"""Published short recipes for CIFAR-10, for any network: a plain loop, apart from ensearch's own.

airbench   Keller Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (arXiv:2404.00498),
           9.9 epochs: triangular rate, Nesterov momentum, label smoothing, decoupled weight decay,
           64 times faster biases of norms and frozen scales, Lookahead, alternating flip,
           translation by 2 pixels, batches of 1024. Left away is what belongs to its network:
           whitening and Dirac initialisation, scaled outputs, norms of other momentum, and
           averaging over shifted test images.
dawnbench  David Page 2018, "How to Train Your ResNet" (dawn.py in davidcpage/cifar10-fast), 24
           epochs: triangular rate with its peak after 5 / 24 of the time, Nesterov momentum, weight
           decay of everything, crop from 4 pixels of padding, flip, cutout of 8, batches of 512.

The figures are those of their code, rates in airbench's terms: per 1024 examples and with the
factor 1 + 1 / (1 - momentum) taken out, so that batch size and momentum may be changed alone.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ensearch.training.data import Images
from ensearch.training.device import mixed_precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """airbench's figures by default."""

    batch_size: int = 1024
    lr: float = 11.5
    momentum: float = 0.85
    weight_decay: float = 0.0153  # decoupled from lr
    bias_scaler: float = 64.0  # of the learning rate of norms' biases
    train_scales: bool = False  # of norms
    label_smoothing: float = 0.2
    translate: int = 2
    cutout: int = 0  # side of a square set to the mean
    alternate: bool = True  # mirror in every other epoch, else at random
    start: float = 0.2  # of the peak rate
    peak: float = 0.23  # of the steps
    end: float = 0.07  # of the peak rate
    lookahead_epochs: int = 3  # epochs before Lookahead begins
    lookahead_decay: float = 0.95
    lookahead_steps: int = 5

    def train(self, model: nn.Module, images: Images, epochs: int, seed: int, device: str) -> float:
        """Train in place on the images, channels_last; return the mean loss of the last epoch."""
        size = min(self.batch_size, len(images.x_train))
        per_epoch = len(images.x_train) // size
        steps = per_epoch * epochs
        optimizer, rates = self._optimizer(model, size)
        slow: dict[str, torch.Tensor] = {}  # empty until Lookahead begins
        loader = _Loader(images, self, seed)
        model.train()
        total = torch.zeros((), device=device)
        for step in range(steps):
            if step % per_epoch == 0:
                x, y = loader.epoch()
                total = torch.zeros((), device=device)
            part = slice(step % per_epoch * size, (step % per_epoch + 1) * size)
            scale = np.interp(step, [0, int(self.peak * steps), steps], [self.start, 1.0, self.end])
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale
            with mixed_precision(device):
                loss = F.cross_entropy(
                    model(x[part]), y[part], label_smoothing=self.label_smoothing, reduction="sum"
                )
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            total += loss.detach() / size
            self._look_ahead(model, slow, step + 1, steps, per_epoch)
        return total.item() / per_epoch

    def _optimizer(self, model: nn.Module, batch: int) -> tuple[torch.optim.SGD, list[float]]:
        """Return the optimizer and its groups' peak rates for a loss summed over the batch."""
        biases: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for module in model.modules():
            norm = isinstance(module, nn.BatchNorm2d)
            if norm and not self.train_scales:
                module.weight.requires_grad_(False)
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.requires_grad:
                    (biases if norm and name == "bias" else others).append(parameter)
        scale = 1024 * (1 + 1 / (1 - self.momentum))
        rate, decay = self.lr / scale, self.weight_decay * batch / scale
        rates = [rate * self.bias_scaler, rate]
        groups = [
            {"params": parameters, "lr": peak, "weight_decay": decay / peak}
            for parameters, peak in zip((biases, others), rates, strict=True)
        ]
        return torch.optim.SGD(groups, lr=rate, momentum=self.momentum, nesterov=True), rates

    def _look_ahead(
        self, model: nn.Module, slow: dict[str, torch.Tensor], step: int, steps: int, per_epoch: int
    ) -> None:
        """Every few steps average into the slow weights and go on from them (arXiv:1907.08610).

        Every epoch ends at the slow weights.
        """
        if step > self.lookahead_epochs * per_epoch and step % self.lookahead_steps == 0:
            decay = self.lookahead_decay**self.lookahead_steps * (step / steps) ** 3
            if not slow:
                slow.update((key, value.clone()) for key, value in model.state_dict().items())
            _average(model, slow, decay)
        if step % per_epoch == 0 and slow:
            _average(model, slow, 1.0)


@torch.no_grad()
def _average(model: nn.Module, slow: dict[str, torch.Tensor], decay: float) -> None:
    """slow = decay x slow + (1 - decay) x weights, and the weights the same."""
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            slow[key].lerp_(value, 1 - decay)
            value.copy_(slow[key])


class _Loader:
    """Shuffled and augmented images of every epoch."""

    def __init__(self, images: Images, recipe: Recipe, seed: int) -> None:
        x = ((images.x_train.float() - images.mean) / images.std).permute(0, 3, 1, 2)
        self.generator = torch.Generator().manual_seed(seed)
        self.mirrored = self._half(x)
        self.padded = F.pad(x, (recipe.translate,) * 4, "reflect")
        self.side, self.labels, self.recipe, self.epochs = x.shape[-1], images.y_train, recipe, 0

    def epoch(self) -> tuple[torch.Tensor, torch.Tensor]:
        x = self._crop()
        turn = self.mirrored ^ bool(self.epochs % 2)
        mirrored = turn if self.recipe.alternate else self._half(x)
        x = torch.where(mirrored[:, None, None, None], x.flip(-1), x)
        if self.recipe.cutout:
            x = self._cut(x)
        self.epochs += 1
        order = torch.randperm(len(x), generator=self.generator).to(x.device)
        return x[order].contiguous(memory_format=torch.channels_last), self.labels[order]

    def _half(self, x: torch.Tensor) -> torch.Tensor:
        return (torch.rand(len(x), generator=self.generator) < 0.5).to(x.device)

    def _corners(self, x: torch.Tensor, reach: int) -> torch.Tensor:
        return torch.randint(reach, (len(x), 2), generator=self.generator).to(x.device)

    def _crop(self) -> torch.Tensor:
        x = self.padded
        corner = self._corners(x, 2 * self.recipe.translate + 1)
        span = torch.arange(self.side, device=x.device)
        rows, columns = corner[:, :1] + span, corner[:, 1:] + span
        each = torch.arange(len(x), device=x.device)[:, None, None]
        cropped = x.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]]
        return cropped.permute(0, 3, 1, 2)

    def _cut(self, x: torch.Tensor) -> torch.Tensor:
        """The square lies within the picture, as in Page's code."""
        cut = self.recipe.cutout
        corner = self._corners(x, self.side + 1 - cut)
        span = torch.arange(self.side, device=x.device)
        inside = (span >= corner[..., None]) & (span < corner[..., None] + cut)
        return x.masked_fill((inside[:, 0, :, None] & inside[:, 1, None, :])[:, None], 0.0)


# 0.4 at batches of 512 and a decay of 5e-4 are 8.8 and 0.0044 in airbench's terms.
RECIPES = {
    "airbench": Recipe(),
    "dawnbench": Recipe(
        batch_size=512,
        lr=0.4 / 512 * 1024 * 11,
        momentum=0.9,
        weight_decay=5e-4 * 0.4 / 512 * 1024 * 11,
        bias_scaler=1.0,
        train_scales=True,
        label_smoothing=0.0,
        translate=4,
        cutout=8,
        alternate=False,
        start=0.0,
        peak=5 / 24,
        end=0.0,
        lookahead_epochs=10**6,  # never
    ),
}
