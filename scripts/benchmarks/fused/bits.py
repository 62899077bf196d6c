"""Whether members are the same bits when they are trained again, alone and by every strategy.

python -m scripts.benchmarks.fused.bits
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from ensearch.core import Architecture, Member, Schedule
from ensearch.training import loop, strategies
from ensearch.training.data import Images
from ensearch.training.device import reproducible
from ensearch.training.lockstep import Lockstep
from ensearch.training.state import tensors
from ensearch.training.strategy import ALONE, Strategy, candidates, with_joined_norms
from scripts.benchmarks.fused.turns import pictures

# Family, width, depth: what each has of its own are pooling, depthwise convolutions and attention.
NETWORKS = {
    "wide_resnet": (1.0, 16.0),
    "resnet_cifar": (1.0, 20.0),
    "efficientnet": (0.5, 0.5),
    "vit": (64.0, 4.0),
    "timm:resnet18": (1.0, 1.0),
}
Ended = list[dict[str, torch.Tensor]]


def members_of(family: str, resolution: int, batch: int, count: int) -> list[Member]:
    """Return members of the family's network that differ in their seeds."""
    width, depth = NETWORKS[family]
    shape = Architecture(family=family, width=width, depth=depth, resolution=resolution)
    schedule = Schedule(epochs=1, batch_size=batch, peak_lr=0.05, flip=True, crop=4)
    return [
        Member(architecture=shape, schedule=schedule, dataset="", seed=seed)
        for seed in range(count)
    ]


def alone(members: Sequence[Member], images: Images, device: str) -> Ended:
    """Train an epoch of the first member; return its tensors."""
    state = loop.fresh(members[0], images, device)
    loop.train_epoch(state, images, members[0], 0, device)
    return [{name: t.clone() for name, t in tensors(state).items()}]


def together(strategy: Strategy, members: Sequence[Member], images: Images, device: str) -> Ended:
    """Train an epoch of as many members as the strategy takes; return their tensors."""
    group = members[: strategy.chunk]
    states = [loop.fresh(member, images, device) for member in group]
    lockstep = Lockstep(strategy, states, group, images)
    lockstep.run(states, group, 0)
    lockstep.copy_to(states)
    return [tensors(state) for state in states]


def same(some: Ended, others: Ended) -> bool:
    """Tell whether all tensors have the same bits."""
    return all(
        torch.equal(one[name], other[name])
        for one, other in zip(some, others, strict=True)
        for name in one
    )


def _twice(name: str, train: Callable[[], Ended]) -> Ended | None:
    """Train twice, print whether the bits are the same, and return the first if they are."""
    try:
        first = train()
        equal = same(first, train())
    except Exception as error:
        print(f"{name}: {strategies.in_brief(error)}", flush=True)
        return None
    print(f"{name}: same bits {equal}", flush=True)
    return first if equal else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--families", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--resolution", type=int, default=32)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images, ended_well = pictures(options.resolution, device, options.steps, options.batch), True
    with reproducible(device):
        for family in options.families:
            members = members_of(family, options.resolution, options.batch, options.members)
            first = _twice(f"{family} alone", lambda m=members: alone(m, images, device))  # type: ignore[misc]
            ended_well &= first is not None
            if family != "wide_resnet":
                continue
            joined = with_joined_norms(device, options.members)
            for way in (*candidates(device, options.members), *joined):
                ended = _twice(
                    f"{family} {way.name}",
                    lambda m=members, w=way: together(w, m, images, device),  # type: ignore[misc]
                )
                ended_well &= ended is not None
                if ended and first and replace(way, graph=False) == ALONE:
                    print(f"a recorded step and one without: same bits {same(ended, first)}")
                    ended_well &= same(ended, first)
    return 0 if ended_well else 1


if __name__ == "__main__":
    sys.exit(main())
