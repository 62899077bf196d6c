"""The benchmark of recipes: the published one's parts, and that both train."""

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ensearch import datasets, families
from ensearch.core import Architecture, Schedule
from ensearch.datasets import Source
from ensearch.training import data
from ensearch.training.device import prepared
from scripts.benchmarks.networks import architecture
from scripts.benchmarks.recipe import __main__ as benchmark
from scripts.benchmarks.recipe import picks, published
from scripts.benchmarks.recipe.runs import append
from scripts.benchmarks.recipe.training import figures_of


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only lose by more, and much where other tests run beside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def images() -> data.Images:
    source = Source(spec="digits", data_dir=Path("unused"), limit_train=200)
    return data.load(source, datasets.load(source).fingerprint, "cpu", ("val",))


def network() -> nn.Module:
    torch.manual_seed(0)
    shape = Architecture(family="wide_resnet", width=0.25, depth=10, resolution=8)
    return prepared(families.build(shape, 1, 10), "cpu")


def test_figures_of_airbench_in_the_terms_of_sgd() -> None:
    """Published code: lr 11.5 / 1024 / (1 + 1 / 0.15), and decay 0.0153 B / 1024 / (1 + 1 / 0.15).

    For a mean over 1024 pictures that is a learning rate of 1.5 and a decay of 0.00133.
    """
    optimizer, (biases, others) = published.RECIPES["airbench"]._optimizer(network(), 1024)
    assert others * 1024 == pytest.approx(1.5)
    assert biases == pytest.approx(64 * others)
    norms, rest = optimizer.param_groups
    assert norms["weight_decay"] * biases == pytest.approx(rest["weight_decay"] * others)
    assert rest["weight_decay"] / 1024 == pytest.approx(0.00133, rel=1e-3)
    assert {p.ndim for p in norms["params"]} == {1}


def test_networks_are_those_of_any_family() -> None:
    keys = {name: architecture(name, 32).key for name in
            ("16-4", "efficientnet-0.5-1@64", "vit-4-64")}  # fmt: skip
    assert keys == {
        "16-4": "wide_resnet-16-4@32",
        "efficientnet-0.5-1@64": "efficientnet-0.5-1@64",
        "vit-4-64": "vit-4-64@32",
    }


def test_norms_keep_their_scale_and_move_their_bias() -> None:
    model = network()
    optimizer, _ = published.RECIPES["airbench"]._optimizer(model, 1024)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert id(module.weight) not in held
            assert id(module.bias) in held


def test_every_other_epoch_shows_the_mirrored_picture(images: data.Images) -> None:
    loader = published._Loader(images, published.Recipe(translate=0), 0)
    (first, y), (second, z) = loader.epoch(), loader.epoch()
    order, other = first.flatten(1), second.flip(-1).flatten(1)
    assert sorted(map(tuple, order.tolist())) == sorted(map(tuple, other.tolist()))
    assert sorted(y.tolist()) == sorted(z.tolist()) == sorted(images.y_train.tolist())


def test_lookahead_moves_to_the_slow_weights() -> None:
    model = nn.Linear(1, 1, bias=False)
    slow = {"weight": torch.zeros(1, 1)}
    nn.init.ones_(model.weight)
    published._average(model, slow, 0.75)
    assert slow["weight"].item() == model.weight.item() == pytest.approx(0.25)


def test_figures_of_dawnbench_in_the_terms_of_sgd() -> None:
    """dawn.py: 0.4 and 5e-4 for a mean over 512 pictures."""
    optimizer, (biases, others) = published.RECIPES["dawnbench"]._optimizer(network(), 512)
    assert biases == others == pytest.approx(0.4 / 512)
    for group in optimizer.param_groups:
        assert group["weight_decay"] / 512 == pytest.approx(5e-4)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert len(held) == len(list(network().parameters()))


def test_cutout_sets_one_square_to_the_mean(images: data.Images) -> None:
    loader = published._Loader(images, published.Recipe(cutout=3), 0)
    cut = loader._cut(torch.ones(5, 1, 8, 8))
    assert (cut == 0).sum(dim=(1, 2, 3)).tolist() == [9] * 5


@pytest.mark.parametrize("name", ["airbench", "dawnbench"])
def test_published_recipes_learn(images: data.Images, name: str) -> None:
    recipe = dataclasses.replace(published.RECIPES[name], batch_size=50, cutout=0)
    losses = [recipe.train(network(), images, epochs, 0, "cpu") for epochs in (1, 4)]
    assert losses[1] < losses[0]


def test_a_recipe_is_a_name_with_changed_fields() -> None:
    changed = figures_of("ensearch:peak_lr=0.2,flip=0", 7)
    assert isinstance(changed, Schedule)
    assert (changed.epochs, changed.peak_lr, changed.crop) == (7, 0.2, 4)
    by_muon = figures_of("ensearch:optimizer=muon,weight_decay=0", 7)
    assert by_muon == Schedule(epochs=7, optimizer="muon", weight_decay=0.0, flip=True, crop=4)
    assert figures_of("airbench:batch_size=64", 7).batch_size == 64
    for wrong in ("other", "airbench:peak_lr=1"):
        with pytest.raises(SystemExit):
            figures_of(wrong, 7)


def test_the_benchmark_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs.jsonl"

    def run(*more: Any) -> str:
        arguments = ["--data", "digits", "--limit-train", "100", "--networks", "10-0.25"]
        arguments += ["--epochs", "1", "--device", "cpu", "--out", str(out), *more]
        monkeypatch.setattr(sys, "argv", ["recipe", *arguments])
        benchmark.main()
        return capsys.readouterr().out

    run("--seeds", "1", "--predictions", str(tmp_path / "kept"))
    assert len(list((tmp_path / "kept").iterdir())) == 3
    assert len(out.read_text().splitlines()) == 3
    table = run("--seeds", "2")
    assert len(out.read_text().splitlines()) == 6
    (last,) = [line for line in table.splitlines() if line.startswith("| 10-0.25 | ensearch | 2 |")]
    assert "[" in last


def test_what_a_short_schedule_loses_is_arithmetic() -> None:
    bands = [("a", "b", "c"), ("d", "e")]
    short = {"a": 50.0, "b": 52.0, "c": 51.0, "d": 60.0, "e": 61.0}
    long = {"a": 70.0, "b": 71.0, "c": 73.0, "d": 80.0, "e": 79.0}
    assert picks.points_lost(short, long, bands) == pytest.approx((2 + 1) / 2)
    # Of the pairs ab, ac, bc and de the short schedule ranks ab and ac as the long one does.
    assert picks.tau_within(short, long, bands) == 0
    assert picks.points_lost(long, long, bands) == 0
    assert picks.tau_within(long, long, bands) == 1


def test_ensembles_are_picked_by_the_predictions_of_their_runs(tmp_path: Path) -> None:
    """Two are right about half the pictures each, surely, and wrong about the rest, not surely."""
    labels = np.array([0, 0, 1, 1])
    one = np.array([[0.9, 0.1], [0.4, 0.6], [0.1, 0.9], [0.6, 0.4]])
    other = np.array([[0.4, 0.6], [0.9, 0.1], [0.6, 0.4], [0.1, 0.9]])
    runs = []
    for seed, probs in enumerate((one, other, one)):
        path = tmp_path / f"{seed}.npz"
        np.savez(path, probs=probs, labels=labels)
        run = {"network": "10-1", "recipe": "ensearch", "epochs": 2, "seed": seed}
        runs.append(run | {"accuracy": 0.5, "predictions": str(path)})
    found = picks.accuracies(runs, "ensearch", 2, [("10-1", "2x10-1")])
    assert found["10-1"].tolist() == [50.0] * 3
    assert found["2x10-1"].tolist() == [100.0]  # of seeds 0 and 1; 2 has no partner
    bare = [{k: v for k, v in run.items() if k != "predictions"} for run in runs]
    for given, band in ((runs, "4x10-1"), (bare, "2x10-1")):
        with pytest.raises(SystemExit):
            picks.accuracies(given, "ensearch", 2, [(band,)])


def test_picks_are_read_from_the_file_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs.jsonl"
    for recipe, gain in (("ensearch", 0.0), ("other", 0.1)):
        for network, accuracy in (("10-1", 0.6), ("16-1", 0.5)):
            for epochs in (2, 8):
                for seed in range(3):
                    value = accuracy + (gain if network == "16-1" and epochs == 8 else 0)
                    run = {"network": network, "recipe": recipe, "epochs": epochs, "seed": seed}
                    append(out, run | {"accuracy": value + 0.02 * gain})
    arguments = [str(out), "--short", "2", "--long", "8", "--band", "10-1", "16-1"]
    monkeypatch.setattr(sys, "argv", ["picks", *arguments, "--recipes", "ensearch", "other"])
    picks.main()
    first, second = capsys.readouterr().out.splitlines()[2:]
    assert "| 0.00 [+0.00, +0.00] |" in first
    assert "1.00 [+1.00, +1.00]" in first
    assert second.startswith("| other | 2 | 0.00")
    monkeypatch.setattr(sys, "argv", ["picks", *arguments, "--recipes", "unknown"])
    with pytest.raises(SystemExit):
        picks.main()
