"""`manage.py migrate`, as the owner of the tables.

The product's own login (atb_app) may not create tables, and row level security would hide rows from a data migration.
"""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as MigrateCommand


class Command(MigrateCommand):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["database"] not in settings.DATABASES:
            raise CommandError("set DATABASE_OWNER_URL (login atb_owner): the product's own login may not migrate")
        super().handle(*args, **options)
