"""Who owns what: tenants, their members and keys, teams with their versions, and the audit trail."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from teams.history import ChangeNote, VersionHistoryBase, tenant_history
from teams.tenancy import TenantModel


class PlatformKeys(models.TextChoices):
    """Whether a tenant's models may be called with the platform's keys."""

    ALLOWED = "allowed", "Allowed: where the tenant has no account of its own"
    FORBIDDEN = "forbidden", "Forbidden: the tenant's own accounts alone"


class Tenant(models.Model):
    """An organisation that uses the product. The directory of tenants is global: it holds nothing but names."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(
        max_length=63, unique=True, help_text="short name used in configs (tenant_id) and on the command line"
    )
    name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True, help_text="switched off: keys stop working and no run starts")
    default_model = models.CharField(
        max_length=200, blank=True, help_text="provider:model for agents without one; blank: the platform's default"
    )
    platform_keys = models.CharField(
        max_length=10,
        choices=PlatformKeys.choices,
        default=PlatformKeys.ALLOWED,
        help_text="whether teams may be run with the platform's keys where the tenant has no account of its own",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name or self.slug


class Role(models.TextChoices):
    """What a member may do in the tenant; each role may also do what the ones before it may."""

    VIEWER = "viewer", "Viewer: sees everything, changes nothing"
    OPERATOR = "operator", "Operator: edits and runs teams"
    ADMIN = "admin", "Admin: also members, keys and settings"


class Membership(TenantModel):
    """A user's role in one tenant."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    notify_approvals = models.BooleanField(
        "mail about approvals", default=False, db_default=False,
        help_text="an e-mail when a run waits for a decision; operators and admins only",
    )  # fmt: skip
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    history = tenant_history()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="membership_once")]
        verbose_name = "member"

    def __str__(self) -> str:
        return f"{self.user} as {self.role}"


class ApiKey(TenantModel):
    """A key of an API client. Only a keyed digest is stored; the key itself is shown once (teams/keys.py)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, help_text="what uses this key, e.g. 'CI' or 'billing service'")
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    scopes = models.JSONField(default=list, help_text="what the key may do")
    created_by = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="blank: never")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} (tb_live_{self.prefix}_…)"

    @property
    def state(self) -> str:
        """'active', 'revoked' or 'expired'."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "active"


class Team(TenantModel):
    """A team of agents: the current config. Its history rows with `makes_version` are its versions."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200, help_text="shown in lists; the goal's first words when left blank")
    config = models.JSONField(help_text="the team's JSON; read and written through teams.spec.TeamSpec alone")
    config_hash = models.CharField(max_length=64, editable=False)
    version = models.PositiveIntegerField(default=0, editable=False)
    is_deleted = models.BooleanField(default=False, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    pending_proposal = models.JSONField(
        null=True,
        blank=True,
        editable=False,
        help_text="what the Team Builder would add, waiting for a person's approval",
    )

    # The proposal is no part of a version: what became of it is in the version's additions and in the audit trail.
    history = tenant_history(VersionHistoryBase, without=["pending_proposal"])
    _change: ChangeNote

    class Meta(TenantModel.Meta):
        ordering = ["-updated_at"]
        indexes = [
            models.Index(fields=["tenant", "is_deleted", "-created_at", "id"], name="team_tenant_created"),
            models.Index(fields=["tenant", "is_deleted", "-updated_at"], name="team_tenant_updated"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def goal(self) -> str:
        """The question put to the team."""
        return str(self.config.get("agent_team_main_goal", ""))

    @property
    def flow(self) -> list[str]:
        """Roles in speaking order, as far as the config says them."""
        named: str = self.config.get("agent_team_flow") or ""
        if named:
            return [part.strip() for part in named.split("->")]
        agents: list[dict[str, Any]] = self.config.get("agents") or []
        return [str(agent.get("agent_role", "")) for agent in agents]


class AuditEntry(TenantModel):
    """One change, by whom and why; written in the same transaction as the change. The login role may only insert."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=60)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    # The writing transaction: what the sealer orders by, since ids of a slow transaction commit after later ones.
    xact = models.BigIntegerField(db_default=models.Func(function="txid_current"), editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="audit_tenant"),
            models.Index(fields=["tenant", "xact", "id"], name="audit_sealing"),
            models.Index(fields=["tenant", "object_type", "object_id", "-id"], name="audit_object"),
            models.Index(fields=["tenant", "at"], name="audit_when"),
            models.Index(fields=["tenant", "actor", "-id"], name="audit_actor"),
        ]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"


class AuditSeal(TenantModel):
    """A link of a tenant's hash chain: the digest over the entries since the former seal, and over that seal.

    Sealed apart from the writes, every few seconds, because a chain inside the writing transactions would make a
    tenant's writers wait for each other. A changed, removed or inserted entry below `horizon` breaks the chain.
    """

    id = models.BigAutoField(primary_key=True)
    horizon = models.BigIntegerField(
        help_text="covers the entries of transactions from the former seal's horizon to below this one"
    )
    entries = models.PositiveIntegerField(help_text="how many entries this link covers")
    digest = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "horizon"], name="audit_seal_once")]

    def __str__(self) -> str:
        return f"seal up to transaction {self.horizon}"
