"""Launchers: one contract for all that are usable here, and what worker processes must survive."""

import os
import pkgutil
import platform
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from ensearch import datasets, launch
from ensearch.errors import UnavailableError, UsageError
from ensearch.launch import Failed, Measured, Progress, Train, Trained, Update, _jobs, _workers
from ensearch.launch import processes as launch_processes
from tests.launchers import SECONDS, Driver, Opener, collect, gather, is_alive, outcomes, running
from tests.trainers import (
    SOURCE,
    deadly,
    endless,
    failure,
    halved,
    job_of,
    lacking,
    leaving,
    quick,
    refilled,
    spent,
    stubborn,
    unlucky,
)

# The contract of every launcher.


@pytest.mark.parametrize("name", launch.names())
def test_a_launcher_says_what_it_is(name: str) -> None:
    assert launch.get(name).SUMMARY.strip() != ""


def test_an_unknown_launcher_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'processes'"):
        launch.get("process")


def test_every_job_has_one_outcome_after_its_progress(opener: Opener) -> None:
    jobs = [job_of(seed) for seed in (1, 2, 100, 3)]
    launcher = opener(quick, 2)
    updates = gather(launcher, jobs)
    assert not any(isinstance(update, Measured) for update in updates)
    assert len(updates) == 2 * len(jobs)
    for job in jobs:
        progress, outcome = (update for update in updates if update.key == job.member.key)  # type: ignore[union-attr]
        assert isinstance(progress, Progress)
        if job.member.seed == 100:
            assert outcome == failure(job.member.key)
        else:
            assert isinstance(outcome, Trained)
            assert outcome.predictions[0].logits.tolist() == [[job.member.seed, job.member.seed]]


def test_a_task_of_several_jobs_brings_one_outcome_for_each(opener: Opener) -> None:
    launcher = opener(quick, 1)
    jobs = tuple(job_of(seed) for seed in (3, 100, 1))
    launcher.submit(jobs)
    launcher.submit((job_of(2),))
    ended = outcomes(collect(launcher, 4))
    assert [key for key, _ in ended.items()] == [job.member.key for job in (*jobs, job_of(2))]
    assert [isinstance(outcome, Failed) for outcome in ended.values()] == [0, 1, 0, 0]
    assert launcher.wait(3600) == []


def test_jobs_of_a_worker_that_is_of_no_more_use_are_tried_plain_in_another(
    opener: Opener,
) -> None:
    jobs = tuple(job_of(seed) for seed in (1, 2, 3))
    launcher = opener(spent, 1)
    launcher.submit(jobs)
    ended = outcomes(collect(launcher, 3))
    assert [isinstance(ended[job.member.key], Trained) for job in jobs] == [True] * 3
    assert launcher.wait(3600) == []


def test_one_slot_runs_jobs_in_order_of_submission(opener: Opener) -> None:
    jobs = [job_of(seed) for seed in (5, 3, 4, 1)]
    updates = gather(opener(quick, 1), jobs)
    assert list(outcomes(updates)) == [job.member.key for job in jobs]


def test_there_is_nothing_to_wait_for_without_jobs(opener: Opener) -> None:
    launcher = opener(quick, 2)
    assert launcher.wait(3600) == []
    gather(launcher, [job_of(1)])
    assert launcher.wait(3600) == []


def test_a_launcher_has_at_least_one_slot(opener: Opener) -> None:
    assert 1 <= opener(quick, 2).slots <= 2


def test_closing_twice_and_before_any_job_is_fine(opener: Opener) -> None:
    launcher = opener(quick, 2)
    launcher.close()
    launcher.close()


def test_what_is_queued_is_dropped_on_close(opener: Opener) -> None:
    launcher = opener(quick, 1)
    for seed in range(3):
        launcher.submit((job_of(seed),))
    launcher.close()
    assert launcher.wait(3600) == []


def test_functions_are_called_in_workers_and_answer_in_order(opener: Opener) -> None:
    launcher = opener(quick, 2)
    module = sys.modules[type(launcher).__module__]
    assert module.call_each(halved, [(4,), (2,), (8,)], "cpu") == [2, 1, 4]
    with pytest.raises(UsageError, match="the number is odd") as caught:
        module.call_each(halved, [(4,), (3,)], "cpu")
    assert (caught.value.problem, caught.value.facts) == ("odd", {"number": 3})
    with pytest.raises(FileNotFoundError, match="a library is missing"):
        module.call_each(lacking, [()], "cpu")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is another one")
def test_workers_keep_the_memory_that_they_free(opener: Opener) -> None:
    launcher = opener(quick, 1)
    module = sys.modules[type(launcher).__module__]
    if module is launch.get("inline"):
        pytest.skip("this process is the user's")
    (pages,) = module.call_each(refilled, [()], "cpu")
    assert pages < 1000  # of 16,384


def test_a_worker_that_dies_of_a_call_is_an_error(processes: Opener) -> None:
    with pytest.raises(UnavailableError, match="memory"):
        launch_processes.call_each(halved, [(4,), (0,)], "cpu")


def test_members_are_the_same_bits_wherever_they_are_trained(opener: Opener) -> None:
    # Here and not above: workers import this file, and those of the other tests need no torch.
    from ensearch import training

    launcher = opener(training.train_members, 1)
    if sys.modules[type(launcher).__module__] is launch.get("ray"):
        pytest.skip("test_ray.py has a search whose members are the same bits there")
    fingerprint = datasets.load(SOURCE).fingerprint
    jobs = [job_of(seed, dataset=fingerprint) for seed in range(3)]
    # A job that fails in training itself, between others.
    jobs.insert(1, job_of(0, dataset="other data"))
    there = outcomes(gather(launcher, jobs))
    here_updates: list[Update] = []
    for job in jobs:
        training.train_members((job,), here_updates.append)
        here, other = outcomes(here_updates)[job.member.key], there[job.member.key]
        if isinstance(here, Failed):
            assert other == here
            assert "other data" in here.detail
        else:
            assert isinstance(other, Trained)
            assert other.losses == here.losses
            assert other.weights == here.weights
            assert other.predictions[0].split == "val"
            np.testing.assert_array_equal(other.predictions[0].logits, here.predictions[0].logits)


# Worker processes.


def test_workers_start_with_the_first_job_and_stay(processes: Opener, tmp_path: Path) -> None:
    launcher = processes(deadly, 3)
    assert isinstance(launcher, launch_processes.Processes)
    note = tmp_path / "note"
    for seed in range(3):
        gather(launcher, [job_of(seed, note)])
    pids = note.read_text().split()
    assert len(pids) == 3
    assert len(set(pids)) == 1


def test_workers_start_where_there_is_no_server_to_fork_them(
    processes: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_long() -> None:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr("multiprocessing.forkserver.ensure_running", too_long)
    launch_processes.warm_up([])
    (outcome,) = outcomes(gather(processes(quick, 1), [job_of(1)])).values()
    assert isinstance(outcome, Trained)


def test_a_job_that_kills_its_worker_twice_has_failed_and_others_have_not(
    processes: Opener, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    jobs = [job_of(1), job_of(100, note), job_of(2), job_of(3)]
    updates = gather(processes(deadly, 2), jobs)
    ended = outcomes(updates)
    killed = ended[jobs[1].member.key]
    assert isinstance(killed, Failed)
    assert killed.reason == "killed"
    assert "SIGKILL" in killed.detail
    assert "memory" in killed.detail
    for job in (jobs[0], *jobs[2:]):
        assert isinstance(ended[job.member.key], Trained)
    assert len(set(note.read_text().split())) == _jobs.ATTEMPTS == 2


def test_a_job_whose_worker_was_killed_once_is_trained_silently(
    processes: Opener, tmp_path: Path
) -> None:
    job = job_of(1, tmp_path / "note")
    _, outcome = gather(processes(unlucky, 1), [job])
    assert isinstance(outcome, Trained)


def test_of_a_task_whose_worker_dies_only_the_job_that_kills_is_lost(
    processes: Opener, tmp_path: Path
) -> None:
    """Outcomes that came before its death count; the others are tried again, each alone."""
    note = tmp_path / "note"
    jobs = tuple(job_of(seed, note) for seed in (1, 2, 100, 3, 4))
    launcher = processes(deadly, 1)
    launcher.submit(jobs)
    updates = collect(launcher, len(jobs))
    ended = outcomes(updates)
    lost = [job for job in jobs if isinstance(ended[job.member.key], Failed)]
    assert [job.member.seed for job in lost] == [100]
    assert len([update for update in updates if isinstance(update, Trained | Failed)]) == len(jobs)
    # 1 and 2 ended before 100 killed the worker twice; 3 and 4 began after that.
    assert len(note.read_text().split()) == 6
    assert len(set(note.read_text().split())) == 3
    assert launcher.wait(3600) == []


def test_a_worker_that_exits_is_reported_with_its_code(processes: Opener) -> None:
    (outcome,) = gather(processes(leaving, 1), [job_of(1)])
    assert isinstance(outcome, Failed)
    assert outcome.reason == "killed"
    assert "code 7" in outcome.detail


def test_a_worker_that_dies_idle_is_replaced(processes: Opener, tmp_path: Path) -> None:
    note = tmp_path / "note"
    launcher = processes(deadly, 1)
    gather(launcher, [job_of(1, note)])
    os.kill(int(note.read_text()), signal.SIGKILL)
    (outcome,) = outcomes(gather(launcher, [job_of(2, note)])).values()
    assert isinstance(outcome, Trained)
    assert len(set(note.read_text().split())) == 2


@pytest.mark.parametrize("train", [endless, stubborn])
def test_close_while_jobs_run_leaves_no_process(
    processes: Opener, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_processes, "_TERMINATE_SECONDS", 0.2)
    launcher = processes(train, 2)
    pids = running(launcher, 2)
    assert all(is_alive(pid) for pid in pids)
    assert launcher.wait(0.01) == []
    launcher.close()
    assert not any(is_alive(pid) for pid in pids)


def test_workers_leave_interrupts_to_the_driver(processes: Opener) -> None:
    launcher = processes(quick, 1)
    launcher.submit((job_of(1),))
    # The worker is still importing its modules, when Python's own handler would be in place.
    assert isinstance(launcher, launch_processes.Processes)
    pid = launcher._workers[0].process.pid
    assert pid is not None
    os.kill(pid, signal.SIGINT)
    collect(launcher, 1)
    os.kill(pid, signal.SIGINT)
    (outcome,) = outcomes(gather(launcher, [job_of(2)])).values()
    assert isinstance(outcome, Trained)
    assert launcher._workers[0].process.pid == pid


def test_an_interrupt_of_the_driver_while_it_starts_a_worker_is_not_lost() -> None:
    with pytest.raises(KeyboardInterrupt), _workers.interrupts_blocked():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_less_than_one_worker_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 1; got 0"):
        launch_processes.open(quick, 0)


# Drivers of their own, in another process.


TWO_JOBS = """
    from tests import launchers, trainers
    from ensearch.launch import processes

    def main():
        launcher = processes.open(trainers.{train}, 2)
        jobs = [trainers.job_of(1), trainers.job_of(2)]
        print(len(launchers.outcomes(launchers.gather(launcher, jobs))))
        launcher.close()

    if __name__ == "__main__":
        main()
"""


def test_a_program_that_closes_its_workers_ends_without_a_word(driver: Driver) -> None:
    program = driver(TWO_JOBS.format(train="quick"))
    assert program.communicate(timeout=SECONDS) == ("2\n", "")
    assert program.returncode == 0


def test_what_workers_print_stays_out_of_the_drivers_stdout(driver: Driver) -> None:
    out, err = driver(TWO_JOBS.format(train="chatty")).communicate(timeout=SECONDS)
    assert out == "2\n"
    # Two workers that print at once may end their lines after both texts.
    assert err.replace("noise from a worker", "", 2) == 2 * "\n"


ELSEWHERE = """
    import os
    from pathlib import Path
    os.chdir({folder!r})
"""


def test_no_process_runs_a_script_of_the_users_that_lies_in_the_current_folder(
    driver: Driver, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in ("copy", "select", "torch", "queue"):
        (own / f"{name}.py").write_text(f"open('{name} was run', 'w')")
    body = ELSEWHERE.format(folder=str(own)) + TWO_JOBS.format(train="quick")
    program = driver(body, tmp_path / "main.py", preload=True)
    assert program.communicate(timeout=SECONDS) == ("2\n", "")
    assert program.returncode == 0
    assert {path.suffix for path in own.iterdir()} == {".py"}


NO_GUARD = """
    from tests import launchers, trainers
    from ensearch.launch import processes

    {train}
    launcher = processes.open(train, 1)
    outcome = launchers.gather(launcher, [trainers.job_of(1)])[-1]
    print(type(outcome).__name__, getattr(outcome, "reason", ""), getattr(outcome, "detail", ""))
    launcher.close()
"""


def test_a_script_without_a_main_guard_is_run_once(driver: Driver, tmp_path: Path) -> None:
    program = driver(NO_GUARD.format(train="train = trainers.quick"), tmp_path / "main.py")
    out, _ = program.communicate(timeout=SECONDS)
    assert out.split() == ["Trained"]


def test_a_script_that_trains_by_its_own_function_needs_a_guard_and_is_told_so(
    driver: Driver, tmp_path: Path
) -> None:
    """Workers find that function in the script only, and so import it."""
    train = "def train(jobs, report): trainers.quick(jobs, report)"
    program = driver(NO_GUARD.format(train=train), tmp_path / "main.py")
    out, _ = program.communicate(timeout=SECONDS)
    assert out.startswith("Failed killed ")
    assert "if __name__ == '__main__':" in out


ENDLESS = """
    from tests import launchers, trainers
    from ensearch.launch import processes

    launcher = processes.open(trainers.endless, 2)
    try:
        print(*launchers.running(launcher, 2), flush=True)
        launcher.wait({seconds})
    except KeyboardInterrupt:
        print(all(launchers.is_alive(worker.process.pid) for worker in launcher._workers))
        launcher.close()
"""


def test_no_worker_outlives_a_driver_that_was_killed(driver: Driver) -> None:
    program = driver(ENDLESS.format(seconds=3600))
    assert program.stdout is not None
    assert len(program.stdout.readline().split()) == 2
    program.kill()
    # The pipe of stderr ends when the last process that holds it has: workers and all.
    _, err = program.communicate(timeout=SECONDS)
    assert err == ""


def test_no_worker_outlives_a_driver_that_forgot_to_close(driver: Driver) -> None:
    out, err = driver(ENDLESS.format(seconds=0)).communicate(timeout=SECONDS)
    assert len(out.split()) == 2
    assert err == ""


def test_an_interrupt_of_the_whole_terminal_reaches_only_the_driver(driver: Driver) -> None:
    program = driver(ENDLESS.format(seconds=3600))
    assert program.stdout is not None
    assert len(program.stdout.readline().split()) == 2
    os.killpg(program.pid, signal.SIGINT)
    assert program.communicate(timeout=SECONDS) == ("True\n", "")
    assert program.returncode == 0


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), EOFError("unexpected EOF")])
def test_a_worker_that_cannot_be_started_is_explained(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(_workers, "_started", refuse)
    launcher = launch_processes.open(quick, 1)
    with pytest.raises(UnavailableError, match="no worker process can be started here") as caught:
        launcher.submit((job_of(1),))
    assert caught.value.problem == "no_worker"
    launcher.close()


def test_outcomes_come_before_the_error_of_a_worker_that_has_no_successor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    launcher = launch_processes.open(deadly, 1)
    launcher.submit((job_of(1), job_of(100)))
    launcher._workers[0].process.join()
    monkeypatch.setattr(_workers, "_started", refuse)
    (outcome,) = outcomes(launcher.wait(SECONDS)).values()
    assert isinstance(outcome, Trained)
    with pytest.raises(UnavailableError) as caught:
        launcher.wait(SECONDS)
    assert caught.value.problem == "no_worker"
    launcher.close()


def test_launchers_are_not_unknown_where_no_file_can_be_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> list[str]:
        raise OSError(24, "Too many open files")

    monkeypatch.delitem(sys.modules, "ensearch.launch.processes")
    monkeypatch.setattr(pkgutil, "iter_modules", lambda *_: iter(()))
    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        launch.get("processes")
