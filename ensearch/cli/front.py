"""`front`: search ensembles and cascades over the pool, without training. Imports no torch."""

import json
import re
from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console

from ensearch import units
from ensearch.cli.terminal import say
from ensearch.ensembles.cascades import MEASURES
from ensearch.errors import UsageError, unknown
from ensearch.pool import entry as pool_entry
from ensearch.pool import query as pool_query
from ensearch.pool import search
from ensearch.report.pool import figure, files, table
from ensearch.store import Store, openings


def front(
    query: str,
    budget: str,
    budgets: str | None,
    measure: str,
    with_test: bool,
    flops_per_mac: int,
    out: Path | None,
    storage: str,
    as_json: bool,
) -> None:
    if flops_per_mac not in (1, 2):
        raise UsageError(f"--flops-per-mac must be 1 or 2; got {flops_per_mac}.")
    if measure not in MEASURES:
        raise unknown("measure of confidence", measure, MEASURES)
    most = units.parse_count(budget, "budget") / flops_per_mac
    with Store.open(storage, create=False) as store:
        chosen = pool_query.select(store, query, say)
        rungs = search.ladder(most, chosen, flops_per_mac)
        steps = _steps(budgets, most, flops_per_mac) or rungs
        _say_empty(steps, chosen, flops_per_mac)
        before, how = _open_test(store, chosen, query, steps, measure) if with_test else (0, "")
        found = search.compute(store, query, chosen, steps, measure, with_test, say)
        found = replace(found, opened_before=before, opened_how=how)
        folder = out or store.files.with_suffix(".reports") / f"front-{_slug(query)}"
    if as_json:
        typer.echo(json.dumps(files.summary(found), indent=2, allow_nan=False))
    else:
        console = Console()
        # Narrower lines are for the terminal to wrap: numbers and names cannot be squeezed.
        wide = console if console.width >= 72 else Console(width=72)
        table.print_fronts(found, flops_per_mac, wide)
    # After the table: a failure to write must not cost the user the result.
    files.write(found, folder)
    figure.draw_png(found, flops_per_mac, folder / "front.png")
    say(f"\nwritten to {folder}: front.csv, front.json, front.png")


def _steps(text: str | None, most: float, flops_per_mac: int) -> tuple[float, ...]:
    """Ascending, up to the budget; empty if nothing was said."""
    if text is None:
        return ()
    steps = tuple(flops / flops_per_mac for flops in units.parse_counts(text, "budgets"))
    above = [step for step in steps if step > most]
    if above:
        raise UsageError(
            f"--budgets must not be above --budget {units.format_count(most * flops_per_mac)}; "
            f"got {units.format_count(max(above) * flops_per_mac)}."
        )
    return tuple(sorted({*steps, most}))


def _say_empty(steps: tuple[float, ...], chosen: list[pool_entry.Entry], unit: int) -> None:
    """Name the budgets that will have no row."""
    cheapest = min(entry.macs for entry in chosen)
    empty = [units.format_count(step * unit) for step in steps if step < cheapest]
    if empty:
        say(
            f"note: nothing fits {', '.join(empty)}: the cheapest entry costs "
            f"{units.format_count(cheapest * unit, 15)}"
        )


def _open_test(
    store: Store,
    chosen: list[pool_entry.Entry],
    query: str,
    steps: tuple[float, ...],
    measure: str,
) -> tuple[int, str]:
    """How often it was opened before, and for people by whom.

    It is recorded before it is done: what is seen cannot be unseen, also if the search fails.
    """
    pool_entry.agreed(store, chosen, "val")  # else the search would fail, with nothing seen
    fingerprint = pool_entry.agreed(store, chosen, "test").fingerprint
    budgets = ",".join(units.format_count(one, 6) for one in steps)
    what = f"front --pool {query} {budgets} {measure}"
    before = openings.record(store, fingerprint, what)
    say(openings.sentence(fingerprint, what, before))
    return len(before), openings.before(before, what)


def _slug(query: str) -> str:
    """Letters, digits and `._-` for the name of a folder."""
    return re.sub("[^A-Za-z0-9._-]+", "-", query).strip("-.")[:80] or "pool"
