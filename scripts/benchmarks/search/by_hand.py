"""One bigger network or an ensemble? The search as a competent person writes it by hand.

    python -m scripts.benchmarks.search.by_hand --data pictures.npz --budget 2e7 --minutes 10

Members, channels and depth are parameters of an Optuna study of two objectives (accuracy on val up,
multiply-adds down) with the budget as a constraint; every trial trains its own members with a
DataLoader and averages their probabilities. Started again it goes on. `pictures.npz` holds
x_train, y_train, x_val, y_val: bytes, N x H x W x C, and class numbers. Each finished trial adds a
line to --log, and its members' weights go to the folder --weights.
"""

import argparse
import json
import math
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
import torch
import torch.nn.functional as F
from PIL import Image
from thop import profile
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as T

from ensearch.families.wide_resnet import WideResNet

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    def __init__(self, x: Pixels, y: Labels, transform: T.Compose) -> None:
        self.images = [Image.fromarray(picture.squeeze()) for picture in x]
        self.labels, self.transform = y.tolist(), transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


class Data:
    """Train and val as DataLoaders."""

    def __init__(self, options: argparse.Namespace) -> None:
        with np.load(options.data) as file:
            x_train, y_train, x_val, y_val = (
                file[key] for key in ("x_train", "y_train", "x_val", "y_val")
            )
        self.classes = int(y_train.max()) + 1
        self.side, self.channels = (int(length) for length in x_train.shape[2:])
        pixels = x_train.reshape(-1, self.channels) / 255
        plain = [T.ToTensor(), T.Normalize(pixels.mean(axis=0), pixels.std(axis=0))]
        augment = []
        if options.crop:
            augment.append(T.RandomCrop(self.side, options.crop, padding_mode="reflect"))
        if options.flip:
            augment.append(T.RandomHorizontalFlip())
        self.train = DataLoader(
            Pictures(x_train, y_train, T.Compose([*augment, *plain])),
            batch_size=options.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=options.num_workers,
            persistent_workers=options.num_workers > 0,
        )
        # Val never changes: transformed once, not for every member.
        val = Pictures(x_val, y_val, T.Compose(plain))
        self.x_val = torch.stack([val[k][0] for k in range(len(val))])
        self.y_val = torch.from_numpy(y_val)


def build(depth: int, channels: int, data: Data) -> nn.Module:
    return WideResNet(depth, channels / 16, data.channels, data.classes)


def count(depth: int, channels: int, data: Data) -> int:
    """Return the multiply-adds of one picture's forward pass."""
    x = torch.zeros(1, data.channels, data.side, data.side)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return int(profile(build(depth, channels, data).eval(), inputs=(x,), verbose=False)[0])


def train(model: nn.Module, data: Data, options: argparse.Namespace) -> None:
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(
        groups,
        lr=options.peak_lr,
        momentum=options.momentum,
        weight_decay=options.weight_decay,
        nesterov=True,
    )
    steps = options.epochs * len(data.train)
    rising = round(options.warmup * steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: (step + 1) / rising if step < rising else (steps - step) / (steps - rising),
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=options.label_smoothing)
    model.train()
    for _ in range(options.epochs):
        for x, y in data.train:
            optimizer.zero_grad()
            torch.autograd.backward(loss_of(model(x), y))
            optimizer.step()
            schedule.step()


@torch.no_grad()
def predict(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    model.eval()
    return torch.cat([F.softmax(model(batch), dim=1) for batch in torch.split(x, 500)])


def most_channels(data: Data, budget: float) -> int:
    """Return the channels of the widest single network of depth 10 within the budget."""
    channels = 4
    while channels < 256 and count(10, channels + 1, data) <= budget:
        channels += 1
    return channels


def score(
    trial: optuna.Trial, data: Data, options: argparse.Namespace, widest: int
) -> tuple[float, float]:
    """Train the ensemble of a trial; return its accuracy on val and its log10 multiply-adds."""
    members = trial.suggest_int("members", 1, 8, log=True)
    depth = trial.suggest_int("depth", 10, 28, step=6)
    channels = trial.suggest_int("channels", 4, widest, log=True)
    macs = members * count(depth, channels, data)
    trial.set_constraint("budget", macs / options.budget - 1)
    if macs > options.budget:
        raise optuna.TrialPruned
    models = [build(depth, channels, data) for _ in range(members)]
    total, parts = torch.zeros(()), []
    for number, model in enumerate(models, start=1):
        train(model, data, options)
        total = total + predict(model, data.x_val)
        parts.append(((total / number).argmax(1) == data.y_val).float().mean().item())
    # Kept for later, as is usual; what part of the ensemble scores is seen by the log alone.
    torch.save([model.state_dict() for model in models], options.weights / f"{trial.number}.pt")
    entry = {
        "time": time.time(),
        "trial": trial.number,
        "members": members,
        "depth": depth,
        "channels": channels,
        "parts": parts,
    }
    with options.log.open("a") as log:
        log.write(json.dumps(entry) + "\n")
    return parts[-1], math.log10(macs)


def search(data: Data, options: argparse.Namespace) -> None:
    widest = most_channels(data, options.budget)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="by_hand",
        storage=options.storage,
        load_if_exists=True,
        directions=["maximize", "minimize"],
        sampler=optuna.samplers.TPESampler(multivariate=True, seed=options.seed),
    )
    study.optimize(
        lambda trial: score(trial, data, options, widest),
        n_trials=options.trials,
        timeout=60 * options.minutes,
    )
    for best in study.best_trials:
        print(best.number, best.params, best.values)


def main() -> None:
    options = parse()
    options.weights.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    data = Data(options)
    if options.try_loader:
        began = time.perf_counter()
        train(build(10, 8, data), data, options)
        print(time.perf_counter() - began)
    else:
        search(data, options)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="npz file of pictures")
    parser.add_argument("--budget", type=float, required=True, help="multiply-adds of an ensemble")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=10, help="begin no trial after that")
    parser.add_argument("--trials", type=int, help="run at most so many, infeasible ones too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--storage", default="sqlite:///by_hand.db")
    parser.add_argument(
        "--log", type=Path, default=Path("by_hand.jsonl"), help="a line for each trial"
    )
    parser.add_argument("--weights", type=Path, default=Path("by_hand"), help="folder")
    parser.add_argument("--num-workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--peak-lr", type=float, default=0.4)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--weight-decay", type=float, default=5e-4)
    parser.add_argument("--warmup", type=float, default=0.2)
    parser.add_argument("--label-smoothing", type=float, default=0.1)
    parser.add_argument("--crop", type=int, default=4)
    parser.add_argument("--flip", action="store_true")
    parser.add_argument(
        "--try-loader", action="store_true", help="print the seconds of one member and end"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
