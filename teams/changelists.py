"""Lists of the admin: counted up to a bound, wide rows read by their keys, and what is shown besides the rows."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

MOST_COUNTED: Final = 10_000
"""Rows of a list that are counted and paged; counting all of a large tenant's would take longer than the page."""


class BoundedPaginator(Paginator):
    """Counts and pages at most MOST_COUNTED rows, so that a list of any length opens at once."""

    @cached_property
    def found(self) -> int:
        """How many rows there are; one more than the bound stands for all beyond it."""
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST_COUNTED + 1].count())

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than are counted."""
        return self.found > MOST_COUNTED

    @cached_property
    def count(self) -> int:
        return min(self.found, MOST_COUNTED)


class WidePaginator(BoundedPaginator):
    """For many wide rows: an index alone says which belong on a page, and no others are read.

    `newest` is the order that an index holds. In any other order it sorts the newest MOST_COUNTED rows, those that are
    paged in the first place.
    """

    def __init__(self, rows: Any, per_page: int, *args: Any, newest: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(rows, per_page, *args, **kwargs)
        self.newest = newest

    def page(self, number: int | str) -> Page[Any]:
        place = self.validate_number(number)
        first = (place - 1) * self.per_page
        rows: Any = self.object_list
        chosen = rows
        if self.is_cut and rows.query.order_by[:1] != tuple(self.newest[:1]):
            chosen = rows.filter(pk__in=rows.order_by(*self.newest).values("pk")[:MOST_COUNTED])
        keys = list(chosen.values_list("pk", flat=True)[first : min(first + self.per_page, self.count)])
        return Page(rows.filter(pk__in=keys), place, self)


class WideRows:
    """Mixin of a ModelAdmin whose model has many wide rows."""

    not_listed: ClassVar[Sequence[str]] = ()
    """Columns that the list does not show, and so does not read."""

    def rows_listed(self, rows: Any, request: HttpRequest) -> Any:  # noqa: ARG002 - for subclasses
        """What the list shows of the rows that the filters leave."""
        return rows.defer(*self.not_listed)

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002 - Django's signature
        newest: Sequence[str] = self.ordering  # type: ignore[attr-defined]
        return WidePaginator(queryset, per_page, *args, newest=newest, **kwargs)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        base: Any = super().get_changelist(request, **kwargs)  # type: ignore[misc]

        rows_listed = self.rows_listed

        class Wide(base):
            def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
                return rows_listed(super().get_queryset(request, exclude_parameters), request)

            def get_results(self, request: HttpRequest) -> None:
                super().get_results(request)
                if not self.multi_page:  # a list of one page is not asked of the paginator
                    self.result_list = self.paginator.page(1).object_list

        return Wide


class LooksUp:
    """Mixin of a ModelAdmin: `look_up` gets the rows of the page that is shown, and may put attributes on them."""

    def look_up(self, rows: list[Any]) -> None:
        """Ask for what the page shows besides its rows, in a number of questions that does not grow with them."""
        raise NotImplementedError

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        base: Any = super().get_changelist(request, **kwargs)  # type: ignore[misc]
        look_up = self.look_up

        class Known(base):
            result_list: Any

            def get_results(self, request: HttpRequest) -> None:
                super().get_results(request)
                self.result_list = list(self.result_list)
                look_up(self.result_list)

        return Known
