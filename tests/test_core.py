"""Keys: they say which members a storage holds, so they may not change unnoticed."""

from dataclasses import replace

import pytest

from ensearch.core import Architecture, Distillation, Member, Schedule


def shape(depth: float, family: str = "wide_resnet", width: float = 4) -> Architecture:
    return Architecture(family=family, width=width, depth=depth, resolution=32)


def key(architecture: Architecture) -> str:
    return Member(
        architecture=architecture,
        schedule=Schedule(epochs=10),
        dataset="0123456789abcdef",
        seed=7,
    ).key


@pytest.mark.parametrize("depth", [28, 28.0])
def test_members_are_those_of_earlier_versions(depth: float) -> None:
    assert key(shape(depth)) == "02bdde7653b4e327"
    assert shape(depth).key == "wide_resnet-28-4@32"
    assert isinstance(shape(depth).depth, int)


def test_a_fractional_depth_makes_another_network() -> None:
    assert shape(2.2, "efficientnet", 1.6).key == "efficientnet-2.2-1.6@32"
    assert shape(2.2).label == "2.2-4"
    assert key(shape(2.2)) != key(shape(2))


def test_a_model_by_name_has_no_depth_and_width() -> None:
    one = shape(1, "timm:resnet18", 1)
    assert (one.label, one.key) == ("resnet18", "timm:resnet18@32")


def test_what_a_member_learned_is_part_of_its_key() -> None:
    member = Member(
        architecture=shape(28), schedule=Schedule(epochs=10), dataset="0123456789abcdef", seed=7
    )
    learned = [
        replace(member, distillation=Distillation(teachers=teachers, rule=rule))
        for teachers, rule in ((("a", "b"), "arithmetic"), (("a", "b"), "geometric"), (("b",), ""))
    ]
    assert len({one.key for one in (member, *learned)}) == 4
    assert len({one.network for one in (member, *learned)}) == 4
    assert "distillation" not in member.content(), "earlier versions read what is kept of members"
    assert learned[0].network.startswith(f"{member.network} distilled ")
