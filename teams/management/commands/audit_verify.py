"""`manage.py audit_verify`: has anybody changed the audit trail? Exit status 1 when somebody has."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from teams.management.base import ProductCommand
from teams.models import Tenant
from teams.sealer import verify


class Command(ProductCommand):
    help = (
        "Compute each tenant's audit chain again and compare. Note the heads somewhere else from time to time: "
        "a head that is noted there proves all entries before it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="this tenant alone")

    def handle(self, *_args: Any, **options: Any) -> None:
        slug = options["tenant"]
        faulty = [
            tenant.slug for tenant in ([self.find(slug)] if slug else Tenant.objects.all()) if self._faults(tenant)
        ]
        if faulty:
            raise CommandError(f"the audit trail of {', '.join(faulty)} is not what was sealed", returncode=1)

    def _faults(self, tenant: Tenant) -> int:
        verdict = verify(tenant.id)
        state = f"{len(verdict.faults)} FAULTS" if verdict.faults else "sound"
        counts = f"{verdict.entries} entries in {verdict.seals} seals, {verdict.unsealed} not sealed yet"
        self.stdout.write(f"{tenant.slug}: {state}; {counts}; head {verdict.head or '(none)'}")
        for fault in verdict.faults:
            self.stdout.write(f"  {fault}")
        return len(verdict.faults)
