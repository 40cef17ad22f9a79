"""Forms of the admin. A form that changes something hands it to a service and shows what the service refuses."""

import json
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest
from django.utils import timezone

from teams import strict_json
from teams.access import SCOPES, Actor
from teams.building import Prepared
from teams.canonical import canonical_json
from teams.diff import compare
from teams.directory import member_make
from teams.errors import Forbidden, Invalid, Located, PreconditionFailed, TeamBuilderError
from teams.keyring import key_create
from teams.members import member_add, member_change
from teams.models import ApiKey, Membership, Role, Team
from teams.services import MAX_REASON, Saved, team_create, team_rename, team_update
from teams.spec import TeamSpec, dump

EXAMPLE = {
    "agent_team_main_goal": "What should the team work on?",
    "agent_team_flow": "DecisionMaker->Critic",
    "max_turns": 2,
    "agents": [
        {"agent_role": "DecisionMaker", "agent_goal_based_prompt": "Answer the question."},
        {"agent_role": "Critic", "agent_goal_based_prompt": "Say what is wrong with the answer, and what is missing."},
    ],
}
"""What a new team's editor starts with."""


def prepared_for(request: HttpRequest) -> Prepared | None:
    """Return what was prepared before the page's scope was opened (see teams/admin_proposals.py); raise what refused
    it."""
    found: Prepared | TeamBuilderError | None = getattr(request, "prepared", None)
    if isinstance(found, TeamBuilderError):
        raise found
    return found


class ReasonForm(forms.Form):
    """Why somebody does what a page asks them to confirm."""

    reason = forms.CharField(
        label="Why", required=False, max_length=MAX_REASON, widget=forms.Textarea(attrs={"rows": 2, "cols": 80})
    )


class ServiceForm(forms.ModelForm):
    """A form that is stored by a service, as the last step of its validation.

    So everything the service refuses, also what it learns only while writing, is an error of the form and nothing that
    was typed is lost. The admin checks rights before it validates, and validates once; the service checks them again.
    """

    actor: ClassVar[Actor]
    request: ClassVar[HttpRequest]

    def store(self) -> None:
        """Call the service with the cleaned values."""
        raise NotImplementedError

    def field_of(self, loc: str) -> str | None:
        """Return the field an error at `loc` belongs to; None for the whole form."""
        field = loc.partition(".")[0]
        return field if field in self.fields else None

    def line(self, found: Located) -> str:
        """Return an error as its text on the form."""
        _field, _dot, rest = found["loc"].partition(".")
        return f"{rest}: {found['msg']}" if rest else found["msg"]

    def refused(self, error: TeamBuilderError) -> None:
        """Show what the service refused, each part at its field."""
        if not error.errors:
            self.add_error(None, error.detail)
        # All lines first: adding an error takes its field out of `cleaned_data`, which the next line may need.
        for field, line in [(self.field_of(found["loc"]), self.line(found)) for found in error.errors]:
            self.add_error(field, line)

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


class TeamForm(ServiceForm):
    """A team as its JSON, with the reason for the change and the version it was made from.

    Errors of the config are listed above the field with their places. When somebody else has saved meanwhile
    (`moved`), their change is shown first; saving again puts this text in its place.
    """

    moved = False
    saved: Saved

    config = forms.CharField(
        label="Config",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 28, "cols": 110, "class": "json", "spellcheck": "false"}),
        help_text="The team as JSON. Roles that only the flow names are filled from templates when "
        "allow_TBA_to_recommend_agents is true.",
    )
    reason = forms.CharField(
        label="Why this change",
        required=False,
        max_length=MAX_REASON,
        widget=forms.TextInput(attrs={"size": 80}),
        help_text="Kept with the version.",
    )
    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Team
        fields = ["name"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored: Any = EXAMPLE if self.instance._state.adding else in_reading_order(self.instance.config)
        self.initial["config"] = json.dumps(self._stored, indent=2, ensure_ascii=False)
        self.initial["seen_version"] = self.instance.version
        if "name" in self.fields:  # a viewer's page has none
            self.fields["name"].required = False

    def clean_config(self) -> Any:
        """Read the JSON; what the config says is checked on saving."""
        try:
            return strict_json.read(self.cleaned_data["config"].encode())
        except Invalid as error:
            raise forms.ValidationError([self.line(found) for found in error.errors] or [error.detail]) from error

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        team = self.instance
        if team._state.adding:
            return values
        if values.get("seen_version") != team.version:
            self._show_other_change()
        elif "config" in values and not (self._config_changed or self._renamed):
            raise forms.ValidationError(f"Nothing differs from version {team.version}: there is nothing to save.")
        return values

    def store(self) -> None:
        values = self.cleaned_data
        given: Any = {"actor": self.actor, "team_id": self.instance.pk, "name": values["name"]}
        given["reason"] = values["reason"]
        if self.instance._state.adding:
            self.saved = team_create(config=values["config"], prepared=prepared_for(self.request), **given)
        elif self._config_changed:
            given |= {"expected_version": values["seen_version"], "prepared": prepared_for(self.request)}
            self.saved = team_update(config=values["config"], **given)
        else:
            self.saved = Saved(team_rename(**given))

    def refused(self, error: TeamBuilderError) -> None:
        super().refused(error)
        self.moved = isinstance(error, PreconditionFailed)

    def field_of(self, loc: str) -> str | None:
        return loc if loc in {"name", "reason"} else "config"

    def line(self, found: Located) -> str:
        place = _readable_place(found["loc"], self.cleaned_data.get("config"))
        return f"{place}: {found['msg']}" if place and self.field_of(found["loc"]) == "config" else found["msg"]

    @property
    def _config_changed(self) -> bool:
        try:
            return canonical_json(self.cleaned_data["config"]) != canonical_json(self._stored)
        except ValueError:  # NaN and the like, which the service refuses with its place
            return True

    @property
    def _renamed(self) -> bool:
        name = self.cleaned_data.get("name", "").strip()
        return bool(name) and name != self.initial["name"]

    def _show_other_change(self) -> None:
        self.moved = True
        team, seen = self.instance, self.cleaned_data.get("seen_version")
        versions = Team.history.filter(id=team.id, makes_version=True).order_by("version")
        base = versions.filter(version=seen).first() if seen else None
        for row in versions.filter(version__gt=seen if base else team.version - 1):
            why = f": {row.history_change_reason}" if row.history_change_reason else "."
            when = row.history_date.strftime("%d %b %Y %H:%M UTC")
            self.add_error(None, f"Changed meanwhile: {row.actor} saved version {row.version} on {when}{why}")
        for line in differences(base.config, self._stored) if base else ():
            self.add_error(None, f"Their change: {line}")
        self.add_error(None, f"Nothing was saved. Saving again puts your text in the place of version {team.version}.")
        self.data = {**self.data.dict(), self.add_prefix("seen_version"): str(team.version)}  # type: ignore[attr-defined]


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


def _readable_place(loc: str, document: Any) -> str:
    """`agents.1.LLM_model` becomes `agents.1.LLM_model (agent 2, Critic)`."""
    parts = loc.split(".")
    if parts[0] != "agents" or len(parts) < 2 or not parts[1].isdecimal():
        return loc
    agents, index = document.get("agents") if isinstance(document, dict) else None, int(parts[1])
    agent = agents[index] if isinstance(agents, list) and index < len(agents) else None
    role = agent.get("agent_role") if isinstance(agent, dict) else None
    return f"{loc} (agent {index + 1}{f', {role}' if isinstance(role, str) and role else ''})"
