#!/usr/bin/env bash
# Everything that must pass: lint, format, types, tests. What CI runs.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" dev

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/pytest "$@"
