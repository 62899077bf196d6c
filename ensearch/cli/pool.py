"""`pool list`, `show`, `remove` and `verify`: look at what can be combined."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ensearch import units
from ensearch.cli import _console_table as console_table
from ensearch.cli import options
from ensearch.cli._console_table import TableRow
from ensearch.cli._help_page import Command, Group
from ensearch.cli.advice import ADVICE, explain
from ensearch.cli.terminal import guarded, note, place, tell, tell_json
from ensearch.errors import StorageError
from ensearch.units import counted

if TYPE_CHECKING:  # imported when a verb needs it
    from ensearch.api.pool import EntryDescription, EntryDetails, Verification

app = typer.Typer(
    cls=Group,
    name="pool",
    help="Look at, add and remove the models that `ensearch front` combines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("list", cls=Command)
@guarded
def list_(
    test: options.Test = False,
    storage: options.Storage = None,
    as_json: options.AsJson = False,
) -> None:
    """List trained members by network, and models of others, with cost and accuracy.

    With --json every entry is listed by itself.

    Example: ensearch pool list
    """
    from ensearch.api import pool

    entries = pool.entries(storage=storage, test=test, on_note=note)
    if as_json:
        rows = [entry.to_dict() for entry in entries]
        tell_json(rows)
    elif not entries:
        tell(f"The pool is empty. {ADVICE['pool_empty'].format(storage=place(storage))}")
    else:
        _print_table(entries)


def _print_table(entries: Sequence["EntryDescription"]) -> None:
    """A line for each network of members and for each model."""
    splits = list(entries[0].accuracies)
    groups: dict[str, list[EntryDescription]] = {}
    for described in entries:
        entry = described.entry
        groups.setdefault(entry.network if entry.is_member else f"\n{entry.name}", []).append(
            described
        )
    lines = []
    for group in groups.values():
        first = group[0].entry
        origins = sorted({described.entry.origin for described in group})
        cells = (
            str(len(group)),
            units.format_count(first.macs),
            "" if first.params is None else units.format_count(first.params),
            *(
                _mean_percent([described.accuracies[split] for described in group])
                for split in splits
            ),
            first.labels.get("val", "")[:8],
        )
        last = units.few(origins, shown=1)
        lines.append(TableRow(name=group[0].listed_name, cells=cells, last=last))
    columns = ("Seeds", "FLOPs", "Params", *(f"{split} %" for split in splits), "Labels")
    heads = TableRow(name="Name", cells=columns, last="Origin")
    if not console_table.print_rows(heads, lines, Console()):
        note("`ensearch pool show NAME` says where an entry is from")


def _mean_percent(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{100 * sum(known) / len(known):.2f}" if known else "?"


@app.command(cls=Command)
@guarded
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name, as `ensearch pool list` shows it.")
    ],
    test: options.Test = False,
    storage: options.Storage = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what is known of an entry, or of all entries of a network.

    Example: ensearch pool show 10-0.5
    """
    from ensearch.api import pool

    entries = pool.show(name, storage=storage, test=test, on_note=note)
    if as_json:
        rows = [entry.to_dict() for entry in entries]
        # A name of one entry gives one object, that of a network a list.
        content = rows[0] if entries[0].name == name else rows
        tell_json(content)
        return
    for number, details in enumerate(entries):
        tell(("\n" if number else "") + "\n".join(_lines(details, place(storage))))


def _lines(details: "EntryDetails", storage: str) -> list[str]:
    entry = details.entry
    verify = f"see `ensearch pool verify{storage}`"
    lines = {
        "name": entry.name,
        "network": entry.network,
        "cost": f"{entry.macs:,} multiply-adds per example",
        "parameters": "not said" if entry.params is None else f"{entry.params:,}",
        "data": details.data or "not known",
        **{split: _right(details, split, verify) for split in details.accuracies},
        **{
            f"{split} rows": summary or f"{entry.labels[split]}, which cannot be read: {verify}"
            for split, summary in details.labels.items()
        },
        "origin": entry.origin,
        "created": entry.created.isoformat(timespec="seconds"),
    }
    if entry.schedule is not None:
        table = entry.schedule.content()
        lines["schedule"] = ", ".join(f"{field} {value}" for field, value in table.items())
        lines["used by"] = ", ".join(details.used_by) or "no study"
    else:
        lines["inputs"] = _inputs(details)
    return [f"{what:<10}  {text}" for what, text in lines.items()]


def _right(details: "EntryDetails", split: str, verify: str) -> str:
    labels, accuracy = details.entry.labels, details.accuracies[split]
    if split not in labels:
        return f"not predicted, only {', '.join(labels) or 'of images not known'}"
    if accuracy is None:
        return f"no predictions that can be read: {verify}"
    return f"{accuracy:.2%} right"


def _inputs(details: "EntryDetails") -> str:
    inputs = details.entry.inputs
    if inputs is None:
        return "unknown: predicted by others, or before this was kept"
    return (
        f"{inputs.resolution} pixels a side, {inputs.normalisation}, of the {inputs.normalised_by}"
    )


@app.command(cls=Command)
@guarded
def remove(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...",
            help="Names, as `ensearch pool list` shows them. The name of a network stands for all "
            "its members.",
        ),
    ],
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Remove members too that evaluations of studies use.",
            rich_help_panel=options.MODELS,
        ),
    ] = False,
    storage: options.Storage = None,
) -> None:
    """Remove models or trained members from the storage, with their files.

    Example: ensearch pool remove efficientnet_b0
    """
    from ensearch.api import pool

    for name in pool.remove(names, storage=storage, force=force):
        tell(f"removed {name}")


@app.command(cls=Command)
@guarded
def verify(
    predict_again: Annotated[
        bool,
        typer.Option(
            "--predict-again",
            help="Let members whose files have no digest yet predict again, and compare the "
            "result.",
            rich_help_panel=options.MODELS,
        ),
    ] = False,
    device: options.Device = None,
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
    as_json: options.AsJson = False,
) -> None:
    """Check that every file of the pool, and the images that are kept, are as they were written.

    Example: ensearch pool verify
    """
    from ensearch.api import pool

    checked = pool.verify(
        storage=storage,
        data_dir=data_dir,
        predict_again=predict_again,
        device=device,
        on_progress=note,
    )
    texts = [explain(problem.error, place(storage)) for problem in checked.problems]
    if as_json:
        problems = [
            problem.to_dict() | {"problem": text}
            for problem, text in zip(checked.problems, texts, strict=True)
        ]
        tell_json(checked.to_dict() | {"problems": problems})
    else:
        for problem, text in zip(checked.problems, texts, strict=True):
            tell(f"{problem.name}: {text}")
        for line in _unverified(checked, place(storage)):
            tell(line)
    if checked.problems:
        raise StorageError(_refusal(checked))
    if not as_json:
        images = f" and {counted(checked.caches, 'folder')} of images" if checked.caches else ""
        but = f" but {counted(len(checked.unverified), 'unverified file')}"
        tell(
            f"{checked.entries} entries{images}, and nothing is wrong with them"
            f"{but if checked.unverified else ''}"
        )


def _unverified(checked: "Verification", storage: str) -> list[str]:
    """Which files may hold anything, and what can be done about it."""
    lines = [f"unverified: {file.path}, of {file.name}" for file in checked.unverified]
    ways = {file.has_weights for file in checked.unverified}
    if True in ways:
        lines.append(
            "An earlier version wrote these files and kept no digests of them. To compare them "
            f"with what the weights predict: ensearch pool verify --predict-again{storage}"
        )
    if False in ways:
        lines.append("Of members without weights nothing but training them again would tell.")
    return lines


def _refusal(checked: "Verification") -> str:
    wrong = []
    if checked.unusable:
        wrong.append(f"{len(checked.unusable)} of {checked.entries} entries of the pool")
    if checked.damaged_caches:
        wrong.append(f"{checked.damaged_caches} of {checked.caches} folders of images")
    return f"{' and '.join(wrong)} cannot be used as they are."
