#!/usr/bin/env bash
# What a user gets: builds the wheel, installs it into a virtual environment of its own, and runs a
# small study with it from an empty folder outside of this checkout. The packages that it needs are
# those of .venv, since a second installation of PyTorch takes 2 minutes; that the project declares
# all of them is what tests/test_house.py sees to.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" dev

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

fail() {
    echo "The smoke test of the wheel failed: $1" >&2
    exit 1
}

echo "Building the wheel and installing it into an environment of its own." >&2
# It needs no pip of its own: that of .venv installs into it.
.venv/bin/python -m venv --without-pip "$folder/environment"
bin="$folder/environment/bin"
pip=(.venv/bin/python -m pip --quiet --disable-pip-version-check)
"${pip[@]}" wheel --no-deps --wheel-dir "$folder" .
"${pip[@]}" --python "$bin/python" install --no-deps --no-index "$folder"/ensearch-*.whl
# A path named in this file is searched after the environment's own packages, and the .pth files
# there, through which .venv knows this checkout, are not read.
packages='import sysconfig; print(sysconfig.get_path("purelib"))'
.venv/bin/python -c "$packages" >"$("$bin/python" -c "$packages")/shared.pth"

mkdir "$folder/work"
cd "$folder/work"
unset PYTHONPATH # the checkout must not stand in for what the wheel lacks
"$bin/python" -c 'import ensearch; print(ensearch.__file__)' >where.txt ||
    fail "ensearch cannot be imported."
grep --quiet --fixed-strings "$folder/environment" where.txt || fail "$(cat where.txt) is imported."
"$bin/ensearch" --help >help.txt || fail "'ensearch --help' ended with exit code $?."
grep --quiet "Usage" help.txt || fail "'ensearch --help' prints no usage."
"$bin/ensearch" run --budget 2e6 --dataset digits --trials 2 >table.txt ||
    fail "a study of two trials ended with exit code $?."
grep --quiet "Budget" table.txt || fail "the study printed no table of results."
reports=studies/ensearch.reports/digits-wide_resnet-2M
for file in studies/ensearch.db "$reports"/{index.html,evaluations.csv,summary.json,tradeoff.png}; do
    [ -s "$file" ] || fail "the study did not write $file."
done
"$bin/ensearch" report digits-wide_resnet-2M --json >report.json ||
    fail "'ensearch report' ended with exit code $?."
"$bin/python" -m json.tool report.json >/dev/null || fail "'ensearch report' printed no JSON."
echo "The wheel installs, and a study of two trials runs with it." >&2
