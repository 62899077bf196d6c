"""Where members train: the launcher, how many at a time, and the device of each."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import cast

from ensearch import launch
from ensearch.errors import UnavailableError, at_least_one, invalid, unknown
from ensearch.training import DEVICES, Gpu, describe_device, find_gpu, resolve_device


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where members train: a launcher's name, how many at a time, and the device of each.

    `name` is what people call the device; `notes` say what they should know about the choice.
    """

    device: str
    workers: int
    launcher: str = "processes"
    keep_weights: bool = True
    name: str = ""
    notes: tuple[str, ...] = ()


def check(
    *,
    launcher: str | None = None,
    device: str | None = None,
    workers: int | None = None,
    ray_address: str | None = None,
) -> None:
    """Raise UsageError for the first of these that is not legal anywhere; None always is."""
    launcher = "processes" if launcher is None else launcher
    launch.get(launcher)
    if ray_address is not None and launcher != "ray":
        raise invalid("ray_address", f"is for the launcher ray; the launcher is {launcher}.")
    at_least_one("workers", workers)
    if device is not None and device not in DEVICES:
        raise unknown("device", device, DEVICES)


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

    `families` are those of their networks. None stands for the default. Raises UsageError as
    `check` does, UnavailableError for a device that is not there.
    """
    check(launcher=launcher, device=device, workers=workers, ray_address=ray_address)
    launcher = "processes" if launcher is None else launcher
    module = launch.get(launcher)
    if ray_address is not None:
        os.environ["RAY_ADDRESS"] = ray_address  # where Ray and its own programs look for it too
    own = {f"ensearch.families.{family.partition(':')[0]}" for family in families}
    module.warm_up(["ensearch.training.group", *sorted(own)])
    asked, found = "auto" if device is None else device, Gpu(name="", problem=None)
    lacking = ""  # why nobody could look for a GPU

    def find() -> Gpu:
        nonlocal found, lacking
        try:
            # In a worker: this process would hold a part of the GPU until the study ends.
            (found,) = module.call_each(find_gpu, [()], "cuda")
        except UnavailableError as error:
            if asked != "auto" or error.problem == "no_worker":
                raise
            lacking = str(error)
            found = Gpu(name="", problem=lacking)
        return found

    resolved = resolve_device(asked, find)
    usual = workers is None or launcher == "inline"
    return Placement(
        device=resolved,
        workers=module.usual(resolved) if usual else cast(int, workers),
        launcher=launcher,
        keep_weights=weights is not False,
        name=found.name if resolved == "cuda" else describe_device("cpu"),
        notes=_fallback(asked, resolved, found, lacking),
    )


def _fallback(asked: str, resolved: str, found: Gpu, lacking: str) -> tuple[str, ...]:
    """What a person should know whose machine has a GPU that is not used."""
    if asked != "auto" or resolved != "cpu":
        return ()
    if lacking:
        return (f"members train on the CPU: {lacking}",)
    if found.problem is None:
        return ()
    return (
        f"members train on the CPU, although this machine seems to have a GPU: PyTorch "
        f"{version('torch')} cannot use it ({found.problem})",
    )
