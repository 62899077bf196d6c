#!/usr/bin/env bash
# Everything that must pass: lint, format, types, tests. What CI runs. Arguments go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" dev

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
# Which lines of ensearch the tests execute is reported on demand: on Python 3.11 tracing took 1.7
# times the processor time (347 s for 205 s; ensembles, report, training and others, n = 1). From
# Python 3.14 on coverage uses sys.monitoring by itself.
if [ -n "${ENSEARCH_TEST_COVERAGE:-}" ]; then
    set -- --cov --cov-report term "$@"
fi
# A file's tests stay in one process: they share clusters, servers and trained studies. At most four
# processes: each takes up to 1.7 GB.
.venv/bin/pytest --numprocesses auto --maxprocesses 4 --dist loadfile "$@"
