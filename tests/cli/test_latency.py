"""`ensearch latency`, and reports over milliseconds; on a busy machine times may be anything."""

import json
import shutil
from pathlib import Path

import pytest

import ensearch as library
from ensearch.latency import timing
from ensearch.store import Store
from tests.command_line import DB, TINY, ensearch, quick

STUDY = "digits-tiny-400k"


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage of a small study, in a folder of its own, that kept no weights."""
    where = tmp_path_factory.mktemp("studied")
    (where / "tiny.toml").write_text(TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        ran = quick("--no-weights")
        assert ran.exit_code == 0, ran.stderr
    return where / "studies"


@pytest.fixture
def study(studied: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A copy of it that a test may change, and turns of a few runs."""
    shutil.copytree(studied, folder / "studies")
    monkeypatch.setattr(timing, "WARM", 0.0)
    monkeypatch.setattr(timing, "TIMED", 0.0)
    monkeypatch.setattr(timing, "ROUNDS", 2)
    return STUDY


def test_every_configuration_of_a_study_is_measured_without_its_weights(study: str) -> None:
    measured = ensearch(f"latency {study} --batch 1,4 --json")
    assert measured.exit_code == 0, measured.stderr
    found = json.loads(measured.stdout)
    assert (found["runtime"], found["threads"], found["batches"]) == ("torch", 1, [1, 4])
    with Store.open(DB, create=False) as store:
        evaluations = {(e.architecture.key, e.size): e.cost.macs for e in store.evaluations(study)}
        kept = store.latencies()
    costs = {
        (row["architecture"], row["size"]): row["cost_multiply_adds_per_example"]
        for row in found["configurations"]
    }
    assert costs == evaluations
    assert len(kept) == 2 * len(costs)
    for record in kept:
        assert 0 < record.low <= record.ms <= record.high
        assert record.runs == 2 * timing.FEWEST
    again = ensearch(f"latency {study} --batch 1,4")
    assert again.stdout.splitlines()[2].split()[:3] == ["configuration", "FLOPs", "ms@1"]
    with Store.open(DB, create=False) as store:
        assert len(store.latencies()) == len(kept), "measured again in place of the first time"


@pytest.mark.usefixtures("study")
def test_times_of_two_threads_are_kept_beside_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "FEWEST", 1)
    line = "latency --pool 10-0.25 --batch 1"
    assert ensearch(line).exit_code == 0
    measured = ensearch(f"{line} --threads 2 --json")
    assert measured.exit_code == 0, measured.stderr
    assert json.loads(measured.stdout)["threads"] == 2
    with Store.open(DB, create=False) as store:
        assert [record.setup.threads for record in store.latencies()] == [1, 2]


def test_reports_are_over_milliseconds_and_say_what_flops_say(study: str, folder: Path) -> None:
    without = ensearch(f"report {study}")
    assert f"export    ensearch export {study}\n" in without.stderr
    assert "\ntime  " not in without.stderr
    assert ensearch(f"latency {study} --batch 4").exit_code == 0
    plain = ensearch(f"report {study}")
    assert " ms@4, " in plain.stdout
    assert "\ntime      " in plain.stdout
    assert f"time      ensearch report {study} --x ms@4\n" in plain.stderr
    assert len(plain.stdout.splitlines()) + len(plain.stderr.splitlines()) <= 25
    summary = json.loads(ensearch(f"report {study} --json").stdout)
    (beside,) = summary["beside"]
    assert (summary["axis"], beside["axis"]) == ("flops", "ms@4")
    timed = json.loads(ensearch(f"report {study} --x ms@4 --json").stdout)
    assert timed["rows"] == beside["rows"]
    assert timed["beside"][0]["rows"] == summary["rows"]
    assert "budget_ms_per_image" in timed["rows"][0]
    reports = folder / f"studies/ensearch.reports/{study}"
    assert {p.name for p in (reports / "ms@4").iterdir()} == {p.name for p in reports.glob("*.*")}
    assert json.loads((reports / "summary.json").read_text())["axis"] == "flops"
    said = ensearch(f"report {study} --x ms@4").stderr
    assert f"details   ensearch report {study} --full --x ms@4\n" in said
    assert "ensearch export" not in said  # it would write what is taken by FLOPs
    full = ensearch(f"report {study} --x ms@4 --full").stdout
    assert "Unit: milliseconds an image in batches of 4" in " ".join(full.split())
    budget = timed["rows"][-1]["budget_ms_per_image"]
    best = json.loads(ensearch(f"best {study} --x ms@4 --budget {2 * budget} --json").stdout)
    assert best["budget"] == budget
    below = ensearch(f"best {study} --x ms@4 --budget 1e-9")
    assert below.exit_code == 3
    assert "--budget" not in below.stderr


def test_what_is_not_measured_or_not_legal_is_refused(study: str) -> None:
    missing = ensearch(f"report {study} --x ms@64")
    assert missing.exit_code == 4
    assert f"ensearch latency {study} --batch 64 --runtime torch" in missing.stderr
    for line, says in (
        (f"report {study} --x hours", "--x must be"),
        (f"latency {study} --runtime fast", "runtime 'fast'"),
        (f"latency {study} --batch 0", "--batch must be"),
        (f"latency {study} --threads 0", "--threads must be"),
        (f"latency {study} --batch few", "--batch must be"),
        (f"latency {study} --pool all", "name one"),
        ("latency", "name one"),
    ):
        refused = ensearch(line)
        assert refused.exit_code == 2, line
        assert says in refused.stderr, line


def test_networks_of_the_pool_are_measured_alone(study: str) -> None:
    measured = library.measure_latency(pool=f"study:{study}", batch=2, device="cpu")
    assert [row.size for row in measured.rows] == [1] * len(measured.rows)
    assert {row.architecture for row in measured.rows} == {
        "wide_resnet-10-0.25@8",
        "wide_resnet-10-0.5@8",
    }
    assert list(measured.rows[0].times) == [2]


@pytest.mark.parametrize("verb", ["latency", "export", "export --kind distilled"])
def test_a_name_of_the_pool_in_place_of_a_study_is_noticed(verb: str, study: str) -> None:
    refused = ensearch(f"{verb} 10-0.25")
    assert (refused.exit_code, "To take that: --pool '10-0.25'." in refused.stderr) == (4, True)
    assert "unknown study 'nothing'" in ensearch(f"{verb} nothing").stderr


def test_fronts_of_the_pool_are_over_milliseconds(study: str, folder: Path) -> None:
    line = f"front --pool study:{study} --budget 1e5 --x ms@2"
    missing = ensearch(line)
    assert missing.exit_code == 4
    assert "ensearch latency --pool QUERY --batch 2 --runtime torch" in missing.stderr
    assert ensearch(f"latency --pool study:{study} --batch 2").exit_code == 0
    found = ensearch(f"{line} --json")
    assert found.exit_code == 0, found.stderr
    fronts = json.loads(found.stdout)
    with Store.open(DB, create=False) as store:
        times = {record.architecture: record.ms for record in store.latencies()}
    for row in fronts["rows"]:
        whole = sum(times[name.partition("/")[0]] for name in row["members"])
        if row["front"] != "cascade":
            assert row["cost_nanoseconds_per_example"] == pytest.approx(1e6 * whole, rel=1e-5)
        assert row["cost_nanoseconds_per_example"] <= row["budget_nanoseconds_per_example"]
    assert fronts["budgets_nanoseconds"][-1] == pytest.approx(1e11)
    reports = folder / "studies/ensearch.reports"
    assert {p.name for p in (reports / f"front-study-{study}/ms@2").iterdir()} == {
        "front.csv", "front.json", "front.png"
    }  # fmt: skip
    table = " ".join(ensearch(line).stdout.split())
    assert "Within 100k ms" in table
    assert "Unit: milliseconds an image in batches of 2" in table
    assert ensearch(f"front --pool study:{study} --budget 1e-9 --x ms@2").exit_code == 3


def test_models_of_others_cannot_be_built_again(pool: Path) -> None:
    refused = ensearch("latency --pool all")
    assert refused.exit_code == 5
    assert "models that were trained elsewhere" in refused.stderr
