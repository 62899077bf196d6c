"""Progress on a terminal: what matters stands first, so that a narrow terminal keeps it."""

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
from rich.console import Console

from ensearch.api import _screen, progress
from ensearch.api.progress import OnEvent
from ensearch.study.events import (
    Evaluated,
    LookPlanned,
    MemberDone,
    MemberFailed,
    MemberProgress,
    Note,
    Planned,
    Preparing,
    SearchEnded,
    TrialDone,
)
from ensearch.units import flops
from tests.worlds import evaluation

PLANNED = Planned(lines=("study     one",), unit="trials", total=2, flops_per_mac=1, axis=flops(1))


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=60, height=30)


@pytest.fixture
def show(console: Console) -> Iterator[OnEvent]:
    with progress.drawn(console) as drawn:
        drawn(PLANNED)
        yield drawn


def drawn_since(console: Console, before: int) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()[before:]


def size(console: Console) -> int:
    assert isinstance(console.file, io.StringIO)
    return len(console.file.getvalue())


def test_trials_members_and_the_best_so_far_fit_60_columns(console: Console, show: OnEvent) -> None:
    assert "0/2" in drawn_since(console, 0)
    before = size(console)
    show(MemberProgress(key="a", label="10-1", epoch=3, epochs=12))
    assert "3/12" in drawn_since(console, before)
    assert "epochs of member 10-1" in drawn_since(console, before)
    before = size(console)
    show(MemberDone(key="a", label="10-1", seconds=1))
    assert "10-1" not in drawn_since(console, before)
    single = evaluation(1, 10, 1, 1_000_000, 0.9)
    before = size(console)
    show(
        TrialDone(
            number=0, label="10-1", evaluation=single, told=1, trials=2, seconds_left=95,
            best_single=single, best_ensemble=None,
        )
    )  # fmt: skip
    show(Evaluated(evaluations=(single,), budgets=(1e6,)))
    text = drawn_since(console, before)
    assert "1/2" in text
    assert "about 1m35s left" in text
    # Sentences are broken between words, and not in front of a unit.
    assert "The best single network is 10-1: 90.00 % at 1M" in text
    assert "No ensemble has been evaluated yet." in text
    assert "90.00 │" in text


def test_lines_are_clean_of_what_only_a_picture_shows() -> None:
    single = evaluation(1, 10, 1, 1_000_000, 0.9)
    event = Evaluated(evaluations=(single,), budgets=(1e6,))
    assert progress.line(event, 1, flops(1)) is None


def test_fronts_are_drawn_while_a_study_is_settled_or_confirmed(
    console: Console, show: OnEvent
) -> None:
    single = evaluation(1, 10, 1, 1_000_000, 0.9)
    before = size(console)
    show(replace(PLANNED, unit="members", total=0))
    show(Evaluated(evaluations=(single,), budgets=(1e6,), is_over=True))
    assert "members" not in drawn_since(console, before), "how many is not known yet"
    planned = LookPlanned(number=1, looks=4, members={"10-1": 3}, missing=2, total=3, seconds=9)
    before = size(console)
    show(planned)
    text = drawn_since(console, before)
    assert "look 1 of at most 4 needs 3 members of 10-1" in text
    assert "1/3" in text
    assert "searched" in text
    assert "90.00 │" in text


def test_thousands_of_evaluations_are_not_compared_at_every_trial(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where that is slow; what was left out is caught up with at any later event."""
    monkeypatch.setattr(_screen, "SLOW", -1.0)
    monkeypatch.setattr(_screen, "PAUSE", 1e9)
    screen = _screen.Screen(console)
    for accuracy in (0.8, 0.9):
        screen(Evaluated(evaluations=(evaluation(1, 10, 1, 1_000_000, accuracy),), budgets=(1e6,)))
    assert screen.standing is not None
    assert screen.standing.single_front[0].accuracy == 80.0
    screen.look_again = 0.0
    screen(Preparing(text="anything"))
    assert screen.standing.single_front[0].accuracy == 90.0
    screen.stop()


def test_a_failure_stays_on_the_screen_as_it_is_written(console: Console, show: OnEvent) -> None:
    show(MemberFailed(key="a", label="10-1", reason="error", detail="odd [/x] text"))
    assert "odd [/x] text" in drawn_since(console, 0)


def test_what_is_prepared_is_drawn_until_there_is_a_plan(console: Console) -> None:
    with progress.drawn(console) as drawn:
        drawn(Preparing(text="reading [digits]"))
        assert "reading [digits]" in drawn_since(console, 0)
        drawn(PLANNED)
        before = size(console)
        drawn(MemberProgress(key="a", label="10-1", epoch=3, epochs=12))
        assert "reading" not in drawn_since(console, before)


def test_lines_are_one_for_each_event_that_is_worth_one() -> None:
    lines: list[str] = []
    show = progress.Lines(lines.append)
    show(Preparing(text="reading digits"))
    show(PLANNED)
    show(MemberProgress(key="a", label="10-1", epoch=3, epochs=12))
    show(Note(text="the machine was busy"))
    show(SearchEnded(reason="trials", done=1, failed=0, waiting=0))
    assert lines == [
        "reading digits",
        "note      the machine was busy",
        "all trials that were asked for are done: 1 trial done, 0 failed",
    ]


def test_a_caller_who_watches_is_told_and_nothing_is_drawn() -> None:
    told: list[object] = []
    with progress.shown(told.append) as show:
        show(PLANNED)
    assert told == [PLANNED]
