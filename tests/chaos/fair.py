"""`python -m tests.chaos --fair`: how long a tenant with a thousand queued runs delays another tenant's single one."""

import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

from executions.services import execution_start
from teams.models import Role
from tests import factories
from tests.chaos.services import Services
from tests.processes import WorkerProcess

WAITED = """SELECT extract(epoch FROM started_at - created_at)::float8,
           extract(epoch FROM finished_at - started_at)::float8
    FROM executions_execution WHERE id = %s AND status = 'succeeded'"""


def measure(services: Services, slots: int, queued: int = 1000, singles: int = 10) -> int:
    """Print how long single runs waited for their start while the other tenant's pile was worked off."""
    heavy, light = (
        factories.person(slug, factories.TenantFactory.create(slug=slug), Role.ADMIN) for slug in ("heavy", "light")
    )
    pile, single = factories.team(heavy, "Alpha"), factories.team(light, "Alpha")

    def start(who: Any, team: Any) -> Any:
        try:
            return execution_start(actor=who.actor, team_id=team.id, input="chaos-0").execution.id
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: start(heavy, pile), range(queued)))
    with WorkerProcess(slots):
        waits, took = zip(*(_waited(services, start(light, single)) for _ in range(singles)), strict=True)
        left = services.rows("SELECT count(*) FROM executions_execution WHERE status = 'queued'")[0][0]
    own = statistics.median(took)
    sys.stdout.write(
        f"{queued} runs of one tenant queued, {slots} slots, a run takes {own:.2f} s; {left} still queued at the end\n"
        f"another tenant's single run waited for its start: median {statistics.median(waits):.2f} s, "
        f"longest {max(waits):.2f} s; one slot comes free every {own / slots:.2f} s on average\n"
    )
    return 0 if left else 1


def _waited(services: Services, run: Any) -> tuple[float, float]:
    while not (found := services.rows(WAITED, run)):
        time.sleep(0.1)
    waited, took = found[0]
    return waited, took
