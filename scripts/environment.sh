# Sourced by the other scripts: makes .venv beside the project and installs it, once per change
# of pyproject.toml. Takes the extras as arguments: `source scripts/environment.sh dev`.
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

python="${PYTHON:-python3}"
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "ensearch needs Python 3.11 or newer; '$python' is not. Name one: PYTHON=python3.12 $0" >&2
    exit 1
fi

# Installed without its compiled files, PyTorch is compiled by whoever imports it first. Where nobody
# may keep them, every process does so: 13 s of a core instead of 5 for each one that a test starts.
unset PYTHONDONTWRITEBYTECODE

extras="${1:-}"
stamp=".venv/.installed-${extras:-plain}"
if [ ! -x .venv/bin/python ]; then
    echo "making .venv" >&2
    "$python" -m venv .venv
fi
if [ ! -f "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    echo "installing ensearch into .venv (PyTorch is large: a few minutes the first time)" >&2
    # Most files of PyTorch are never imported: compiling all of them takes a minute or two.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
        --editable ".${extras:+[$extras]}"
    touch "$stamp"
fi
