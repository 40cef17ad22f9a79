"""A filter by days, kept in the address as `from` and `to` (UTC, both included)."""
# ruff: noqa: ARG002 - the signatures are Django's

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

_NAMES: Final = ("from", "to")
_PRESETS: Final = (("Today", 0), ("Last 7 days", 6), ("Last 30 days", 29))


class SpanFilter(admin.ListFilter):
    """Rows by `created_at`: some usual spans, or two days to choose."""

    title = "day (UTC)"
    template = "admin/executions/span_filter.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in _NAMES:
            if name in params:
                given = params.pop(name)
                self.used_parameters[name] = given[-1] if isinstance(given, list) else given
        left_out = {*_NAMES, "p", "e"}
        self.others = [(name, value) for name, value in request.GET.items() if name not in left_out]

    @property
    def begins(self) -> str:
        """The first day, as the address has it."""
        return str(self.used_parameters.get("from", ""))

    @property
    def ends(self) -> str:
        """The last day, as the address has it."""
        return str(self.used_parameters.get("to", ""))

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(_NAMES)

    def choices(self, changelist: Any) -> Iterator[Any]:
        everything = changelist.get_query_string(remove=_NAMES)
        yield {"selected": not (self.begins or self.ends), "query_string": everything, "display": "Any day"}
        today = timezone.now().date()
        for label, days in _PRESETS:
            begins = (today - timedelta(days=days)).isoformat()
            shown = changelist.get_query_string({"from": begins}, ["to"])
            yield {"selected": (self.begins, self.ends) == (begins, ""), "query_string": shown, "display": label}

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        if self.begins:
            queryset = queryset.filter(created_at__gte=_midnight(self.begins))
        return queryset.filter(created_at__lt=_midnight(self.ends) + timedelta(days=1)) if self.ends else queryset


def _midnight(day: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(day), time(), UTC)
    except ValueError as error:
        raise IncorrectLookupParameters(f"{day} is no day: write it as 2026-11-27") from error
