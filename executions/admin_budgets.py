"""What a run may use, as the admin's forms ask for it: when it is started, and when it stopped for its budget."""

from typing import Any

from django import forms

from executions.api_shapes import Budget
from executions.budgets import Limits
from teams.errors import Invalid
from teams.forms import ShowsRefusals
from teams.services import MAX_REASON


class BudgetForm(ShowsRefusals, forms.Form):
    """Limits of one run. Their bounds are the API's."""

    limits = Limits()
    tokens = forms.IntegerField(
        required=False, label="Most tokens", help_text="Optional: in and out together, over all calls."
    )
    usd = forms.FloatField(
        required=False, label="Most USD", help_text="Optional: the price of each of the team's models must be known."
    )
    steps = forms.IntegerField(required=False, label="Most steps", help_text="Optional: calls to models and tools.")
    seconds = forms.FloatField(
        required=False,
        label="Most seconds",
        help_text="Optional: spent in calls; time in the queue or waiting for a person does not count.",
    )

    def clean(self) -> dict[str, Any]:
        """Check the limits and keep them as the services take them, in `limits`."""
        values: dict[str, Any] = super().clean() or {}
        given = {name: values[name] for name in Budget.model_fields if values.get(name) is not None}
        try:
            self.limits = Budget.read(given).limits()
        except Invalid as error:
            self.refused(error)
        return values


class RaiseForm(BudgetForm):
    """Higher limits for a run that stopped for its budget."""

    reason = forms.CharField(
        label="Why", required=False, max_length=MAX_REASON, widget=forms.Textarea(attrs={"rows": 2, "cols": 80})
    )


def limits_in_words(limits: Limits) -> str:
    """`400 tokens, 0.5 usd`."""
    given = limits.stored() or {}
    return ", ".join(f"{value} {name}" for name, value in given.items()) or "none of its own"
