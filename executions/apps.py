"""Django's entry to the app."""

from django.apps import AppConfig


class ExecutionsConfig(AppConfig):
    name = "executions"
    verbose_name = "Executions"

    def ready(self) -> None:
        from executions import settings_checks  # noqa: F401  registers a system check
