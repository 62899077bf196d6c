"""A study of 10,640 configurations whose members train in no time, run in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ensearch.launch import Failed, MemberJob, Train, Trained, Update
from ensearch.store import Store
from ensearch.study import config, search, study
from ensearch.study.events import Event, SearchEnded
from ensearch.study.options import Limits, RunControl, RunOptions
from ensearch.study.placement import Placement
from ensearch.study.study import Study
from tests.closed_form import train_one, write_dataset
from tests.trainers import each

SPACE = {
    "name": "wide",
    "family": "wide_resnet",
    "members": [1, 2, 4],
    "depth": [10, 16, 22],
    "width": {"low": 0.25, "high": 16.0, "step": 0.0625},
    "rungs": 12,
    "schedule": {
        "peak_lr": [0.01, 0.02, 0.03, 0.05, 0.08, 0.13, 0.2, 0.3],
        "weight_decay": [0.0, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3],
    },
}
IMAGES = 400
INLINE = Placement(device="cpu", workers=1, launcher="inline", keep_weights=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a step of a part came to: numbers and words by the heads of their columns."""

    part: str
    step: str
    values: dict[str, float | str]


@each
def train(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    """Train one member as its world says; worker processes import this by its name."""
    return train_one(job, report)


def dataset(folder: Path) -> str:
    """Return the spec of the dataset in a folder, which is written where it is not there."""
    path = folder / "images.npz"
    return f"npz:{path}" if path.exists() else write_dataset(path, images=IMAGES)


def opened(store: Store, spec: str, name: str, seed: int = 0) -> Study:
    """Return a study of all configurations, whose members are those of no other seed."""
    asked = config.resolve(
        RunOptions(budget="1e9", dataset=spec, space=SPACE, study=name, epochs=1, seed=seed)
    )
    return study.open_study(asked, store, Path("data"), "a CPU")


def drive(
    store: Store,
    one: Study,
    limits: Limits,
    *,
    where: Placement = INLINE,
    train: Train = train,
    on_event: Callable[[Event], None] = lambda event: None,
) -> SearchEnded:
    """Search until a limit is reached."""
    return search.run(one, store, limits, where, RunControl(on_event=on_event), train=train)
