"""Figures are drawn where it is reports that are tested."""

import pytest


@pytest.fixture
def undrawn() -> None:
    """Leaves figures as they are."""
