"""`manage.py demo_tenant`: what somebody needs to look around, for the embedded mode. Safe to run again."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from teams.access import ALL_SCOPES, Actor
from teams.directory import member_set, password_set, tenant_create, tenant_find
from teams.errors import NotFound
from teams.keyring import key_create, key_revoke
from teams.management.base import ProductCommand, read_secret
from teams.models import ApiKey, Role, Tenant
from teams.tenancy import tenant as scope

NAME = "demo"


class Command(ProductCommand):
    help = "Make the tenant, user and API key 'demo' and print them as one line of JSON. Former demo keys are revoked."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--password-file", type=Path, help="read the password here, or write a new one there")

    def handle(self, *_args: Any, **options: Any) -> None:
        tenant = _tenant()
        actor = self.actor_in(tenant)
        password = _password(options["password_file"])
        member = member_set(actor=actor, username=NAME, role=Role.ADMIN, password=password)
        password_set(member.user, password)
        login = {"tenant": tenant.slug, "username": NAME, "password": password, "api_key": _fresh_key(actor)}
        self.stdout.write(json.dumps(login))


def _tenant() -> Tenant:
    try:
        return tenant_find(NAME)
    except NotFound:
        return tenant_create(slug=NAME, name="Demo", by="demo_tenant")


def _password(file: Path | None) -> str:
    """The password in the file; a new one, written there, when there is no file yet."""
    new = secrets.token_urlsafe(12)
    if file is None:
        return new
    try:
        if file.exists():
            file.chmod(0o600)
            return read_secret(file)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(f"{new}\n")
    except OSError as error:
        raise CommandError(f"cannot keep the password in {file}: {error}") from error
    return new


def _fresh_key(actor: Actor) -> str:
    with scope(actor.tenant_id):
        former = ApiKey.objects.filter(name=NAME, created_by=actor.label, revoked_at=None)
        for key_id in former.values_list("id", flat=True):
            key_revoke(actor=actor, key_id=key_id, reason="replaced by a fresh demo key")
        return key_create(actor=actor, name=NAME, scopes=sorted(ALL_SCOPES))[1]
