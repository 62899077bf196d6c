"""The training recipe of airbench94 for any network: a plain loop, apart from ensearch's own.

Keller Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (arXiv:2404.00498), with the
figures of its published code: triangular learning rate, Nesterov momentum, label smoothing,
decoupled weight decay, faster biases of norms and frozen scales, Lookahead, alternating flip,
translation by 2 pixels, batches of 1024, 9.9 epochs. It descends from Page's DAWNBench entries.

What belongs to its network is left away: whitening and Dirac initialisation, scaled outputs, norms
of other momentum, and averaging over shifted test images.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ensearch.training.data import Images
from ensearch.training.device import mixed_precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Airbench:
    """Figures as published; rates are per 1024 examples, so that any batch size may be tried."""

    batch_size: int = 1024
    lr: float = 11.5
    momentum: float = 0.85
    weight_decay: float = 0.0153  # decoupled from lr
    bias_scaler: float = 64.0  # of the learning rate of norms' biases
    label_smoothing: float = 0.2
    translate: int = 2
    start: float = 0.2  # of the peak rate
    peak: float = 0.23  # of the steps
    end: float = 0.07  # of the peak rate
    lookahead_epochs: int = 3  # epochs before Lookahead begins
    lookahead_decay: float = 0.95
    lookahead_steps: int = 5

    def train(self, model: nn.Module, images: Images, epochs: int, seed: int, device: str) -> float:
        """Train in place on the images, channels_last; the mean loss of the last epoch."""
        size = min(self.batch_size, len(images.x_train))
        per_epoch = len(images.x_train) // size
        steps = per_epoch * epochs
        optimizer, rates = self._optimizer(model, size)
        slow: dict[str, torch.Tensor] = {}  # empty until Lookahead begins
        loader = _Loader(images, self.translate, seed)
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
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach() / size
            self._look_ahead(model, slow, step + 1, steps, per_epoch)
        return total.item() / per_epoch

    def _optimizer(self, model: nn.Module, batch: int) -> tuple[torch.optim.SGD, list[float]]:
        """The optimizer and its groups' peak rates for a loss that is a sum over the batch."""
        biases, others = [], []
        for module in model.modules():
            norm = isinstance(module, nn.BatchNorm2d)
            if norm:
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
    """Shuffled, translated images of every epoch; every other epoch all of them are mirrored."""

    def __init__(self, images: Images, translate: int, seed: int) -> None:
        x = ((images.x_train.float() - images.mean) / images.std).permute(0, 3, 1, 2)
        self.generator = torch.Generator().manual_seed(seed)
        mirrored = torch.rand(len(x), generator=self.generator).to(x.device) < 0.5
        x = torch.where(mirrored[:, None, None, None], x.flip(-1), x)
        self.side, self.reach = x.shape[-1], 2 * translate + 1
        self.padded = F.pad(x, (translate,) * 4, "reflect")
        self.labels, self.epochs = images.y_train, 0

    def epoch(self) -> tuple[torch.Tensor, torch.Tensor]:
        count, device = len(self.labels), self.labels.device
        shift = torch.randint(self.reach, (count, 2), generator=self.generator).to(device)
        span = torch.arange(self.side, device=device)
        rows, columns = shift[:, :1] + span, shift[:, 1:] + span
        each = torch.arange(count, device=device)[:, None, None]
        x = self.padded.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]]
        x = x.permute(0, 3, 1, 2)
        if self.epochs % 2:
            x = x.flip(-1)
        self.epochs += 1
        order = torch.randperm(count, generator=self.generator).to(device)
        return x[order].contiguous(memory_format=torch.channels_last), self.labels[order]
