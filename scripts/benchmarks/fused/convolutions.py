"""Milliseconds of convolutions as members train together: grouped, dense and alone.

    python -m scripts.benchmarks.fused.convolutions

Forward, and backward behind it, of the 3 x 3 convolutions of WRN-16-1 in bfloat16, in both memory
formats. Libraries may take a hundred times as long for one of them.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import product

import torch
import torch.nn.functional as F

from scripts.benchmarks.fused.turns import finished

# Input and output channels, side, stride.
SHAPES = {
    "stem": (3, 16, 32, 1),
    "16 channels": (16, 16, 32, 1),
    "32 channels": (32, 32, 16, 1),
    "64 channels": (64, 64, 8, 1),
    "16 to 32": (16, 32, 32, 2),
}
FORMATS = {"NHWC": torch.channels_last, "NCHW": torch.contiguous_format}


def table(device: str, members: int, batch: int, turns: int, shrink: int = 1) -> Iterator[str]:
    """Yield lines, a convolution each, of sides that many times as short."""
    for name, (inputs, outputs, long, stride) in SHAPES.items():
        side = long // shrink
        for how, m, groups in (
            ("alone", 1, 1),
            ("grouped", members, members),
            ("dense", members, 1),
        ):
            times = []
            for layout, deterministic in product(FORMATS, (True, False)):
                x = torch.randn(batch, m * inputs, side, side, device=device)
                w = torch.randn(m * outputs, m * inputs // groups, 3, 3, device=device)
                both = [
                    t.bfloat16().contiguous(memory_format=FORMATS[layout]).requires_grad_()
                    for t in (x, w)
                ]
                with torch.backends.cudnn.flags(
                    enabled=True, benchmark=False, deterministic=deterministic
                ):
                    said = _times(both[0], both[1], stride, groups, device, turns)
                times.append(f"{layout}{'' if deterministic else ' free'} {said}")
            yield f"{name}, {m} {how}: {', '.join(times)}"


def _times(
    x: torch.Tensor, w: torch.Tensor, stride: int, groups: int, device: str, turns: int
) -> str:
    """Forward + backward in ms, or what the library says."""

    def forward() -> torch.Tensor:
        return F.conv2d(x, w, stride=stride, padding=1, groups=groups)

    try:
        gradient = torch.randn_like(forward())
        ahead = milliseconds(forward, device, turns)
        both = milliseconds(lambda: torch.autograd.grad(forward(), (x, w), gradient), device, turns)
    except RuntimeError as error:
        return str(error).partition("\n")[0][:60]
    return f"{ahead:.3f} + {both - ahead:.3f}"


def milliseconds(run: Callable[[], object], device: str, turns: int) -> float:
    """Median of three; the first call prepares."""
    run()
    times = []
    for _ in range(3):
        finished(device)
        start = time.perf_counter()
        for _ in range(turns):
            run()
        finished(device)
        times.append((time.perf_counter() - start) / turns)
        if times[-1] * turns > 1:  # far too slow: once is enough
            break
    return 1e3 * statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--turns", type=int, default=20, help="calls in a row that are timed")
    parser.add_argument("--shrink", type=int, default=1, help="divide the pictures' sides by it")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print("ms forward + backward, in bfloat16; 'free' may choose kernels that vary")
    for line in table(device, options.members, options.batch, options.turns, options.shrink):
        print(line, flush=True)


if __name__ == "__main__":
    main()
