#!/usr/bin/env bash
# What a user gets: builds the wheel, installs it without development extras into a fresh virtual
# environment, and runs a small study with it from an empty folder outside of this checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The environment takes gigabytes, which a temporary folder in memory could not hold.
environment="$PWD/build/wheel_smoke"
folder="$(mktemp -d)"
trap 'rm -rf "$environment" "$folder"' EXIT

fail() {
    echo "The smoke test of the wheel failed: $1" >&2
    exit 1
}

echo "Building the wheel and installing it into a fresh environment (a minute or two)." >&2
"${PYTHON:-python3}" -m venv --clear "$environment"
bin="$environment/bin"
pip=("$bin/python" -m pip --disable-pip-version-check)
"${pip[@]}" wheel --quiet --no-deps --wheel-dir "$environment/wheel" .
# Most files of PyTorch are never imported here: compiling all of them takes as long as the rest.
"${pip[@]}" install --quiet --no-compile "$environment"/wheel/ensearch-*.whl

cd "$folder"
unset PYTHONPATH # the checkout must not stand in for what the wheel lacks
"$bin/python" -c 'import ensearch' || fail "ensearch cannot be imported."
"$bin/ensearch" --help >help.txt || fail "'ensearch --help' ended with exit code $?."
grep --quiet "Usage" help.txt || fail "'ensearch --help' prints no usage."
"$bin/ensearch" run --budget 2e6 --dataset digits --trials 2 >table.txt ||
    fail "a study of two trials ended with exit code $?."
grep --quiet "Budget" table.txt || fail "the study printed no table of results."
reports=studies/ensearch.reports/digits-wide_resnet-2M
for file in studies/ensearch.db "$reports"/{evaluations.csv,summary.json,tradeoff.png}; do
    [ -s "$file" ] || fail "the study did not write $file."
done
"$bin/ensearch" report digits-wide_resnet-2M --json >report.json ||
    fail "'ensearch report' ended with exit code $?."
"$bin/python" -m json.tool report.json >/dev/null || fail "'ensearch report' printed no JSON."
echo "The wheel installs, and a study of two trials runs with it." >&2
