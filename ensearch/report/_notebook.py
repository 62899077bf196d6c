"""What rich can print, as HTML for a notebook."""

import io

from rich.console import Console, RenderableType

_WIDTH = 110  # characters of a line; a notebook scrolls what is wider
_PRE = (
    '<pre style="white-space:pre;overflow-x:auto;line-height:normal;'
    "font-family:Menlo,'DejaVu Sans Mono',consolas,'Courier New',monospace\">{code}</pre>"
)


def html(renderable: RenderableType) -> str:
    """Return the HTML of a table or a group of them; nothing in it can execute."""
    console = Console(file=io.StringIO(), record=True, width=_WIDTH, force_jupyter=False)
    console.print(renderable)
    return console.export_html(inline_styles=True, code_format=_PRE)
