"""matplotlib, so that no figure depends on the user's own configuration of it.

To be imported before anything of matplotlib: MPLBACKEND of a notebook may name a module that only
the notebook's environment has, and its import fails then. Figures here need no backend.
"""

import contextlib
import io
import os
from collections.abc import Callable

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


def drawn(draw: Callable[[], Figure]) -> Figure:
    """The figure that `draw` makes by matplotlib's defaults, whatever is configured here."""
    with style.context("default"):
        return draw()


def png(name: str, draw: Callable[[], Figure]) -> bytes:
    """The same as a PNG. Raises EnsearchError, which names it, where matplotlib fails."""
    buffer = io.BytesIO()
    try:
        with style.context("default"):
            draw().savefig(buffer, format="png", metadata={"Software": None})
    except Exception as error:  # of fonts, of memory, of a matplotlib that is half installed
        raise EnsearchError(
            f"{name} could not be drawn ({type(error).__name__}: {error}). The figure alone is "
            "missing: all else is written."
        ) from error
    return buffer.getvalue()
