"""A storage on a PostgreSQL server: what differs from a file. `BOTH_DATABASES` marks the rest."""

import os
import re
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import optuna
import pytest
from sqlalchemy import URL

from ensearch.errors import StorageError
from ensearch.store import Store, folder, lease
from tests import searches, servers
from tests.closed_form import write_dataset
from tests.command_line import TINY, ensearch
from tests.dashboards import names, serving
from tests.records import evaluation_of, failure, predictions_of, record_of, set_lease, study_of
from tests.searches import TRIALS, drive

pytestmark = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


def text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


# Opening


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"password": "wrong-secret"}, "password authentication failed"),
        ({"username": "nobody-here"}, "password authentication failed"),
        ({"database": "no-such-database"}, "does not exist"),
        ({"port": 1}, "onnection refused"),
        ({"host": "no-such-host.invalid"}, "no-such-host.invalid"),
    ],
)
def test_a_server_that_refuses_is_explained_without_the_password(
    url: str, postgresql: URL, changes: dict[str, object], says: str
) -> None:
    wrong = postgresql.set(**changes)  # type: ignore[arg-type]
    message = failure(lambda: Store.open(text(wrong), create=True))
    assert says in message
    assert "host, port, database, user and password" in message
    assert "***" in message
    for secret in (wrong.password, "wrong-secret", servers.PASSWORD, text(wrong)):
        assert secret is not None
        assert str(secret) not in message


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("postgres://user:secret@host", "names no database"),
        ("postgresql+psycopg2://user:secret@host/name", "psycopg2 is neither"),
        ("mysql+pymysql://user:secret@host/name", "is neither sqlite nor postgresql"),
        ("postgresql://user:secret@host", "names no database"),
        ("postgresql://user:secret@host:port/name", "port"),
        ("postgresql://user:sec@ret@host:port/name", "port"),
        ("postgresql://user@host:port/name?sslpassword=secret&password=secret", "port"),
        ("postgresql://user:secret@host/name?files=a&files=b", "files= must name one folder"),
    ],
)
def test_an_address_of_no_server_is_explained_without_the_password(
    url: str, address: str, says: str
) -> None:
    message = failure(lambda: Store.open(address, create=True))
    assert "does not name a storage" in message
    assert says in message
    assert "ret" not in message.replace("secretary", "")


def test_a_missing_driver_is_named_with_the_package_that_brings_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StorageError, match="driver psycopg") as caught:
        Store.open(url, create=True)
    assert caught.value.problem == "no_psycopg"
    assert caught.value.facts == {"package": "ensearch[postgres]"}
    assert servers.PASSWORD not in str(caught.value)


def test_a_user_who_may_not_make_tables_is_told_what_to_grant(url: str, postgresql: URL) -> None:
    name = f"guest_{postgresql.database}"
    servers.execute(
        postgresql,
        f"CREATE ROLE {name} LOGIN PASSWORD 'guest'",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",  # as it is from PostgreSQL 15 on
    )
    try:
        guest = postgresql.set(username=name, password="guest")
        message = failure(lambda: Store.open(text(guest), create=True))
        assert "GRANT USAGE, CREATE ON SCHEMA public" in message
    finally:
        servers.execute(postgresql, f"DROP ROLE {name}")


def test_what_the_user_says_to_the_driver_is_kept(url: str) -> None:
    with Store.open(f"{url}&application_name=mine&connect_timeout=3", create=True) as store:
        with store._read() as connection:
            name = connection.exec_driver_sql("SHOW application_name").scalar()
        assert name == "mine"
        assert "connect_timeout=3" in store.url
        assert "files=" not in store.url
        assert "application_name" not in store.address


# The folder that drivers share


def test_the_folder_of_files_is_kept_with_the_storage(
    url: str, postgresql: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        with Store.open(text(postgresql), create=True) as store:
            assert store.files.parent == tmp_path / "first" / "studies"
            assert store.files.name == f"{postgresql.database}-127.0.0.1.members"
    assert list((tmp_path / "second").iterdir()) == []


def test_a_folder_that_is_not_the_shared_one_is_refused_before_any_training(
    url: str, store: Store, postgresql: URL, tmp_path: Path
) -> None:
    record = record_of(1)
    store.add_trained(record, predictions_of(record.member, "val"), b"weights")
    moved = store.files.rename(tmp_path / "elsewhere")
    mark = (moved / folder.MARK).read_text().strip()
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / folder.MARK

    def use(address: str) -> None:
        with Store.open(address, create=False) as there:
            assert there.all_members()  # what needs no files is shown
            there.checkpoint_path(record.member.key)

    message = failure(lambda: use(text(postgresql)))
    assert f"lie in {tmp_path}/deep/ensearch.members" in message
    assert "does not exist" in message
    assert servers.PASSWORD not in message
    there = text(postgresql.set(query={"files": str(other.parent)}))
    assert f"{other.parent}, made on" in failure(lambda: use(there))
    other.write_text("another\n")
    message = failure(lambda: use(there))
    assert "is the folder of another storage" in message
    assert f"whose file {other.name} holds {mark}" in message
    other.write_text(f"{mark}\n")
    use(there)
    use(text(postgresql.set(query={"files": str(moved)})))


def test_a_folder_that_cannot_be_made_leaves_no_storage(
    url: str, postgresql: URL, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("text")
    wrong = text(postgresql.set(query={"files": f"{tmp_path}/file/folder"}))
    assert "is a file, where a folder is needed" in failure(lambda: Store.open(wrong, create=True))
    Store.open(url, create=True).close()


def test_a_database_made_anew_takes_the_folder_that_is_there(url: str, postgresql: URL) -> None:
    with Store.open(url, create=True) as store:
        files = store.files
    servers.execute(postgresql, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    with Store.open(url, create=True) as store:
        assert store.files == files


# Several drivers


def test_of_many_drivers_at_once_one_has_the_study(url: str) -> None:
    Store.open(url, create=True).close()
    barrier, got, refused = threading.Barrier(8), [], []

    def drive() -> None:
        with Store.open(url, create=False) as store:
            barrier.wait()
            try:
                got.append(store.acquire_lease("digits"))
            except StorageError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=drive) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    assert len(refused) == 7
    assert all("is being run by process" in message for message in refused), refused


def test_drivers_that_store_the_same_rows_do_not_collide(url: str) -> None:
    Store.open(url, create=True).close()
    barrier, errors = threading.Barrier(4), []

    def drive() -> None:
        with Store.open(url, create=False) as store:
            barrier.wait()
            try:
                for n in range(10):
                    record = record_of(n)
                    store.add_trained(record, predictions_of(record.member, "val"), None)
                    store.save_evaluations("digits", [evaluation_of(1, trained=1)], ["a"])
            except StorageError as error:
                errors.append(error)

    threads = [threading.Thread(target=drive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Store.open(url, create=False) as store:
        assert len(store.all_members()) == 10


def test_a_reader_sees_one_state_however_long_it_reads(url: str, store: Store) -> None:
    with store._read() as connection, Store.open(url, create=False) as other:
        before = connection.exec_driver_sql("SELECT count(*) FROM ensearch_studies").scalar()
        other.add_study(study_of("digits"))
        after = connection.exec_driver_sql("SELECT count(*) FROM ensearch_studies").scalar()
    assert (before, after) == (0, 0)
    assert store.has_study("digits")


def test_writers_wait_for_each_other_but_not_for_ever(url: str, store: Store) -> None:
    with Store.open(url, create=False) as other, other._write():
        message = failure(lambda: store.add_study(study_of("digits")))
        assert "is locked: another process has been writing" in message
        assert not store.has_study("digits")  # readers do not wait
    store.add_study(study_of("digits"))


def test_leases_go_by_the_clock_of_the_server(
    url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(datetime):
        """Two hours slow, as on a machine whose clock nobody sets."""

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) - 60 * lease.SILENCE

    monkeypatch.setattr("ensearch.store.tables.datetime", Wrong)
    held = store.acquire_lease("digits")
    set_lease(store, place="another machine")
    held.renew()
    monkeypatch.undo()
    assert "is being run by" in failure(lambda: store.acquire_lease("digits"))
    assert store.summaries() == []


def test_two_drivers_search_two_studies_at_once(url: str, tmp_path: Path) -> None:
    """They create the storage together, share members, and find what one alone finds."""
    spec = write_dataset(tmp_path / "two.npz", images=2_000)
    alone = f"sqlite:///{tmp_path}/alone.db"
    drive(alone, spec)
    context = searches.processes()
    processes = [
        context.Process(target=drive, args=(url, spec, None, None, name, 0.05))
        for name in ("one", "two")
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    with Store.open(alone, create=False) as one, Store.open(url, create=False) as both:
        expected = one.evaluations("one")
        assert both.evaluations("one") == both.evaluations("two") == expected
        assert {m.member.key for m in both.all_members()} == {
            m.member.key for m in one.all_members()
        }
        assert [s.trials_done for s in both.summaries()] == [TRIALS, TRIALS]
        storage = optuna.storages.RDBStorage(both.optuna_url)
        states = [t.state for t in optuna.load_study(study_name="two", storage=storage).trials]
        storage.remove_session()
        storage.engine.dispose()
    assert states == [optuna.trial.TrialState.COMPLETE] * TRIALS


# Trouble on the way


def end_sessions(database: URL) -> None:
    servers.execute(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{database.database}' AND pid <> pg_backend_pid()",
    )


def test_a_connection_that_the_server_closed_while_idle_is_made_anew(
    url: str, store: Store, postgresql: URL
) -> None:
    store.add_study(study_of("digits"))
    end_sessions(postgresql)
    assert store.has_study("digits")
    end_sessions(postgresql)
    store.add_study(study_of("cifar10"))


def test_a_connection_that_breaks_within_a_transaction_is_explained(
    url: str, store: Store, postgresql: URL
) -> None:
    def interrupted() -> None:
        with store._write() as connection:
            end_sessions(postgresql)
            connection.exec_driver_sql("SELECT 1")

    assert "the next try goes on" in failure(interrupted)
    assert not store.has_study("digits")


# The verbs


def test_every_verb_works_and_none_prints_the_password(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "tiny.toml").write_text(TINY)
    storage = url.replace(" ", "%20")  # `ensearch` below splits its line at spaces
    said = []
    for line in (
        "run --budget 4e5 --dataset digits --space tiny.toml --limit-train 60 --epochs 1 "
        "--launcher inline --trials 3 --study s",
        "resume s --trials 4 --launcher inline",
        "status s",
        "report s",
        "confirm s --epochs 1 --launcher inline",
        "confirm s --epochs 1 --launcher inline",
    ):
        result = ensearch(f"{line} --storage {storage}")
        assert result.exit_code == 0, result.stderr
        said.append(result.stdout + result.stderr)
    assert "--storage 'postgresql+psycopg://ensearch:***@" in said[0]
    assert re.search(r"s +complete +4 of 4", said[2])
    assert not any(part in "".join(said) for part in ("p%40ss", servers.PASSWORD[:4]))
    monkeypatch.setenv("ENSEARCH_STORAGE", storage)
    again = ensearch("resume s --trials 4 --launcher inline")
    assert "go on     ensearch resume s --trials" in again.stderr
    with Store.open(url, create=False) as store:
        for ask in serving(store.optuna_url, prepare=store.prepare):
            assert [names(ask) for _ in range(20)] == [["s"]] * 20
    assert sorted(os.listdir(tmp_path / "deep")) == ["ensearch.members", "ensearch.reports"]
