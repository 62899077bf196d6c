"""The fronts of a pool as a result: to print, to draw, to write, and as plain data."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensearch.pool.results import PoolFindings
from ensearch.report import _notebook as notebook
from ensearch.report.pool import files, text
from ensearch.report.pool.table import FrontTable
from ensearch.units import Axis, flops

if TYPE_CHECKING:  # matplotlib takes 0.5 s to import, and only figures need it
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PoolFronts(PoolFindings):
    """Four fronts over a pool, with their differences, and ways to look at them.

    Costs are multiply-adds per example, or nanoseconds an image over time; table and figure count
    `flops_per_mac` FLOPs for each, or show milliseconds.
    `folder` is where `write` puts files unless it is told another place. `notes` are sentences on
    what a user may not expect of this search.
    """

    flops_per_mac: int
    folder: Path
    notes: tuple[str, ...] = ()

    @property
    def axis(self) -> Axis:
        """What configurations are compared by."""
        return self.other_axis or flops(self.flops_per_mac)

    @property
    def headline(self) -> str:
        """The finding in one sentence."""
        return text.headline(self, self.axis)

    @property
    def verdict(self) -> tuple[str, ...]:
        """All that can be told, in sentences: the headline, mixed ensembles, cascades."""
        return tuple(text.verdict(self, self.axis))

    def table(self) -> FrontTable:
        """The table with verdicts and conditions, for rich to print."""
        return FrontTable(findings=self, axis=self.axis)

    def __repr__(self) -> str:
        return f"<PoolFronts of {self.query}: {self.headline}>"

    def _repr_html_(self) -> str:
        return notebook.html(self.table())

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary for each point of the fronts, with equal keys, as pandas takes them.

        These are the rows of front.csv; a value that a point does not have is None.
        """
        rows = files.rows(self)
        names = dict.fromkeys(name for row in rows for name in row)
        return [{name: row.get(name) for name in names} for row in rows]

    def summary(self) -> dict[str, Any]:
        """Return what front.json holds: plain data without NaN or infinity."""
        return files.summary(self)

    def plot(self) -> "Figure":
        """The figure: accuracy against cost, with intervals."""
        from ensearch.report.pool import figure

        return figure.draw(self, self.axis)

    def write(self, folder: str | Path | None = None) -> Path:
        """Write front.csv, front.json and front.png into a folder, and return it.

        Raises StorageError if they cannot be written, and EnsearchError, once all else is, if
        the figure cannot be drawn.
        """
        from ensearch.report.pool import figure

        target = self.folder if folder is None else Path(folder)
        files.write(self, target)
        figure.write_png(self, self.axis, target / "front.png")
        return target
