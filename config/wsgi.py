"""WSGI entry point for servers that speak only WSGI; live pages fall back to polling.

Refuses to start with a broken configuration.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from teams.checks import refuse_broken_configuration  # noqa: E402 - needs the apps

refuse_broken_configuration()
