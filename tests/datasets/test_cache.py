"""The cache of decoded pictures: what is kept, made again, cleaned up and told."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ensearch.datasets import Stored, _cache, _pictures, _work
from ensearch.errors import UnavailableError
from tests.folders import (
    load,
    photo,
    refused,
    same_images,
    write,
    write_tree,
)


def cache_of(root: Path) -> Path:
    (found,) = (p for p in (root.parent / "data" / "folders").iterdir() if p.is_dir())
    return found


def decoded(capsys: pytest.CaptureFixture[str]) -> bool:
    captured = capsys.readouterr()
    assert captured.out == ""
    return "reading" in captured.err


def test_second_start_decodes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_tree(tmp_path / "pets")
    one = load(root)
    assert decoded(capsys)
    other = load(root)
    assert not decoded(capsys)
    assert one.fingerprint == other.fingerprint
    assert same_images(one, other)
    assert isinstance(other.x_train, Stored)
    assert isinstance(other.x_train.pixels, np.memmap)


def test_changed_pictures_are_decoded_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_tree(tmp_path / "pets")
    prints = {load(root).fingerprint}
    write(root / "train" / "cat" / "0.jpg", photo(999))
    prints.add(load(root).fingerprint)
    (root / "train" / "cat" / "1.jpg").unlink()
    prints.add(load(root).fingerprint)
    os.utime(root / "train" / "cat" / "2.jpg", (1, 1))
    capsys.readouterr()
    prints.add(load(root).fingerprint)  # the same pixels
    assert decoded(capsys)
    assert len(prints) == 3
    assert cache_of(root)  # and no other folder beside it


def damage_about(folder: Path) -> None:
    (folder / "about.json").write_text("{}")


def damage_end(folder: Path) -> None:
    content = (folder / _work.PIXELS).read_bytes()
    (folder / _work.PIXELS).write_bytes(content[:-1])


def damage_pixels(folder: Path) -> None:
    pixels = np.load(folder / _work.PIXELS, mmap_mode="r+")
    pixels[5] = 0
    pixels.flush()


def damage_sums(folder: Path) -> None:
    (folder / _work.SUMS).unlink()


@pytest.mark.parametrize("damage", [damage_about, damage_end, damage_pixels, damage_sums])
def test_damaged_cache_is_made_again(
    damage: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_tree(tmp_path / "pets")
    one = load(root)
    before = np.asarray(one.x_train)
    del one
    damage(cache_of(root))
    capsys.readouterr()
    other = load(root)
    assert decoded(capsys)
    np.testing.assert_array_equal(before, np.asarray(other.x_train))


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    load(root)
    cache = cache_of(root)
    cache.rename(f"{cache}.new")
    load(root)
    assert [p.name for p in cache.parent.iterdir() if p.is_dir()] == [cache.name]


@pytest.mark.parametrize("cut", [0, 5], ids=["whole", "cut off"])
def test_an_interrupted_start_goes_on_where_it_was(
    cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_tree(tmp_path / "pets")
    (root / "train" / "cat" / "0.jpg").write_bytes(b"broken")
    monkeypatch.setattr(_pictures, "MOST_BROKEN", 1)
    monkeypatch.setattr(_cache, "_CHUNK", 4)
    monkeypatch.setattr(_cache, "_NEWS_SECONDS", 0)
    whole = load(root)
    cache = cache_of(root)
    shutil.rmtree(cache)
    real, done = _work.run, list[int]()

    def run(job: _work.Job) -> dict[int, str]:
        if done == [0, 4, 8]:
            raise KeyboardInterrupt
        done.append(job.first)
        return real(job)

    monkeypatch.setattr(_work, "run", run)
    with pytest.raises(KeyboardInterrupt):
        load(root)
    assert done == [0, 4, 8]
    assert "12 of 18 pictures are read and kept" in capsys.readouterr().err
    progress = Path(f"{cache}.new") / "progress.jsonl"
    progress.write_text(progress.read_text()[: -cut or None])  # of the line of the third job
    done.clear()
    again = load(root)
    assert done == ([12, 16] if cut == 0 else [8, 12, 16])
    assert (again.fingerprint, again.notes) == (whole.fingerprint, whole.notes)
    assert same_images(again, whole)
    assert sorted(file.name for file in cache.iterdir()) == sorted(
        ["about.json", _work.PIXELS, _work.DIGESTS, _work.SUMS]
    )


def test_an_interrupt_does_not_wait_for_what_is_being_decoded(tmp_path: Path) -> None:
    """A pipe that nobody writes to takes for ever to read."""
    pipe = tmp_path / "0.jpg"
    os.mkfifo(pipe)
    _work.create(tmp_path, 2, 8)
    how = {"folder": str(tmp_path), "resolution": 8, "share": 1.0}
    jobs = [_work.Job(files=[str(pipe)], first=row, **how) for row in range(2)]  # type: ignore[arg-type]

    def interrupt() -> None:
        with pipe.open("wb"):  # waits until it is read
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            threading.Event().wait(20)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        list(_work.run_all(jobs, 2))


def test_processes_give_the_same_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_tree(tmp_path / "pets", train=20, held_out=10)
    one = load(root)
    monkeypatch.setattr(_cache, "_ALONE", 0)
    monkeypatch.setattr(_cache, "_CHUNK", 7)
    monkeypatch.setattr(_cache, "usable_cores", lambda: 2)
    root.rename(tmp_path / "moved")
    other = load(tmp_path / "moved")
    assert one.fingerprint == other.fingerprint
    assert same_images(one, other)


def test_full_disk_is_told_with_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_work, "_write", full)
    with pytest.raises(UnavailableError, match="No space left on device") as caught:
        load(write_tree(tmp_path / "pets"))
    assert caught.value.problem == "no_room_for_images"
    assert not [p for p in (tmp_path / "data" / "folders").iterdir() if p.is_dir()]


def test_process_that_is_killed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cache, "_ALONE", 0)
    monkeypatch.setattr(_cache, "usable_cores", lambda: 2)
    real = _work._start

    def killed() -> "subprocess.Popen[str]":
        process = real()
        process.kill()
        return process

    monkeypatch.setattr(_work, "_start", killed)
    assert "was killed (it ended with code -9)" in refused(write_tree(tmp_path / "pets"))


def test_errors_of_a_process_come_back(tmp_path: Path) -> None:
    job = _work.Job(files=[], first=0, folder=str(tmp_path / "none"), resolution=8, share=1.0)
    with pytest.raises(OSError, match="No such file"):
        list(_work.run_all([job], 2))


def test_a_process_ends_with_its_input_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    process = _work._start()
    out, _ = process.communicate("", timeout=20)
    assert (out, process.returncode) == ("", 0)
    assert capfd.readouterr().err == ""


def test_fingerprint_is_the_same_without_a_guard_and_from_stdin(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets", train=130)
    code = (
        "from ensearch import datasets\nfrom pathlib import Path\n"
        f"source = datasets.Source(spec='folder:{root}', data_dir=Path({str(tmp_path / 'b')!r}))\n"
        "print(datasets.load(source).fingerprint)"
    )
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True)
    assert done.stdout.strip() == load(root).fingerprint, done.stderr
    about = json.loads(next((tmp_path / "b").rglob("about.json")).read_text())
    assert about["resolution"] == 30
