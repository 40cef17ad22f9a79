"""Who belongs to a tenant, and as what. Users are the platform's; a tenant's admin gives and takes memberships only."""

from typing import Any

from django.contrib.auth import get_user_model

from teams import audit
from teams.access import Actor
from teams.errors import Conflict, Invalid, Located, NotFound
from teams.history import noted
from teams.models import Membership, Role
from teams.tenancy import tenant


def member_add(*, actor: Actor, username: str, role: str, reason: str = "") -> Membership:
    """Make a user a member. Raises `Invalid` for an unknown user, `Conflict` for one who is a member already."""
    actor.require("members:write")
    user = get_user_model().objects.filter(username=username, is_active=True).first()
    if user is None:
        problem = Located(loc="username", msg="is not an active user; ask the platform's operator to create one")
        raise Invalid("The member is not valid.", errors=[problem])
    with tenant(actor.tenant_id):
        if Membership.objects.filter(user=user).exists():
            raise Conflict(f"{username} is a member already; change the role instead")
        member = Membership(user=user, role=Role(role))
        _store(member, actor, reason)
        audit.record(actor, "member.add", member, after=_plain(member), reason=reason)
    return member


def member_change(
    *, actor: Actor, member_id: int, role: str | None = None, notify_approvals: bool | None = None, reason: str = ""
) -> Membership:
    """Give a member another role, or (not) mails about approvals; None: as it is.

    Raises `NotFound`, or `Conflict` when nobody would be left as admin.
    """
    actor.require("members:write")
    with tenant(actor.tenant_id):
        member = _locked(member_id)
        before = _plain(member)
        if role is not None:
            _keep_an_admin(member, becomes=role)
            member.role = Role(role)
        if notify_approvals is not None:
            member.notify_approvals = notify_approvals
        _store(member, actor, reason)
        audit.record(actor, "member.change", member, before=before, after=_plain(member), reason=reason)
    return member


def own_mails(*, actor: Actor, on: bool) -> Membership:
    """Switch the mails about approvals that a member gets themselves. Raises `Forbidden` for those who decide nothing
    (API keys, viewers), and `NotFound` for a superuser who is no member."""
    actor.require("approvals:decide")
    with tenant(actor.tenant_id):
        member = Membership.objects.filter(user_id=actor.user_id).first() if actor.user_id else None
        if member is None:
            raise NotFound(f"{actor.label} is no member of {actor.tenant_slug}: mails are for members")
        if member.notify_approvals != on:
            member.notify_approvals = on
            _store(member, actor, "")
            audit.record(actor, "member.notify", member, after={"mails": "on" if on else "off"})
    return member


def member_remove(*, actor: Actor, member_id: int, reason: str = "") -> None:
    """End a membership; the user stays. Raises `NotFound`, or `Conflict` when nobody would be left as admin."""
    actor.require("members:write")
    with tenant(actor.tenant_id):
        member = _locked(member_id)
        _keep_an_admin(member)
        audit.record(actor, "member.remove", member, before=_plain(member), reason=reason)
        noted(member, actor, reason).delete()


def _locked(member_id: int) -> Membership:
    # All of them, in one order: two admins who remove each other at the same moment must not both succeed.
    members = {member.pk: member for member in Membership.objects.select_for_update(of=["self"]).order_by("pk")}
    if member_id not in members:
        raise NotFound(f"Member {member_id} not found")
    return members[member_id]


def _keep_an_admin(member: Membership, *, becomes: str = "") -> None:
    leaves = member.role == Role.ADMIN != becomes
    if leaves and not Membership.objects.filter(role=Role.ADMIN).exclude(pk=member.pk).exists():
        raise Conflict("a tenant needs an admin; make somebody else one first")


def _store(member: Membership, actor: Actor, reason: str) -> None:
    noted(member, actor, reason).save()


def _plain(member: Membership) -> dict[str, Any]:
    told = {"notify_approvals": True} if member.notify_approvals else {}
    return {"username": member.user.get_username(), "role": str(member.role), **told}
