"""Forms of the admin. A form that changes something hands it to a service and shows what the service refuses."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from unfold import widgets as looks

from teams.access import SCOPES, Actor
from teams.building import Prepared
from teams.diff import compare
from teams.directory import member_make
from teams.errors import Forbidden, Invalid, Located, TeamBuilderError
from teams.keyring import key_create
from teams.members import member_add, member_change
from teams.models import ApiKey, Membership, Role
from teams.selects import LongSelect
from teams.services import MAX_REASON
from teams.spec import TeamSpec, dump

T = TypeVar("T")


def prepared_for(request: HttpRequest) -> Prepared | None:
    """Return what was prepared before the page's scope was opened (see teams/admin_proposals.py); raise what refused
    it."""
    found: Prepared | TeamBuilderError | None = getattr(request, "prepared", None)
    if isinstance(found, TeamBuilderError):
        raise found
    return found


_WITHOUT_ARROW = {"appearance-none", "pr-8!"}
"""The theme takes a select's own arrow away and draws one in the markup around it, which declared fields lack."""

_LOOKS: list[tuple[tuple[type[forms.Widget], ...], list[str]]] = [
    ((forms.TextInput, forms.NumberInput, forms.EmailInput, forms.URLInput, forms.PasswordInput), looks.INPUT_CLASSES),
    ((forms.Textarea,), looks.TEXTAREA_CLASSES),
    ((forms.Select, LongSelect), [name for name in looks.SELECT_CLASSES if name not in _WITHOUT_ARROW]),
    ((forms.CheckboxInput,), looks.CHECKBOX_CLASSES),
]


def dress(widget: forms.Widget) -> None:
    """Give one of Django's own widgets the theme's classes: those of model fields have them, declared ones do not.

    Not lists of boxes and radios: Django puts their classes on the list around them as well.
    """
    for kinds, classes in _LOOKS:
        if type(widget) in kinds:
            own = widget.attrs.get("class", "")
            widget.attrs["class"] = " ".join([*classes, own]).strip()


class ReasonForm(forms.Form):
    """Why somebody does what a page asks them to confirm."""

    reason = forms.CharField(
        label="Why", required=False, max_length=MAX_REASON, widget=forms.Textarea(attrs={"rows": 2, "cols": 80})
    )


def tried(change: Callable[[], T], refused: Callable[[TeamBuilderError], object]) -> T | None:
    """Make a change; one that is refused is told to `refused`, and None. Missing rights still end in a page of their
    own."""
    try:
        return change()
    except Forbidden:
        raise
    except TeamBuilderError as error:
        refused(error)
        return None


class ShowsRefusals(forms.BaseForm):
    """A form that shows what a service refused, each part at its field."""

    def field_of(self, loc: str) -> str | None:
        """Return the field an error at `loc` belongs to; None for the whole form."""
        field = loc.partition(".")[0]
        return field if field in self.fields else None

    def line(self, found: Located) -> str:
        """Return an error as its text on the form; it names its place as far as no field does."""
        loc = found["loc"]
        place = loc.partition(".")[2] if self.field_of(loc) else loc
        return f"{place}: {found['msg']}" if place else found["msg"]

    def refused(self, error: TeamBuilderError) -> None:
        """Show what was refused."""
        if not error.errors:
            self.add_error(None, error.detail)
        # All lines first: adding an error takes its field out of `cleaned_data`, which the next line may need.
        for field, line in [(self.field_of(found["loc"]), self.line(found)) for found in error.errors]:
            self.add_error(field, line)

    def tried(self, change: Callable[[], T]) -> T | None:
        """Make a change; a refused one becomes errors of the form and None."""
        return tried(change, self.refused)


class ServiceForm(ShowsRefusals, forms.ModelForm):
    """A form that is stored by a service, as the last step of its validation.

    So everything the service refuses, also what it learns only while writing, is an error of the form and nothing that
    was typed is lost. The admin checks rights before it validates, and validates once; the service checks them again.
    """

    actor: ClassVar[Actor]
    request: ClassVar[HttpRequest]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            dress(field.widget)

    def store(self) -> None:
        """Call the service with the cleaned values."""
        raise NotImplementedError

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            self.store()
        except Forbidden as error:
            # Rights have a page of their own; a forbidden value (another tenant's id) belongs to its field.
            if not error.errors:
                raise
            self.refused(error)
        except TeamBuilderError as error:
            self.refused(error)


class ApiKeyForm(ServiceForm):
    """A new API key: what uses it, what it may do, and until when."""

    LIFETIMES = (
        ("30", "30 days from now"),
        ("90", "90 days from now"),
        ("365", "A year from now"),
        ("date", "Until the moment below"),
        ("never", "Never: it works until somebody revokes it"),
    )

    key: str
    scopes = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {meaning}") for name, meaning in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text="What the key may do. Give it no more than it needs.",
    )
    lifetime = forms.ChoiceField(
        label="Ends",
        choices=LIFETIMES,
        initial="90",
        widget=forms.RadioSelect,
        help_text="Before it ends, rotate it: the successor gets the same scopes.",
    )

    class Meta:
        model = ApiKey
        fields = ["name", "scopes", "expires_at"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "expires_at" in self.fields:
            self.fields["expires_at"].label = "The moment it ends (UTC)"
            self.fields["expires_at"].help_text = "Only for “Until the moment below”."

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        chosen, moment = values.get("lifetime"), values.get("expires_at")
        if chosen == "date" and not moment and "expires_at" not in self.errors:
            self.add_error("expires_at", "Give the moment, or choose another end.")
        elif chosen != "date" and moment:
            self.add_error(
                "expires_at", "A moment is given, but another end is chosen: choose “Until the moment below”."
            )
        return values

    def store(self) -> None:
        wanted = {name: self.cleaned_data[name] for name in ("name", "scopes")}
        row, self.key = key_create(actor=self.actor, expires_at=self._ends(), **wanted)
        self.instance.pk, self.instance.prefix = row.pk, row.prefix

    def _ends(self) -> datetime | None:
        chosen = self.cleaned_data["lifetime"]
        if chosen.isdecimal():
            return timezone.now() + timedelta(days=int(chosen))
        given: datetime | None = self.cleaned_data["expires_at"]
        return given if chosen == "date" else None


class MembershipForm(ServiceForm):
    """A user, given by name, and a role. A list to choose from would show every tenant's users.

    A superuser may make the user at the same time, by giving a first password.
    """

    username = forms.CharField(max_length=150, help_text="The exact name of a user of this platform.")
    password = forms.CharField(
        label="First password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Only for a user who does not exist yet: it makes them. Leave it blank for one who does.",
    )
    role = forms.ChoiceField(choices=Role.choices, widget=forms.RadioSelect)

    class Meta:
        model = Membership
        fields = ["role", "notify_approvals"]

    def store(self) -> None:
        role = self.cleaned_data["role"]
        if not self.instance._state.adding:
            told = self.cleaned_data["notify_approvals"]
            member_change(actor=self.actor, member_id=self.instance.pk, role=role, notify_approvals=told)
            return
        name, password = self.cleaned_data["username"].strip(), self.cleaned_data.get("password", "")
        if password and self.request.user.is_superuser:
            saved = member_make(actor=self.actor, username=name, role=role, password=password)
        else:
            saved = member_add(actor=self.actor, username=name, role=role)
        self.instance.pk, self.instance.user = saved.pk, saved.user


def in_reading_order(config: Any) -> Any:
    """A stored config with its fields as the spec lists them: the database keeps keys in an order of its own."""
    try:
        return dump(TeamSpec.load(config))
    except Invalid:
        return config  # shown as it is, to be mended


def differences(before: Any, after: Any) -> list[str]:
    """What changed between two stored configs, in sentences; one that says so where a config no longer parses."""
    try:
        return [change.sentence for change in compare(before, after)]
    except Invalid as error:
        return [f"One of the two configs no longer parses, so they cannot be compared. {error.detail}"]
