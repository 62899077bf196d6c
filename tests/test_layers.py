"""The house: who may import whom. A module imports only from strictly lower ranks."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ensearch"
RANKS = [
    ["__init__"],
    ["errors"],
    ["units", "seeds", "plugins", "core", "reading", "operators", "hypervolume"],
    ["families", "datasets", "metrics", "space", "noise", "crossover", "multiplier", "predicted"],
    ["cost", "ensembles", "sizes", "resampling", "surface", "events", "candidates", "checkpoints"],
    ["front", "tally", "cascades", "halves", "handout"],
    ["ladder", "config", "agreement", "mixed", "cascade_search", "choosing"],
    ["sampler", "store", "launch", "comparing"],
    ["training", "scoring", "finalists", "entries", "predicting"],
    ["study", "confirmations", "bring", "queries", "combined"],
    ["pool", "plan", "openings", "adding", "verifying", "combining"],
    ["driver", "diversity"],
    ["search", "report"],
    ["confirm"],
    ["options"],
    ["terminal"],
    ["progress"],
    ["commands"],
    ["cli_pool"],
    ["cli"],
]
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}
# Package -> the only places that may import it.
OWNERS = {
    "psycopg": set(),  # SQLAlchemy does
    "ray": {"launch/ray"},
    "optuna": {"sampler", "report/dashboard"},
    "optuna_dashboard": {"report/dashboard"},
    "sqlalchemy": {"store"},
    "thop": {"cost"},
    "timm": {"families"},
    "torchvision": {"datasets"},
    "PIL": {"datasets/_decode"},
    "sklearn": {"datasets"},
    "matplotlib": {"report/figure", "report/naming", "report/pooled_figure"},
    "typer": {"cli", "cli_pool", "commands", "options", "terminal"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def imports(path: Path) -> set[str]:
    """Dotted names that the module imports at any depth, `from a import b` as a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_imports_point_downward(path: Path) -> None:
    own = place(path).split("/")[0]
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "ensearch" or parts[1] == own or parts[1].startswith("__"):
            continue
        assert RANK[parts[1]] < RANK[own], f"{own} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_outside_packages_stay_where_they_belong(path: Path) -> None:
    where = place(path)
    for name in imports(path):
        owners = OWNERS.get(name.split(".")[0])
        assert owners is None or any(where == o or where.startswith(f"{o}/") for o in owners), (
            f"{where} imports {name}"
        )


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_gradients_are_computed_in_training_only(path: Path) -> None:
    assert place(path).startswith("training") or not re.search(r"\.backward\(", path.read_text())


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 350
