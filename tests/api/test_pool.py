"""Combining, importing and adding models from Python."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import ensearch
from ensearch.api import pool as api
from ensearch.errors import BudgetError, StorageError, UsageError
from ensearch.pool.results import BASELINES, FRONTS, MIXED
from ensearch.report.pool.fronts import PoolFronts
from ensearch.store import Store
from tests import models
from tests.command_line import DB
from tests.command_line import ensearch as command


def combined(**more: object) -> PoolFronts:
    return api.combine(pool="all", budget=20e6, **more)  # type: ignore[arg-type]


def test_fronts_are_what_the_command_line_prints(pool: Path) -> None:
    notes: list[str] = []
    fronts = combined(budgets=[1e6, "10M"], on_progress=notes.append)
    assert fronts.notes == ()
    assert notes == [f"searching {name}" for name in (*FRONTS, *BASELINES)]
    printed = command("front --pool all --budget 20M --budgets 1M,10M --json")
    assert json.loads(printed.stdout) == json.loads(json.dumps(fronts.summary()))
    assert fronts.budgets == (1e6, 1e7, 2e7)
    top = fronts.point(MIXED, 2e7)
    assert top is not None
    assert [fronts.entries[member].name for member in top.members] == ["left", "right"]
    assert top.val.accuracy == 1.0
    assert fronts.verdict[0] == f"{fronts.headline}."
    assert fronts.headline.startswith("Within 20M FLOPs a mixed ensemble beats")
    assert fronts.point(MIXED, 3e6) is None


def test_numbers_are_numbers_or_texts(pool: Path) -> None:
    as_text = api.combine(pool="left", budget="20M", budgets="10M,20M")
    as_numbers = api.combine(pool="left", budget=20_000_000, budgets=(10e6, 20e6))
    assert as_text == as_numbers
    doubled = api.combine(pool="left", budget=40e6, budgets=20e6, flops_per_mac=2)
    assert (doubled.budgets, doubled.flops_per_mac) == ((1e7, 2e7), 2)


def test_fronts_can_be_printed_shown_drawn_and_written(pool: Path, tmp_path: Path) -> None:
    fronts = combined(budgets="10M")
    console = Console(file=io.StringIO(), width=100)
    console.print(fronts.table(), crop=False)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "left + right" in text
    html = fronts._repr_html_()
    assert html.startswith("<pre")
    assert "left + right" in html
    rows = fronts.to_dicts()
    assert len({tuple(row) for row in rows}) == 1  # equal keys
    assert {row["front"] for row in rows} == set(FRONTS)
    figure = fronts.plot()
    assert [axes.get_xscale() for axes in figure.axes] == ["log"]
    assert fronts.folder.name == "front-all"
    for folder in (fronts.write(), fronts.write(tmp_path / "deep" / "other")):
        assert {path.name for path in folder.iterdir()} == {"front.csv", "front.json", "front.png"}
        with (folder / "front.csv").open() as file:
            written = list(csv.DictReader(file))
        assert [row["members"] for row in written] == [row["members"] for row in rows]
    assert fronts.folder.is_dir()


def test_test_is_scored_on_demand_and_the_use_recorded(pool: Path) -> None:
    notes: list[str] = []
    fronts = combined(budgets="20M", test=True, on_note=notes.append)
    assert "for the first time" in notes[0]
    assert fronts.notes == tuple(notes)
    assert (fronts.has_test, fronts.uses_before) == (True, 0)
    assert all(point.test is not None for point in fronts.points)
    assert combined(budgets="20M", test=True).uses_before == 1
    with Store.open(DB, create=False) as store:
        fingerprint = fronts.entries[0].labels["test"]
        assert len(store.uses_of_test(fingerprint)) == 2


def test_illegal_requests_name_the_option(pool: Path) -> None:
    for values, option in (
        ({"flops_per_mac": 3}, "flops_per_mac"),
        ({"budgets": "30M"}, "budgets"),
        ({"budgets": "x"}, "budgets"),
        ({"budget": -1}, "budget"),
        ({"pool": "nobody"}, "pool"),
        ({"pool": "all,!all"}, "pool"),
    ):
        with pytest.raises(UsageError) as caught:
            api.combine(**{"pool": "all", "budget": "20M"} | values)
        assert caught.value.facts["option"] == option
    with pytest.raises(UsageError, match="unknown measure of confidence 'sure'"):
        combined(measure="sure")
    with pytest.raises(BudgetError):
        api.combine(pool="all", budget=10)
    with pytest.raises(StorageError):
        combined(storage="none.db")


def test_predictions_are_imported_from_python(folder: Path) -> None:
    content = models.arrays()
    models.write(Path("p.npz"), content)
    notes: list[str] = []
    added = api.import_predictions(
        "p.npz",
        name="B0",
        macs=390e6,
        params="5.3M",
        storage=folder / "own.db",
        on_note=notes.append,
    )
    right = float(np.mean(content["probs_val"].argmax(1) == content["y_val"]))
    assert added.to_dict() == {
        "name": "B0",
        "multiply_adds_per_example": 390_000_000,
        "parameters": 5_300_000,
        "accuracy_val": right,
        "may_have_seen_val": False,
    }
    assert [note.partition(" belong to ")[0] for note in notes] == [
        "the rows of val",
        "the rows of test",
    ]
    assert added.notes == tuple(notes)
    for values, option in (({"macs": 0.5}, "macs"), ({"macs": 1, "params": "x"}, "params")):
        with pytest.raises(UsageError) as caught:
            api.import_predictions("p.npz", name="B1", **values)
        assert caught.value.facts["option"] == option
    with pytest.raises(StorageError):
        api.import_predictions("p.npz", name="B0", macs=1, storage=folder / "own.db")
    assert not Path("studies").exists()


def test_values_that_do_not_go_together_are_refused_before_images_are_read(folder: Path) -> None:
    for values, option in (
        ({"timm": ["a", "b"], "name": "c"}, "name"),
        ({"timm": "a,b", "checkpoint": "w.pth"}, "checkpoint"),
        ({"timm": "a,a"}, "timm"),
        ({"timm": []}, "timm"),
        ({"timm": "a", "normalise": "mine"}, "normalise"),
        ({"timm": "a", "choose_on": "test"}, "choose_on"),
    ):
        with pytest.raises(UsageError) as caught:
            api.add_model(dataset="npz:none.npz", **values)
        assert caught.value.facts["option"] == option


def test_the_package_offers_the_verbs() -> None:
    assert ensearch.combine is api.combine
    assert ensearch.add_model is api.add_model
    assert ensearch.import_predictions is api.import_predictions
    assert ensearch.PoolFronts is PoolFronts
