"""ASGI entry point: `uvicorn config.asgi:application`. Refuses to start with a broken configuration."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.asgi import get_asgi_application

application = get_asgi_application()

from teams.checks import refuse_broken_configuration  # noqa: E402 - needs the apps

refuse_broken_configuration()
