"""Storages that earlier releases wrote are brought to this version, and lose nothing on the way.

`version_3.zip` was written by the last release whose storages had version 3: two studies on 40
images of three classes, a confirmation, models that were imported and added, on val as studies cut
it and on halves of the held-out images, and uses of test. Its folder `said` holds what that release
reported on it.
"""

import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Column, Engine, MetaData, String, create_engine, event, inspect

from ensearch.errors import StorageError
from ensearch.store import (
    ConclusionRecord,
    GroupSpeedRecord,
    MixingGain,
    Store,
    folder,
    lease,
    tables,
)
from ensearch.store.migrations import chain
from tests import servers
from tests.command_line import ensearch
from tests.records import failure

ARCHIVE = Path(__file__).with_name("version_3.zip")
# Keys of reports and lists that have come, gone or changed their meaning since.
REPLACED = {
    "caveats", "schema", "headline", "crossover", "answer", "zone", "under_way", "margin_fraction",
    "trials", "verdict", "take", "runner_up", "expected_loss_fraction", "to_settle",
    # Estimates, which other estimators make of the same evaluations.
    "advantage_fraction", "advantage_low", "advantage_high", "flop_multiplier",
    "estimated_together", "differences_between_members",
    "look", "settling", "axis", "beside",
}  # fmt: skip
# Schedules say by which optimizer they are.
NEW: list[tuple[str, object]] = [
    ("optimizer", "sgd"), ("schedule_optimizer", "sgd"), ("other_axis", None), ("is_own", True),
    ("failures", []),
]  # fmt: skip
STUDY_LABELS, HALF, WHOLE = "e8eb508938122581", "4ef27d187f8ea8b5", "42ba413fc2ac3f20"


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A storage of version 3, in the folder from which it was written."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path / "studies")
    (tmp_path / "studies" / "said").rename(tmp_path / "said")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "studies" / "ensearch.db"


def version_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    (found,) = connection.execute("SELECT version FROM ensearch_version").fetchone()
    connection.close()
    return int(found)


def without_sentences(report: Any) -> Any:
    """A report but for its remarks, whose wording may change, and for what is new or replaced."""
    report = without_new(report)
    if isinstance(report, list):
        return [without_sentences(part) for part in report]
    if not isinstance(report, dict):
        return report
    kept = {k: v for k, v in report.items() if k not in REPLACED}
    return kept | {"rows": [without_sentences(row) for row in kept.get("rows", ())]}


def rows(path: Path) -> list[list[tuple[str, str]]]:
    """The cells of a CSV file with their columns, in order, but for what is new."""
    with path.open(newline="") as file:
        found = csv.reader(file)
        columns = next(found)
        return [[c for c in zip(columns, row, strict=True) if c not in NEW] for row in found]


def without_new(report: Any) -> Any:
    """What is said at any depth, but for what is new and was always so."""
    if isinstance(report, list):
        return [without_new(part) for part in report]
    if not isinstance(report, dict):
        return report
    return {k: without_new(v) for k, v in report.items() if (k, v) not in NEW}


def test_reports_say_what_they_said_before(old: Path) -> None:
    for line, file in (
        ("pool list --json", "pool.json"),
        ("status --json", "status.json"),
        ("report s --json", "report.json"),
        ("report other --json", "report-other.json"),
    ):
        result = ensearch(line)
        assert result.exit_code == 0, result.stderr
        said = json.loads(Path("said", file).read_text())
        assert without_sentences(json.loads(result.stdout)) == without_sentences(said), line
    reports = old.with_name("ensearch.reports")
    for study, file in (("s", "evaluations.csv"), ("other", "evaluations-other.csv")):
        assert rows(reports / study / "evaluations.csv") == rows(Path("said", file))
    assert ensearch("pool show seen").stdout == Path("said/show.txt").read_text()
    # But for the files of its members, of which that release kept no digests.
    *files, before = Path("said/verify.txt").read_text().splitlines()
    *said, now = ensearch("pool verify").stdout.splitlines()
    unverified = [line for line in said if line.startswith("unverified: ")]
    assert (files, now) == ([], f"{before} but {len(unverified)} unverified files")
    assert len(unverified) == 12


def test_uses_of_test_count_as_they_did(old: Path) -> None:
    """The earlier release ran these one after the other, so each counts those before."""
    for query, budget, file in (
        ("confirmed:s", "900k", "front-study.json"),
        ("unseen", "1G", "front-half.json"),
        ("seen", "900k", "front-seen.json"),
    ):
        before = json.loads(Path("said", file).read_text())
        result = ensearch(f"front --pool {query} --budget {budget} --test --json")
        assert result.exit_code == 0, result.stderr
        after = json.loads(result.stdout)
        assert after["openings_of_test_before"] == before["openings_of_test_before"] > 7
        assert after["opened_before_by"] == before["opened_before_by"]
        assert after["entries"] == before["entries"]


def check_state(store: Store) -> None:
    """Everything that version 3 kept in notes and sentences."""
    assert {s.name: store.trials_asked(s.name) for s in store.studies()} == {"s": 3, "other": 2}
    ladder = store.ladder("s")
    assert ladder is not None
    assert ladder["budget"] == {"macs": 800_000.0}
    assert store.confirmed("s") is None, "a sentence whose words may have been others"
    for split, count in (("val", 20), ("test", 29)):
        labels = store.study_labels("s", split)
        assert labels is not None
        assert len(labels) == count
    assert store.study_labels("other", "test") is None
    speed = store.speed("s", device="AMD EPYC (float32)", torch="2.14.1", batch_size=128)
    assert speed is not None
    assert (speed.fixed, speed.per_mac) == (0.0006271864299394785, 9.26311036893587e-11)
    assert speed.measured.date().isoformat() == "2026-11-28"
    key = "wide_resnet-10-0.5@16 in batches of 128"
    assert store.group_speeds(key) == [
        GroupSpeedRecord(
            lockstep_key=key,
            place="NVIDIA H100, PyTorch 2.9, 3 channels, 3 classes",
            members=4,
            strategy="fused",
            rates={"fused": 2000.0, "plain": 1000.5},
            dropped={"graph": "no memory"},
        )
    ]
    assert store.mixing_gain("s") == MixingGain(
        members="6ca8737060bcb918",
        difference=0.0,
        low=-0.13859292911256332,
        high=0.13859292911256332,
    )
    (plan,) = store.confirmations("s")
    assert (plan.number, plan.finished, plan.failures) == (1, True, ())
    assert plan.budgets[-1] == 800_000.0
    check_pool(store)


def test_the_same_confirmation_again_keeps_what_it_concludes(old: Path) -> None:
    result = ensearch("confirm s --fewest 2 --epochs 2 --json")
    assert result.exit_code == 0, result.stderr
    with Store.open(str(old), create=False) as store:
        assert len(store.confirmations("s")) == 1
        assert store.confirmed("s") == ConclusionRecord(plan=1, verdict="unclear")
    caveats = json.loads(ensearch("report s --json").stdout)["caveats"]
    assert "A confirmation with 2 epochs (2 x the search's 1) leaves open" in " ".join(caveats)


def check_pool(store: Store) -> None:
    by_stage = sorted((m.study, m.stage) for m in store.all_members())
    assert by_stage == [("s", "confirm-1")] * 4 + [("s", "search")] * 4
    models = {model.name: model for model in store.pool.models()}
    seen = {name for name, model in models.items() if model.may_have_seen_val}
    assert seen == {"seen", "added-study"}
    assert set(models) - seen == {"unseen", "elsewhere", "added-half"}
    inputs = models["added-half"].inputs
    assert inputs is not None
    assert (inputs.resolution, inputs.normalised_by, len(inputs.mean)) == (32, "dataset", 3)
    assert models["seen"].inputs is None
    datasets = {d.halves_seed: d for d in store.pool.datasets().values()}
    assert set(datasets) == {None, 0}
    assert datasets[None].labels == {"val": STUDY_LABELS, "test": WHOLE}
    assert datasets[None].lasts
    assert datasets[0].spec == "npz:images.npz"
    assert datasets[0].name == "npz:images.npz, held-out images halved with seed 0"
    uses = [(use.verb, use.details) for use in store.uses_of_test(WHOLE)]
    assert uses == [
        ("pool", "held-out"),
        ("front", "all 1M maxprob"),
        ("confirm", "s"),
        ("pool images", ""),
        ("pool add", "resnet18"),
        ("front", "seen,confirmed:s 450k,900k max"),
        ("front", "unseen,added-half 7.8125M,15.625M,31.25M,62.5M,125M,250M,500M,1G max"),
        ("pool list", ""),
        ("pool list", ""),
    ]
    # Without what used the other half, and what used a half of which nobody recorded which.
    assert [use.verb for use in store.uses_of_test(HALF)] == [
        "front",
        "pool list",
        "confirm",
        "front",
        "front",
        "pool list",
        "pool list",
    ]
    assert [use.plan for use in store.confirmations_on_test("s")] == [1]


def test_state_comes_over_and_a_copy_stays(old: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Store.open(str(old), create=False) as store:
        check_state(store)
    copy = old.with_name("ensearch.version-3.db")
    assert (version_of(old), version_of(copy)) == (tables.VERSION, 3)
    assert str(copy) in caplog.text  # a person is told of it
    Store.open(str(old), create=False).close()
    assert sorted(old.parent.glob("*.db")) == [old, copy]
    # The copy is a storage of version 3 like the first one.
    copy.rename(old)
    with Store.open(str(old), create=True) as store:
        check_state(store)


def layout(url: URL | str) -> dict[str, Any]:
    """The tables of ensearch with their columns, keys and indexes."""
    engine = create_engine(url)
    found = inspect(engine)
    names = [n for n in found.get_table_names() if n.startswith("ensearch_")]
    layout = {
        name: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(name)],
            found.get_pk_constraint(name)["constrained_columns"],
            sorted((i["name"] or "", tuple(i["column_names"])) for i in found.get_indexes(name)),
        )
        for name in names
    }
    engine.dispose()
    return layout


def by_name(layout: dict[str, Any]) -> dict[str, Any]:
    """Columns that were added lie behind the others."""
    return {name: (sorted(columns), *rest) for name, (columns, *rest) in layout.items()}


def test_a_migrated_storage_has_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    Store.open(str(old), create=False).close()
    Store.open(str(tmp_path / "new.db"), create=True).close()
    assert by_name(layout(f"sqlite:///{old}")) == by_name(layout(f"sqlite:///{tmp_path}/new.db"))


def test_a_storage_from_before_outcomes_gets_their_table(old: Path) -> None:
    connection = sqlite3.connect(old)
    connection.execute("DROP TABLE ensearch_outcomes")
    connection.close()
    with Store.open(str(old), create=False) as store:
        assert store.subset_hits("s", "val") == {}
        check_state(store)


EVENTS = ("before_cursor_execute", "commit")


def recorded(path: Path) -> list[str]:
    """The statements and commits of whoever opens the storage, in order."""
    found: list[str] = []
    listeners = {name: partial(_note, found, name) for name in EVENTS}
    for name, listener in listeners.items():
        event.listen(Engine, name, listener)
    try:
        Store.open(str(path), create=False).close()
    finally:
        for name, listener in listeners.items():
            event.remove(Engine, name, listener)
    return found


def _note(found: list[str], name: str, *_: object) -> None:
    found.append(name)


def killed_at(number: int, path: Path) -> bool:
    """Open the storage in a process that is killed before an event; whether it got there."""
    pid = os.fork()
    if pid == 0:
        count = 0

        def die(*_: object) -> None:
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

        for name in EVENTS:
            event.listen(Engine, name, die)
        try:
            Store.open(str(path), create=False).close()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def databases(folder: Path) -> frozenset[tuple[str, str]]:
    """What databases of a folder hold, by name, as whoever opens them next finds it.

    Read off copies with what lies beside them, since reading rolls back what was not committed.
    """
    with tempfile.TemporaryDirectory() as elsewhere:
        for path in folder.glob("*.db*"):
            shutil.copy(path, elsewhere)
        found = []
        for path in Path(elsewhere).glob("*.db"):
            connection = sqlite3.connect(path)
            found.append((path.name, "\n".join(connection.iterdump())))
            connection.close()
        return frozenset(found)


def moments(events: list[str]) -> list[int]:
    """The first and the last of events, counted from 1, each eighth, and those around commits.

    Between commits nothing changes that whoever opens the storage next could find.
    """
    commits = [number for number, name in enumerate(events, 1) if name == "commit"]
    around = {number + step for number in commits for step in (-1, 0, 1)}
    chosen = around | set(range(1, len(events) + 1, 8)) | {len(events)}
    return sorted(chosen & set(range(1, len(events) + 1)))


def test_a_kill_at_any_moment_loses_nothing(old: Path) -> None:
    """Statements between which nothing is committed leave one state: each is looked at once."""
    original = old.read_bytes()

    def restore() -> None:
        for pattern in ("ensearch.version-*", "ensearch.db-*"):
            for path in old.parent.glob(pattern):
                path.unlink()
        old.write_bytes(original)

    events = recorded(old)
    assert len(events) > 40
    assert "commit" in events
    restore()
    seen: set[frozenset[tuple[str, str]]] = set()
    for number in moments(events):
        assert killed_at(number, old), f"event {number} of {len(events)}"
        if (left := databases(old.parent)) not in seen:
            seen.add(left)
            with Store.open(str(old), create=False) as store:
                check_state(store)
            copies = set(old.parent.glob("*.db")) - {old}
            assert copies
            assert {version_of(path) for path in copies} == {3}
        restore()
    assert not killed_at(len(events) + 1, old), "there are no more"
    assert len(seen) > 1


def test_a_kill_while_the_file_is_copied_loses_nothing(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, target: Path) -> None:
        target.write_bytes(path.read_bytes()[:5000])
        os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        monkeypatch.setattr(chain, "_copy", half)
        Store.open(str(old), create=False).close()
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    assert list(old.parent.glob("*.db")) == [old]
    with Store.open(str(old), create=False) as store:
        check_state(store)


def test_processes_that_open_at_once_migrate_once(old: Path) -> None:
    code = "import sys; from ensearch.store import Store; Store.open(sys.argv[1], create=False)"
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", code, str(old)]
    processes = [subprocess.Popen(command, env=os.environ | {"PYTHONPATH": root}) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(list(old.parent.glob("*.version-3*.db"))) == 1
    with Store.open(str(old), create=False) as store:
        check_state(store)


def test_a_live_driver_of_the_earlier_release_is_left_alone(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also once this version's table of leases has a column that the earlier one has not."""
    later = tables.leases.to_metadata(MetaData())
    later.append_column(Column("later", String(1)))
    monkeypatch.setattr(tables, "leases", later)
    connection = sqlite3.connect(old)
    values = ("s", "t", "node7", lease._place(), os.getpid(), lease._start(os.getpid()))
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    connection.execute(
        "INSERT INTO ensearch_leases VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, now, now)
    )
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match=f"process {os.getpid()} on node7") as caught:
        Store.open(str(old), create=False)
    assert caught.value.problem == "earlier_driver_runs"
    assert caught.value.facts["study"] == "s"
    assert version_of(old) == 3
    assert list(old.parent.glob("*.version-3*")) == []


@pytest.mark.parametrize("step", ["copy", "step"])
def test_a_storage_that_cannot_be_written_stays_as_it_is(
    old: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    if step == "copy":
        monkeypatch.setattr(chain, "_copy", refuse)
    else:
        monkeypatch.setitem(chain.STEPS, 3, refuse)
    message = failure(lambda: Store.open(str(old), create=False))
    assert "check the permissions" in message
    assert "storage version 3" in message
    assert "nothing was changed" in message
    assert version_of(old) == 3


def test_a_read_only_file_is_explained(old: Path) -> None:
    """As a user for whom permissions hold: root may write everything."""
    old.chmod(0o444)
    pid = os.fork()
    if pid == 0:
        if os.geteuid() == 0:
            os.chmod(old.parent, 0o777)
            os.seteuid(65534)
        try:
            Store.open(str(old), create=False)
        except StorageError as error:
            os._exit(0 if "permissions" in str(error) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert version_of(old) == 3


# On a server


@pytest.fixture
def on_server(old: Path, postgresql: URL) -> str:
    """The tables and rows of the storage of version 3, in PostgreSQL."""
    source = sqlite3.connect(old)
    engine = create_engine(postgresql)
    names = [n for (n,) in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    with engine.begin() as connection:
        for name in (n for n in names if n.startswith("ensearch_")):
            (ddl,) = source.execute(
                "SELECT sql FROM sqlite_master WHERE name = ?", (name,)
            ).fetchone()
            ddl = ddl.replace("DOUBLE", "DOUBLE PRECISION").replace("BLOB", "BYTEA")
            connection.exec_driver_sql(
                ddl.replace("DOUBLE PRECISION PRECISION", "DOUBLE PRECISION")
            )
            cursor = source.execute(f"SELECT * FROM {name}")
            columns = [column[0] for column in cursor.description]
            for row in cursor:
                values = [
                    bool(value) if column == "has_weights" else value
                    for column, value in zip(columns, row, strict=True)
                ]
                marks = ", ".join(["%s"] * len(columns))
                connection.exec_driver_sql(f"INSERT INTO {name} VALUES ({marks})", tuple(values))
        connection.exec_driver_sql(
            "CREATE INDEX ix_ensearch_members_trained_by ON ensearch_members (trained_by)"
        )
        files = old.with_name("ensearch.members")
        note = json.dumps({"path": str(files), "mark": "abc", "host": "here"})
        connection.exec_driver_sql("INSERT INTO ensearch_notes VALUES ('', 'files', %s)", (note,))
        (files / folder.MARK).write_text("abc\n")
    source.close()
    engine.dispose()
    return postgresql.render_as_string(hide_password=False)


def test_a_server_is_migrated_in_one_transaction(
    on_server: str, old: Path, postgresql: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = chain.STEPS[3]

    def half(connection: Any) -> None:
        real(connection)
        raise OSError("the machine goes away")

    before = layout(postgresql)
    with monkeypatch.context() as patch:
        patch.setitem(chain.STEPS, 3, half)
        assert "nothing was changed" in failure(lambda: Store.open(on_server, create=False))
    assert layout(postgresql) == before
    with Store.open(on_server, create=False) as store:
        assert store.files == old.with_name("ensearch.members")
        check_state(store)
        store.add_study(
            store.study("s").__class__(
                name="new", config={}, environment={}, created=datetime.now(UTC)
            )
        )
    migrated = layout(postgresql)
    servers.execute(postgresql, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    Store.open(on_server, create=True).close()
    assert by_name(migrated) == by_name(layout(postgresql))
