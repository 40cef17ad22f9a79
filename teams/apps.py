"""Django's entry to the app."""

from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "teams"
    verbose_name = "Teams"

    def ready(self) -> None:
        from teams import checks, openapi  # noqa: F401  registers system checks and API security schemes
