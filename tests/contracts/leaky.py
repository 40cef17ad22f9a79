"""What a careless endpoint would look like; the URL matrix must report it."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import path

from teams.models import Team
from teams.tenancy import across_tenants


def show(request: HttpRequest, team_id: UUID) -> HttpResponse:
    """Answer with any tenant's team; POST renames it."""
    with across_tenants("a hole made on purpose"):
        team = Team.objects.filter(id=team_id).first()
        if team is not None and request.method == "POST":
            team.name = "renamed from outside"
            team.save()
    return HttpResponse(team.name) if team else HttpResponse(status=404)


urlpatterns = [path("leaky/<uuid:team_id>", show)]
