#!/usr/bin/env bash
# The main job on embedded data: scikit-learn's handwritten digits, no download, about a minute on
# two cores once PyTorch is installed. Run it again and it goes on from where it is.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

.venv/bin/ensearch run --config studies/quickstart.toml
