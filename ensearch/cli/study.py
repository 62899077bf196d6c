"""`study remove`, `rename` and `copy`: whole studies of a storage."""

from typing import Annotated

import typer

from ensearch.cli import options
from ensearch.cli._help_page import Command, Group
from ensearch.cli.terminal import guarded, note, tell
from ensearch.units import counted

app = typer.Typer(
    cls=Group,
    name="study",
    help="Remove, rename and copy whole studies.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The new name, which no other study has.")
]


@app.command(cls=Command)
@guarded
def remove(
    study: options.Study,
    members: Annotated[
        bool,
        typer.Option(
            "--members",
            help="Remove its members too, with their files, unless another study uses them.",
            rich_help_panel=options.MODELS,
        ),
    ] = False,
    storage: options.Storage = None,
) -> None:
    """Remove a study from the storage, unless it is running.

    Its members stay in the pool, and the storage remembers how often the study used test.

    Example: ensearch study remove digits-wide_resnet-2M --members
    """
    from ensearch.api import housekeeping

    removed = housekeeping.remove_study(study, members=members, storage=storage)
    went = f" and {counted(removed.members, 'member')}" if members else ""
    tell(f"removed {study}{went}")
    if removed.kept:
        others = f", {removed.shared} of them used by other studies" if removed.shared else ""
        note(f"{counted(removed.kept, 'member')} of the study stay in the pool{others}")


@app.command(cls=Command)
@guarded
def rename(study: options.Study, name: Name, storage: options.Storage = None) -> None:
    """Give a study another name, unless it is running.

    Example: ensearch study rename digits-wide_resnet-2M digits
    """
    from ensearch.api import housekeeping

    housekeeping.rename_study(study, name, storage=storage)
    tell(f"renamed {study} to {name}")


@app.command(cls=Command)
@guarded
def copy(study: options.Study, name: Name, storage: options.Storage = None) -> None:
    """Copy the search of a study, to go on with it in another way. Nothing is trained.

    Members are shared. Confirmations stay with the study that they confirmed.

    Example: ensearch study copy digits-wide_resnet-2M digits-again
    """
    from ensearch.api import housekeeping

    housekeeping.copy_study(study, name, storage=storage)
    tell(f"copied {study} to {name}")
