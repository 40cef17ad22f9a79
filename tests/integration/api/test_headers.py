"""What every answer says about loading, caching and sniffing."""

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

NOTHING = "default-src 'none'"


@pytest.mark.parametrize("url", ["/api/v1/me", "/api/v1/nothing", "/health/live", "/build"])
def test_json_loads_nothing_and_is_kept_by_no_cache(api: Any, alice: Any, url: str) -> None:
    answer = api(alice).get(url)
    assert answer["Content-Security-Policy"].startswith(NOTHING)
    assert "script-src" not in answer["Content-Security-Policy"]
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"


def test_pages_load_their_own_files_only(client: Client) -> None:
    policy = client.get("/admin/login/")["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval';" in policy  # the theme's; no inline script
    assert "style-src 'self' 'unsafe-inline';" in policy
    assert "img-src 'self' data:" in policy
    assert policy.count("unsafe") == 2


def test_the_docs_may_style_but_not_script_inline(client: Client) -> None:
    answer = client.get("/api/docs/")
    assert "style-src 'self' 'unsafe-inline'" in answer["Content-Security-Policy"]
    assert "script-src 'self';" in answer["Content-Security-Policy"]


def test_the_docs_page_needs_nobody_else(client: Client) -> None:
    page = client.get("/api/docs/").content.decode()
    assert "http://" not in page
    assert "https://" not in page
    assert "<script>" not in page


def test_the_docs_script_is_served_apart(client: Client) -> None:
    answer = client.get("/api/docs/?script=")
    assert answer.status_code == 200
    assert "SwaggerUIBundle" in answer.content.decode()
    assert "/api/schema/" in answer.content.decode()
