"""The Ray launcher on a real cluster of two nodes: what it survives, and what it says."""

import dataclasses
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ensearch.errors import UnavailableError, UsageError
from ensearch.launch import Failed, Launcher, MemberJob, Teacher, Trained, _on_ray, _ray_room
from ensearch.launch import ray as launch_ray
from ensearch.store import Store
from ensearch.study import config, search, study
from ensearch.study.options import Limits, RunOptions
from ensearch.study.placement import Placement
from tests.command_line import TINY, ensearch
from tests.launchers import SECONDS, Driver, Opener, collect, gather, is_alive, outcomes, running
from tests.trainers import (
    broken,
    deadly,
    endless,
    job_of,
    quick,
    seen,
    silent,
    unlucky,
    waiting,
    whereabouts,
)


def noted(launcher: Launcher, note: Path, lines: int) -> list[tuple[str, str]]:
    """Seeds and nodes, once `waiting` has noted so many."""
    end = time.monotonic() + SECONDS
    while not note.exists() or len(note.read_text().splitlines()) < lines:
        assert time.monotonic() < end
        launcher.wait(0.1)
    return [(line.split()[0], line.split()[1]) for line in note.read_text().splitlines()]


def detail_of(launcher: Launcher, job: MemberJob) -> str:
    (outcome,) = outcomes(gather(launcher, [job])).values()
    assert isinstance(outcome, Failed)
    return outcome.detail


# Members


def test_a_search_finds_what_it_finds_inline(ray_cluster: Any, tmp_path: Path) -> None:
    """Real training on digits, one epoch: the same evaluations, and the same bits of members."""
    found = {}
    for launcher in ("inline", "ray"):
        settings: dict[str, Any] = {
            "budget": "4e5",
            "dataset": "digits",
            "space": str(tmp_path / "tiny.toml"),
        }
        (tmp_path / "tiny.toml").write_text(TINY)
        asked = config.resolve(
            RunOptions(**settings | {"limit_train": 200, "epochs": 1, "study": "one"})
        )
        with Store.open(str(tmp_path / f"{launcher}.db"), create=True) as store:
            opened = study.open_study(asked, store, Path("data"), "a CPU")
            where = Placement(device="cpu", workers=1, launcher=launcher)
            outcome = search.run(opened, store, Limits(trials=4, seconds=SECONDS), where)
            assert (outcome.done, outcome.failed) == (4, 0)
            found[launcher] = (
                store.evaluations("one"),
                {
                    m.member.key: (
                        m.losses,
                        store.predictions(m.member.key, "val").logits.tolist(),
                        store.weights_path(m.member.key).read_bytes(),
                    )
                    for m in store.all_members()
                },
            )
    assert found["ray"] == found["inline"]


def test_the_cluster_is_left_to_others_and_found_again(connecting: Opener) -> None:
    import ray as package

    for _ in range(2):
        launcher = connecting(quick, 2)
        assert len(gather(launcher, [job_of(1)])) == 2
        launcher.close()
        assert not package.is_initialized()


def test_a_connection_of_the_program_itself_is_left_open(
    connecting: Opener, ray_cluster: Any
) -> None:
    import ray as package

    package.init(address=ray_cluster.address, log_to_driver=False)
    try:
        launcher = connecting(quick, 2)
        gather(launcher, [job_of(1)])
        launcher.close()
        assert package.is_initialized()
    finally:
        package.shutdown()


def test_as_many_members_train_at_a_time_as_the_nodes_hold(ray: Opener) -> None:
    ray(quick, 1)
    assert launch_ray.usual("cpu") == 2
    with pytest.raises(UnavailableError, match="no node"):
        launch_ray.usual("cuda")


def test_a_member_has_one_thread_and_the_folder_of_the_driver(
    ray: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    launcher = ray(whereabouts, 1)
    assert detail_of(launcher, job_of(1)) == f"{tmp_path} None 1"
    shared, unseen = tmp_path / "a.safetensors", tmp_path / "nowhere" / "a.safetensors"
    assert detail_of(launcher, job_of(1, shared)) == f"{tmp_path} {shared} 1"
    assert detail_of(launcher, job_of(1, unseen)) == f"{tmp_path} None 1"


# Deaths


def test_a_job_that_kills_its_worker_twice_has_failed_and_others_have_not(
    ray: Opener, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    jobs = tuple(job_of(seed, note) for seed in (1, 100, 2))
    launcher = ray(deadly, 2)
    launcher.submit(jobs)
    launcher.submit((job_of(3),))
    ended = outcomes(collect(launcher, 4))
    killed = ended[jobs[1].member.key]
    assert isinstance(killed, Failed)
    assert killed.reason == "killed"
    assert "2 times in a row" in killed.detail
    assert sum(isinstance(outcome, Trained) for outcome in ended.values()) == 3
    assert launcher.wait(3600) == []


def test_a_job_whose_worker_was_killed_once_is_trained_silently(
    ray: Opener, tmp_path: Path
) -> None:
    _, outcome = gather(ray(unlucky, 1), [job_of(1, tmp_path / "note")])
    assert isinstance(outcome, Trained)


def test_members_of_a_node_that_is_removed_are_trained_on_another(
    ray: Opener, ray_cluster: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    extra = ray_cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    try:
        launcher, note = ray(waiting, 3), tmp_path / "note"
        for seed in range(3):
            launcher.submit((job_of(seed, note),))
        (lost,) = (seed for seed, node in noted(launcher, note, 3) if node == extra.node_id)
        capfd.readouterr()
    finally:
        ray_cluster.remove_node(extra, allow_graceful=False)
    for seed in range(3):
        if str(seed) != lost:
            (tmp_path / str(seed)).touch()
    assert len(outcomes(collect(launcher, 2))) == 2
    again, node = noted(launcher, note, 4)[-1]
    assert again == lost
    assert node != extra.node_id
    (tmp_path / lost).touch()
    assert all(isinstance(one, Trained) for one in outcomes(collect(launcher, 1)).values())
    assert capfd.readouterr().out == ""
    end = time.monotonic() + SECONDS
    while launch_ray.usual("cpu") != 2:  # the tests that follow count the nodes
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_defect_of_training_is_a_failure_of_its_members(ray: Opener) -> None:
    (outcome,) = gather(ray(broken, 1), [job_of(1)])
    assert isinstance(outcome, Failed)
    assert outcome.reason == "error"
    assert "a defect of training" in outcome.detail


def test_training_that_ends_without_a_word_is_a_failure(ray: Opener) -> None:
    (outcome,) = gather(ray(silent, 1), [job_of(1)])
    assert isinstance(outcome, Failed)
    assert "without a word" in outcome.detail


def test_close_ends_what_runs(connecting: Opener) -> None:
    launcher = connecting(endless, 2)
    pids = running(launcher, 2)
    launcher.close()
    end = time.monotonic() + SECONDS
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_handlers_of_signals_stay_those_of_the_driver(connecting: Opener) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    launcher = connecting(quick, 1)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    launcher.close()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


# What cannot be


def test_a_request_that_no_node_can_meet_is_refused(ray: Opener) -> None:
    launcher = ray(quick, 1)
    with pytest.raises(UnavailableError, match=r"a free GPU and a CPU core.*in all 2 CPU, 0 GPU"):
        launcher.submit((dataclasses.replace(job_of(1), device="cuda"),))


def test_gpus_are_shared_by_as_many_tasks_as_are_asked_for(ray: Opener, ray_cluster: Any) -> None:
    """On a node that says it has two GPUs: masks, shares, and workers that end with their task."""
    extra = ray_cluster.add_node(num_cpus=4, num_gpus=2, object_store_memory=100 * 2**20)
    try:
        launcher = ray(seen, 4)
        assert launch_ray.usual("cuda") == 2
        jobs = [dataclasses.replace(job_of(seed), device="cuda") for seed in range(4)]
        ended = outcomes(gather(launcher, jobs)).values()
        details = [one.detail.split() for one in ended if isinstance(one, Failed)]
        assert sorted(mask for mask, _ in details) == ["0", "0", "1", "1"]
        end = time.monotonic() + SECONDS
        while any(is_alive(int(pid)) for _, pid in details):
            assert time.monotonic() < end, "an idle worker holds a part of its GPU"
            time.sleep(0.05)
    finally:
        ray_cluster.remove_node(extra, allow_graceful=False)
    end = time.monotonic() + SECONDS
    while launch_ray.usual("cpu") != 2:  # the tests that follow count the nodes
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("gpus", "slots", "share", "room"),
    [
        ([2], 2, 1.0, 2),
        ([2], 1, 1.0, 2),
        ([2], 3, 0.5, 4),
        ([1, 2], 9, 0.3333, 8),
        ([0, 0], 4, 0.0, 0),
    ],
)
def test_no_task_has_parts_of_two_gpus(
    gpus: list[int], slots: int, share: float, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ray_room, "resources", lambda _: [{"GPU": n, "CPU": 5} for n in gpus])
    assert (_ray_room.share(None, slots), _ray_room.room(None, "cuda", slots)) == (share, room)


def test_what_waits_for_a_node_that_has_gone_fails(
    ray: Opener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    launcher = ray(waiting, 1)
    launcher.submit((job_of(1, tmp_path / "note"),))
    monkeypatch.setattr(launch_ray, "_LOOK", 0.0)
    monkeypatch.setattr(_ray_room, "room", lambda *_: 0)
    (outcome,) = outcomes(launcher.wait(SECONDS)).values()
    assert isinstance(outcome, Failed)
    assert outcome.reason == "unavailable"
    assert "no node of the Ray cluster has them" in outcome.detail


def test_a_node_with_other_versions_is_refused(
    ray: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_on_ray, "versions", lambda: {"ensearch": "9", "torch": "1"})
    detail = detail_of(ray(quick, 1), job_of(1))
    assert "and the driver ensearch 9, torch 1. Install the same" in detail
    assert socket.gethostname() in detail


def test_a_function_that_workers_cannot_import_is_explained(
    ray: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_alone.py").write_text("def train(jobs, report):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import mine_alone  # type: ignore[import-not-found]

    monkeypatch.setattr(sys, "path", sys.path[1:])
    detail = detail_of(ray(mine_alone.train, 1), job_of(1))
    assert "cannot import what it needs" in detail
    assert "mine_alone" in detail


def test_weights_that_a_node_does_not_see_are_named(ray: Opener, tmp_path: Path) -> None:
    job = dataclasses.replace(job_of(1), weights=tmp_path / "gone.safetensors")
    assert f"does not see {tmp_path}/gone.safetensors" in detail_of(ray(quick, 1), job)
    teacher = Teacher(member=job.member, weights=tmp_path / "taught.safetensors")
    job = dataclasses.replace(job_of(2), teachers=(teacher,))
    assert f"does not see {tmp_path}/taught.safetensors" in detail_of(ray(quick, 1), job)


def test_data_that_another_node_lacks_is_said_with_its_name(
    ray: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_on_ray, "host", lambda: "driver")
    detail = detail_of(ray(whereabouts, 1), job_of(1))
    assert detail.startswith(f"node {socket.gethostname()}: ")
    assert detail.endswith("Every node must see the data at this path.")


@pytest.mark.parametrize(
    ("address", "problem"),
    [("ray://127.0.0.1:10001", "ray_client"), ("127.0.0.1:1", "no_ray_cluster")],
)
def test_a_cluster_that_cannot_be_used_is_explained(
    connecting: Opener, monkeypatch: pytest.MonkeyPatch, address: str, problem: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UnavailableError, match=address) as caught:
        launch_ray.open(quick, 1)
    assert caught.value.problem == problem


def test_less_than_one_worker_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 1; got 0"):
        launch_ray.open(quick, 0)


def test_without_ray_its_installation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UnavailableError) as caught:
        launch_ray.open(quick, 1)
    assert caught.value.problem == "no_ray"
    assert caught.value.facts == {"package": "ensearch[ray]"}


# The command line


def test_an_address_is_for_ray_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = ensearch("run --budget 4e5 --dataset digits --ray-address auto")
    assert result.exit_code == 2
    assert "--ray-address is for the launcher ray" in result.stderr


ENDLESS = """
    from tests import launchers, trainers
    from ensearch.launch import ray

    launcher = ray.open(trainers.endless, 2)
    try:
        print(*launchers.running(launcher, 2), flush=True)
        launcher.wait(3600)
    except KeyboardInterrupt:
        launcher.close()
        print("closed")
"""


def test_an_interrupt_of_the_whole_terminal_ends_driver_and_members(
    ray_cluster: Any, driver: Driver
) -> None:
    program = driver(ENDLESS)
    assert program.stdout is not None
    pids = [int(pid) for pid in program.stdout.readline().split()]
    os.killpg(program.pid, signal.SIGINT)
    assert program.communicate(timeout=SECONDS) == ("closed\n", "")
    assert program.returncode == 0
    end = time.monotonic() + SECONDS
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_cluster_of_its_own_is_started_and_ended_without_a_word(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    program = driver(
        """
        from tests import launchers, trainers
        from ensearch.launch import ray

        launcher = ray.open(trainers.chatty, ray.usual("cpu"))
        jobs = [trainers.job_of(1), trainers.job_of(2)]
        print(len(launchers.outcomes(launchers.gather(launcher, jobs))))
        launcher.close()
        """
    )
    assert program.communicate(timeout=SECONDS) == ("2\n", "")
    assert program.returncode == 0
