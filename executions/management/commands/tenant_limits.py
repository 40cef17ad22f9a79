"""`manage.py tenant_limits SLUG [--ceiling-usd-per-day N]`: show a tenant's limits, set the platform's ceilings."""

import json
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import CommandParser

from executions.limits import NAMES, LimitValues, TenantUse, as_plain, ceilings_set, limits_get, limits_set
from teams.management.base import ProductCommand

NONE = "none"


class Command(ProductCommand):
    help = "Show what a tenant may use and uses (JSON). With options: set its limits, and the platform's ceilings."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="the tenant")
        for name in NAMES:
            option = name.replace("_", "-")
            parser.add_argument(f"--{option}", metavar="N", type=_value, help="the tenant's limit; none: no limit")
            parser.add_argument(
                f"--ceiling-{option}", metavar="N", type=_value, help="the most the tenant may set; none: no ceiling"
            )
        parser.add_argument("--reason", default="", help="why, for the audit trail")

    def handle(self, *_args: Any, **options: Any) -> None:
        actor = self.actor_in(self.find(options["slug"]))
        use, reason = limits_get(actor=actor), options["reason"]
        if ceilings := _given(options, "ceiling_"):
            use = ceilings_set(actor=actor, values=_changed(use.ceilings, ceilings), reason=reason)
        if limits := _given(options, ""):
            use = limits_set(actor=actor, values=_changed(use.limits, limits), reason=reason)
        self.stdout.write(json.dumps(_shown(use), indent=2))


def _given(options: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name: value for name in NAMES if (value := options[f"{prefix}{name}"]) is not None}


def _changed(values: LimitValues, given: dict[str, Any]) -> LimitValues:
    new: dict[str, Any] = {name: _as(name, value) for name, value in given.items()}
    return replace(values, **new)


def _as(name: str, value: Any) -> Any:
    if value == NONE:
        return None
    return value if name == "usd_per_day" else int(value)


def _value(text: str) -> Any:
    """A number or `none`. Raises ValueError, which argparse words."""
    if text == NONE:
        return NONE
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(text) from error
    if not value.is_finite():
        raise ValueError(text)
    return value


def _shown(use: TenantUse) -> dict[str, Any]:
    return {name: as_plain(getattr(use, name)) for name in ("limits", "ceilings", "today")}
