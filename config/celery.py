"""The Celery application: `celery -A config worker --pool threads`.

Messages are permits to claim the fairest run (see docs/architecture.md); PostgreSQL holds the truth. So nothing
is stored as a result, and a message is acknowledged before it runs: a lost one is rung again by the reaper.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("agent_team_builder")
app.config_from_object("config.celery_settings")
app.autodiscover_tasks(["executions"])
