"""Models that exist: to import, to add, to look at, and to combine without training.

Numbers are taken as numbers or as texts such as "2M". No function prints: notes are kept
with the results, and `on_note` hears each as soon as it is known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path

from ensearch import units
from ensearch.api._query_name import query_name
from ensearch.api.pool_models import AddedModel, add_model, import_predictions
from ensearch.errors import invalid
from ensearch.pool import axes, predictions, query, search
from ensearch.pool.archive import Archive, export
from ensearch.pool.archive_import import Imported, import_archive, is_archive
from ensearch.pool.description import EntryDescription, EntryDetails, entries, show
from ensearch.pool.entry import Entry
from ensearch.pool.image_file import ImageFile, write_images
from ensearch.pool.notes import Notes, OnNote, unheard
from ensearch.pool.removal import remove
from ensearch.pool.results import PoolFindings
from ensearch.pool.verification import Problem, Verification, verify
from ensearch.report.pool.fronts import PoolFronts
from ensearch.store import Store, files, storage_url, uses_of_test

__all__ = [
    "AddedModel",
    "Archive",
    "EntryDescription",
    "EntryDetails",
    "ImageFile",
    "Imported",
    "OnNote",
    "PoolFronts",
    "Problem",
    "Verification",
    "add_model",
    "combine",
    "entries",
    "export",
    "import_archive",
    "import_predictions",
    "is_archive",
    "remove",
    "show",
    "verify",
    "write_images",
]


def combine(
    *,
    pool: str,
    dataset: str = "",
    budget: str | float,
    budgets: str | float | Iterable[str | float] | None = None,
    measure: str = "max",
    test: bool = False,
    flops_per_mac: int = 1,
    x: str = units.FLOPS,
    storage: str | Path | None = None,
    on_note: OnNote | None = None,
    on_progress: OnNote | None = None,
) -> PoolFronts:
    """Search ensembles and cascades over the pool, and return four fronts; nothing is trained.

    `pool` is a query: all, names as tables show them, patterns such as 'eff*', study:NAME,
    confirmed:NAME or dataset:FINGERPRINT, separated by commas, and '!eff*' to leave some out.
    `dataset` keeps entries of one dataset: its name, or the beginning of a fingerprint. `budget`
    and `budgets` are FLOPs per example, `flops_per_mac` of them for a multiply-add; without
    `budgets` they are halves of the budget, up to 8 in all. With `x` "ms@64" they are milliseconds
    an image in batches of 64, as `measure_latency` measured each network alone: the times of
    several add up. Cascades stop by `measure`: the "max" probability, the "margin" or, of at most
    32 classes, the "entropy". With `test` all is scored on test too, which is recorded as a use of
    it. `on_note` hears each note, a sentence on what may not be expected, which the result keeps
    too; `on_progress` hears which front is searched. Raises UsageError for values that are not
    legal, BudgetError if nothing fits the budget, StorageError if entries cannot be combined.
    """
    note = Notes(on_note)
    units.check_flops_per_mac(flops_per_mac)
    given, asked = units.parse_count(budget, "budget"), units.parse_axis(x)
    axis = units.flops(flops_per_mac)
    with Store.open(storage_url(storage), create=False) as store:
        selected = query.select(store, pool, note, dataset)
        search.check_measure(store, selected, measure)
        if asked is not None:
            axis, selected = axes.timed(store, selected, *asked, note)
        most = given / axis.factor
        ladder = search.ladder(most, selected, axis)
        steps = _steps(budgets, most, axis) or ladder
        _note_empty(steps, selected, axis, note)
        how = measure if asked is None else f"{measure} {axis.name}"
        before = _use_test(store, selected, pool, steps, how, note) if test else (0, "")
        findings = search.compute(
            store,
            pool,
            selected,
            steps,
            measure,
            test,
            on_progress or unheard,
            other_axis=None if asked is None else axis,
        )
        name = query_name(f"{pool} {dataset}".strip())
        folder = files.beside(store.files, "reports") / f"front-{name}"
        folder = folder if asked is None else folder / axis.file_name
    findings = replace(findings, uses_before=before[0], uses_summary=before[1])
    values = {field.name: getattr(findings, field.name) for field in fields(PoolFindings)}
    return PoolFronts(**values, flops_per_mac=flops_per_mac, folder=folder, notes=note.kept)


def _steps(
    budgets: str | float | Iterable[str | float] | None, most: float, axis: units.Axis
) -> tuple[float, ...]:
    """Budgets in the unit of prices, ascending, up to the largest; none if none were given."""
    if budgets is None:
        return ()
    steps = {step / axis.factor for step in units.parse_counts(budgets, "budgets")}
    if max(steps) > most:
        raise invalid(
            "budgets",
            f"must not be above the budget of {axis.show(most)}; got {axis.show(max(steps))}.",
        )
    return tuple(sorted(steps | {most}))


def _note_empty(
    steps: Sequence[float], selected: Sequence[Entry], axis: units.Axis, note: OnNote
) -> None:
    """Name the budgets that will have no row."""
    cheapest = min(entry.price for entry in selected)
    empty = [axis.show(step) for step in steps if step < cheapest]
    if empty:
        note(
            f"nothing fits {', '.join(empty)}: the cheapest entry costs "
            f"{units.format_count(cheapest * axis.factor, 15)}"
        )


def _use_test(
    store: Store,
    selected: Sequence[Entry],
    pool: str,
    steps: Sequence[float],
    how: str,
    note: OnNote,
) -> tuple[int, str]:
    """Record a use of test; how often it was used before, and for people by whom.

    It is recorded before it is done: what is seen cannot be unseen, also if the search fails.
    """
    predictions.agreed_labels(store, selected, "val")  # else the search fails, with nothing seen
    fingerprint = predictions.agreed_labels(store, selected, "test").fingerprint
    budgets = ",".join(units.format_count(step, 6) for step in steps)
    verb, details = "front", f"{pool} {budgets} {how}"
    before = store.record_use_of_test(fingerprint, verb, details)
    note(uses_of_test.sentence(fingerprint, before, verb, details))
    return len(before), uses_of_test.summary(before, verb, details)
