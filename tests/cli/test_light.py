"""What takes no time imports nothing heavy: the packages, the entry, help and light verbs."""

import json
import subprocess
import sys
from pathlib import Path

# In this order, since nothing that is imported goes away again: what one step may load is forbidden
# after none that follows.
STEPS = [
    ("import ensearch", {"torch", "optuna", "sqlalchemy", "matplotlib", "numpy"}),
    ("import ensearch.cli.entry", {"typer", "rich", "numpy"}),
    ("ensearch --help", {"torch", "optuna", "sqlalchemy", "numpy"}),
    ("ensearch run --help", {"torch", "optuna", "sqlalchemy", "numpy", "ray"}),
    ("ensearch cost nothing", {"torch", "timm", "sqlalchemy"}),
    ("ensearch status", {"torch", "optuna", "torchvision", "sklearn", "matplotlib"}),
    ("import ensearch.pool", {"torch", "optuna"}),
    ("import ensearch.report.study.results", {"torch", "optuna"}),
    ("import ensearch.report.study.table", {"torch", "optuna"}),
    ("import ensearch.report.study.files", {"torch", "optuna"}),
    ("import ensearch.report.study.figure", {"torch", "optuna"}),
    ("ensearch report digits-tiny-400k", {"torch", "optuna", "torchvision", "sklearn"}),
]
PROGRAM = """
import json
import sys

found = []
for step in json.loads(sys.argv[1]):
    code = None
    if step.startswith("import "):
        exec(step)
    else:
        from ensearch.cli import app

        sys.argv = step.split()
        try:
            app.main()
        except SystemExit as end:
            code = end.code
    found.append((code, [name for name in sys.modules if "." not in name]))
with open("found.json", "w") as file:
    json.dump(found, file)
"""


def test_what_takes_no_time_imports_nothing_heavy(studied: Path) -> None:
    """In one process, and the first that loads what it should not is named."""
    asked = json.dumps([step for step, _ in STEPS])
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, asked], cwd=studied, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads((studied / "found.json").read_text())
    for (step, absent), (code, loaded) in zip(STEPS, found, strict=True):
        assert absent & set(loaded) == set(), step
        assert code in ((2,) if "cost" in step else (None, 0)), step
    assert {"sqlalchemy", "numpy", "typer"} <= set(found[-1][1]), "what is loaded is seen"
