"""`ensearch study remove`, `rename` and `copy`: whole studies of a storage."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

import ensearch as package
from ensearch.errors import StorageError, UsageError
from ensearch.store import Store
from tests.command_line import DB, ensearch, listed, quick

NAME = "digits-tiny-400k"


def rows(study: str) -> list[dict[str, Any]]:
    """The evaluations of a study, without its own name."""
    return [row | {"study": ""} for row in package.results(study).to_dicts()]


def optuna_names() -> list[str]:
    return sorted(optuna.get_all_study_names(f"sqlite:///{DB}"))


def more(study: str) -> None:
    done = ensearch(f"resume {study} --trials 5 --launcher inline")
    assert done.exit_code == 0, done.stderr


def test_a_copy_goes_on_as_the_study_does_and_trains_nothing(studied: Path) -> None:
    before, members = rows(NAME), len(listed())
    copied = ensearch(f"study copy {NAME} twin")
    assert (copied.exit_code, copied.stdout) == (0, f"copied {NAME} to twin\n")
    assert rows("twin") == before
    more("twin")
    assert rows(NAME) == before
    grown = len(listed())
    assert grown > members
    more(NAME)
    assert rows(NAME) == rows("twin")
    assert len(listed()) == grown
    assert optuna_names() == [NAME, "twin"]


def test_a_study_has_its_new_name_everywhere(studied: Path) -> None:
    before = rows(NAME)
    renamed = ensearch(f"study rename {NAME} mine")
    assert (renamed.exit_code, renamed.stdout) == (0, f"renamed {NAME} to mine\n")
    assert rows("mine") == before
    assert [row["study"] for row in json.loads(ensearch("status --json").stdout)] == ["mine"]
    assert optuna_names() == ["mine"]
    assert {entry["origin"] for entry in listed()} == {"trained by mine"}
    more("mine")
    with pytest.raises(StorageError, match=f"unknown study '{NAME}'"):
        package.results(NAME)
    # Asked for by its old name it is another study, of which nothing is known but the members.
    assert quick().exit_code == 0
    assert rows(NAME) == before


def test_removal_keeps_the_members_unless_they_are_to_go(studied: Path) -> None:
    names = {entry["name"] for entry in listed()}
    removed = ensearch(f"study remove {NAME}")
    assert (removed.exit_code, removed.stdout) == (0, f"removed {NAME}\n")
    assert f"{len(names)} members of the study stay in the pool" in removed.stderr
    assert {entry["name"] for entry in listed()} == names
    assert {entry["origin"] for entry in listed()} == {f"trained by {NAME} (removed)"}
    assert ensearch("status --json").stdout == "[]\n"
    assert optuna_names() == []
    assert quick().exit_code == 0
    with Store.open(DB, create=False) as store:
        assert store.trained_macs(NAME) == 0, "nothing was trained again"
    gone = package.remove_study(NAME, members=True)
    assert (gone.members, gone.kept) == (len(names), 0)
    assert listed() == []
    files = [
        p
        for p in Path("studies/ensearch.members").rglob("*")
        if p.suffix in (".npz", ".safetensors")
    ]
    assert [path for path in files if path.parent.name not in ("labels", "images")] == []


def test_members_that_another_study_uses_stay(studied: Path) -> None:
    package.copy_study(NAME, "twin")
    more(NAME)
    before, names = rows("twin"), {entry["name"] for entry in listed()}
    removed = ensearch(f"study remove {NAME} --members")
    assert removed.exit_code == 0
    left = {entry["name"] for entry in listed()}
    assert removed.stdout == f"removed {NAME} and {len(names - left)} members\n"
    stay = f"{len(left)} members of the study stay in the pool, {len(left)} of them used by"
    assert stay in removed.stderr
    assert 0 < len(left) < len(names)
    assert rows("twin") == before
    assert ensearch("pool verify").exit_code == 0


def test_what_a_study_saw_of_test_is_remembered_when_it_is_gone(studied: Path) -> None:
    assert ensearch(f"confirm {NAME} --no-retrain").exit_code == 0
    package.copy_study(NAME, "twin")
    with Store.open(DB, create=False) as store:
        assert store.confirmations("twin") == []
        assert len(store.other_uses_of_test("twin")) == 1
    package.remove_study(NAME)
    with Store.open(DB, create=False) as store:
        (use,) = store.other_uses_of_test("twin")
    assert (use.verb, use.details) == ("confirm", f"{NAME} (removed)")


def test_what_cannot_be_is_refused_and_changes_nothing(studied: Path) -> None:
    package.copy_study(NAME, "twin")
    before = rows(NAME)
    for line, says in (
        (f"study rename {NAME} twin", "study 'twin' exists already"),
        (f"study copy {NAME} twin", "study 'twin' exists already"),
        ("study remove digits", f"Did you mean '{NAME}'"),
        (f"study copy {NAME} a/b", "study name 'a/b' is not legal"),
    ):
        result = ensearch(line)
        assert result.exit_code in (2, 4), line
        assert says in result.stderr
    optuna.create_study(study_name="foreign", storage=f"sqlite:///{DB}")
    acts: list[Callable[[str, str], None]] = [package.rename_study, package.copy_study]
    for act in acts:
        with pytest.raises(StorageError, match="an Optuna study 'foreign' that ensearch does not"):
            act(NAME, "foreign")
    with pytest.raises(UsageError):
        package.rename_study(NAME, "")
    with Store.open(DB, create=False) as store:
        lease = store.acquire_lease(NAME)
        for line in (f"remove {NAME}", f"rename {NAME} x", f"copy {NAME} x"):
            refused = ensearch(f"study {line}")
            assert refused.exit_code == 4
            assert "is being run by process" in refused.stderr
            assert "--take-over" not in refused.stderr
        lease.release()
    assert rows(NAME) == before
