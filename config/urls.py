"""The whole HTTP surface on one page."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

import agents.api
import agents.api_accounts
import agents.api_credentials
import executions.api
import executions.api_approvals
import executions.api_limits
import executions.api_schedules
import executions.api_webhooks
import executions.live
import teams.api
import teams.api_access
import teams.api_audit
import teams.api_proposals
import teams.api_transfer
from console import compat, health
from console import metrics as console_metrics
from console.schema import SchemaView

api_v1 = [
    *teams.api_transfer.urlpatterns,
    *teams.api.urlpatterns,
    *teams.api_access.urlpatterns,
    *teams.api_audit.urlpatterns,
    *teams.api_proposals.urlpatterns,
    *agents.api.urlpatterns,
    *agents.api_accounts.urlpatterns,
    *agents.api_credentials.urlpatterns,
    *executions.api.urlpatterns,
    *executions.api_approvals.urlpatterns,
    *executions.api_limits.urlpatterns,
    *executions.api_schedules.urlpatterns,
    *executions.api_webhooks.urlpatterns,
    *executions.live.urlpatterns,
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/v1/", include(api_v1)),
    path("api/schema/", SchemaView.as_view(), name="api-schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("health/full", health.full),
    path("metrics", console_metrics.metrics, name="metrics"),
    *compat.urlpatterns,
]

# Under /admin/ these are pages, everywhere else problem+json.
handler400 = "teams.problems.bad_request"
handler403 = "teams.problems.permission_denied"
handler404 = "teams.problems.not_found"
handler500 = "teams.problems.server_error"
