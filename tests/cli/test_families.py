"""Several families and resolutions in one study, from the command line to the report."""

import json
from pathlib import Path

import numpy as np
import pytest

import ensearch as library
from ensearch.exports import verification
from tests.command_line import ensearch

MIXED = """
family = "resnet_cifar"
members = [1, 2]
shapes = [
    { width = 0.25, depth = 8 },
    { width = 0.25, depth = 8, resolution = 12 },
    { family = "wide_resnet", width = 0.25, depth = 10 },
    { family = "timm:test_resnet" },
]
"""


def run(budget: str, space: str, trials: int) -> None:
    result = ensearch(
        f"run --budget {budget} --dataset digits --space {space} --limit-train 60 --epochs 1 "
        f"--launcher inline --trials {trials}"
    )
    assert result.exit_code == 0, result.stderr


@pytest.mark.usefixtures("verified_here")
def test_a_study_of_several_families_and_resolutions(folder: Path) -> None:
    (folder / "mixed.toml").write_text(MIXED)
    run("2e6", "mixed.toml", 8)
    result = ensearch("report digits-mixed-2M --json")
    assert result.exit_code == 0, result.stderr
    rows = (folder / "studies/ensearch.reports/digits-mixed-2M/evaluations.csv").read_text()
    for key in (
        "resnet_cifar-8-0.25@8,",
        "resnet_cifar-8-0.25@12,",
        "wide_resnet-10-0.25@8,",
        "timm:test_resnet@8,",
    ):
        assert f"\n{key}" in rows
    assert "@8 " in ensearch("report digits-mixed-2M").stdout
    resumed = ensearch("resume digits-mixed-2M --launcher inline --trials 8")
    assert resumed.exit_code == 0, resumed.stderr
    line = "export --pool resnet_cifar-8-0.25@12* --no-onnx --out twelve --json"
    done = ensearch(line)
    assert done.exit_code == 0, done.stderr
    exported = json.loads(done.stdout)
    assert exported["largest_difference"] < verification.TOLERANCE
    config = json.loads(Path("twelve/config.json").read_text())
    assert {member["resolution"] for member in config["members"]} == {12}
    model = library.load_exported("twelve")
    eight = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    assert model.predict(eight).shape == (3, 10)


def test_models_of_timm_by_name(folder: Path) -> None:
    run("2e7", "timm:test_resnet,test_efficientnet", 2)
    summary = json.loads(
        ensearch("report digits-timm-test_resnet-test_efficientnet-20M --json").stdout
    )
    assert summary["conditions"]["family"] == "timm"
    assert summary["config"]["space"]["shapes"] == [
        {"family": "timm:test_resnet", "width": 1.0, "depth": 1.0},
        {"family": "timm:test_efficientnet", "width": 1.0, "depth": 1.0},
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("run --budget 1e9 --dataset digits --space efficientnet_small.toml", "does not exist"),
        ("run --budget 1e5 --dataset digits --space efficientnet_small", "the cheapest"),
        (
            "run --budget 1e8 --dataset digits --space timm:densenet121",
            "cannot compute images of 8",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(folder: Path, line: str, says: str) -> None:
    result = ensearch(line)
    assert result.exit_code in (2, 3), result.stderr
    assert says in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("asked", "key", "parameters"),
    [
        ("efficientnet --width 1 --depth 1", "1-1@224", 5_288_548),
        ("efficientnet --width 1 --depth 1 --classes 10", "1-1@224", 4_020_358),
        ("resnet_cifar --width 1 --depth 20", "20-1@32", 269_722),
    ],
)
def test_cost_assumes_what_a_family_was_published_for(
    asked: str, key: str, parameters: int
) -> None:
    result = ensearch(f"cost {asked} --json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["architecture"].endswith(key)
    assert found["parameters"] == parameters
