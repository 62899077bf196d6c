"""docs/cli.md says what the program says."""

from scripts import cli_reference


def test_the_reference_is_what_the_program_says() -> None:
    made = cli_reference.text()
    assert cli_reference.PAGE.read_text() == made, "run python -m scripts.cli_reference"
    assert "### ensearch pool import\n" in made
