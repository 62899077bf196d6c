"""Every use of test is counted, by whichever command, and uses of halves count for the whole."""

import json
from pathlib import Path

import numpy as np
import pytest

from ensearch import datasets
from ensearch.datasets import Source
from ensearch.datasets import _held_out as held_out
from ensearch.seeds import derive
from ensearch.store import Store, UseOfTest, uses_of_test
from ensearch.study import study
from tests import models, servers
from tests.command_line import ensearch
from tests.records import NOW

DB = "studies/ensearch.db"
STUDY = "digits-tiny-400k"
FRONT = "front --pool all --budget 1M --test"


def import_images(more: str = "", name: str = "mine") -> None:
    """Predictions of the images of digits that judge models."""
    file = f"{name}-images.npz"
    assert ensearch(f"pool images --dataset digits --out {file} {more}").exit_code == 0
    with np.load(file) as found:
        content = {f"y_{split}": found[f"y_{split}"] for split in ("val", "test")}
    for seed, split in enumerate(("val", "test")):
        y = content[f"y_{split}"]
        content[f"probs_{split}"] = models.probs(y, 3.0, seed + len(name), classes=10)
    models.write(Path("p.npz"), content)
    result = ensearch(f"pool import p.npz --name {name} --macs 1M")
    assert result.exit_code == 0, result.stderr


def test_the_same_use_again_is_counted(folder: Path) -> None:
    models.write(Path("p.npz"), models.arrays())
    ensearch("pool import p.npz --name B0 --macs 1M")
    first = ensearch(FRONT)
    assert "for the first time" in first.stderr
    assert "has been used" not in first.stdout
    said = "used once before (front once)"
    assert said in ensearch("pool list --test").stderr
    said = "used twice before (front once, this same use; pool list once)"
    second = ensearch(FRONT)
    assert said in second.stderr
    assert said in " ".join(second.stdout.split())
    said = "used 3 times before (front twice; pool list once)"
    assert said in ensearch("pool show B0 --test").stderr
    found = json.loads(ensearch(f"{FRONT} --json").stdout)
    assert found["openings_of_test_before"] == 4
    # Another budget is another look.
    other = ensearch("front --pool all --budget 2M --test")
    assert "(front 3 times; pool list once; pool show once)" in other.stderr
    assert "by others" not in other.stderr


def test_who_saw_the_whole_has_seen_the_half_and_the_other_way_round(studied: Path) -> None:
    assert "for the first time" in ensearch(f"confirm {STUDY} --launcher inline").stderr
    import_images()
    half = "front --pool mine --budget 1M --test"
    first = ensearch(half)
    assert f"or images of it, has been used once before (confirm {STUDY} once)" in first.stderr
    # Halves by another seed share images with these; the half that chose here does not.
    import_images("--seed 1", name="other")
    second = ensearch("front --pool other --budget 1M --test").stderr
    assert f"(confirm {STUDY} once; pool images once; front once)" in second
    # The study has been confirmed since by none but itself: its next plan says all of it.
    third = ensearch(f"confirm {STUDY} --launcher inline --no-retrain")
    assert f"(confirm {STUDY} once; pool images twice; front twice)" in third.stderr


@servers.BOTH_DATABASES
def test_halves_of_one_seed_share_no_image(store: Store) -> None:
    store.link_halves("whole", "val-0", "test-0")
    store.link_halves("whole", "val-1", "test-1")

    def whats(labels: str) -> list[str | None]:
        return [use.labels for use in store.uses_of_test(labels)]

    for labels in ("val-0", "test-0", "whole", "test-1", "unrelated"):
        store.record_use_of_test(labels, "front")
    assert whats("whole") == ["val-0", "test-0", "whole", "test-1"]
    assert whats("test-0") == ["test-0", "whole", "test-1"]
    assert whats("val-0") == ["val-0", "whole", "test-1"]
    assert whats("val-1") == ["val-0", "test-0", "whole"]
    assert whats("unrelated") == ["unrelated"]


def test_the_halves_are_linked_for_good(folder: Path) -> None:
    import_images()
    ensearch("front --pool mine --budget 1M --test")
    ensearch("pool remove mine")
    source = Source(spec="digits", data_dir=Path("data"), split_seed=derive(0, "split"))
    dataset = datasets.load(source)
    parts = study.labels_of(held_out.halved(dataset, 0))
    with Store.open(DB, create=False) as store:
        whole = study.labels_of(dataset)["test"].fingerprint
        verbs = [use.verb for use in store.uses_of_test(whole)]
        assert verbs == ["pool images", "front"]
        half = store.uses_of_test(parts["test"].fingerprint)
        assert [use.verb for use in half] == ["front"]


@pytest.mark.parametrize(("count", "says"), [(1, "once"), (2, "twice"), (3, "3 times")])
def test_uses_are_told_by_verb(count: int, says: str) -> None:
    use = UseOfTest(verb="front", details="all", used=NOW, labels="whole")
    assert uses_of_test.summary([use] * count) == f"{says} before (front {says})"
    same = uses_of_test.summary([use] * count, "front", "all")
    assert same == f"{says} before (front {says}, this same use)"
