"""The pool of members and their files."""

import dataclasses
import os
import subprocess
import sys
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensearch.core import Cost, Predictions
from ensearch.errors import StorageError
from ensearch.store import MemberRecord, Store, digests, folder, records, tables
from ensearch.store.member_files import MemberFiles
from tests.records import ONE_STORE, failure, member_of, predictions_of, record_of
from tests.servers import BOTH_DATABASES

pytestmark = BOTH_DATABASES
NUMBERS = st.floats(min_value=0, allow_nan=False)


@st.composite
def member_records(draw: st.DrawFn) -> MemberRecord:
    width = draw(st.integers(1, 64) | st.integers(1, 500).map(lambda n: n / 8))
    trained = draw(st.booleans())
    return record_of(
        draw(st.integers(0, 2**63 - 1)),
        member=member_of(draw(st.integers(0, 2**63 - 1)), width=width),
        cost=Cost(macs=draw(st.integers(0, 2**62)), params=draw(st.integers(0, 2**62))),
        train_macs=draw(NUMBERS),
        state="trained" if trained else "failed",
        reason=None if trained else draw(st.sampled_from(["diverged", "killed"])),
        detail=None if trained else draw(st.text(st.characters())),
        seconds=draw(NUMBERS),
        strategy=draw(st.sampled_from(["", "8 fused, graph"])),
        losses=tuple(draw(st.lists(st.floats(allow_nan=False)))),
        created=draw(st.datetimes(timezones=st.just(UTC))),
    )


@ONE_STORE
@given(record=member_records())
def test_a_member_record_comes_back_exactly(store: Store, record: MemberRecord) -> None:
    if record.state == "failed":
        store.add_failed(record)
    else:
        store.add_trained(record, (), None)
    key = record.member.key
    assert store.members([key, "absent"]) == {key: record}
    # A width of 4 and one of 4.0 are equal but have different keys: the kind must come back too.
    assert store.members([key])[key].member.key == key


@ONE_STORE
@given(rows=st.integers(0, 20), classes=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_predictions_come_back_bit_for_bit(
    store: Store, rows: int, classes: int, seed: int
) -> None:
    bits = np.random.default_rng(seed).integers(0, 2**16, (rows, classes)).astype(np.uint16)
    record = record_of(seed)
    key = record.member.key
    store.add_trained(
        record, (Predictions(member=key, split="val", logits=bits.view(np.float16)),), None
    )
    found = store.predictions(key, "val")
    assert (found.member, found.split) == (key, "val")
    assert found.logits.dtype == np.float16
    assert found.logits.shape == (rows, classes)
    assert found.logits.view(np.uint16).tolist() == bits.tolist()


def kept(record: MemberRecord) -> MemberRecord:
    """As it comes back when it was stored with predictions of val and with weights."""
    return dataclasses.replace(record, splits=("val",), has_weights=True)


def test_predictions_of_more_splits_are_added_to_a_member(store: Store) -> None:
    record = record_of(1)
    store.add_trained(record, predictions_of(record.member, "val"), b"weights")
    (more,) = predictions_of(record.member, "test")
    store.add_predictions(record.member.key, (more,))
    expected = dataclasses.replace(kept(record), splits=("test", "val"))
    assert store.all_members() == [expected]
    assert store.predictions(record.member.key, "test").logits.tolist() == more.logits.tolist()
    absent = record_of(2).member
    message = failure(lambda: store.add_predictions(absent.key, predictions_of(absent, "test")))
    assert f"member {absent.key}, which the storage does not hold" in message


def test_a_file_that_holds_something_else_is_not_read(store: Store) -> None:
    one, other = record_of(1), record_of(2)
    for record in (one, other):
        store.add_trained(record, predictions_of(record.member, "val"), b"weights")
    found = store.member_files.paths(one.member.key, ["val", digests.WEIGHTS])
    others = store.member_files.paths(other.member.key, ["val"])["val"]
    found["val"].write_bytes(others.read_bytes())
    found[digests.WEIGHTS].write_bytes(b"weighty")
    for read, path in (
        (lambda: store.predictions(one.member.key, "val"), found["val"]),
        (lambda: store.weights_path(one.member.key), found[digests.WEIGHTS]),
    ):
        assert f"{path} does not hold what was written to it" in failure(read)
    store.member_files.verified(one.member.key, ["val"])
    assert store.predictions(one.member.key, "val").logits.shape == (5, 3)


def test_a_member_that_is_trained_again_is_never_taken_for_damaged(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = record_of(1)
    key = record.member.key
    store.add_trained(record, predictions_of(record.member, "val"), b"weights")
    (new,) = predictions_of(member_of(2), "val")
    new = dataclasses.replace(new, member=key)
    with monkeypatch.context() as patch:  # killed after the files
        patch.setattr(records, "member_row", lambda record: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.add_trained(record, (new,), None)
    assert store.predictions(key, "val").logits.tolist() == new.logits.tolist()
    assert store.member_files.digests(key).keys() == {digests.WEIGHTS}
    # A reader that knew the digest from before another driver trained it again.
    store.add_trained(record, (new,), None)
    real, asked = MemberFiles._digest, []

    def outdated(self: MemberFiles, *of: str) -> str | None:
        asked.append(of)
        return "0" * 64 if len(asked) == 1 else real(self, *of)

    monkeypatch.setattr(MemberFiles, "_digest", outdated)
    assert store.predictions(key, "val").logits.tolist() == new.logits.tolist()
    assert len(asked) == 2


@pytest.mark.parametrize("key", ["../../outside", "/etc/passwd", "0123456", "0123456g", ""])
def test_a_key_that_is_not_hexadecimal_touches_no_file(
    store: Store, tmp_path: Path, key: str
) -> None:
    outside = tmp_path / "outside.val.npz"
    outside.write_text("mine")
    with store._write() as connection:
        tables.replace(
            connection,
            tables.members,
            [records.member_row(record_of(1)) | {"key": key, "splits": ["val"]}],
        )
    for call in (
        lambda: store.missing_files([key]),
        lambda: store.predictions(key, "val"),
        lambda: store.weights_path(key),
        lambda: store.checkpoint_path(key),
        lambda: store.pool.remove_member(key),
        lambda: store.pool.labels(key),
    ):
        assert "which is 8 to 64 hexadecimal digits" in failure(call)
    assert "should be a split" in failure(lambda: store.predictions("0" * 16, "../val"))
    assert outside.read_text() == "mine"


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(store: Store) -> None:
    record = record_of(1)
    key = record.member.key
    store.add_trained(record, predictions_of(record.member, "val"), b"weights")
    for path in store.member_files.paths(key, ["val", digests.WEIGHTS]).values():
        path.unlink()
        os.mkfifo(path)
    assert "is no regular file" in failure(lambda: store.predictions(key, "val"))
    assert "is missing" in failure(lambda: store.weights_path(key))
    assert len(store.missing_files([key])) == 2


def test_what_killed_writers_left_is_swept_away_by_the_next_driver(store: Store) -> None:
    record = record_of(1)
    store.add_trained(record, predictions_of(record.member, "val"), b"weights")
    (path,) = store.member_files.paths(record.member.key, ["val"]).values()
    names = [f".{path.name}.{number}.tmp" for number in range(2)]
    old, young = (path.with_name(name) for name in names)
    beside = store.checkpoint_path(record.member.key).with_name(".c.safetensors.0.tmp")
    for file in (old, young, beside):
        file.write_bytes(b"half")
    for file in (old, beside):
        os.utime(file, (1, 1))
    store.acquire_lease("digits").release()
    assert [file.exists() for file in (old, young, beside, path)] == [False, True, False, True]


def files_of(store: Store) -> list[Path]:
    """Files of members: without the mark of a folder that drivers share."""
    files = sorted(path for path in store.files.rglob("*") if path.is_file())
    return [path for path in files if path.name != folder.MARK]


def test_files_lie_in_folders_by_the_start_of_the_key(store: Store) -> None:
    record = record_of(1)
    key = record.member.key
    store.add_trained(record, predictions_of(record.member, "val", "test"), b"weights")
    names = [str(path.relative_to(store.files)) for path in files_of(store)]
    start = f"{key[:2]}/{key}"
    assert names == [f"{start}.safetensors", f"{start}.test.npz", f"{start}.val.npz"]
    assert store.weights_path(key).read_bytes() == b"weights"
    assert store.checkpoint_path(key) == store.files / "checkpoints" / f"{key}.safetensors"
    assert store.checkpoint_path(key).parent.is_dir()


def test_missing_files_are_those_that_were_written_and_are_gone(store: Store) -> None:
    full, light, failed = record_of(1), record_of(2), record_of(3, state="failed")
    store.add_trained(full, predictions_of(full.member, "val", "test"), b"weights")
    store.add_trained(light, predictions_of(light.member, "val"), None)
    store.add_failed(failed)
    keys = [record.member.key for record in (full, light, failed)]
    assert store.missing_files([*keys, "absent"]) == []
    gone = files_of(store)
    assert len(gone) == 4
    for path in gone:
        path.unlink()
    assert store.missing_files(keys) == gone
    message = failure(lambda: store.predictions(keys[0], "test"))
    assert f"{keys[0]}.test.npz is missing" in message
    assert f"{keys[1]}.safetensors is missing" in failure(lambda: store.weights_path(keys[1]))


def test_a_damaged_predictions_file_is_intact_or_named(store: Store) -> None:
    record = record_of(1)
    (prediction,) = predictions_of(record.member, "val")
    store.add_trained(record, (prediction,), None)
    (path,) = store.files.rglob("*.npz")
    whole = path.read_bytes()
    damaged = []
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << (place % 8)
        path.write_bytes(content)
        try:
            found = store.predictions(record.member.key, "val").logits
        except StorageError as error:
            damaged.append(str(error))
        else:
            assert found.tobytes() == prediction.logits.tobytes()
    assert all(str(path) in message for message in damaged)
    assert len(damaged) > len(whole) / 3  # the rest are fields of the archive that nobody reads
    path.write_bytes(whole[:-1])
    assert "restore a copy or delete it" in failure(
        lambda: store.predictions(record.member.key, "val")
    )


@pytest.mark.parametrize(
    "arrays",
    [
        {"probs": np.zeros((2, 2), np.float16)},
        {"logits": np.zeros((2, 2), np.float64)},
        {"logits": np.zeros(2, np.float16)},
    ],
    ids=["name", "kind", "shape"],
)
def test_a_file_with_other_content_is_refused(store: Store, arrays: dict[str, Any]) -> None:
    path = store.files / "ab" / "abcdef01.val.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, **arrays)
    assert "abcdef01.val.npz cannot be read" in failure(
        lambda: store.predictions("abcdef01", "val")
    )


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.folder,)


def test_nothing_is_unpickled(store: Store, tmp_path: Path) -> None:
    path = store.files / "ab" / "abcdef01.val.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, allow_pickle=True, logits=np.array([[Trap(tmp_path / "sprung")]]))
    assert "abcdef01.val.npz cannot be read" in failure(
        lambda: store.predictions("abcdef01", "val")
    )
    assert not (tmp_path / "sprung").exists()


def test_predictions_of_another_member_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="given for member"):
        store.add_trained(record_of(1), predictions_of(member_of(2), "val"), None)
    assert store.all_members() == []


def test_a_member_trained_again_replaces_its_record_and_files(store: Store) -> None:
    record, key = record_of(1), record_of(1).member.key
    store.add_failed(dataclasses.replace(record, state="failed", reason="killed", detail="-9"))
    store.add_trained(record, predictions_of(record.member, "val"), b"old")
    later = dataclasses.replace(record, seconds=1.0, study="cifar10")
    new = Predictions(member=key, split="val", logits=np.ones((2, 2), np.float16))
    store.add_trained(later, (new,), b"new")
    assert store.all_members() == [kept(later)]
    assert store.predictions(key, "val").logits.tolist() == [[1, 1], [1, 1]]
    assert store.weights_path(key).read_bytes() == b"new"
    assert store.trained_macs("digits") == 0


def test_more_members_than_one_statement_can_name_are_found(store: Store) -> None:
    records = [record_of(seed) for seed in range(1200)]
    with store._write() as connection:
        rows = [store_row(record) for record in records]
        tables.replace(connection, tables.members, rows)
    keys = [record.member.key for record in records]
    assert store.members(keys) == {record.member.key: record for record in records}
    assert store.trained_macs("digits") == 1200 * 1.5e15


def store_row(record: MemberRecord) -> dict[str, Any]:
    from ensearch.store.records import member_row

    return member_row(record)


def test_members_of_an_older_recipe_are_left_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add_trained(record_of(1), (), None)
    monkeypatch.setattr("ensearch.core.RECIPE", 999)
    store.add_trained(record_of(2), (), None)
    assert store.all_members() == [record_of(2)]


def test_a_kill_between_files_and_row_leaves_a_member_to_train_again(
    store: Store, url: str
) -> None:
    program = """
import os, signal, sys
from tests import records
from ensearch.store import Store, tables
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
tables.replace = die
record = records.record_of(1)
store = Store.open(sys.argv[1], create=False)
store.add_trained(record, records.predictions_of(record.member, "val"), b"weights")
"""
    here = Path(__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", program, url],
        env=os.environ | {"PYTHONPATH": f"{here}{os.pathsep}{here.parent}"},
        check=False,
    )
    assert run.returncode == -9
    record = record_of(1)
    assert len(files_of(store)) == 2  # the files are there, the row is not
    assert store.members([record.member.key]) == {}
    store.add_trained(record, predictions_of(record.member, "val"), b"weights")
    assert store.members([record.member.key]) == {record.member.key: kept(record)}


def test_a_temporary_file_left_by_a_kill_is_harmless(store: Store) -> None:
    record = record_of(1)
    key = record.member.key
    folder = store.files / key[:2]
    folder.mkdir(parents=True)
    (folder / f".{key}.val.npz.0123.tmp").write_bytes(b"half")
    assert "is missing" in failure(lambda: store.predictions(key, "val"))
    store.add_trained(record, predictions_of(record.member, "val"), None)
    assert store.predictions(key, "val").logits.shape == (5, 3)
