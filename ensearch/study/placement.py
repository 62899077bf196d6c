"""Where members train."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from ensearch import launch
from ensearch.errors import invalid
from ensearch.training import resolve_device


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where members train: a launcher's name, how many at a time, and the device of each."""

    device: str
    workers: int
    launcher: str = "processes"
    keep_weights: bool = True


def placement(
    *,
    launcher: str | None,
    device: str | None,
    workers: int | None,
    ray_address: str | None,
    weights: bool | None,
    families: Iterable[str],
) -> Placement:
    """Return where members will train, and begin what the first of them would wait for.

    `families` are those of their networks. None stands for the default. Raises UsageError for an
    unknown launcher, and for the address of a cluster that it would not use; UnavailableError for a
    device that is not there.
    """
    launcher = "processes" if launcher is None else launcher
    module = launch.get(launcher)
    if ray_address is not None:
        if launcher != "ray":
            raise invalid("ray_address", f"is for the launcher ray; the launcher is {launcher}.")
        os.environ["RAY_ADDRESS"] = ray_address  # where Ray and its own programs look for it too
    if workers is not None and workers < 1:
        raise invalid("workers", f"must be a whole number of at least 1; got {workers}.")
    own = {f"ensearch.families.{family.partition(':')[0]}" for family in families}
    module.warm_up(["ensearch.training.group", *sorted(own)])
    resolved = resolve_device("auto" if device is None else device)
    usual = workers is None or launcher == "inline"
    return Placement(
        device=resolved,
        workers=module.usual(resolved) if usual else cast(int, workers),
        launcher=launcher,
        keep_weights=weights is not False,
    )
