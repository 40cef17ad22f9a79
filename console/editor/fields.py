"""The fields of the editor: the team's own, and one form for each agent."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from django import forms
from django.forms.formsets import BaseFormSet

from console.editor.choices import Choices
from console.editor.shape import EXTRA, Values, agent_json, agents_of, team_json, team_values
from teams import strict_json
from teams.canonical import name_of_type
from teams.errors import Invalid
from teams.spec import MAX_AGENTS

PREFIX = "agents"
_MOST_CARDS = 300
"""Cards one page may send, those marked as removed among them."""


class ObjectField(forms.CharField):
    """A JSON object as text; blank for an empty one."""

    widget = forms.Textarea(attrs={"rows": 3, "class": "te-code", "spellcheck": "false"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, strip=False, **kwargs)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        if not text.strip():
            return {}
        try:
            read = strict_json.read(text.encode(errors="replace"))
        except Invalid as error:
            raise forms.ValidationError([f"{found['loc']} {found['msg']}".strip() for found in error.errors]) from error
        if not isinstance(read, dict):
            raise forms.ValidationError(f"must be a JSON object in {{ }}; got {name_of_type(read)}")
        return read

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
        return value


class NamesField(forms.MultipleChoiceField):
    """Ticked names. Any name is taken: one that is not offered any more is refused, in words, by the checks."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def valid_value(self, value: Any) -> bool:  # noqa: ARG002 - Django's signature
        return True


def _line(label: str, help_text: str = "", **attrs: str) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, strip=False, help_text=help_text, widget=forms.TextInput(attrs=attrs)
    )


def _text(label: str, help_text: str = "", rows: int = 3) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows, "data-te-grow": ""})
    return forms.CharField(label=label, required=False, strip=False, help_text=help_text, widget=widget)


def _switch(label: str, help_text: str = "", *, initial: bool = False) -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, help_text=help_text, initial=initial)


def _number(label: str, help_text: str = "", **attrs: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, help_text=help_text, widget=forms.NumberInput(attrs=attrs))


class TeamFields(forms.Form):
    """What a team's config says besides its agents."""

    use_required_attribute = False

    agent_team_main_goal = _text("Goal", "The question or task put to the team.")
    agent_team_flow = _line(
        "Flow", "Roles in speaking order, with -> between them. Blank: the agents in list order.", spellcheck="false"
    )
    max_turns = _number("Rounds", "1 to 100; blank: 5.", min=1, max=100)
    only_these_tools = _switch("Only the tools ticked here", "Off: every tool the tenant has enabled.")
    available_tools = NamesField(label="Tools agents may be given")
    allow_TBA_to_recommend_agents = _switch("May add agents", "For example for roles only the flow names.")  # noqa: N815
    allow_TBA_how_many_more = _number("At most", min=0, max=MAX_AGENTS)  # noqa: N815
    should_TBA_ask_caller_approval = _switch("Additions wait for approval")  # noqa: N815
    metadata = ObjectField(label="Metadata", help_text="Your own data about the team, as a JSON object.")
    extra = ObjectField(label="Other fields", help_text="Fields this product does not know: remove them to save.")
    tenant_id = forms.CharField(required=False, widget=forms.HiddenInput)


class AgentForm(forms.Form):
    """One agent."""

    use_required_attribute = False

    agent_role = _line("Role", "The name the flow uses.", spellcheck="false")
    agent_name = _line("Name", "For people. Blank: the role.")
    agent_personality = _text("Personality", "Who it is and how it speaks.", rows=1)
    agent_goal_based_prompt = _text("Goal prompt", "What the agent is to do.")
    LLM_model_provider = forms.CharField(label="Provider", required=False, widget=forms.Select)
    LLM_model_model = _line("Model", spellcheck="false", autocomplete="off")
    temperature = forms.FloatField(
        label="Temperature", required=False, widget=forms.NumberInput(attrs={"step": "any", "min": 0, "max": 2})
    )
    max_tokens = _number("Max tokens", min=1)
    LLM_other = ObjectField(
        label="Other parameters", help_text='For example {"top_p": 0.9, "stop": ["END"], "seed": 1}.'
    )
    fallback_model_provider = forms.CharField(label="Stand-in provider", required=False, widget=forms.Select)
    fallback_model_model = _line(
        "Stand-in model", "Asked once for an answer the model does not give.", spellcheck="false", autocomplete="off"
    )
    allow_team_builder_to_override_model = _switch(
        "Team Builder may override the model", "When the model is not available.", initial=True
    )
    agent_asks_before_writes = _switch("Asks a person before each tool call that has an effect")
    agent_tools = NamesField(label="Tools")
    metadata = ObjectField(label="Metadata", help_text="Your own data about the agent, as a JSON object.")
    extra = ObjectField(label="Other fields", help_text="Fields this product does not know: remove them to save.")
    agent_id = forms.CharField(required=False, widget=forms.HiddenInput)
    present = forms.CharField(required=False, widget=forms.HiddenInput)
    """Set for a card somebody added on purpose, which is an agent even while all of it is blank."""

    def __init__(self, *args: Any, choices: Choices | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = choices
        if choices:
            for name in ("LLM_model_provider", "fallback_model_provider"):
                widget: Any = self.fields[name].widget
                widget.choices = choices.provider_options(self[name].value() or "")

    def has_changed(self) -> bool:
        """Whether somebody wrote an agent here; the spare card that needs no script is left out when it is blank."""
        if not self.is_bound:
            return False
        return any(self[name].data for name in _WRITTEN)

    # --- what the card shows ---

    @property
    def title(self) -> str:
        """The role, for the head of the card."""
        return self["agent_role"].value() or ""

    @property
    def subtitle(self) -> str:
        """Name and model, for the head of the card."""
        provider, model = self["LLM_model_provider"].value(), self["LLM_model_model"].value()
        named = f"{provider}:{model}" if provider and model else model or provider or "default model"
        return " · ".join(part for part in (self["agent_name"].value(), named) if part)

    @property
    def faults(self) -> int:
        """How much there is to correct."""
        return sum(len(found) for found in self.errors.values()) if self.is_bound else 0

    @property
    def more_is_open(self) -> bool:
        """Whether the part of the card that is seldom needed has something to correct."""
        return self.is_bound and any(name in self.errors for name in _SELDOM)

    def tool_rows(self) -> list[Mapping[str, Any]]:
        """The tools to tick."""
        return self.choices.tool_rows(self["agent_tools"]) if self.choices else []

    def model_facts(self) -> str:
        """What is known of the model."""
        if self.choices is None:
            return ""
        return self.choices.facts_of(self["LLM_model_provider"].value() or "", self["LLM_model_model"].value() or "")


_WRITTEN = (
    "agent_id", "present", "agent_role", "agent_name", "agent_personality", "agent_goal_based_prompt",
    "LLM_model_provider", "LLM_model_model", "temperature", "max_tokens", "LLM_other", "agent_tools", "metadata", EXTRA,
)  # fmt: skip
_SELDOM = ("LLM_other", "fallback_model_provider", "fallback_model_model", "metadata", EXTRA)


class _AgentForms(BaseFormSet):
    """The cards. Their order is the field ORDER, so that it can be changed without a script."""

    def in_order(self) -> list[AgentForm]:
        """The forms of agents that are there, as the config lists them."""
        there = [form for form in self.forms if self._is_there(form)]
        return sorted(there, key=lambda form: _order(form, len(there)))

    def _is_there(self, form: AgentForm) -> bool:
        form.is_valid()  # reads the fields, if that was not done before
        return not (self._should_delete_form(form) or (form.empty_permitted and not form.has_changed()))  # type: ignore[attr-defined]

    def add_fields(self, form: AgentForm, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["ORDER"].label = "Place"
        form.fields["DELETE"].label = "Remove"
        form.fields["ORDER"].widget.attrs["min"] = 1


def _order(form: AgentForm, last: int) -> float:
    place = form.cleaned_data.get("ORDER")
    return last + 1 if place is None else place


AgentFormSet = cast(
    "type[_AgentForms]",
    forms.formset_factory(
        AgentForm,
        formset=_AgentForms,
        extra=1,
        can_order=True,
        can_delete=True,
        max_num=MAX_AGENTS,
        absolute_max=_MOST_CARDS,
    ),
)


def packed(team: Values, agents: _AgentForms, before: Any = None) -> tuple[dict[str, Any], list[AgentForm]]:
    """The config of what was typed, and the form each of its agents comes from."""
    forms_of_agents = agents.in_order()
    written = [agent_json(form.cleaned_data) for form in forms_of_agents]
    return team_json(team, written, before), forms_of_agents


def posted(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a browser would send for a page that shows this config."""
    agents = AgentFormSet(initial=agents_of(config), prefix=PREFIX)
    data = dict(_sent(TeamFields(initial=team_values(config))))
    for name, value in agents.management_form.initial.items():
        data[agents.management_form.add_prefix(name)] = [str(value)]
    for form in agents.forms:
        data |= _sent(form)
    return data


def _sent(form: forms.Form) -> Iterator[tuple[str, list[str]]]:
    for name, field in form.fields.items():
        value = field.prepare_value(form.get_initial_for_field(field, name))
        if isinstance(field, forms.BooleanField):
            sent = ["on"] if value else []
        elif isinstance(field, forms.MultipleChoiceField):
            sent = list(value or [])
        else:
            sent = ["" if value is None else str(value)]
        if sent:
            yield form.add_prefix(name), sent
