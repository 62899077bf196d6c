"""One picture file to one image: every kind that people have, and those that are broken."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ensearch.datasets._decode import UnfitError, decode, shorter_side
from tests.folders import difference, photo, write


def scaled(picture: Image.Image, side: int) -> Image.Image:
    """What decoding should give, by resizing and cropping the middle; whole pixels only."""
    short = min(picture.size)
    width, height = (length * side // short for length in picture.size)
    small = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - side) // 2, (height - side) // 2
    return small.crop((left, top, left + side, top + side))


@pytest.mark.parametrize("size", [(48, 32), (32, 48), (32, 32), (8, 10)])
def test_middle_of_the_picture_at_the_size_asked_for(size: tuple[int, int], tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", photo(0, *size))
    image = decode(str(path), 16, 1.0)
    assert image.shape == (16, 16, 3)
    assert image.dtype == np.uint8
    assert difference(image, scaled(photo(0, *size), 16)) < 1
    assert shorter_side(str(path)) == min(size)


def test_picture_of_the_right_size_is_taken_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", photo(0, 16, 16))
    np.testing.assert_array_equal(decode(str(path), 16, 1.0), np.asarray(photo(0, 16, 16)))


def test_share_cuts_the_border_off(tmp_path: Path) -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[8:24, 8:24] = 200
    path = write(tmp_path / "a.png", Image.fromarray(pixels))
    assert (decode(str(path), 16, 0.5) == 200).all()


@pytest.mark.parametrize("size", [(640, 320), (2000, 1000), (300, 900)])
def test_jpeg_decoded_at_a_fraction_is_nearly_the_whole_one(
    size: tuple[int, int], tmp_path: Path
) -> None:
    path = write(tmp_path / "a.jpg", photo(3, *size), quality=90)
    with Image.open(path) as opened:
        whole = scaled(opened.convert("RGB"), 32)
    assert difference(decode(str(path), 32, 1.0), whole) < 1


MODES = {
    "grey": ("L", "png", 0),
    "grey jpeg": ("L", "jpg", 2),
    "CMYK jpeg": ("CMYK", "jpg", 8),
    "CMYK tiff": ("CMYK", "tif", 1),
    "palette": ("P", "png", 30),
    "palette gif": ("P", "gif", 30),
    "black and white": ("1", "png", 0),
    "opaque alpha": ("RGBA", "png", 0),
    "YCbCr": ("YCbCr", "tif", 3),
    "webp": ("RGB", "webp", 8),
    "bmp": ("RGB", "bmp", 0),
    "ppm": ("RGB", "ppm", 0),
}


@pytest.mark.parametrize("kind", MODES)
def test_every_mode_becomes_rgb(kind: str, tmp_path: Path) -> None:
    mode, suffix, most = MODES[kind]
    picture = photo(1, 20, 20).convert(mode)
    image = decode(str(write(tmp_path / f"a.{suffix}", picture)), 20, 1.0)
    assert image.shape == (20, 20, 3)
    assert difference(image, picture.convert("RGB")) <= most


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_become_eight(suffix: str, tmp_path: Path) -> None:
    levels = np.arange(0, 65536, 256, dtype=np.uint16).reshape(16, 16) + 255
    path = tmp_path / f"a.{suffix}"
    if suffix == "pgm":
        path.write_bytes(b"P5 16 16 65535\n" + levels.astype(">u2").tobytes())
    else:
        Image.fromarray(levels).save(path)
    np.testing.assert_array_equal(
        decode(str(path), 16, 1.0), np.arange(256).reshape(16, 16, 1).repeat(3, axis=2)
    )


def transparent(mode: str) -> Image.Image:
    """Left half red, right half transparent over black."""
    picture = Image.new("RGBA", (20, 20), (255, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (10, 0, 20, 20))
    return picture.convert(mode)


@pytest.mark.parametrize(("mode", "suffix"), [("RGBA", "png"), ("LA", "png"), ("RGBA", "webp")])
def test_transparent_pixels_are_white(mode: str, suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a.{suffix}", transparent(mode), **lossless(suffix))
    image = decode(str(path), 20, 1.0)
    assert (image[:, 12:] == 255).all()
    assert image[:, :8].min() < 100


def lossless(suffix: str) -> dict[str, Any]:
    return {"lossless": True} if suffix == "webp" else {}


def test_transparent_colour_of_a_palette_is_white(tmp_path: Path) -> None:
    picture = Image.new("P", (20, 20), 0)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.paste(1, (0, 0, 10, 20))
    path = write(tmp_path / "a.png", picture, transparency=0)
    image = decode(str(path), 20, 1.0)
    assert (image[:, :8] == (255, 0, 0)).all()
    assert (image[:, 12:] == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, tmp_path: Path) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = photo(2, 640, 320)
    exif = Image.Exif()
    exif[0x0112] = orientation
    # Stored as the camera held it: the orientation says how to turn it back.
    held = upright.transpose(turns[orientation]) if orientation > 1 else upright
    path = write(tmp_path / "a.jpg", held, exif=exif, quality=95)
    assert difference(decode(str(path), 32, 1.0), scaled(upright, 32)) < 2


def test_first_picture_of_an_animation(tmp_path: Path) -> None:
    frames = [photo(seed, 20, 20).convert("P") for seed in (0, 1)]
    path = write(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert difference(decode(str(path), 20, 1.0), frames[0].convert("RGB")) < 1


def broken_files() -> dict[str, tuple[str, bytes, str]]:
    return {
        "empty": ("a.jpg", b"", "not a picture"),
        "text": ("a.png", b"no picture" * 50, "not a picture"),
        "head of a jpeg": ("a.jpg", b"\xff\xd8\xff\xe0" + b"\0" * 50, "not a picture"),
    }


@pytest.mark.parametrize("case", broken_files())
def test_what_is_no_picture_is_unfit(case: str, tmp_path: Path) -> None:
    name, content, text = broken_files()[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnfitError, match=text):
        decode(str(tmp_path / name), 16, 1.0)
    assert shorter_side(str(tmp_path / name)) is None


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "bmp", "tif"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_files_are_unfit(suffix: str, kept: float, tmp_path: Path) -> None:
    path = write(tmp_path / f"a.{suffix}", photo(0, 200, 150))
    content = path.read_bytes()
    assert decode(str(path), 16, 1.0).shape == (16, 16, 3)
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UnfitError, match=r"runcated|decoder"):  # as Pillow says of each format
        decode(str(path), 16, 1.0)


def test_pixels_without_a_range_are_unfit(tmp_path: Path) -> None:
    Image.fromarray(np.ones((16, 16), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(UnfitError, match="32 bits"):
        decode(str(tmp_path / "a.tif"), 16, 1.0)


def test_picture_of_extreme_size_is_unfit_and_large_ones_are_read_without_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(write(tmp_path / "a.png", photo(0)))  # 1,200 pixels
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)
    decode(path, 16, 1.0)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(UnfitError, match="1200 pixels"):
        decode(path, 16, 1.0)


def test_missing_file_is_unfit(tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match="No such file"):
        decode(str(tmp_path / "none.jpg"), 16, 1.0)
