"""The names of figures for a paper and of their formats, without what draws them."""

from collections.abc import Iterable

from ensearch.errors import invalid, unknown

FIGURES = ("tradeoff", "advantage")
FORMATS = ("png", "svg", "pdf")


def chosen(figures: str | Iterable[str], format: str) -> tuple[str, ...]:
    """Return the figures that are named, several with commas, each once.

    Raises UsageError for others, and for another format than png, svg and pdf.
    """
    names = figures.split(",") if isinstance(figures, str) else list(figures)
    names = [name.strip() for name in names]
    for name in names:
        if name not in FIGURES:
            raise unknown("figure", name, FIGURES)
    if format not in FORMATS:
        raise invalid("format", f"must be one of {', '.join(FORMATS)}; got {format!r}.")
    return tuple(dict.fromkeys(names))
