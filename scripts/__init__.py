"""Benchmarks and simulations: programs that are run with `python -m`, not part of the package."""
