"""The campaign of faults: what it keeps, goes on with and counts. The faults are done by
`python -m scripts.faults`.
"""

from collections.abc import Collection
from pathlib import Path

import pytest

from ensearch.store import Store
from scripts import campaigns
from scripts.faults import campaign, kinds
from scripts.faults.campaign import Run
from scripts.faults.site import Site, drive, made


def run(kind: str, number: int, wrong: str = "") -> Run:
    return Run(kind=kind, number=number, wrong=wrong, told="", seconds=float(number))


def test_kinds_are_counted() -> None:
    runs = [run("disk full", 1), run("disk full", 2), run("disk full", 5, "other evaluations")]
    lines = campaign.table([*runs, run("driver killed", 3)]).splitlines()
    assert lines[2:] == [
        "| driver killed | 1 | 1 | 1 | 0 | 3.0 |",
        "| disk full | 3 | 3 | 2 | 1 | 2.0 |",
        "| all | 4 | 4 | 3 | 1 |  |",
    ]


def test_a_campaign_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []

    def noted(site: Site, kind: str, number: int, *_: object) -> Run:
        begun.append(number)
        return run(kind, number)

    monkeypatch.setattr(campaign, "_undisturbed", lambda *_: None)
    monkeypatch.setattr(campaign, "_one", noted)
    path = tmp_path / "runs.jsonl"
    for numbers in (range(2), range(3)):
        for each in campaign.faults(tmp_path, ["disk full"], numbers, 0, campaigns.read(path, Run)):
            campaigns.keep(path, each)
    assert begun == [0, 1, 2]
    assert [each.number for each in campaigns.read(path, Run)] == [0, 1, 2]


def test_a_study_that_came_out_otherwise_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, other = made(tmp_path / "whole"), made(tmp_path / "other")
    drive(whole)
    expected = whole.outcome()
    assert len(expected.evaluations) > 3
    assert len(set(whole.trained())) == len(whole.trained()) == len(whole.kept())

    def forgetful(site: Site, rng: object) -> Collection[str]:
        drive(site)
        with Store.open(site.url, create=False) as store:
            store.pool.remove_member(store.all_members()[0].member.key)
        return ()

    monkeypatch.setitem(kinds.KINDS, "forgetful", forgetful)
    monkeypatch.setattr(Site, "run", lambda *_: 0)
    assert campaign._one(other, "forgetful", 0, 0, expected).wrong.startswith("other files")
