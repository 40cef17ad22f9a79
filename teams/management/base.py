"""What the product's own commands share: their errors are one line, and a tenant is named by its slug."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from teams.access import Actor, system_actor
from teams.directory import tenant_find
from teams.errors import TeamBuilderError
from teams.models import Tenant


class ProductCommand(BaseCommand):
    """A command that calls services: what they refuse is shown as one line, and the exit status is 1."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except TeamBuilderError as error:
            raise CommandError(str(error)) from error

    def hint(self, text: str) -> None:
        """Say something to the person; standard output is left to what a script reads."""
        self.stderr.write(text, style_func=str)

    def actor_in(self, tenant: Tenant) -> Actor:
        """Return the actor of this command in a tenant, e.g. "system:create_api_key"."""
        return system_actor(tenant.id, tenant.slug, type(self).__module__.rpartition(".")[2])

    def find(self, slug: str) -> Tenant:
        """Return the tenant; raise `CommandError` saying how to make it."""
        try:
            return tenant_find(slug)
        except TeamBuilderError as error:
            raise CommandError(f"{error}; `manage.py create_tenant {slug}` makes it") from error


def read_secret(path: Path) -> str:
    """Return the first line of a file; raise `CommandError` when there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {path}: {error}") from error
    if not lines or not lines[0]:
        raise CommandError(f"{path} is empty")
    return lines[0]
