"""A confirmation, as a person uses it: in a terminal, in a notebook, in a script."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType

from ensearch.report import _notebook as notebook
from ensearch.report._layout import FittedTable, Paragraph
from ensearch.report.confirmation import files, findings, text
from ensearch.report.confirmation.findings import ConfirmedFindings
from ensearch.store import Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Confirmed(ConfirmedFindings):
    """What a confirmation found on the test split, and ways to show and keep it."""

    @property
    def headline(self) -> str:
        """The finding and its conditions in one sentence."""
        return text.headline(self)

    def table(self) -> Group:
        """Return the fronts on test and what must stand beside them, for `rich.print`."""
        return Group(
            self.results.table(),
            *self._distilled(),
            *(part for said in text.paragraphs(self) for part in ("", Paragraph(said))),
            "",
            Paragraph(self.headline, style="bold"),
        )

    def _distilled(self) -> list[RenderableType]:
        """The network that learned from the ensemble, beside both."""
        if self.distilled is None:
            return []
        c = self.results.conditions
        heads = tuple(head.format(unit=c.axis.unit) for head in text.DISTILLED)
        return ["", FittedTable(heads, text.rivals(self.distilled, c), text.NUMBERS, gap="  ")]

    def __repr__(self) -> str:
        return f"<Confirmed study {self.results.conditions.study}: {self.headline}>"

    def _repr_html_(self) -> str:
        return notebook.html(self.table())

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a row for each evaluation on test, `pandas.DataFrame(confirmed.to_dicts())`."""
        return self.results.to_dicts()

    def summary(self) -> dict[str, Any]:
        """Return what confirm.json holds: plain data without NaN or infinity."""
        return files.summary(self)

    @property
    def file_names(self) -> tuple[str, ...]:
        """The names of the files that `write` writes: a later confirmation has its own."""
        return files.names(self.plan.number)

    def plot(self) -> "Figure":
        """Return the trade-off figure on test."""
        return self.results.plot()

    def write(self, folder: str | Path | None = None) -> Path:
        """Write confirm.csv, confirm.json and confirm.png; return their folder.

        The folder is beside the storage by default. Raises StorageError if it cannot
        be written, and EnsearchError, once all else is, if the figure cannot be drawn.
        """
        where = self.results.folder_to_write(folder)
        files.write(self, where)
        return where


def collect(store: Store, study: str, number: int | None = None) -> Confirmed:
    """Read a confirmation, the last one if no number is given, and analyse its fronts on test.

    Raises StorageError if there is none, or if it is not scored yet.
    """
    whole = findings.collect(store, study, number)
    return Confirmed(**{field.name: getattr(whole, field.name) for field in fields(whole)})
