#!/usr/bin/env bash
# Everything that must pass: lint, format, types, tests. What CI runs. Arguments go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" dev

# Test processes train networks so small that threads only wait for each other.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
# A file's tests stay in one process: they share clusters, servers and trained studies. Files are
# begun in the order of tests/conftest.py, the longest first. At most four processes: each takes up
# to 1.7 GB.
pytest=(.venv/bin/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder)
# The packages that only compute report which of their lines their tests execute. To trace all tests
# took a full run from 9 to more than 17 minutes (two cores, Python 3.11, n = 1). Those of fronts
# take a third more, a page with its figures almost twice as long. sys.monitoring, which Python has
# from 3.12 on, costs little. The simulated studies of test_attacks.py, which keep one process busy for
# 57 s, are not traced: that process was still at it when the other had nothing left to do.
if [ -n "${ENSEARCH_TEST_COVERAGE:-}" ] && [ $# -eq 0 ]; then
    if .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then
        export COVERAGE_CORE=sysmon
    fi
    for package in cost ensembles fronts search_space; do
        measured+=("--cov=ensearch.$package")
        for file in tests/"$package"/test_*.py; do
            [ "$file" = tests/fronts/test_attacks.py ] && continue
            traced+=("$file")
            rest+=("--ignore=$file")
        done
    done
    "${pytest[@]}" "${measured[@]}" --cov-report term "${traced[@]}"
    set -- "${rest[@]}"
fi
"${pytest[@]}" "$@"
