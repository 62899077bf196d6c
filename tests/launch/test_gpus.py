"""Several GPUs on one machine: who sees which. No GPU is needed for it."""

import dataclasses
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ensearch.launch import Failed, MemberJob, _gpus, processes
from tests.launchers import Opener, gather, outcomes
from tests.trainers import job_of, seen

LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
  MIG 1g.5gb      Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 1g.5gb      Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-404a28c4-6d5d-4c3e-8a2a-b1f02e5c7a4f)
"""


def on_gpu(seed: int) -> MemberJob:
    return dataclasses.replace(job_of(seed), device="cuda")


def test_a_divided_gpu_is_its_parts() -> None:
    names = _gpus._parsed(LISTING)
    assert [name[:8] for name in names] == ["MIG-c6d4", "MIG-cba6", "GPU-404a"]
    assert _gpus._parsed("No devices found.\n") == ()


@pytest.mark.parametrize(
    ("mask", "names"),
    [
        ("0,2", ("0", "2")),
        (" GPU-5d5b , MIG-c6d4", ("GPU-5d5b", "MIG-c6d4")),
        ("1,-1,2", ("1",)),
        ("", ()),
        ("NoDevFiles", ()),
    ],
)
def test_a_mask_that_is_there_counts(
    monkeypatch: pytest.MonkeyPatch, mask: str, names: tuple[str, ...]
) -> None:
    monkeypatch.setenv(_gpus.MASK, mask)
    assert _gpus.visible() == names
    assert processes.usual("cuda") == max(1, len(names))


def test_without_a_mask_the_driver_of_the_gpus_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: object, **__: object) -> Any:
        return subprocess.CompletedProcess([], 0, stdout=LISTING)

    monkeypatch.delenv(_gpus.MASK, raising=False)
    monkeypatch.setattr(subprocess, "run", answer)
    assert len(_gpus.visible()) == 3


def test_a_machine_that_answers_nothing_has_one_slot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(_gpus.MASK, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    assert _gpus.visible() == ()
    assert processes.usual("cuda") == 1


def masks_of(opener: Opener, slots: int, jobs: list[MemberJob]) -> list[str]:
    """What each worker saw, sorted; one for each process."""
    ended = outcomes(gather(opener(seen, slots), jobs)).values()
    details = {outcome.detail for outcome in ended if isinstance(outcome, Failed)}
    return sorted(detail.split()[0] for detail in details)


def test_workers_see_one_gpu_each_and_more_workers_share_them(
    processes: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(_gpus.MASK, "3,MIG-c6d4")
    masks = masks_of(processes, 4, [on_gpu(seed) for seed in range(4)])
    assert masks == ["3", "3", "MIG-c6d4", "MIG-c6d4"]
    assert os.environ[_gpus.MASK] == "3,MIG-c6d4"


def mask() -> str | None:
    return os.environ.get(_gpus.MASK)


def test_what_is_asked_of_workers_is_asked_of_one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_gpus.MASK, "2,5")
    assert set(processes.call_each(mask, [()] * 4, "cuda")) <= {"2", "5"}
