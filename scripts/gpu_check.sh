#!/usr/bin/env bash
# What the first fifteen minutes on a GPU must show, in order of value: each step has its own limit,
# and results are written after every step. Needs Python with PyTorch, timm and NumPy, this checkout,
# and no network.
#
#     bash scripts/gpu_check.sh --out gpu-check --data npz:data/cifar10-30k.npz
#     bash scripts/gpu_check.sh --small                 # the same, tiny, on a CPU
#     bash scripts/gpu_check.sh --wheels wheels         # packages for a machine without an index
#
# --wheels DIR is a folder of wheels that the machine lacks, made where there is an index by
# `pip download --only-binary=:all: --no-deps -d wheels PACKAGE ...`; it may be given several times.
# They are unpacked into a temporary folder and used from there, behind what the machine has; nothing
# is installed. The tests need pytest, pluggy, iniconfig, pygments and, for its digits, scikit-learn;
# the benchmarks only the last. The plan and the studies need all that pyproject.toml names and what
# that needs: steps for which something is missing fail and say what. PYTHON=... names another
# interpreter. All other arguments go to `python -m scripts.gpu_check`, which lists them with --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python="${PYTHON:-python3}"
wheels=()
arguments=()
while [ $# -gt 0 ]; do
    if [ "$1" = "--wheels" ]; then
        wheels+=("${2:?--wheels needs a folder}")
        shift 2
    else
        arguments+=("$1")
        shift
    fi
done

export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
if [ ${#wheels[@]} -gt 0 ]; then
    packages="$(mktemp -d)"
    trap 'rm -rf "$packages"' EXIT
    for folder in "${wheels[@]}"; do
        for wheel in "$folder"/*.whl; do
            [ -e "$wheel" ] || { echo "$folder has no wheels." >&2; exit 1; }
            "$python" -m zipfile -e "$wheel" "$packages"
        done
    done
    # Behind what the machine has: its PyTorch stays. Every Python that is started reads this file.
    mkdir "$packages/first"
    printf 'import sys\nsys.path.append("%s")\n' "$packages" >"$packages/first/sitecustomize.py"
    export PYTHONPATH="$packages/first:$PYTHONPATH"
fi
command -v nvidia-smi >/dev/null && nvidia-smi -L || true
"$python" -m scripts.gpu_check "${arguments[@]}"
