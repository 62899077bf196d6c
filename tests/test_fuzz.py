"""2,000 inputs for all parsers and files: each is taken, or refused as what it is."""

import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests import fuzzing
from tests.fuzzing import Target

INPUTS = 2_000


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Target]]:
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield list(fuzzing.targets(folder))


def fed(target: Target, inputs: int) -> int:
    """How many of the inputs are taken."""
    taken = 0

    @settings(
        max_examples=inputs,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(content=target.inputs)
    def feed(content: object) -> None:
        with contextlib.suppress(*target.refuses):
            target.feed(content)
            nonlocal taken
            taken += 1

    feed()
    return taken


@pytest.mark.parametrize("part", range(4))
def test_whatever_comes_is_taken_or_refused(targets: list[Target], part: int) -> None:
    for target in targets[part::4]:
        assert fed(target, INPUTS // len(targets)), f"{target.name}: all are refused"
