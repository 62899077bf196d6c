"""The command line as a person meets it: what it prints, where, and with which exit code."""

import csv
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update
from typer.testing import Result

from ensearch import datasets
from ensearch.cli import app
from ensearch.core import Schedule
from ensearch.search_space import reading
from ensearch.store import Store, tables
from ensearch.study import search
from tests.command_line import TINY, VERBS, ensearch, quick
from tests.folders import write_tree


def test_the_verbs_are_these() -> None:
    listed = ensearch("--help").stdout
    assert " pool " in listed
    assert [verb for verb in VERBS if f" {verb} " in listed] == list(VERBS)
    assert len(app.app.registered_commands) == len(VERBS)


def test_cost_prints_the_published_numbers() -> None:
    result = ensearch("cost wide_resnet --width 10 --depth 28")
    assert "36,479,194" in result.stdout
    assert "5,243,328,768" in result.stdout
    assert result.stderr == ""


def test_cost_says_which_network_of_the_literature_it_is() -> None:
    result = ensearch(
        "cost efficientnet --width 1.6 --depth 2.2 --resolution 456 --classes 1000 --json"
    )
    record = json.loads(result.stdout)
    assert record["known_as"] == "EfficientNet-B5"
    assert record["architecture"].endswith("2.2-1.6@456")
    assert record["parameters"] == 30_389_784
    assert record["multiply_adds_per_example"] == 10_266_384_752


def test_cost_counts_members_and_the_unit_asked_for() -> None:
    result = ensearch("cost wide_resnet --width 1 --depth 10 --members 4 --flops-per-mac 2 --json")
    record = json.loads(result.stdout)
    assert record["multiply_adds_per_example"] == 4 * 12_501_632
    assert record["flops_per_example"] == 8 * 12_501_632
    assert record["parameters"] == 4 * 77_850


def test_cost_counts_the_channels_of_the_images() -> None:
    """The first layer has 16 filters of 3 x 3 on every channel of 8 x 8 pixels."""
    line = "cost wide_resnet --width 0.25 --depth 10 --resolution 8 --json"
    grey, colour = (json.loads(ensearch(f"{line} --channels {c}").stdout) for c in (1, 3))
    assert (grey["channels"], colour["channels"]) == (1, 3)
    assert colour["parameters"] - grey["parameters"] == 2 * 16 * 9
    key = "multiply_adds_per_example"
    assert colour[key] - grey[key] == 2 * 16 * 9 * 64


def test_listings_name_everything_there_is() -> None:
    listed = set(json.loads(ensearch("spaces --json").stdout))
    assert listed == {*reading.names(), "timm:NAME,..."}
    found = ensearch("datasets").stdout
    assert all(name in found for name in datasets.names())


def test_a_study_is_run_continued_and_reported(folder: Path) -> None:
    first = quick()
    assert first.exit_code == 0, first.stderr
    plan = first.stderr.partition("trial 1/3")[0].splitlines()
    labels = {text.split()[0] for text in plan}
    # Three widths cannot be matched.
    assert {"study", "data", "budget", "space", "warning", "time"} <= labels
    assert len(plan) <= 14
    assert "trial 3/3" in first.stderr
    assert "ensearch resume digits-tiny-400k" in first.stderr
    assert "Budget" in first.stdout
    assert first.stdout.startswith("answer    ")

    again = ensearch("resume digits-tiny-400k --trials 5 --launcher inline --json")
    assert again.exit_code == 0, again.stderr
    assert "3 trials are done already, " in again.stderr
    summary = json.loads(again.stdout)
    assert summary["trials"]["done"] == 5
    assert "multiply-adds" in summary["unit"]

    assert re.search(r"digits-tiny-400k +complete +5 of 5", ensearch("status").stdout)
    status = json.loads(ensearch("status digits-tiny-400k --json").stdout)
    assert status[0]["trials_done"] == 5

    report = ensearch("report digits-tiny-400k --out out")
    assert report.exit_code == 0
    assert sorted(p.name for p in (folder / "out").iterdir()) == [
        "evaluations.csv",
        "index.html",
        "summary.json",
        "tradeoff.png",
    ]


def test_a_finished_study_says_how_to_go_on(studied: Path) -> None:
    result = quick()
    assert result.exit_code == 0
    assert "all trials that were asked for are done" in result.stderr
    assert "--trials 23" in result.stderr
    resumed = ensearch("resume digits-tiny-400k --launcher inline")
    assert "ensearch resume digits-tiny-400k --trials 23" in resumed.stderr
    elsewhere = quick("--storage my.db")
    assert "ensearch resume digits-tiny-400k --storage my.db --trials 23" in elsewhere.stderr


def test_a_study_by_muon_says_so_and_goes_on_by_muon(folder: Path) -> None:
    first = quick("--optimizer muon")
    assert first.exit_code == 0, first.output
    again = quick()  # no optimizer is named: the study keeps its own
    assert again.exit_code == 0, again.output
    assert "all trials that were asked for are done" in again.stderr
    (written,) = folder.rglob("evaluations.csv")
    rows = list(csv.DictReader(written.read_text().splitlines()))
    assert {(row["schedule_optimizer"], row["schedule_peak_lr"]) for row in rows} == {
        ("muon", "0.12")
    }
    report = ensearch("report digits-tiny-400k --full").stdout
    assert "batch 64, muon, seed 0" in " ".join(report.split())
    assert "batches of 64, muon\n" in quick("--optimizer muon --plan").stdout
    refused = quick("--optimizer sgd")
    assert refused.exit_code == 4
    assert "schedule.optimizer: stored 'muon', asked None" in refused.stderr
    unknown = quick("--study other --optimizer adam")
    assert unknown.exit_code == 2
    assert "must be 'sgd' or 'muon'; got 'adam'" in unknown.stderr


def test_a_study_that_tried_everything_is_not_told_to_go_on(folder: Path) -> None:
    (folder / "two.toml").write_text(TINY.replace("[1, 2]", "[1]").replace("0.5,", "0.375,"))
    result = ensearch(
        "run --budget 4e5 --dataset digits --space two.toml --limit-train 60 --epochs 1 "
        "--launcher inline --trials 2"
    )
    assert result.exit_code == 0, result.stderr
    assert "every configuration of the search space within the budget" in result.stderr
    assert "go on" not in result.stderr
    ensearch("resume digits-two-400k --launcher inline --trials 9")
    assert re.search(r"complete +2 \(all there are\) ", ensearch("status").stdout)


def test_a_narrow_terminal_breaks_no_name_number_or_date(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"a-long-name-{'x' * 50}"
    days = [datetime.now(UTC).date().isoformat()]
    assert quick(f"--study {name}").exit_code == 0
    days.append(datetime.now(UTC).date().isoformat())  # another one, if it was midnight
    monkeypatch.setenv("COLUMNS", "40")
    shown = ensearch("status").stdout
    assert re.search(rf"^{name}\n +complete +3 of 3 .* ({'|'.join(days)})", shown, re.MULTILINE)
    assert re.search(rf"^{name}: .*10-0", shown, re.MULTILINE)


def test_a_plan_alone_leaves_nothing_behind(folder: Path) -> None:
    planned = quick("--plan")
    assert planned.exit_code == 0, planned.output
    assert "time      about" in planned.stdout
    assert "trial 1" not in planned.output
    assert "cheapest" in planned.stdout
    assert json.loads(quick("--plan --json").stdout)["trials"] == 3
    assert [p.name for p in folder.iterdir()] == ["tiny.toml"]


def test_a_plan_says_that_the_study_exists(folder: Path) -> None:
    quick("--seeds 2")
    same = quick("--plan").stdout
    said = "study digits-tiny-400k exists, with 3 trials done"
    assert f"note      {said}: a run goes on with it, and this plan is of a new one\n" in same
    assert "every network trains at least 2 times" in same, "as the study does"
    differs = quick("--plan --seeds 4").stdout
    assert "(seeds: stored 2, asked 4): a run with these options is refused" in differs
    (note,) = json.loads(quick("--plan --json").stdout)["notes"]
    assert note.startswith(said)
    assert "exists" not in quick("--plan --study other").stdout
    refused = quick("--seeds 4")
    assert refused.exit_code == 4
    assert "  seeds: stored 2, asked 4\nGo on with it by `ensearch resume" in refused.stderr


def test_a_run_that_can_compare_nothing_says_first_what_would_do(folder: Path) -> None:
    """The cheapest network costs 88 k, so that there is no room for two."""
    line = "run --budget 1e5 --dataset digits --limit-train 60 --epochs 1 --launcher inline"
    before = ensearch(f"{line} --plan --json")
    plan = json.loads(before.stdout)
    assert (plan["obstacle"], plan["matched_budgets_multiply_adds"]) == ("no ensemble", [])
    (remedy,) = plan["remedies"]
    assert remedy["kind"] == "budget"
    assert f"--budget {remedy['value']:.0f}" in before.stderr
    larger = ensearch(line.replace("1e5", str(remedy["value"])) + " --plan --json")
    plan = json.loads(larger.stdout)
    assert (plan["obstacle"], plan["remedies"]) == (None, [])
    assert len(plan["matched_budgets_multiply_adds"]) == remedy["budgets"]
    ran = ensearch(line).stderr
    assert (
        ran.index("warning   no ensemble fits")
        < ran.index("type      --budget")
        < (ran.index("member 10-0.25 trained"))
    )


def test_a_budget_that_is_too_small_measures_no_speed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*args: Any) -> float:
        raise AssertionError("measured")

    monkeypatch.setattr("ensearch.training.measure_speed", measure)
    assert quick("--budget 1e3").exit_code == 3


def test_a_file_takes_where_members_train(folder: Path) -> None:
    (folder / "mine.toml").write_text(
        'budget = 4e5\ndataset = "digits"\nspace = "tiny.toml"\nlimit_train = 60\nepochs = 1\n'
        'trials = 1\nlauncher = "inline"\nweights = false\n'
    )
    result = ensearch("run --config mine.toml")
    assert result.exit_code == 0, result.output
    assert "1 trial done, 0 failed" in result.stderr
    assert not list((folder / "studies").rglob("*.safetensors"))
    flag_wins = ensearch("run --config mine.toml --launcher rocket")
    assert flag_wins.exit_code == 2


def test_a_speed_is_measured_again_when_it_is_old_or_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ensearch.study.speed._LEAST_SECONDS", 0)
    measured: list[str] = []

    def measure(network: Any, shape: Any, schedule: Schedule, *rest: Any) -> float:
        measured.append(schedule.optimizer)
        return 1e-9

    monkeypatch.setattr("ensearch.training.measure_speed", measure)
    first = quick("--optimizer muon")
    assert "times as long as the plan's speed says: the next run measures it again" in first.stderr
    assert len(measured) == 2  # the smallest network and the largest
    monkeypatch.setattr("ensearch.study.speed._LEAST_SECONDS", 60)
    for count in (4, 4):
        quick("--optimizer muon")
        assert len(measured) == count
    with Store.open("sqlite:///studies/ensearch.db", create=False) as store:
        old = datetime.now(UTC) - timedelta(hours=25)
        with store._write() as connection:
            connection.execute(update(tables.speeds).values(measured=old))
    quick("--optimizer muon")
    assert measured == 6 * ["muon"], "the optimizer that trains"


def test_members_that_are_trained_again_are_held_against_the_speed_by_what_they_took(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A speed without overhead: by it, members of no multiply-adds would take no time."""
    monkeypatch.setattr("ensearch.study.speed._LEAST_SECONDS", 0)
    monkeypatch.setattr("ensearch.training.measure_speed", lambda *_: 1e-9)
    assert quick().exit_code == 0
    for file in Path("studies/ensearch.members").rglob("*.val.npz"):
        file.unlink()
    again = ensearch("resume digits-tiny-400k --retrain-missing --launcher inline")
    assert again.exit_code == 0, again.stderr
    assert "times as long as the plan's speed says" in again.stderr


def test_another_configuration_under_the_same_name_is_refused(studied: Path) -> None:
    result = quick("--seed 1")
    assert result.exit_code == 4
    assert "seed: stored 0, asked 1" in result.stderr
    assert "by `ensearch resume digits-tiny-400k`," in result.stderr


def test_advice_names_the_storage_where_it_is_not_the_usual_one(folder: Path) -> None:
    quick("--storage my.db")
    elsewhere = quick("--storage my.db --seed 1")
    assert "`ensearch resume digits-tiny-400k --storage my.db`" in elsewhere.stderr
    (folder / "mine.toml").write_text('storage = "my.db"')
    by_file = quick("--config mine.toml --seed 1")
    assert "`ensearch resume digits-tiny-400k --storage my.db`" in by_file.stderr
    for file in (folder / "my.members").rglob("*.npz"):
        file.unlink()
    again = ensearch("resume --storage my.db digits-tiny-400k --trials 6 --launcher inline")
    assert "ensearch resume digits-tiny-400k --retrain-missing --storage my.db" in again.stderr
    empty = ensearch("status --storage gone.db")
    assert "--storage gone.db" in empty.stderr


def test_a_member_that_diverges_is_a_recorded_failure(folder: Path) -> None:
    (folder / "wild.toml").write_text("[schedule]\npeak_lr = 1e6\n")
    result = quick("--config wild.toml")
    assert result.exit_code == 6
    assert "all 3 trials" in result.stderr
    assert "diverged" in result.stderr
    assert "diverged" in ensearch("status digits-tiny-400k").stdout
    (status,) = json.loads(ensearch("status --json").stdout)
    failures = status["failures"]
    assert {failure["reason"] for failure in failures} == {"diverged"}
    report = ensearch("report digits-tiny-400k --out out")
    assert (report.exit_code, report.stdout) == (4, "")
    assert "3 trials failed: diverged: 3" in report.stderr
    page = (folder / "out" / "index.html").read_text()
    assert "Nothing has been evaluated yet." in page
    assert page.count("diverged") >= 3 + len(failures)
    assert all(f"member {failure['label']}" in page for failure in failures)
    assert [path.name for path in (folder / "out").iterdir()] == ["index.html"]


def test_a_budget_beyond_the_space_is_said_to_be(folder: Path) -> None:
    result = quick("--budget 1e12 --study large")
    assert result.exit_code == 0, result.stderr
    assert "larger than anything in space tiny" in result.stderr


BAD = [
    ("run --budget 0 --dataset digits", 2, "positive number such as 5e9"),
    ("run --budget -5 --dataset digits", 2, "positive number such as 5e9"),
    ("run --budget nan --dataset digits", 2, "positive number such as 5e9"),
    ("run --budget 5bananas --dataset digits", 2, "got '5bananas'"),
    ("run --budget 1000 --dataset digits", 3, "the cheapest, 1 × wide_resnet 10-0.25, costs 88"),
    ("run --dataset digits", 2, "--budget is missing"),
    ("run --budget 2e6", 2, "--dataset is missing"),
    ("run --budget 2e6 --dataset digit", 2, "Did you mean 'digits'"),
    ("run --budget 2e6 --dataset npz", 2, "npz:PATH"),
    ("run --budget 2e6 --dataset npz:gone.npz", 5, "gone.npz"),
    ("run --budget 2e6 --dataset npz:labels.npz", 5, "classes"),
    ("run --budget 2e6 --dataset npz:sizes.npz", 5, "size"),
    ("run --budget 2e6 --dataset digits --space wide", 2, "Did you mean 'wide_resnet'"),
    ("run --budget 2e6 --dataset digits --space empty.toml", 2, "low <= high"),
    ("run --budget 2e6 --dataset digits --space key.toml", 2, "Did you mean 'members'"),
    ("run --budget 2e6 --dataset digits --space type.toml", 2, "depth must be a list"),
    ("run --budget 2e6 --dataset digits --study ../evil", 2, "'../evil' is not legal"),
    ("run --budget 2e6 --dataset digits --space long.toml", 2, "not valid TOML"),
    ("run --budget 2e6 --dataset digits --space many.toml", 2, "at most 10000 values"),
    ("run --budget 2e6 --dataset digits --config gone.toml", 2, "no configuration file"),
    ("run --budget 2e6 --dataset digits --timeout soon", 2, "--timeout must be a time"),
    ("run --budget 2e6 --dataset digits --train-budget x", 2, "--train-budget must be a positive"),
    ("run --budget 2e6 --dataset digits --launcher rocket", 2, "Known: inline, processes"),
    ("run --budget 2e6 --dataset digits --device tpu", 2, "Known: auto, cpu, cuda"),
    ("run --budget 2e6 --dataset digits --limit-train 3", 2, "--limit-train"),
    ("run --budget 2e6 --dataset digits --storage tiny.toml/x.db", 4, "tiny.toml"),
    ("run --budget 2e6 --dataset digits --storage nonsense://x", 4, "nonsense"),
    ("run --budget 2e6 --dataset digits --storage garbage.db", 4, "garbage.db"),
    ("run --budget 2e6 --dataset digits --trials 0", 2, "--trials must be a whole number of at"),
    ("run --budget 2e6 --dataset digits --seeds 0", 2, "at least 1; got 0."),
    ("run --budget 2e6 --dataset digits --workers -1", 2, "at least 1; got -1."),
    ("resume nothing", 4, "studies"),
    ("report nothing --storage gone.db", 4, "gone.db"),
    # Refused before anything is read.
    ("report nothing --storage gone.db --figures tradeof", 2, "Did you mean 'tradeoff'"),
    ("report nothing --storage gone.db --figures tradeoff --format gif", 2, "got 'gif'"),
    ("report nothing --storage gone.db --format svg", 2, "--format is that of --figures"),
    ("status --storage gone.db", 4, "gone.db"),
    ("dashboard --storage gone.db", 4, "gone.db"),
    ("cost wide_resnt --width 1 --depth 10", 2, "Did you mean 'wide_resnet'"),
    ("cost vit --depth 4", 2, "--width is missing: vit takes 16 to 4096 in steps of 8"),
    ("cost efficientnet_small", 2, "is a search space, of networks of family efficientnet:"),
    ("run --budget 2e6 --dataset digits --config weights.toml", 2, "weights must be true or false"),
    ("run --budget 2e6 --dataset digits --config rocket.toml", 2, "Known: inline, processes"),
    ("cost timm:resnt18", 2, "Nearest: resnet18"),
    (
        "cost timm:resnet18 --width 2",
        2,
        "width 2 is not legal for timm:resnet18: such a network is as it is",
    ),
    ("run --budget 1e8 --dataset digits --space timm:resnt18", 2, "no model 'resnt18'"),
    ("run --budget 1e8 --dataset digits --space timm:", 2, "is timm:NAME,NAME"),
    ("cost wide_resnet --width 1.3 --depth 10", 2, "Nearest legal: 1.25 and 1.3125"),
    ("cost wide_resnet --width 1 --depth 10 --resolution 4", 2, "at least 8 pixels"),
    ("cost wide_resnet --width nan --depth 10", 2, "width"),
    ("flops", 2, "No such command"),
]


@pytest.mark.parametrize(("line", "code", "says"), BAD, ids=[line for line, _, _ in BAD])
def test_bad_input_gets_one_helpful_message(folder: Path, line: str, code: int, says: str) -> None:
    images = np.zeros((40, 8, 8), dtype=np.uint8)
    labels = np.arange(40) % 4
    good: dict[str, Any] = {
        "x_train": images,
        "y_train": labels,
        "x_test": images,
        "y_test": labels,
    }
    np.savez("labels.npz", classes=np.array(["a", "b"]), **good)
    np.savez("sizes.npz", **(good | {"x_test": np.zeros((40, 9, 9), dtype=np.uint8)}))
    Path("empty.toml").write_text(TINY.replace("high = 0.5", "high = 0.1"))
    Path("key.toml").write_text(TINY.replace("members", "membres"))
    Path("type.toml").write_text(TINY.replace("[10]", '"ten"'))
    Path("long.toml").write_text("seed = " + "9" * 5000)
    Path("many.toml").write_text(TINY.replace("0.125", "1e-9"))
    Path("weights.toml").write_text("weights = 1")
    Path("rocket.toml").write_text('launcher = "rocket"')
    Path("garbage.db").write_bytes(b"this is not a database, it is a text" * 100)
    before = sorted(p.name for p in folder.iterdir())
    result = ensearch(line)
    assert result.exit_code == code, result.output
    assert says in " ".join(result.output.replace("│", " ").split())
    assert "Traceback" not in result.output
    assert "internal error" not in result.output
    assert Path("garbage.db").read_bytes()[:4] == b"this"
    if not line.startswith("run"):
        assert sorted(p.name for p in folder.iterdir()) == before, "looking created something"


def test_an_unknown_study_is_refused_with_the_nearest(studied: Path) -> None:
    for verb in ("resume", "report", "best", "status", "dashboard"):
        result = ensearch(f"{verb} digits-tiny-500k")
        assert result.exit_code == 4
        assert "Did you mean 'digits-tiny-400k'" in result.stderr


def run_python(code: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_study_of_which_nothing_is_left_is_resumed_without_torch(studied: Path) -> None:
    """There is nothing to train. Other verbs: `test_light`."""
    code = (
        "import sys\nfrom ensearch.cli import app as cli\n"
        "line = 'ensearch resume digits-tiny-400k --trials 3 --launcher inline --device cpu'\n"
        "sys.argv = line.split()\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n"
        "    assert end.code in (None, 0), end.code\n"
        "found = {'torch', 'torchvision'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    ended = run_python(code, studied)
    assert ended.returncode == 0, ended.stderr


def until_a_worker_is_there(program: "subprocess.Popen[str]") -> None:
    """Wait until the program has a worker: a child of the process that starts them."""
    end = time.monotonic() + 60
    while not any(children(child) for child in children(program.pid)):
        assert program.poll() is None, "it ended"
        assert time.monotonic() < end, "no worker was started"
        time.sleep(0.05)
    time.sleep(0.2)


def children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended since
            continue
        if fields[0] != "Z" and int(fields[1]) == pid:
            found.append(int(path.parent.name))
    return found


def test_an_interrupt_saves_and_leaves(folder: Path) -> None:
    """As SIGTERM does, with an exit code of its own: see `test_a_stopped_confirmation_goes_on`."""
    command = [sys.executable, "-m", "ensearch"]
    line = "run --budget 2e6 --dataset digits --epochs 400 --workers 1 --trials 30 --study long"
    process = subprocess.Popen(
        command + line.split(), cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    for said in process.stderr:
        if said.startswith("time "):
            break
    until_a_worker_is_there(process)  # importing or training: both must be stopped
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err + out
    assert "Stopping" in err
    assert "resume long" in err
    study = json.loads(ensearch("status long --json").stdout)[0]
    assert study["state"] == "stopped"


def test_a_signal_stops_the_reading_of_pictures(folder: Path) -> None:
    write_tree(folder / "pets")
    (folder / "pets/train/cat/0.jpg").unlink()
    os.mkfifo(folder / "pets/train/cat/0.jpg")  # takes for ever to read
    line = "run --budget 2e6 --dataset folder:pets@8 --launcher inline"
    process = subprocess.Popen(
        [sys.executable, "-m", "ensearch", *line.split()], cwd=folder, text=True,
        stderr=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    while "pictures" not in process.stderr.readline():
        pass
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 75, err
    assert err.splitlines() == [
        "0 of 18 pictures are read and kept: the next start goes on there",
        "Interrupted. What was finished before is kept.",
    ]


def test_a_reader_of_stderr_who_leaves_does_not_stop_the_search(studied: Path) -> None:
    line = (
        f"{sys.executable} -m ensearch resume digits-tiny-400k --launcher inline --trials 4 --json "
        "2>&1 >out.json | head -1"
    )
    subprocess.run(["bash", "-c", line], cwd=studied, check=True, capture_output=True)
    assert json.loads((studied / "out.json").read_text())["trials"]["done"] == 4


def test_closed_or_ascii_outputs_are_no_defects(studied: Path) -> None:
    command = f"{sys.executable} -m ensearch"
    for verb, redirect, more in (
        ("best", "2>&-", {}),
        ("best", ">&-", {}),
        ("report", "", {"PYTHONIOENCODING": "ascii"}),
    ):
        ended = subprocess.run(
            ["bash", "-c", f"{command} {verb} digits-tiny-400k {redirect}"], cwd=studied,
            env=os.environ | more,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, (verb, redirect, ended.stderr)
        assert "defect" not in ended.stderr


def test_a_process_that_may_open_no_more_files_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files", "digits")

    monkeypatch.setattr("ensearch.datasets.load", full)
    result = ensearch("run --budget 1e5 --dataset digits --plan")
    assert result.exit_code == 1
    assert "ulimit -n 1024" in result.stderr


def test_a_dataset_that_vanishes_stops_the_run_and_keeps_the_trials(folder: Path) -> None:
    """The driver has read the file; the worker, which starts later, does not find it."""
    images = np.random.default_rng(0).integers(0, 256, (80, 8, 8), dtype=np.uint8)
    labels = np.arange(80) % 4
    np.savez("mine.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    moved = pytest.MonkeyPatch()
    real = search.run

    def run_without_file(*args: Any, **kwargs: Any) -> Any:
        Path("mine.npz").rename("away.npz")
        return real(*args, **kwargs)

    line = (
        "run --budget 4e5 --dataset npz:mine.npz --space tiny.toml --epochs 1 --trials 3 "
        "--launcher inline --study mine"
    )
    with moved.context() as patch:
        patch.setattr("ensearch.study.search.run", run_without_file)
        result = ensearch(line)
    assert result.exit_code == 5, result.output
    Path("away.npz").rename("mine.npz")
    assert ensearch(line).exit_code == 0
    assert json.loads(ensearch("status mine --json").stdout)[0]["trials_done"] == 3


def test_the_version_is_that_of_the_package() -> None:
    assert re.fullmatch(r"ensearch \d+\.\d+\.\d+", ensearch("--version").stdout.strip())


def test_a_study_is_confirmed_on_test_once(studied: Path) -> None:
    line = "confirm digits-tiny-400k --launcher inline --epochs 2"
    first = ensearch(line)
    assert first.exit_code == 0, first.output
    for word in ("finalists", "2 epochs (2 x the search's 1)", "time", "for the first time"):
        assert word in first.stderr, f"the plan does not say {word}"
    assert re.search(r"member \d+/\d+: 10-0\.\d+ trained in", first.stderr)
    assert "test %" in first.stdout
    assert "On the 359 test images of digits, with fresh seeds and 2 epochs" in words(first)
    report = studied / "studies" / "ensearch.reports" / "digits-tiny-400k"
    assert {"confirm.csv", "confirm.json", "confirm.png"} <= {p.name for p in report.iterdir()}
    assert "export    ensearch export digits-tiny-400k --confirmed\n" in first.stderr

    again = ensearch(f"{line} --json")
    assert again.exit_code == 0, again.output
    assert "nothing is trained or scored" in again.stderr
    record = json.loads(again.stdout)
    assert len(record["openings"]) == 1
    assert record["sentence"] in words(first)

    other = ensearch("confirm digits-tiny-400k --launcher inline --no-retrain")
    assert other.exit_code == 0, other.output
    assert "ensearch export" not in other.stderr  # its members are those of the search
    assert "has been used once before" in other.stderr
    assert "predicted in" in other.stderr
    assert "used 2 times: numbers after the first are optimistic" in words(other)
    combined = re.search(r"ensearch (front --pool confirmed:\S+ --budget \S+ --test)", other.stderr)
    assert combined, other.stderr
    look = ensearch(combined[1])
    assert look.exit_code == 0, look.output
    assert "used twice before (confirm digits-tiny-400k twice)" in look.stderr
    assert "test %" in look.stdout
    # Fresh members only: every plan looks after the others, and after `front`.
    third = ensearch(f"{line} --fewest 1 --distil")
    assert third.exit_code == 0, third.output
    assert "learn the mean probabilities of 2 × 10-0" in words(third, stderr=True)
    assert "Distilled minus this" in third.stdout
    assert "Training one costs" in words(third)
    assert "confirm-3.csv, confirm-3.json, confirm-3.png" in third.stderr
    assert json.loads((report / "confirm.json").read_text())["plan"]["retrained"]
    assert not json.loads((report / "confirm-2.json").read_text())["plan"]["retrained"]
    assert "used 3 times before (confirm digits-tiny-400k twice; front once)" in third.stderr
    record = json.loads(ensearch(f"{line} --fewest 1 --json").stdout)
    assert (len(record["openings"]), len(record["openings_elsewhere"])) == (3, 1)
    assert record["opening"] == 4
    assert record["distilled"]["sentence"] in words(third), "the same plan, though nobody asks"
    assert record["distilled"]["sentence"] in words(ensearch("report digits-tiny-400k"))
    distilled = ensearch("export digits-tiny-400k --kind distilled --no-onnx --out distilled")
    assert distilled.exit_code == 0, distilled.output
    card = " ".join(Path("distilled/README.md").read_text().split())
    assert "it learned the mean probabilities of an ensemble of 2" in card
    listed = ensearch("pool list --test").stderr
    assert "used 4 times before (confirm digits-tiny-400k 3 times; front once)" in listed
    status = json.loads(ensearch("status digits-tiny-400k --json").stdout)
    assert status[0]["trials_done"] == 3


def words(result: Result, stderr: bool = False) -> str:
    """What was printed, without its line breaks."""
    return " ".join((result.stderr if stderr else result.stdout).split())


BAD_CONFIRMATIONS = [
    ("nothing", 4, "unknown study"),
    ("digits-tiny-400k --budgets 1e9", 2, "its budget of 400k; got 1G"),
    ("digits-tiny-400k --budgets 1e5,much", 2, "--budgets must be a positive number"),
    ("digits-tiny-400k --no-retrain --epochs 3", 2, "--epochs says how to retrain"),
    ("digits-tiny-400k --distil --no-weights", 2, "Leave out --no-weights or --distil"),
    ("digits-tiny-400k --timeout soon", 2, "--timeout must be a time"),
    ("digits-tiny-400k --launcher rocket", 2, "Known: inline, processes"),
    ("digits-tiny-400k --epochs 0", 2, "--epochs must be a whole number of at least 1; got 0."),
    ("digits-tiny-400k --members 0", 2, "--members must be"),
    ("digits-tiny-400k --top 0", 2, "--top must be"),
    ("digits-tiny-400k --fewest 0", 2, "--fewest must be"),
    ("digits-tiny-400k --workers 0", 2, "--workers must be"),
    ("digits-tiny-400k --storage gone.db", 4, "gone.db"),
]


def test_bad_confirmations_get_one_helpful_message(studied: Path) -> None:
    for line, code, says in BAD_CONFIRMATIONS:
        result = ensearch(f"confirm {line}")
        assert result.exit_code == code, (line, result.output)
        assert says in " ".join(result.output.replace("│", " ").split())
        assert "Traceback" not in result.output
        assert "internal error" not in result.output
    assert "for the first time" in ensearch("confirm digits-tiny-400k --timeout 0.001s").stderr


def test_a_confirmation_without_its_images_is_refused(folder: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (80, 8, 8), dtype=np.uint8)
    labels = np.arange(80) % 4
    np.savez("mine.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    line = "run --budget 4e5 --dataset npz:mine.npz --space tiny.toml --epochs 1 --trials 2"
    assert ensearch(f"{line} --study mine --launcher inline").exit_code == 0
    Path("mine.npz").unlink()
    result = ensearch("confirm mine")
    assert result.exit_code == 5, result.output
    assert "mine.npz" in result.output


def test_a_confirmation_of_a_search_that_is_not_over_says_so(studied: Path) -> None:
    with Store.open("studies/ensearch.db", create=False) as store:
        store.begin_run("digits-tiny-400k", trials=9)
    told = ensearch("confirm digits-tiny-400k --no-retrain --launcher inline")
    assert told.exit_code == 0, told.stderr
    assert "3 of 9 trials" in told.stderr


def test_a_stopped_confirmation_goes_on(studied: Path) -> None:
    line = "confirm digits-tiny-400k --epochs 400 --workers 1"
    process = subprocess.Popen(
        [sys.executable, "-m", "ensearch", *line.split()], cwd=studied, text=True,
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    for said in process.stderr:
        if said.startswith("test "):
            break
    until_a_worker_is_there(process)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 75, err
    assert "nothing has been scored yet" in err
    assert "ensearch confirm digits-tiny-400k --epochs 400\n" in err
    assert out == ""
    again = ensearch("confirm digits-tiny-400k --epochs 400 --workers 1 --timeout 0.01s")
    assert again.exit_code == 0, again.output
    assert "confirmation 1" in again.stderr
    assert "the time limit is reached" in again.stderr
