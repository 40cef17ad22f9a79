"""`manage.py roles`: make the database roles, the database and its grants. Idempotent."""

from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from teams import roles


class Command(BaseCommand):
    help = "Create the database roles (atb_owner, atb_app, atb_system, atb_mirror), the database and its grants."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--admin-url",
            default=settings.DATABASE_ADMIN_URL,
            help="an administrator's URL (default: DATABASE_ADMIN_URL)",
        )
        parser.add_argument("--dry-run", action="store_true", help="print the SQL, run nothing")

    def handle(self, **options: Any) -> None:
        if not options["admin_url"]:
            raise CommandError("give --admin-url or DATABASE_ADMIN_URL: a login that may create roles and databases")
        urls = (options["admin_url"], settings.DATABASE_URL, settings.DATABASE_OWNER_URL)
        try:
            if options["dry_run"]:
                self.stdout.write("\n".join(roles.plan(*urls)))
                return
            count = roles.apply(*urls)
        except (psycopg.Error, ValueError) as error:
            raise CommandError(str(error).strip()) from error
        self.stdout.write(f"roles and grants are in place ({count} statements)")
