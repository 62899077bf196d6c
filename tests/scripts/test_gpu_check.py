"""The check of a GPU in its small form: its steps run here, so that none fails there by a typo."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from ensearch.cli import app
from scripts.gpu_check import __main__ as check
from scripts.gpu_check.steps import LAST, Step, steps

ROOT = Path(__file__).parents[2]


def test_the_most_valuable_steps_come_first_and_fit_into_the_time() -> None:
    real, small = (steps("out", "digits", small) for small in (False, True))
    assert [step.name for step in real] == [step.name for step in small]
    assert real[0].name == "tests"
    assert real[-1].name == LAST
    assert sum(step.seconds for step in real[:6]) < 10 * 60
    assert all("cpu" not in step.arguments for step in real)
    assert [step.name for step in steps("out", None, True)] == [s.name for s in small[:-2]]


@pytest.mark.parametrize("number", range(1, 6))
def test_programs_of_steps_run_on_a_cpu(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The programs that are for this check alone; the others have tests of their own."""
    monkeypatch.chdir(tmp_path)
    step = steps(str(tmp_path), None, small=True)[number]
    assert step.arguments[0] == "-m"
    if step.name == "norms":
        pytest.importorskip("triton")
    monkeypatch.setattr(sys, "argv", ["program", *step.arguments[2:]])
    codes = [0]
    monkeypatch.setattr(sys, "exit", codes.append)
    runpy.run_module(step.arguments[1], run_name="__main__")
    assert not any(codes)
    said = capsys.readouterr().out
    assert {
        "convolutions": "stem, 1 alone: NHWC ",
        "norms": "1 x 80 channels, 1 x 1, sum: layers ",
        "strategies": "a search would choose: ",
        "bits": "wide_resnet alone: same bits True\nwide_resnet 2 fused: same bits True",
        "memory": "turn 2: 2 of 2 trained, groups tried [2]",
    }[step.name] in said


def test_options_of_other_steps_are_known() -> None:
    """Their programs read them, up to where they would begin to work."""
    from scripts.benchmarks.fused.__main__ import _parser as fused
    from scripts.benchmarks.recipe.__main__ import _parser as recipe

    verbs = typer.main.get_command(app.app)
    readers = {"scripts.benchmarks.fused": fused, "scripts.benchmarks.recipe": recipe}
    for small in (True, False):
        for step in steps("out", "digits", small):
            if step.arguments[1] in readers:
                readers[step.arguments[1]]().parse_args(step.arguments[2:])
            elif step.arguments[1] == "ensearch":
                verb, *options = step.arguments[2:]
                command = verbs.get_command(None, verb)  # type: ignore[attr-defined]
                command.make_context(verb, options)


def test_a_step_ends_at_its_limit_and_what_it_said_is_kept(tmp_path: Path) -> None:
    code = "import time; print('begun', flush=True); time.sleep(60)"
    step = Step(name="endless", arguments=("-c", code), seconds=1, shows="nothing")
    said = check.run(step, 1.0, tmp_path / "endless.txt")
    assert said.startswith("endless: time over after ")
    assert "begun" in (tmp_path / "endless.txt").read_text()


def test_results_are_written_after_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[str] = []

    def run(step: Step, seconds: float, file: Path) -> str:
        kept.append((tmp_path / "summary.txt").read_text())
        return f"{step.name}: ok after 0 s"

    monkeypatch.setattr(check, "run", run)
    monkeypatch.setattr(sys, "argv", ["gpu_check", "--small", "--out", str(tmp_path)])
    assert check.main() == 0
    assert [text.count("\n") for text in kept] == list(range(len(kept)))


def test_the_script_uses_wheels_of_a_folder_behind_what_is_there(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "some-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("numpy/__init__.py", "raise ImportError('not this one')")
        wheel.writestr("of_the_wheel.py", "")
    (tmp_path / "python").write_text(
        f'#!/bin/sh\n[ "$2" = zipfile ] && exec {sys.executable} "$@"\n'
        f"exec {sys.executable} -c 'import numpy, of_the_wheel; print(of_the_wheel.__file__)'\n"
    )
    (tmp_path / "python").chmod(0o755)
    ended = subprocess.run(
        ["bash", str(ROOT / "scripts/gpu_check.sh"), "--wheels", str(tmp_path), "--small"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(tmp_path / "python")},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip().endswith("of_the_wheel.py")
