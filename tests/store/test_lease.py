"""Leases: at most one driver runs a study."""

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ensearch.store import Store
from tests.records import NOW, failure, holder_of, set_lease
from tests.servers import BOTH_DATABASES

pytestmark = BOTH_DATABASES


def test_a_live_driver_keeps_its_study(store: Store) -> None:
    lease = store.acquire_lease("digits")
    # Its process tells that it lives, however long it was silent.
    set_lease(store, heartbeat=NOW)
    message = failure(lambda: store.acquire_lease("digits"))
    assert f"process {os.getpid()} on " in message
    store.acquire_lease("cifar10").release()
    lease.renew()
    lease.release()
    lease.release()
    assert holder_of(store, "digits") is None
    store.acquire_lease("digits")


def test_a_study_taken_over_is_lost_to_its_driver(store: Store) -> None:
    lease = store.acquire_lease("digits")
    other = store.acquire_lease("digits", take_over=True)
    assert f"process {os.getpid()}" in failure(lease.renew)
    lease.release()  # not its own any more: nothing happens
    other.renew()
    other.release()
    assert "another process has taken over" in failure(other.renew)


def test_renewing_moves_the_heartbeat_only(store: Store) -> None:
    lease = store.acquire_lease("digits")
    set_lease(store, heartbeat=NOW)
    before = holder_of(store, "digits")
    lease.renew()
    after = holder_of(store, "digits")
    assert before is not None
    assert after is not None
    assert before.heartbeat == NOW < after.heartbeat
    assert after == dataclasses.replace(before, heartbeat=after.heartbeat)


HOLD = """
import sys, time
from ensearch.store import Store
store = Store.open(sys.argv[1], create=False)
store.acquire_lease("digits")
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_the_lease_of_a_killed_driver_is_free_at_once(store: Store, url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, url],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1].parent)},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert f"process {process.pid} " in failure(lambda: store.acquire_lease("digits"))
        process.kill()
        # Not waited for yet: a killed process that nobody collected drives nothing either.
        while (holder := holder_of(store, "digits")) and holder.alive:
            time.sleep(0.01)
        assert holder is not None
        store.acquire_lease("digits").release()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("values", "alive"),
    [
        ({"started": 1}, False),  # another process had this number before
        ({"pid": 2**22 + 1}, False),  # above the highest number that Linux gives
        ({"place": "another boot"}, True),
        ({"place": "another boot", "heartbeat": NOW}, False),
        ({"place": None, "started": None}, True),
        ({"place": None, "started": None, "heartbeat": NOW}, False),
    ],
)
def test_a_driver_lives_by_its_process_here_and_by_its_heartbeat_elsewhere(
    store: Store, values: dict[str, object], alive: bool
) -> None:
    store.acquire_lease("digits")
    set_lease(store, **values)
    holder = holder_of(store, "digits")
    assert holder is not None
    assert holder.alive is alive
    if alive:
        failure(lambda: store.acquire_lease("digits"))
    else:
        store.acquire_lease("digits").renew()
