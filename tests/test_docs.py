"""The pages in docs/ cannot go stale: their Python is run, in order, as a reader would type it."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

import ensearch
from ensearch import datasets
from ensearch.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.usefixtures("verified_here")
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda page: page.name)
def test_the_examples_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "docs"}
    for number, block in enumerate(blocks(page), 1):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(block, f"{page.name}, example {number}", "exec"), names)
        for expected in re.findall(r"^\s*print\(.*\)  # prints (.+)$", block, flags=re.MULTILINE):
            assert expected.removesuffix(" ...") in printed.getvalue()


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading of a page, without its first two lines."""
    section = (ROOT / "docs" / page).read_text().split(f"## {heading}\n")[1]
    lines = re.findall(r"^\| (.*) \|$", section.split("\n## ")[0], flags=re.MULTILINE)
    return [line.split(" | ") for line in lines[1:]]


def test_datasets_train_as_their_table_says() -> None:
    table = rows("datasets.md", "How each dataset trains unless you say otherwise")
    assert {row[0].strip("`").split(":")[0] for row in table} == set(datasets.names())
    for name, epochs, batch, augmentation in table:
        schedule = datasets.schedule(name.strip("`"))
        assert (int(epochs), int(batch)) == (schedule.epochs, schedule.batch_size)
        moved = [int(number) for number in re.findall(r"up to (\d+) pixel", augmentation)]
        assert moved == [schedule.crop] * bool(schedule.crop)
        assert ("mirrored" in augmentation) == schedule.flip
        assert not schedule.cutout
        assert not schedule.crop_scale


def test_every_verb_has_a_function_and_the_table_those_of_other_names() -> None:
    table = rows("python.md", "Functions and verbs")
    listed = {verb for row in table for verb in re.findall(r"`(\w+)", row[0])}
    named = {name for row in table for name in re.findall(r"ensearch\.(?!pool)(\w+)", row[1])}
    assert named <= set(ensearch.__all__)
    whole: Any = typer.main.get_command(app)
    assert set(whole.commands) - listed <= set(ensearch.__all__)
