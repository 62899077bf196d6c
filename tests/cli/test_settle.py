"""`ensearch settle` and `run --settle`, as a person meets them: a few seconds of real training."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ensearch.confirmation import settling
from ensearch.confirmation.plan import plans
from ensearch.store import Store
from tests.command_line import ensearch

SPACE = """
family = "wide_resnet"
members = [1, 2, 4]
depth = [10]
width = { low = 0.25, high = 1.0, step = 0.0625 }
"""
RUN = (
    "run --budget 4e5 --dataset digits --space small.toml --limit-train 60 --epochs 1 "
    "--launcher inline --trials 6"
)
STUDY = "digits-small-400k"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SPACE)
    return tmp_path


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `studies` after the search, to be copied."""
    where = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        (where / "small.toml").write_text(SPACE)
        ran = ensearch(RUN)
        assert ran.exit_code == 0, ran.stderr
    return where / "studies"


@pytest.fixture
def study(folder: Path, searched: Path) -> str:
    """A working directory with a copy of it."""
    shutil.copytree(searched, folder / "studies")
    return STUDY


def shares() -> list[float]:
    with Store.open("studies/ensearch.db", create=False) as store:
        return [look.share for look in store.looks(STUDY) if look.seen]


def summary() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ensearch(f"report {STUDY} --json").stdout)
    return found


@pytest.mark.usefixtures("study")
def test_a_study_is_settled_after_its_search() -> None:
    assert shares() == [1.0]
    assert (summary()["look"], summary()["settling"]) == (1, None)
    result = ensearch(f"settle {STUDY} --cost 0.35 --launcher inline")
    assert result.exit_code == 0, result.stderr
    assert f"settling {STUDY}: up to 0.35 times the training of the search" in result.stderr
    own = shares()[1:]
    assert own
    assert own == [0.125] * len(own)
    assert len(own) <= 4
    settling = summary()["settling"]
    assert settling["looks"] == len(own)
    assert not settling["under_way"]
    assert 0 < settling["train_macs"] <= 0.35 * settling["searched_macs"]
    # The same states are the same looks.
    assert "settling it has cost 0" in " ".join(ensearch(f"best {STUDY}").stdout.split())
    assert shares()[1:] == own
    # More trials are a look of their own, with half of what is left.
    left = 2 - sum(shares())
    assert ensearch(f"resume {STUDY} --trials 8 --launcher inline").exit_code == 0
    assert shares()[-1] == pytest.approx(left / 2)


def test_settling_that_ran_out_of_time_goes_on_as_it_was_asked_for(study: str) -> None:
    line = f"settle {study} --margin 0.5 --cost 0.33 --launcher inline --json"
    stopped = ensearch(f"{line} --timeout 0.001s")
    assert stopped.exit_code == 0, stopped.stderr
    settling = json.loads(stopped.stdout)["settling"]
    assert (settling["under_way"], settling["train_macs"]) == (True, 0)
    assert shares() == [1.0]
    assert f"go on     ensearch settle {study}\n" in stopped.stderr
    assert f"go on     ensearch settle {study}\n" in ensearch(f"report {study}").stderr
    ended = ensearch(line)
    assert ended.exit_code == 0, ended.stderr
    settling = json.loads(ended.stdout)["settling"]
    assert not settling["under_way"]
    assert 0 < settling["train_macs"] <= 0.33 * settling["searched_macs"]
    with Store.open("studies/ensearch.db", create=False) as store:
        (plan,) = store.settlements(study)
    assert (plan.margin, plan.cost) == (0.005, 0.33)


def test_a_confirmation_is_settled(study: str) -> None:
    line = f"confirm {study} --settle --budgets 4e5 --epochs 1 --members 2 --fewest 1"
    confirmed = ensearch(f"{line} --launcher inline")
    assert confirmed.exit_code == 0, confirmed.stderr
    reports = Path("studies/ensearch.reports") / study
    told = json.loads((reports / "confirm.json").read_text())["plan"]
    assert told["request"]["settle"]
    with Store.open("studies/ensearch.db", create=False) as store:
        (plan,) = plans(store, study)
        assert len(store.confirmations_on_test(study)) == 1
    assert 1 < plan.looks <= settling.LOOKS
    assert told["looks"] == plan.looks


def test_a_search_that_is_to_be_settled_shows_no_verdict_of_its_own(folder: Path) -> None:
    """Nor is it settled yet where it ran out of time: it goes on with the search first."""
    stopped = ensearch(f"{RUN} --settle --timeout 0.001s")
    assert "settling" not in stopped.stderr.split("trial")[-1]
    with Store.open("studies/ensearch.db", create=False) as store:
        assert store.open_settlement(STUDY) is not None
        assert store.looks(STUDY) == []
    assert ensearch(RUN).exit_code == 0
    assert set(shares()) == {0.25}
    assert 2 <= len(shares()) <= 4
    assert not summary()["under_way"]


@pytest.mark.parametrize("cost", ["0", "-1", "nan"])
def test_a_cost_that_is_not_legal_is_refused(folder: Path, cost: str) -> None:
    result = ensearch(f"settle any --cost {cost}")
    assert result.exit_code == 2
    assert "--cost must be" in result.stderr


def test_what_was_settled_by_another_margin_is_answered_by_it(study: str) -> None:
    """The files of the study keep the usual margin: whoever reads them cannot ask which."""
    wide = ensearch(f"settle {study} --margin 99 --launcher inline --json")
    assert wide.exit_code == 0, wide.stderr
    assert json.loads(wide.stdout)["margin_fraction"] == 0.99
    assert f"ensearch report {study} --full --margin 99" in wide.stderr
    summary = Path(f"studies/ensearch.reports/{study}/summary.json")
    assert json.loads(summary.read_text())["margin_fraction"] == 0.01
