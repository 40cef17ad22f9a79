"""What every test has: a migrated database under the product's own login, a cast of three, and no way to a paid model.

Alice owns, Bob is on her team, Charlie must see nothing. tests/services.py starts PostgreSQL and Redis before this.
"""

import os
from collections.abc import Callable, Generator, Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from django.test.testcases import TransactionTestCase
from rest_framework.test import APIClient
from whitenoise.middleware import WhiteNoiseMiddleware

from config.embedded import postgres
from teams.models import Role
from tests import factories, frozen
from tests.factories import Person

# Browser tests drive playwright's event loop and the ORM from one thread.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

_KEPT = {"django_migrations", "django_content_type", "auth_permission"}


def _empty_tables() -> None:
    """Empty all tables as the superuser, without triggers: the product's login may not, and TRUNCATE takes ten times as
    long, for it makes the files of all tables and indexes anew."""
    server = os.environ["DATABASE_ADMIN_URL"]
    with psycopg.connect(server, dbname=postgres.DATABASE, autocommit=True) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        connection.execute("SET session_replication_role = replica")
        connection.execute("; ".join(f'DELETE FROM "{name}"' for (name,) in rows if name not in _KEPT))


_walk = WhiteNoiseMiddleware.add_files_from_finders
_static: dict[str, Any] = {}


def _walk_once(middleware: WhiteNoiseMiddleware) -> None:
    """Every test client makes the middleware anew, which would walk all static files each time."""
    if not _static:
        _walk(middleware)
        _static.update(middleware.files)
    middleware.files.update(_static)


WhiteNoiseMiddleware.add_files_from_finders = _walk_once

TransactionTestCase._fixture_teardown = lambda self: _empty_tables()  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """Once all of its fixtures have ended, no test leaves a setting changed in place."""
    try:
        return (yield)
    finally:
        if changed := frozen.put_back():
            pytest.fail(f"changed in place: {', '.join(changed)}; assign to settings.NAME instead", pytrace=False)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """Migrate as the owner, then let every test log in as atb_app, as the product does."""
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        _empty_tables()
    yield
    connections["default"].close()
    if connections["default"].pool:
        connections["default"].close_pool()


@pytest.fixture(autouse=True)
def _outer_transaction(request: pytest.FixtureRequest, settings: Any) -> None:
    """A test that runs inside one transaction may open scopes in it; one with `transaction=True` may not."""
    marker = request.node.get_closest_marker("django_db")
    transactional = bool(marker and marker.kwargs.get("transaction")) or "transactional_db" in request.fixturenames
    settings.TENANCY_ALLOW_OUTER_ATOMIC = not transactional


@pytest.fixture
def acme(db: None) -> Any:
    """Alice's and Bob's tenant."""
    return factories.TenantFactory.create(slug="acme", name="Acme")


@pytest.fixture
def globex(db: None) -> Any:
    """Charlie's tenant."""
    return factories.TenantFactory.create(slug="globex", name="Globex")


@pytest.fixture
def alice(acme: Any) -> Person:
    """Admin of acme."""
    return factories.person("alice", acme, Role.ADMIN)


@pytest.fixture
def bob(acme: Any) -> Person:
    """Operator in acme."""
    return factories.person("bob", acme, Role.OPERATOR)


@pytest.fixture
def charlie(globex: Any) -> Person:
    """Admin of another tenant: must see nothing of acme."""
    return factories.person("charlie", globex, Role.ADMIN)


@pytest.fixture
def api() -> Callable[..., APIClient]:
    """`api(alice)` is a client with a fresh key of all scopes; `api(alice, "teams:read")` has just those."""

    def client(who: Person | None = None, *scopes: str) -> APIClient:
        made = APIClient()
        if who is not None:
            made.credentials(HTTP_AUTHORIZATION=f"Bearer {who.key(*scopes)}")
        return made

    return client
