"""Runs whose agent has a small tool of the test's own: it writes down each call, and fails when it is told to."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any
from unittest.mock import patch
from uuid import UUID

from pydantic import Field

from agents import registry
from agents import tools as agent_tools
from agents.tools import CATALOGUE, ToolContext, ToolResult, tool
from executions import runtime, services
from executions.models import Approval, Execution, Step
from executions.services import execution_get, execution_start
from executions.worker import Worker
from teams.tenancy import tenant
from tests import factories
from tests.factories import Person
from tests.fakes import FakeLLMServer


class WorkerLost(BaseException):
    """Stands for a kill: nothing of ours handles it."""


class Notebook:
    """What the tool Post_Note did. `raises` is raised after the effect, once."""

    def __init__(self, **facts: Any) -> None:
        self.notes: list[str] = []
        self.keys: list[str] = []
        self.raises: BaseException | None = None
        given = {"title": "Post a note", "effects": "external", "timeout_s": 5.0, **facts}
        self.tool = tool("Post_Note", **given)(self._function())

    def _function(self) -> Any:
        def post_note(context: ToolContext, text: Annotated[str, Field(max_length=200)]) -> ToolResult:
            """Posts a note.

            Args:
                text: What it says.

            Returns:
                That it is posted.
            """
            self.notes.append(text)
            self.keys.append(context.idempotency_key)
            error, self.raises = self.raises, None
            if error is not None:
                raise error
            return ToolResult(f"posted {text}")

        return post_note


@contextmanager
def offered(notebook: Notebook) -> Iterator[Notebook]:
    """The product with Post_Note beside its own tools."""
    catalogue = MappingProxyType({**CATALOGUE, "Post_Note": notebook.tool})
    with (
        patch.object(services, "CATALOGUE", catalogue),
        patch.object(registry, "CATALOGUE", catalogue),
        patch("agents.checks.CATALOGUE", catalogue),
        patch.object(runtime.tools, "call", partial(agent_tools.call, catalogue=catalogue)),
    ):
        yield notebook


class ToolRun:
    """A run of a one-agent team whose model first asks for tools (`calls`), then says that it is done."""

    def __init__(self, who: Person, model: FakeLLMServer, *calls: tuple[str, str], **agent: Any) -> None:
        self.who = who
        model.rule(model="caller", after_tools=True, answer="FINAL_ANSWER: done")
        model.rule(model="caller", calls=list(calls))
        agents = [{
            "agent_role": "Writer", "LLM_model": {"model": "caller"}, "agent_tools": ["Post_Note", "Chunk_Text"],
            **agent,
        }]  # fmt: skip
        team = factories.team(who, agents=agents)
        self.id: UUID = execution_start(actor=who.actor, team_id=team.id).execution.id

    def carry(self) -> Execution:
        """Have a worker carry it as far as it goes."""
        assert runtime.run_next(Worker(slots=1))
        return self.row

    def lose_worker(self) -> None:
        """Have a worker carry it and be lost on the way; the reaper queues it again."""
        try:
            runtime.run_next(Worker(slots=1))
        except WorkerLost:
            with tenant(self.who.tenant.id):
                Execution.objects.filter(id=self.id).update(status="queued", owner="", lease_until=None)
            return
        raise AssertionError("the worker was not lost")

    @property
    def row(self) -> Execution:
        return execution_get(actor=self.who.actor, execution_id=self.id)

    @property
    def steps(self) -> dict[str, Step]:
        with tenant(self.who.tenant.id):
            return {step.key: step for step in Step.objects.filter(execution_id=self.id).order_by("seq")}

    @property
    def approvals(self) -> list[Approval]:
        with tenant(self.who.tenant.id):
            return list(Approval.objects.filter(execution_id=self.id).order_by("step_key"))
