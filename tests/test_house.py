"""The house: which package may import which, no circles, and small files.

An import inside a function counts like one at the top of a file.
"""

import ast
import functools
import re
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from importlib import metadata
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PACKAGE = ROOT / "ensearch"
# A package imports from packages of earlier rows only, and from itself.
ORDER = [
    ["cores", "errors", "files", "seeds"],
    ["schedule"],
    ["core", "units", "plugins"],
    ["budget"],
    ["families", "datasets", "fronts", "store"],
    ["cost", "ensembles", "launch"],
    ["latency"],
    ["search_space", "training"],
    ["study"],
    ["confirmation"],
    ["pool"],
    ["exports"],
    ["report"],
    ["api"],
    ["cli"],
    ["__main__"],
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
# Package from outside -> the only places that may import it.
OWNERS = {
    "psycopg": set(),  # SQLAlchemy does
    "jinja2": {"report/page"},
    "plotly": {"report/dashboard"},
    "rich": {"api", "cli", "report"},
    "torch": {"cost", "exports", "families", "latency", "pool", "training"},
    "ray": {"launch/ray"},
    "onnxruntime": {"exports/_predict", "latency"},
    "optuna": {
        "study/sampler",
        "study/ladder_sampler",
        "study/housekeeping",
        "report/dashboard",
    },
    "optuna_dashboard": {"report/dashboard"},
    "sqlalchemy": {"store"},
    "thop": {"cost"},
    "triton": {"training/norm_kernels"},
    "timm": {"families"},
    "torchvision": {"datasets"},
    "PIL": {"datasets/_decode"},
    "sklearn": {"datasets"},
    "scipy": {"fronts"},
    "threadpoolctl": {"fronts"},
    "matplotlib": {"report"},
    "typer": {"cli"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))
EVERYWHERE = [*MODULES, *sorted((ROOT / "scripts").rglob("*.py")), *sorted(TESTS.rglob("*.py"))]


@functools.cache
def place(path: Path) -> str:
    """training/loop for ensearch/training/loop.py, and training for its __init__.py."""
    where = path.relative_to(PACKAGE).with_suffix("")
    return (where.parent if where.name == "__init__" else where).as_posix()


@functools.cache
def imports(path: Path) -> set[str]:
    """Dotted names that the module imports at any depth, `from a import b` as a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@functools.cache
def own_imports(path: Path) -> set[str]:
    """Places of the package that the module imports, as `place` names them."""
    known = {place(module) for module in MODULES}
    names = {name.replace(".", "/") for name in imports(path)}
    inside = {name.removeprefix("ensearch/") for name in names if name.startswith("ensearch/")}
    places = {name if name in known else name.rpartition("/")[0] for name in inside}
    # What lies in the lazy face may come from anywhere above; its version is its own.
    through_the_face = {name for name in inside - known if "/" not in name}
    assert through_the_face <= {"__version__"}, f"{path}: from ensearch import {through_the_face}"
    return places - {""}


def test_there_are_modules_to_look_at() -> None:
    assert {"training/loop", "cli", "errors"} <= {place(path) for path in MODULES}
    elsewhere = {path.relative_to(ROOT).parts[0] for path in EVERYWHERE}
    assert elsewhere == {"ensearch", "scripts", "tests"}


def test_a_module_imports_its_siblings_and_not_its_own_face() -> None:
    faces = {place(path) for path in MODULES if path.name == "__init__.py"}
    for path in MODULES:
        own = place(path).rpartition("/")[0]
        assert own not in own_imports(path) & faces, f"{place(path)} imports {own}"


def test_imports_point_down() -> None:
    offenders = []
    for path in MODULES:
        own = place(path).split("/")[0]
        if own == ".":  # ensearch/__init__.py, the lazy face
            continue
        for name in own_imports(path):
            package = name.split("/")[0]
            if package != own and RANK[package] >= RANK[own]:
                offenders.append(f"{place(path)} imports {name}")
    assert offenders == [], "\n".join(offenders)


def test_no_circles() -> None:
    graph = {place(path): own_imports(path) for path in MODULES if place(path) != "."}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_outside_packages_stay_where_they_belong() -> None:
    offenders = []
    for path in MODULES:
        where = place(path)
        for name in imports(path):
            owners = OWNERS.get(name.split(".")[0])
            if owners is not None and not any(
                where == o or where.startswith(f"{o}/") for o in owners
            ):
                offenders.append(f"{where} imports {name}")
    assert offenders == [], "\n".join(offenders)


def test_what_is_imported_is_declared() -> None:
    """An installation without extras has it; these are what extras are for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split("[^A-Za-z0-9_.-]", line)[0] for line in project["dependencies"]}
    outside = {name.split(".")[0] for path in MODULES for name in imports(path)}
    # Triton comes with PyTorch where there can be a GPU for it; without it norms are not joined.
    outside -= sys.stdlib_module_names | {"ensearch", "onnxruntime", "ray", "triton"}
    owners = metadata.packages_distributions()
    for name in outside:
        assert declared & {o.lower() for o in owners[name]}, f"{name} is of {owners[name]}"


def test_the_command_line_knows_the_library_by_its_api_only() -> None:
    legal = sys.stdlib_module_names | {"ensearch", "rich", "typer"}
    own = {"api", "cli", "errors", "units"}
    offenders = []
    for path in (path for path in MODULES if place(path).startswith("cli")):
        wrong = {name for name in imports(path) if name.split(".")[0] not in legal}
        wrong |= {name for name in own_imports(path) if name.split("/")[0] not in own}
        offenders += [f"{place(path)} imports {name}" for name in sorted(wrong)]
    assert offenders == [], "\n".join(offenders)


def test_no_test_module_imports_another() -> None:
    """What tests share is in conftest.py or in a module that is named for what it holds."""
    for path in TESTS.rglob("*.py"):
        for name in imports(path):
            assert not re.search(r"\btest_", name), f"{path.name} imports {name}"


def test_gradients_are_computed_in_training_only() -> None:
    elsewhere = [path for path in MODULES if not place(path).startswith("training")]
    offenders = [place(path) for path in elsewhere if re.search(r"\.backward\(", path.read_text())]
    assert offenders == [], "\n".join(offenders)


def test_every_module_says_what_it_is_for_and_no_docstring_begins_with_of() -> None:
    offenders = []
    for path in EVERYWHERE:
        text = path.read_text()
        tree = ast.parse(text)
        name = str(path.relative_to(ROOT))
        if not (ast.get_docstring(tree) or (path.is_relative_to(TESTS) and text == "")):
            offenders.append(f"{name} does not say what it is for")
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first = (ast.get_docstring(node) or "").partition("\n")[0]
                if re.match(r"(Of|By|Those)\b", first):
                    offenders.append(f"{name}: {first}")
    assert offenders == [], "\n".join(offenders)


def test_files_stay_small() -> None:
    lengths = {place(path): len(path.read_text().splitlines()) for path in MODULES}
    offenders = [f"{name} has {count} lines" for name, count in lengths.items() if count > 350]
    assert offenders == [], "\n".join(offenders)
