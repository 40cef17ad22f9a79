"""A run's page follows the run by the same stream of events as every other client, without a reload."""

from typing import Any

from django.conf import settings
from playwright.sync_api import Page, expect

from executions import runtime
from executions.services import execution_start
from executions.worker import Worker
from tests import factories
from tests.fakes import FakeLLMServer


def test_the_page_shows_what_happens_as_it_happens(page: Page, alice: Any, sign_in: Any, monkeypatch: Any) -> None:
    team = factories.team(alice, "Writer", "Critic")
    sign_in(alice)
    with FakeLLMServer() as model:
        model.rule(answer="<b>Bricks</b> make fine bookends.")
        provider = {"openai": {"base_url": model.base_url, "api_key": "test", "models": {}}}
        monkeypatch.setattr(settings, "LLM_PROVIDERS", provider)
        run = execution_start(actor=alice.actor, team_id=team.id, stream_tokens=True).execution
        with page.expect_response(lambda answer: answer.url.partition("?")[0].endswith("/events")):
            page.goto(f"/admin/executions/execution/{run.id}/change/")
        expect(page.locator(".field-status")).to_contain_text("Queued")
        assert runtime.run_next(Worker(slots=1))
    expect(page.locator(".field-status")).to_contain_text("Succeeded")
    expect(page.locator("table.steps tbody tr")).to_have_count(2)
    expect(page.locator("table.steps .said").first).to_have_text("<b>Bricks</b> make fine bookends.")
    expect(page.locator("#run-live")).to_have_count(0)
