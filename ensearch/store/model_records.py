"""Models that were trained elsewhere, and datasets, as types, read from rows of the tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from ensearch.store import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the inputs of a model were when its predictions were made.

    `resolution` in pixels a side; `mean` and `std` per channel, in grey levels of 0..255, those of
    what `normalised_by` says: the "dataset", or the "model" as timm's weights of it were made.
    """

    resolution: int
    normalised_by: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def normalisation(self) -> str:
        """Both in words: mean 0.485 0.456 0.406 and deviation 0.229 0.224 0.225."""
        mean, std = (" ".join(f"{v / 255:.3f}" for v in of) for of in (self.mean, self.std))
        return f"mean {mean} and deviation {std}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A model that was trained elsewhere; its predictions lie in files under its key.

    Models of one `network` differ in their training only, as members of a study's network do.
    """

    name: str
    key: str  # content hash of its predictions
    network: str
    macs: int
    params: int | None  # None: nobody said
    labels: Mapping[str, str]  # split -> fingerprint of the labels that its rows belong to
    origin: str  # for people
    created: datetime  # with a time zone; comes back in UTC
    may_have_seen_val: bool = False  # val is cut from images on which it may have been trained
    inputs: Inputs | None = None  # None: others predicted, or nobody kept it


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRecord:
    """Images on which models and members are scored.

    `spec` is what the dataset is called. Val and test are halves of its held-out images, cut with
    `halves_seed`, or with None as studies read them: then val is cut from train. If it `lasts`,
    removing models lets it be also where neither model nor study is left of it.
    """

    fingerprint: str
    spec: str
    labels: Mapping[str, str]  # split -> fingerprint of its labels
    halves_seed: int | None = None
    lasts: bool = False

    @property
    def name(self) -> str:
        """What people call it: its spec, and that it is halved if it is."""
        halved = f", held-out images halved with seed {self.halves_seed}"
        return self.spec if self.halves_seed is None else self.spec + halved


def datasets(connection: Connection) -> dict[str, DatasetRecord]:
    """The datasets whose labels are kept, by fingerprint."""
    rows = connection.execute(select(tables.datasets).order_by(tables.datasets.c.fingerprint))
    return {row.fingerprint: DatasetRecord(**row._asdict()) for row in rows}


def model(row: Row[Any]) -> ModelRecord:
    """The model of a row of the pool."""
    content = row._asdict()
    inputs = content.pop("inputs")
    if inputs is not None:
        inputs = Inputs(**inputs | {name: tuple(inputs[name]) for name in ("mean", "std")})
    return ModelRecord(**content, inputs=inputs)
