"""The CSV and JSON files of a study."""

import csv
import dataclasses
import errno
import json
import os
from pathlib import Path

import pytest

from ensearch.errors import StorageError
from ensearch.fronts import ToSettle
from ensearch.report.study import figure, figure_data, files
from tests.worlds import handmade, surrogate


def test_csv_names_its_units_and_gives_back_every_number(tmp_path: Path) -> None:
    found = handmade()
    path, _ = files.write(found, tmp_path / "new" / "folder")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found.evaluations)
    for row, e in zip(rows, found.evaluations, strict=True):
        assert int(row["cost_multiply_adds_per_example"]) == e.cost.macs
        assert int(row["params"]) == e.cost.params
        assert float(row["train_macs_estimate"]) == e.train_macs
        assert float(row["accuracy_val_fraction"]) == e.scores.accuracy
        assert float(row["nll_val_nats"]) == e.scores.nll
        assert (int(row["size"]), int(row["depth"]), float(row["width"])) == (
            e.size,
            e.architecture.depth,
            e.architecture.width,
        )
        assert (row["split"], row["trained"], row["subsets"]) == ("val", str(e.trained), "1")


def test_the_documents_explain_every_column() -> None:
    page = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()
    for column in files.csv_of(handmade()).splitlines()[0].split(","):
        if not column.startswith("schedule_"):
            assert f"`{column.replace('_val', '_SPLIT')}`" in page, column


def strict_json(path: Path) -> dict[str, object]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    loaded: dict[str, object] = json.loads(path.read_text("utf-8"), parse_constant=refuse)
    return loaded


def test_summary_is_strict_json_that_names_its_unit(tmp_path: Path) -> None:
    _, path = files.write(handmade(), tmp_path)
    summary = strict_json(path)
    assert summary["schema"] == 2
    assert summary["unit"] == "multiply-adds of one forward pass of all members, per example"
    assert (summary["under_way"], summary["margin_fraction"]) == (False, 0.01)
    zone = summary["zone"]
    assert isinstance(zone, dict)
    assert (zone["status"], zone["low_multiply_adds"], zone["high_multiply_adds"]) == (
        "crossed",
        1.25e9,
        5e9,
    )
    answer = summary["answer"]
    assert isinstance(answer, dict)
    assert (answer["verdict"], answer["take"]["label"], answer["budget"]) == (
        "ensembles",
        "4 × 10-2",
        5e9,
    )
    rows = summary["rows"]
    assert isinstance(rows, list)
    assert rows[1]["advantage_fraction"] is None
    assert rows[1]["matched"] is False
    assert [row["verdict"] for row in rows] == ["single", "undecided", "ensembles"]
    assert rows[0]["take"]["size"] == 1
    assert rows[2]["ensemble"]["size"] == 4
    assert rows[2]["advantage_low"] == 0.005


def test_nothing_is_a_verdict_while_the_search_is_under_way() -> None:
    summary = files.summary(dataclasses.replace(handmade(), under_way=True))
    assert (summary["zone"], summary["answer"]["verdict"]) == (None, None)
    assert {row["verdict"] for row in summary["rows"]} == {None}
    assert summary["headline"].startswith("So far, after 42 trials, ")


def test_what_would_settle_a_budget_is_in_the_summary() -> None:
    found = handmade()
    needs = ToSettle({"a": 4}, 1e9, None, 0.02, 0.01, 0.015)
    rows = (dataclasses.replace(found.fronts.rows[0], to_settle=needs), *found.fronts.rows[1:])
    fronts = dataclasses.replace(found.fronts, rows=rows)
    assert files.summary(dataclasses.replace(found, fronts=fronts))["rows"][0]["to_settle"] == {
        "seeds": {"a": 4},
        "train_macs_estimate": 1e9,
        "images": None,
        "half_width_fraction": 0.02,
        "half_width_with_infinite_seeds": 0.01,
        "half_width_with_infinite_images": 0.015,
    }


def test_a_path_with_dollar_signs_is_no_formula(tmp_path: Path) -> None:
    found = handmade(dataset="npz:/data/$x_{$y.npz", study="a$b_{")
    figure.draw_png(figure_data.compute(found), tmp_path / "t.png")
    assert (tmp_path / "t.png").is_file()


def test_costs_in_files_are_multiply_adds_whatever_the_tables_count(tmp_path: Path) -> None:
    one = files.write(handmade(), tmp_path / "one")[0].read_bytes()
    assert files.write(handmade(flops_per_mac=2), tmp_path / "two")[0].read_bytes() == one


def test_a_full_disk_leaves_the_old_files_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = files.write(handmade(), tmp_path)
    before = path.read_bytes()

    def full(source: str, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match=r"cannot write .*No space left"):
        files.write(surrogate((16,), 2, 100), tmp_path)
    assert path.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {"evaluations.csv", "summary.json"}


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        files.write(handmade(), tmp_path / "report")


def test_files_follow_the_umask(tmp_path: Path) -> None:
    for umask, mode in ((0o022, 0o644), (0o077, 0o600)):
        before = os.umask(umask)
        try:
            paths = files.write(handmade(), tmp_path / str(umask))
        finally:
            os.umask(before)
        assert [path.stat().st_mode & 0o777 for path in paths] == [mode] * len(paths)
