"""An exported folder: what is in it, that it was shown to be right, and when there is none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import ensearch
from ensearch import datasets
from ensearch.confirmation.plan import plans
from ensearch.core import Architecture
from ensearch.errors import BudgetError, EnsearchError, StorageError, UsageError
from ensearch.exports import _predict, onnx_file, verification
from ensearch.latency import timing
from ensearch.store import Store, files, samples
from scripts.benchmarks import exports, latency
from tests.command_line import DB, quick
from tests.command_line import ensearch as ensearch_typed
from tests.exports.conftest import STUDY


def members(kind: str = "ensemble") -> list[str]:
    """Keys of the members that are exported."""
    with Store.open(DB, create=False) as store:
        found = ensearch.results(STUDY).fronts.rows[-1]
        evaluation = {"ensemble": found.ensemble, "single": found.single}[kind]
        assert evaluation is not None
        keys = store.evaluation_members(STUDY)[evaluation.network]
        return list(keys[: evaluation.size])


def weights(key: str) -> Path:
    with Store.open(DB, create=False) as store:
        return files.weights_path(store.files, key)


def test_an_ensemble_runs_alone_and_predicts_what_is_stored(study: Path) -> None:
    said: list[str] = []
    done = ensearch.export(STUDY, kind="ensemble", out="mine", on_progress=said.append)
    assert (done.members, done.images, done.notes) == (2, 90, ())
    assert done.largest_difference < 1e-3
    assert (
        sorted(done.files)
        == sorted(p.name for p in Path("mine").iterdir())
        == [
            "README.md",
            "config.json",
            "model.onnx",
            "model.py",
            "predict.py",
            "weights.safetensors",
        ]
    )
    config = json.loads(Path("mine/config.json").read_text())
    assert config["verified"]["differences"].keys() == {"torch", "onnx"}
    assert [m["key"] for m in config["members"]] == members()
    with safe_open("mine/weights.safetensors", "np") as kept:
        facts = kept.metadata()
    assert json.loads(facts["classes"]) == [str(k) for k in range(10)]
    assert facts["study"] == STUDY
    card = Path("mine/README.md").read_text()
    assert "| 2 | " in card
    assert "torch>=2.9" in card

    images = np.asarray(datasets.load(datasets.Source(spec="digits", data_dir=Path())).x_test[:9])
    by_onnx, by_torch = (done.load(runtime) for runtime in ("auto", "torch"))
    probs = by_torch.predict(images)
    np.testing.assert_allclose(probs, by_onnx.predict(images, batch=4), atol=1e-5)
    np.testing.assert_allclose(probs, by_torch.predict(images[..., 0] / 255.0), atol=1e-6)
    larger = np.repeat(np.repeat(images, 3, axis=1), 2, axis=2)
    np.testing.assert_allclose(by_torch.predict(larger), by_onnx.predict(larger), atol=1e-5)
    in_memory = ensearch.results(STUDY).best().model()
    single = ensearch.best(STUDY).take
    assert single is not None
    assert in_memory.members == single.size
    one = by_torch.predict(images, members=1)
    assert not np.allclose(one, probs)
    np.testing.assert_allclose(one, by_onnx.predict(images, members=1), atol=1e-6)


def test_a_folder_that_is_there_stays_as_it_is(study: Path) -> None:
    Path("mine").mkdir()
    with pytest.raises(UsageError, match="out must name a folder that is not there yet"):
        ensearch.export(STUDY, out="mine")
    assert list(Path("mine").iterdir()) == []


@pytest.mark.usefixtures("verified_here")
def test_without_images_the_kept_sample_verifies(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(source: datasets.Source) -> datasets.Dataset:
        raise ensearch.UnavailableError("the images are gone")

    monkeypatch.setattr(datasets, "load", gone)
    done = ensearch.export(STUDY, kind="single", onnx=False)
    assert done.folder.parent == study / "studies" / "ensearch.exports" / STUDY
    assert done.images == 64
    assert "the images are gone" in done.notes[0]
    assert "the images are gone" in (done.folder / "README.md").read_text()
    with Store.open(DB, create=False) as store:
        fingerprint = json.loads((done.folder / "config.json").read_text())["fingerprint"]
        samples.path(store.files, fingerprint).unlink()
    with pytest.raises(StorageError, match="does not hold the classes") as caught:
        ensearch.export(STUDY, kind="single", onnx=False, out="again")
    assert caught.value.problem == "images_not_kept"
    monkeypatch.undo()


def test_a_study_from_before_samples_gets_its_own(study: Path) -> None:
    with Store.open(DB, create=False) as store:
        (file,) = (store.files / "images").glob("*.npz")
    file.unlink()
    model = ensearch.results(STUDY).best().model()
    assert model.predict(np.zeros((1, 8, 8), np.uint8)).shape == (1, 10)
    assert file.exists()


@pytest.mark.usefixtures("verified_here")
def test_weights_that_changed_are_noticed_and_nothing_is_left(study: Path) -> None:
    key = members()[1]
    tensors = load_file(weights(key))
    tensors["head.bias"] = tensors["head.bias"] + np.arange(10, dtype=np.float32)
    save_file(tensors, weights(key))
    with pytest.raises(StorageError, match="does not hold what was written"):
        ensearch.export(STUDY, kind="ensemble", onnx=False, out="mine")
    with Store.open(DB, create=False) as store:
        store.member_files.verified(key, ["weights"])  # as if that were what was trained
    with pytest.raises(StorageError, match="differs from the stored predictions") as caught:
        ensearch.export(STUDY, kind="ensemble", onnx=False, out="mine")
    assert caught.value.facts["member"] == key
    assert not [p for p in Path().iterdir() if "mine" in p.name]
    weights(key).write_bytes(weights(key).read_bytes()[:500])
    with Store.open(DB, create=False) as store:
        store.member_files.verified(key, ["weights"])
    with pytest.raises(StorageError, match="cannot be read"):
        ensearch.export(STUDY, kind="ensemble", onnx=False, out="mine")


def test_weights_that_are_missing_or_were_not_kept_are_named(study: Path) -> None:
    weights(members()[0]).unlink()
    with pytest.raises(StorageError, match="1 files of the members are missing") as caught:
        ensearch.export(STUDY, kind="ensemble", out="mine")
    assert caught.value.problem == "files_missing"
    with Store.open(DB, create=False) as store:
        for key, record in store.members(members()).items():
            store.add_trained(record, (store.predictions(key, "val"),), None)
    with pytest.raises(StorageError, match="weights of 2 of the 2 members were not") as caught:
        ensearch.export(STUDY, kind="ensemble", out="mine")
    assert caught.value.problem == "weights_not_kept"


@pytest.mark.usefixtures("verified_here")
def test_an_export_without_the_extra_says_how_to_get_it(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "missing", lambda: ["onnxscript"])
    monkeypatch.setattr(verification, "MOST", 0)
    done = ensearch.export(pool="10-0.25", out="mine")
    assert "ensearch[export]" in done.notes[0]
    assert "model.onnx" not in done.files
    assert (done.members, done.images) == (2, 64)
    assert "64 images of val" in Path("mine/README.md").read_text()


def test_a_model_that_does_not_run_by_itself_is_no_export(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ensearch.exports.code.predict_source", lambda: "import ensearch\n")
    with pytest.raises(EnsearchError, match="does not run by itself: ModuleNotFoundError"):
        ensearch.export(STUDY, onnx=False, out="mine")
    assert not Path("mine").exists()


def test_what_cannot_be_is_refused(study: Path) -> None:
    with pytest.raises(UsageError, match="unknown kind 'singel'"):
        ensearch.export(STUDY, kind="singel")
    with pytest.raises(UsageError, match="name either a study or a query"):
        ensearch.export()
    with pytest.raises(UsageError, match="are for studies"):
        ensearch.export(pool="all", budget="1M")
    with pytest.raises(StorageError, match="unknown study 'smal'"):
        ensearch.export("smal")
    with pytest.raises(BudgetError, match="knows no answer"):
        ensearch.export(STUDY, budget="1k")
    with pytest.raises(StorageError, match="has no confirmation"):
        ensearch.export(STUDY, confirmed=True)
    with pytest.raises(UsageError, match="holds no exported model"):
        ensearch.load_exported(study)


@pytest.mark.usefixtures("verified_here")
def test_a_smaller_budget_is_exported_as_best_answers_it(study: Path) -> None:
    take = json.loads(ensearch_typed(f"best {STUDY} --budget 1e5 --json").stdout)["take"]
    done = ensearch_typed(f"export {STUDY} --budget 1e5 --no-onnx --out small --json")
    assert done.exit_code == 0, done.stderr
    small = json.loads(done.stdout)
    assert small["multiply_adds"] == take["cost"] <= 1e5
    assert small["members"] == take["size"]
    line = f"export {STUDY} --kind cascade --measure margin --budget 3e5 --no-onnx --out stairs"
    done = ensearch_typed(f"{line} --json")
    assert done.exit_code == 0, done.stderr
    point = ensearch.combine(pool=f"study:{STUDY}", budget=3e5, measure="margin").point(
        "cascade", 3e5
    )
    assert point is not None
    stairs, config = json.loads(done.stdout), json.loads(Path("stairs/config.json").read_text())
    assert stairs["multiply_adds"] == pytest.approx(point.macs, rel=0.01)
    assert config["cascade"]["thresholds"] == list(point.thresholds)


@pytest.mark.usefixtures("verified_here")
def test_members_of_a_confirmation_are_exported(study: Path) -> None:
    """With --top 2 the second best of a kind within a budget is confirmed too."""
    line = f"confirm {STUDY} --top 2 --fewest 1 --epochs 1 --members 1 --launcher inline"
    confirmed = ensearch_typed(line)
    assert confirmed.exit_code == 0, confirmed.stderr
    done = ensearch_typed(f"export {STUDY} --confirmed --no-onnx --out mine --json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["split"] == "test"
    exported = {m["key"] for m in json.loads(Path("mine/config.json").read_text())["members"]}
    with Store.open(DB, create=False) as store:
        (plan,) = plans(store, STUDY)
        stages = [store.evaluation_members(STUDY, stage) for stage in (plan.stage, "search")]
    own, searched = ({key for keys in found.values() for key in keys} for found in stages)
    assert exported <= own
    assert not exported & searched
    places = {reason.place for finalist in plan.finalists for reason in finalist.reasons}
    assert (plan.request.top, places) == (2, {1, 2})
    of_search = ensearch.export(STUDY, onnx=False, out="shorter")
    assert any("a confirmation trained" in note for note in of_search.notes)
    assert not any("a confirmation trained" in note for note in json.loads(done.stdout)["notes"])


@pytest.mark.usefixtures("folder", "verified_here")
def test_a_study_by_the_geometric_mean_is_exported_with_it() -> None:
    ran = quick("--val 90 --rule geometric --json")
    assert ran.exit_code == 0, ran.stderr
    study = json.loads(ran.stdout)["conditions"]["study"]
    assert json.loads(ensearch_typed(f"report {study} --json").stdout)["config"]["rule"] == (
        "geometric"
    )
    done = ensearch_typed(f"export {study} --kind ensemble --no-onnx --out mine")
    assert done.exit_code == 0, done.stderr
    config = json.loads(Path("mine/config.json").read_text())
    assert config["rule"] == "geometric"
    with Store.open(DB, create=False) as store:
        sample = samples.read(store.files, config["fingerprint"])
        stored = [store.predictions(m["key"], "val").logits for m in config["members"]]
    logits = torch.tensor(np.stack(stored), dtype=torch.float64)[:, sample.places]
    found = ensearch.load_exported("mine").predict(sample.images)
    arithmetic, geometric = logits.softmax(2).mean(0), logits.mean(0).softmax(1)
    off = np.abs(found - geometric.numpy()).max()
    assert off < 0.1 * np.abs(found - arithmetic.numpy()).max()


def test_rounding_of_large_logits_is_allowed_for() -> None:
    """Between 32 and 64 neighbours in float16 are 1/32 apart."""
    assert float(np.spacing(np.float16(40))) == 1 / 32
    assert 0.25 / 32 > verification.TOLERANCE > 0.25 * float(np.spacing(np.float16(31)))


@pytest.mark.usefixtures("verified_here")
def test_members_side_by_side_predict_the_same(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ensearch.export(STUDY, kind="ensemble", out="mine", onnx=False)
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
    alone = ensearch.load_exported("mine")
    by_workers, asked = _predict._by_workers, list[tuple[Any, ...]]()

    def noted(*how: Any) -> _predict.Predict:
        asked.append(how[1:])
        return by_workers(*how)

    monkeypatch.setattr(_predict, "_by_workers", noted)
    np.save("x.npy", images)
    typed = ensearch_typed("predict mine x.npy --workers 2 --device cpu --batch 3 --json")
    assert typed.exit_code == 0, typed.stderr
    assert asked == [(2, "arithmetic", 2)]
    found = [image["probabilities"] for image in json.loads(typed.stdout)["images"]]
    np.testing.assert_allclose(found, alone.predict(images), atol=1e-6)
    with pytest.raises(UsageError, match="workers need torch"):
        ensearch.load_exported("mine", runtime="onnx", workers=2).predict(images)
    with pytest.raises(UsageError, match="at least 1"):
        ensearch.load_exported("mine", workers=0)
    with pytest.raises(UsageError, match="one of cpu, cuda, auto"):
        ensearch.load_exported("mine", device="tpu")
    with pytest.raises(UsageError, match="a device needs torch"):
        ensearch.load_exported("mine", runtime="onnx", device="cuda")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="PyTorch finds none"):
            ensearch.load_exported("mine", device="cuda").predict(images)
        anywhere = ensearch.load_exported("mine", device="auto").predict(images)
        np.testing.assert_array_equal(anywhere, alone.predict(images))
    latency.side_by_side(Path("mine"), [1], [2])
    assert "@2: 1 worker " in capsys.readouterr().out


@pytest.mark.usefixtures("verified_here")
def test_times_that_were_measured_are_in_the_card_and_of_the_folder(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "WARM", 0.0)
    monkeypatch.setattr(timing, "TIMED", 0.0)
    measured = ensearch.measure_latency(STUDY, batch=2, device="cpu")
    ensearch.export(STUDY, kind="ensemble", out="mine", onnx=False)
    config, card = json.loads(Path("mine/config.json").read_text()), Path("mine/README.md")
    (times,) = config["milliseconds"]
    assert (times["batch"], times["place"]) == (2, measured.where)
    known = {(row.architecture, row.size): row.times[2].ms for row in measured.rows}
    name = Architecture(
        **{k: config["members"][0][k] for k in ("family", "width", "depth", "resolution")}
    ).key
    assert times["ms"] == [known[name, 1], known[name, 2]]
    assert (times["measured"], "≈" in card.read_text()) == ([True, True], False)
    assert "| 95 % | ms@2 |" in card.read_text()
    cells = exports.row(Path("mine"), 1.25, [2], 1)
    assert cells[4:6] == ["1.2", f"torch {config['verified']['differences']['torch']:.1g}"]
    assert (cells[3], cells[-1]) == ("-", "-"), "it was exported without model.onnx"
    of_folder = ensearch.measure_latency(folder="mine", batch=2)
    assert [(row.size, row.label) for row in of_folder.rows] == [
        (2, config["title"]), (1, "first 1 member")
    ]  # fmt: skip
    assert of_folder.rows[0].macs == config["multiply_adds_per_example"]
    with pytest.raises(UsageError, match="holds no exported model"):
        ensearch.measure_latency(folder="elsewhere")
    with pytest.raises(UsageError, match="name one"):
        ensearch.measure_latency(STUDY, folder="mine")
    shown = ensearch_typed("latency mine --batch 2 --json")
    assert json.loads(shown.stdout)["batches"] == [2]
