"""Figures: no configuration of matplotlib changes them, and one that fails costs nothing else."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from ensearch.errors import EnsearchError
from ensearch.report.study import figure, figure_data
from tests.worlds import handmade


def test_the_backend_of_a_notebook_in_another_environment_is_no_obstacle() -> None:
    code = (
        "import os; import ensearch.report.study.results, ensearch.report.pool.figure\n"
        "print(os.environ['MPLBACKEND'])"
    )
    backend = "module://no_such_package.backend_inline"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"MPLBACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == backend  # as it was, for what this process starts


def test_a_configuration_of_the_users_changes_no_figure(tmp_path: Path) -> None:
    drawn = figure_data.compute(handmade())
    usual = figure.draw_png(drawn, tmp_path / "usual.png").read_bytes()
    own: Any = {"text.usetex": True, "font.size": 30.0, "savefig.dpi": 40, "savefig.bbox": "tight"}
    with matplotlib.rc_context(own):
        assert figure.draw_png(drawn, tmp_path / "own.png").read_bytes() == usual
        assert matplotlib.rcParams["font.size"] == 30.0
        assert figure.draw(drawn).axes[0].yaxis.label.get_usetex() is False


def test_a_figure_that_fails_leaves_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no fonts here")

    monkeypatch.setattr(figure, "_draw", fail)
    with pytest.raises(EnsearchError, match=r"tradeoff\.png could not be drawn .*no fonts here"):
        handmade().write(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"evaluations.csv", "index.html", "summary.json"}
