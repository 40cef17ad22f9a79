"""The Celery application: `celery -A config worker --pool threads`.

Messages are permits to claim the fairest run (see docs/architecture.md); PostgreSQL holds the truth. So nothing
is stored as a result, and a message is acknowledged before it runs: a lost one is rung again by the reaper.
"""

import logging.config
import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("agent_team_builder")
app.config_from_object("config.celery_settings")
app.autodiscover_tasks(["executions"])


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _log_as_the_rest(**_: Any) -> None:
    """Celery would give its own loggers handlers of their own, which know neither our fields nor our filter."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
