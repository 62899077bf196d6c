"""Whether mixed ensembles of a study's members beat those of one network."""

from pathlib import Path

import numpy as np
import pytest

from ensearch.errors import StorageError
from ensearch.pool import diversity, search
from ensearch.pool import entry as pool_entry
from ensearch.pool.diversity import Diversity
from ensearch.store import Store
from tests.models import world

DATABASE = "sqlite:///studies/ensearch.db"


@pytest.fixture
def whole(pool: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Takes all that is in the pool for the members of any study."""
    store = Store.open(DATABASE, create=False)
    every = tuple(entry.key for entry in pool_entry.all_entries(store))
    monkeypatch.setattr(store, "evaluation_members", lambda *_: {"any": every})
    return store


def found(store: Store, budget: float, *, always: bool = False) -> Diversity:
    compared = diversity.of_search(store, "s", budget, always=always)
    assert compared is not None
    return compared


def test_two_that_complement_each_other_beat_two_of_a_kind(whole: Store) -> None:
    one = found(whole, 2e7)
    assert (one.members, one.networks, one.copies, one.budget) == (4, 3, 2, 2e7)
    assert one.lead is not None
    # The two together are right on every image.
    small = [content for _, network, content in world() if network == "small"]
    pair = np.mean([content["probs_val"] for content in small], axis=0).argmax(axis=1)
    assert one.lead.value == pytest.approx(1 - (pair == small[0]["y_val"]).mean())
    assert one.lead.low > 0


def test_where_one_network_alone_fits_mixing_gains_nothing(whole: Store) -> None:
    lead = found(whole, 2e6).lead
    assert lead is not None
    assert (lead.value, lead.low, lead.high) == (0, 0, 0)


def test_what_was_compared_is_kept_until_members_or_budget_change(
    whole: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = found(whole, 2e7)
    monkeypatch.setattr(search, "candidates", lambda *_: pytest.fail("searched again"))
    assert found(whole, 2e7) == first
    with pytest.raises(pytest.fail.Exception):
        found(whole, 3e7)


def test_many_members_are_compared_only_when_asked(
    whole: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diversity, "UNASKED", 3)
    assert found(whole, 2e7).lead is None
    compared = found(whole, 2e7, always=True)
    assert compared.lead is not None
    assert found(whole, 2e7) == compared


def test_a_storage_that_cannot_be_written_costs_no_comparison(
    whole: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StorageError("read only")

    monkeypatch.setattr(whole, "save_mixing_gain", refuse)
    assert found(whole, 2e7).lead is not None


def test_one_network_or_missing_predictions_give_no_comparison(
    whole: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise StorageError("no predictions")

    monkeypatch.setattr(diversity, "agreed_labels", missing)
    assert diversity.of_search(whole, "s", 2e7, always=True) is None
    assert diversity.of_confirmation(whole, "s", "confirm-1", 2e7) is None
    (alone, *_) = pool_entry.all_entries(whole)
    monkeypatch.setattr(whole, "evaluation_members", lambda *_: {"any": (alone.key,)})
    assert diversity.of_search(whole, "s", 2e7, always=True) is None


def test_of_a_confirmation_val_chooses_and_test_scores(whole: Store) -> None:
    one = diversity.of_confirmation(whole, "s", "confirm-1", 2e7)
    assert one is not None
    assert (one.split, one.members) == ("test", 4)
    small = [content for _, network, content in world() if network == "small"]
    pair = np.mean([content["probs_test"] for content in small], axis=0).argmax(axis=1)
    assert one.lead is not None
    assert one.lead.value == pytest.approx(1 - (pair == small[0]["y_test"]).mean())
