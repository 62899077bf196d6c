#!/usr/bin/env bash
# Everything that must pass: lint, format, types, tests. What CI runs. Arguments go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" dev

# Test processes train networks so small that threads only wait for each other.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
# A file's tests stay in one process: they share clusters, servers and trained studies. At most four
# processes: each takes up to 1.7 GB.
pytest=(.venv/bin/pytest --numprocesses auto --maxprocesses 4 --dist loadfile)
# The packages that only compute and neither train nor start processes report which of their
# lines their tests execute. To trace all tests took a full run from 9 to more than 17 minutes (two
# cores, Python 3.11, n = 1); from Python 3.14 on coverage uses sys.monitoring and costs little.
if [ -n "${ENSEARCH_TEST_COVERAGE:-}" ] && [ $# -eq 0 ]; then
    for package in cost ensembles fronts report search_space; do
        traced+=("tests/$package")
        measured+=("--cov=ensearch.$package")
        rest+=("--ignore=tests/$package")
    done
    "${pytest[@]}" "${measured[@]}" --cov-report term "${traced[@]}"
    set -- "${rest[@]}"
fi
"${pytest[@]}" "$@"
