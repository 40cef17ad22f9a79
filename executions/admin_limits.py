"""What a tenant may use, in the admin: its admins set its limits, superusers the ceilings above them as well."""
# ruff: noqa: ARG002 - the signatures are Django's

from decimal import Decimal
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from executions.admin_look import number, usd
from executions.limits import MOST, NAMES, LimitValues, ceilings_set, limits_get, limits_set
from executions.models import TenantDay, TenantLimits, TenantSlots
from teams.changelists import LooksUp
from teams.errors import Invalid, Located
from teams.forms import ServiceForm
from teams.modeladmin import TenantModelAdmin
from teams.services import MAX_REASON

CEILING: Final = "most_"
_CEILINGS: Final = [f"{CEILING}{name}" for name in NAMES]
_HELP: Final = {
    "tokens_per_day": "In and out together, over all runs of a day (UTC). Blank: no limit.",
    "usd_per_day": "US dollars a day (UTC); calls whose price is not known are refused then. Blank: no limit.",
    "runs_per_day": "Runs accepted in a day (UTC). Blank: no limit.",
    "concurrent_runs": "Runs carried at the same time; more wait. Blank: the platform's default.",
}


def _label(name: str, ceiling: bool) -> str:
    words = name.replace("_", " ").replace("usd", "USD")
    return f"Ceiling of {words}" if ceiling else f"{words[0].upper()}{words[1:]}"


def _field(name: str, *, ceiling: bool = False) -> forms.Field:
    more: dict[str, Any] = {
        "required": False,
        "min_value": 0,
        "max_value": MOST[name],
        "label": _label(name, ceiling),
        "help_text": "The most the tenant may set. Blank: no ceiling." if ceiling else _HELP[name],
    }
    if name == "usd_per_day":
        return forms.DecimalField(max_digits=18, decimal_places=8, **more)
    return forms.IntegerField(**more)


class LimitsForm(ServiceForm):
    """All limits of the tenant; superusers see and set its ceilings, too."""

    tokens_per_day = _field("tokens_per_day")
    usd_per_day = _field("usd_per_day")
    runs_per_day = _field("runs_per_day")
    concurrent_runs = _field("concurrent_runs")
    most_tokens_per_day = _field("tokens_per_day", ceiling=True)
    most_usd_per_day = _field("usd_per_day", ceiling=True)
    most_runs_per_day = _field("runs_per_day", ceiling=True)
    most_concurrent_runs = _field("concurrent_runs", ceiling=True)
    reason = forms.CharField(
        label="Why this change", required=False, max_length=MAX_REASON, widget=forms.TextInput(attrs={"size": 80})
    )

    class Meta:
        model = TenantLimits
        fields = [name for name in (*NAMES, *_CEILINGS) if name != "concurrent_runs"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.actor is not None:  # nobody acts while a superuser looks across tenants
            self.initial["concurrent_runs"] = limits_get(actor=self.actor).limits.concurrent_runs

    def store(self) -> None:
        reason = self.cleaned_data["reason"]
        with transaction.atomic():  # a refused limit takes the ceilings back with it
            if self.request.user.is_superuser:
                self._store_ceilings(reason)
            limits_set(actor=self.actor, values=self._values(""), reason=reason)
            row = TenantLimits.objects.first()
            if row is None:
                raise Invalid("Nothing is limited, as before: there is nothing to save.")
            self.instance.pk = row.pk

    def _store_ceilings(self, reason: str) -> None:
        try:
            ceilings_set(actor=self.actor, values=self._values(CEILING), reason=reason)
        except Invalid as error:
            named = [(CEILING if found["loc"] in NAMES else "") + found["loc"] for found in error.errors]
            places = [Located(loc=loc, msg=found["msg"]) for loc, found in zip(named, error.errors, strict=True)]
            raise Invalid(error.detail, errors=places) from error

    def _values(self, prefix: str) -> LimitValues:
        return LimitValues(**{name: self.cleaned_data[f"{prefix}{name}"] for name in NAMES})


class TenantLimitsAdmin(LooksUp, TenantModelAdmin):
    """The tenant's one row of limits; without one nothing but the platform's default of runs at once holds."""

    scope_to_view = "usage:read"
    scope_to_change = "limits:write"
    form = LimitsForm
    list_display = ["__str__", "tokens", "usd", "runs", "concurrent_runs", "used_today"]
    empty_text = "Only the platform's own number of runs at once holds. Set tokens, money or runs by day here."
    actions = None

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """A tenant has one row: once there is one, adding leads to it."""
        row = TenantLimits.objects.first() if self.has_add_permission(request) else None
        return self.back_to(row.pk) if row else super().add_view(request, form_url, extra_context)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        reason = ["reason"] if self.has_change_permission(request, obj) else []
        return [*NAMES, *_CEILINGS, *reason, *(["used_today"] if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["used_today", *([] if request.user.is_superuser else _CEILINGS)]

    def save_model(self, request: HttpRequest, obj: TenantLimits, form: LimitsForm, change: bool) -> None:
        """The form has stored the limits."""

    def look_up(self, rows: list[Any]) -> None:
        """How many runs at once each tenant of the page may have, and what it used today."""
        tenants = [row.tenant_id for row in rows]
        slots = dict(TenantSlots.objects.filter(tenant__in=tenants).values_list("tenant_id", "limit"))
        days = TenantDay.objects.filter(tenant__in=tenants, day=timezone.now().date())
        today = {day.tenant_id: day for day in days}
        for row in rows:
            row.slots_limit = slots.get(row.tenant_id, settings.TENANT_RUN_LIMIT)
            row.today = today.get(row.tenant_id) or TenantDay()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            self.look_up([row])
        return row

    @admin.display(description="tokens per day", empty_value="no limit")
    def tokens(self, row: Any) -> str | None:
        return None if row.tokens_per_day is None else number(row.tokens_per_day)

    @admin.display(description="US dollars per day", empty_value="no limit")
    def usd(self, row: Any) -> str | None:
        return None if row.usd_per_day is None else usd(row.usd_per_day)

    @admin.display(description="runs per day", empty_value="no limit")
    def runs(self, row: Any) -> str | None:
        return None if row.runs_per_day is None else number(row.runs_per_day)

    @admin.display(description="concurrent runs")
    def concurrent_runs(self, row: Any) -> int:
        return int(row.slots_limit)

    @admin.display(description="used today")
    def used_today(self, row: Any) -> str:
        day: TenantDay = row.today
        tokens, spent = day.tokens_used + day.tokens_reserved, Decimal(day.usd_used) + Decimal(day.usd_reserved)
        return f"{number(tokens)} tokens, {usd(spent)}, {number(day.runs)} runs"
