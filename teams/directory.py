"""Writers of the directory: tenants, and the users who are members of them.

A user is global and may be a member of several tenants; what they may do is in the membership, never on the user.
"""

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from teams import audit
from teams.access import Actor, system_actor
from teams.errors import Conflict, Invalid, Located, NotFound
from teams.members import member_add, member_change
from teams.models import Membership, Tenant
from teams.tenancy import tenant


def tenant_find(slug: str) -> Tenant:
    """Return the tenant with this slug, or raise `NotFound`."""
    found = Tenant.objects.filter(slug=slug).first()
    if found is None:
        raise NotFound(f"there is no tenant {slug!r}")
    return found


def tenant_create(*, slug: str, name: str = "", by: str) -> Tenant:
    """Store a new tenant; its name is the slug unless given. `by` names the part of the product that acts.

    Raises `Invalid`, or `Conflict` for a slug that is taken.
    """
    made = Tenant(slug=slug.strip(), name=name.strip() or slug.strip())
    _clean(made)
    try:
        with tenant(made.id):
            made.save(force_insert=True)
            actor = system_actor(made.id, made.slug, by)
            audit.record(actor, "tenant.create", made, after={"slug": made.slug, "name": made.name})
    except IntegrityError as error:
        raise Conflict(f"there is a tenant {made.slug!r} already") from error
    return made


def user_find(username: str) -> User | None:
    """Return the user of this name, who may be a member of any tenant or of none."""
    return User.objects.filter(username=username).first()


def member_set(*, actor: Actor, username: str, role: str, password: str = "", reason: str = "") -> Membership:
    """Make a user a member of the actor's tenant, or give a member another role.

    A user who does not exist yet is created with `password`; an existing one keeps theirs. Raises `Invalid`, or
    `Conflict` when the tenant would be left without an admin.
    """
    actor.require("members:write")
    new = None if user_find(username) else _new_user(username, password)
    try:
        with tenant(actor.tenant_id):
            if new is not None:
                new.save(force_insert=True)
            member = Membership.objects.select_related("user").filter(user__username=username).first()
            if member is None:
                return member_add(actor=actor, username=username, role=role, reason=reason)
            if member.role != role:
                return member_change(actor=actor, member_id=member.pk, role=role, reason=reason)
            return member
    except IntegrityError as error:
        raise Conflict(f"somebody else made {username} a user or a member just now: try again") from error


def member_make(*, actor: Actor, username: str, role: str, password: str, reason: str = "") -> Membership:
    """Make a user and their membership at once. Raises `Invalid` for a name that is taken: an existing user is added
    without a password, and keeps theirs."""
    actor.require("members:write")
    if user_find(username):
        raise _invalid("password", f"{username} exists and keeps their password: leave this blank to add them")
    return member_set(actor=actor, username=username, role=role, password=password, reason=reason)


def password_set(user: User, password: str) -> None:
    """Give a user this password; one that is theirs already is left, since a new hash ends their sessions."""
    if not user.check_password(password):
        _check_password(user, password)
        user.set_password(password)
        user.save(update_fields=["password"])


def _new_user(username: str, password: str) -> User:
    # is_staff opens the door of the admin; what is behind it depends on the membership.
    user = User(username=username, is_staff=True)
    _check_password(user, password)
    user.set_password(password)
    _clean(user)
    return user


def _check_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise _invalid("password", " ".join(error.messages)) from error


def _clean(row: Tenant | User) -> None:
    try:
        row.clean_fields()
    except ValidationError as error:
        found = [Located(loc=field, msg=" ".join(texts)) for field, texts in error.message_dict.items()]
        raise Invalid("The request is not valid.", errors=found) from error


def _invalid(loc: str, msg: str) -> Invalid:
    return Invalid("The request is not valid.", errors=[Located(loc=loc, msg=msg)])
