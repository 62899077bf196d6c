"""What the page of a study shows, of studies whose numbers are given."""

import json
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ensearch.core import AxisCost
from ensearch.fronts import ToSettle
from ensearch.report.page import commands, data, evaluations
from ensearch.report.page.data import Page
from ensearch.report.study import answer, brief, words
from ensearch.report.study.records import Failure, Record
from ensearch.report.study.results import Results
from ensearch.schedule import OPTIMIZERS
from ensearch.search_space import reading
from ensearch.store import UseOfTest
from ensearch.study import config, options
from ensearch.study.options import RunOptions
from ensearch.units import milliseconds
from tests.records import done_trial
from tests.worlds import evaluation, handmade


def page(found: Results, record: Record | None = None) -> Page:
    return data.compute(found, record or Record())


def test_the_page_says_what_the_terminal_says() -> None:
    found = handmade()
    made = page(found)
    said = answer.of(found)
    assert made.headline == words.headline(found)
    assert made.sentences[0].value == brief.first(found)
    assert [tuple(fact) for fact in made.sentences[1:]] == list(said.sentences[1:])
    assert made.views[0].tradeoff.title == made.sentences[0].value


def test_a_card_for_each_budget_the_largest_first() -> None:
    cards = page(handmade()).cards
    assert [(card.budget, card.verdict, card.take) for card in cards] == [
        ("5G FLOPs", "ensembles", "4 × 10-2"),
        ("2.5G FLOPs", "undecided", "2 × 10-1.25"),
        ("1.25G FLOPs", "single", "10-2"),
    ]
    assert cards[0].command == "ensearch export cifar10-wide_resnet-5G --budget 5G"
    assert dict(cards[0].facts)["advantage"] == "+2.00 [+0.50, +3.50] points"
    assert dict(cards[0].facts)["expected loss"] == "0.10 points"
    assert dict(cards[1].facts)["advantage"] == "not matched"


def test_no_verdict_and_no_export_while_the_search_is_under_way() -> None:
    made = page(replace(handmade(), under_way=True))
    assert {card.verdict for card in made.cards} == {None}
    assert {card.command for card in made.cards} == {""}
    assert all(card.statement.startswith("So far") for card in made.cards)
    assert made.advantages.zone is None


def test_advantages_are_points_at_matched_budgets() -> None:
    made = page(handmade()).advantages
    assert [each and (each.budget, each.points, each.low) for each in made.by_budget] == [
        (1.25e9, -2.0, -3.0),
        None,
        (5e9, 2.0, 0.5),
    ]
    assert made.says == (
        "1.25G FLOPs: -2.00 [-3.00, -1.00] points, single",
        "5G FLOPs: +2.00 [+0.50, +3.50] points, ensembles",
    )
    assert (made.margin, made.zone) == (1.0, (1.25e9, 5e9))


def test_what_would_settle_a_budget_stands_on_its_card() -> None:
    found = handmade()
    needs = ToSettle({found.evaluations[0].network: 4}, 1e9, None, 0.02, 0.01, 0.015)
    rows = (replace(found.fronts.rows[0], to_settle=needs), *found.fronts.rows[1:])
    found = replace(found, fronts=replace(found.fronts, rows=rows))
    assert page(found).cards[-1].settle == ("4 more seeds of 10-2, about 0.0s",)
    assert page(found).settle == ""
    assert page(found).effort.heads[-1] == "Single needs ×"  # nothing was predicted
    assert data.compute(found, Record(), settles=True).settle == (
        "ensearch settle cifar10-wide_resnet-5G"
    )


def test_the_table_has_what_tooltips_tell() -> None:
    found = handmade()
    four = found.evaluations[2]
    record = Record(trials=(done_trial(3, four), done_trial(5, found.evaluations[3])))
    found = replace(found, seed_errors={four.key: 0.0035})
    made = page(found, record)
    keys = [column.key for column in made.table.columns]
    row = dict(zip(keys, made.table.rows[2], strict=True))
    wanted = {"name": "4 × 10-2", "members": 4, "depth": 10, "width": 2.0, "flops": 4_800_000_000}
    assert {key: row[key] for key in wanted} == wanted
    assert (row["accuracy"], row["error"], row["seeds"], row["trial"]) == (0.95, 0.0035, 4, 3)
    assert made.views[0].dots[2] == (4.8e9, 95.0, "ensemble", 2)
    # The single 10-2 was evaluated because trial 3 had trained members of it.
    single = dict(zip(keys, made.table.rows[0], strict=True))
    assert (single["trial"], single["disagreement"], single["kind"]) == (3, None, "single")


def test_a_card_says_why_it_takes_what_it_takes_and_what_was_compared() -> None:
    found = handmade()
    tried = replace(found.fronts.rows[2], tried_singles=1, tried_ensembles=3)
    better = replace(found.fronts.rows[0], take_accuracy=0.895, ensemble_accuracy=0.90)
    rows = (better, found.fronts.rows[1], tried)
    cards = page(replace(found, fronts=replace(found.fronts, rows=rows))).cards
    assert dict(cards[0].facts)["compared"] == "1 single network and 3 ensembles"
    assert dict(cards[1].facts)["compared"] == (
        "nothing: no single network and ensemble of comparable cost"
    )
    assert dict(cards[2].facts)["take"].endswith(
        "; it is simpler than the best, and within 1 point of it with 95 % probability"
    )


def test_a_column_of_nothing_is_left_out() -> None:
    keys = [column.key for column in page(handmade()).table.columns]
    assert "accuracy" in keys
    assert not {"error", "trial", "estimate"} & set(keys)


def test_times_are_columns_of_their_own() -> None:
    found = handmade()
    timed = [replace(e, on_axis=AxisCost(value=0.5)) for e in found.evaluations[:2]]
    other = replace(
        found,
        evaluations=tuple(timed),
        conditions=replace(found.conditions, other_axis=milliseconds(64, "a CPU"), is_own=False),
    )
    made = page(replace(found, beside=(other,))).table
    at = [column.key for column in made.columns].index("ms@64")
    assert [row[at] for row in made.rows] == [0.5, 0.5, None, None]


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "count", ""),
        ("4 × 10-2", "text", "4 × 10-2"),
        (5_243_328_768, "count", "5.24G"),
        (999_600, "count", "1M"),
        (0.95123, "percent", "95.12"),
        (1.25, "number", "1.25"),
        (3, "integer", "3"),
    ],
)
def test_cells_as_people_read_them(
    value: evaluations.Cell, kind: evaluations.Kind, text: str
) -> None:
    assert evaluations.shown(value, kind) == text


def test_what_is_not_a_number_is_an_empty_cell() -> None:
    found = handmade()
    odd = replace(
        found.evaluations[0], scores=replace(found.evaluations[0].scores, ece=float("nan"))
    )
    made = page(replace(found, evaluations=(odd, *found.evaluations[1:]))).table
    assert made.rows[0][[column.key for column in made.columns].index("ece")] is None


def test_failures_and_uses_of_test_are_told() -> None:
    used = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    use = UseOfTest(verb="confirm", used=used, labels=None, details="a", study="a", plan=1)
    failure = Failure("member wide_resnet-10-2@32", "diverged", "loss is nan")
    made = page(handmade(), Record(failures=(failure,), uses_of_test=(use,), created=used))
    assert made.failures == (failure,)
    assert made.uses_of_test == ("2026-01-02 03:04 UTC: confirm a",)
    assert dict(made.settings)["begun"] == "2026-01-02 03:04 UTC"


def test_commands_name_the_storage_unless_it_is_the_usual_one() -> None:
    assert commands.place("/somewhere/studies/ensearch.db") == ""
    assert commands.place("/my place/a.db") == " --storage '/my place/a.db'"


def test_the_study_file_is_toml_of_the_configuration() -> None:
    space = {"name": "small", "depth": [10, 16], "width": {"low": 0.25, "high": 2.0}, "summary": ""}
    given = {
        "budget": 5e9,
        "dataset": 'npz:a "b"\n.npz',
        "limit_train": None,
        "val": "left over",
        "space": space,
        "schedule": {"epochs": 10, "flip": True},
        "seed": 3,
    }
    found = replace(handmade(), config=given, trials_asked=20)
    read = tomllib.loads(commands.definition(found))
    assert read == {
        "study": "cifar10-wide_resnet-5G",
        "budget": 5e9,
        "dataset": 'npz:a "b"\n.npz',
        "seed": 3,
        "trials": 20,
        "schedule": {"optimizer": "sgd", "epochs": 10, "flip": True},
        "space": space,
    }
    assert commands.definition(handmade()) == ""


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("space", sorted(reading.names()))
def test_the_study_file_begins_the_same_study(space: str, optimizer: str, tmp_path: Path) -> None:
    asked = RunOptions(budget=5e9, dataset="cifar10", space=space, optimizer=optimizer, val=500)
    begun = config.resolve(asked)
    stored = json.loads(json.dumps(begun.as_dict()))
    file = tmp_path / "study.toml"
    file.write_text(commands.definition(replace(handmade(), config=stored)), encoding="utf-8")
    assert config.resolve(options.read_file(file)) == replace(begun, name="cifar10-wide_resnet-5G")


def test_a_predicted_size_is_in_the_table_behind_those_that_were_measured() -> None:
    promised = replace(evaluation(8, 10, 2.0, 4_900_000_000, 0.96), trained=4, subsets=0)
    made = page(replace(handmade(), predicted=(promised,)))
    assert made.table.rows[-1][:2] == ("~8 × 10-2", "predicted")
    assert made.views[0].dots[-1][2:] == ("predicted", 4)
