"""What a tenant sets for its agents: its own role templates, and which tools of the catalogue it has enabled."""

import uuid

from django.db import models
from django.utils import timezone

from teams.history import tenant_history
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

    def __str__(self) -> str:
        return f"{self.name}: {'on' if self.enabled else 'off'}"
