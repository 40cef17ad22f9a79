"""The editor's form: a team with a card for each agent, stored by the services, every error at its field."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.forms.utils import ErrorDict
from django.forms.widgets import Script
from django.http import QueryDict

from agents.templates import DEFAULT_TEMPLATES
from console.editor.choices import choices_for
from console.editor.fields import PREFIX, AgentForm, AgentFormSet, TeamFields, packed
from console.editor.placing import agent_field, inside, said
from console.editor.shape import EXTRA, agents_of, on_top, team_values
from console.editor.typed import FILL, as_form, filled_with, is_whole, read_config
from teams.audit_words import who
from teams.badges import moment
from teams.canonical import canonical_json
from teams.errors import Invalid, Located, PreconditionFailed, TeamBuilderError
from teams.forms import ServiceForm, differences, in_reading_order, prepared_for
from teams.models import Team
from teams.services import MAX_REASON, Saved, team_create, team_rename, team_update, team_versions
from teams.spec import TeamSpec

UNSAVED_JSON = 'Press "Fill the form" to take this over, or empty the box: saving takes what the form says.'


@dataclass(frozen=True)
class Problem:
    """One line of the summary above the form: what is wrong where, and the element to go to."""

    where: str
    text: str
    target: str


@dataclass(frozen=True)
class Meanwhile:
    """Somebody else saved after this page was opened: what they changed, and what was changed here."""

    version: int
    saves: list[str]
    theirs: list[str]
    mine: list[str]
    merged: bool


class TeamEditorForm(TeamFields, ServiceForm):
    """A team: its name, the fields of its config, its agents (`agents`), and why it is changed."""

    moved = False
    filled = False
    locked: ClassVar[bool] = False
    meanwhile: Meanwhile | None = None
    saved: Saved
    before: dict[str, Any] | None
    """The stored config, None for a new team."""

    config = forms.CharField(
        label="Paste JSON",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "te-code", "spellcheck": "false"}),
        help_text="A whole team config. It fills the form; nothing is saved until you save.",
    )
    reason = forms.CharField(
        label="Why this change", required=False, max_length=MAX_REASON, help_text="Kept with the version."
    )
    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Team
        fields = ["name"]

    class Media:
        css: ClassVar[Mapping[str, list[str]]] = {"all": ["teams/picture.css", "console/editor.css"]}
        js: ClassVar[list[Any]] = [Script("console/editor.js", defer=True)]

    def __init__(self, data: QueryDict | None = None, *args: Any, **kwargs: Any) -> None:
        team = kwargs.get("instance")
        self.before = in_reading_order(team.config) if team else None
        self._unreadable: Invalid | None = None
        self.filling = data is not None and FILL in data
        super().__init__(self._as_form(data), *args, **kwargs)
        self.choices = choices_for(self.actor.tenant_id if self.actor else None)
        self.initial = {**self.initial, **team_values(self.before or {}), "seen_version": self.instance.version}
        if "name" in self.fields:  # a viewer's page has none
            self.fields["name"].required = False
        self._make_cards()
        if self.locked:
            self._lock()

    def _as_form(self, data: QueryDict | None) -> QueryDict | None:
        if data is None:
            return None
        try:
            if self.filling:
                config = read_config(data.get("config", ""))
                TeamSpec.load(config)
                self.filled = True
                return filled_with(data, config)
            return as_form(data)
        except Invalid as error:
            self._unreadable = error
            return filled_with(data, self.before or {}, config=str(data["config"])) if is_whole(data) else data

    def _make_cards(self) -> None:
        shown = agents_of(self.before or {})
        given: dict[str, Any] = {"data": self.data} if self.is_bound else {"initial": shown}
        self.agents = AgentFormSet(prefix=PREFIX, form_kwargs={"choices": self.choices}, **given)
        self.agents.extra = 0 if self.locked else 1

    def _lock(self) -> None:
        for form in (self, *self.agents.forms):
            for field in form.fields.values():
                field.disabled = True

    # --- checking ---

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound and self.filling:
            # Nothing is stored, so the rest of the form has nothing to answer for yet.
            found = self.errors.get("config")
            self._errors = ErrorDict({"config": found} if found else {})
            self.agents = (
                AgentFormSet(self.data, prefix=PREFIX, form_kwargs={"choices": self.choices})
                if self.filled
                else self.agents
            )

    def is_valid(self) -> bool:
        return super().is_valid() and not self.filling and self.agents.is_valid()

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if self._unreadable:
            lines = [f"{one['loc']}: {one['msg']}" if one["loc"] else one["msg"] for one in self._unreadable.errors]
            self.add_error("config", lines or [self._unreadable.detail])
            return values
        if self.filling:
            return values
        if values.get("config", "").strip():
            self.add_error("config", UNSAVED_JSON)
        readable = self.agents.is_valid() and not self.errors
        self.typed, self._cards = packed(values, self.agents, self.before)
        team = self.instance
        if not team._state.adding and values.get("seen_version") != team.version:
            self._show_other_change(self.typed if readable else None)
            return values
        self._check()
        if readable and not team._state.adding and not (self._config_changed or self._renamed):
            raise forms.ValidationError(f"Nothing differs from version {team.version}: there is nothing to save.")
        return values

    def _check(self) -> None:
        try:
            TeamSpec.load(self.typed)
        except Invalid as error:
            self.refused(error)

    def _post_clean(self) -> None:
        if self.filling or not self.agents.is_valid():
            return
        super()._post_clean()

    def store(self) -> None:
        values = self.cleaned_data
        given: Any = {"actor": self.actor, "team_id": self.instance.pk, "name": values["name"]}
        given["reason"] = values["reason"]
        if self.instance._state.adding:
            self.saved = team_create(config=self.typed, prepared=prepared_for(self.request), **given)
        elif self._config_changed:
            given |= {"expected_version": values["seen_version"], "prepared": prepared_for(self.request)}
            self.saved = team_update(config=self.typed, **given)
        else:
            self.saved = Saved(team_rename(**given))

    def refused(self, error: TeamBuilderError) -> None:
        """Show what was refused, each part at its field."""
        self.moved = isinstance(error, PreconditionFailed)
        if not error.errors:
            self.add_error(None, error.detail)
        for found in error.errors:
            self._put(found)

    def _put(self, found: Located) -> None:
        name, _dot, rest = found["loc"].partition(".")
        message = said(found["msg"], self._cards)
        index, _dot, path = rest.partition(".")
        if name == "agents" and index.isdecimal() and int(index) < len(self._cards):
            card = self._cards[int(index)]
            field = agent_field(card, path)
            _add(card, field, _joined(inside(path, field), message))
        elif name == "agents" and "agents" not in (self.cleaned_data.get(EXTRA) or {}):
            self.agents.non_form_errors().append(_joined(said(found["loc"], []) if rest else "", message))
        else:
            field = self._own_field(name)
            _add(self, field, _joined(inside(found["loc"], field), message))

    def _own_field(self, name: str) -> str | None:
        if not name or name == "tenant_id":
            return None
        return name if name in self.fields and name not in (self.cleaned_data.get(EXTRA) or {}) else EXTRA

    @property
    def _config_changed(self) -> bool:
        try:
            return canonical_json(in_reading_order(self.typed)) != canonical_json(self.before)
        except ValueError:  # NaN and the like, which the service refuses with its place
            return True

    @property
    def _renamed(self) -> bool:
        name = self.cleaned_data.get("name", "").strip()
        return bool(name) and name != self.initial["name"]

    # --- somebody else saved meanwhile ---

    def _show_other_change(self, typed: dict[str, Any] | None) -> None:
        self.moved = True
        team, seen = self.instance, self.cleaned_data.get("seen_version")
        versions = team_versions(team.id).order_by("version")
        row = versions.filter(version=seen).first() if seen else None
        base = in_reading_order(row.config) if row else None
        saves = [
            f"{who(save.actor)} saved version {save.version} on {moment(save.history_date)}"
            + (f": {save.history_change_reason}" if save.history_change_reason else ".")
            for save in versions.filter(version__gt=seen if row else team.version - 1)
        ]
        merged = on_top(typed, base, self.before) if typed and base and self.before else None
        self.meanwhile = Meanwhile(
            team.version,
            saves,
            differences(base, self.before) if base else [],
            differences(base, typed) if base and typed else [],
            merged is not None,
        )
        self.add_error(None, f"Nothing was saved: the team is at version {team.version} by now.")
        version = str(team.version)
        if merged:
            self.data = filled_with(self.data, merged, seen_version=version)  # type: ignore[arg-type]
            self._make_cards()
        else:
            self.data = self.data.copy()  # type: ignore[attr-defined]
            self.data["seen_version"] = version  # type: ignore[index]

    # --- what the page shows ---

    @property
    def cards(self) -> list[AgentForm]:
        """The agents' forms as the page lists them; the spare one of a page without a script last."""
        spare = [form for form in self.agents.forms if form.empty_permitted and not _is_shown(form)]
        rest = [form for form in self.agents.forms if form not in spare]
        if self.is_bound:
            rest.sort(key=lambda form: int(form["ORDER"].data) if str(form["ORDER"].data).isdecimal() else len(rest))
            # A page that was sent has its spare card among those it sent.
            return rest + spare[-1:]
        return rest + spare

    @property
    def agent_count(self) -> int:
        """How many agents the page shows."""
        return sum(1 for form in self.cards if not form.empty_permitted or form.has_changed())

    @property
    def few(self) -> bool:
        """Whether the cards need no folding."""
        return self.agent_count <= 1

    @property
    def agents_errors(self) -> Any:
        """What is wrong with the list of agents as such."""
        return self.agents.non_form_errors() if self.is_bound else ""

    @property
    def default_roles(self) -> list[str]:
        """The roles of a team that names no agents."""
        return list(DEFAULT_TEMPLATES)

    @property
    def tool_rows(self) -> list[Mapping[str, Any]]:
        """The tools to tick for the team."""
        return self.choices.tool_rows(self["available_tools"])

    @cached_property
    def has_extra(self) -> bool:
        """Whether the config has fields this product does not know."""
        return bool(self[EXTRA].value())

    @property
    def problems(self) -> Iterator[Problem]:
        """What is to be corrected, in the order of the page."""
        for text in self.non_field_errors():
            yield Problem("", str(text), "")
        yield from _problems_of(self, "")
        for text in self.agents.non_form_errors() if self.agents.is_bound else ():
            yield Problem("Agents", str(text), "te-agents")
        for number, card in enumerate(self.cards, 1):
            where = f"Agent {number}{f' ({card.title})' if card.title else ''}"
            for text in card.non_field_errors() if card.is_bound else ():
                yield Problem(where, str(text), f"te-{card.prefix}")
            yield from _problems_of(card, f"{where}: ")

    @property
    def shown_config(self) -> str:
        """The stored config as JSON."""
        return json.dumps(self.before, indent=2, ensure_ascii=False) if self.before else ""


def _is_shown(form: AgentForm) -> bool:
    return form.has_changed() if form.is_bound else False


def _problems_of(form: forms.BaseForm, where: str) -> Iterator[Problem]:
    # By the fields, not by the errors: those are in the order in which they were found.
    for name in form.fields if form.is_bound else ():
        bound = form[name]
        for text in form.errors.get(name, ()):
            yield Problem(f"{where}{bound.label}", str(text), bound.id_for_label or bound.auto_id)


def _add(form: forms.BaseForm, field: str | None, message: str) -> None:
    if message not in form.errors.get(field or "__all__", []):
        form.add_error(field, message)


def _joined(place: str, message: str) -> str:
    return f"{place}: {message}" if place else message
