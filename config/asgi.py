"""ASGI entry point: `uvicorn config.asgi:application`. Refuses to start with a broken configuration."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.asgi import get_asgi_application

on_loop = get_asgi_application()

from django.conf import settings  # noqa: E402 - needs the environment

from config.serving import ThreadHandler, by_view  # noqa: E402 - needs the apps
from teams.checks import refuse_broken_configuration  # noqa: E402
from teams.garbage import spare_what_was_loaded  # noqa: E402
from teams.middleware import measured  # noqa: E402

refuse_broken_configuration()

in_thread, waiting = ThreadHandler(settings.WEB_THREADS), ThreadHandler(settings.WEB_WAITING_THREADS)
application = measured(by_view(on_loop, in_thread, waiting))
spare_what_was_loaded()
