"""Write docs/cli.md, the reference of the command line, from the program itself.

    python -m scripts.cli_reference

A test compares the page with the program, so run this after every change of an option or its help.
"""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from ensearch.cli import _help_page
from ensearch.cli.app import app

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
WIDTH = 110  # characters of a line of sentences
INTRODUCTION = """# The command line

This page is made from the program by `python -m scripts.cli_reference`; `ensearch VERB --help`
prints the same. Results go to stdout, progress and errors to stderr.
[Exit codes](running.md#exit-codes) are those of every verb, and [Python](python.md) has a function
for each.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(text())


def text() -> str:
    """Return the page: every verb with its purpose, an example, its arguments and options."""
    whole: Any = typer.main.get_command(app)
    parts = [INTRODUCTION]
    for panel, verbs in _by_panel(whole).items():
        parts.append(f"## {panel}\n")
        for name in verbs:
            verb = whole.commands[name]
            below = getattr(verb, "commands", {None: verb})
            parts += [_verb(" ".join(filter(None, (name, one))), below[one]) for one in below]
    return "\n".join(parts)


def _by_panel(group: Any) -> dict[str, list[str]]:
    """Names of the verbs by the heading under which `ensearch --help` lists them, in its order."""
    panels: dict[str, list[str]] = {}
    for name, verb in group.commands.items():
        panels.setdefault(verb.rich_help_panel, []).append(name)
    return panels


def _verb(name: str, verb: Any) -> str:
    """The section of one verb."""
    context = typer.Context(verb, info_name=f"ensearch {name}")
    lines = [f"### ensearch {name}", ""]
    for paragraph in _help_page.paragraphs(verb.help):
        command = paragraph.removeprefix(_help_page.EXAMPLE)
        shown = textwrap.wrap(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)
        lines += [*([f"    {command}"] if command != paragraph else shown), ""]
    lines += list(_tables(_help_page.options(verb, context)))
    return "\n".join(lines)


def _tables(panels: _help_page.Panels) -> Iterator[str]:
    for panel, rows in panels.items():
        shown = [(name, says) for name, says in rows if name != "--help"]
        if shown:
            yield f"| {panel} | |"
            yield "|---|---|"
            for name, says in shown:
                yield f"| `{_cell(name)}` | {_cell(says)} |"
            yield ""


def _cell(words: str) -> str:
    return " ".join(words.replace("|", "\\|").split())


if __name__ == "__main__":
    main()
