"""One picture file to one square RGB image. The only place that asks Pillow for pixels."""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from ensearch.datasets._stored import Images

# A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that leaves this many times the pixels
# needed on a side: the filter that follows then hides which way it went (640 x 480, 2000 x 1500 and
# 300 x 1000 to 32 x 32: 0.16, 0.44 and 0.23 grey levels off the whole picture, on average).
GAP = 2
# Formats that may have them, by suffix.
DEEP = (".png", ".apng", ".tif", ".tiff", ".pgm", ".pnm", ".ppm", ".jp2", ".j2k", ".jpf", ".jpx")
WHOLE = 2**16 - 1  # the largest value of 16 bits
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")


class UnfitError(Exception):
    """Why a file gives no image; for people."""


def decode(
    path: str, resolution: int, share: float, spread: tuple[int, int] | None = None
) -> Images:
    """resolution x resolution x 3: the middle of the picture, `share` of its shorter side.

    Upright as its EXIF data say, on white where it is transparent. Of 16 bits the upper 8 are read,
    or the range `spread` becomes 0 to 255. Raises UnfitError.
    """
    try:
        with _quiet(), Image.open(path) as opened:
            least = math.ceil(GAP * resolution / share)
            opened.draft(None, (least, least))  # for JPEG; others stay as they are
            picture = _rgb(ImageOps.exif_transpose(opened), opened.format, spread)
            side = min(picture.size) * share
            left, top = ((length - side) / 2 for length in picture.size)
            box = (left, top, left + side, top + side)
            # Bicubic, antialiased: what the published EfficientNets are evaluated with.
            small = picture.resize((resolution, resolution), Image.Resampling.BICUBIC, box=box)
    except (MemoryError, UnfitError):
        raise
    # Of damaged files Pillow raises a dozen kinds, SyntaxError and struct.error among them.
    except Exception as error:
        raise UnfitError(_reason(error)) from error
    return np.asarray(small)


def of_sixteen_bits(spread: tuple[int, int] | None) -> tuple[float, float] | None:
    """A range of 16 bits as part of 0 to 1; `in_sixteen_bits` is the inverse."""
    return spread and (spread[0] / WHOLE, spread[1] / WHOLE)


def in_sixteen_bits(spread: Sequence[float] | None) -> tuple[int, int] | None:
    """A range within 0 to 1 as one of 16 bits."""
    return None if spread is None else (round(spread[0] * WHOLE), round(spread[1] * WHOLE))


def shorter_side(path: str) -> int | None:
    """The shorter side in pixels, from the head of the file; None if it holds no picture."""
    try:
        with _quiet(), Image.open(path) as opened:
            return min(opened.size)
    except Exception:  # as in `decode`, which will say why
        return None


def sixteen_bits(path: str) -> npt.NDArray[np.uint16] | None:
    """The pixels of a grey picture of 16 bits; None of any other, or if it cannot be read."""
    try:
        with _quiet(), Image.open(path) as opened:
            if not _has_sixteen_bits(opened, opened.format):
                return None
            return np.asarray(opened).astype(np.uint16)
    except Exception:  # as in `decode`, which will say why
        return None


@contextmanager
def _quiet() -> Iterator[None]:
    """A context without Pillow's warnings, as of 89 megapixels and more; it refuses twice that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _has_sixteen_bits(picture: Image.Image, format_of_file: str | None) -> bool:
    # A PPM of 16 bits has mode I.
    return picture.mode in SIXTEEN_BITS or (picture.mode == "I" and format_of_file == "PPM")


def _rgb(
    picture: Image.Image, format_of_file: str | None, spread: tuple[int, int] | None
) -> Image.Image:
    """Eight bits each of red, green and blue."""
    # Pillow clips what is above 255 instead of scaling it.
    if _has_sixteen_bits(picture, format_of_file):
        values = np.asarray(picture)
        if spread is None:
            values = values >> 8
        else:
            low, high = spread
            values = np.rint((np.clip(values, low, high) - float(low)) * (255 / (high - low)))
        picture = Image.fromarray(values.astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise UnfitError("pixels of 32 bits, whose range no file says: save it with 8 or 16 bits")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not a picture that Pillow reads here, or damaged at its beginning"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error) or type(error).__name__).splitlines()[0]
