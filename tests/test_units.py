"""Numbers as people type and read them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensearch import units
from ensearch.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [("5e9", 5e9), ("5G", 5e9), ("5 g", 5e9), ("200M", 2e8), ("1_000", 1e3), ("2.5GMACs", 2.5e9),
     ("3kFLOPs", 3e3), ("1.5e3k", 1.5e6), ("7", 7.0), (".5M", 5e5), ("5M FLOPs", 5e6),
     ("5 M macs", 5e6), ("5.M", 5e6)],
)  # fmt: skip
def test_counts_are_read_as_people_write_them(text: str, value: float) -> None:
    assert units.parse_count(text, "budget") == value


@pytest.mark.parametrize("number", [2_000_000, 2e6, 1e22, 0.5, 123_456_789.125])
def test_numbers_are_numbers(number: float) -> None:
    assert units.parse_count(number, "budget") == units.parse_timeout(number) == number


@pytest.mark.parametrize(
    "given", ["2M, 5e5,2000k", [2e6, "500k"], (5e5, 2e6, 2_000_000), np.array([2e6, 5e5])]
)
def test_several_counts_ascend_and_differ(given: str | list[float | str]) -> None:
    assert units.parse_counts(given, "budgets") == (5e5, 2e6)
    assert units.parse_counts(7, "budgets") == (7.0,)


@pytest.mark.parametrize(
    "text",
    ["0", "-5", "nan", "inf", "5 bananas", "", "e9", "5x", "1e999", ".", ".M", "5e5.", "5M M"],
)
def test_other_counts_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"^budget must be a positive number such as 5e9"):
        units.parse_count(text, "budget")


@pytest.mark.parametrize(
    ("value", "text"),
    [(5_243_328_768, "5.24G"), (2e6, "2M"), (0, "0"), (999.6, "1k"), (999_999, "1M"),
     (12, "12"), (1e15, "1P"), (-3.2e6, "-3.2M"), (0.25, "0.25")],
)  # fmt: skip
def test_counts_are_written_short(value: float, text: str) -> None:
    assert units.format_count(value) == text


@given(st.floats(1, 1e17))
def test_a_written_count_reads_back_within_its_digits(value: float) -> None:
    assert units.parse_count(units.format_count(value), "x") == pytest.approx(value, rel=0.006)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("2h", 7200), ("1h30m", 5400), ("0.5d", 43200)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert units.parse_timeout(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "2 weeks", "h", "nan", "1.2.3s", "9" * 400, "9" * 400 + "d"]
)
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^timeout must be a time such as 90s"):
        units.parse_timeout(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0s"), (42, "42s"), (5400, "1h30m"), (90_061, "1d1h"), (691_260, "8d"), (10, "10s")],
)
def test_durations_are_written_in_two_units(seconds: float, text: str) -> None:
    assert units.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("given", "asked"),
    [("flops", None), (" FLOPs", None), ("ms@64", (64, None)), ("ms@1:onnx", (1, "onnx"))],
)
def test_axes_that_may_be_asked_for(given: str, asked: tuple[int, str | None] | None) -> None:
    assert units.parse_axis(given) == asked


@pytest.mark.parametrize("given", ["", "ms", "ms@", "ms@0", "ms@-1", "ms@1.5", "s@64", "ms@64:"])
def test_other_axes_are_refused(given: str) -> None:
    with pytest.raises(UsageError, match=r"^x must be flops, or ms@ and the images at a time"):
        units.parse_axis(given)


def test_numbers_of_an_axis_are_shown_in_its_unit() -> None:
    two, ms = units.flops(2), units.milliseconds(64, "a CPU")
    assert (two.show(2_500_000), two.tell(2_500_000)) == ("5M", "5M FLOPs")
    assert two.title == "FLOPs (2 per multiply-add) per example, all members"
    assert (ms.show(0.3917), ms.tell(0.3917)) == ("0.392", "0.392 ms")
    assert units.milliseconds(1, "a CPU").place == "one at a time"


def test_many_names_are_shortened() -> None:
    assert units.few(list("abcde")) == "a, b, c, d, e"
    assert units.few(list("abcdefg")) == "a, b, c, d, e and 2 more"
    assert units.few(["a", "b"], shown=1) == "a and 1 more"
    assert units.few([]) == ""
