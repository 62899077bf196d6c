"""kill -9 at random moments: no finished member is lost, no trial stays behind, nothing differs."""

import random
from pathlib import Path

import optuna

from ensearch.store import Store
from tests.closed_form import write_dataset
from tests.searches import TRIALS, drive, processes


def trained(url: str) -> set[str]:
    with Store.open(url, create=False) as store:
        return {record.member.key for record in store.all_members()}


def test_six_kills_lose_nothing(tmp_path: Path) -> None:
    spec = write_dataset(tmp_path / "two.npz", images=2_000)
    whole, parts = f"sqlite:///{tmp_path}/whole.db", f"sqlite:///{tmp_path}/parts.db"
    drive(whole, spec)
    context = processes()
    moments = random.Random(0)
    kept: set[str] = set()
    for kill in range(6):
        begun, training = context.Event(), context.Event()
        process = context.Process(target=drive, args=(parts, spec, begun, training, "one", 0.1))
        process.start()
        # Two kills while the study is opened, four while its members train.
        assert (begun if kill < 2 else training).wait(60)
        process.join(moments.uniform(0.0, 0.5))
        assert process.is_alive(), "the study ended before it was killed"
        process.kill()
        process.join()
        if kill >= 2:  # what was killed as it was opened may have no tables yet
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
