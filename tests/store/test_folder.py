"""A storage that vanishes while it is in use is never made anew, and its files go nowhere else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ensearch.errors import StorageError
from ensearch.files import atomic
from ensearch.launch import Failed, MemberJob, Trained, Update
from ensearch.store import Store, files, folder
from ensearch.study import config, search, study
from ensearch.study.options import Limits, RunControl, RunOptions
from ensearch.study.placement import Placement
from tests.closed_form import train_one, write_dataset
from tests.records import failure, predictions_of, record_of, study_of
from tests.searches import SPACE
from tests.trainers import each

DB = "studies/ensearch.db"


@pytest.fixture
def used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An open storage with one member."""
    monkeypatch.chdir(tmp_path)
    store = Store.open(DB, create=True)
    store.add_trained(record_of(1), predictions_of(record_of(1).member, "val"), b"weights")
    return store


def add(store: Store, seed: int = 2) -> None:
    record = record_of(seed)
    store.add_trained(record, predictions_of(record.member, "val"), b"weights")


def whole(store: Store) -> list[str]:
    """Everything that lies in the current folder."""
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


def rename_all() -> None:
    Path("studies").rename("elsewhere")


def rename_members() -> None:
    Path("studies/ensearch.members").rename("studies/elsewhere")


def unmount_all() -> None:
    """What a share leaves: the empty folder on which it was mounted."""
    rename_all()
    Path("studies").mkdir()


def unmount_members() -> None:
    rename_members()
    Path("studies/ensearch.members").mkdir()


def exchange_members() -> None:
    rename_members()
    Store.open("studies/other.db", create=True).close()
    Path("studies/other.members").rename("studies/ensearch.members")


def rename_database() -> None:
    Path(DB).rename("studies/july.db")


def replace_database() -> None:
    shutil.copyfile(DB, "copy.db")
    os.replace("copy.db", DB)


@pytest.mark.parametrize(
    ("vanish", "says"),
    [
        (rename_all, "ensearch.db is gone: it was renamed, replaced or unmounted"),
        (unmount_all, "ensearch.db is gone: it was renamed, replaced or unmounted"),
        (rename_members, "studies/ensearch.members, which does not exist"),
        (unmount_members, "studies/ensearch.members, which is another one"),
        (exchange_members, "studies/ensearch.members, which is the folder of another storage"),
        (rename_database, "ensearch.db is gone: it was renamed, replaced or unmounted"),
        (replace_database, "ensearch.db is another file than it was"),
    ],
)
def test_nothing_is_written_where_a_storage_was(
    used: Store, vanish: Callable[[], None], says: str
) -> None:
    vanish()
    before = whole(used)
    assert says in failure(lambda: add(used))
    if "ensearch.db" in says:
        assert says in failure(lambda: used.add_study(study_of("digits")))
        assert says in failure(used.all_members)
    assert whole(used) == before
    used.close()
    if vanish in (rename_all, unmount_all):
        assert "no studies in" in failure(lambda: Store.open(DB, create=False))
        assert whole(used) == before


def test_an_error_leaves_no_lease_and_takes_no_row(used: Store) -> None:
    key = record_of(1).member.key
    used.add_study(study_of("digits"))
    rename_members()
    for act in (lambda: used.pool.remove_member(key), lambda: used.acquire_lease("digits")):
        assert "which does not exist" in failure(act)
    Path("studies/elsewhere").rename("studies/ensearch.members")
    used.acquire_lease("digits").release()  # nobody has it
    assert list(used.members([key])) == [key]


def test_what_is_read_is_not_looked_for_elsewhere(used: Store) -> None:
    key = record_of(1).member.key
    rename_members()
    for read in (
        lambda: used.predictions(key, "val"),
        lambda: used.weights_path(key),
        lambda: used.missing_files([key]),
        lambda: used.checkpoint_path(key),
        lambda: used.pool.known_labels(),
    ):
        assert "which does not exist: was it renamed, or its disk unmounted?" in failure(read)
    assert used.all_members() == [*used.members([key]).values()]  # what needs no files goes on
    Path("studies/elsewhere").rename("studies/ensearch.members")
    assert used.predictions(key, "val").logits.shape == (5, 3)


def test_a_folder_that_vanishes_between_files_and_row_leaves_no_row(
    used: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = atomic.write

    def unmounted(path: Path, content: bytes, **how: bool) -> None:
        real(path, content, **how)
        (used.files / folder.MARK).unlink(missing_ok=True)

    monkeypatch.setattr(atomic, "write", unmounted)
    assert "which is another one" in failure(lambda: add(used))
    assert used.members([record_of(2).member.key]) == {}


def test_a_renamed_database_says_where_its_files_are(used: Store) -> None:
    used.close()
    Path(DB).rename("studies/july.db")
    key = record_of(1).member.key
    with Store.open("studies/july.db", create=False) as store:
        message = failure(lambda: store.predictions(key, "val"))
        assert "studies/july.members, which does not exist" in message
        assert f"{Path('studies/ensearch.members').resolve()} holds them" in message
        assert "the name july.members" in message
        shutil.copytree("studies/ensearch.members", "studies/july.members")
        assert store.predictions(key, "val").logits.shape == (5, 3)


def test_a_folder_of_before_marks_gets_one_if_it_is_there(used: Store) -> None:
    key = record_of(1).member.key
    with used._write() as connection:
        connection.exec_driver_sql("DELETE FROM ensearch_folders")
    used.close()
    mark = Path("studies/ensearch.members", folder.MARK)
    mark.unlink()
    Path("studies/ensearch.members").rename("studies/elsewhere.members")
    with Store.open(DB, create=False) as store:
        message = failure(lambda: store.predictions(key, "val"))
        assert f"{Path('studies/elsewhere.members').resolve()} holds them" in message
    assert not Path("studies/ensearch.members").exists()
    Path("studies/elsewhere.members").rename("studies/ensearch.members")
    with Store.open(DB, create=False) as store:
        assert store.predictions(key, "val").logits.shape == (5, 3)
    assert len(mark.read_text().strip()) == 32


@pytest.mark.parametrize("create", [True, False])
def test_an_emptied_database_beside_members_is_refused(used: Store, create: bool) -> None:
    used.close()
    Path(DB).write_bytes(b"")
    before = whole(used)
    with pytest.raises(StorageError) as caught:
        Store.open(DB, create=create)
    assert caught.value.problem == "storage_emptied"
    assert "ensearch.members has 1 files of members or models" in str(caught.value)
    assert whole(used) == before
    shutil.rmtree("studies/ensearch.members")
    Store.open(DB, create=True).close()


def test_a_run_whose_storage_is_renamed_ends_and_goes_on_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    moves = iter([False, False, True])

    @each
    def moving(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
        if next(moves, False):
            rename_all()
        return train_one(job, report)

    def drive(url: str) -> dict[str, float]:
        settings = {"budget": "2e6", "dataset": spec, "space": SPACE, "study": "one", "epochs": 1}
        with Store.open(url, create=True) as store:
            options = RunOptions(**settings)  # type: ignore[arg-type]
            opened = study.open_study(config.resolve(options), store, Path("data"), "a CPU")
            where = Placement(device="cpu", workers=1, launcher="inline")
            # The first run could not give its lease back, and its process, this one, lives.
            search.run(
                opened, store, Limits(trials=4), where, RunControl(take_over=True), train=moving
            )
            return {e.key: e.scores.accuracy for e in store.evaluations("one")}

    spec = write_dataset(tmp_path / "x.npz", images=60)
    with pytest.raises(StorageError) as caught:
        drive(DB)
    assert caught.value.problem == "storage_moved"
    assert not Path("studies").exists()
    Path("elsewhere").rename("studies")
    found = drive(DB)
    assert found == drive("undisturbed/ensearch.db")


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("studies/ensearch.members", "studies/ensearch.reports"),
        ("/data/v1.2", "/data/v1.2.reports"),
    ],
)
def test_folders_beside_those_of_two_storages_are_two(root: str, expected: str) -> None:
    assert files.beside(Path(root), "reports") == Path(expected)
