"""Every dataset keeps the contract; archives are read as they are; bad names are refused."""

import gzip
import hashlib
import io
import pickle
import socket
import struct
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ensearch import datasets
from ensearch.core import Schedule
from ensearch.datasets import Source, _torchvision
from ensearch.errors import UnavailableError, UsageError
from tests import folders
from tests.pictures import Arrays, pictures


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


# Archives of the real layout, with few images


def write_cifar(folder: Path, patch: pytest.MonkeyPatch, kind: str, labels: str, k: int) -> Arrays:
    """The tar of CIFAR: pickled batches of planar rows, red then green then blue."""
    import torchvision.datasets

    cls = getattr(torchvision.datasets, kind)
    images, y = pictures(10 * k, 3, 32, 32), np.arange(10 * k) % k
    test_images, test_y = pictures(k, 3, 32, 32, seed=1), np.arange(k)
    parts = len(cls.train_list)
    files = [
        (name, {"data": x.reshape(len(x), -1), labels: part.tolist()})
        for (name, _), x, part in zip(
            cls.train_list, np.array_split(images, parts), np.array_split(y, parts), strict=True
        )
    ]
    test = {"data": test_images.reshape(k, -1), labels: test_y.tolist()}
    files.append((cls.test_list[0][0], test))
    files.append((cls.meta["filename"], {cls.meta["key"]: [f"class {i}" for i in range(k)]}))
    sums = {}
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / cls.filename, "w:gz") as tar:
        for name, entry in files:
            content = pickle.dumps(entry)
            sums[name] = md5(content)
            info = tarfile.TarInfo(f"{cls.base_folder}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    patch.setattr(cls, "train_list", [[name, sums[name]] for name, _ in cls.train_list])
    patch.setattr(cls, "test_list", [[name, sums[name]] for name, _ in cls.test_list])
    patch.setattr(cls, "meta", cls.meta | {"md5": sums[cls.meta["filename"]]})
    patch.setattr(cls, "tgz_md5", md5((folder / cls.filename).read_bytes()))
    return {"x_test": test_images.transpose(0, 2, 3, 1), "y_test": test_y}


def write_cifar10(folder: Path, patch: pytest.MonkeyPatch) -> Arrays:
    return write_cifar(folder, patch, "CIFAR10", "labels", 10)


def write_cifar100(folder: Path, patch: pytest.MonkeyPatch) -> Arrays:
    return write_cifar(folder, patch, "CIFAR100", "fine_labels", 100)


def write_fashion(folder: Path, patch: pytest.MonkeyPatch) -> Arrays:
    """Four gzipped IDX files: magic number, sizes, bytes; big-endian."""
    from torchvision.datasets import FashionMNIST

    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    test_images, test_y = pictures(20, 28, 28, 1, seed=1), np.arange(20) % 10
    contents = []
    for x, y in ((pictures(100, 28, 28), np.arange(100) % 10), (test_images, test_y)):
        contents.append(struct.pack(">4i", 0x803, len(x), 28, 28) + x.tobytes())
        contents.append(struct.pack(">2i", 0x801, len(y)) + y.astype(np.uint8).tobytes())
    resources = []
    for (name, _), content in zip(FashionMNIST.resources, contents, strict=True):
        (raw / name).write_bytes(gzip.compress(content))
        resources.append((name, md5((raw / name).read_bytes())))
    patch.setattr(FashionMNIST, "resources", resources)
    return {"x_test": test_images, "y_test": test_y}


WRITERS: dict[str, Callable[[Path, pytest.MonkeyPatch], Arrays]] = {
    "cifar10": write_cifar10,
    "cifar100": write_cifar100,
    "fashion_mnist": write_fashion,
}


def npz_source(folder: Path) -> Source:
    x, y = pictures(30, 5, 5), np.arange(30) % 3
    np.savez(folder / "data.npz", x_train=x, y_train=y, x_test=x[:9], y_test=y[:9])
    return Source(spec=f"npz:{folder / 'data.npz'}", data_dir=folder)


# The contract of a dataset


@pytest.mark.parametrize("name", datasets.names())
def test_module_describes_itself(name: str) -> None:
    module = datasets.get(name)
    assert module.SUMMARY
    assert "\n" not in module.SUMMARY
    assert isinstance(module.SCHEDULE, Schedule)
    spec = f"{name}:{module.ARGUMENT}" if module.ARGUMENT else name
    datasets.check(spec)
    assert datasets.schedule(spec) is module.SCHEDULE


@pytest.mark.parametrize("name", datasets.names())
def test_dataset_keeps_the_contract(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name in WRITERS:
        WRITERS[name](tmp_path, monkeypatch)
    source = Source(spec=name, data_dir=tmp_path)
    if name == "npz":
        source = npz_source(tmp_path)
    elif name in ("folder", "imagenet"):
        source = folders.source(folders.write_tree(tmp_path / "pets"), name)
    try:
        data = datasets.load(source)
    except UnavailableError:
        assert name not in {"digits", "npz", "folder", "imagenet", *WRITERS}
        pytest.skip(f"{name} needs a download")
    assert data.spec == source.spec
    assert data.channels in (1, 3)
    side = (data.resolution, data.resolution, data.channels)
    for x, y in (
        (data.x_train, data.y_train),
        (data.x_val, data.y_val),
        (data.x_test, data.y_test),
    ):
        assert x.dtype == np.uint8
        assert y.dtype == np.int64
        assert x.shape == (len(y), *side)
        assert len(y) > 0
        assert set(y.tolist()) <= set(range(len(data.classes)))
    assert set(data.y_train.tolist()) == set(range(len(data.classes)))
    assert data.mean.shape == data.std.shape == (data.channels,)
    assert len(data.fingerprint) == 16
    int(data.fingerprint, 16)
    assert datasets.load(source).fingerprint == data.fingerprint


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_archive_gives_the_pictures_that_are_in_it(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    written = WRITERS[name](tmp_path, monkeypatch)
    data = datasets.load(Source(spec=name, data_dir=tmp_path))
    np.testing.assert_array_equal(data.x_test, written["x_test"])
    np.testing.assert_array_equal(data.y_test, written["y_test"])
    assert capsys.readouterr().out == ""


def test_cifar100_has_the_hundred_fine_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cifar100(tmp_path, monkeypatch)
    data = datasets.load(Source(spec="cifar100", data_dir=tmp_path))
    assert data.classes == tuple(f"class {i}" for i in range(100))


def test_what_torchvision_prints_goes_to_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Chatty:
        data, targets, classes = pictures(4, 8, 8), [0, 1, 0, 1], ("a", "b")

        def __init__(self, root: Path, train: bool, download: bool) -> None:
            print("Files already downloaded and verified")

    raw = _torchvision.load(Chatty, [], tmp_path)
    assert raw.x_train.shape == (4, 8, 8, 1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("already downloaded") == 2


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_offline_without_files_says_what_to_put_where(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        datasets.load(Source(spec=name, data_dir=tmp_path / "empty"))
    text = str(caught.value)
    expected = {
        "cifar10": ("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),
        "cifar100": ("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"),
        "fashion_mnist": (
            "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    }[name]
    path, checksum = expected
    assert f"{tmp_path / 'empty' / path} (md5 {checksum}); found no such file" in text
    assert "no network in tests" in text
    assert caught.value.problem == "not_downloaded"
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_broken_archive_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    WRITERS[name](tmp_path, monkeypatch)
    archive = next(tmp_path.rglob("*.gz"))
    archive.write_bytes(archive.read_bytes()[:-10])
    with pytest.raises(UnavailableError, match="found another md5") as caught:
        datasets.load(Source(spec=name, data_dir=tmp_path))
    assert str(archive) in str(caught.value)
    assert str(caught.value).count("  expected") == 1


def test_broken_unpacked_file_beside_a_good_archive_is_to_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fashion(tmp_path, monkeypatch)
    source = Source(spec="fashion_mnist", data_dir=tmp_path)
    datasets.load(source)
    unpacked = tmp_path / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    unpacked.write_bytes(unpacked.read_bytes()[:1000])
    with pytest.raises(UnavailableError, match="Remove what was unpacked from FashionMNIST/raw"):
        datasets.load(source)
    unpacked.unlink()
    datasets.load(source)


def test_downloads_give_up_on_silence_and_leave_the_timeout_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def note(*args: object, **kwargs: object) -> None:
        seen.append(socket.getdefaulttimeout())
        raise TimeoutError("silence")

    monkeypatch.setattr(urllib.request, "urlopen", note)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(7)
    try:
        with pytest.raises(UnavailableError, match="silence"):
            datasets.load(Source(spec="cifar10", data_dir=tmp_path))
        after = socket.getdefaulttimeout()
    finally:
        socket.setdefaulttimeout(before)
    assert seen
    assert all(timeout == 20 for timeout in seen)
    assert after == 7


def test_importing_and_checking_loads_nothing_heavy() -> None:
    code = (
        "import sys; from ensearch import datasets\n"
        "for name in datasets.names(): datasets.get(name)\n"
        "print({'torch', 'torchvision', 'sklearn', 'scipy', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# Specs


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("digit", "Did you mean 'digits'"),
        ("npz", "write npz:PATH"),
        ("npz:", "write npz:PATH"),
        ("folder", "write folder:PATH"),
        ("imagenet", "write imagenet:PATH"),
        ("digits:3", "write digits"),
        ("digits:", "write digits"),
        ("", "Known: cifar10"),
        ("_split", "unknown dataset"),
    ],
)
def test_bad_spec_is_refused_with_advice(spec: str, text: str, tmp_path: Path) -> None:
    for act in (datasets.check, datasets.schedule):
        with pytest.raises(UsageError, match=text):
            act(spec)
    with pytest.raises(UsageError, match=text):
        datasets.load(Source(spec=spec, data_dir=tmp_path))


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("pets", "folder:pets"),
        ("pets/", "folder:pets/"),
        ("pets@64", "folder:pets@64"),
        ("a.npz", "npz:a.npz"),
        ("a.zip", "npz:a.zip, if numpy.savez wrote it"),
    ],
)
def test_a_bare_path_is_answered_with_what_is_meant(
    path: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pets").mkdir()
    for name in ("a.npz", "a.zip"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=f"dataset {path!r} is a path: write {meant}"):
        datasets.check(path)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("digits", "digits"),
        ("fashion_mnist", "fashion_mnist"),
        ("npz:/a/My file.npz", "npz-My-file"),
        ("npz:a/b.c.npz", "npz-b.c"),
        ("npz:../..", "npz"),
        ("npz:/a/数据.npz", "npz"),
        ("npz:C:x$(y).npz", "npz-C-x-y"),
        ("folder:/a/tiny photos@64", "folder-tiny-photos-64"),
        ("folder:/a/photos/", "folder-photos"),
        ("folder:.", "folder"),
    ],
)
def test_short_name_is_safe_in_file_names(spec: str, name: str) -> None:
    assert datasets.short_name(spec) == name
