"""`manage.py reencrypt`: all secrets under the first of ENCRYPTION_KEYS. Exit status 1 when one cannot be read."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from teams.management.base import ProductCommand
from teams.reencrypting import BATCH, Walked, reencrypt
from teams.secrets import SecretError, writing_key


class Command(ProductCommand):
    help = (
        "Open every sealed secret and seal again, under the first of ENCRYPTION_KEYS, those that are under another. "
        "May run while the product runs, and again after it was cut off."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="open and count, write nothing")
        parser.add_argument("--batch", type=int, default=BATCH, metavar="ROWS", help=f"rows a transaction ({BATCH})")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["batch"] < 1:
            raise CommandError("--batch must be 1 or more")
        failed = 0
        try:
            for walked in reencrypt(dry_run=options["dry_run"], batch=options["batch"]):
                self._report(walked, dry_run=options["dry_run"])
                failed += len(walked.failed)
        except SecretError as error:
            raise CommandError(str(error)) from error
        if failed:
            raise CommandError(f"{failed} values cannot be opened and stay as they are: set them anew")

    def _report(self, walked: Walked, *, dry_run: bool) -> None:
        does = "would be sealed again" if dry_run else "sealed again"
        self.stdout.write(
            f"{walked.table}.{walked.column}: {walked.rows} values, {walked.resealed} {does} under {writing_key()}, "
            f"{len(walked.failed)} unreadable"
        )
        for line in walked.failed:
            self.stdout.write(f"  {line}")
