"""What is measured of members on a GPU before they train there, without one."""

from typing import Any

import pytest

from ensearch.core import Member, Schedule
from ensearch.launch import Measured
from ensearch.training import data, group_speed, loop, strategies
from ensearch.training.data import Images
from tests.members import SMALL

SCHEDULE = Schedule(epochs=7, batch_size=128, optimizer="muon", cutout=2)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What was asked for; nothing is trained."""
    asked: dict[str, Any] = {}
    real = group_speed.random_images

    def pictures(count: int, shape: tuple[int, int, int], place: str, *_: Any) -> Images:
        asked.update(place=place, pictures=count)
        return real(count, shape, "cpu")

    def measure(states: Any, members: list[Member], images: Images, **how: Any) -> Measured:
        asked.update(members=members, **how)
        return Measured(
            lockstep_key="",
            place="",
            members=len(members),
            strategy="fast",
            rates={"fast": 50.0, "one after another": 10.0},
            dropped={},
        )

    monkeypatch.setattr(group_speed, "random_images", pictures)
    monkeypatch.setattr(loop, "fresh", lambda *_: None)
    monkeypatch.setattr(strategies, "measure", measure)
    monkeypatch.setattr(strategies, "seconds_of", lambda *_: 1.0)
    # Of 1,000 images of 8 x 8 bytes.
    monkeypatch.setattr(data, "room", lambda device: 64_000)
    return asked


def test_members_of_the_study_are_measured_for_as_long_as_the_study_would(
    seen: dict[str, Any],
) -> None:
    assert group_speed.measure(SMALL, (1, 10, 8), SCHEDULE, 3, 100, 20) == 1 / 50
    assert [m.schedule for m in seen["members"]] == 3 * [SCHEDULE.changed(batch_size=100)]
    assert (seen["count"], seen["place"]) == (100, "cuda")


def test_images_are_streamed_where_all_of_them_do_not_fit(seen: dict[str, Any]) -> None:
    places = []
    for predicted in (200, 201):
        seen.clear()
        group_speed.measure(SMALL, (1, 10, 8), SCHEDULE, 2, 800, predicted)
        places.append((seen["place"], "members" in seen))
    assert places == [("cuda", True), ("cpu", False)], "streamed, members train alone"
