"""The least that stores a JSON document and shows it: Django REST framework, one table, no login, no tenants.

Served by the product's own web server and handler with the same settings (benchmarks.product.Product.same_server).
"""

import os
import uuid

import django
from django.conf import settings
from environ import Env

settings.configure(
    SECRET_KEY="not-secret",  # noqa: S106 - nothing here is signed
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "benchmarks"],
    DATABASES={
        "default": {
            **Env.db_url_config(os.environ["PEER_DATABASE"]),
            "OPTIONS": {"pool": {"min_size": 1, "max_size": 16}, "application_name": "peer-drf"},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "UNAUTHENTICATED_USER": None,
    },
    LOGGING_CONFIG=None,
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - need the settings
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import generics, serializers  # noqa: E402

from config.serving import ThreadHandler  # noqa: E402
from teams.garbage import spare_what_was_loaded  # noqa: E402


class Team(models.Model):
    """A document with a name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.TextField(default="team")
    config = models.JSONField()

    class Meta:
        """The table is made by the benchmark."""

        app_label = "benchmarks"
        db_table = "benchmark_team"
        managed = False

    def __str__(self) -> str:
        return self.name


class TeamSerializer(serializers.ModelSerializer):
    """All of it."""

    class Meta:
        """The fields shown."""

        model = Team
        fields = ("id", "name", "config")


class Teams(generics.CreateAPIView):
    """POST."""

    queryset = Team.objects.all()
    serializer_class = TeamSerializer


class OneTeam(generics.RetrieveAPIView):
    """GET."""

    queryset = Team.objects.all()
    serializer_class = TeamSerializer


urlpatterns = [path("api/v1/teams", Teams.as_view()), path("api/v1/teams/<uuid:pk>", OneTeam.as_view())]
application = ThreadHandler(64)
wsgi_application = get_wsgi_application()
spare_what_was_loaded()
