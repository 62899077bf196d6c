"""Options of `run` and `resume`: what ends a search, and what it is made of."""

import json
from pathlib import Path
from typing import Any

import pytest

from ensearch.errors import StorageError
from ensearch.store import Store
from ensearch.study import search
from ensearch.study.events import SearchEnded
from ensearch.study.options import Limits
from tests.command_line import DB, ensearch, quick

STUDY = "digits-tiny-400k"


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Limits, SearchEnded]]:
    """The limits of every search that is over, and how it ended."""
    run, found = search.run, list[tuple[Limits, SearchEnded]]()

    def noted(study: Any, store: Store, limits: Limits, *more: Any, **how: Any) -> SearchEnded:
        ended = run(study, store, limits, *more, **how)
        found.append((limits, ended))
        return ended

    monkeypatch.setattr(search, "run", noted)
    return found


def test_a_budget_for_training_ends_a_search(
    folder: Path, ends: list[tuple[Limits, SearchEnded]]
) -> None:
    """It counts multiply-adds, also where FLOPs are two of each: one member takes 16 million."""
    line = "--train-budget 17M --seeds 1 --flops-per-mac 2 --budget 8e5 --sampler random"
    ran = quick(f"{line} --json")
    assert ran.exit_code == 0, ran.stderr
    ((limits, ended),) = ends
    assert (limits.train_macs, ended.reason, ended.done) == (17e6, "train budget", 2)
    assert json.loads(ran.stdout)["config"]["sampler"] == "random"
    with Store.open(DB, create=False) as store:
        (study,) = (summary.name for summary in store.summaries())
        assert store.study(study).config["budget"] == 4e5
        assert 17e6 <= store.trained_macs(study) < 2 * 17e6
    spent = ensearch(f"resume {study} --train-budget 17M --launcher inline")
    assert (spent.exit_code, ends[1][1].reason, ends[1][1].done) == (0, "train budget", 2)


def test_a_resumed_search_ends_with_its_time(
    studied: Path, ends: list[tuple[Limits, SearchEnded]]
) -> None:
    stopped = ensearch(f"resume {STUDY} --trials 5 --timeout 0.001s --launcher inline")
    assert stopped.exit_code == 0, stopped.stderr
    ((limits, ended),) = ends
    assert (limits.trials, limits.seconds) == (5, 0.001)
    assert (ended.reason, ended.done) == ("time", 3)


def test_a_study_whose_driver_is_gone_is_taken_over(studied: Path) -> None:
    line = f"resume {STUDY} --trials 4 --launcher inline"
    with Store.open(DB, create=False) as store:
        lease = store.acquire_lease(STUDY)
        refused = ensearch(line)
        assert (refused.exit_code, "--take-over" in refused.stderr) == (4, True)
        taken = ensearch(f"{line} --take-over")
        assert taken.exit_code == 0, taken.stderr
        assert store.study_summary(STUDY).trials_done == 4
        with pytest.raises(StorageError):
            lease.renew()
