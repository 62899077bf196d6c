"""`ensearch study remove`, `rename` and `copy`: whole studies of a storage."""

from typing import Annotated

import typer

from ensearch.cli import options
from ensearch.cli.terminal import guarded, note
from ensearch.units import counted

app = typer.Typer(
    name="study",
    help="Whole studies of a storage: remove, rename and copy them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Study = Annotated[str, typer.Argument(help="Name of a study of the storage.")]
Name = Annotated[str, typer.Argument(help="A name that no study has.")]


@app.command()
@guarded
def remove(
    study: Study,
    members: Annotated[
        bool,
        typer.Option("--members", help="Also members that no other study uses, with their files."),
    ] = False,
    storage: options.Storage = options.DEFAULT_STORAGE,
) -> None:
    """Take a study out of the storage, unless a driver runs it.

    Its members stay in the pool, and that it used test is not forgotten.
    """
    from ensearch.api import housekeeping

    removed = housekeeping.remove_study(study, members=members, storage=storage)
    went = f" and {counted(removed.members, 'member')}" if members else ""
    typer.echo(f"removed {study}{went}")
    if removed.kept:
        others = f", {removed.shared} of them used by other studies" if removed.shared else ""
        note(f"{counted(removed.kept, 'member')} of it stay in the pool{others}")


@app.command()
@guarded
def rename(study: Study, name: Name, storage: options.Storage = options.DEFAULT_STORAGE) -> None:
    """Call a study otherwise, unless a driver runs it."""
    from ensearch.api import housekeeping

    housekeeping.rename_study(study, name, storage=storage)
    typer.echo(f"renamed {study} to {name}")


@app.command()
@guarded
def copy(study: Study, name: Name, storage: options.Storage = options.DEFAULT_STORAGE) -> None:
    """Copy the search of a study, to go on with it in another way; nothing is trained.

    Members are shared. Confirmations stay with the study that they confirmed.
    """
    from ensearch.api import housekeeping

    housekeeping.copy_study(study, name, storage=storage)
    typer.echo(f"copied {study} to {name}")
