"""Rows for tests, made the way the product makes them: inside a scope, through services where there is one."""

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import uuid4

import factory
from django.contrib.auth.hashers import get_hasher, make_password
from django.contrib.auth.models import User

from teams.access import Actor, Member, actor_of_member
from teams.keyring import key_create
from teams.models import Membership, Role, Tenant
from teams.services import team_create
from teams.tenancy import tenant

PASSWORD = "correct-horse-battery"


@cache
def _hashed(algorithm: str) -> str:
    """Everybody's password, hashed once: a million rounds for each person would be most of what the tests do."""
    return make_password(PASSWORD, hasher=algorithm)


class TenantFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Tenant

    slug = factory.Sequence(lambda n: f"tenant-{n}")
    name = factory.LazyAttribute(lambda tenant: tenant.slug.title())


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user-{n}")
    is_staff = True
    password = factory.LazyFunction(lambda: _hashed(get_hasher().algorithm))


@dataclass(frozen=True)
class Person:
    """One of the cast: a user with a role in a tenant."""

    user: User
    tenant: Tenant
    role: str

    @property
    def actor(self) -> Actor:
        """The person as services take them."""
        return actor_of_member(self.user, Member(self.tenant.id, self.tenant.slug, self.tenant.name, self.role))

    def key(self, *scopes: str) -> str:
        """A fresh API key of the person's tenant, made by an admin; all scopes unless named."""
        admin = Person(self.user, self.tenant, Role.ADMIN).actor
        return key_create(actor=admin, name="test", scopes=scopes or sorted(admin.scopes))[1]


def person(username: str, of: Tenant, role: str) -> Person:
    """A user who is a member of the tenant."""
    user = UserFactory.create(username=username)
    with tenant(of.id):
        Membership.objects.create(user=user, role=role)
    return Person(user, of, role)


def config(*roles: str, **changes: Any) -> dict[str, Any]:
    """A small valid team config; the given roles speak in order (Writer and Critic when none are named)."""
    agents = [
        {"agent_role": role, "agent_name": role, "agent_goal_based_prompt": f"You are the {role}."}
        for role in roles or ("Writer", "Critic")
    ]
    return {"agent_team_main_goal": "Name three uses of a brick.", "max_turns": 1, "agents": agents, **changes}


def proposal(of: Any, *roles: str, reason: str = "the goal needs it", prompt: str = "Help.") -> dict[str, Any]:
    """A proposal to add these roles, as it is kept with a team; the first of them would speak last."""
    additions = [
        {
            "kind": "recommended", "role": role, "agent_id": str(uuid4()), "added_by": "team-builder",
            "reason": reason, "source": "model:openai:scripted", "place": len(of.flow) + number,
            "agent": {"agent_role": role, "agent_goal_based_prompt": prompt},
        }
        for number, role in enumerate(roles, 1)
    ]  # fmt: skip
    for addition in additions:
        addition["agent"]["agent_id"] = addition["agent_id"]
    return {
        "id": str(uuid4()), "version": of.version, "made_by": "team-builder", "asked_by": "user:alice",
        "model": "openai:scripted", "created_at": "2026-11-21T09:30:00+00:00", "additions": additions,
    }  # fmt: skip


def team(owner: Person, *roles: str, **changes: Any) -> Any:
    """A saved team of the person's tenant."""
    return team_create(actor=owner.actor, config=config(*roles, **changes)).team
