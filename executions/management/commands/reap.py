"""`manage.py reap`: one round of reaping by hand, for a platform whose workers are all down."""

from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand

from executions import tasks
from executions.reaper import reap
from executions.scheduling import fire_due


class Command(BaseCommand):
    help = (
        "Queue runs whose worker was lost and retries that are due, end runs past their deadline, fire schedules that"
        " are due, ring for the rest."
    )

    def handle(self, **_options: Any) -> None:
        with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
            reaped = reap(connection)
        fired = fire_due()
        tasks.ring(reaped.to_ring)
        self.stdout.write(
            f"expired leases queued: {reaped.expired}; quarantined: {reaped.quarantined}; retries due: {reaped.due}; "
            f"past their deadline: {reaped.overdue}; cancelled: {reaped.cancelled}; "
            f"schedules fired: {fired}; rung for: {reaped.to_ring}"
        )
