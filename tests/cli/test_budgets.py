"""Studies whose costs are matched in another unit than FLOPs: `--budget-params`, `--budget-ms`."""

import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ensearch.fronts import rank_agreement
from ensearch.latency import Configuration, measurement
from ensearch.report.confirmation import findings
from ensearch.store import LatencyRecord, Store
from tests.command_line import DB, TINY, ensearch

SPACE = TINY.replace("high = 0.5, step = 0.125", "high = 0.75, step = 0.0625")
STUDY = "digits-tiny-40k-params"
RUN = (
    "run --budget-params 4e4 --dataset digits --space tiny.toml --limit-train 60 --epochs 1 "
    "--seeds 2 --launcher inline"
)


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("studied")
    (where / "tiny.toml").write_text(SPACE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        ran = ensearch(f"{RUN} --trials 4")
        assert ran.exit_code == 0, ran.stderr
        assert "budget    40k parameters\n" in ran.stderr
    return where / "studies"


@pytest.fixture
def study(studied: Path, folder: Path) -> str:
    shutil.copytree(studied, folder / "studies")
    return STUDY


def test_costs_are_matched_and_kept_in_parameters(study: str) -> None:
    with Store.open(DB, create=False) as store:
        evaluations, record = store.evaluations(study), store.study(study)
    assert (record.config["budget"], record.config["unit"]) == (4e4, "params")
    assert {e.is_single for e in evaluations} == {True, False}
    for e in evaluations:
        assert e.price == e.cost.params <= 4e4
    summary = json.loads(ensearch(f"report {study} --json").stdout)
    assert summary["axis"] == "params"
    budgets = [row["budget_parameters"] for row in summary["rows"]]
    assert budgets == list(reversed(json.loads(json.dumps(record.config["budgets"]))))
    assert [other["axis"] for other in summary["beside"]] == ["flops"]


def test_answers_are_in_parameters_and_in_flops_on_request(study: str, folder: Path) -> None:
    best = ensearch(f"best {study}")
    assert "Within 40k parameters" in best.stdout
    assert " FLOPs" in best.stdout
    over_flops = json.loads(ensearch(f"report {study} --x flops --json").stdout)
    assert over_flops["axis"] == "flops"
    assert over_flops["beside"][0]["axis"] == "params"
    reports = folder / f"studies/ensearch.reports/{study}"
    assert json.loads((reports / "flops/summary.json").read_text())["axis"] == "flops"
    assert ensearch(f"report {study} --full").exit_code == 0
    assert json.loads((reports / "summary.json").read_text())["axis"] == "params"


def test_the_same_call_goes_on_and_another_unit_is_another_study(study: str, folder: Path) -> None:
    (folder / "tiny.toml").write_text(SPACE)
    again = ensearch(f"{RUN} --trials 5")
    assert again.exit_code == 0, again.stderr
    assert "4 trials are done already" in again.stderr
    other = ensearch(f"{RUN.replace('-params', '')} --study {study}")
    assert other.exit_code == 4
    assert "unit: stored 'params', asked None" in other.stderr


def test_a_search_over_parameters_is_confirmed_over_them(study: str, folder: Path) -> None:
    confirmed = ensearch(f"confirm {study} --epochs 1 --members 1 --fewest 2 --launcher inline")
    assert confirmed.exit_code == 0, confirmed.stderr
    assert "parameters" in confirmed.stderr
    assert "\nmix  " not in confirmed.stderr, "mixed ensembles are searched by FLOPs alone"
    with Store.open(DB, create=False) as store:
        assert all(e.price == e.cost.params for e in store.evaluations(study, "confirm-1"))
    reports = folder / f"studies/ensearch.reports/{study}"
    plan = json.loads((reports / "confirm.json").read_text())["plan"]
    assert max(plan["budgets_parameters"]) == 4e4
    assert "budgets_multiply_adds" not in plan


def test_pairs_of_nearly_equal_cost_are_so_in_parameters(
    study: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed = ensearch(f"confirm {study} --epochs 2 --members 1 --fewest 2 --launcher inline")
    assert confirmed.exit_code == 0, confirmed.stderr
    asked: list[Sequence[float]] = []
    monkeypatch.setattr(rank_agreement, "near_pairs", lambda costs, *_: asked.append(costs))
    with Store.open(DB, create=False) as store:
        plan = findings.collect(store, study).plan
        params = {e.key: e.cost.params for e in store.evaluations(study, "confirm-1")}
    assert asked == [[params[finalist.key] for finalist in plan.finalists]]


def by_macs(
    wanted: Sequence[Configuration], batches: Sequence[int], place: measurement.Place, **_: Any
) -> Iterator[list[LatencyRecord]]:
    """Times that do not depend on the machine: a microsecond for 1,000 multiply-adds."""
    yield [
        LatencyRecord(
            architecture=one.architecture.key,
            macs=one.macs,
            size=one.size,
            batch=batches[0],
            setup=place.setup,
            ms=one.macs / 1e6,
            ms_p95=one.macs / 1e6,
            low=one.macs / 1e6,
            high=one.macs / 1e6,
            runs=1,
            measured=datetime.now(UTC),
        )
        for one in wanted
    ]


def test_a_budget_of_time_is_of_networks_that_were_timed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "tiny.toml").write_text(SPACE)
    study = "digits-tiny-0.4-ms-4"
    line = RUN.replace("--budget-params 4e4", "--budget-ms 0.4@4") + " --trials 2"
    with monkeypatch.context() as patch:
        patch.setattr(measurement, "measure", by_macs)
        ran = ensearch(line)
    assert ran.exit_code == 0, ran.stderr
    assert "budget    0.4 ms@4\n" in ran.stderr
    with Store.open(DB, create=False) as store:
        evaluations, record, kept = (
            store.evaluations(study), store.study(study), store.latencies()
        )  # fmt: skip
        steps = store.ladder(study)
    assert (record.config["budget"], record.config["unit"]) == (0.4, "ms@4")
    timed = {one.architecture: one.ms for one in kept}
    assert steps is not None
    assert "one thread, torch" in steps["timed"]
    for e in evaluations:
        assert e.price == pytest.approx(e.size * timed[e.architecture.key])
        assert e.price <= 0.4
    again = ensearch(line.replace("trials 2", "trials 3"))
    assert again.exit_code == 0, again.stderr
    assert "timing " not in again.stderr, "who goes on does not time anything again"
    answer = ensearch(f"best {study}").stdout
    assert "Within 0.4 ms" in answer
    assert json.loads(ensearch(f"report {study} --json").stdout)["axis"] == "ms@4"
    assert "≈ marks the time of a size" in ensearch(f"report {study} --full").stdout
    with Path(f"studies/ensearch.reports/{study}/evaluations.csv").open() as file:
        rows = list(csv.DictReader(file))
    measured = {(row["size"] == "1", row["ms_per_image_in_batches_of_4_measured"]) for row in rows}
    assert measured == {(True, "yes"), (False, "no, by its sizes")}


@pytest.mark.parametrize("given", ["2", "2@", "@64", "0@4", "2@0", "x@4", "2@64:tpu", "1..2@4"])
def test_a_budget_of_time_names_the_images_at_a_time(given: str, folder: Path) -> None:
    refused = ensearch(f"run --dataset digits --budget-ms {given} --plan")
    assert refused.exit_code == 2
    assert "--budget-ms must be milliseconds" in refused.stderr
