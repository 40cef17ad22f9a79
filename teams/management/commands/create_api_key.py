"""`manage.py create_api_key --tenant SLUG --scopes all|a,b`: prints the key, once and alone."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from teams.access import SCOPES
from teams.keyring import key_create, parse_scopes
from teams.management.base import ProductCommand

_LONGEST_DAYS = 3650


class Command(ProductCommand):
    help = "Create an API key and print it. It is stored nowhere, so it cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--scopes", required=True, help=f"all, or some of: {','.join(SCOPES)}")
        parser.add_argument("--name", default="command line", help="what uses the key (default: %(default)s)")
        parser.add_argument("--expires", type=int, metavar="DAYS", help="days until it ends (default: never)")

    def handle(self, *_args: Any, **options: Any) -> None:
        tenant, days = self.find(options["tenant"]), options["expires"]
        if days is not None and not 1 <= days <= _LONGEST_DAYS:
            raise CommandError(f"--expires: give 1 to {_LONGEST_DAYS} days")
        row, key = key_create(
            actor=self.actor_in(tenant),
            name=options["name"],
            scopes=parse_scopes(options["scopes"]),
            expires_at=None if days is None else timezone.now() + timedelta(days=days),
        )
        self.stdout.write(key)
        ends = f"until {row.expires_at:%Y-%m-%d}" if row.expires_at else "until it is revoked"
        self.hint(f"key {row.prefix} of tenant {tenant.slug} works {ends}; it is not shown again")
