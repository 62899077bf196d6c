"""Runs ensearch and tells which heavy packages it has imported; stops before the first ask."""

import sys
import time

HEAVY = ("torch", "torchvision", "sklearn", "optuna", "matplotlib", "sqlalchemy", "numpy")


def tell() -> None:
    print("probe", time.time(), *(name for name in HEAVY if name in sys.modules), file=sys.stderr)


def _stop(sampler: object) -> None:
    tell()
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
            tell()


if __name__ == "__main__":
    main()
