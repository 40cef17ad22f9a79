"""What a run's page asks a person: a call to approve, a lost call to explain, a run to release, a budget to raise."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import HttpRequest

from executions.admin_budgets import limits_in_words
from executions.admin_timeline import entry_of
from executions.approvals import DECIDE
from executions.budgets import Limits
from executions.models import Approval, Execution, Status, Step, StepState
from teams.adminbase import acting
from teams.badges import moment

OUTCOMES = [
    ("happened", "It happened: go on without making the call again"),
    ("did_not", "It did not happen: make the call again, under a new idempotency key"),
    ("fail", "Fail the run"),
]
BACK = "back"
"""Field of the forms on a run's page: with `run` the answer leads back there."""


@dataclass(frozen=True)
class Ask:
    """One box. `may`: this user may answer, so it has a form; `id` keeps it apart while the page renews itself."""

    kind: str
    id: str
    title: str
    may: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


class ResolveForm(forms.Form):
    """What became of a tool call of which nobody knew."""

    step = forms.ChoiceField(label="Tool call")
    outcome = forms.ChoiceField(choices=OUTCOMES, widget=forms.RadioSelect)
    note = forms.CharField(label="Why", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, keys: list[str], data: Any = None) -> None:
        super().__init__(data)
        step = self.fields["step"]
        assert isinstance(step, forms.ChoiceField)  # noqa: S101 - for the type checker
        step.choices = [(key, key) for key in keys]


def may(request: HttpRequest, scope: str) -> bool:
    """Whether this user may do what the scope allows, in the chosen tenant."""
    actor = acting(request)
    return actor is not None and scope in actor.scopes


def unknown_steps_of(run: Execution) -> Any:
    """The calls of a run of which nobody knows whether they happened."""
    return Step.objects.filter(execution_id=run.pk, state=StepState.UNKNOWN).defer("request", "result")


def asks_of(request: HttpRequest, run: Execution, steps: Sequence[Step]) -> list[Ask]:
    """What this run waits for; empty when it needs nobody."""
    decides, runs = may(request, DECIDE), may(request, "executions:run")
    asks = [_approval_ask(approval, decides) for approval in _undecided(run)]
    asks += [_unknown_ask(step, decides) for step in steps if step.state == StepState.UNKNOWN]
    if run.status == Status.QUARANTINED:
        asks.append(Ask("release", "ask-release", "This run is quarantined", runs))
    if run.status == Status.BUDGET_EXCEEDED:
        facts = {"limits": limits_in_words(Limits.of(run.budget)), "why": (run.error or {}).get("message", "")}
        asks.append(Ask("budget", "ask-budget", "The budget is used up", runs, facts))
    return asks


def _undecided(run: Execution) -> Sequence[Approval]:
    if run.status != Status.WAITING:
        return []
    return list(Approval.objects.filter(execution_id=run.pk, decision="").order_by("step_key"))


def _approval_ask(approval: Approval, decides: bool) -> Ask:
    title = "This run waits for you" if decides else "This run waits for a person"
    facts = {"approval": approval, "expires": moment(approval.expires_at), "arguments": arguments_of(approval)}
    return Ask("approval", f"ask-{approval.pk}", title, decides, facts)


def _unknown_ask(step: Step, decides: bool) -> Ask:
    facts = {"entry": entry_of(step), "step": step, "outcomes": OUTCOMES}
    return Ask("unknown", f"ask-step-{step.seq}", "Nobody knows whether this call happened", decides, facts)


def arguments_of(approval: Approval) -> list[tuple[str, str]]:
    """What the tool would be called with, one argument a line; long JSON is indented."""
    args = approval.args if isinstance(approval.args, dict) else {"": approval.args}
    return [
        (name, value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False))
        for name, value in args.items()
    ]
