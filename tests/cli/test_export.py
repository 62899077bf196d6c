"""`export` and `predict` on the command line."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ensearch.cli.advice import ADVICE
from ensearch.errors import StorageError
from tests.command_line import ensearch, quick

STUDY = "digits-tiny-400k"


@pytest.fixture
def exported(folder: Path, verified_here: None) -> Path:
    """A working directory with an exported single network in `winner`, and pictures."""
    assert quick("--val 90").exit_code == 0
    done = ensearch(f"export {STUDY} --kind single --no-onnx --out winner")
    assert done.exit_code == 0, done.output
    labels = [line.split()[0] for line in done.stdout.splitlines()]
    assert labels == ["model", "accuracy", "verified", "files", "folder"]
    assert "comparing it with the stored predictions" in done.stderr
    (folder / "pictures/more").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a.png", "more/b.jpg"):
        pixels = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "pictures" / name)
    np.savez(folder / "x.npz", x_test=rng.random((3, 8, 8)), y_test=np.arange(3))
    return folder


def test_pictures_and_arrays_are_classified(exported: Path) -> None:
    np.save(exported / "none.npy", np.zeros((0, 8, 8), np.uint8))
    empty = ensearch("predict winner none.npy")
    assert (empty.exit_code, empty.stdout.splitlines()[0][:17]) == (0, "image,class,proba")
    found = ensearch("predict winner pictures x.npz --batch 2")
    assert found.exit_code == 0, found.output
    rows = list(csv.DictReader(io.StringIO(found.stdout)))
    assert [row["image"] for row in rows] == [
        "pictures/a.png", "pictures/more/b.jpg", "x.npz[0]", "x.npz[1]", "x.npz[2]"
    ]  # fmt: skip
    for row in rows:
        probs = {name: float(row[name]) for name in map(str, range(10))}
        assert row["class"] == max(probs, key=lambda name: probs[name])
        assert sum(probs.values()) == pytest.approx(1, abs=1e-4)
    plain = json.loads(ensearch("predict winner pictures/a.png --members 1 --json").stdout)
    assert plain["classes"] == list(map(str, range(10)))
    (one,) = plain["images"]
    assert one["class"] == rows[0]["class"]
    assert one["probability"] == pytest.approx(float(rows[0]["probability"]), abs=1e-5)

    (exported / "pictures/broken.png").write_bytes(b"no picture")
    for name in (".hidden.png", "@eaDir/a.png", "readme.txt"):
        (exported / "pictures" / name).parent.mkdir(exist_ok=True)
        (exported / "pictures" / name).write_bytes(b"no picture")
    found = ensearch("predict winner pictures")
    assert found.exit_code == 5
    assert len(found.stdout.splitlines()) == 3
    assert "left out: pictures/broken.png: not a picture" in found.stderr
    assert "1 of 3 images cannot be read" in found.stderr

    for line, says in (
        ("winner nowhere.png", "nowhere.png is not there"),
        ("pictures x.npz", "holds no exported model"),
        ("winner x.npz --batch 0", "--batch must be"),
        ("winner x.npz --workers 0", "--workers must be"),
        ("winner x.npz --members 2", "--members must be from 1 to 1"),
        ("winner x.npz --runtime onnx", "was exported without it"),
        ("winner x.npz --runtime tf", "one of auto, torch, onnx"),
    ):
        refused = ensearch(f"predict {line}")
        assert (refused.exit_code, refused.stdout) == (2, ""), line
        assert says in refused.stderr


def test_export_says_what_to_do_where_it_cannot(folder: Path) -> None:
    assert quick("--val 90 --no-weights").exit_code == 0
    refused = ensearch(f"export {STUDY}")
    assert refused.exit_code == 4
    assert f"`ensearch confirm {STUDY}`" in refused.stderr
    assert ensearch(f"export {STUDY}x").exit_code == 4
    neither = ensearch("export")
    assert neither.exit_code == 2
    assert "ensearch export STUDY" in neither.stderr
    assert ensearch(f"export {STUDY} --out tiny.toml").exit_code == 4
    for problem in ("weights_not_kept", "images_not_kept", "export_differs"):
        error = StorageError("so.", problem=problem, study="s")
        assert "`ensearch" in ADVICE[error.problem]
