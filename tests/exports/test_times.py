"""Times in a model card that follow from other numbers of members."""

from ensearch.exports.times import PrefixTimes


def test_what_was_not_measured_is_marked() -> None:
    times = PrefixTimes(batch=1, place="a CPU", ms=(0.5, 1.25), measured=(True, False))
    assert (times.told(1), times.told(2)) == ("0.5", "≈1.25")
