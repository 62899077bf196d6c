"""matplotlib, so that no figure depends on the user's own configuration of it.

To be imported before anything of matplotlib: MPLBACKEND of a notebook may name a module that only
the notebook's environment has, and its import fails then. Figures here need no backend.
"""

import contextlib
import io
import os
import threading
from collections.abc import Callable
from typing import Any

from ensearch.errors import EnsearchError

_backend = os.environ.pop("MPLBACKEND", None)
try:
    import matplotlib
    from matplotlib import style
    from matplotlib.figure import Figure
finally:
    if _backend is not None:
        os.environ["MPLBACKEND"] = _backend
if _backend:  # as matplotlib does when it is imported; for figures of the user's own
    with contextlib.suppress(ValueError):
        matplotlib.rcParams["backend"] = _backend


# What changes from one day to the next, and with versions, is left out.
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}
_SETTINGS: dict[str, Any] = {"svg.hashsalt": "ensearch", "pdf.fonttype": 42}
# Settings are global to the process, and a server draws in several threads.
_LOCK = threading.Lock()


def drawn(draw: Callable[[], Figure]) -> Figure:
    """The figure that `draw` makes by matplotlib's defaults, whatever is configured here."""
    with style.context("default"):
        return draw()


def image(name: str, draw: Callable[[], Figure]) -> bytes:
    """The same as the content of a file of that name: .png, .svg or .pdf; equal for equal figures.

    Raises EnsearchError, which names it, where matplotlib fails.
    """
    kind = name.rpartition(".")[2]
    return _saved(name, draw, _SETTINGS, format=kind, metadata=_METADATA[kind])


def svg(name: str, draw: Callable[[], Figure]) -> str:
    """The same as an SVG whose texts are texts; the ids that it refers to are those of the name.

    Raises EnsearchError, which names it, where matplotlib fails.
    """
    own = {
        "svg.hashsalt": name,
        "svg.fonttype": "none",
        "font.family": ["DejaVu Sans"],  # comes with matplotlib: measures are the same everywhere
        "text.parse_math": False,  # a $ in a name is no formula
    }
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    return _saved(name, draw, own, format="svg", metadata=nothing).decode()


def _saved(name: str, draw: Callable[[], Figure], own: dict[str, Any], **how: Any) -> bytes:
    buffer = io.BytesIO()
    try:
        with _LOCK, style.context(["default", own]):
            draw().savefig(buffer, **how)
    except Exception as error:  # of fonts, of memory, of a matplotlib that is half installed
        raise EnsearchError(
            f"{name} could not be drawn ({type(error).__name__}: {error}). The figure alone is "
            "missing: all else is written."
        ) from error
    return buffer.getvalue()
