"""kill -9 at random moments: no finished member is lost, no trial stays behind, nothing differs."""

import multiprocessing
import random
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path

import optuna

from ensearch.launch import Failed, MemberJob, Trained, Update
from ensearch.store import Store
from ensearch.study import config, search, study
from ensearch.study.driver import Limits
from ensearch.study.search import Where
from tests.closed_form import train_one, write_dataset
from tests.study.test_search import SPACE
from tests.trainers import each

TRIALS = 20


def drive(
    url: str,
    spec: str,
    begun: Event | None = None,
    training: Event | None = None,
    name: str = "one",
) -> None:
    """One run of the study; says when it begins and when its first member trains."""

    @each
    def slow(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
        if training is not None:
            training.set()
        time.sleep(0.05)  # long enough for kills to hit all parts of the loop
        return train_one(job, report)

    if begun is not None:
        begun.set()
    settings = {"budget": "2e6", "dataset": spec, "space": SPACE, "study": name, "epochs": 1}
    with Store.open(url, create=True) as store:
        opened = study.open_study(config.resolve(settings), store, Path("data"), "a CPU")
        where = Where(device="cpu", workers=1, launcher="inline")
        search.run(opened, store, Limits(trials=TRIALS), where, train=slow)


def trained(url: str) -> set[str]:
    with Store.open(url, create=False) as store:
        return {record.member.key for record in store.all_members()}


def test_ten_kills_lose_nothing(tmp_path: Path) -> None:
    spec = write_dataset(tmp_path / "two.npz", images=2_000)
    whole, parts = f"sqlite:///{tmp_path}/whole.db", f"sqlite:///{tmp_path}/parts.db"
    drive(whole, spec)
    # A server that has imported torch forks in milliseconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ensearch.search"])
    moments = random.Random(0)
    kept: set[str] = set()
    for kill in range(10):
        begun, training = context.Event(), context.Event()
        process = context.Process(target=drive, args=(parts, spec, begun, training))
        process.start()
        # Three kills while the study is opened, seven while its members train.
        assert (begun if kill < 3 else training).wait(60)
        process.join(moments.uniform(0.0, 0.5))
        assert process.is_alive(), "the study ended before it was killed"
        process.kill()
        process.join()
        if (tmp_path / "parts.members").exists():
            now = trained(parts)
            assert kept <= now
            kept = now
    assert kept, "the kills came too early to test anything"
    drive(parts, spec)
    with Store.open(whole, create=False) as one, Store.open(parts, create=False) as other:
        assert other.evaluations("one") == one.evaluations("one")
        assert [t.network for t in other.trials("one")] == [t.network for t in one.trials("one")]
        assert not list(other.missing_files(kept))
        states = [t.state for t in optuna.load_study(study_name="one", storage=parts).trials]
    assert states == [optuna.trial.TrialState.COMPLETE] * TRIALS
