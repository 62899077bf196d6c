"""Fixtures that the tests of confirmations share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ensearch.report.confirmation.results import Confirmed, collect
from ensearch.store import Store
from ensearch.study import study
from tests import closed_form
from tests.confirmation.searched import Recorded, copied, opened, recorded, search_in


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("data") / "two.npz"
    return closed_form.write_dataset(path, images=40_000, tests=4_000)


@pytest.fixture(scope="session")
def whole_search(tmp_path_factory: pytest.TempPathFactory, spec: str) -> Path:
    """A storage in which everything in the space has been tried; tests work on copies."""
    folder = tmp_path_factory.mktemp("search")
    with Store.open(f"{folder}/ensearch.db", create=True) as store:
        search_in(store, spec)
    return folder


@pytest.fixture(scope="session")
def usual(tmp_path_factory: pytest.TempPathFactory, whole_search: Path, spec: str) -> Recorded:
    """The confirmation that is made if nobody asks for another; tests work on copies."""
    return recorded(whole_search, tmp_path_factory.mktemp("confirmation") / "copy", spec)


@pytest.fixture(scope="session")
def found(usual: Recorded) -> Confirmed:
    """What that confirmation found."""
    with Store.open(f"{usual.folder}/ensearch.db", create=False) as store:
        return collect(store, "one")


@pytest.fixture
def confirmed(tmp_path: Path, usual: Recorded) -> Iterator[Store]:
    """A storage after that confirmation, beside that of `store`."""
    with copied(usual.folder, tmp_path / "confirmed") as store:
        yield store


@pytest.fixture
def store(tmp_path: Path, whole_search: Path) -> Iterator[Store]:
    with copied(whole_search, tmp_path / "copy") as store:
        yield store


@pytest.fixture
def searched(store: Store, spec: str) -> study.Study:
    return opened(store, spec)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"{tmp_path}/empty.db", create=True) as store:
        yield store
