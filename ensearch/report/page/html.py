"""The page of a study as HTML: one file, with its style, its script and its data inside.

Templates escape every text that comes from a study, and a policy in the page allows no script but
its own and no request at all.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from ensearch.report._layout import tied
from ensearch.report.page import commands, drawings, several_drawings
from ensearch.report.page.data import Grid, Page
from ensearch.report.page.evaluations import Cell, Column, Table, shown
from ensearch.report.page.several import Several
from ensearch.report.study.records import Failure

LISTED = 300  # rows of evaluations at most that are there without the script: the most accurate
SPOKEN = 1500  # dots at most that have a tooltip without the script


class Head(NamedTuple):
    """The head of a column: the class of its cells, and what it means."""

    title: str
    style: str = ""
    says: str = ""


class Listing(NamedTuple):
    """A table as templates write it."""

    heads: tuple[Head, ...]
    lines: Sequence[tuple[str, ...]]


def text(page: Page) -> str:
    """Return the page."""
    views = [
        (view, drawings.tradeoff(view.tradeoff, view.dots, f"tradeoff-{number}", view.table))
        for number, view in enumerate(page.views, 1)
    ]
    charts = [(chart, drawings.chart(chart)) for chart in page.charts]
    tables = [page.table, *([page.confirmed] if page.confirmed else [])]
    return _rendered(
        "page.html",
        {"summary": page.content, "tables": [_plain(table) for table in tables], "listed": LISTED},
        page=page,
        views=views,
        charts=[(chart, drawing) for chart, drawing in charts if not chart.table],
        of_test=[(chart, drawing) for chart, drawing in charts if chart.table],
        confirmed=None if page.confirmed is None else _listed(page.confirmed),
        advantage=drawings.advantage(page.advantages),
        listed=_listed(page.table),
        tried=_grid(page.tried),
        effort=_grid(page.effort),
        failed=_failed(page.failures),
        titles=_titles(page.table) if len(page.table.rows) <= SPOKEN else {},
        again=commands.again(),
    )


def of_several(page: Several) -> str:
    """Return the page of several studies."""
    return _rendered(
        "several.html",
        page.content,
        page=page,
        fronts=several_drawings.fronts(page),
        advantages=several_drawings.advantages(page),
        colours=("single", "ensemble", "mixed", "cascade"),
    )


def _rendered(template: str, content: Mapping[str, Any], **shown: Any) -> str:
    """A template filled in, with the style and the script of all pages and the data that it holds.

    The script is named by its digest, and no other may run.
    """
    env = _environment()
    script = env.get_template("page.js").render()
    return env.get_template(template).render(
        style=env.get_template("page.css").render(),
        script=script,
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        content=content,
        **shown,
    )


@cache
def _environment() -> Environment:
    env = Environment(
        loader=PackageLoader("ensearch.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["tie"] = tied
    env.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return env


def _listed(table: Table) -> Listing:
    """The most accurate rows."""
    at = [column.key for column in table.columns].index("accuracy")
    best = sorted(table.rows, key=lambda row: -float(row[at] or 0))[:LISTED]
    heads = tuple(Head(c.title, _style(c), c.says) for c in table.columns)
    return Listing(heads, tuple(tuple(_texts(row, table.columns).values()) for row in best))


def _style(column: Column) -> str:
    """The class of a column's cells: those that a print has no room for are less."""
    return " ".join(["text"] * (column.kind == "text") + ["less"] * (not column.brief))


def _grid(grid: Grid) -> Listing:
    return Listing(tuple(Head(head) for head in grid.heads), grid.lines)


def _failed(failures: Sequence[Failure]) -> Listing:
    heads = (Head("What", "text long"), Head("Why", "text"), Head("Message", "text long"))
    return Listing(heads, tuple(failures))


def _texts(row: tuple[Cell, ...], columns: tuple[Column, ...]) -> dict[str, str]:
    """The cells of a row for people, by the keys of their columns."""
    return {c.key: shown(cell, c.kind) for cell, c in zip(row, columns, strict=True)}


def _titles(table: Table) -> dict[int, str]:
    """Tooltips by row, for a browser without the script."""
    return {number: _title(row, table.columns) for number, row in enumerate(table.rows)}


def _title(row: tuple[Cell, ...], columns: tuple[Column, ...]) -> str:
    cells = _texts(row, columns)
    error = f" ± {cells['error']} (seeds)" if cells.get("error") else ""
    trial = f", trial {cells['trial']}" if cells.get("trial") else ""
    return (
        f"{cells['name']}: {cells['members']} of depth {cells['depth']}, width {cells['width']}; "
        f"{cells['flops']} FLOPs, {cells['accuracy']} %{error}, {cells['seeds']} trained{trial}"
    )


def _plain(table: Table) -> dict[str, Any]:
    return {
        "columns": [column._asdict() for column in table.columns],
        "rows": [list(row) for row in table.rows],
    }
