"""The answer on the command line: at the end of a run, of a report, alone, and in a list."""

import json
from pathlib import Path

import pytest

from ensearch.report.study import findings, reading
from ensearch.store import Store
from tests.command_line import DB, ensearch, quick

STUDY = "digits-tiny-400k"
KEYS = ["verdict", "take", "runner_up", "expected_loss", "advantage", "low", "high", "budget"]


def test_run_and_report_end_with_at_most_25_lines(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = quick()
    assert ran.exit_code == 0, ran.stderr
    ended = ran.stderr.splitlines()
    after = ended[next(k for k, line in enumerate(ended) if "all trials" in line) + 1 :]
    reported = ensearch(f"report {STUDY}")
    assert reported.stdout == ran.stdout
    for line in (*after, *reported.stderr.splitlines(), *ran.stdout.splitlines()):
        assert len(line) <= 80 or str(folder) in line
    assert len(ran.stdout.splitlines()) + len(after) <= 25
    assert len(reported.stdout.splitlines()) + len(reported.stderr.splitlines()) <= 25
    full = ensearch(f"report {STUDY} --full").stdout
    assert full.startswith(reported.stdout)
    assert "Trained for" in full


def test_best_prints_the_recommendation_alone(studied: Path) -> None:
    said = ensearch(f"best {STUDY}")
    assert (said.exit_code, said.stderr) == (0, "")
    assert [line.split("  ")[0] for line in said.stdout.splitlines() if line[0] != " "] == [
        "answer", "take", "or", "how sure"
    ]  # fmt: skip
    record = json.loads(ensearch(f"best {STUDY} --json").stdout)
    assert list(record) == KEYS
    assert set(record["take"]) == {
        "architecture", "size", "cost", "accuracy", "measured", "label"
    }  # fmt: skip
    summary = json.loads(ensearch(f"report {STUDY} --json").stdout)
    assert summary["answer"].items() >= record.items()
    margin = ensearch(f"best {STUDY} --margin 0.5 --json")
    assert json.loads(margin.stdout)["take"] == record["take"]


def test_best_answers_for_the_largest_compared_budget_within(studied: Path) -> None:
    rows = json.loads(ensearch(f"report {STUDY} --json").stdout)["rows"]
    budgets = [row["budget_multiply_adds"] for row in rows]
    between = json.loads(ensearch(f"best {STUDY} --budget {0.99 * budgets[-1]} --json").stdout)
    assert between["budget"] == budgets[-2]
    above = ensearch(f"best {STUDY} --budget 1e9")
    assert "searched up to 400k FLOPs" in " ".join(above.stdout.split())
    below = ensearch(f"best {STUDY} --budget 1e3")
    assert below.exit_code == 3
    assert "ensearch run --budget 1k --dataset digits" in below.stderr
    assert ensearch(f"best {STUDY} --margin 0").exit_code == 2
    wordy = ensearch(f"best {STUDY} --margin abc")
    assert wordy.exit_code == 2
    assert "must be points of accuracy, above 0 and below 100" in " ".join(
        wordy.stderr.replace("│", " ").split()
    )


def test_files_of_another_margin_do_not_replace_those_of_the_study(studied: Path) -> None:
    summary = studied / f"studies/ensearch.reports/{STUDY}/summary.json"
    other = ensearch(f"report {STUDY} --margin 3")
    assert "files     not written: those of a study have margin 1" in other.stderr
    assert f"details   ensearch report {STUDY} --full --margin 3\n" in other.stderr
    assert "ensearch export" not in other.stderr  # it would write what is taken with margin 1
    assert json.loads(summary.read_text())["margin_fraction"] == 0.01
    assert "details   ensearch report" in ensearch(f"report {STUDY} --margin 1").stderr
    ensearch(f"report {STUDY} --margin 3 --out mine")
    assert json.loads((studied / "mine/summary.json").read_text())["margin_fraction"] == 0.03


def test_a_study_that_is_not_over_has_no_verdict(studied: Path) -> None:
    with Store.open(DB, create=False) as store:
        store.begin_run(STUDY, 10)
    for line in (f"report {STUDY}", f"best {STUDY}"):
        said = ensearch(line)
        assert "So far, after 3 of 10 trials" in said.stdout
        assert "better" not in said.stdout
    going_on = ensearch(f"report {STUDY}").stderr
    assert f"go on     ensearch resume {STUDY}\n" in going_on
    assert "confirm" not in going_on, "nothing is to be confirmed of half a search"
    assert json.loads(ensearch(f"best {STUDY} --json").stdout)["verdict"] is None
    (status,) = json.loads(ensearch(f"status {STUDY} --json").stdout)
    assert status["answer"]["verdict"] is None
    assert "so far" in ensearch("status").stdout
    with Store.open(DB, create=False) as store:
        store.end_run(STUDY, "time")
    assert "so far" not in ensearch("status").stdout


def test_a_list_computes_no_answer_twice(studied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[str] = []
    collect = reading.collect

    def counting(store: Store, study: str) -> findings.Findings:
        collected.append(study)
        return collect(store, study)

    monkeypatch.setattr(reading, "collect", counting)
    first = json.loads(ensearch("status --json").stdout)
    assert first[0]["answer"]["take"] is not None
    assert collected == [], "the end of the run kept it"
    with Store.open(DB, create=False) as store:
        store.begin_run(STUDY, 10)
    for _ in range(2):
        ensearch("status")
    assert collected == [STUDY]
