"""The audit trail in words: an entry as a sentence, and what differs between its two sides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from teams.models import ApiKey, AuditEntry, Team
from teams.worddiff import Piece, compare_words

SENTENCES: Final[Mapping[str, str]] = {
    "team.create": "created the team {name}",
    "team.update": "changed the team {name}: version {old[version]} became version {new[version]}",
    "team.rename": "renamed the team {old[name]} to {new[name]}",
    "team.rollback": "rolled the team {name} back to version {new[from_version]}, as version {new[version]}",
    "team.delete": "deleted the team {name}",
    "team.restore": "restored the team {name}",
    "proposal.make": "had agents proposed for the team {name}",
    "proposal.approve": "approved agents proposed for the team {name}, as version {new[version]}",
    "proposal.reject": "rejected agents proposed for the team {name}",
    "execution.cancel": "cancelled the run {short}",
    "execution.retry": "tried the run {short} again, attempt {new[attempt]}",
    "execution.release": "released the run {short} from quarantine",
    "execution.budget": "raised the budget of the run {short}",
    "execution.resolve": "said what became of the call {new[step]} of the run {short}: {new[outcome]}",
    "approval.approve": "approved a call of {new[tool]}",
    "approval.reject": "rejected a call of {new[tool]}",
    "schedule.create": "made the schedule {name}",
    "schedule.update": "changed the schedule {name}",
    "schedule.delete": "deleted the schedule {name}",
    "webhook.create": "made the webhook {name}",
    "webhook.update": "changed the webhook {name}",
    "webhook.rotate": "gave the webhook {name} a new secret",
    "webhook.delete": "deleted the webhook {name}",
    "webhook.disable": "switched the webhook {name} off",
    "webhook.test": "sent a test event to the webhook {name}",
    "delivery.again": "sent an event again: {new[event]}",
    "limits.set": "set the tenant's limits",
    "ceilings.set": "set the ceilings of the tenant's limits",
    "key.create": "made the API key {name} (tb_live_{new[prefix]}_…)",
    "key.rotate": "rotated the API key {name}: tb_live_{new[successor]}_… follows",
    "key.revoke": "revoked the API key {name} (tb_live_{old[prefix]}_…)",
    "member.add": "added {new[username]} as {new[role]}",
    "member.change": "changed the membership of {new[username]}: {old[role]} became {new[role]}",
    "member.notify": "switched their own mails about approvals {new[mails]}",
    "member.remove": "removed the member {old[username]}, who was {old[role]}",
    "tenant.create": "made the tenant {new[slug]}",
    "tenant.update": "changed the tenant",
    "tenant.switch_off": "switched the tenant off",
    "tenant.switch_on": "switched the tenant on",
    "tenant.platform_keys": "set the use of the platform's keys to {new[platform_keys]}",
    "user.create": "made the user {new[username]}",
    "user.update": "changed a user's account",
    "template.set": "worded the role {name}",
    "template.reset": "dropped the tenant's wording of a role",
    "tool.switch": "switched the tool {new[name]}",
    "tool.set": "changed the settings of the tool {new[name]}",
    "provider_account.create": "added an account with {new[provider]}",
    "provider_account.update": "changed the account with {new[provider]}",
    "provider_account.rotate": "gave the account with {new[provider]} a new key",
    "provider_account.delete": "deleted the account with {old[provider]}",
    "tool_credential.create": "added the credential {name}",
    "tool_credential.update": "changed the credential {name}",
    "tool_credential.rotate": "gave the credential {name} a new value",
    "tool_credential.delete": "deleted the credential {name}",
    "secret.reencrypt": "sealed stored secrets under another key",
}
"""What follows after who did it; an action that is missing here is told by its own name."""

_SHORT: Final = 8
_LONGEST_VALUE: Final = 2000


class _Told(dict[str, Any]):
    """One side of an entry; what it does not hold reads "?"."""

    def __missing__(self, key: str) -> str:
        return "?"


@dataclass(frozen=True)
class Difference:
    """A field that differs: as words taken out and put in."""

    field: str
    pieces: tuple[Piece, ...]


def who(actor: str) -> str:
    """`user:alice` as people say it."""
    kind, colon, name = actor.partition(":")
    if not colon:
        return actor
    return {"user": name, "key": f"API key tb_live_{name}_…", "system": f"the product ({name})"}.get(kind, actor)


def sentence(entry: AuditEntry, name: str = "") -> str:
    """An entry in one sentence, without its reason. `name` is what its object is called now, where that is known."""
    old, new = _Told(entry.before or {}), _Told(entry.after or {})
    called = name or str(new.get("name") or old.get("name") or new.get("role") or old.get("role") or "")
    short = entry.object_id[:_SHORT]
    if entry.action == "member.change" and old.get("role") == new.get("role"):
        return f"{who(entry.actor)} changed what {new['username']} is mailed about"
    words = SENTENCES.get(entry.action)
    if words is None:
        return f"{who(entry.actor)}: {entry.action} {called or short}"
    told = words.format(name=called or short, short=short, old=old, new=new)
    if entry.action == "tool.switch":
        told += " on" if new.get("enabled") else " off"
    return f"{who(entry.actor)} {told}"


def names_of(entries: Iterable[AuditEntry]) -> dict[tuple[str, str], str]:
    """What teams and keys are called now, by (object type, id): two questions for a whole page. Inside a scope."""
    wanted: dict[str, set[UUID]] = {"team": set(), "apikey": set()}
    for entry in entries:
        if entry.object_type in wanted and (found := _as_uuid(entry.object_id)):
            wanted[entry.object_type].add(found)
    names: dict[tuple[str, str], str] = {}
    models: tuple[tuple[str, Any], ...] = (("team", Team), ("apikey", ApiKey))
    for kind, model in models:
        if ids := wanted[kind]:
            rows = model.objects.filter(pk__in=ids).values_list("pk", "name")
            names |= {(kind, str(pk)): name for pk, name in rows}
    return names


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Difference]:
    """What differs between an entry's two sides, field by field; a side that is missing is all new, or all gone."""
    old, new = before or {}, after or {}
    fields = [*new, *(field for field in old if field not in new)]
    sides = [(field, _text(old.get(field)), _text(new.get(field))) for field in fields]
    return [Difference(field, compare_words(was, now)) for field, was, now in sides if was != now]


def unchanged(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """The fields that both sides hold alike: they say which thing the entry is about."""
    return [(field, _text(value)) for field, value in (after or {}).items() if (before or {}).get(field) == value]


def _text(value: Any) -> str:
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return _cut("\n".join(f"{key}: {_text(inner)}" for key, inner in value.items()))
    if isinstance(value, list):
        return _cut("\n".join(_text(inner) for inner in value))
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]} … ({len(text)} characters)"


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
