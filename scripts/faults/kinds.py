"""The faults: each does something to a study that runs, or to what it left, and lets go of it.

A function is given a site where no study has begun, and random numbers. What it leaves is gone on
with until it ends. It returns keys of members that may be trained again, because it took their
files away; an assertion says that the user was not told.
"""

import errno
import io
import os
import random
import shutil
import signal
import time
import zipfile
import zlib
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import numpy as np

from ensearch.pool import verification
from scripts.faults import remote, wrappers
from scripts.faults.site import Site

Fault = Callable[[Site, random.Random], Collection[str]]
NOTHING: tuple[str, ...] = ()


def killed(site: Site, rng: random.Random) -> Collection[str]:
    with site.running() as process:
        site.moment(rng)
        process.kill()
    return NOTHING


def terminated(site: Site, rng: random.Random) -> Collection[str]:
    with site.running() as process:
        site.moment(rng)
        process.terminate()
        process.join()
    return NOTHING


def killed_thrice(site: Site, rng: random.Random) -> Collection[str]:
    for _ in range(3):
        killed(site, rng)
    return NOTHING


def killed_at_a_rename(site: Site, rng: random.Random) -> Collection[str]:
    site.run(partial(wrappers.kill_at, "replace", rng.randint(1, 20)))
    return NOTHING


def killed_at_a_sync(site: Site, rng: random.Random) -> Collection[str]:
    site.run(partial(wrappers.kill_at, "fsync", rng.randint(1, 20)))
    return NOTHING


def killed_before_a_commit(site: Site, rng: random.Random) -> Collection[str]:
    site.run(partial(wrappers.kill_after_write, rng.randint(1, 60)))
    return NOTHING


def _refused(site: Site, arm: wrappers.Arm) -> Collection[str]:
    """A run that cannot go on says so and ends; one that never meets the limit ends well."""
    code = site.run(arm)
    assert code is not None, "the run hung"
    assert code >= 0, f"a signal ended the run: {code}"
    assert code == 0 or site.said, "the run failed without a word"
    return NOTHING


def disk_full(site: Site, rng: random.Random) -> Collection[str]:
    return _refused(site, partial(wrappers.fail_from, "fsync", rng.randint(1, 20), errno.ENOSPC))


def disk_failing(site: Site, rng: random.Random) -> Collection[str]:
    return _refused(site, partial(wrappers.fail_from, "fsync", rng.randint(1, 20), errno.EIO))


def disk_read_only(site: Site, rng: random.Random) -> Collection[str]:
    return _refused(site, partial(wrappers.fail_from, "replace", rng.randint(1, 20), errno.EROFS))


def database_full(site: Site, rng: random.Random) -> Collection[str]:
    return _refused(site, partial(wrappers.small_database, rng.randint(0, 40)))


def few_handles(site: Site, rng: random.Random) -> Collection[str]:
    return _refused(site, partial(wrappers.few_handles, rng.randint(1, 12)))


def little_memory(site: Site, rng: random.Random) -> Collection[str]:
    site.run(partial(wrappers.little_memory, rng.randint(0, 60)))  # libraries may abort
    return NOTHING


def clock_jumps(site: Site, rng: random.Random) -> Collection[str]:
    day = 86_400.0
    with site.running(
        partial(wrappers.clock_off_by, rng.choice((-day, -3600, 3600, day)))
    ) as process:
        site.moment(rng)
        process.kill()
    return NOTHING


def second_driver(site: Site, rng: random.Random) -> Collection[str]:
    with site.running() as first:
        site.moment(rng, least=1)
        os.kill(first.pid or 0, signal.SIGSTOP)  # it lives, and must not be done before
        code = site.run()
        os.kill(first.pid or 0, signal.SIGCONT)
        first.join()
        assert code == 4, f"the second driver ended with {code}"
        assert "is being run by process" in site.said, site.said
        assert first.exitcode == 0, f"the first driver ended with {first.exitcode}: {site.said}"
    return NOTHING


def taken_over(site: Site, rng: random.Random) -> Collection[str]:
    """A driver is stopped, another one takes the study over, and the first wakes up."""
    with site.running() as first:
        site.moment(rng, least=1)
        os.kill(first.pid or 0, signal.SIGSTOP)
        code = site.run(take_over=True)
        before = site.kept()
        os.kill(first.pid or 0, signal.SIGCONT)
        first.join()
        # Stopped while it wrote, it holds SQLite's lock until it wakes up.
        if "is locked" in site.said:
            assert code == 4
        else:
            assert code == 0, f"the second driver ended with {code}: {site.said}"
            assert before == site.kept()
    return set(site.trained()[-1:])  # what the first one trained as it was stopped


def folder_renamed(site: Site, rng: random.Random) -> Collection[str]:
    with site.running() as process:
        while not (site.files / "storage.id").exists():
            time.sleep(0.005)
        site.moment(rng, least=1)
        site.files.rename(site.folder / "elsewhere")
        process.join()
        assert process.exitcode != 0, "the run did not notice"
        assert str(site.files) in site.said, site.said
        assert not site.files.exists(), "the folder was made anew"
    (site.folder / "elsewhere").rename(site.files)
    return set(site.trained()[-1:])  # could be kept nowhere


def worker_killed(site: Site, rng: random.Random) -> Collection[str]:
    with site.running() as process:
        site.moment(rng, least=1)
        # Once: a member that takes two workers along counts as the one that kills them.
        if pids := _workers(site):
            os.kill(rng.choice(pids), signal.SIGKILL)
        process.join()
        assert process.exitcode == 0, f"the driver ended with {process.exitcode}: {site.said}"
    return set(site.trained())  # what the worker had in hand is trained once more


def fork_server_killed(site: Site, rng: random.Random) -> Collection[str]:
    with site.running() as process:
        site.moment(rng, least=1)
        for server in site.started("multiprocessing.forkserver"):
            if server.parent == process.pid:
                os.kill(server.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode in (0, 5), f"the driver ended with {process.exitcode}: {site.said}"
    return set(site.trained())


def _workers(site: Site) -> list[int]:
    """Worker processes: the children of the driver's fork server."""
    found = site.started("multiprocessing.forkserver")
    servers = {each.pid for each in found}
    return [each.pid for each in found if each.parent in servers]


def _damaged(pattern: str, site: Site, rng: random.Random) -> Collection[str]:
    """A byte of a file changes, or the file is cut or lost, while nobody runs the study."""
    with site.running() as process:
        while len(site.kept()) < 3 and process.is_alive():
            time.sleep(0.05)
        process.kill()
    paths = sorted(site.files.glob(pattern))
    assert paths, f"no file {pattern}"
    path = rng.choice(paths)
    content, how = path.read_bytes(), rng.choice(("flipped", "cut", "lost"))
    place = rng.randrange(len(content))
    if how == "lost":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[:place])
    else:
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
    code = site.run()
    if code == 0:  # the study wrote it again, or did not need it: then verifying finds it
        if not _holds(path, content):
            problems = verification.verify(storage=site.url, data_dir=site.folder).problems
            assert any(path.name in str(each.error) for each in problems), "nothing finds it"
        return {path.name.partition(".")[0]}
    assert path.name in site.said, f"{path.name} is not named: {site.said}"
    if path.name == "storage.id":  # as the message says
        path.write_bytes(content)
        return NOTHING
    path.unlink(missing_ok=True)
    site.run(retrain_missing=True)
    return {path.name.partition(".")[0]}


def _holds(path: Path, content: bytes) -> bool:
    """Whether a file holds what `content` held. An archive also says when it was made."""
    if not path.exists():
        return False
    now = path.read_bytes()
    if now == content or path.suffix != ".npz":
        return now == content
    try:
        with np.load(io.BytesIO(now)) as arrays, np.load(io.BytesIO(content)) as before:
            return arrays.files == before.files and all(
                np.array_equal(arrays[name], before[name]) for name in before.files
            )
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error):
        return False


def database_damaged(site: Site, rng: random.Random) -> Collection[str]:
    """The database itself is cut: nothing survives that but a copy."""
    with site.running() as process:
        while len(site.kept()) < 3 and process.is_alive():
            time.sleep(0.05)
        process.kill()
    database, copy = site.folder / "s.db", site.folder / "copy"
    copy.mkdir()
    for path in site.folder.glob("s.db*"):
        shutil.copy(path, copy)
    size = database.stat().st_size
    os.truncate(database, rng.randrange(size // 4, size // 2))
    for path in site.folder.glob("s.db-*"):
        path.unlink()
    code = site.run()
    assert code == 4, f"the run ended with {code}: {site.said}"
    for path in site.folder.glob("s.db*"):
        path.unlink()
    for path in copy.iterdir():
        shutil.move(path, site.folder)
    copy.rmdir()
    return NOTHING


# By name.
KINDS: dict[str, Fault] = {
    "driver killed": killed,
    "driver killed three times": killed_thrice,
    "driver terminated": terminated,
    "killed at a rename": killed_at_a_rename,
    "killed at an fsync": killed_at_a_sync,
    "killed before a commit": killed_before_a_commit,
    "disk full": disk_full,
    "disk failing": disk_failing,
    "disk read-only": disk_read_only,
    "database full": database_full,
    "few file handles": few_handles,
    "little memory": little_memory,
    "clock jumps": clock_jumps,
    "second driver": second_driver,
    "stopped and taken over": taken_over,
    "folder renamed": folder_renamed,
    "predictions damaged": partial(_damaged, "??/*.npz"),
    "weights damaged": partial(_damaged, "??/*.safetensors"),
    "labels damaged": partial(_damaged, "labels/*.npz"),
    "images damaged": partial(_damaged, "images/*.npz"),
    "mark damaged": partial(_damaged, "storage.id"),
    "database damaged": database_damaged,
    "worker killed": worker_killed,
    "fork server killed": fork_server_killed,
    "connections cut by the server": remote.connections_cut,
    "server killed and restarted": remote.server_killed,
    "driver killed on the server": killed,
    "Ray worker killed": remote.ray_worker_killed,
    "Ray node killed": remote.ray_node_killed,
}
# Where members train while a fault is done, if not in the driver's process.
LAUNCHERS = {
    "worker killed": "processes",
    "fork server killed": "processes",
    "Ray worker killed": "ray",
    "Ray node killed": "ray",
}
ON_SERVER = (
    "connections cut by the server",
    "server killed and restarted",
    "driver killed on the server",
)
