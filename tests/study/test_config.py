"""What a study is: flags and file merged, checked before anything expensive, compared on resume."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from ensearch import datasets
from ensearch.budget import Bound, Budget
from ensearch.errors import UsageError
from ensearch.schedule import BY_OPTIMIZER
from ensearch.study import config, options
from ensearch.study.options import RunOptions

ASKED: dict[str, Any] = {"budget": "2e6", "dataset": "digits"}


def test_the_name_says_dataset_space_and_budget() -> None:
    assert config.resolve(RunOptions(**ASKED)).name == "digits-wide_resnet-2M"
    assert (
        config.resolve(RunOptions(budget="5e9", dataset="cifar10")).name == "cifar10-wide_resnet-5G"
    )


def test_a_file_is_overruled_by_flags_and_overrules_the_dataset(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(
        'budget = "3e6"\ndataset = "digits"\nepochs = 3\ntrials = 7\n'
        "[schedule]\npeak_lr = 0.3\nepochs = 2\n"
    )
    asked = RunOptions(budget="4e6").over(options.read_file(file))
    made = config.resolve(asked)
    assert made.budget.amount == 4e6
    assert (made.schedule.epochs, made.schedule.peak_lr) == (3, 0.3)
    assert made.schedule.batch_size == config.resolve(RunOptions(**ASKED)).schedule.batch_size
    assert asked.trials == 7


def test_counting_two_flops_a_multiply_add_halves_the_multiply_adds() -> None:
    assert config.resolve(RunOptions(**ASKED | {"flops_per_mac": 2})).budget.amount == 1e6


def test_a_budget_has_a_unit_and_may_have_further_bounds() -> None:
    alone = config.resolve(RunOptions(budget_params="1M", dataset="digits", flops_per_mac=2))
    assert alone.budget == Budget(amount=1e6, unit="params")
    assert alone.name == "digits-wide_resnet-1M-params"
    both = config.resolve(RunOptions(budget="2M", budget_params="1M", dataset="digits"))
    assert both.budget == Budget(amount=2e6, also=(Bound("params", 1e6),))
    assert both.name == "digits-wide_resnet-2M-1M-params"
    plain = config.resolve(RunOptions(**ASKED)).as_dict()
    assert "unit" not in plain
    assert "also" not in plain, "studies of before are still the same"


def test_a_configuration_survives_json() -> None:
    for more in (
        {"seed": 3, "epochs": 5},
        {"limit_train": 300},
        {"val": 300, "seeds": 2},
        {"budget_params": 1e6},
        {"budget": None, "budget_params": 1e6},
    ):
        made = config.resolve(RunOptions(**ASKED | more))
        assert config.from_dict(json.loads(json.dumps(made.as_dict()))) == made


def test_what_is_not_said_is_what_the_stored_study_began_with() -> None:
    asked = RunOptions(**ASKED)
    new = config.resolve(asked)
    assert (new.seeds, new.val) == (options.SEEDS, None)
    asked = RunOptions(**ASKED | {"limit_train": 300})
    new = config.resolve(asked)
    assert new.val == datasets.LEFT_OVER
    assert config.going_on(new, asked, None) == new
    before = {k: v for k, v in new.as_dict().items() if k not in ("seeds", "val")}
    old = dataclasses.replace(new, seeds=1, val=None)
    assert config.from_dict(before) == old
    assert config.going_on(new, asked, before) == old
    said = dataclasses.replace(asked, seeds=2, val=400)
    going_on = config.going_on(config.resolve(said), said, before)
    assert (going_on.seeds, going_on.val) == (2, 400)


@pytest.mark.parametrize(("seeds", "trials"), [(1, 40), (2, 26), (3, 20), (7, 20)])
def test_more_seeds_mean_fewer_trials(seeds: int, trials: int) -> None:
    assert options.usual_trials(seeds) == trials


def test_studies_from_before_resized_crops_compare_equal() -> None:
    plain = config.resolve(RunOptions(**ASKED))
    assert "crop_scale" not in plain.as_dict()["schedule"]
    cropped = config.resolve(RunOptions(**ASKED | {"schedule": {"crop_scale": 0.5}}))
    assert config.from_dict(cropped.as_dict()) == cropped
    lines = [str(d) for d in config.differences(plain.as_dict(), cropped.as_dict())]
    assert lines == ["schedule.crop_scale: stored None, asked 0.5"]


def test_the_optimizer_is_that_of_the_option_the_table_or_the_dataset() -> None:
    assert config.resolve(RunOptions(**ASKED)).schedule.optimizer == "muon"
    by_option = config.resolve(RunOptions(**ASKED | {"optimizer": "sgd"}))
    by_table = config.resolve(RunOptions(**ASKED | {"schedule": {"optimizer": "sgd"}}))
    assert by_option == by_table
    assert "optimizer" not in by_option.as_dict()["schedule"]
    usual = BY_OPTIMIZER["sgd"]
    assert {name: getattr(by_table.schedule, name) for name in usual} == usual
    assert by_table.schedule.batch_size == config.resolve(RunOptions(**ASKED)).schedule.batch_size
    named = ASKED | {"schedule": {"optimizer": "sgd", "peak_lr": 0.1}}
    assert config.resolve(RunOptions(**named)).schedule.peak_lr == 0.1
    over = config.resolve(RunOptions(**named | {"optimizer": "muon"})).schedule
    assert (over.optimizer, over.peak_lr) == ("muon", 0.1)
    whole = config.resolve(RunOptions(**ASKED)).schedule
    asked = RunOptions(**ASKED | {"schedule": whole, "optimizer": "sgd"})
    assert config.resolve(asked).schedule == by_table.schedule
    assert config.from_dict(json.loads(json.dumps(by_table.as_dict()))) == by_table
    for bad in ({"optimizer": "adam"}, {"schedule": {"optimizer": "adam"}}):
        with pytest.raises(UsageError, match="must be 'sgd' or 'muon'; got 'adam'"):
            config.resolve(RunOptions(**ASKED | bad))


def test_a_study_that_goes_on_keeps_its_schedule() -> None:
    asked = RunOptions(**ASKED)
    sgd = config.resolve(dataclasses.replace(asked, optimizer="sgd", epochs=3))
    assert config.going_on(config.resolve(asked), asked, sgd.as_dict()) == sgd
    said = dataclasses.replace(asked, epochs=4)
    going_on = config.going_on(config.resolve(said), said, sgd.as_dict())
    assert [str(d) for d in config.differences(sgd.as_dict(), going_on.as_dict())] == [
        "schedule.epochs: stored 3, asked 4"
    ]
    said = dataclasses.replace(asked, schedule={"optimizer": "muon"}, epochs=3)
    going_on = config.going_on(config.resolve(said), said, sgd.as_dict())
    assert [str(d) for d in config.differences(sgd.as_dict(), going_on.as_dict())] == [
        "schedule.momentum: stored 0.9, asked 0.6",
        "schedule.optimizer: stored None, asked 'muon'",
        "schedule.peak_lr: stored 0.4, asked 0.12",
    ]


def test_a_fraction_that_is_a_whole_number_is_written_as_a_fraction() -> None:
    """Keys of members are made of what is written: of 0 and 0.0 the same member would be two."""
    asked = ({"warmup": 0, "peak_lr": 1}, {"warmup": 0.0, "peak_lr": 1.0})
    whole, fractions = (config.resolve(RunOptions(**ASKED, schedule=one)).schedule for one in asked)
    assert whole == fractions
    assert json.dumps(whole.content()) == json.dumps(fractions.content())


def test_a_space_with_values_for_one_optimizer_decides_where_nothing_is_said() -> None:
    space = {"width": {"low": 0.25, "high": 1.0, "step": 0.125}, "depth": [10], "members": [1, 2]}
    for schedule, optimizer in (({"peak_lr": [0.1, 0.4]}, "sgd"), ({"epochs": [2, 4]}, "muon")):
        table = {"family": "wide_resnet", **space, "schedule": schedule}
        found = config.resolve(RunOptions(**ASKED | {"space": table}))
        assert found.schedule.optimizer == optimizer


AXES = {
    "family": "wide_resnet",
    "members": [1, 2],
    "depth": [10],
    "width": {"low": 0.25, "high": 2.0, "step": 0.25},
    "schedule": {"peak_lr": [0.2, 0.8], "epochs": [6, 40]},
}


def test_a_study_file_may_carry_a_space_with_axes(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(
        'budget = "2e6"\ndataset = "digits"\nschedule = { label_smoothing = 0.2 }\n[space]\n'
        'family = "wide_resnet"\nmembers = [1, 2]\ndepth = [10]\n'
        "width = { low = 0.25, high = 2.0, step = 0.25 }\n"
        "[space.schedule]\npeak_lr = [0.8, 0.2]\nepochs = [6, 40]\n"
    )
    made = config.resolve(options.read_file(file))
    assert [(axis.field, axis.values) for axis in made.space.schedule] == [
        ("peak_lr", (0.2, 0.8)),
        ("epochs", (6, 40)),
    ]
    assert made.schedule.label_smoothing == 0.2
    assert config.from_dict(json.loads(json.dumps(made.as_dict()))) == made
    other = config.resolve(RunOptions(**ASKED | {"space": AXES | {"schedule": {"peak_lr": [0.2]}}}))
    assert "space.schedule.epochs: stored [6, 40], asked None" in [
        str(d) for d in config.differences(made.as_dict(), other.as_dict())
    ]


def test_the_studys_schedule_is_one_of_those_searched() -> None:
    """The rate 0.4 and 12 epochs have 0.2 and 6 as their nearest values."""
    asked = ASKED | {"schedule": {"optimizer": "sgd"}}
    plain = config.resolve(RunOptions(**asked)).schedule
    assert (plain.peak_lr, plain.epochs) == (0.4, 12)
    made = config.resolve(RunOptions(**asked | {"space": AXES}))
    assert made.schedule == dataclasses.replace(plain, peak_lr=0.2, epochs=6)
    assert made.schedule in made.space.schedules(plain)


def test_a_name_that_is_made_begins_as_a_name_may(tmp_path: Path) -> None:
    long = f"npz:{tmp_path}/{'a' * 50}{'.-_' * 21}{'b' * 20}.npz"
    assert config.resolve(RunOptions(**ASKED | {"dataset": long})).name[0].isalnum()


def test_a_study_by_muon_searches_the_rates_for_muon() -> None:
    table = {"peak_lr": [0.2, 0.8], "epochs": [6, 40], "muon": {"peak_lr": [0.06, 0.1]}}
    asked = ASKED | {"space": AXES | {"schedule": table}}
    sgd = config.resolve(RunOptions(**asked | {"optimizer": "sgd"}))
    assert sgd == config.resolve(RunOptions(**ASKED | {"space": AXES}))
    muon = config.resolve(RunOptions(**asked))
    assert (muon.schedule.peak_lr, muon.schedule.momentum) == (0.1, 0.6)
    assert config.from_dict(json.loads(json.dumps(muon.as_dict()))) == muon
    assert {s.peak_lr for s in muon.space.schedules(muon.schedule)} == {0.06, 0.1}
    with pytest.raises(UsageError, match="values of peak_lr for sgd only"):
        config.resolve(RunOptions(**ASKED | {"space": AXES, "optimizer": "muon"}))
    whole = config.resolve(RunOptions(**asked | {"schedule": muon.schedule}))
    assert whole == muon
    # Of what a whole schedule says of an axis, the axis decides, each time.
    other = RunOptions(**asked | {"schedule": dataclasses.replace(muon.schedule, peak_lr=0.12)})
    assert config.resolve(other) == muon
    assert config.going_on(config.resolve(other), other, muon.as_dict()) == muon


def test_differences_are_named_down_to_the_key() -> None:
    one = config.resolve(RunOptions(**ASKED)).as_dict()
    other = config.resolve(RunOptions(**ASKED | {"epochs": 99, "seed": 1})).as_dict()
    assert config.differences(one, one) == []
    assert [str(d) for d in config.differences(one, other)] == [
        f"schedule.epochs: stored {one['schedule']['epochs']}, asked 99",
        "seed: stored 0, asked 1",
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"budget": None}, "budget is missing"),
        ({"dataset": None}, "dataset is missing"),
        ({"budget": "0"}, "positive number"),
        ({"budget": "-5"}, "positive number"),
        ({"budget": "nan"}, "positive number"),
        ({"budget": "5 bananas"}, "5 bananas"),
        ({"dataset": "cifra10"}, "Did you mean 'cifar10'"),
        ({"dataset": "CIFAR10"}, "Did you mean 'cifar10'"),
        ({"space": "wide-resnet"}, "Did you mean 'wide_resnet'"),
        ({"study": "../evil"}, "study name '../evil' is not legal"),
        ({"study": ""}, "not legal"),
        ({"study": "a" * 101}, "not legal"),
        ({"epochs": 0}, "epochs must be a whole number from 1 to 1,000,000; got 0"),
        ({"limit_train": 0}, "limit_train must be"),
        ({"val": 0}, "val must be a number of images of at least 1; got 0"),
        ({"seed": -1}, "seed must be"),
        ({"seeds": 0}, "seeds must be a whole number of at least 1; got 0"),
        ({"sampler": "tep"}, "Did you mean 'tpe'"),
        ({"rule": "mean"}, "Known: arithmetic, geometric"),
        ({"flops_per_mac": 3}, "must be 1 or 2; got 3"),
        ({"schedule": {"peak_rl": 1}}, "Did you mean 'peak_lr'"),
        ({"schedule": {"peak_lr": "high"}}, "peak_lr must be a positive finite number"),
        ({"schedule": {"flip": 1}}, "flip must be true or false"),
        ({"schedule": {"peak_lr": [0.1]}}, "one value here.*an axis of the search space"),
        ({"space": AXES, "epochs": 9}, r"epochs is an axis of .* \(6, 40\): 9 for the whole"),
        ({"space": AXES, "schedule": {"peak_lr": 0.2}}, "peak_lr is an axis.*Leave it out"),
        ({"space": AXES | {"schedule": {"lr": [1]}}}, "search space custom: schedule: unknown"),
    ],
)
def test_bad_settings_are_refused_with_what_to_do(change: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        config.resolve(RunOptions(**ASKED | change))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("budgte = 5e9", "Did you mean 'budget'"),
        ("budget = [1]", "budget must be a text or a whole number or a number"),
        ("trials = true", "trials must be a whole number"),
        ("trials = 1.5", "trials must be a whole number"),
        ("budget = ", "not valid TOML"),
    ],
)
def test_bad_files_are_refused_by_key(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "study.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=says):
        options.read_file(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no configuration file"):
        options.read_file(tmp_path / "gone.toml")
