"""Faults of what drivers share with other machines: a PostgreSQL server, and a Ray cluster."""

import random
from collections.abc import Collection
from multiprocessing.process import BaseProcess

from scripts.faults import clusters, servers
from scripts.faults.site import SECONDS, Site


def connections_cut(site: Site, rng: random.Random) -> Collection[str]:
    with site.running() as process:
        site.moment(rng)
        servers.cut(site.database)
        process.join(SECONDS)
        assert process.exitcode == 0 or site.said, f"the run ended with {process.exitcode}"
    return set(site.trained()[-1:])


def server_killed(site: Site, rng: random.Random) -> Collection[str]:
    with servers.restarted(site.database) as postmaster, site.running() as process:
        site.moment(rng)
        postmaster.kill()
        process.join(SECONDS)
        assert process.exitcode == 0 or site.said, f"the run ended with {process.exitcode}"
    return set(site.trained()[-1:])


def ray_worker_killed(site: Site, rng: random.Random) -> Collection[str]:
    with site.running() as process:
        site.moment(rng, least=1)
        clusters.kill_worker(site.cluster, process.is_alive)
        _goes_on(site, process)
    return set(site.trained())  # what the worker had in hand is trained once more


def ray_node_killed(site: Site, rng: random.Random) -> Collection[str]:
    with clusters.another_node(site.cluster) as node, site.running() as process:
        site.moment(rng, least=1)
        clusters.remove(site.cluster, node)
        _goes_on(site, process)
    return set(site.trained())


def _goes_on(site: Site, process: BaseProcess) -> None:
    """The driver lets what was lost train somewhere else, and ends well."""
    process.join(SECONDS)
    assert process.exitcode == 0, f"the driver ended with {process.exitcode}: {site.said}"
