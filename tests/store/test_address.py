"""What names a storage, what does not, and that no password is shown."""

import contextlib
from functools import partial
from pathlib import Path

import pytest

from ensearch.errors import StorageError
from ensearch.store import Store, address, server
from tests.records import failure


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:a.db?mode=ro&uri=true",
        "sqlite://host/a.db",
        "sqlite+nodriver:///a.db",
        "nonsense://x",
        "://",
        "postgresql://user@host:port/name",
        "//",
        "a\0b.db",
        "a\udcffb.db",
    ],
)
def test_an_address_that_names_no_storage_is_explained(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    message = failure(lambda: Store.open(text, create=True))
    assert "does not name a storage" in message
    assert "sqlite:///studies/ensearch.db" in message
    message.encode()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://user:s3cret@host/db",
        "postgresql://user:p@s3cret@host/db",
        "postgresql://user:p/s3cret@host/db",
        "postgresql://user:p?s3cret@host/db",
        "postgresql://user:p#s3cret@host/db",
        "postgresql://user:p@x?s3cret@host/db",
        "postgresql://:s3cret@host/db",
        "postgresql://user:s3cret",
        "postgresql://user:s3cret/db",
        "postgresql://user@host/db?PASSWORD=s3cret",
        "postgresql://user@host/db?pass%77ord=s3cret",
        "postgresql://user@host/db?sslpassword=s3cret&files=/x",
        "mysql://user:s3cret@host/db",
        "POSTGRESQL://user:s3cret@host/db",
        "http://user:s3cret@host/a.db",
        "postgresql:/user:s3cret@host/db",
        "postgres//user:s3cret@host/db",
        "postgresql:user:s3cret@host/db",
        "user:s3cret@host/db",
    ],
)
def test_no_password_is_shown_or_becomes_a_file(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "s3cret" not in server.redacted(text)
    with contextlib.suppress(StorageError):
        assert "s3cret" not in str(address.locate(text))
        return
    message = failure(lambda: Store.open(text, create=True))
    assert "does not name a storage" in message
    assert "s3cret" not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    ["studies/a.db", "a b.db", "a?b=c.db", "x/a:b@c.db", "\u00fc@:.db", "sqlite:///a:b@c.db"],
)
def test_paths_are_shown_whole(text: str) -> None:
    assert server.redacted(text) == text
    assert str(address.locate(text)) == str(Path(text.removeprefix("sqlite:///")).resolve())


def test_options_of_sqlite_that_it_does_not_have_are_named() -> None:
    message = failure(lambda: address.locate("sqlite:///a?b=c.db"))
    assert "a file whose name holds a ? is given by its path alone" in message
    for odd in ("sqlite:///a?b.db", "sqlite:///what?", "sqlite:///a.db?timeout=5&b"):
        assert "a file whose name holds a ? is given by" in failure(partial(address.locate, odd))
    assert address.locate("sqlite:///a.db?timeout=5").path == Path("a.db").resolve()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_all_names_of_postgresql_mean_the_same_server(scheme: str) -> None:
    address_of = address.locate(f"{scheme}://user@host/db")
    assert str(address_of) == "postgresql+psycopg://user@host/db"


@pytest.mark.parametrize("scheme", ["mysql", "redis", "postgresql+nodriver"])
def test_a_server_of_another_kind_is_named(scheme: str) -> None:
    message = failure(lambda: address.locate(f"{scheme}://user@host/db"))
    assert f"{scheme} is neither sqlite nor postgresql+psycopg" in message
