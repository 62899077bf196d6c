"""Help: options by purpose, required ones marked, an example that works, at any width."""

import functools
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from ensearch.cli import app
from tests.command_line import VERBS, ensearch

GENERAL = {"help", "version", "debug"}


def commands() -> Iterator[tuple[str, Any]]:
    """Every verb by what is typed for it."""
    top: Any = typer.main.get_command(app.app)
    for name, command in top.commands.items():
        for below, one in getattr(command, "commands", {"": command}).items():
            yield f"{name} {below}".strip(), one


COMMANDS = dict(commands())


@functools.cache
def help_of(line: str, width: int = 80) -> str:
    """What `--help` shows on a terminal of that width, rendered once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        result = ensearch(f"{line} --help")
    assert result.exit_code == 0, line
    assert "Usage" in result.stdout, line
    return result.stdout


def joined(text: str) -> str:
    return " ".join(text.split())


def test_every_verb_has_help() -> None:
    assert set(COMMANDS) > set(VERBS)
    for line in COMMANDS:
        assert help_of(line)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_nothing_breaks_inside_a_word(width: int) -> None:
    for line, command in COMMANDS.items():
        shown = help_of(line, width)
        for row in shown.splitlines():
            assert len(row) <= width or row.startswith("  ensearch "), row
        for param in command.params:
            assert joined(param.help or "") in joined(shown)
        assert "…" not in shown


def test_a_wide_terminal_has_an_option_a_line() -> None:
    lines = help_of("resume", 300).splitlines()
    for param in COMMANDS["resume"].params:
        assert any(param.opts[0] in line and param.help in line for line in lines), param.name


@pytest.mark.parametrize("line", COMMANDS)
def test_every_verb_has_an_example_that_parses(line: str) -> None:
    shown = help_of(line).splitlines()
    example = shown[shown.index("Example") + 1].strip()
    assert example.startswith(f"ensearch {line}")
    rest = shlex.split(example.removeprefix(f"ensearch {line}"))
    COMMANDS[line].make_context(line, rest)  # raises for what does not parse


def test_every_option_has_a_panel_and_required_ones_a_mark() -> None:
    for line, command in COMMANDS.items():
        shown = help_of(line)
        for param in command.params:
            if param.param_type_name == "option" and param.name not in GENERAL:
                assert param.rich_help_panel, (line, param.name)
        required = sum(param.required for param in command.params)
        assert joined(shown).count("required]") >= required, line
    panels = ["What to search", "Budget and stopping", "Training", "Where to run", "Output"]
    lines = help_of("run").splitlines()
    assert [row for row in lines if row in panels] == panels


def test_the_usage_has_arguments_in_capitals() -> None:
    for line, command in COMMANDS.items():
        usage, *_ = help_of(line).splitlines()
        named = usage.partition("[OPTIONS]")[2].split()
        arguments = [p.metavar for p in command.params if p.param_type_name == "argument"]
        assert named == arguments == [name.upper() for name in named], line
