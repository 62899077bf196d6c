"""Folders that are named for queries of the pool."""

import re

import pytest

from ensearch.api._query_name import query_name


@pytest.mark.parametrize(
    ("query", "name"),
    [("all", "all"), ("study:digits-1M", "study-digits-1M"), ("all digits", "all-digits")],
)
def test_a_plain_query_is_its_name(query: str, name: str) -> None:
    assert query_name(query) == name


@pytest.mark.parametrize(
    ("first", "second"),
    [("all,!eff*", "all,eff*"), ("a,b", "a-b"), ("x" * 90 + "1", "x" * 90 + "2"), ("*", "!*")],
)
def test_queries_that_are_written_alike_have_folders_of_their_own(first: str, second: str) -> None:
    names = {query_name(first), query_name(second)}
    assert len(names) == 2
    assert all(re.fullmatch("[A-Za-z0-9_][A-Za-z0-9._-]{0,88}", name) for name in names)
