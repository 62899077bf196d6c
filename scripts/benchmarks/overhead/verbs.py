"""How long the verbs take on a large storage, each in a fresh process, and what they import."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ensearch.store import Store
from scripts.benchmarks import checkout, pictures
from scripts.benchmarks.overhead import world

# Seconds that each may take.
GOALS = {"--help": 0.3, "status": 1.0, "report": 10.0, "resume": 3.0}
PROBE = ("-m", "scripts.benchmarks.overhead.probe")
DATABASE, HELD = "ensearch.db", "held.json"


def build(folder: Path, images: int, studies: int, trials: int) -> None:
    """Make a storage of `studies` over one pool of members by real runs; HELD says what is in it.

    From the R members of a network every size 1 to R is evaluated, so that a search has as many
    evaluations on val as its members number: 500 members are 500 evaluations of one study, and
    5,000 in a storage are ten studies that share them.
    """
    spec = pictures.write_random(folder / "images.npz", images, images // 5)
    start = time.perf_counter()
    with Store.open(str(folder / DATABASE), create=True) as store:
        for number in range(studies):
            sampler = "tpe" if number == 0 else "random"
            settings = world.configured(spec, world.SPACE, sampler, study=f"s{number}")
            world.run(store, settings, trials)
        evaluations = [e for number in range(studies) for e in store.evaluations(f"s{number}")]
        held: dict[str, float] = {
            "studies": studies,
            "trials of each": trials,
            "members": len(store.all_members()),
            "members of the first": store.summaries()[0].members,
            "evaluations": len(evaluations),
            "ensembles averaged": sum(e.subsets for e in evaluations),
            "validation images": images // 10,
        }
    held["seconds to build"] = time.perf_counter() - start
    (folder / HELD).write_text(json.dumps(held))


def time_verbs(folder: Path, repeats: int) -> list[dict[str, Any]]:
    """Return median, least and most seconds of each verb and of two plain processes, in turns."""
    python, probe = [sys.executable], [sys.executable, *PROBE]
    commands: dict[str, Sequence[str]] = {
        "python -c pass": [*python, "-c", "pass"],
        "import numpy": [*python, "-c", "import numpy"],
        "import torch": [*python, "-c", "import torch"],
        "--help": [*probe, "--help"],
        "status": [*probe, "status", "--storage", DATABASE],
        "report": [*probe, "report", "s0", "--storage", DATABASE],
        "resume": [*probe, "resume", "s0", "--storage", DATABASE, "--trials", "100000"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    modules: dict[str, list[str]] = {}
    # The first round warms the caches, and the first resume measures how fast training is here.
    for lap in range(repeats + 1):
        for name, command in commands.items():
            took, loaded = _timed(command, folder)
            modules[name] = loaded
            if lap:
                times[name].append(took)
    plain = statistics.median(times["import numpy"])
    return [
        {
            "what": name if name != "resume" else "resume to its first ask",
            "n": repeats,
            "median_s": statistics.median(seconds),
            "least_s": min(seconds),
            "most_s": max(seconds),
            "times_import_numpy": statistics.median(seconds) / plain,
            "goal_s": GOALS.get(name),
            "imports": modules[name],
        }
        for name, seconds in times.items()
    ]


def _timed(command: Sequence[str], folder: Path) -> tuple[float, list[str]]:
    """Return the seconds to the end, or to the first ask, and which of HEAVY were imported."""
    start = time.time()
    ended = subprocess.run(
        command,
        cwd=folder,
        env=checkout.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.time() - start
    lines = [line for line in ended.stderr.splitlines() if line.startswith("probe ")]
    if PROBE[1] not in command:
        return took, []
    if not lines:
        raise RuntimeError(f"{' '.join(command)} failed:\n{ended.stderr}")
    _, at, *loaded = lines[-1].split()
    return (float(at) - start if "resume" in command else took), loaded
