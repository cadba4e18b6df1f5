"""Fixtures of the schema's tests."""

import pytest

from exdbsql.schema import features


@pytest.fixture
def all_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes every construct, those included that the engine does not carry out yet."""
    monkeypatch.setattr(features, "NOT_YET_CARRIED_OUT", set())
