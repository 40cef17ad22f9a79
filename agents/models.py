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
    """A tool switched off (or on again) by a tenant; without a row the tool is enabled."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    enabled = models.BooleanField(default=True)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    history = tenant_history()

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="tenant_tool_once")]

    def __str__(self) -> str:
        return f"{self.name}: {'on' if self.enabled else 'off'}"
