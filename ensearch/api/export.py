"""The winner of a study, or models of the pool, as a folder or a model that needs no ensearch."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensearch import units
from ensearch.errors import BudgetError, StorageError, UsageError, invalid, unknown
from ensearch.store import SEARCH, Store, storage_url
from ensearch.study import config as configs

if TYPE_CHECKING:  # these import torch or matplotlib
    from ensearch.exports.loaded import LoadedModel
    from ensearch.exports.winner import Winner
    from ensearch.report.study.findings import Findings

KINDS = ("best", "single", "ensemble", "cascade", "distilled")
OnNote = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A folder that was written, and how it was verified.

    `files` are sizes in bytes by name. The exported model was run on `images` images of val, and
    its probabilities differ from those that are stored by at most `largest_difference`. `accuracy`
    is that of the model on `split`, with its 95 % interval over images. `notes` are sentences on
    what a user may not expect.
    """

    folder: Path
    title: str
    members: int
    multiply_adds: float
    parameters: int
    split: str
    accuracy: float
    low: float
    high: float
    files: dict[str, int]
    images: int
    largest_difference: float
    notes: tuple[str, ...]

    def load(self, runtime: str = "auto") -> "LoadedModel":
        """Return the model of the folder, as `load_exported` does."""
        return load_exported(self.folder, runtime=runtime)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        names = (name for name in self.__slots__ if name != "folder")
        plain = {name: getattr(self, name) for name in names}
        return {"folder": str(self.folder)} | plain | {"notes": list(self.notes)}


def export(
    study: str | None = None,
    *,
    pool: str | None = None,
    budget: float | str | None = None,
    kind: str = "best",
    out: str | Path | None = None,
    confirmed: bool = False,
    onnx: bool = True,
    pt2: bool = False,
    measure: str = "max",
    storage: str | Path | None = None,
    data_dir: str | Path | None = None,
    on_note: OnNote | None = None,
    on_progress: OnNote | None = None,
) -> Exported:
    """Write a model as a folder that needs no ensearch, once it predicts what is stored.

    Args:
        study: its name; what it recommends is exported.
        pool: instead of a study, a query of the pool, as `combine` takes it: all that match are
            exported as one ensemble, or as a cascade.
        budget: the most that a prediction may cost, in the unit of the study's budget (for a
            cascade always in FLOPs); the study's budget by default.
        kind: "best" is what the study recommends, "single" the best single network within the
            budget, "ensemble" the best ensemble, "cascade" the best cascade of its members, or of
            the pool's, whose mean cost is within the budget, "distilled" the network that learned
            from the ensemble in the study's last confirmation that distilled.
        out: a folder that is not there yet; beside the storage by default.
        confirmed: export members of the study's last confirmation, which trained for longer.
        onnx: write model.onnx too, where the extra `ensearch[export]` is installed.
        pt2: write model.pt2 too, a program of torch.export.
        measure: by which confidence images leave a cascade: "max", "margin" or "entropy".
        storage: a database URL or a .db file; studies/ensearch.db by default.
        data_dir: where datasets are. Where the images are gone, the sample serves that is stored.
        on_note: hears what may not be expected; the result keeps it too.
        on_progress: hears what is done.

    Raises:
        UsageError: a value is not legal, or the folder is there already.
        BudgetError: nothing of this kind was tried within the budget.
        StorageError: weights or what is known of the images are missing, or the exported model
            predicts something else than is stored. Nothing is left then.
    """
    from ensearch.exports import folder

    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        if on_note is not None:
            on_note(text)

    tell = on_progress or (lambda text: None)
    with Store.open(storage_url(storage), create=False) as store:
        chosen = _chosen(store, study, pool, budget, kind, confirmed, measure, data_dir, note)
        if chosen.gone:
            note(f"a stored sample of images verifies the export: {chosen.gone}")
        where = Path(out) if out is not None else store.files.with_suffix(".exports") / chosen.name
        written = folder.write(
            store, chosen, where, onnx=onnx, pt2=pt2, on_note=note, on_progress=tell
        )
    return Exported(
        folder=written.folder,
        title=chosen.title,
        members=len(chosen.members),
        multiply_adds=written.verified.macs,
        parameters=chosen.whole.params,
        split=chosen.split,
        accuracy=chosen.score.accuracy,
        low=chosen.score.low,
        high=chosen.score.high,
        files=written.files,
        images=written.verified.images,
        largest_difference=written.verified.largest_difference,
        notes=tuple(notes),
    )


def load_exported(
    folder: str | Path, *, runtime: str = "auto", workers: int = 1, device: str = "cpu"
) -> "LoadedModel":
    """Return the model of an exported folder, to predict with.

    Its model.py is run, so load what you trust. `runtime` is "torch", "onnx", or "auto": model.onnx
    where it is there and ONNX Runtime can be imported. With more than one of `workers`, as many
    processes run the members of an ensemble side by side, by torch. With the `device` "cuda", or
    with "auto" where there is a GPU, torch runs there, and workers are streams. Raises UsageError
    if it is no such folder.
    """
    from ensearch.exports import loaded

    return loaded.of_folder(Path(folder), runtime, workers, device)


def _chosen(
    store: Store,
    study: str | None,
    pool: str | None,
    budget: float | str | None,
    kind: str,
    confirmed: bool,
    measure: str,
    data_dir: str | Path | None,
    note: OnNote,
) -> "Winner":
    """What is exported. Raises the errors of `export`."""
    from ensearch.pool import query

    folder = None if data_dir is None else Path(data_dir)
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    if (study is None) == (pool is None):
        raise UsageError("name either a study or a query of the pool.", problem="study_or_pool")
    if study is not None:
        query.check_study(store, study)
    if study is not None and kind == "distilled":
        return _distilled(store, study, budget, folder)
    if study is not None and kind != "cascade":
        return _of_study(store, study, budget, kind, confirmed, folder)
    if study is not None:
        members = f"{'confirmed' if confirmed else 'study'}:{study}"
        return _of_pool(store, members, _budget_of(store, study, budget), measure, folder, note)
    assert pool is not None
    if confirmed or (kind != "cascade" and (budget is not None or kind != "best")):
        raise UsageError(
            "all entries that a query of the pool selects are exported as one ensemble: a budget "
            "and a kind are for studies and cascades."
        )
    if kind == "cascade" and budget is None:
        raise invalid("budget", "must be said for a cascade of the pool.")
    most = None if budget is None else units.parse_count(budget, "budget")
    return _of_pool(store, pool, most, measure, folder, note)


def _budget_of(store: Store, study: str, budget: float | str | None) -> float:
    """A budget in multiply-adds, of a text as the study counts, or that of the study."""
    config = configs.from_dict(store.study(study).config)
    if budget is None and not config.budget.is_flops:
        raise invalid(
            "budget",
            f"must be said, in FLOPs, for a cascade: that of study {study} is of "
            f"{config.axis.called}.",
        )
    if budget is None:
        return config.budget.amount
    return units.parse_count(budget, "budget") / config.flops_per_mac


def _of_pool(
    store: Store,
    pool: str,
    budget: float | None,
    measure: str,
    data_dir: Path | None,
    note: OnNote,
) -> "Winner":
    """All entries that a query selects, or with a budget the best cascade of them within it."""
    from ensearch.exports import winner
    from ensearch.pool import best_cascade, query

    entries, found = query.select(store, pool, note), None
    name = f"pool/{re.sub('[^A-Za-z0-9._-]+', '-', pool).strip('-.')[:80] or 'all'}"
    if budget is not None:
        found = best_cascade.within(store, entries, budget, measure)
        if found is None:
            raise BudgetError(
                f"nothing of {pool} fits the budget of {units.format_count(budget)} multiply-adds."
            )
        entries, name = list(found.entries), f"{name}-cascade-{units.format_count(budget)}"
        if len(entries) == 1:
            note("no cascade within the budget is better than a single network: that is exported")
            found = None
    return winner.of_pool(store, pool, entries, name=name, cascade=found, data_dir=data_dir)


def _of_study(
    store: Store,
    study: str,
    budget: float | str | None,
    kind: str,
    confirmed: bool,
    data_dir: Path | None,
) -> "Winner":
    from ensearch.exports import winner
    from ensearch.report.study import answer, text

    found, stage = _findings(store, study, confirmed)
    row = answer.row_within(found, budget)
    evaluation, estimate = {
        "best": (row.take, row.take_accuracy),
        "single": (row.single, row.single_accuracy),
        "ensemble": (row.ensemble, row.ensemble_accuracy),
    }[kind]
    if evaluation is None:
        what = {"single": "single network", "ensemble": "ensemble"}.get(kind, "configuration")
        raise BudgetError(
            f"study {study} tried no {what} within {found.conditions.axis.tell(row.budget)}.",
        )
    return winner.of_study(
        store,
        study,
        evaluation,
        stage=stage,
        title=text.label(evaluation, found.conditions),
        estimate=estimate,
        data_dir=data_dir,
    )


def _distilled(
    store: Store, study: str, budget: float | str | None, data_dir: Path | None
) -> "Winner":
    """The first of the networks that learned in the last confirmation that distilled."""
    from ensearch.confirmation import distillation
    from ensearch.confirmation import plan as plans
    from ensearch.exports import winner

    if budget is not None:
        raise invalid("budget", "chooses nothing: a confirmation distils one network.")
    for plan in reversed(plans.plans(store, study)):
        found = distillation.read(store, study, plan)
        if found is not None:
            return winner.of_study(
                store,
                study,
                found.test,
                stage=distillation.stage(plan),
                title=found.pair.student.label,
                data_dir=data_dir,
            )
    raise StorageError(
        f"no confirmation of study {study} has distilled anything.",
        problem="nothing_distilled",
        study=study,
    )


def _findings(store: Store, study: str, confirmed: bool) -> tuple["Findings", str]:
    """What a study found, or its last confirmation, and the stage that trained the members."""
    if not confirmed:
        from ensearch.report.study import reading

        return reading.collect(store, study), SEARCH
    from ensearch.report.confirmation import findings as confirmations

    found = confirmations.collect(store, study)
    return found.results, found.plan.stage
