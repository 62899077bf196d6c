"""Progress on a terminal: what matters stands first, so that a narrow terminal keeps it."""

import io

import pytest
from rich.console import Console

from ensearch.cli.progress import _Bars
from ensearch.study.events import MemberDone, MemberFailed, MemberProgress, TrialDone
from tests.worlds import evaluation


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=60)


def shown(bars: _Bars, console: Console) -> str:
    with console.capture() as capture:
        console.print(bars.picture())
    return capture.get()


def test_trials_members_and_the_best_so_far_fit_60_columns(console: Console) -> None:
    bars = _Bars(console, flops_per_mac=1, total=2, what="trials")
    assert "0/2" in shown(bars, console)
    bars(MemberProgress(key="a", label="10-1", epoch=3, epochs=12))
    assert "3/12" in shown(bars, console)
    assert "epochs of member 10-1" in shown(bars, console)
    bars(MemberDone(key="a", label="10-1", seconds=1))
    assert "10-1" not in shown(bars, console)
    single = evaluation(1, 10, 1, 1_000_000, 0.9)
    bars(
        TrialDone(
            number=0, label="1 × 10-1", evaluation=single, told=1, trials=2, seconds_left=95,
            best_single=single, best_ensemble=None,
        )
    )  # fmt: skip
    text = shown(bars, console)
    assert "1/2" in text
    assert "about 1m35s left" in text
    assert "best single 10-1 90.00% at 1M" in text


def test_a_failure_stays_on_the_screen_as_it_is_written(console: Console) -> None:
    bars = _Bars(console, flops_per_mac=1, total=2, what="trials")
    bars(MemberFailed(key="a", label="10-1", reason="error", detail="odd [/x] text"))
    assert isinstance(console.file, io.StringIO)
    assert "odd [/x] text" in console.file.getvalue()
