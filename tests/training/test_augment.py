"""Augmentation against arithmetic done on paper."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ensearch.core import Schedule
from ensearch.training import augment


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int, side: int, channels: int) -> torch.Tensor:
    """Images whose pixels are all different within a channel."""
    values = torch.arange(count * side * side * channels) % 251
    return values.to(torch.uint8).reshape(count, side, side, channels)


def plan(
    flip: list[bool] | None = None,
    shift: list[tuple[int, int]] | None = None,
    hole: list[tuple[int, int]] | None = None,
    hole_side: int = 0,
    box: list[tuple[float, float, float, float]] | None = None,
) -> augment.Augmentation:
    return augment.Augmentation(
        flip=None if flip is None else torch.tensor(flip),
        shift=None if shift is None else torch.tensor(shift),
        hole=None if hole is None else torch.tensor(hole),
        hole_side=hole_side,
        box=None if box is None else torch.tensor(box),
    )


def test_flip_mirrors_only_the_images_drawn() -> None:
    images = pictures(2, 4, 3)
    out = augment.take(images, torch.tensor([1, 0]), plan(flip=[True, False]))
    assert torch.equal(out[0], images[1].flip(1))
    assert torch.equal(out[1], images[0])


@given(st.integers(0, 3), st.integers(-3, 3), st.integers(-3, 3), st.booleans())
def test_crop_equals_reflection_padding_and_slicing(
    seed: int, down: int, right: int, flip: bool
) -> None:
    image = torch.randint(0, 256, (1, 5, 5, 3), generator=generator(seed), dtype=torch.uint8)
    out = augment.take(image, torch.tensor([0]), plan(flip=[flip], shift=[(down, right)]))
    padded = np.pad(image[0].numpy(), ((3, 3), (3, 3), (0, 0)), mode="reflect")
    want = padded[3 + down : 8 + down, 3 + right : 8 + right]
    np.testing.assert_array_equal(out[0].numpy(), want[:, ::-1] if flip else want)


def test_crop_of_more_pixels_than_the_image_has_stays_within_it() -> None:
    image = pictures(1, 3, 1)
    out = augment.take(image, torch.tensor([0]), plan(shift=[(-50, 50)]))
    assert set(out.flatten().tolist()) <= set(image.flatten().tolist())


def test_without_augmentation_images_come_as_they_are() -> None:
    images = pictures(5, 4, 1)
    chosen = torch.tensor([4, 0, 2])
    assert torch.equal(augment.take(images, chosen, plan()), images[chosen])
    assert augment.cut_out(images, plan()) is images


@given(st.integers(0, 7), st.integers(0, 7), st.integers(1, 10))
def test_cutout_zeroes_one_square_clipped_at_the_border(row: int, column: int, side: int) -> None:
    out = augment.cut_out(torch.ones(1, 8, 8, 2), plan(hole=[(row, column)], hole_side=side))
    top, left = row - side // 2, column - side // 2
    want = np.ones((8, 8, 2))
    want[max(top, 0) : top + side, max(left, 0) : left + side] = 0
    np.testing.assert_array_equal(out[0].numpy(), want)


def test_drawn_augmentation_stays_within_what_the_schedule_asks() -> None:
    schedule = Schedule(epochs=1, flip=True, crop=2, cutout=3)
    drawn = augment.draw(schedule, 1000, 8, generator(0))
    assert drawn.flip is not None
    assert drawn.shift is not None
    assert drawn.hole is not None
    assert 400 < drawn.flip.sum() < 600
    assert set(drawn.shift.flatten().tolist()) == {-2, -1, 0, 1, 2}
    assert set(drawn.hole.flatten().tolist()) == set(range(8))


def test_a_crop_of_a_quarter_is_resized_to_the_whole() -> None:
    # The 2 x 2 pixels in the upper right corner of 4 x 4: each is bilinear between its neighbours,
    # and what lies beyond the picture is its outermost pixel. Rows of 1, 2, 3, 4 at the top.
    row = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    image = row.expand(4, 4).reshape(1, 4, 4, 1)
    out = augment.resized_crop(image, plan(box=[(0.5, 0.0, 0.5, 0.5)]))
    want = np.broadcast_to([2.75, 3.25, 3.75, 4.0], (4, 4))
    np.testing.assert_allclose(out[0, ..., 0].numpy(), want, atol=1e-12)
    upright = augment.resized_crop(image.transpose(1, 2), plan(box=[(0.0, 0.5, 0.5, 0.5)]))
    np.testing.assert_allclose(upright[0, ..., 0].numpy(), want.T, atol=1e-12)


def test_a_crop_of_everything_changes_nothing() -> None:
    images = torch.rand(3, 5, 5, 2, generator=generator(0), dtype=torch.float64)
    out = augment.resized_crop(images, plan(box=[(0.0, 0.0, 1.0, 1.0)] * 3))
    torch.testing.assert_close(out, images)


def test_drawn_crops_lie_within_the_picture_and_are_as_large_as_asked() -> None:
    drawn = augment.draw(Schedule(epochs=1, crop_scale=0.25), 2000, 8, generator(0)).box
    assert drawn is not None
    left, top, width, height = drawn.double().unbind(1)
    assert min(left.min(), top.min()) >= 0
    assert max((left + width).max(), (top + height).max()) <= 1 + 1e-6
    ratio, inside = width / height, (width < 1) & (height < 1)
    assert ratio[inside].min() >= 3 / 4 - 1e-6
    assert ratio[inside].max() <= 4 / 3 + 1e-6
    area = (width * height)[inside]
    assert 0.25 - 1e-6 <= area.min() < 0.26
    # Uniform over 0.25 to 1 before long ones are cut: more than a third is below a half.
    assert 0.3 < (width * height < 0.5).double().mean() < 0.37
    assert abs((left / (1 - width))[inside].mean() - 0.5) < 0.03


def test_members_of_a_schedule_without_crops_by_area_keep_their_keys() -> None:
    # The key of this schedule before there was the field.
    assert Schedule(epochs=10, flip=True, crop=4).key == "e545beb8"
    assert Schedule(epochs=10, crop_scale=0.5).key != Schedule(epochs=10).key


def test_a_schedule_without_augmentation_draws_nothing() -> None:
    assert augment.draw(Schedule(epochs=1), 10, 8, generator(0)) == plan()


def test_equal_seeds_draw_equal_augmentation_and_others_do_not() -> None:
    schedule = Schedule(epochs=1, crop=2)
    shifts = [augment.draw(schedule, 50, 8, generator(seed)).shift for seed in (0, 0, 1)]
    assert shifts[0] is not None
    assert shifts[1] is not None
    assert shifts[2] is not None
    assert torch.equal(shifts[0], shifts[1])
    assert not torch.equal(shifts[0], shifts[2])
