"""What every admin page of the product has: pages of one object besides its form, changes that are asked for first,
lists that count with measure.
"""
# ruff: noqa: ARG002 - the signatures are Django's

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst

from teams.changelists import BoundedPaginator
from teams.errors import NotFound, TeamBuilderError
from teams.forms import ReasonForm, tried
from teams.pastof import plain

if TYPE_CHECKING:  # Unfold has no types; its class is the admin's with another look
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin

T = TypeVar("T")

_AT_ONCE: Final = 200
"""So many ticked rows are changed at once, at most."""

_REFUSALS_TOLD: Final = 5
"""Of more rows than these it is not told one by one what refused them."""


def sentence(error: TeamBuilderError) -> str:
    """An error in one line: what is wrong and where."""
    places = "; ".join(f"{found['loc']}: {found['msg']}" if found["loc"] else found["msg"] for found in error.errors)
    return f"{error.detail} {places}".strip()


def attempt(request: HttpRequest, change: Callable[[], T]) -> T | None:
    """Make a change; a refused one becomes a message and None."""
    return tried(change, lambda error: messages.error(request, sentence(error)))


class ObjectPages(ModelAdmin):
    """Pages of one object besides its form, each `<id>/<name>/` and linked above the form.

    `object_pages` maps a name to its button's text; the view is the method `<name>_page(request, object_id)`.
    """

    object_pages: ClassVar[Mapping[str, str]] = {}
    narrowed_by: ClassVar[tuple[str, ...]] = ()
    """Fields by which links narrow the list, besides those of its filters."""
    list_per_page = 50
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # a count of all rows for each choice of each filter
    paginator = BoundedPaginator
    view_on_site = False

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<uuid:object_id>/{name}/",
                self.admin_site.admin_view(getattr(self, f"{name}_page")),
                name=f"{self.opts.app_label}_{self.opts.model_name}_{name}",
            )
            for name in self.object_pages
        ]
        return own + super().get_urls()

    def offers(self, request: HttpRequest, obj: Any, name: str) -> bool:
        """Whether the page `name` of this object is linked for this user; the page itself checks again."""
        return self.has_change_permission(request, obj)

    def page_url(self, name: str, *args: Any) -> str:
        """Return the address of a page of this model: "changelist", "change", "history" or one of `object_pages`."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)

    def tools(self, request: HttpRequest, obj: Any) -> list[tuple[str, str]]:
        """Return the links above an object's form as (text, address)."""
        offered = [name for name in self.object_pages if self.offers(request, obj, name)]
        return [(self.object_pages[name], self.page_url(name, obj.pk)) for name in offered]

    def has_history(self, request: HttpRequest) -> bool:
        """Whether this user may see who changed an object."""
        return True

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Whether the address may narrow the list so: by its filters alone.

        Django lets it ask for any column of the model; letter by letter that tells what no page shows, such as a run's
        `result` or the digest of a key.
        """
        name = lookup.partition("__")[0]
        columns = {known for field in self.opts.get_fields() for known in (field.name, getattr(field, "attname", ""))}
        if name in columns and name not in self._filtered(request):
            return False
        return bool(super().lookup_allowed(lookup, value, request))

    def _filtered(self, request: Any) -> set[str]:
        filters = self.get_list_filter(request)
        named = [found if isinstance(found, str) else getattr(found, "parameter_name", None) or "" for found in filters]
        return {name.partition("__")[0] for name in (*named, *self.narrowed_by, self.date_hierarchy or "")}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, titled by what is in it rather than by what to do with it."""
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, {**title, **(extra_context or {})})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = kwargs.get("obj")
        context["tools"] = self.tools(request, obj) if obj else []
        context["has_history"] = obj is not None and self.has_history(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def found(self, request: HttpRequest, object_id: object) -> Any:
        """Return an object of the scope; raise `NotFound`, alike for foreign and missing ones."""
        obj = self.get_object(request, str(object_id))
        if obj is None:
            raise NotFound(f"There is no such {self.opts.verbose_name} here.")
        return obj

    def page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """Render a page of this model."""
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return TemplateResponse(request, template, {**frame, **context})

    def confirm(self, request: HttpRequest, obj: Any, **context: Any) -> TemplateResponse:
        """Ask before a change: `title`, `consequences` (sentences), `button`, and perhaps a `form`."""
        return self.page(request, "admin/confirm.html", object=obj, **context)

    def ask_and_change(
        self,
        request: HttpRequest,
        obj: Any,
        change: Callable[..., object],
        *,
        done: str,
        back: HttpResponseRedirect,
        form: forms.Form | None = None,
        **asked: Any,
    ) -> HttpResponse:
        """Ask before a change, as `confirm` does; once that is confirmed, make it, say what happened and go `back`.

        `change` takes what the form holds: a `reason`, unless another `form` is given. Rights are the caller's to
        check, before this, whatever the method of the request.
        """
        form = ReasonForm(request.POST or None) if form is None else form
        if request.method != "POST" or not form.is_valid():
            return self.confirm(request, obj, form=form, **asked)

        def change_and_say_so() -> None:
            change(**form.cleaned_data)
            messages.success(request, done)

        attempt(request, change_and_say_so)
        return back

    def ask_and_change_each(
        self, request: HttpRequest, ticked: QuerySet[Any], change: Callable[[Any, str], object], verb: str,
        consequences: Iterable[str], *, danger: bool = False,
    ) -> HttpResponse | None:  # fmt: skip
        """Ask before a change of the rows ticked in a list; then make it for each, and say what was refused."""
        rows, kind = list(ticked[: _AT_ONCE + 1]), self.opts.verbose_name_plural
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if len(rows) > _AT_ONCE:
            messages.error(request, f"At most {_AT_ONCE} {kind} at once.")
            return None
        if form.is_valid():
            reason = form.cleaned_data["reason"]
            refused: dict[Any, TeamBuilderError] = {}
            for row in rows:
                tried(partial(change, row, reason), partial(refused.__setitem__, row))
            tell = messages.warning if refused else messages.success
            tell(request, f"{verb}: done for {len(rows) - len(refused)} of {len(rows)} {kind}.")
            for row, error in [*refused.items()][:_REFUSALS_TOLD]:
                messages.error(request, f"{self.told(row)}: {sentence(error)}")
            if (more := len(refused) - _REFUSALS_TOLD) > 0:
                messages.error(request, f"{more} more {'was' if more == 1 else 'were'} refused as well.")
            return None
        # The button names the rows, too: "Cancel" alone is on such a page what leaves all as it is.
        button = f"{verb} {len(rows)} {self.opts.verbose_name if len(rows) == 1 else kind}"
        shown: Any = {"objects": {row.pk: self.told(row) for row in rows}, "form": form, "danger": danger}
        shown |= {"title": f"{button}?", "button": button, "action": request.POST.get("action", "")}
        return self.confirm(request, None, consequences=consequences, **shown)

    def told(self, obj: Any) -> str:
        """An object as people know it, where several are named."""
        return str(obj)

    def back_to_list(self) -> HttpResponseRedirect:
        """Go to the list."""
        return HttpResponseRedirect(self.page_url("changelist"))

    def back_to(self, object_id: object) -> HttpResponseRedirect:
        """Go to an object."""
        return HttpResponseRedirect(self.page_url("change", object_id))

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What changed, as {"before", "after"} for the audit trail; never passwords."""
        names = [name for name in form.changed_data if "password" not in name]
        before = {name: plain(form.initial.get(name)) for name in names if not add}
        return {"before": before or None, "after": {name: plain(form.cleaned_data.get(name)) for name in names}}
