"""What a caller asked for, from the options to the configuration of a study."""

from dataclasses import replace
from pathlib import Path

from ensearch.datasets import keep_arrays
from ensearch.store import Store, files
from ensearch.study import config as configs
from ensearch.study import options as run_options
from ensearch.study import placement
from ensearch.study.config import StudyConfig
from ensearch.study.options import RunOptions


def with_file(options: RunOptions, config: str | Path) -> RunOptions:
    """Return the options, and those of a TOML file where they say nothing. Raises UsageError."""
    return options.over(run_options.read_file(config))


def check(options: RunOptions) -> None:
    """Raise UsageError for the first value that is not legal; arrays are looked at later."""
    run_options.limits(options)
    placement.check(
        launcher=options.launcher,
        device=options.device,
        workers=options.workers,
        ray_address=options.ray_address,
    )
    arrays = options.dataset is not None and not isinstance(options.dataset, str)
    configs.resolve(replace(options, dataset="npz:arrays") if arrays else options)


def config_of(options: RunOptions, store: Store, known: Store | None = None) -> StudyConfig:
    """Return the study that the options describe; arrays are kept beside the storage.

    A study of that name that is stored, in `known` if that is given, keeps what the options do not
    say (`configs.going_on`).
    """
    if options.dataset is not None and not isinstance(options.dataset, str):
        folder = files.beside(store.files, "datasets")
        options = replace(options, dataset=keep_arrays(options.dataset, folder))
    config = configs.resolve(options)
    held = known or store
    stored = held.study(config.name).config if held.has_study(config.name) else None
    return configs.going_on(config, options, stored)
