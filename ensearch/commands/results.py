"""`report`, `status` and `dashboard`: look at what a storage holds. None imports torch."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from ensearch import units
from ensearch.store import Store
from ensearch.terminal import say

if TYPE_CHECKING:  # imported when a verb needs it
    from ensearch.report.collect import Results


def report(name: str, out: Path | None, storage: str, as_json: bool) -> None:
    from ensearch.report import files

    with Store.open(storage, create=False) as store:
        found = collect(store, name)
        written = write(found, out or folder(store, name))
    if as_json:
        typer.echo(json.dumps(files.summary(found), indent=2, allow_nan=False))
    else:
        show(found)
    say(f"\nwritten to {written}: {', '.join(sorted(p.name for p in written.iterdir()))}")


def collect(store: Store, name: str) -> "Results":
    from ensearch.report import collect as package

    return package.collect(store, name)


def folder(store: Store, name: str) -> Path:
    """Where a study's report goes if nobody says otherwise."""
    return store.files.with_suffix(".reports") / name


def write(results: "Results", folder: Path) -> Path:
    """Write table, summary and figure into `folder`; returns it."""
    from ensearch.report import figure, files, tradeoff

    files.write(results, folder)
    figure.draw_png(tradeoff.compute(results), folder / "tradeoff.png")
    return folder


def show(results: "Results") -> None:
    """Print fronts, crossover and conditions on stdout."""
    from ensearch.report import table

    table.print_table(results, Console(soft_wrap=False))


def status(name: str | None, storage: str, as_json: bool) -> None:
    with Store.open(storage, create=False) as store:
        if name is not None:
            store.study(name)  # refuses an unknown name with the nearest
        summaries = [s for s in store.summaries() if name in (None, s.name)]
        failures = [m for m in store.all_members() if m.state == "failed" and m.trained_by == name]
    rows = [
        {
            "study": s.name,
            "state": "running" if s.running else "stopped",
            "trials_done": s.trials_done,
            "trials_failed": s.trials_failed,
            "evaluations": s.evaluations,
            "members": s.members,
            "member_failures": s.member_failures,
            "train_macs": s.train_macs,
            "created": s.created.isoformat(timespec="seconds"),
        }
        for s in summaries
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        typer.echo("no studies yet. Begin with: ensearch run --budget 2e6 --dataset digits")
    for row in rows:
        typer.echo(
            f"{row['study']}: {row['state']}, {row['trials_done']} trials done, "
            f"{row['trials_failed']} failed, {row['evaluations']} evaluations, "
            f"{row['members']} members, {units.format_count(float(str(row['train_macs'])))} "
            f"multiply-adds of training, since {row['created']}"
        )
    for m in failures:
        typer.echo(f"  member {m.member.architecture.label} failed: {m.reason}: {m.detail}")


def dashboard(name: str | None, storage: str, port: int, allow_edit: bool) -> None:
    from ensearch.report import dashboard as page

    with Store.open(storage, create=False) as store:
        if name is not None:
            store.study(name)
        page.serve(
            store.optuna_url,
            study=name,
            port=port,
            allow_edit=allow_edit,
            prepare=store.prepare,
            ready=lambda url: say(f"Optuna dashboard at {url} (stop with Ctrl-C)"),
        )
