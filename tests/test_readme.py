"""The README and docs/ cannot go stale: their commands, options and files are those that exist."""

import re
import runpy
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from ensearch.cli import app
from tests.command_line import VERBS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "studies" / "paper.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = "\n".join(page.read_text() for page in PAGES)
COMMANDS = sorted(set(re.findall(r"^ {4}(ensearch .+?)(?:\s+#.*)?$", TEXTS, re.MULTILINE)))
# By readers, and by an export.
WRITTEN = ("mine.toml", "study.toml", "mlp.py", "stripes.py", "told.py", "model.py")
LINES = 110  # of the README: what is longer has a page


def commands(group: Any, of: str = "") -> dict[str, Any]:
    """What can be typed, by its words."""
    own = {of + name: one for name, one in group.commands.items()}
    inner = [commands(one, f"{name} ") for name, one in own.items() if hasattr(one, "commands")]
    return own | {name: one for found in inner for name, one in found.items()}


PROGRAM: Any = typer.main.get_command(app.app)
ALL = commands(PROGRAM)
PARAMETERS = [*PROGRAM.params, *(param for one in ALL.values() for param in one.params)]


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= LINES


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_explained(verb: str) -> None:
    assert f"ensearch {verb}" in TEXTS


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_in_the_pages_parse(command: str) -> None:
    """Every verb, argument and option of it is one that there is."""
    verb, *rest = shlex.split(command)[1:]
    if verb in ("pool", "study"):  # their verbs have options of their own
        verb, *rest = f"{verb} {rest[0]}", *rest[1:]
    ALL[verb].make_context(verb, rest)


def test_options_named_in_the_text_exist() -> None:
    known = {"--help"}.union(*(param.opts + param.secondary_opts for param in PARAMETERS))
    prose = re.sub(r"```.*?```", "", TEXTS, flags=re.DOTALL)
    spans = " ".join(re.findall(r"`[^`]+`", prose))
    for option in set(re.findall(r"--[a-z][a-z0-9-]+", spans)):
        assert option in known, option


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_named_in_the_pages_exist(page: Path) -> None:
    text = page.read_text()
    for name in set(re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:py|sh|toml|md))`", text)):
        places = [ROOT / name, *(ROOT / "ensearch").glob(f"**/{name}"), ROOT / "scripts" / name]
        assert name in WRITTEN or any(p.exists() for p in places), name
    for linked, place in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text):
        there = page.parent / linked if linked else page
        assert there.is_file() or linked.startswith("http"), linked
        assert not place or place in anchors(there), place


def anchors(page: Path) -> set[str]:
    """The names by which links reach the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize("program", re.findall(r"python -m (\S+) --help", CONTRIBUTING))
def test_programs_say_what_they_measure(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [program, "--help"])
    # Where another test has imported it, it would be run twice, which Python warns of.
    for name in (program, f"{program}.__main__"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(SystemExit) as left:
        runpy.run_module(program, run_name="__main__")
    assert left.value.code == 0
    assert "usage" in capsys.readouterr().out


def test_files_and_programs_named_for_contributors_exist() -> None:
    text = CONTRIBUTING
    # A bare name lies in the package of the paragraph, or among the helpers of the tests.
    folders = [ROOT, ROOT / "tests", *(ROOT / "ensearch").glob("**/")]
    names = set(re.findall(r"`((?:[\w.]+/)*\w+(?:\.py|\.sh|/))`", text))
    assert len(names) > 30
    for name in names:
        assert "NAME" in name or any((folder / name).exists() for folder in folders), name
    for module in re.findall(r"python -m (scripts[\w.]+)", text):
        where = ROOT / module.replace(".", "/")
        assert where.with_suffix(".py").is_file() or (where / "__main__.py").is_file(), module
