"""How many operations a step of training launches: on a GPU each is a kernel, or more than one.

    python -m scripts.benchmarks.fused.operations --network 16-1 --members 8 --joined

Counted on a CPU, in bfloat16 as on a GPU, at what PyTorch's dispatcher is asked to compute; views
and memory without contents are not counted, and a backward pass of a convolution counts as the
number of gradients that it computes. A joined norm counts as one, as a norm does: on a GPU both are
several kernels forward and backward. What a GPU needs beyond (changes of memory formats in cuDNN,
chunks of optimizers) is not seen here.
"""

import argparse
import os
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest import mock

from torch.utils._python_dispatch import TorchDispatchMode

from ensearch.training import hardware, loop
from ensearch.training.device import reproducible
from ensearch.training.lockstep import Lockstep
from ensearch.training.strategy import Strategy
from scripts.benchmarks.fused.turns import members_of, pictures

_FREE = (
    "_record_function",
    "alias",
    "detach",
    "empty",
    "lift_fresh",
    "new_empty",
    "promote_types",
    "_unsafe_view",
)


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within it, what is computed is counted by name."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        returns = func._schema.returns
        is_view = any(r.alias_info is not None and not r.alias_info.is_write for r in returns)
        if not is_view and not name.startswith(_FREE):
            wanted = sum(args[-1]) if name == "convolution_backward" else 1
            self.counts[name] += wanted
        return func(*args, **(kwargs or {}))


def operations(run: Callable[[], object]) -> Counter[str]:
    """Return what `run` computes, by the names of operations."""
    counted = Operations()
    with counted:
        run()
    return counted.counts


def of_a_step(
    network: str, members: int, kind: str, resolution: int = 32, joined: bool = False
) -> Counter[str]:
    """Return the operations of one step of `members` WRN of that name by a kind of strategy."""
    if joined:  # there is no GPU: its kernels are interpreted
        os.environ.setdefault("TRITON_INTERPRET", "1")
    group = members_of(network, resolution, members, batch=4)
    images = pictures(resolution, "cpu", steps=2, batch=4)
    strategy = Strategy(kind=kind, chunk=members, graph=False, joined=joined)  # type: ignore[arg-type]
    with mock.patch.object(hardware, "cpu_has_bfloat16", return_value=True), reproducible("cpu"):
        states = [loop.fresh(member, images, "cpu") for member in group]
        together = Lockstep(strategy, states, group, images)
        together.run(states, group, 0)
        together._feed.rewind()
        return operations(together._compute)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--network", default="16-1", help="DEPTH-WIDTH of wide_resnet")
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--kind", default="fused", help="kind of strategy")
    parser.add_argument("--joined", action="store_true", help="with joined norms")
    options = parser.parse_args()
    counts = of_a_step(options.network, options.members, options.kind, joined=options.joined)
    print(f"{sum(counts.values())} operations a step of {options.members} WRN-{options.network}:")
    for name, count in counts.most_common():
        print(f"  {count:4d} {name}")


if __name__ == "__main__":
    main()
