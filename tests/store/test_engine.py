"""Opening storages, and storages that cannot be used."""

import dataclasses
import errno
import multiprocessing
import os
import sqlite3
import threading
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from ensearch.store import Store, tables
from tests.records import evaluation_of, failure, predictions_of, record_of, study_of
from tests.servers import BOTH_DATABASES


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "ensearch.db"


def test_opening_without_create_makes_nothing(tmp_path: Path, url: str) -> None:
    message = failure(lambda: Store.open(url, create=False))
    assert "no such file" in message
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_our_tables_is_missing_until_it_is_created(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE mine (a); INSERT INTO mine VALUES (7);")
    connection.close()
    assert "no tables of ensearch" in failure(lambda: Store.open(str(path), create=False))
    Store.open(str(path), create=True).close()
    Store.open(str(path), create=False).close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT a FROM mine").fetchall() == [(7,)]
    connection.close()


def test_a_relative_path_is_taken_from_the_folder_of_the_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store.open("here/a.db", create=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.add_study(study_of("digits"))
    assert store.files == tmp_path / "here" / "a.members"
    same = Store.open(store.url, create=False)
    assert same.has_study("digits")
    store.close()
    same.close()


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("a.db", "a.members"),
        ("a.sqlite3", "a.members"),
        ("a", "a.members"),
        ("run.v2", "run.v2.members"),
        ("a.lock", "a.lock.members"),
        ("a.members", "a.members.members"),
    ],
)
def test_what_lies_beside_a_database_is_named_after_it(
    tmp_path: Path, name: str, folder: str
) -> None:
    store = Store.open(str(tmp_path / name), create=True)
    store.add_study(study_of("digits"))
    with store.creation_lock():
        assert store.has_study("digits")
    assert store.files == tmp_path / folder
    store.close()
    again = Store.open(str(tmp_path / name), create=True)
    assert again.has_study("digits")
    again.close()


@pytest.mark.parametrize("name", ["a b", "a{x}b", "a%41b", "a?b=c", "a#b", "ü@:"])
def test_any_file_name_is_opened_by_us_and_by_optuna(tmp_path: Path, name: str) -> None:
    from optuna.storages import RDBStorage

    from ensearch.store.engine import prepare

    path = tmp_path / f"{name}.db"
    store = Store.open(str(path), create=True)
    with store.creation_lock():
        optuna = RDBStorage(store.optuna_url)
        prepare(optuna.engine, 5)
    optuna.create_new_study([], "both")
    with optuna.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000
    again = Store.open(store.url, create=False)
    again.add_study(study_of("both"))
    assert store.has_study("both")
    optuna.engine.dispose()
    store.close()
    again.close()
    databases = {p.name for p in tmp_path.iterdir() if p.suffix == ".db"}
    assert databases == {path.name}


def test_a_folder_or_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    inside = tmp_path / "file" / "a.db"
    assert "part of the path is a file" in failure(lambda: Store.open(str(inside), create=True))
    deeper = tmp_path / "file" / "b" / "a.db"
    assert "part of the path is a file" in failure(lambda: Store.open(str(deeper), create=True))
    assert "no such file" in failure(lambda: Store.open(str(deeper), create=False))
    assert "is a folder" in failure(lambda: Store.open(str(tmp_path), create=True))
    pipe = tmp_path / "pipe.db"
    os.mkfifo(pipe)
    assert "no regular file" in failure(lambda: Store.open(str(pipe), create=True))
    assert "no regular file" in failure(lambda: Store.open(str(pipe), create=False))


def test_a_folder_that_cannot_be_written_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    message = failure(lambda: Store.open(str(tmp_path / "a.db"), create=True))
    assert "check the permissions" in message


@pytest.mark.parametrize("content", [b"hello", b"not a database " * 1000])
@pytest.mark.parametrize("create", [True, False])
def test_a_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, content: bytes, create: bool
) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    assert "damaged or not a SQLite" in failure(lambda: Store.open(str(path), create=create))
    assert path.read_bytes() == content


def test_a_truncated_database_is_refused_and_left_alone(store: Store, database: Path) -> None:
    for number in range(200):
        store.add_study(study_of(f"study {number}"))
    store.close()
    whole = database.read_bytes()
    for size in (50, 4096, 5 * 4096 - 1, len(whole) - 4096):
        database.write_bytes(whole[:size])

        def use() -> None:
            opened = Store.open(str(database), create=True)
            try:
                opened.studies()
                opened.add_study(study_of("one more"))
            finally:
                opened.close()

        assert "is damaged" in failure(use)
        assert database.read_bytes() == whole[:size]


@BOTH_DATABASES
@pytest.mark.parametrize(("version", "says"), [(tables.VERSION + 1, "a newer"), (0, "an older")])
@pytest.mark.parametrize("create", [True, False])
def test_another_version_is_refused(
    store: Store, url: str, version: int, says: str, create: bool
) -> None:
    with store._write() as connection:
        connection.execute(update(tables.versions).values(version=version))
    message = failure(lambda: Store.open(url, create=create))
    assert f"was written by {says} ensearch" in message
    assert f"(storage version {version};" in message
    assert "Nothing was changed" in message


def test_a_damaged_value_names_the_storage(store: Store) -> None:
    store.add_study(study_of("digits"))
    store.add_trained(record_of(1), (), None)
    for statement, says in (
        ("UPDATE ensearch_studies SET config = '{'", "is not JSON"),
        ("UPDATE ensearch_studies SET config = '{}', created = 'x'", "is not a time"),
    ):
        with store._write() as connection:
            connection.exec_driver_sql(statement)
        assert says in failure(store.studies)
    for value in ("[1]", "{}", '{"architecture": {}, "schedule": {"epochs": 0}}'):
        with store._write() as connection:
            connection.exec_driver_sql("UPDATE ensearch_members SET member = ?", (value,))
        assert record_of(1).member.key in failure(store.all_members)
    store.save_evaluations("digits", [evaluation_of(2, trained=2)], ["a", "b"])
    for value in ("[1]", '{"epochs": 0}', '{"epochs_of_a_later_version": 1}'):
        with store._write() as connection:
            connection.exec_driver_sql("UPDATE ensearch_evaluations SET schedule = ?", (value,))
        assert evaluation_of(2).key in failure(lambda: store.evaluations("digits"))


def _create(url: str, name: str) -> None:
    store = Store.open(url, create=True)
    store.add_study(study_of(name))
    store.close()


@BOTH_DATABASES
def test_processes_may_create_a_storage_at_once(url: str) -> None:
    context = multiprocessing.get_context("forkserver")
    # This module, too, which all of them would import with all that it imports.
    context.set_forkserver_preload(["ensearch.store.store", __name__])
    names = [f"study {n}" for n in range(4)]
    processes = [context.Process(target=_create, args=(url, name)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    store = Store.open(url, create=False)
    assert sorted(record.name for record in store.studies()) == names
    store.close()


@BOTH_DATABASES
def test_the_creation_lock_keeps_others_out(store: Store, tmp_path: Path, url: str) -> None:
    other = Store.open(url, create=False, busy_timeout=0.1)
    with store.creation_lock():
        assert "is locked" in failure(lambda: other.creation_lock().__enter__())
    with other.creation_lock():
        pass
    with pytest.raises(OSError, match="of the caller"), store.creation_lock():
        raise OSError("of the caller")
    other.close()


# A storage in use


def test_reads_go_on_and_writes_wait_while_another_writes(store: Store, database: Path) -> None:
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "is another process writing?" in failure(lambda: store.add_study(study_of("digits")))
    assert store.studies() == []
    Store.open(str(database), create=False, busy_timeout=0.1).close()
    other.execute("ROLLBACK")
    other.close()
    store.add_study(study_of("digits"))
    assert store.has_study("digits")


def test_the_change_to_wal_waits_for_a_program_that_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.executescript("CREATE TABLE mine (a); BEGIN; SELECT * FROM mine;")
    other.execute("INSERT INTO mine VALUES (1)")
    message = failure(lambda: Store.open(str(path), create=True, busy_timeout=0.1))
    assert "is another process writing?" in message
    end = threading.Timer(0.1, lambda: other.execute("COMMIT"))
    end.start()
    Store.open(str(path), create=True, busy_timeout=30).close()
    end.join()
    other.close()


def test_a_full_database_keeps_what_it_has_and_goes_on_when_there_is_space(store: Store) -> None:
    store.add_study(study_of("digits"))

    def limit(pages: int) -> None:
        with store._read() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    limit(1)  # SQLite raises it to the pages that there are
    val = np.zeros(100_000, dtype=np.int64)
    message = failure(lambda: store.begin_study("digits", ladder={}, remarks=(), val=val))
    assert "Free space and try again" in message
    assert store.has_study("digits")
    assert store.study_labels("digits", "val") is None
    limit(10**6)
    store.begin_study("digits", ladder={}, remarks=(), val=val)
    assert store.study_labels("digits", "val") is not None


@BOTH_DATABASES
@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_full_disk_leaves_neither_row_nor_partial_file(
    store: Store, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    record = record_of(1)
    before = list(store.files.rglob("*"))  # on a server, the folder's mark
    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        message = failure(
            lambda: store.add_trained(record, predictions_of(record.member, "val"), b"weights")
        )
    assert "Free space and try again" in message
    assert store.members([record.member.key]) == {}
    assert [path for path in store.files.rglob("*") if path.is_file()] == before
    store.add_trained(record, predictions_of(record.member, "val"), b"weights")
    assert store.missing_files([record.member.key]) == []


@BOTH_DATABASES
def test_text_that_is_not_unicode_is_explained(store: Store) -> None:
    assert "not Unicode" in failure(lambda: store.has_study("caf\udce9"))


@BOTH_DATABASES
def test_an_error_of_the_caller_is_not_blamed_on_the_storage(store: Store) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        store.add_study(dataclasses.replace(study_of("digits"), config={"stop": {1, 2}}))
    with pytest.raises(ValueError, match="time zone"):
        store.add_study(study_of("digits", datetime(2026, 1, 1)))
