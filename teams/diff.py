"""What changed between two team configs, in sentences people read.

Agents are followed by their agent_id: another role is a new name, not another agent. Flows are compared as who speaks
when, so a new name changes no flow.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from teams.canonical import canonical_json, place
from teams.sequence import Step, compare_sequences
from teams.spec import TeamSpec, dump, flow_roles
from teams.worddiff import Piece, compare_words

Kind = Literal["added", "removed", "changed", "moved"]
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A difference. `path` is dotted (`agents.1.agent_role`) in the later config, of what was removed in the earlier.

    `words` is filled where a long text changed: the pieces of the old and the new text in reading order.
    """

    kind: Kind
    path: str
    agent_id: str | None
    sentence: str
    before: Any = None
    after: Any = None
    words: tuple[Piece, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON for answers: `words` as a list of {op, text}."""
        return {**asdict(self), "words": [piece._asdict() for piece in self.words]}


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a value stands and how sentences speak of it: `of` is " of Critic" for an agent's, "" for the team's."""

    path: str
    of: str = ""
    agent_id: str | None = None

    def change(self, kind: Kind, sentence: str, before: Any, after: Any, *, words: tuple[Piece, ...] = ()) -> Change:
        return Change(kind, self.path, self.agent_id, sentence, before, after, words)

    def field(self, name: str) -> "_Spot":
        return _Spot(f"{self.path}.{place((name,))}" if self.path else place((name,)), self.of, self.agent_id)


@dataclass(frozen=True, slots=True)
class _Pair:
    """One agent with its index in each list; None on the side that does not have it."""

    before: Config | None
    after: Config | None
    old_index: int
    new_index: int

    @property
    def spot(self) -> _Spot:
        agent = self.after or self.before or {}
        agent_id = agent["agent_id"] or (self.before or {}).get("agent_id")
        index = self.new_index if self.after else self.old_index
        return _Spot(f"agents.{index}", f" of {agent['agent_role']}", agent_id)


def compare(before: Config, after: Config) -> list[Change]:
    """Every difference between two stored configs. Raises Invalid if one of them is not a valid config."""
    old_spec, new_spec = TeamSpec.load(dict(before)), TeamSpec.load(dict(after))
    old, new = dump(old_spec), dump(new_spec)
    pairs = _pairs(old["agents"], new["agents"])
    return [
        *_team(old, new),
        *(change for pair in pairs for change in _agent(pair)),
        *_list_order(pairs),
        *_flow(old_spec, new_spec, pairs),
    ]


def _pairs(old: list[Config], new: list[Config]) -> list[_Pair]:
    """The agents of the later list in its order, then those only the earlier one has."""
    by_id = {agent["agent_id"]: index for index, agent in enumerate(old) if agent["agent_id"]}
    by_role = {agent["agent_role"]: index for index, agent in enumerate(old)}
    left = set(range(len(old)))
    found: dict[int, int] = {}
    for new_index, agent in enumerate(new):
        if (index := by_id.get(agent["agent_id"])) is not None:
            found[new_index] = index
            left.discard(index)
    for new_index, agent in enumerate(new):
        index = by_role.get(agent["agent_role"])
        # Two different ids are two agents, whatever they are called; only without an id does the role speak for it.
        if new_index not in found and index in left and not (agent["agent_id"] and old[index]["agent_id"]):
            found[new_index] = index
            left.discard(index)
    pairs = [
        _Pair(old[found[i]], agent, found[i], i) if i in found else _Pair(None, agent, -1, i)
        for i, agent in enumerate(new)
    ]
    return pairs + [_Pair(old[index], None, index, -1) for index in sorted(left)]


def _team(old: Config, new: Config) -> Iterator[Change]:
    team = _Spot("")
    yield from _text(team.field("agent_team_main_goal"), "The goal", old, new)
    for name, label in _TEAM_VALUES.items():
        yield from _value(team.field(name), label, old[name], new[name])
    for name, (allowed, forbidden) in _TEAM_SWITCHES.items():
        if old[name] != new[name]:
            yield team.field(name).change("changed", allowed if new[name] else forbidden, old[name], new[name])
    yield from _available_tools(team.field("available_tools"), old["available_tools"], new["available_tools"])
    yield from _entries(team.field("metadata"), "metadata", old["metadata"], new["metadata"])


_TEAM_VALUES: Final = {
    "tenant_id": "The tenant",
    "max_turns": "The most rounds (max_turns)",
    "allow_TBA_how_many_more": "The number of agents the Team Builder may add",
}
_TEAM_SWITCHES: Final = {
    "allow_TBA_to_recommend_agents": (
        "The Team Builder may now add agents.",
        "The Team Builder may no longer add agents.",
    ),
    "should_TBA_ask_caller_approval": (
        "Agents the Team Builder adds now wait for approval.",
        "Agents the Team Builder adds no longer wait for approval.",
    ),
}


def _agent(pair: _Pair) -> Iterator[Change]:
    spot, old, new = pair.spot, pair.before, pair.after
    if old is None and new is not None:
        yield spot.change("added", f"{new['agent_role']} was added as agent {pair.new_index + 1}.", None, new)
    elif new is None and old is not None:
        yield spot.change("removed", f"{old['agent_role']} was removed.", old, None)
    elif old is not None and new is not None:
        yield from _agent_fields(spot, old, new)


def _agent_fields(spot: _Spot, old: Config, new: Config) -> Iterator[Change]:
    role, new_role = old["agent_role"], new["agent_role"]
    if role != new_role:
        yield spot.field("agent_role").change("changed", f"{role} was renamed to {new_role}.", role, new_role)
    yield from _value(spot.field("agent_name"), "The name", old["agent_name"], new["agent_name"])
    yield from _text(spot.field("agent_personality"), "The personality", old, new)
    yield from _text(spot.field("agent_goal_based_prompt"), "The instructions", old, new)
    yield from _model(spot.field("LLM_model"), new_role, old["LLM_model"], new["LLM_model"])
    yield from _fallback(spot.field("fallback_model"), new_role, old.get("fallback_model"), new.get("fallback_model"))
    name = "LLM_configuration"
    yield from _entries(spot.field(name), "", old[name] or {}, new[name] or {})
    name = "allow_team_builder_to_override_model"
    if old[name] != new[name]:
        may = "may now" if new[name] else "may no longer"
        sentence = f"The Team Builder {may} replace the model of {new_role}."
        yield spot.field(name).change("changed", sentence, old[name], new[name])
    yield from _tools(spot.field("agent_tools"), f"{new_role} may", old["agent_tools"], new["agent_tools"])
    name = "agent_asks_before_writes"
    if old[name] != new[name]:
        asks = "now asks a person" if new[name] else "no longer asks a person"
        sentence = f"{new_role} {asks} before each tool call that has an effect."
        yield spot.field(name).change("changed", sentence, old[name], new[name])
    yield from _entries(spot.field("metadata"), "metadata", old["metadata"], new["metadata"])


def _text(spot: _Spot, label: str, old: Config, new: Config) -> Iterator[Change]:
    name = spot.path.rpartition(".")[2]
    before, after = old[name], new[name]
    if before != after:
        yield spot.change("changed", f"{label}{spot.of} changed.", before, after, words=compare_words(before, after))


def _value(spot: _Spot, label: str, before: Any, after: Any) -> Iterator[Change]:
    if before != after:
        sentence = f"{label}{spot.of} changed from {_shown(before)} to {_shown(after)}."
        yield spot.change("changed", sentence, before, after)


def _entries(spot: _Spot, group: str, before: Config, after: Config) -> Iterator[Change]:
    """Entries of an object: each key that came, went or has another value."""
    for key in dict.fromkeys([*before, *after]):
        at, label = spot.field(key), f"{group} {place((key,))}".strip() + spot.of
        if key not in before:
            yield at.change("added", f"{label} was set to {_shown(after[key])}.", None, after[key])
        elif key not in after:
            yield at.change("removed", f"{label} is no longer set; it was {_shown(before[key])}.", before[key], None)
        elif canonical_json(before[key]) != canonical_json(after[key]):
            sentence = f"{label} changed from {_shown(before[key])} to {_shown(after[key])}."
            yield at.change("changed", sentence, before[key], after[key])


def _model(spot: _Spot, role: str, before: Config | None, after: Config | None) -> Iterator[Change]:
    if before != after:
        sentence = f"{role} now speaks with {_model_name(after)} instead of {_model_name(before)}."
        yield spot.change("changed", sentence, before, after)


def _fallback(spot: _Spot, role: str, before: Config | None, after: Config | None) -> Iterator[Change]:
    if before != after:
        names = [_model_name(model) if model else "no model" for model in (after, before)]
        sentence = f"When its model does not answer, {names[0]} now stands in for {role} instead of {names[1]}."
        yield spot.change("changed", sentence, before, after)


def _model_name(model: Config | None) -> str:
    if model is None:
        return "the tenant's default model"
    return f"{model['provider']}:{model['model']}" if model["provider"] else str(model["model"])


def _available_tools(spot: _Spot, before: list[str] | None, after: list[str] | None) -> Iterator[Change]:
    if before is not None and after is not None:
        yield from _tools(spot, "Agents may", before, after)
    elif before != after:
        which = "every tool the tenant has enabled" if after is None else f"only {', '.join(after) or 'no tool'}"
        yield spot.change("changed", f"Agents may now be given {which}.", before, after)


def _tools(spot: _Spot, who_may: str, before: list[str], after: list[str]) -> Iterator[Change]:
    for tool in after:
        if tool not in before:
            yield spot.change("added", f"{who_may} now use {tool}.", None, tool)
    for tool in before:
        if tool not in after:
            yield spot.change("removed", f"{who_may} no longer use {tool}.", tool, None)
    if before != after and set(before) == set(after):
        yield spot.change("moved", f"The tools{spot.of} are listed in another order.", before, after)


def _list_order(pairs: list[_Pair]) -> Iterator[Change]:
    both = [pair for pair in pairs if pair.before and pair.after]
    by_index = {pair.old_index: pair for pair in both}
    for step in compare_sequences(sorted(by_index), [pair.old_index for pair in both]):
        pair = by_index[step.item]
        old, new = pair.old_index + 1, pair.new_index + 1
        sentence = f"{pair.spot.of.removeprefix(' of ')} moved in the list of agents, from place {old} to {new}."
        yield pair.spot.change("moved", sentence, old, new)


def _flow(old: TeamSpec, new: TeamSpec, pairs: list[_Pair]) -> Iterator[Change]:
    before, after = old.agent_team_flow, new.agent_team_flow
    if before is None and after is None:
        return  # the order of the list says it all
    speakers = _speakers(old, pairs, earlier=True), _speakers(new, pairs, earlier=False)
    for step in compare_sequences(*speakers):
        agent_id, role = step.item
        yield Change(step.kind, "agent_team_flow", agent_id, _turn_sentence(role, step), before, after)
    if before is None or after is None:
        sentence = "The flow now follows the list of agents." if after is None else f"The flow is now written: {after}."
        yield Change("changed", "agent_team_flow", None, sentence, before, after)


def _turn_sentence(role: str, step: Step[tuple[str | None, str]]) -> str:
    match step.kind:
        case "added":
            return f"{role} now speaks at turn {step.new} of the flow."
        case "removed":
            return f"{role} no longer speaks at turn {step.old} of the flow."
        case "moved":
            return f"{role} moved in the flow, from turn {step.old} to turn {step.new}."


def _speakers(spec: TeamSpec, pairs: list[_Pair], *, earlier: bool) -> list[tuple[str | None, str]]:
    """Who speaks when, named alike for both configs: by the later name of the agent."""
    called: dict[str, tuple[str | None, str]] = {}
    for pair in pairs:
        own, other = (pair.before, pair.after) if earlier else (pair.after, pair.before)
        shown = pair.spot.agent_id, pair.spot.of.removeprefix(" of ")
        # A flow may have named the role before there was an agent for it.
        if own is not None:
            called[own["agent_role"]] = shown
        elif other is not None:
            called.setdefault(other["agent_role"], shown)
    return [called.get(role, (None, role)) for role in flow_roles(spec)]


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = f'"{value}"' if isinstance(value, str) else canonical_json(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
