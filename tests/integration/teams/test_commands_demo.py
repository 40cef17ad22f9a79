"""`demo_tenant`: may run at every start."""

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError

from teams.access import memberships_of
from teams.errors import Unauthenticated
from teams.keys import authenticate

pytestmark = pytest.mark.django_db


def run(*words: Any) -> dict[str, str]:
    out = StringIO()
    call_command("demo_tenant", *map(str, words), stdout=out)
    login: dict[str, str] = json.loads(out.getvalue())
    return login


def test_it_gives_a_login_and_a_key_that_work(tmp_path: Path) -> None:
    login = run("--password-file", tmp_path / "password")

    demo = User.objects.get(username=login["username"])
    assert (login["tenant"], demo.is_staff, demo.check_password(login["password"])) == ("demo", True, True)
    assert [(member.slug, member.role) for member in memberships_of(demo.pk)] == [("demo", "admin")]
    assert authenticate(login["api_key"]).tenant_slug == "demo"


def test_the_password_stays_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "password"
    first = run("--password-file", file)
    stored = User.objects.get(username="demo").password
    second = run("--password-file", file)

    assert first["password"] == second["password"] == file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert User.objects.get(username="demo").password == stored  # a new hash would end open sessions


def test_a_fresh_key_replaces_the_former(tmp_path: Path) -> None:
    first, second = run(), run()

    assert authenticate(second["api_key"])
    with pytest.raises(Unauthenticated):
        authenticate(first["api_key"])


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot keep"):
        run("--password-file", tmp_path / "none" / "password")
