"""What to type: the advice that the command line adds to the facts of an error."""

from ensearch.errors import EnsearchError

# By `problem` of an error. Fields in braces are facts of the error; {storage} is what names the
# storage behind a command, such as " --storage studies/other.db", and empty for the usual one.
ADVICE: dict[str, str] = {
    "nothing_fits": "Raise --budget, or search smaller networks with --space FILE.toml.",
}


def flag(option: str) -> str:
    """The option as it is typed: --limit-train for limit_train."""
    return f"--{option.replace('_', '-')}"


def explain(error: EnsearchError, storage: str = "") -> str:
    """The message of an error with what to type, in one paragraph."""
    message = str(error)
    if "option" in error.facts:
        message = f"{flag(str(error.facts['option']))} {error.facts['says']}"
    advice = ADVICE.get(error.problem)
    return (
        message if advice is None else f"{message} {advice.format(**error.facts, storage=storage)}"
    )
