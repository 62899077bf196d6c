"""A Ray cluster that loses a worker, or a node with all that runs on it."""

import contextlib
import itertools
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import tests.servers
from scripts.faults import processes

TASK = "ray::work"  # how Ray calls a process that trains; others are idle
OPEN: dict[str, Any] = {}  # clusters of this process, by address


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """The address of a cluster of two nodes with one core each. Skips where there is no Ray."""
    with tests.servers.ray_cluster() as made:
        OPEN[made.address] = made
        try:
            yield str(made.address)
        finally:
            del OPEN[made.address]


def kill_worker(address: str, is_running: Callable[[], bool]) -> None:
    """SIGKILL to a worker that trains, if one does while a run goes on."""
    nodes = OPEN[address].list_all_nodes()
    raylets = [each.process.pid for n in nodes for each in n.all_processes.get("raylet", ())]
    while is_running():
        for pid in itertools.chain.from_iterable(map(processes.children, raylets)):
            if TASK in processes.command(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    return


@contextlib.contextmanager
def another_node(address: str) -> Iterator[Any]:
    """One more node with a core, to be removed; gone in the end."""
    made = OPEN[address]
    node = made.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    try:
        yield node
    finally:
        remove(address, node)


def remove(address: str, node: Any) -> None:
    """SIGKILL to everything that runs on a node, if it is there."""
    if node in OPEN[address].list_all_nodes():
        OPEN[address].remove_node(node, allow_graceful=False)
