"""`ensearch pool` as a person meets it: bringing, looking at, checking and taking away."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete
from typer.testing import Result

from ensearch.errors import StorageError
from ensearch.pool import entry as pool_entry
from ensearch.pool import predictions, verification
from ensearch.pool import query as pool_query
from ensearch.store import Store, tables
from ensearch.store.labels import SplitLabels, digest, places
from tests import models
from tests.command_line import DB, ensearch, listed, quick


def bring_in(name: str, more: str = "", **content: Any) -> Result:
    seed = sum(map(ord, name))
    models.write(Path("p.npz"), models.arrays(seed=seed) | content)
    return ensearch(f"pool import p.npz --name {name} --macs 0.39e9 {more}")


def test_predictions_are_imported_listed_shown_verified_and_removed(folder: Path) -> None:
    content = models.arrays(seed=sum(map(ord, "B0")))
    right = float(np.mean(content["probs_val"].argmax(1) == content["y_val"]))
    result = bring_in("B0", "--params 5.3M")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"B0: 390M multiply-adds, {right:.2%} right on val\n"
    assert "note: the rows of val belong to 40 images of 4 classes" in result.stderr
    assert "new labels" in result.stderr
    result = bring_in("B1", "--network B0")
    assert "labels that the storage knows already" in result.stderr
    one, two = listed()
    assert (one["name"], one["network"], two["network"]) == ("B0", "B0", "B0")
    assert (one["multiply_adds_per_example"], one["parameters"]) == (390_000_000, 5_300_000)
    assert one["accuracy_val"] == right
    assert one["labels"] == two["labels"]
    assert "accuracy_test" not in one
    table = ensearch("pool list").stdout
    assert "390M" in table
    assert f"{100 * right:.2f}" in table
    assert "390,000,000 multiply-adds" in ensearch("pool show B0").stdout
    assert json.loads(ensearch("pool show B0 --json").stdout)["origin"] == "file p.npz"
    assert ensearch("pool verify").stdout == "2 entries, and nothing is wrong with them\n"
    assert ensearch("pool remove B0").stdout == "removed B0\n"
    assert [row["name"] for row in listed()] == ["B1"]
    assert len(list(Path("studies/ensearch.members").rglob("*.val.npz"))) == 1


def test_a_use_of_test_is_recorded(folder: Path) -> None:
    bring_in("B0")
    first = ensearch("pool list --test --json")
    assert "for the first time" in first.stderr
    assert json.loads(first.stdout)[0]["accuracy_test"] > 0.2
    again = ensearch("pool list --test")
    assert "used once before (pool list once, this same use)" in again.stderr


def test_a_wrong_file_leaves_no_storage_behind(folder: Path) -> None:
    result = bring_in("B0", probs_val=np.full((40, 4), np.nan))
    assert result.exit_code == 2
    assert "NaN" in result.stderr
    assert not Path("studies").exists()


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("pool import p.npz --name B0 --macs 1e9", 4, "holds a model 'B0' already"),
        ("pool import p.npz --name B9 --macs 1e9", 4, "are those of 'B0'"),
        ("pool import p.npz --name all --macs 1e9", 2, "and not 'all'; got 'all'"),
        ("pool import p.npz --name a,b --macs 1e9", 2, "got 'a,b'"),
        ("pool import p.npz --name B1 --macs -3", 2, "--macs must be a positive number"),
        ("pool import p.npz --name B1 --macs 0.5", 2, "--macs must be a whole number"),
        ("pool import p.npz --name B1 --macs 1e30", 2, "must be a positive number; got 1"),
        ("pool import p.npz --name B1 --macs 1e9 --dataset abc", 2, "no images or labels 'abc'"),
        ("pool import none.npz --name B1 --macs 1e9", 2, "no such file"),
        ("pool show B2", 2, "Did you mean 'B0'?"),
        ("pool remove B0 B2", 2, "Did you mean 'B0'?"),
        ("pool list --storage none.db", 4, "no studies in"),
    ],
)
def test_bad_input_is_refused_in_words(folder: Path, line: str, code: int, says: str) -> None:
    assert bring_in("B0").exit_code == 0
    result = ensearch(line)
    assert result.exit_code == code, result.stderr
    assert says in result.stderr
    assert [row["name"] for row in listed()] == ["B0"]


def test_help_is_wrapped_where_the_terminal_ends(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = ensearch("pool add --help").stdout.partition("Example\n")[0].splitlines()
    text = [line.strip() for line in lines]
    # No next word would have fitted behind a line, unless a paragraph ends there.
    for line, after in itertools.pairwise(text):
        assert not line or not after or len(line) + 1 + len(after.split()[0]) > 80


def test_an_empty_pool_says_how_to_fill_it(folder: Path) -> None:
    bring_in("B0")
    ensearch("pool remove B0")
    assert "ensearch pool import" in ensearch("pool list").stdout
    assert listed() == []


def test_labels_in_another_order_are_refused_not_averaged(folder: Path) -> None:
    content = models.arrays()
    bring_in("B0", classes=np.array(list("abcd")))
    order = np.argsort(content["y_val"], kind="stable")
    turned = bring_in("B1", y_val=content["y_val"][order])
    assert "has as many of each class, in another order" in turned.stderr
    shorter = {name: array[:-1] for name, array in content.items() if name.endswith("val")}
    bring_in("B2", "", **shorter)
    bring_in("B4")
    bring_in("B3", classes=np.array(list("abdc")))
    assert "Give it by --dataset FINGERPRINT" in bring_in("B5").stderr
    with Store.open(DB, create=False) as store:
        found = {e.name: e for e in pool_entry.all_entries(store)}
        assert predictions.agreed_labels(store, [found["B0"], found["B4"]], "val").count == 4
        for name, why in (
            ("B1", "another order, or another selection of the images"),
            ("B2", "not the same images"),
            ("B3", "another order or other names of the classes"),
        ):
            pair = [found["B0"], found[name]]
            with pytest.raises(StorageError, match=f"B0 and {name} cannot be combined") as caught:
                predictions.agreed_labels(store, pair, "val")
            assert why in str(caught.value)
            assert f"dataset:{pair[1].labels['val']}" in str(caught.value)


def test_a_model_without_a_split_is_named(folder: Path) -> None:
    content = models.arrays()
    models.write(Path("t.npz"), {k: v for k, v in content.items() if k.endswith("test")})
    result = ensearch("pool import t.npz --name T --macs 1M")
    assert "this model cannot be selected" in result.stderr
    assert "?" in ensearch("pool list").stdout
    with Store.open(DB, create=False) as store:
        found = pool_entry.all_entries(store)
        with pytest.raises(StorageError, match="T has no predictions of val, only of test"):
            predictions.agreed_labels(store, found, "val")


def test_labels_go_with_the_last_model_that_has_them(folder: Path) -> None:
    kept = Path("studies/ensearch.members/labels")
    content = models.arrays()
    bring_in("B0")
    for name in ("X0", "X1"):
        bring_in(name, y_val=np.roll(content["y_val"], 1), classes=np.array(list("abcd")))
    assert len(list(kept.iterdir())) == 3  # those of test are the same
    assert ensearch("pool remove X0").exit_code == 0
    assert len(list(kept.iterdir())) == 3
    assert ensearch("pool remove X1").exit_code == 0
    assert {path.stem for path in kept.iterdir()} == set(listed()[0]["labels"].values())
    assert ensearch("pool verify").exit_code == 0


def test_verify_finds_what_is_wrong(folder: Path) -> None:
    for name in ("gone", "torn", "other", "fine", "nan"):
        bring_in(name)
    with Store.open(DB, create=False) as store:
        found = {entry.name: entry for entry in pool_entry.all_entries(store)}
        root = store.files

        def file(name: str) -> Path:
            key = found[name].key
            return root / key[:2] / f"{key}.val.npz"

        file("gone").unlink()
        file("torn").write_bytes(file("torn").read_bytes()[:100])
        np.savez(file("other"), logits=np.zeros((39, 4), np.float16))
        np.savez(file("nan"), logits=np.full((40, 4), np.nan, np.float16))
        with store._write() as connection:  # digests would tell no more than that all have changed
            connection.execute(delete(tables.digests))
        says = dict.fromkeys(found, "")
        for problem in verification.problems(store):
            says[problem.name] += str(problem.error)
    assert says.pop("fine") == ""
    for name, word in (
        ("gone", "is missing"),
        ("torn", "cannot be read (BadZipFile"),
        ("other", "39 x 4 predictions for 40 images of 4 classes"),
        ("nan", "NaN or infinity"),
    ):
        assert word in says[name]
    assert "import or add it again" in says["other"]
    result = ensearch("pool verify --json")
    assert result.exit_code == 4
    assert "4 of 5 entries" in result.stderr
    assert {row["name"] for row in json.loads(result.stdout)["problems"]} == set(found) - {"fine"}
    # What cannot be read is no reason for not listing the rest.
    assert [row["accuracy_val"] is None for row in listed()].count(True) == 3


def test_labels_that_are_lost_or_changed_are_found(folder: Path) -> None:
    bring_in("B0")
    bring_in("B1")
    (path,) = (p for p in Path("studies/ensearch.members/labels").iterdir() if path_of(p) == 40)
    y = models.labels(40)
    np.savez(path, values=y[::-1], count=4, classes=np.array([], str), images=np.array(""))
    damaged = ensearch("pool verify")
    assert "holds other labels than it did" in damaged.stdout
    path.unlink()
    lost = ensearch("pool verify")
    assert "is missing: restore a copy. " in lost.stdout
    assert "`ensearch pool remove B0 B1`" in lost.stdout
    assert "2 of 2 entries" in lost.stderr
    assert lost.stdout.count("\n") == 1
    assert "which cannot be read" in ensearch("pool show B0").stdout
    assert bring_in("B2").exit_code == 0  # its labels are equal, and written again
    assert ensearch("pool verify").exit_code == 0


def test_labels_of_images_are_written_again_as_verify_advises(studied: Path) -> None:
    kept = Path("studies/ensearch.members/labels")
    assert ensearch("pool images --dataset digits --out one.npz --seed 3").exit_code == 0
    with np.load("one.npz") as found:
        content = {name: found[name] for name in ("y_val", "y_test")}
    for seed, split in enumerate(("val", "test")):
        content[f"probs_{split}"] = models.probs(content[f"y_{split}"], 3.0, seed, classes=10)
    models.write(Path("p.npz"), content)
    assert ensearch("pool import p.npz --name mine --macs 1M").exit_code == 0
    for path in kept.iterdir():
        path.write_bytes(path.read_bytes()[:50])
    lines = ensearch("pool verify").stdout.splitlines()
    assert len(lines) == 4  # of both splits of the study, and of both halves
    advice = {re.findall("`(.*?)`", line)[0] for line in lines}
    halved = "ensearch pool images --dataset digits --seed 3 --out NEW.npz"
    assert advice == {halved, "ensearch resume digits-tiny-400k"}
    for command in advice:
        assert ensearch(command.removeprefix("ensearch ")).exit_code == 0
    assert ensearch("pool verify").exit_code == 0


def test_damaged_predictions_of_a_trained_member_are_trained_again(studied: Path) -> None:
    with Store.open(DB, create=False) as store:
        entry = pool_entry.all_entries(store)[0]
        path = store.files / entry.key[:2] / f"{entry.key}.val.npz"
    path.write_bytes(b"torn")
    says = ensearch("pool verify").stdout
    assert "import" not in says
    command = "resume digits-tiny-400k --retrain-missing"
    assert f"delete what is left of the file and type `ensearch {command}`" in says
    path.unlink()
    assert ensearch(f"{command} --launcher inline").exit_code == 0
    assert ensearch("pool verify").exit_code == 0


def test_the_fingerprint_of_either_split_says_which_dataset(folder: Path) -> None:
    bring_in("B0")
    labels = listed()[0]["labels"]
    for number, fingerprint in enumerate(labels.values()):
        result = bring_in(f"C{number}", f"--dataset {fingerprint[:8]}")
        assert result.exit_code == 0, result.stderr
    content = models.arrays(seed=77)
    for split in ("val", "test"):
        wrong = {f"y_{split}": content[f"y_{split}"][::-1]}
        for fingerprint in labels.values():
            result = bring_in("D", f"--dataset {fingerprint[:8]}", **wrong)
            assert result.exit_code == 2
            assert f"y_{split} are not the labels of {fingerprint[:8]}" in result.stderr
    assert all(row["labels"] == labels for row in listed())


def test_right_labels_after_wrong_ones_say_what_to_take_out(folder: Path) -> None:
    y = models.arrays()["y_val"]
    bring_in("perm", y_val=y[::-1])
    content = models.arrays(seed=sum(map(ord, "perm")))
    models.write(Path("p.npz"), content)
    result = ensearch("pool import p.npz --name good --macs 0.39e9")
    assert result.exit_code == 4
    assert "'perm', which the pool holds with other labels" in result.stderr
    assert "`ensearch pool remove perm`" in result.stderr
    assert ensearch("pool remove perm").exit_code == 0
    assert ensearch("pool import p.npz --name good --macs 0.39e9").exit_code == 0


def test_what_was_not_predicted_or_confirmed_is_said(folder: Path) -> None:
    content = models.arrays()
    models.write(Path("t.npz"), {k: v for k, v in content.items() if k.endswith("test")})
    ensearch("pool import t.npz --name T --macs 1M")
    shown = ensearch("pool show T").stdout
    assert re.search(r"val +not predicted, only test\n", shown)
    right = float(np.mean(content["probs_test"].argmax(1) == content["y_test"]))
    tested = ensearch("pool show T --test")
    assert re.search(rf"test +{right:.2%} right\n", tested.stdout)
    assert "for the first time" in tested.stderr
    quick()
    result = ensearch("front --pool confirmed:digits-tiny-400k --budget 1M")
    assert result.exit_code == 2
    assert "`ensearch confirm digits-tiny-400k`" in result.stderr
    # How a network was trained tells those of one shape apart.
    name = listed()[0]["name"].rpartition("/")[0]
    label = name.partition("-")[2].partition("@")[0]
    shown = ensearch(f"pool show {label}").stdout
    assert re.search(r"schedule +epochs 1, .*peak_lr \d", shown)
    assert json.loads(ensearch(f"pool show {name} --json").stdout)[0]["schedule"]["epochs"] == 1


@pytest.mark.parametrize("columns", [60, 72, 80, 100, 160])
def test_names_and_numbers_stay_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    names = ["a", "timm_mobilenetv3_small_050.of_the_second_run-12345678", "b" * 70]
    for name in names:
        assert bring_in(name, "--params 5.3M").exit_code == 0
    lines = ensearch("pool list --test").stdout.splitlines()
    assert all(len(line) <= max(columns, 70) for line in lines)
    words = [word for line in lines for word in line.split()]
    for name in names:
        assert words.count(name) == 1
    for number in ("390M", "5.3M"):
        assert words.count(number) == 3
    # Where an entry is from gives way to names.
    assert words.count("p.npz") == (0 if columns == 100 else 3)


def path_of(path: Path) -> int:
    with np.load(path) as found:
        return len(found["values"])


def test_images_tell_selections_with_equal_labels_apart() -> None:
    y, rng = np.repeat(np.arange(4), 10), np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 40, 3, 3, 1)).astype(np.uint8)
    one, other = (SplitLabels(values=y, count=4, images=digest(x)) for x in images)
    blank = SplitLabels(values=y, count=4)
    assert one.fingerprint != other.fingerprint
    assert not one.may_be(other)
    assert one.may_be(blank)
    assert blank.may_be(other)
    assert digest(images[0]) == digest(images[0].copy())
    assert digest(images[0]) != digest(images[0][::-1])
    # Of many images only some are read.
    assert places(10) == list(range(10))
    assert (len(places(10**6)), places(10**6)[-1]) == (64, 10**6 - 1)


def test_trained_members_and_models_of_others_meet(studied: Path) -> None:
    with Store.open(DB, create=False) as store:
        dataset, *_ = store.pool.datasets().values()
    assert (dataset.spec, dataset.name, dataset.halves_seed) == ("digits", "digits", None)
    labels = dataset.labels
    members = listed()
    assert {row["kind"] for row in members} == {"member"}
    assert all(row["labels"] == {"val": labels["val"]} for row in members)
    assert all(0 <= row["accuracy_val"] <= 1 for row in members)
    with Store.open(DB, create=False) as store:
        y = store.pool.labels(labels["val"])
        assert y.classes == tuple("0123456789")
        accuracy = {e.key: e.scores.accuracy for e in store.evaluations("digits-tiny-400k")}
        used = store.evaluation_members("digits-tiny-400k")
    assert accuracy
    models.write(
        Path("p.npz"),
        {"probs_val": models.probs(y.values, 1.0, 0, classes=10), "y_val": y.values},
    )
    result = ensearch("pool import p.npz --name outside --macs 1M")
    assert "labels that the storage knows already" in result.stderr
    assert "has seen val" in result.stderr
    assert [row["may_have_seen_val"] for row in listed()] == [False] * len(members) + [True]
    with Store.open(DB, create=False) as store:
        assert (
            predictions.agreed_labels(store, pool_entry.all_entries(store), "val").images
            == y.images
        )
        assert len(pool_query.select(store, "study:digits-tiny-400k")) == len(members)
    front = ensearch("front --pool all --budget 1M --json")
    assert front.exit_code == 0, front.stderr
    assert len(json.loads(front.stdout)["entries"]) == len(members) + 1
    result = ensearch("pool import p.npz --name again --macs 1M --dataset ffff")
    assert result.exit_code == 2

    name = next(row["name"] for row in members)
    network = name.rpartition("/")[0]
    of_network = [row["name"] for row in members if row["name"].startswith(f"{network}/")]
    shown = json.loads(ensearch(f"pool show {network} --json").stdout)
    assert [row["name"] for row in shown] == of_network
    assert ensearch(f"pool show {network}").stdout.count("used by") == len(of_network)
    # That half of its test chooses models is for its confirmation to say.
    assert ensearch("pool images --dataset digits --out images.npz").exit_code == 0
    with Store.open(DB, create=False) as store:
        assert len(store.other_uses_of_test("digits-tiny-400k")) == 1
    # Of an imported model too it is said which data its rows are, as far as that is known.
    rows = {row["name"]: row for row in listed()}
    assert {(row["data"], row["dataset"]) for row in rows.values()} == {
        ("digits", members[0]["dataset"])
    }
    unknown = ensearch("pool show outsid")
    assert "Did you mean 'outside'? Known: outside, " in unknown.stderr
    refused = ensearch(f"pool remove {name}")
    assert refused.exit_code == 4
    assert "used by evaluations of digits-tiny-400k" in refused.stderr
    assert "digits-tiny-400k" in ensearch(f"pool show {name}").stdout
    with Store.open(DB, create=False) as store:
        lease = store.acquire_lease("digits-tiny-400k")
        assert "which is running" in ensearch(f"pool remove {name} --force").stderr
        lease.release()
    assert ensearch(f"pool remove {name} --force").exit_code == 0
    assert len(listed()) == len(members)
    assert used
    assert ensearch("report digits-tiny-400k").exit_code == 0
    assert ensearch("pool verify").exit_code == 0
