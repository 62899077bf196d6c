"""The campaign of load: its simulated workers, its tables, and a small study that grows."""

from pathlib import Path

import pytest

from ensearch.launch import Failed, Trained, Update
from scripts.load import __main__ as command
from scripts.load import apart, growth
from scripts.load.parts import PARTS
from scripts.load.workers import Simulated
from tests.trainers import job_of, quick


def test_simulated_workers_bring_every_member_back_and_lose_one_in_a_hundred() -> None:
    launcher = Simulated(quick, 4, 0.0)
    jobs = [job_of(seed) for seed in range(100, 1_100)]
    for job in jobs:
        launcher.submit((job,))
    updates: list[Update] = []
    while len(launcher.late) < len(jobs):
        updates += launcher.wait(1.0)
    ended = [update for update in updates if isinstance(update, Trained | Failed)]
    assert {update.key for update in ended} == {job.member.key for job in jobs}
    killed = [
        update for update in ended if isinstance(update, Failed) and update.reason == "killed"
    ]
    assert 4 <= len(killed) <= 17


def test_workers_take_as_long_on_average_as_they_should() -> None:
    launcher = Simulated(quick, 10_000, 2.0)
    for seed in range(4_000):
        launcher.submit((job_of(seed),))
    assert sum(end - start for start, end in launcher.spans) / 4_000 == pytest.approx(2.0, rel=0.15)
    assert launcher.busy(launcher.spans[0][0]) == 0.0


def test_steps_that_are_done_are_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[int] = []

    def called(_: object, folder: Path, step: int, *more: object) -> dict[str, float | str]:
        begun.append(step)
        return {"trials": step, "seconds": 0.1 * step, "storage": "SQLite"}

    monkeypatch.setattr(apart, "call", called)
    monkeypatch.setitem(
        PARTS, "growth", lambda folder, done, _: growth.growth(folder, done, 2000, 1000)
    )
    for _ in range(2):
        monkeypatch.setattr("sys.argv", ["load", "--parts", "growth", "--kept", str(tmp_path)])
        assert command.main() == 0
    assert begun == [1000, 2000]
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "| trials | seconds | storage |",
        "|---|---|---|",
        "| 1,000 | 100 | SQLite |",
        "| 2,000 | 200 | SQLite |",
    ]
