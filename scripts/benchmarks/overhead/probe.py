"""Run ensearch and say which heavy packages it has imported; stop before the first ask.

python -m scripts.benchmarks.overhead.probe report STUDY ...
"""

import sys
import time

HEAVY = ("torch", "torchvision", "sklearn", "optuna", "matplotlib", "sqlalchemy", "numpy")


def say() -> None:
    """Print the time and the heavy packages that are imported by now."""
    print("probe", time.time(), *(name for name in HEAVY if name in sys.modules), file=sys.stderr)


def _stop(sampler: object) -> None:
    say()
    raise KeyboardInterrupt


def main() -> None:
    from ensearch.cli import app

    if sys.argv[1] == "resume":
        from ensearch.study.sampler import Sampler

        Sampler.ask = _stop  # type: ignore[assignment, method-assign]
    try:
        app.main()
    finally:
        if sys.argv[1] != "resume":
            say()


if __name__ == "__main__":
    main()
