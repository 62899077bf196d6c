"""The winner of a study, or models of the pool, as a folder or a model that needs no ensearch."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensearch.api import _export_choice
from ensearch.pool.notes import Notes, OnNote, unheard
from ensearch.store import Store, files, storage_url

if TYPE_CHECKING:  # these import torch or matplotlib
    from ensearch.exports.loaded import LoadedModel


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
        UsageError: a value is not legal, the folder is there already, or the source of a family is
            not such that it can be copied.
        BudgetError: nothing of this kind was tried within the budget.
        StorageError: weights or what is known of the images are missing, or the exported model
            predicts something else than is stored. Nothing is left then.
        EnsearchError: the exported model does not run by itself. Nothing is left then.
    """
    from ensearch.exports import folder

    note, tell = Notes(on_note), on_progress or unheard
    with Store.open(storage_url(storage), create=False) as store:
        chosen = _export_choice.chosen(
            store, study, pool, budget, kind, confirmed, measure, data_dir, note
        )
        if chosen.gone:
            note(f"a stored sample of images verifies the export: {chosen.gone}")
        where = Path(out) if out is not None else files.beside(store.files, "exports") / chosen.name
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
        notes=note.kept,
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
