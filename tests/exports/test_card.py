"""The model card says what is in its folder and where the members are from."""

from pathlib import Path

import pytest

from ensearch.exports import card, folder, winner
from ensearch.exports.verification import Verified
from ensearch.exports.winner import Winner
from ensearch.pool import query
from ensearch.store import Store
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
        return winner.of_pool(store, f"study:{STUDY}", entries, name="pool")


def text(chosen: Winner, *, onnx: bool = True) -> str:
    """A card in one line."""
    settings = folder.config(chosen) | {"requires": {"torch": ">=2.9", "timm": "==1.0"}}
    return " ".join(card.text(chosen, settings, VERIFIED, onnx=onnx, pt2=False).split())


def test_a_card_without_model_onnx_does_not_name_it(chosen: Winner) -> None:
    assert "with another version the weights may not fit" in text(chosen, onnx=False)
    assert "model.onnx" not in text(chosen, onnx=False)
    assert "model.onnx needs none of it" in text(chosen)
