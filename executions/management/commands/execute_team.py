"""`manage.py execute_team TEAM [--input TEXT] [--tokens N]`: run a team and watch it in the terminal.

The run is the same as any other: a worker carries it, and it goes on when this command is gone.
"""

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from rich.console import Console

from executions.api_shapes import Budget
from executions.conversation import conversation_log
from executions.engine import give_back
from executions.follow import follow, totals
from executions.models import Execution, Source, Status, Step, Worker
from executions.services import execution_cancel, execution_get, execution_start
from executions.terminal import RunScreen
from teams.access import Actor
from teams.errors import Conflict
from teams.management.base import ProductCommand
from teams.models import Team, Tenant
from teams.tenancy import tenant

PATIENCE_SECONDS = 5.0
"""How long a run may wait in the queue before we look whether there is a worker at all."""

BEAT_SECONDS = 15
"""A worker that has not reported for so long is taken for dead; as in reap_v1, which reap_v3 calls."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


class Command(ProductCommand):
    help = "Run a team and watch it here. Exit status: 0 when the run succeeded, 1 when not, 130 after Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", metavar="TEAM", help="the team's id, or its exact name")
        parser.add_argument("--input", metavar="TEXT", help="what follows the team's goal as the first message")
        parser.add_argument("--tenant", metavar="SLUG", help="whose team it is (default: whoever has such a team)")
        for name, field in Budget.model_fields.items():
            kind = int if name in {"tokens", "steps"} else float
            about = field.description or ""
            parser.add_argument(f"--{name}", type=kind, metavar="N", help=f"most {name} the run may use. {about}")
        parser.add_argument("--json", action="store_true", help="print nothing but the outcome, as JSON")
        parser.add_argument(
            "--cancel-on-interrupt", action="store_true", help="Ctrl-C cancels the run (default: it goes on)"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        owner, team = self._found(options["team"], options["tenant"])
        actor = self.actor_in(owner)
        given = {name: options[name] for name in Budget.model_fields if options[name] is not None}
        more: Any = {"budget": Budget.read(given, "The budget").limits(), "source": Source.COMMAND}
        run = execution_start(actor=actor, team_id=team.id, input=options["input"], **more).execution
        self.stdout.ending = ""  # rich ends its own lines
        screen = None if options["json"] else RunScreen(Console(file=self.stdout))  # type: ignore[arg-type]
        if screen is not None:
            self.hint(f"{team.name}, version {run.version}: run {run.id}")
        try:
            asyncio.run(self._watch(run, screen))
        except KeyboardInterrupt:
            self._interrupted(actor, run, cancel=options["cancel_on_interrupt"])
        run = execution_get(actor=actor, execution_id=run.id)
        if screen is None:
            self.stdout.write(json.dumps(outcome(run), indent=2) + "\n")
        else:
            screen.result()
        if run.status != Status.SUCCEEDED:
            raise CommandError(f"the run is {run.status}: {(run.error or {}).get('message', 'it was stopped')}")

    def _found(self, wanted: str, slug: str | None) -> tuple[Tenant, Team]:
        """The one team that is meant. Raises `CommandError` when there is none, or more than one."""
        owners = [self.find(slug)] if slug else list(Tenant.objects.filter(is_active=True))
        found = [(owner, team) for owner in owners for team in _teams(owner, wanted)]
        if len(found) == 1:
            return found[0]
        where = f"tenant {slug}" if slug else "any tenant"
        if not found:
            raise CommandError(f"{where} has no team {wanted!r}; give the id or the exact name")
        places = "\n".join(f"  --tenant {owner.slug} {team.id}" for owner, team in found)
        raise CommandError(f"{len(found)} teams are called {wanted!r}; say which one:\n{places}")

    async def _watch(self, run: Execution, screen: RunScreen | None) -> None:
        alarm = asyncio.create_task(self._alarm(run))
        async for event in follow(run.tenant_id, run.id):
            if screen is not None:
                screen.show(event)
        alarm.cancel()
        with suppress(asyncio.CancelledError):
            await alarm

    async def _alarm(self, run: Execution) -> None:
        """Say so when the run waits because nobody works."""
        await asyncio.sleep(PATIENCE_SECONDS)
        if await sync_to_async(_is_waiting_for_nobody, thread_sensitive=False)(run):
            self.hint(
                "no worker is running; start one with `celery -A config worker --pool threads` "
                "(the run waits in the queue; Ctrl-C leaves it there)"
            )

    def _interrupted(self, actor: Actor, run: Execution, *, cancel: bool) -> None:
        if not cancel:
            here = f"/api/v1/executions/{run.id}"
            raise CommandError(f"left; the run goes on: see {here}", returncode=INTERRUPTED)
        try:
            execution_cancel(actor=actor, execution_id=run.id, reason="Ctrl-C")
        except Conflict as error:
            raise CommandError(f"too late to cancel: {error}", returncode=INTERRUPTED) from error
        raise CommandError(f"run {run.id} is asked to stop before its next call", returncode=INTERRUPTED)


def outcome(run: Execution) -> dict[str, Any]:
    """What a script wants to know of a run that has ended."""
    with tenant(run.tenant_id):
        log = conversation_log(Step.objects.filter(execution_id=run.id).defer("request", "result").order_by("seq"))
    return {
        "execution_id": str(run.id),
        "team_id": str(run.team_id),
        "version": run.version,
        "status": run.status,
        "final_answer": (run.display or {}).get("final_answer"),
        "error": run.error,
        "totals": totals(run),
        "conversation_log": log,
    }


def _teams(owner: Tenant, wanted: str) -> list[Team]:
    try:
        which: dict[str, Any] = {"id": UUID(wanted)}
    except ValueError:
        which = {"name": wanted}
    with tenant(owner.id):
        return list(Team.objects.filter(is_deleted=False, **which))


def _is_waiting_for_nobody(run: Execution) -> bool:
    try:
        with tenant(run.tenant_id):
            queued = Execution.objects.filter(id=run.id, status=Status.QUEUED).exists()
        alive = Worker.objects.filter(beat_at__gt=timezone.now() - timedelta(seconds=BEAT_SECONDS), draining=False)
        return queued and not alive.exists()
    finally:
        give_back()
