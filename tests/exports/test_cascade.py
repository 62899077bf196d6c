"""An exported cascade: it leaves networks out where those before it are sure, as the front says."""

import json
from pathlib import Path

import numpy as np
import pytest

import ensearch
from ensearch.ensembles import cascades
from ensearch.errors import StorageError
from ensearch.exports import stored_members, verification
from ensearch.pool import best_cascade, predictions, query, search
from ensearch.pool.best_cascade import BestCascade
from ensearch.store import Store
from tests.command_line import DB
from tests.exports.conftest import STUDY

pytestmark = pytest.mark.usefixtures("verified_here")


def made(measure: str) -> BestCascade:
    """Three members, half of the images leaving after each of the first two."""
    with Store.open(DB, create=False) as store:
        entries = query.select(store, f"study:{STUDY}")[:3]
        pool, y = search.candidates(
            store, entries, "val", predictions.agreed_labels(store, entries, "val")
        )
        thresholds: list[float] = []
        for stage in (1, 2):
            sums = pool.probs[:stage].sum(axis=0).T
            sure = cascades.confidence(sums, stage, measure)
            _, left = cascades.run(pool, range(stage), thresholds, measure)
            there = sure[left == stage - 1]
            middle = np.sort(there)[len(there) // 2 - 1 :][:2]
            thresholds.append(float(middle.mean()))
        found = cascades.cascade(pool, y, (0, 1, 2), thresholds, measure)
    return BestCascade(
        entries=tuple(entries),
        thresholds=tuple(thresholds),
        measure=measure,
        macs=found.macs,
        accuracy=found.accuracy,
        exits=found.exits,
        held_out=found.accuracy,
    )


def test_a_cascade_costs_and_says_what_the_stored_predictions_do(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = made("max")
    assert all(0.1 < share < 0.6 for share in wanted.exits)
    monkeypatch.setattr(best_cascade, "within", lambda *args: wanted)
    done = ensearch.export(STUDY, kind="cascade", out="mine", pt2=True)
    assert (done.members, done.images) == (3, 90)
    assert done.accuracy == pytest.approx(wanted.accuracy, abs=1e-9)
    assert done.multiply_adds == pytest.approx(wanted.macs, rel=0.01)
    assert done.largest_difference < verification.TOLERANCE
    config = json.loads(Path("mine/config.json").read_text())
    assert config["verified"]["differences"].keys() == {"torch", "onnx"}
    assert config["cascade"]["thresholds"] == list(wanted.thresholds)
    images = np.random.default_rng(0).integers(0, 256, (7, 8, 8), dtype=np.uint8)
    by_torch, by_onnx = (done.load(runtime) for runtime in ("torch", "onnx"))
    np.testing.assert_allclose(by_torch.predict(images), by_onnx.predict(images), atol=1e-5)
    card = Path("mine/README.md").read_text()
    assert "without model.pt2" in done.notes[0]
    assert "model.pt2" not in card
    assert "one image at a time" in card
    assert "| 3 | all leave |" in card


def test_the_exported_cascade_is_that_of_the_front(study: Path) -> None:
    with Store.open(DB, create=False) as store:
        entries = query.select(store, f"study:{STUDY}")
        found = best_cascade.within(store, entries, 3e5, "margin")
    fronts = ensearch.combine(pool=f"study:{STUDY}", budget=3e5, measure="margin")
    point = fronts.point("cascade", 3e5)
    assert found is not None
    assert point is not None
    assert found.thresholds == point.thresholds
    assert found.macs == point.macs
    assert [e.key for e in found.entries] == [fronts.entries[m].key for m in point.members]


def test_another_cost_than_the_stored_one_is_no_export(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = made("entropy")
    object.__setattr__(wanted, "macs", 1.02 * wanted.macs)
    monkeypatch.setattr(best_cascade, "within", lambda *args: wanted)
    with pytest.raises(StorageError, match="by the stored predictions"):
        ensearch.export(STUDY, kind="cascade", onnx=False, out="mine")
    assert not Path("mine").exists()


def test_exits_say_how_near_a_confidence_was_to_a_threshold() -> None:
    first = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]])
    second = np.array([[0.5, 0.5], [0.2, 0.8], [0.3, 0.7]])
    found = stored_members.exits([first, second], [0.65], "max")
    assert found.stages.tolist() == [1, 2, 1]
    np.testing.assert_allclose(found.probs, [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    np.testing.assert_allclose(found.margins, [0.25, 0.05, 0.05])
