"""`import ensearch`: what it offers, that it costs nothing, and arrays as a dataset."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ensearch
from ensearch.store import Store
from ensearch.study.events import Event, Planned, Preparing, SearchEnded, TrialDone
from tests.command_line import ensearch as command
from tests.pictures import pictures

SPACE: dict[str, Any] = {
    "family": "wide_resnet",
    "members": [1, 2],
    "depth": [10],
    "width": {"low": 0.25, "high": 0.5, "step": 0.125},
}
QUICK: dict[str, Any] = {"space": SPACE, "epochs": 1, "launcher": "inline", "trials": 2}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_name_it_offers_is_there() -> None:
    for name in ensearch.__all__:
        assert getattr(ensearch, name) is not None
    assert set(ensearch.__all__) <= set(dir(ensearch))
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        ensearch.runn  # noqa: B018


def test_a_study_is_run_continued_and_read_from_python(here: Path) -> None:
    events: list[Event] = []
    results = ensearch.run(
        budget=4e5, dataset="digits", limit_train=60, on_event=events.append, **QUICK
    )
    assert results.conditions.study == "digits-custom-400k"
    assert [type(event) for event in events[:3]] == [Preparing, Preparing, Planned]
    assert events[-1] == SearchEnded(reason="trials", done=2, failed=0, waiting=0)
    assert sum(isinstance(event, TrialDone) for event in events) == 2
    rows = results.to_dicts()
    assert {row["size"] for row in rows} == {1, 2}
    assert "<pre" in results._repr_html_()
    assert results.plot().get_size_inches()[0] == 8
    assert results.write() == here / "studies" / "ensearch.reports" / "digits-custom-400k"
    again = ensearch.results("digits-custom-400k")
    assert again.summary() == results.summary()
    more = ensearch.resume("digits-custom-400k", trials=3, launcher="inline")
    assert more.trials_done == 3
    (status,) = ensearch.studies()
    assert (status.state, status.trials_done, status.trials_asked) == ("complete", 3, 3)


def test_arrays_are_a_dataset_that_the_command_line_can_go_on_with(here: Path) -> None:
    images, labels = pictures(60, 8, 8), np.arange(60) % 3
    data: Any = (images[:40], labels[:40], images[40:], labels[40:])
    results = ensearch.run(budget=4e5, dataset=data, study="mine", **QUICK)
    spec = results.conditions.dataset
    assert Path(spec.removeprefix("npz:")).parent == here / "studies" / "ensearch.datasets"
    same = ensearch.run(budget=4e5, dataset=data, study="mine", **QUICK)
    assert same.conditions.dataset == spec
    resumed = command("resume mine --trials 3 --launcher inline")
    assert resumed.exit_code == 0, resumed.output
    other = (images[:40, :, ::-1], *data[1:])
    with pytest.raises(ensearch.StorageError, match="another configuration"):
        ensearch.run(budget=4e5, dataset=other, study="mine", **QUICK)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ((np.zeros((4, 8, 8)),), "must be a name or the arrays x_train, y_train, x_test, y_test"),
        (({}, {}, {}, {}), "does not hold images that can be used"),
        (([np.zeros((8, 8)), np.zeros((9, 9))], [0, 1]) * 2, "something else than an array"),
        ((np.zeros((4, 8, 9)), np.zeros(4, int)) * 2, "does not hold images that can be used"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays: Any, says: str) -> None:
    with pytest.raises(ensearch.UsageError, match=says) as caught:
        ensearch.run(budget=4e5, dataset=arrays, **QUICK)
    assert caught.value.facts["option"] == "dataset"


def test_a_script_without_a_guard_is_run_once(here: Path) -> None:
    """Workers are processes of their own, and must not run the script that started them."""
    (here / "script.py").write_text(
        "import ensearch\n"
        "print('once')\n"
        "results = ensearch.run(budget=2e6, dataset='digits', limit_train=60, seeds=1,\n"
        "                       epochs=1, trials=2, launcher='processes')\n"
        "print(results.trials_done)\n"
    )
    run = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True)
    assert (run.returncode, run.stdout.split()) == (0, ["once", "2"]), run.stderr


def test_a_plan_is_returned_and_nothing_is_kept(here: Path) -> None:
    plan = ensearch.plan(budget="400k", dataset="digits", limit_train=60, **QUICK)
    assert plan.work.trials == 2
    assert "study     digits-custom-400k" in str(plan)
    assert not (here / "studies").exists()


def test_a_plan_measures_where_networks_are_trained_already(here: Path) -> None:
    """Three networks with 3 members each are 6 differences."""
    asked: dict[str, Any] = {"budget": 4e5, "dataset": "digits", "limit_train": 60}
    before = ensearch.plan(**asked, **QUICK, margin=2)
    assert before.precision is not None
    assert not before.precision.spread.is_measured
    assert before.precision.margin == 0.02
    results = ensearch.run(**asked, **QUICK | {"trials": 6}, seeds=3)
    plan = ensearch.plan(**asked, **QUICK)
    assert plan.precision is not None
    networks = {e.network for e in results.evaluations}
    assert plan.precision.spread.networks == len(networks) >= 3
    best = max(e.scores.accuracy for e in results.evaluations if e.is_single)
    assert plan.precision.spread.accuracy == pytest.approx(best, abs=1e-3)
    # Other images are other members.
    other = ensearch.plan(**asked | {"limit_train": 50}, **QUICK)
    assert other.precision is not None
    assert not other.precision.spread.is_measured
    with pytest.raises(ensearch.UsageError, match="margin"):
        ensearch.plan(**asked, **QUICK, margin=0)


def test_a_new_study_has_enough_trials_for_its_start(here: Path) -> None:
    """The default space has 10 budgets of single networks and 8 of ensembles: 19 trials, plus 4."""
    plan = ensearch.plan(budget="2M", dataset="digits", limit_train=60, epochs=1)
    assert (plan.config.seeds, plan.work.trials, len(plan.ladder.budgets)) == (3, 23, 10)
    assert dict(plan.images) == {"train": 60, "val": 1378, "test": 359}
    assert "1,378 val" in str(plan)
    assert "every network trains at least 3 times" in str(plan)
    less = ensearch.plan(budget="2M", dataset="digits", val=500, seeds=1, epochs=1)
    assert (less.config.seeds, less.work.trials) == (1, 40)
    assert dict(less.images) == {"train": 938, "val": 500, "test": 359}
    assert less.work.train_macs / 938 < plan.work.train_macs / 60


def test_the_same_call_goes_on_with_the_seeds_and_images_that_it_began_with(here: Path) -> None:
    began: dict[str, Any] = {"budget": 4e5, "dataset": "digits", "limit_train": 60, **QUICK}
    first = ensearch.run(**began, seeds=2, val=100, on_event=lambda event: None)
    assert first.conditions.images["val"] == 100
    assert first.members >= 2 == min(e.trained for e in first.evaluations)
    again = ensearch.run(**began | {"trials": 3}, on_event=lambda event: None)
    assert again.trials_done == 3
    assert {e.trained for e in again.evaluations} == {2}
    with pytest.raises(ensearch.StorageError, match="seeds: stored 2, asked 1"):
        ensearch.run(**began, seeds=1)


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """Where a storage may be made, in a folder that does not exist yet."""
    return tmp_path / "new" / "a.db"


def test_what_is_missing_or_wrong_is_an_error_without_flags() -> None:
    with pytest.raises(ensearch.UsageError, match=r"^budget is missing\.$"):
        ensearch.run(dataset="digits")
    with pytest.raises(ensearch.UsageError, match="trials must be a whole number"):
        ensearch.run(budget=1e6, dataset="digits", trials=0)


@pytest.mark.parametrize("option", ["top", "fewest", "epochs", "members"])
def test_a_confirmation_of_nothing_is_refused(option: str) -> None:
    none: dict[str, Any] = {option: 0}
    with pytest.raises(ensearch.UsageError, match="must be a whole number of at least 1; got 0"):
        ensearch.confirm("one", **none)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("trials", "4"),
        ("trials", 1.5),
        ("workers", True),
        ("seed", "a"),
        ("seeds", 2.5),
        ("val", "all"),
        ("space", 3),
        ("schedule", 3),
        ("sampler", 3),
        ("weights", "yes"),
        ("storage", 3),
        ("dataset", 3),
        ("study", 3),
    ],
)
def test_values_of_wrong_types_are_refused_by_name(option: str, value: Any) -> None:
    options: dict[str, Any] = {"budget": 4e5, "dataset": "digits"} | {option: value}
    with pytest.raises(ensearch.UsageError, match=f"^{option} must be .*; got") as caught:
        ensearch.run(**options)
    assert caught.value.facts["option"] == option


@pytest.mark.parametrize("verb", [ensearch.settle, ensearch.confirm])
def test_so_they_are_where_members_of_a_known_study_train(verb: Callable[..., object]) -> None:
    with pytest.raises(ensearch.UsageError) as caught:
        verb("one", workers="2")
    assert caught.value.facts["option"] == "workers"


@pytest.mark.parametrize("cost", ["x", True, float("nan"), 0])
def test_a_cost_of_settling_is_a_number_above_0(cost: Any) -> None:
    with pytest.raises(ensearch.UsageError) as caught:
        ensearch.settle("one", cost=cost)
    assert caught.value.facts["option"] == "cost"


def test_a_listener_is_a_function(storage: Path) -> None:
    listener: Any = 3
    with pytest.raises(ensearch.UsageError) as caught:
        ensearch.run(budget=4e5, dataset="digits", on_event=listener, storage=storage)
    assert caught.value.facts["option"] == "on_event"


def test_a_study_without_a_name_is_refused(storage: Path) -> None:
    Store.open(f"sqlite:///{storage}", create=True).close()
    nothing: Any = None
    with pytest.raises(ensearch.EnsearchError):
        ensearch.results(nothing, storage=storage)


@pytest.mark.parametrize(
    ("option", "value"),
    [("launcher", "foo"), ("device", "tpu"), ("workers", 0), ("ray_address", "auto")],
)
def test_what_is_not_legal_leaves_no_storage(storage: Path, option: str, value: Any) -> None:
    asked: dict[str, Any] = {option: value}
    with pytest.raises(ensearch.UsageError):
        ensearch.run(budget=4e5, dataset="digits", storage=storage, **asked)
    assert not storage.parent.exists()


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    images: Any = np.int64(60)
    plan = ensearch.plan(budget=np.float64(4e5), dataset="digits", limit_train=images, **QUICK)
    assert plan.config.limit_train == 60


def test_a_network_is_counted() -> None:
    counted = ensearch.count("wide_resnet", width=10, depth=28, members=2)
    assert (counted.macs, counted.params) == (2 * 5_243_328_768, 2 * 36_479_194)
    assert counted.disagreement is None
    assert "digits" in ensearch.list_datasets()
    assert "wide_resnet" in ensearch.list_spaces()
    doubled = ensearch.count("wide_resnet", width=10, depth=28, flops_per_mac=2)
    assert doubled.flops == 2 * doubled.macs
    with pytest.raises(ensearch.UsageError) as caught:
        ensearch.count("wide_resnet", width=10, depth=28, flops_per_mac=3)
    assert caught.value.facts["option"] == "flops_per_mac"
    with pytest.raises(ensearch.UsageError) as caught:
        ensearch.count("wide_resnet", width=10, depth=28, members=0)
    assert caught.value.facts["option"] == "members"
    with pytest.raises(ensearch.UsageError) as caught:
        ensearch.count("wide_resnet", width=10, depth=28, channels=-1)
    assert caught.value.facts["option"] == "channels"
    with pytest.raises(ensearch.UsageError) as caught:
        ensearch.count("wide_resnet", width=10, depth=28, classes=1)
    assert caught.value.facts["option"] == "classes"
