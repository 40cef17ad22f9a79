"""docker-compose.yml, .env.example and settings.py speak of the same variables."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
EXAMPLE = set(re.findall(r"^#?([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
PRODUCT = ("web", "worker")


def test_every_variable_compose_asks_for_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (PROJECT / "docker-compose.yml").read_text()))
    assert asked <= EXAMPLE


@pytest.mark.parametrize("service", ["web", "worker", "migrate"])
def test_every_variable_a_service_gets_is_in_the_example(service: str) -> None:
    assert set(COMPOSE["services"][service]["environment"]) <= EXAMPLE


def test_every_variable_the_settings_read_is_in_the_example() -> None:
    read = re.findall(r'env\.[a-z]+\(\s*"([A-Z_]+)"', (PROJECT / "config" / "settings.py").read_text())
    assert set(read) <= EXAMPLE


def test_the_example_holds_no_secret() -> None:
    secret = re.compile(r"^#?([A-Z_]*(?:PASSWORD|SECRET|PEPPER|API_KEY)[A-Z_]*)=(.+)$", re.MULTILINE)
    assert secret.findall((PROJECT / ".env.example").read_text()) == []


@pytest.mark.parametrize("service", PRODUCT)
def test_the_product_never_gets_the_owners_or_the_administrators_login(service: str) -> None:
    environment = COMPOSE["services"][service]["environment"]
    assert environment["DATABASE_URL"].startswith("postgresql://atb_app:")
    assert {"DATABASE_OWNER_URL", "DATABASE_ADMIN_URL"}.isdisjoint(environment)


@pytest.mark.parametrize("service", PRODUCT)
def test_the_product_starts_after_the_migrations(service: str) -> None:
    assert COMPOSE["services"][service]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_worker_may_hand_its_runs_back_before_it_is_killed() -> None:
    assert COMPOSE["services"]["worker"]["stop_grace_period"] == "40s"
