"""Settling a study: more members to decide what is undecided, after its search."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ensearch import units
from ensearch.api import _study_run, progress
from ensearch.api._opened_study import OpenedStudy, never
from ensearch.api.progress import OnEvent
from ensearch.errors import invalid
from ensearch.store import Store, storage_url
from ensearch.study import config as configs
from ensearch.study.events import Planned
from ensearch.study.options import RunControl, RunOptions

if TYPE_CHECKING:  # these import torch or matplotlib
    from ensearch.report.study.results import Results
    from ensearch.study.settlement import Request


def settle(
    study: str,
    *,
    margin: float | None = None,
    cost: float | None = None,
    timeout: float | str | None = None,
    workers: int | None = None,
    device: str | None = None,
    launcher: str | None = None,
    ray_address: str | None = None,
    weights: bool | None = None,
    storage: str | Path | None = None,
    data_dir: str | Path | None = None,
    retrain_missing: bool = False,
    take_over: bool = False,
    on_event: OnEvent | None = None,
    is_interrupted: Callable[[], bool] = never,
) -> "Results":
    """Train more members of a study to decide what is undecided, and return what is known then.

    They train on the schedule of the search and are scored on its validation images. The study is
    looked at at most four times, and every look uses up a part of the error that the study may make
    (docs/statistics.md). The same call again goes on where it was interrupted. The results have the
    margin that was settled by.

    Args:
        study: its name.
        margin: a difference of this many points of accuracy does not matter; 1 by default.
        cost: the most to spend, as a multiple of what the training of the search has cost; 1 by
            default.
        retrain_missing: train members again whose files are gone.
        is_interrupted: is asked now and then; where it is true the run ends, and can be gone on
            with.

    The other options are those of `run`.

    Raises:
        UsageError: a value is not legal, or the study was looked at too often to claim more.
        StorageError: there is no such study, its search is not over, or files are missing.
        UnavailableError: as `run`.
    """
    request = _request(margin, cost)
    asked = RunOptions(
        timeout=timeout,
        workers=workers,
        device=device,
        launcher=launcher,
        ray_address=ray_address,
        weights=weights,
        storage=storage,
        data_dir=data_dir,
    )
    seconds = units.parse_timeout(timeout)
    with Store.open(storage_url(storage), create=False) as store:
        config = configs.from_dict(store.study(study).config)
        with progress.shown(on_event) as show:
            opened = OpenedStudy.of(config, store, asked, show)
            show(
                Planned(
                    lines=(f"settling {study}: {_study_run.settling_line(opened, request)}",),
                    unit="members",
                    total=0,
                    flops_per_mac=config.flops_per_mac,
                    axis=config.axis,
                )
            )
            control = RunControl(
                take_over=take_over,
                retrain_missing=retrain_missing,
                on_event=show,
                is_interrupted=is_interrupted,
            )
            decided = _study_run.settle_study(opened, request, seconds, control)
            return _study_run.known_now(study, store, show, decided)


def _request(margin: float | None, cost: float | None) -> "Request":
    """Return what is asked for. Raises UsageError."""
    from ensearch.report.study import answer
    from ensearch.study.settlement import Request

    if cost is not None and not (units.is_finite(cost) and cost > 0):
        raise invalid("cost", f"must be times the training of the search, above 0; got {cost!r}.")
    return Request(margin=None if margin is None else answer.margin_of(margin), cost=cost)
