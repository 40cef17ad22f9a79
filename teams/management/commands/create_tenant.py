"""`manage.py create_tenant SLUG`."""

from typing import Any

from django.core.management.base import CommandParser

from teams.directory import tenant_create
from teams.management.base import ProductCommand


class Command(ProductCommand):
    help = "Create a tenant: an organisation whose teams, runs and keys no other tenant sees."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name: letters, digits, - and _; the tenant_id of team configs")
        parser.add_argument("--name", default="", help="name for people (default: the slug)")

    def handle(self, *_args: Any, **options: Any) -> None:
        made = tenant_create(slug=options["slug"], name=options["name"], by="create_tenant")
        self.stdout.write(made.slug)
        self.hint(f"next: manage.py create_member --tenant {made.slug} --user NAME --role admin")
