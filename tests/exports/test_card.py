"""The model card says what is in its folder and where the members are from."""

from dataclasses import replace
from pathlib import Path

import pytest

from ensearch.exports import card, folder, winner
from ensearch.exports.verification import Verified
from ensearch.exports.winner import Winner
from ensearch.pool import query
from ensearch.store import Store, files
from tests.command_line import DB
from tests.exports.conftest import STUDY

VERIFIED = Verified(
    images=90,
    whole=True,
    differences={"torch": 1e-6},
    accuracy=0.5,
    stored_accuracy=0.5,
    macs=1e5,
)


@pytest.fixture
def chosen(study: Path) -> Winner:
    """Two members of the pool."""
    with Store.open(DB, create=False) as store:
        entries = query.select(store, f"study:{STUDY}")[:2]
        return winner.of_pool(store, "all", entries, name="pool")


def text(chosen: Winner, *, onnx: bool = True) -> str:
    """A card in one line."""
    settings = folder.config(chosen) | {"requires": {"torch": ">=2.9", "timm": "==1.0"}}
    return " ".join(card.text(chosen, settings, VERIFIED, onnx=onnx, pt2=False).split())


def test_a_card_without_model_onnx_does_not_name_it(chosen: Winner) -> None:
    assert "with another version the weights may not fit" in text(chosen, onnx=False)
    assert "model.onnx" not in text(chosen, onnx=False)
    assert "model.onnx needs none of it" in text(chosen)


def test_a_card_names_the_studies_of_its_members(chosen: Winner) -> None:
    said = text(chosen)
    query_and_search = "the query `all` selects. It was trained by the search of the study"
    assert f"{query_and_search} {STUDY} on digits" in said
    assert "It was trained by the short schedule of a search" in said
    first, second = chosen.members
    others = (first, replace(second, study="other", stage="confirm-1"))
    said = text(replace(chosen, members=others))
    assert f"{query_and_search} {STUDY}; by confirm-1, of the study other on digits" in said
    assert "Some of its networks were trained by the short schedule of a search" in said
    said = text(replace(chosen, members=(others[1],)))
    assert "short schedule" not in said


def test_members_of_several_studies_are_of_none(study: Path) -> None:
    with Store.open(DB, create=False) as store:
        entries = query.select(store, f"study:{STUDY}")[:2]
        key = entries[1].key
        record, weights = store.members([key])[key], files.weights_path(store.files, key)
        other = replace(record, study="other")
        store.add_trained(other, (store.predictions(key, "val"),), weights.read_bytes())
        mixed = winner.of_pool(store, "all", entries, name="mixed")
        alone = winner.of_pool(store, "all", entries[:1], name="alone")
    assert (mixed.study, mixed.environment) == ("", {})
    assert alone.study == STUDY
    assert alone.environment
    members = folder.config(mixed)["members"]
    assert [(each["study"], each["stage"]) for each in members] == [
        (STUDY, "search"), ("other", "search")
    ]  # fmt: skip
