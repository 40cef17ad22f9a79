"""`manage.py create_member --tenant SLUG --user NAME --role ROLE`."""

import getpass
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from teams.directory import member_set, user_find
from teams.management.base import ProductCommand, read_secret
from teams.models import Role


class Command(ProductCommand):
    help = "Make a user a member of a tenant, or give a member another role. A user who is new is created."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--user", required=True, metavar="NAME", help="login name")
        parser.add_argument("--role", required=True, choices=Role.values, help="; ".join(Role.labels))
        parser.add_argument("--password-file", type=Path, help="holds a new user's password (default: ask)")

    def handle(self, *_args: Any, **options: Any) -> None:
        tenant, username = self.find(options["tenant"]), options["user"]
        password = self._password(username, options["password_file"])
        member = member_set(actor=self.actor_in(tenant), username=username, role=options["role"], password=password)
        self.stdout.write(f"{username} is {member.role} in {tenant.slug}")

    def _password(self, username: str, file: Path | None) -> str:
        if user_find(username):
            if file:
                raise CommandError(
                    f"{username} has a password already; `manage.py changepassword {username}` changes it"
                )
            return ""
        if file:
            return read_secret(file)
        if not sys.stdin.isatty():
            raise CommandError(f"{username} is new: give --password-file, since there is no terminal to ask on")
        password = getpass.getpass(f"Password for {username}: ")
        if password != getpass.getpass("Again: "):
            raise CommandError("the two passwords are not the same")
        return password
