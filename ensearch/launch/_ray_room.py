"""What a Ray cluster has, and how many tasks that holds."""

import math
from typing import Any

from ensearch.errors import UnavailableError


def share(ray: Any, slots: int) -> float:
    """How much of a GPU each of so many tasks gets: a whole one, or less where they are more.

    0, if the cluster has no GPU.
    """
    gpus = sum(node.get("GPU", 0.0) for node in resources(ray))
    if not gpus:
        return 0.0
    # No task has parts of two GPUs. Ray knows four digits.
    return math.floor(1e4 / math.ceil(slots / gpus)) / 1e4


def room(ray: Any, device: str, slots: int = 1) -> int:
    """Tasks that the cluster's nodes could hold at a time if nothing else ran on them.

    On GPUs, tasks that get what each of so many `slots` gets.
    """
    has = resources(ray)
    if device != "cuda":
        return sum(int(node.get("CPU", 0)) for node in has)
    each = share(ray, slots)
    return sum(int(min(node.get("GPU", 0) / each, node.get("CPU", 0))) for node in has if each > 0)


def check_room(ray: Any, device: str, slots: int = 1) -> None:
    """Raise UnavailableError if no node of the cluster can hold such a task."""
    if not room(ray, device, slots):
        raise UnavailableError(no_room(ray, device, slots), problem="no_ray_room")


def resources(ray: Any) -> list[dict[str, float]]:
    """The resources of every node that lives."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def no_room(ray: Any, device: str, slots: int) -> str:
    """What a task needs and what the cluster has."""
    each = share(ray, slots) or 1.0
    gpu = "a free GPU" if each == 1 else f"{each:g} of a GPU"
    wanted = f"{gpu} and a CPU core" if device == "cuda" else "a CPU core"
    has = resources(ray)
    total = ", ".join(f"{sum(n.get(k, 0) for n in has):g} {k}" for k in ("CPU", "GPU"))
    return (
        f"a member needs {wanted} on one node, and no node of the Ray cluster has them (in all "
        f"{total}). Add a node that has them."
    )
