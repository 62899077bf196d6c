"""Imported by the process that runs are forked from: one study, so that they find all imported."""

import tempfile
from pathlib import Path

from scripts.faults import site

with tempfile.TemporaryDirectory() as folder:
    site.drive(site.made(Path(folder) / "warm"))
