"""The results of a study, as a person uses them: in a terminal, in a notebook, in a script."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group

from ensearch.errors import StorageError, UsageError
from ensearch.fronts import MARGIN, spending
from ensearch.pool import diversity
from ensearch.report import _notebook as notebook
from ensearch.report.page import data as page_data
from ensearch.report.page import html
from ensearch.report.study import (
    answer,
    figure,
    figure_data,
    figure_names,
    files,
    paper,
    reading,
    records,
    table,
    words,
)
from ensearch.report.study.answer import Answer, Origin
from ensearch.report.study.brief import Brief
from ensearch.report.study.findings import Findings
from ensearch.report.study.records import Record
from ensearch.store import Store
from ensearch.store.files import beside
from ensearch.study import looks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Results(Findings):
    """What a study found: its fronts and evaluations, and ways to show and keep them.

    In a notebook, its answer and its tables are shown where it is the last line of a cell.
    """

    storage: str = ""  # the database, without its password
    files: Path | None = None  # the folder of the members' files; None if on another machine
    is_spent: bool = False  # whether the looks so far leave no error for more
    origin: Origin | None = None  # where the members are that were scored
    record: Record = field(default_factory=Record)  # how the study went

    @property
    def folder(self) -> Path | None:
        """Where `write` writes by default; another axis has a folder of its own."""
        c = self.conditions
        base = self.files and beside(self.files, "reports") / c.study
        return base if base is None or c.is_own else base / c.axis.file_name

    @property
    def headline(self) -> str:
        """The finding in one sentence."""
        return words.headline(self)

    @property
    def has_usual_margin(self) -> bool:
        """Whether verdicts are of the default margin."""
        return self.fronts.margin == MARGIN

    @property
    def may_settle(self) -> bool:
        """Whether more members could decide a budget, and a look may still claim anything."""
        wanting = any(row.to_settle and row.to_settle.seeds for row in self.fronts.rows)
        return wanting and not self.under_way and not self.is_spent

    def answer(self, budget: float | str | None = None) -> Answer:
        """Return which configuration to take within a budget, and how sure that is.

        The budget is in the unit by which costs are compared, FLOPs as the study counts them unless
        it is another; that of the study if none is given.
        Raises UsageError if it is no number, BudgetError if it is below every compared budget.
        """
        return answer.of(self, budget, self.origin)

    def best(self, budget: float | str | None = None) -> Answer:
        """Return the answer within a budget, as `ensearch.best` does; its `model()` predicts."""
        return self.answer(budget)

    def brief(self) -> Brief:
        """Return the answer and the other compared budgets in about 20 lines, for `rich.print`."""
        return Brief(findings=self)

    def table(self) -> Group:
        """Return both fronts by budget and what the numbers are true of, for `rich.print`."""
        return table.renderable(self)

    def __repr__(self) -> str:
        return f"<Results of study {self.conditions.study}: {self.headline}>"

    def _repr_html_(self) -> str:
        return notebook.html(Group(self.brief(), "", self.table()))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a row for each evaluation, `pandas.DataFrame(results.to_dicts())`.

        Costs are multiply-adds per example; the other units stand in the names of the columns.
        """
        return [files.row_of(e) for e in (*self.evaluations, *self.predicted)]

    def summary(self) -> dict[str, Any]:
        """Return what summary.json holds: plain data without NaN or infinity."""
        return files.summary(self)

    def plot(self) -> "Figure":
        """Return the trade-off figure: accuracy against cost, and the advantage of ensembles."""
        return figure.draw(figure_data.compute(self))

    def page(self) -> str:
        """Return the page of the study: HTML in one file, which needs nothing from elsewhere."""
        return html.text(
            page_data.compute(self, self.record, storage=self.storage, settles=self.may_settle)
        )

    def write(self, folder: str | Path | None = None) -> Path:
        """Write index.html, evaluations.csv, summary.json and tradeoff.png; return their folder.

        The folder is beside the storage by default. Raises StorageError if it cannot
        be written, and EnsearchError, once all else is, if the figure cannot be drawn.
        """
        where = self.folder_to_write(folder)
        files.write(self, where)
        self.write_page(where)
        figure.draw_png(figure_data.compute(self), where / "tradeoff.png")
        return where

    def write_page(self, folder: str | Path | None = None) -> Path:
        """Write index.html alone, as `write` does; return its path."""
        return files.write_file(self.folder_to_write(folder) / "index.html", self.page().encode())

    def write_figures(
        self,
        figures: str | Iterable[str] = ("tradeoff", "advantage"),
        format: str = "png",
        folder: str | Path | None = None,
    ) -> list[Path]:
        """Write figures for a paper, each with its data as CSV; return the paths of all files.

        `figures` are tradeoff and advantage, several with commas, and `format` is png, svg or pdf.
        The folder is that of `write` by default. Raises UsageError for another figure
        or format, EnsearchError if one cannot be drawn, StorageError if it cannot be written.
        """
        names = figure_names.chosen(figures, format)
        content, where = paper.files(self, names, format), self.folder_to_write(folder)
        return [files.write_file(where / name, body) for name, body in content.items()]

    def folder_to_write(self, folder: str | Path | None = None) -> Path:
        """Return this folder, or that of `write`; UsageError if this machine does not have it."""
        where = self.folder if folder is None else Path(folder)
        if where is None:
            raise UsageError(
                "this machine does not have the storage's folder: name one to write to."
            )
        return where


def collect(
    store: Store,
    study: str,
    *,
    margin: float = MARGIN,
    patiently: bool = False,
    x: str | None = None,
    even_empty: bool = False,
) -> Results:
    """Read a study and analyse its fronts on the validation split.

    It is `reading.collect`, whose arguments and errors these are. Whether mixed ensembles would be
    better is answered too, over FLOPs; `patiently` also where that takes long.
    """
    whole = reading.collect(store, study, margin=margin, x=x, even_empty=even_empty)
    content = {each.name: getattr(whole, each.name) for each in fields(whole)}
    compared = None
    if whole.conditions.other_axis is None and whole.evaluations:
        compared = diversity.of_search(store, study, whole.conditions.budget, always=patiently)
    here = {
        "diversity": compared,
        "storage": store.address,
        "origin": Origin(url=store.url, study=study),
        "files": _files(store),
        "is_spent": spending.is_spent(looks.shares(store, study)),
        "record": records.read(store, study),
    }
    return Results(**content | here)


def _files(store: Store) -> Path | None:
    try:
        return store.files
    except StorageError:  # a server's, and its drivers' folder is not on this machine
        return None
