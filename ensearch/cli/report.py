"""`report`, `status` and `dashboard`: look at what a storage holds. None imports torch."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ensearch import units
from ensearch.cli.terminal import place, say
from ensearch.store import MemberRecord, Store, StudySummary

if TYPE_CHECKING:  # imported when a verb needs it
    from ensearch.report.study.results import Results


def report(name: str, out: Path | None, storage: str, as_json: bool) -> None:
    from ensearch.report.study import files

    with Store.open(storage, create=False) as store:
        found = collect(store, name)
        written = write(found, out or folder(store, name))
    if as_json:
        typer.echo(json.dumps(files.summary(found), indent=2, allow_nan=False))
    else:
        show(found)
    say(f"\nwritten to {written}: evaluations.csv, summary.json, tradeoff.png")
    budget = units.format_count(found.conditions.budget, 6)
    # Not here: of 59 members on 2,500 images this report takes 0.4 s, those searches 7 s.
    say(f"combine   ensearch front --pool study:{name} --budget {budget}{place(storage)}")


def collect(store: Store, name: str, *, patiently: bool = False) -> "Results":
    """With the comparison of mixed ensembles, `patiently` also where it takes long."""
    from ensearch.pool import diversity
    from ensearch.report.study import results as package

    found = package.collect(store, name)
    compared = diversity.of_search(store, name, found.conditions.budget, always=patiently)
    return replace(found, diversity=compared)


def folder(store: Store, name: str) -> Path:
    """Where a study's report goes if nobody says otherwise."""
    return store.files.with_suffix(".reports") / name


def write(results: "Results", folder: Path) -> Path:
    """Write table, summary and figure into `folder`; returns it."""
    from ensearch.report.study import figure, figure_data, files

    files.write(results, folder)
    figure.draw_png(figure_data.compute(results), folder / "tradeoff.png")
    return folder


def show(results: "Results") -> None:
    """Print fronts, crossover and conditions on stdout."""
    from ensearch.report.study import table

    console = Console()
    # A table squeezed further splits its numbers' names: let a narrow terminal wrap whole lines.
    table.print_table(results, console if console.width >= 72 else Console(width=72))


def status(name: str | None, storage: str, as_json: bool) -> None:
    with Store.open(storage, create=False) as store:
        if name is not None:
            store.study(name)  # refuses an unknown name with the nearest
        summaries = [s for s in store.summaries() if name in (None, s.name)]
        asked = {s.name: store.note(s.name, "trials") for s in summaries}
        # Reading all members takes as long as all the rest, so only where one study is asked for.
        members = store.all_members() if name is not None else []
    failures = [member for member in members if _failed_for(member, name)]
    rows = [_row(summary, asked[summary.name]) for summary in summaries]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        example = f"ensearch run --budget 2e6 --dataset digits{place(storage)}"
        typer.echo(f"no studies yet. Begin with: {example}")
        return
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name_of_column in ("study", "state", "trials", "failed", "members", "training", "since"):
        table.add_column(name_of_column, no_wrap=True)
    for row in rows:
        table.add_row(
            Text(str(row["study"])),
            str(row["state"]),
            f"{row['trials_done']} of {row['trials_asked'] or '?'}",
            str(row["trials_failed"]),
            str(row["members"]),
            units.format_count(float(str(row["train_macs"]))),
            str(row["created"])[:10],
        )
    # A terminal that is too narrow for the names wraps whole lines.
    needed = Console(width=1000).measure(table).maximum
    Console(width=max(console.width, needed)).print(table)
    for m in failures:
        typer.echo(f"member {m.member.architecture.label} failed: {m.reason}: {m.detail}")


def _failed_for(record: MemberRecord, study: str | None) -> bool:
    """For its search or for a confirmation of it."""
    return record.state == "failed" and record.trained_by.partition(" ")[0] == study


def _row(summary: StudySummary, trials: object) -> dict[str, object]:
    over = summary.trials_done + summary.trials_failed
    complete = isinstance(trials, int) and over >= trials
    return {
        "study": summary.name,
        "state": "running" if summary.running else "complete" if complete else "stopped",
        "trials_done": summary.trials_done,
        "trials_failed": summary.trials_failed,
        "trials_asked": trials,
        "evaluations": summary.evaluations,
        "members": summary.members,
        "member_failures": summary.member_failures,
        "train_macs": summary.train_macs,
        "created": summary.created.isoformat(timespec="seconds"),
    }


def dashboard(name: str | None, storage: str, port: int, allow_edit: bool) -> None:
    from ensearch.report.dashboard import dashboard as page

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
