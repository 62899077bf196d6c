"""The README and docs/ cannot go stale: their commands, options and files are those that exist."""

import functools
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from ensearch.cli import pool, study
from tests.command_line import VERBS, ensearch

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "studies" / "paper.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = "\n".join(page.read_text() for page in PAGES)
COMMANDS = sorted(set(re.findall(r"^ {4}(ensearch .+?)(?:\s+#.*)?$", TEXTS, re.MULTILINE)))
# By readers, and by an export.
WRITTEN = ("mine.toml", "study.toml", "mlp.py", "stripes.py", "told.py", "model.py")
LINES = 110  # of the README: what is longer has a page


@functools.cache
def shown(verb: str) -> str:
    """The help of a verb."""
    return ensearch(f"{verb} --help").stdout


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= LINES


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_explained(verb: str) -> None:
    assert f"ensearch {verb}" in TEXTS


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_in_the_pages_parse(command: str) -> None:
    """With --help added a command is parsed up to its verb and its options are listed."""
    verb, *rest = shlex.split(command)[1:]
    if verb in ("pool", "study"):  # their verbs have options of their own
        verb, *rest = f"{verb} {rest[0]}", *rest[1:]
    for option in (word for word in rest if word.startswith("--")):
        assert option in shown(verb)


# A verb without a name is called as its function.
GROUPED = [
    f"{group.app.info.name} {command.name or command.callback.__name__}"
    for group in (pool, study)
    for command in group.app.registered_commands
    if command.callback is not None
]


def test_options_named_in_the_text_exist() -> None:
    known = " ".join(shown(verb) for verb in ("", *VERBS, *GROUPED))
    prose = re.sub(r"```.*?```", "", TEXTS, flags=re.DOTALL)
    spans = " ".join(re.findall(r"`[^`]+`", prose))
    for option in set(re.findall(r"--[a-z][a-z-]+", spans)):
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
