"""`ensearch front`: four fronts over a pool, without training."""

import csv
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from ensearch.pool import results
from ensearch.pool.entry import Entry
from ensearch.pool.results import BASELINES, CASCADE, FRONTS, MIXED, SAME, SINGLE
from ensearch.report.pool import text as pool_text
from ensearch.units import format_count
from tests import models
from tests.command_line import ensearch
from tests.models import world


def front(line: str) -> dict[str, Any]:
    result = ensearch(f"front {line} --json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


class Told(NamedTuple):
    """What a search printed, and the folder that it wrote."""

    stdout: str
    folder: Path

    def found(self) -> dict[str, Any]:
        """As `--json` prints it: see `test_the_planted_answers_are_found`."""
        read: dict[str, Any] = json.loads((self.folder / "front.json").read_text())
        return read


SEARCHES = {
    "usual": "--pool all --budget 20M",
    "val": "--pool all --budget 20M --budgets 2M",
    "test": "--pool all --budget 20M --budgets 2M --test",
}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, imported_models: Path) -> dict[str, Told]:
    """Searches of the pool that several tests look at, each made once."""
    where, found = tmp_path_factory.mktemp("front"), {}
    shutil.copytree(imported_models, where, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        patch.setenv("COLUMNS", "100")
        patch.setattr("ensearch.report._matplotlib._saved", lambda *_, **__: b"")
        for name, line in SEARCHES.items():
            result = ensearch(f"front {line}")
            assert result.exit_code == 0, result.stderr
            folder = Path("studies/ensearch.reports/front-all").rename(where / name)
            found[name] = Told(result.stdout, folder)
    return found


def rows(found: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [row for row in found["rows"] if row["front"] == kind]


def test_the_planted_answers_are_found(pool: Path) -> None:
    found = front("--pool all --budget 20M --budgets 1M,2M,10M")
    written = Path("studies/ensearch.reports/front-all/front.json")
    assert json.loads(written.read_text()) == found
    assert found["budgets_multiply_adds"] == [1e6, 2e6, 1e7, 2e7]
    for kind in FRONTS:
        for row in rows(found, kind):
            cost = row["cost_multiply_adds_per_example"]
            assert cost <= row["budget_multiply_adds_per_example"]
            assert (
                row["accuracy_val_low"] < row["accuracy_val_fraction"] <= row["accuracy_val_high"]
            )
    assert [len(row["members"]) for row in rows(found, SINGLE)] == [1, 1, 1, 1]
    assert rows(found, SAME)[1]["members"] == ["small-1", "small-2"]
    top = rows(found, MIXED)[-1]
    assert top["members"] == ["left", "right"]
    assert top["accuracy_val_fraction"] == 1.0
    gap = found["mixed_minus_same_architecture"]
    assert gap["low"] > 0
    # A blind one is not sure: a cascade of both runs the second on those images only.
    best = max(rows(found, CASCADE), key=lambda row: row["accuracy_val_fraction"])
    # Thresholds are quantiles: half of the images chose one that a few of the others pass.
    assert best["accuracy_val_fraction"] >= 0.98
    assert best["cost_multiply_adds_per_example"] < 0.8 * 2e7
    assert len(best["thresholds"]) == len(best["members"]) - 1
    assert sum(best["exit_shares"]) == pytest.approx(1, abs=1e-4)
    kept = found["cascades_against_best_mixed_ensemble"]
    assert [one["share_of_cost_allowed"] for one in kept] == [0.25, 0.5, 0.75, 1.0]
    assert kept[2]["share_of_accuracy"] >= 0.98
    assert found["hypervolumes"]["cascade"] >= found["hypervolumes"]["single"]


def test_the_table_says_who_wins_and_files_are_written(searched: dict[str, Told]) -> None:
    text, written = searched["usual"]
    assert "left + right" in text
    assert "mixed ensembles beat ensembles of one architecture" in text
    assert "a cascade keeps" in text
    assert "test" not in text.split("Unit:")[0]
    assert sorted(p.name for p in written.iterdir()) == ["front.csv", "front.json", "front.png"]
    with (written / "front.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert {line["front"] for line in lines} == set(FRONTS)


def test_test_is_opened_on_demand_and_recorded(pool: Path) -> None:
    first = ensearch("front --pool all --budget 20M --test --json")
    assert "for the first time" in first.stderr
    top = rows(json.loads(first.stdout), MIXED)[-1]
    assert top["accuracy_test_fraction"] == 1.0
    single = rows(json.loads(first.stdout), SINGLE)[-1]
    assert 0.4 < single["accuracy_test_fraction"] < 0.8
    other = ensearch("front --pool left,right --budget 20M --test")
    assert "used once before" in other.stderr
    assert "test %" in other.stdout
    assert "used once before (front once): its numbers are optimistic" in " ".join(
        other.stdout.split()
    )
    listed = ensearch("pool list --test")
    assert "used twice before (front twice)" in listed.stderr
    # The first look again shows the same numbers, and says that it is no first one.
    again = ensearch("front --pool all --budget 20M --test --json")
    assert "3 times before (front twice, once this same use; pool list once)" in again.stderr
    one, two = (json.loads(result.stdout) for result in (first, again))
    assert [found["openings_of_test_before"] for found in (one, two)] == [0, 3]
    told = {name for name in two if one[name] != two[name]}
    assert told == {"openings_of_test_before", "opened_before_by", "caveats"}


def test_every_number_of_the_cascade_is_in_its_row(searched: dict[str, Told]) -> None:
    """A reader finds the cost, the accuracy and the members of either in the table."""
    for split in ("val", "test"):
        found = searched[split].found()
        kept = found["cascades_against_best_mixed_ensemble"]
        whole = next(r for r in rows(found, MIXED) if r["budget_multiply_adds_per_example"] == 2e7)
        for one in kept:
            assert one["ensemble"] == whole
            row = one["cascade"]
            cost = "cost_test" if split == "test" else "cost"
            assert row["cost_multiply_adds_per_example"] <= one["share_of_cost_allowed"] * 2e7
            ratios = [
                row[what] / whole[what]
                for what in (f"{cost}_multiply_adds_per_example", f"accuracy_{split}_fraction")
            ]
            assert [one["share_of_cost"], one["share_of_accuracy"]] == ratios
            gap = row[f"accuracy_{split}_fraction"] - whole[f"accuracy_{split}_fraction"]
            assert one["difference_fraction"] == pytest.approx(gap)
        told = next(one for one in kept if one["share_of_accuracy"] >= 0.99)
        row = told["cascade"]
        percent = f"{100 * row[f'accuracy_{split}_fraction']:.2f}"
        macs = format_count(row[f"{cost}_multiply_adds_per_example"])
        says = next(one for one in found["verdict"] if "cascade keeps" in one)
        for number in (
            f"keeps {told['share_of_accuracy']:.1%}",
            f"({percent} of 100.00 %)",
            f"at {told['share_of_cost']:.0%} of its cost ({macs} of 20M)",
        ):
            assert number in says
        assert says.endswith(f"It runs {' → '.join(row['members'])}.")
        text = searched[split].stdout.splitlines()
        assert any("cascade" in one and percent in one and macs in one for one in text[:12])


def test_one_difference_is_in_the_table_the_sentence_and_the_record(
    searched: dict[str, Told],
) -> None:
    for split in ("val", "test"):
        found = searched[split].found()
        by = {(r["front"], r["budget_multiply_adds_per_example"]): r for r in found["rows"]}
        accuracy = {where: row[f"accuracy_{split}_fraction"] for where, row in by.items()}
        gap = found["mixed_minus_same_architecture"]
        assert gap["difference_fraction"] == accuracy[MIXED, 2e7] - accuracy[SAME, 2e7]
        assert f"{100 * gap['difference_fraction']:+.2f} [" in found["verdict"][1]
        for (kind, budget), row in by.items():
            if kind != SINGLE:
                lead = row["less_single_difference_fraction"]
                assert lead == accuracy[kind, budget] - accuracy[SINGLE, budget]
                assert row["less_single_low"] <= lead <= row["less_single_high"]
        kept = found["cascades_against_best_mixed_ensemble"][-1]
        assert kept["low"] <= kept["difference_fraction"] <= kept["high"]


def test_baselines_stand_beside_the_fronts(searched: dict[str, Told]) -> None:
    found = searched["usual"].found()
    assert {row["front"] for row in found["baselines"]} == set(BASELINES)
    assert set(found["hypervolumes"]) == {*FRONTS, *BASELINES}
    # The cheapest member begins every front: no kind can have less than single networks.
    least = found["hypervolumes"][SINGLE]
    assert all(found["hypervolumes"][kind] >= least - 0.01 for kind in FRONTS)
    assert "Baselines: greedy cascades 0." in found["caveats"][-1]
    assert f"above {found['hypervolume_reference_accuracy']:.1%}" in found["caveats"][-1]


def test_only_what_is_told_is_marked_and_claimed(pool: Path) -> None:
    result = ensearch("front --pool all --budget 20M --budgets 1M")
    text = " ".join(result.stdout.split())
    assert "Within 20M FLOPs a mixed ensemble beats the best single network: +" in text
    assert "*mixed" in result.stdout
    assert "* means more accurate than the single network within the same budget" in text


def test_what_cannot_be_told_is_not_claimed(folder: Path) -> None:
    """Three of them together are better by 9 points, which 40 images cannot tell."""
    for seed in range(3):
        models.write(Path("p.npz"), models.arrays(seed=seed))
        assert ensearch(f"pool import p.npz --name m{seed} --macs 1M").exit_code == 0
    text = ensearch("front --pool all --budget 3M").stdout
    says = "no ensemble or cascade clearly beats the best single network"
    assert says in " ".join(text.split())
    assert "*" not in text


def test_networks_without_copies_are_the_same_front_twice(pool: Path) -> None:
    """Also where two are equally accurate on the images that choose: NLL decides for both."""
    found = front("--pool small-1,left,right --budget 10M --budgets 10M")
    (one,), (other,) = rows(found, SINGLE), rows(found, SAME)
    assert one["members"] == other["members"]
    assert (other["less_single_low"], other["less_single_high"]) == (0, 0)


def test_one_entry_says_so_once(pool: Path) -> None:
    result = ensearch("front --pool left --budget 20M")
    assert "all fronts are one network: left" in result.stdout
    assert "a cascade keeps" not in result.stdout
    assert "Pool: 1 entry of 1 network (left)" in result.stdout


def test_a_table_with_test_leaves_room_for_members(
    pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = ensearch("front --pool all --budget 20M --test").stdout
    assert "left + right" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "verdicts are on test" in text


def test_the_unit_of_the_table_can_be_two_flops(pool: Path) -> None:
    result = ensearch("front --pool all --budget 40M --flops-per-mac 2")
    assert "At 40M" in result.stdout
    assert "2 per multiply-add" in result.stdout
    assert front("--pool all --budget 40M --flops-per-mac 2")["budgets_multiply_adds"][-1] == 2e7


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("--pool all --budget 10k", 3, "the cheapest of 4 entries costs 1M"),
        ("--pool nobody --budget 1M", 2, "nothing in the pool matches 'nobody'"),
        ("--pool all --budget 1M --measure sureness", 2, "unknown measure of confidence"),
        ("--pool all --budget 1M --budgets 2M", 2, "--budgets must not be above the budget of 1M"),
        ("--pool all --budget x", 2, "--budget must be a positive number"),
        ("--pool all --budget 1M --flops-per-mac 3", 2, "must be 1 or 2"),
        ("--pool all --budget 1M --storage none.db", 4, "no studies in"),
    ],
)
def test_bad_requests_are_refused(pool: Path, line: str, code: int, says: str) -> None:
    result = ensearch(f"front {line}")
    assert result.exit_code == code
    assert says in result.stderr


def test_what_an_error_says_to_give_is_enough(pool: Path) -> None:
    models.write(Path("p.npz"), models.arrays())
    assert ensearch("pool import p.npz --name odd --macs 123457").exit_code == 0
    for unit, cost in ((1, "123.457k"), (2, "246.914k")):
        told = ensearch(f"front --pool odd --budget 1k --flops-per-mac {unit}")
        assert told.exit_code == 3
        assert "budget of 1k FLOPs" in told.stderr
        assert f"the cheapest of 1 entry costs {cost}. Give at least that" in told.stderr
        assert ensearch(f"front --pool odd --budget {cost} --flops-per-mac {unit}").exit_code == 0


def test_what_tables_call_an_entry_is_a_query(pool: Path) -> None:
    """`small` is no name of an entry, but the network of two of them."""
    assert [e["name"] for e in front("--pool small --budget 2M")["entries"]] == [
        "small-1",
        "small-2",
    ]
    without = front("--pool all,!small --budget 10M")
    assert [e["name"] for e in without["entries"]] == ["left", "right"]
    missed = ensearch("front --pool smal --budget 2M")
    assert missed.exit_code == 2
    assert "matches 'smal'. Did you mean 'small'?" in missed.stderr


def test_other_images_are_refused(pool: Path) -> None:
    models.write(Path("p.npz"), models.arrays())
    ensearch("pool import p.npz --name stranger --macs 1M")
    result = ensearch("front --pool all --budget 20M")
    assert result.exit_code == 4
    assert "small-1 and stranger cannot be combined" in result.stderr
    assert "not the same images" in result.stderr


def test_one_entry_is_a_pool(pool: Path) -> None:
    found = front("--pool left --budget 20M --measure entropy")
    for kind in FRONTS:
        assert rows(found, kind)[-1]["members"] == ["left"]


def test_an_image_or_two_is_no_traceback(folder: Path) -> None:
    content = {k: v[:2] for k, v in models.arrays().items() if k.endswith("val")}
    models.write(Path("p.npz"), content)
    ensearch("pool import p.npz --name tiny --macs 1M")
    result = ensearch("front --pool all --budget 2M")
    assert result.exit_code in (0, 2)
    assert "internal error" not in result.stderr


def test_many_classes_are_narrowed_and_change_nothing(folder: Path) -> None:
    y = models.labels(200, 100)
    right = []
    for seed in range(3):
        probs = models.probs(y, 3.0, seed, classes=100)
        right.append(probs)
        models.write(Path("p.npz"), {"probs_val": probs, "y_val": y})
        assert ensearch(f"pool import p.npz --name m{seed} --macs 1M").exit_code == 0
    found = front("--pool all --budget 3M --budgets 3M")
    whole = np.mean(np.mean(right, axis=0).argmax(axis=1) == y)
    (top,) = rows(found, MIXED)
    assert len(top["members"]) == 3
    assert top["accuracy_val_of_choosing_images_fraction"] == pytest.approx(whole, abs=0.011)
    for verb in ("front", "export --kind cascade"):
        refused = ensearch(f"{verb} --pool all --budget 3M --measure entropy")
        assert refused.exit_code == 2
        assert "--measure must be max or margin for more than 32 classes" in refused.stderr


def test_names_are_as_long_as_they_must_be() -> None:
    def entry(network: str, label: str, is_member: bool = True) -> Entry:
        return Entry(
            name=network,
            key=network,
            network=network,
            label=label,
            macs=1,
            params=None,
            labels={},
            origin="",
            dataset="",
            is_member=is_member,
            created=datetime.now(UTC),
        )

    def names(*found: Entry) -> list[str]:
        fronts = SimpleNamespace(entries=found)
        return list(pool_text.labels(fronts).values())  # type: ignore[arg-type]

    one, other = (
        entry("wide_resnet-10-1@32/ab x", "10-1"),
        entry("wide_resnet-16-1@32/ab x", "16-1"),
    )
    longer = entry("wide_resnet-10-1@32/cd x", "10-1")
    vit, outside = entry("vit-10-64@32/ab x", "10-64"), entry("B0", "B0", is_member=False)
    assert names(one, other, outside) == ["10-1", "16-1", "B0"]
    assert names(one, longer) == ["10-1/ab", "10-1/cd"]
    assert names(one, longer, vit)[:2] == ["wide_resnet-10-1@32/ab", "wide_resnet-10-1@32/cd"]
    # A model may be called like a member's depth and width.
    assert names(one, entry("10-1", "10-1", is_member=False)) == ["10-1/ab", "10-1"]
    assert names(one, vit, outside) == ["wide_resnet-10-1@32", "vit-10-64@32", "B0"]


def test_wilson_is_the_published_interval() -> None:
    # Newcombe 1998 (Statistics in Medicine 17), table I: 81 of 263, score method.
    low, high = results.wilson(81 / 263, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert results.wilson(0.0, 20)[0] == 0.0
    assert results.wilson(1.0, 20)[1] == pytest.approx(1.0)


def test_a_budget_that_nothing_fits_is_named(pool: Path) -> None:
    result = ensearch("front --pool all --budget 10M --budgets 100k,500k")
    assert result.exit_code == 0
    assert "note: nothing fits 100k, 500k: the cheapest entry costs 1M" in result.stderr


def test_volumes_begin_at_the_cheapest_entry_also_with_budgets_below_it(pool: Path) -> None:
    found = [front(f"--pool all --budget 10M --budgets {few}") for few in ("10M", "100k,10M")]
    assert found[0]["hypervolumes"] == found[1]["hypervolumes"]


def test_a_search_that_cannot_begin_does_not_open_test(pool: Path) -> None:
    content = {key: value for _, _, one in world() for key, value in one.items() if "test" in key}
    models.write(Path("p.npz"), content)
    assert ensearch("pool import p.npz --name late --macs 1M").exit_code == 0
    result = ensearch("front --pool left,late --budget 10M --test")
    assert result.exit_code == 4
    assert "late has no predictions of val" in result.stderr
    result = ensearch("front --pool left --budget 10M --test")
    assert "for the first time" in result.stdout + result.stderr
