"""Django's entry to the app."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"
    verbose_name = "Agents"

    def ready(self) -> None:
        from agents import settings_checks  # noqa: F401  registers system checks
