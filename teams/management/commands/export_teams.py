"""`manage.py export_teams --tenant SLUG [--out FILE] [TEAM ...]`: teams as one JSON document."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from teams.management.base import ProductCommand
from teams.transfer import export_teams


class Command(ProductCommand):
    help = "Write teams as one JSON document that import_teams reads; all of the tenant's unless some are named."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("teams", nargs="*", metavar="TEAM", help="ids of the teams (default: all)")
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--out", type=Path, metavar="FILE", help="where to write it (default: standard output)")

    def handle(self, *_args: Any, **options: Any) -> None:
        actor = self.actor_in(self.find(options["tenant"]))
        ids = [_uuid(text) for text in options["teams"]] or None
        document = export_teams(actor=actor, team_ids=ids)
        text = json.dumps(document, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
        out, count = options["out"], len(document["teams"])
        if out is None:
            self.stdout.write(text)
        else:
            _write(out, text)
        self.hint(f"{count} team{'s' if count != 1 else ''} of {actor.tenant_slug} exported")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is not the id of a team") from error


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {out}: {error}") from error
