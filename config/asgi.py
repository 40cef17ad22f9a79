"""ASGI entry point: `uvicorn config.asgi:application`. Refuses to start with a broken configuration."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from teams.checks import refuse_broken_configuration  # noqa: E402 - needs the apps
from teams.middleware import measured  # noqa: E402

application = measured(django_application)

refuse_broken_configuration()
