"""Inputs for every parser and every file that is read, by hypothesis; see `tests/test_fuzz.py`.

Whatever comes, a parser takes it or raises an `EnsearchError`. Texts are any, or good ones that
were changed; files are good ones that were changed byte by byte, or hold arrays of another kind.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from safetensors.torch import save as safetensors
from torch import nn

import ensearch
from ensearch import datasets, families, units
from ensearch.core import Predictions
from ensearch.datasets import _decode as pictures_of
from ensearch.datasets import npz
from ensearch.errors import EnsearchError, printable
from ensearch.families import _checkpoints as checkpoints
from ensearch.pool import archive, archive_import, class_order, entry, prediction_file, query
from ensearch.schedule import Schedule
from ensearch.search_space import read_toml, reading
from ensearch.store import Store, address, files, samples
from ensearch.store import labels as split_labels
from ensearch.store.labels import SplitLabels
from ensearch.store.samples import ImageSample
from ensearch.study import config, options
from ensearch.training import checkpoint
from ensearch.training.state import State
from tests import models
from tests.pictures import good_arrays

COUNTS = ("5e9", "5G", "200M", "1M,2M", ".5k", "1_000", "5M FLOPs", "-1", "nan", "1e999")
TIMES = ("90s", "30m", "1h30m", "2h", "1d", "1e3", "-5", "٣s")
NAMES = ("all", "eff*", "small-1", "2 × small + left", "a → b", "10-0.5, epochs 1", "!x", "study:s")
URLS = (
    *("studies/a.db", "sqlite:///a.db", "sqlite://", "postgresql+psycopg://u:p@h:5432/n"),
    *("mysql://u:p@h/n?a=b", "sqlite:///a.db?mode=ro", "postgresql+psycopg://u:p@x@h/n", "//h/x"),
)
SPECS = ("digits", "npz:a.npz", "folder:/a/b@32", "cifar10:x", "imagenet:", "timm:resnet18")
SPACE = """family = "wide_resnet"
members = [1, 2]
depth = [10, 16]
width = { low = 0.25, high = 1.0, step = 0.25 }
rungs = 8
[schedule]
epochs = [1, 2]
[schedule.muon]
peak_lr = [0.1]
"""
CONFIG = 'budget = "2e6"\ndataset = "digits"\nepochs = 3\n[schedule]\ncrop = 1\nflip = false\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A parser: what it is given, and the call. `refuses` is what it may raise."""

    name: str
    inputs: st.SearchStrategy[Any]
    feed: Callable[[Any], object]
    refuses: tuple[type[Exception], ...] = (EnsearchError,)


def targets(folder: Path) -> Iterator[Target]:
    """All of them; files are written into the folder, which is empty."""
    yield from _of_texts(folder)
    yield from _of_tables(folder)
    yield from _of_files(folder)
    yield from _of_arrays(folder)


def texts(examples: Sequence[str]) -> st.SearchStrategy[str]:
    """Any text, or one of the examples with something left out or put in."""
    changed = st.builds(
        lambda text, start, length, more: text[:start] + more + text[start + length :],
        st.sampled_from(examples),
        st.integers(0, 40),
        st.integers(0, 8),
        st.text(max_size=6),
    )
    return st.one_of(st.text(max_size=40), changed, st.sampled_from(examples))


@st.composite
def damaged(draw: st.DrawFn, wholes: Sequence[bytes]) -> bytes:
    """A good content with up to three places changed, cut, doubled or put in."""
    content = draw(st.sampled_from(wholes))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        more = draw(st.binary(min_size=1, max_size=8))
        behind = draw(st.sampled_from((place, place + 1, place + len(more), len(content))))
        content = content[:place] + more + content[behind:]
    return content


def plain() -> st.SearchStrategy[Any]:
    """What JSON and TOML may hold, with little in it."""
    leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
    one = st.sampled_from(("epochs", "low", "x"))
    return st.one_of(leaf, st.lists(leaf, max_size=3), st.dictionaries(one, leaf, max_size=2))


@st.composite
def changed_table(draw: st.DrawFn, whole: Mapping[str, Any]) -> dict[str, Any]:
    """A good table in which a value, at any depth, is another or is gone."""
    table: dict[str, Any] = json.loads(json.dumps(whole))
    inner = table
    while True:
        key = draw(st.sampled_from(sorted(inner)))
        if not isinstance(inner[key], dict) or not inner[key] or draw(st.booleans()):
            break
        inner = inner[key]
    if draw(st.booleans()):
        inner[key] = draw(plain())
    else:
        del inner[key]
    return table


def _of_texts(folder: Path) -> Iterator[Target]:
    place = str(folder)
    yield Target(
        name="numbers", inputs=texts(COUNTS), feed=lambda t: units.parse_counts(t, "budget")
    )
    yield Target(name="times", inputs=texts(TIMES), feed=units.parse_timeout)
    yield Target(name="axes", inputs=texts(("flops", "ms@64", "ms@1:onnx")), feed=units.parse_axis)
    yield Target(name="messages", inputs=st.text(max_size=60), feed=printable)
    yield Target(name="names of studies", inputs=texts(("s", "a b")), feed=config.check_name)
    yield Target(name="names of models", inputs=texts(NAMES), feed=entry.check_name)
    yield Target(name="datasets", inputs=texts(SPECS), feed=datasets.check)
    yield Target(name="families", inputs=texts(("vit", "timm:dpn68")), feed=families.get)
    yield Target(name="class orders", inputs=texts(("plain",)), feed=class_order.check)
    yield Target(name="storages", inputs=texts((*URLS, f"{place}/a.db")), feed=address.locate)
    yield Target(name="keys of files", inputs=texts(("0a" * 8,)), feed=files.checked)
    url = str(folder / "pool" / "p.db")
    for name, network, content in models.world(images=20):
        models.write(folder / "p.npz", content)
        macs = 1e6 if network == "small" else 1e7
        ensearch.import_predictions(
            folder / "p.npz", name=name, macs=macs, network=network, storage=url
        )
    store = Store.open(url, create=False)
    yield Target(name="queries", inputs=texts(NAMES), feed=lambda text: query.select(store, text))


def _of_tables(folder: Path) -> Iterator[Target]:
    file = folder / "a.toml"

    def configured(text: str) -> None:
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        config.resolve(options.read_file(file))

    def space(text: str) -> None:
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        reading.from_table("a", read_toml(file))

    yield Target(name="configurations", inputs=texts((CONFIG,)), feed=configured)
    yield Target(name="spaces as TOML", inputs=texts((SPACE,)), feed=space)
    file.write_text(SPACE)
    table = read_toml(file)
    yield Target(
        name="spaces",
        inputs=changed_table(table),
        feed=lambda changed: reading.from_table("a", changed),
    )
    yield Target(
        name="schedules",
        inputs=changed_table(Schedule(epochs=1).content()),
        feed=lambda changed: Schedule(**changed),
        refuses=(EnsearchError, TypeError),  # no such field, as of any call
    )


def _of_files(folder: Path) -> Iterator[Target]:
    """Files that were changed byte by byte."""

    def written(content: bytes, read: Callable[[Path], object]) -> object:
        path = folder / "fuzzed"
        path.write_bytes(content)
        return read(path)

    def target(
        name: str, wholes: Sequence[bytes], read: Callable[[Path], object], *more: Any
    ) -> Target:
        refuses = (EnsearchError, *more)
        return Target(
            name=name, inputs=damaged(wholes), feed=lambda c: written(c, read), refuses=refuses
        )

    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    weights = io.BytesIO()
    torch.save(model.state_dict(), weights)
    formats = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
    yield target("pictures", [_picture(each) for each in formats], _decoded, pictures_of.UnfitError)
    yield target("predictions of others", [_npz(models.arrays())], prediction_file.read)
    yield target("datasets of npz", [_npz(good_arrays())], lambda path: npz.load(str(path), folder))
    yield target(
        "weights",
        [safetensors(model.state_dict()), weights.getvalue()],
        lambda path: checkpoints.load_into(model, path, 4),
    )
    state = State(model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    checkpoint.save(folder / "state", "key", state)
    whole = (folder / "state").read_bytes()
    yield target("checkpoints", [whole], lambda path: checkpoint.resume(path, "key", state))
    logits = Predictions(member="0" * 16, split="val", logits=np.zeros((9, 3), np.float16))
    yield Target(
        name="predictions of members",
        inputs=damaged([files.content_of(logits)]),
        feed=lambda content: files.predictions_of(content, folder, "0" * 16, "val"),
    )
    archive.export("all", folder / "a.zip", storage=folder / "pool" / "p.db")
    yield target(
        "archives",
        [(folder / "a.zip").read_bytes()],
        lambda path: archive_import.import_archive(path, storage=folder / "taken.db"),
    )


def _of_arrays(folder: Path) -> Iterator[Target]:
    """Whole files, most with arrays of any kind and shape under the names that are expected."""
    kinds = [np.dtype(kind) for kind in ("i8", "f2", "f8", "u1", "?", "c8", "U3")]
    shapes = hnp.array_shapes(min_dims=0, max_side=4)
    any_array = st.sampled_from(kinds).flatmap(lambda kind: hnp.arrays(kind, shapes))

    def with_others(good: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
        other = st.dictionaries(st.sampled_from(sorted(good)), any_array, max_size=2)
        return other.map(lambda changed: dict(good) | changed)

    yield Target(
        name="predictions as arrays",
        inputs=with_others(models.arrays()),
        feed=prediction_file.checked,
    )
    yield Target(
        name="datasets as arrays",
        inputs=with_others(good_arrays()),
        feed=lambda arrays: datasets_of(folder, arrays),
    )
    labels = SplitLabels(values=np.arange(4) % 2, count=2, classes=("a", "b"))
    split_labels.write(folder, labels)
    sample = ImageSample(
        images=np.zeros((2, 3, 3, 1), np.uint8),
        places=np.arange(2),
        mean=(0.0,),
        std=(1.0,),
        crop=1.0,
    )
    samples.write(folder, "0" * 16, sample)
    for name, path, read in (
        (
            "labels",
            split_labels.path(folder, labels.fingerprint),
            lambda: split_labels.read(folder, labels.fingerprint),
        ),
        (
            "samples of images",
            samples.path(folder, "0" * 16),
            lambda: samples.read(folder, "0" * 16),
        ),
    ):
        with np.load(path) as good:
            content = {key: good[key] for key in good.files}
        yield Target(name=name, inputs=with_others(content), feed=_rewritten(path, read))


def _rewritten(path: Path, read: Callable[[], object]) -> Callable[[Mapping[str, Any]], object]:
    def feed(arrays: Mapping[str, Any]) -> object:
        path.write_bytes(_npz(arrays))
        return read()

    return feed


def datasets_of(folder: Path, arrays: Mapping[str, Any]) -> object:
    (folder / "fuzzed.npz").write_bytes(_npz(arrays))
    return npz.load(str(folder / "fuzzed.npz"), folder)


def _npz(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _picture(format_of_file: str) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, format_of_file)
    return buffer.getvalue()


def _decoded(path: Path) -> None:
    pictures_of.shorter_side(str(path))
    pictures_of.sixteen_bits(str(path))
    pictures_of.decode(str(path), 4, 1.0)
