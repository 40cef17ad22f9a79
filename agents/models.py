"""What a tenant sets for its agents: role templates, which tools are enabled, and what their calls sign in with."""

import uuid

from django.db import models
from django.utils import timezone

from teams.history import tenant_history
from teams.secrets import SealedField
from teams.tenancy import TenantModel


class RoleTemplate(TenantModel):
    """A tenant's own wording of a role; without a row the default in agents/templates.py holds."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    role = models.CharField(max_length=100, help_text="the name used in flows, e.g. Critic")
    name = models.CharField(max_length=200, blank=True)
    personality = models.TextField(blank=True)
    prompt = models.TextField(help_text="instructions every agent made from this template gets")
    tools = models.JSONField(default=list, blank=True, help_text="tool names of the catalogue")
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    history = tenant_history()

    class Meta(TenantModel.Meta):
        ordering = ["role"]
        constraints = [models.UniqueConstraint(fields=["tenant", "role"], name="template_once")]

    def __str__(self) -> str:
        return self.role


class TenantTool(TenantModel):
    """What a tenant has set for a tool; without a row it is enabled, and asks a person when the tool says so."""

    class Approval(models.TextChoices):
        """When a person must approve a call."""

        DEFAULT = "default", "as the tool says"
        ALWAYS = "always", "each time"
        NEVER = "never", "not for this tool"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    enabled = models.BooleanField(default=True)
    approval = models.CharField(max_length=10, choices=Approval.choices, default=Approval.DEFAULT)
    settings = models.JSONField(default=dict, blank=True, help_text="e.g. the hosts Call_Web_API may reach; no secrets")
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    history = tenant_history()

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="tenant_tool_once")]
        verbose_name = "tool"

    def __str__(self) -> str:
        return f"{self.name}: {'on' if self.enabled else 'off'}"


class ProviderAccount(TenantModel):
    """A tenant's own key for a provider of models; without a row the platform's key is used, where that is allowed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.CharField(max_length=64, help_text="name of the provider, e.g. openai")
    api_key = SealedField()
    ends_with = models.CharField(max_length=4, blank=True, editable=False)
    base_url = models.CharField(
        max_length=500,
        blank=True,
        help_text="the tenant's own address, where the provider allows one; blank: its usual",
    )
    enabled = models.BooleanField(default=True, help_text="off: as if it were not there")
    note = models.CharField(max_length=200, blank=True, help_text="whose account it is, for people")
    # Counts the changes, so that a client made for an older key is never used again.
    revision = models.PositiveIntegerField(default=1, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    history = tenant_history(without=["api_key", "ends_with"])

    class Meta(TenantModel.Meta):
        ordering = ["provider"]
        constraints = [models.UniqueConstraint(fields=["tenant", "provider"], name="provider_account_once")]

    def __str__(self) -> str:
        return f"account with {self.provider}"


class ToolCredential(TenantModel):
    """What a tool sends in a header to sign in, and the only hosts it may be sent to."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, help_text="what it opens, e.g. issue tracker")
    tool = models.CharField(max_length=100, help_text="name of the tool that sends it")
    header = models.CharField(max_length=100, default="Authorization", help_text="name of the header it is sent in")
    scheme = models.CharField(max_length=40, blank=True, help_text="word before the value, e.g. Bearer; blank: none")
    value = SealedField()
    ends_with = models.CharField(max_length=4, blank=True, editable=False)
    hosts = models.JSONField(default=list, help_text="host or host:port, the only places it may be sent to")
    enabled = models.BooleanField(default=True, help_text="off: as if it were not there")
    note = models.CharField(max_length=200, blank=True)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    history = tenant_history(without=["value", "ends_with"])

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="tool_credential_once")]

    def __str__(self) -> str:
        return self.name
