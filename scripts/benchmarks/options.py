"""Options that several benchmarks share."""

import argparse
from pathlib import Path


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which pictures a benchmark trains on."""
    parser.add_argument("--data", default="cifar10", help="a dataset, as `ensearch run --dataset`")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path("data"),
        help="folder of downloaded datasets",
    )
    parser.add_argument("--limit-train", type=int, help="train on the first so many pictures")
