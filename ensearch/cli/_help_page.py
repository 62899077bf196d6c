"""The page that `--help` prints: options by purpose, whole words, an example, at any width.

Typer's own page cuts names of options where a terminal is narrow.
"""

import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

EXAMPLE = "Example: "  # how the paragraph of a docstring begins that is one
LEAST = 36  # characters of a line of explanation; with less, names stand above their explanations
INDENT = 2

Row = tuple[str, str]  # a name and its explanation
Panels = dict[str, list[Row]]


class Command(TyperCommand):
    """A verb."""

    # Typer's types of these are its own or click's, from release to release.
    def format_help(self, ctx: Any, formatter: Any) -> None:
        _show(self.get_usage(ctx), self.help, options(self, ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Arguments as they are declared: releases of click put other brackets around them."""
        declared = (p for p in self.get_params(ctx) if p.param_type_name == "argument")
        return ["[OPTIONS]", *(p.metavar or str(p.name) for p in declared)]


class Group(TyperGroup):
    """A group of verbs, which it lists by purpose."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        panels: Panels = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None:
                panel = getattr(command, "rich_help_panel", None) or "Commands"
                first, *_ = paragraphs(command.help)
                panels.setdefault(panel, []).append((name, first))
        _show(self.get_usage(ctx), self.help, panels | options(self, ctx))


def options(command: TyperCommand | TyperGroup, ctx: Any) -> Panels:
    """Arguments first, then options by panel, in the order in which panels are declared."""
    panels: Panels = {}
    params = command.get_params(ctx)
    for param in sorted(params, key=lambda param: param.param_type_name != "argument"):
        record = param.get_help_record(ctx)
        if record is not None:
            usual = "Arguments" if param.param_type_name == "argument" else "Other"
            panel = getattr(param, "rich_help_panel", None) or usual
            # A range of numbers stands behind the explanation, and an argument has no type.
            name, says = record[0].replace(" range>", ">"), record[1]
            name = name.partition(" <")[0] if usual == "Arguments" else name
            panels.setdefault(str(panel), []).append((name, says))
    other = panels.pop("Other", None)
    return panels | ({"Other": other} if other else {})


def _show(usage: str, text: str | None, panels: Panels) -> None:
    console = Console(highlight=False)
    for line, style in _lines(usage, text, panels, console.width):
        shown = Text(line, style=style)
        shown.highlight_regex(r"^ +--[\w-]+( / --[\w-]+)?", "cyan")
        shown.highlight_regex(r"\[required.*", "red")
        console.print(shown, soft_wrap=True)


def _lines(usage: str, text: str | None, panels: Panels, width: int) -> Iterator[tuple[str, str]]:
    """Every line of the page, with its style."""
    yield usage, "bold"
    for paragraph in paragraphs(text):
        yield "", ""
        command = paragraph.removeprefix(EXAMPLE)
        if command != paragraph:
            yield "Example", "bold"
            yield " " * INDENT + command, ""  # whole, to be copied
        else:
            yield from ((line, "") for line in _wrapped(paragraph, width))
    names = max((len(name) for rows in panels.values() for name, _ in rows), default=0)
    indent = INDENT + names + 2
    beside = width - indent >= LEAST
    for panel, rows in panels.items():
        yield "", ""
        yield panel, "bold"
        for name, says in rows:
            lines = _wrapped(says, width - indent if beside else width - 3 * INDENT)
            if not beside:
                yield " " * INDENT + name, ""
                yield from ((" " * 3 * INDENT + line, "") for line in lines)
                continue
            yield f"{' ' * INDENT}{name:<{names}}  {lines[0] if lines else ''}".rstrip(), ""
            yield from ((" " * indent + line, "") for line in lines[1:])


def paragraphs(text: str | None) -> list[str]:
    return [" ".join(part.split()) for part in inspect.cleandoc(text or "").split("\n\n")]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
