"""What the environment decides about the embedded services, and what it cannot mean."""

import pytest

from config.embedded.choice import Choice
from config.embedded.errors import EmbeddedError


def test_with_nothing_set_everything_runs_here() -> None:
    choice = Choice.from_environment({})
    assert (choice.port, choice.database_url, choice.redis_url, choice.model_url) == (8000, "", "", "")
    assert choice.notices == []


def test_a_database_needs_both_logins() -> None:
    with pytest.raises(EmbeddedError, match="DATABASE_OWNER_URL"):
        Choice.from_environment({"DATABASE_URL": "postgresql://atb_app@db/x"})


@pytest.mark.parametrize("port", ["http", "-1", "65536", "80.5"])
def test_a_port_that_is_none_is_named(port: str) -> None:
    with pytest.raises(EmbeddedError, match=f"PORT={port}"):
        Choice.from_environment({"PORT": port})


def test_a_key_without_an_address_is_not_used_silently() -> None:
    assert "OPENAI_BASE_URL" in Choice.from_environment({"OPENAI_API_KEY": "k"}).notices[0]


def test_an_address_without_a_model_says_which_is_asked_for() -> None:
    assert "DEFAULT_MODEL" in Choice.from_environment({"OPENAI_BASE_URL": "http://x/v1"}).notices[0]
