"""Errors state facts, and the command line knows what to type for each kind of problem."""

import ast
import pickle
import re
import string
from collections.abc import Iterator
from pathlib import Path

from ensearch import units
from ensearch.cli.advice import ADVICE, REMEDIES, explain, typed
from ensearch.errors import StorageError, invalid
from ensearch.study.matches import Remedy

PACKAGE = Path(__file__).parents[2] / "ensearch"
# A part of a program of its own, with a command line of its own; and what a page, which is no
# message and is read without whoever made it, tells its readers to type.
ELSEWHERE = {PACKAGE / "exports/_predict.py", PACKAGE / "report/page/commands.py"}
LIBRARY = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if "cli" not in path.parts and path not in ELSEWHERE
]
# A flag, a verb of the command line behind its name, or what else only a terminal takes.
TYPED = re.compile(
    r"(?<![\w-])--[a-z]|\bensearch (run|resume|status|report|confirm|dashboard|front|pool|cost)\b"
    r"|\bensearch (export|predict)\b|\bpip install\b|\bmkdir\b|\bsame command\b"
)


def raised() -> Iterator[tuple[str, str, set[str]]]:
    """Place, problem and names of the facts of every error that the library makes."""
    for path in LIBRARY:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            given = {word.arg: word.value for word in node.keywords}
            if "problem" not in given:
                continue
            where = f"{path.relative_to(PACKAGE)}:{node.lineno}"
            for problem in texts(given["problem"]):
                yield where, problem, {name for name in given if name} - {"problem"}


def texts(problem: ast.expr) -> Iterator[str]:
    """The text of an expression, or those of both branches where one of them is no problem."""
    if isinstance(problem, ast.IfExp):
        yield from texts(problem.body)
        yield from texts(problem.orelse)
    elif isinstance(problem, ast.Constant) and isinstance(problem.value, str) and problem.value:
        yield problem.value


def strings(tree: ast.AST) -> Iterator[str]:
    """Texts of a module that are no docstrings."""
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documents
        ):
            yield node.value


def test_the_library_names_no_command_and_no_flag() -> None:
    assert PACKAGE / "training/loop.py" in LIBRARY
    offenders = [
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in LIBRARY
        for text in strings(ast.parse(path.read_text()))
        if TYPED.search(text)
    ]
    assert offenders == [], "\n".join(offenders)


def test_every_problem_has_its_advice_and_every_field_a_fact() -> None:
    problems = list(raised())
    for where, problem, facts in problems:
        if problem == "invalid_option":
            continue
        assert problem in ADVICE, f"{where}: no advice for {problem}"
        fields = {name for _, name, _, _ in string.Formatter().parse(ADVICE[problem]) if name}
        assert fields <= facts | {"storage"}, f"{where}: {problem} lacks {fields - facts}"
    assert set(ADVICE) <= {problem for _, problem, _ in problems}, "advice for no problem"


def test_an_option_is_shown_as_it_is_typed() -> None:
    error = invalid("limit_train", "must be at least 1; got 0.")
    assert str(error) == "limit_train must be at least 1; got 0."
    assert explain(error) == "--limit-train must be at least 1; got 0."


def test_an_error_survives_a_pipe() -> None:
    error = pickle.loads(pickle.dumps(StorageError("gone", problem="missing", study="a")))
    assert (str(error), error.problem, error.facts) == ("gone", "missing", {"study": "a"})


def test_every_remedy_of_a_plan_can_be_typed() -> None:
    several = [
        Remedy(kind="budget", value=290e3, budgets=2),
        Remedy(kind="resolution", value=16, budgets=4),
        Remedy(kind="space", value="vit", budgets=3),
    ]
    assert {remedy.kind for remedy in several} == set(REMEDIES)
    (line,) = typed(several, units.flops(2))
    for word in ("--budget 580000;", "resolution = [16]", "--space vit"):
        assert word in line
    assert "--budget-params 290000;" in typed(several, units.parameters())[0]
    assert typed([], units.flops(1)) == []
