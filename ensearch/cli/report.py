"""`report` and `status`: look at what a storage holds."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ensearch import units
from ensearch.cli import options
from ensearch.cli._console_table import TableRow, print_rows
from ensearch.cli.run import files, further, going_on, show
from ensearch.cli.terminal import guarded, place, say, tell, tell_json
from ensearch.errors import EnsearchError, StorageError, invalid, printable

if TYPE_CHECKING:
    from pathlib import Path

    from ensearch.api.results import Results, StudyStatus


@guarded
def report(
    studies: Annotated[
        list[str],
        typer.Argument(metavar="STUDY...", help="The name of a study, or several names."),
    ],
    margin: options.Margin = None,
    x: options.OwnAxis = None,
    storage: options.Storage = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Also print both fronts, and all that the numbers depend on.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    figures: Annotated[
        str | None,
        typer.Option(
            help="Also write figures for a paper, each with its data as CSV: tradeoff, advantage, "
            "or both with a comma.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            help="The format of --figures: png, svg or pdf. (default: png)",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    out: options.Folder = None,
    as_json: options.AsJson = False,
) -> None:
    """Print the answer of a study; write its page index.html, CSV, JSON and PNG.

    With several studies it prints all answers and writes one page on all of them. With another
    margin than 1, files are only written where --out names a folder.

    Example: ensearch report digits-wide_resnet-2M --figures tradeoff,advantage --format pdf
    """
    from ensearch.api.results import figure_names, report_together

    if figures is None and format is not None:
        raise invalid("format", "is that of --figures: name a figure too, such as tradeoff.")
    drawn_as = "png" if format is None else format
    names = () if figures is None else figure_names(figures, drawn_as)
    if len(studies) > 1:
        if names:
            raise invalid("figures", f"is for one study; got {len(studies)} studies.")
        _together(report_together(studies, out=out, margin=margin, x=x, storage=storage), as_json)
        return
    study = studies[0]
    results = _results(study, margin, x, storage, out)
    show(results, as_json, full)
    # After the answer: a failure to write must not cost the user the result.
    # The study's own folder is of the usual margin: whoever reads it later cannot ask which.
    keeps = out is not None or results.has_usual_margin
    folder = results.write(out) if keeps else None
    drawn = results.write_figures(names, drawn_as, out) if names and keeps else []
    budget, here = units.format_count(results.conditions.budget, 6), place(storage)
    say("")
    if results.under_way:
        say(going_on(results, here))
    by = "" if results.conditions.is_own else f" --x {x}"
    for line in further(results, here, full, by):
        say(line)
    # Not here: of 59 members on 2,500 images this report takes 0.4 s, those searches 7 s.
    axis = results.conditions.axis
    if axis.name != units.PARAMS:  # by which the pool does not compare
        by = "" if axis.name == units.FLOPS else f" --x {x or axis.name}"
        say(f"mix       ensearch front --pool study:{study} --budget {budget}{by}{here}")
    unwritten = "files     not written: those of a study have margin 1, so name a folder with --out"
    for line in files(folder) if folder else [unwritten]:
        say(line)
    if drawn:
        say(f"figures   {drawn[0].parent}: {', '.join(path.name for path in drawn)}")


def _results(
    study: str, margin: float | None, x: str | None, storage: str | None, out: "Path | None"
) -> "Results":
    """Return the results; where there are none, the page says what failed, and where it is."""
    from ensearch.api.results import results, write_page

    try:
        return results(study, margin=margin, x=x, storage=storage)
    except StorageError as error:
        if error.problem == "nothing_evaluated":
            with suppress(EnsearchError):  # what the user must know is the first error
                say(f"page      {write_page(study, out=out, storage=storage)}")
        raise


def _together(done: "tuple[tuple[Results, ...], Path]", as_json: bool) -> None:
    """Print the answers of several studies, one below the other, and where their page is."""
    found, page = done
    if as_json:
        tell_json([results.summary() for results in found])
    for results in () if as_json else found:
        tell(f"study     {results.conditions.study}")
        show(results, as_json)
        tell("")
    say(f"page      {page}")


@guarded
def status(
    study: options.StudyIfAny = None,
    storage: options.Storage = None,
    as_json: options.AsJson = False,
) -> None:
    """List the studies, how far they are and what they answer.

    Example: ensearch status
    """
    from ensearch.api.results import studies

    rows = studies(study, storage=storage)
    if as_json:
        tell_json([row.to_dict() for row in rows])
        return
    if not rows:
        example = f"ensearch run --budget 2e6 --dataset digits{place(storage)}"
        tell(f"There are no studies yet. Begin with: {example}")
        return
    console, heads = Console(), ("state", "trials", "members", "since")
    shown = print_rows(
        TableRow(name="study", cells=heads, last="answer"), [_row(row) for row in rows], console
    )
    for row in () if shown else rows:  # a terminal with no room for answers beside the numbers
        tell(f"{row.study}: {row.says}")
    for failure in (failure for row in rows if study for failure in row.failures):
        detail = printable(failure.detail, keep="")
        tell(f"member {failure.label} failed: {failure.reason}: {detail}")


def _row(status: "StudyStatus") -> TableRow:
    failed = f", {status.trials_failed} failed" if status.trials_failed else ""
    asked = f"of {status.trials_asked or '?'}"
    over = status.trials_done + status.trials_failed
    if status.state == "complete" and over < (status.trials_asked or over + 1):
        asked = "(all there are)"  # the space has no more within the budget
    return TableRow(
        name=status.study,
        cells=(
            status.state,
            f"{status.trials_done} {asked}{failed}",
            str(status.members),
            f"{status.created:%Y-%m-%d}",
        ),
        last=status.says,
    )
