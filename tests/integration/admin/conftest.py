"""Signed-in browsers of the cast, and posting as the admin's own forms do."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from teams.models import Role
from tests import factories
from tests.factories import Person

TENANT_FIELD = re.compile(r'name="_tenant" value="([^"]+)"')


class Browser(Client):
    """Django's test client; `submit` sends the tenant field of the page at the address, as a browser would."""

    def submit(self, address: str, data: dict[str, Any] | None = None, *, page: str = "") -> Any:
        shown = self.get(page or address)
        found = TENANT_FIELD.search(shown.content.decode())
        assert found, f"{page or address} answered {shown.status_code} without a form"
        return self.post(address, {"_tenant": found[1], **(data or {})})


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Each test signs in; the real hash is made to take its time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def signed_in() -> Callable[[Any], Browser]:
    """`signed_in(alice)`: through the login page, with the password."""

    def sign_in(who: Any) -> Browser:
        browser = Browser()
        user = who.user if isinstance(who, Person) else who
        answer = browser.post("/admin/login/", {"username": user.username, "password": factories.PASSWORD})
        assert answer.status_code == 302, answer.content
        return browser

    return sign_in


@pytest.fixture
def vera(acme: Any) -> Person:
    """Viewer in acme."""
    return factories.person("vera", acme, Role.VIEWER)


@pytest.fixture
def nobody(db: None) -> Any:
    """Staff without a tenant."""
    return factories.UserFactory.create(username="nobody")


@pytest.fixture
def root(db: None) -> Any:
    """The platform's superuser, member of nothing."""
    return factories.UserFactory.create(username="root", is_superuser=True)
