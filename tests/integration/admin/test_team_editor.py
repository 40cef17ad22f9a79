"""A whole config as JSON, sent to the editor without its form: created, changed, and refused at the form's fields."""

import json
from typing import Any

import pytest

from teams.models import AuditEntry, Team
from teams.services import team_get, team_update
from teams.tenancy import tenant
from tests import factories

ADD = "/admin/teams/team/add/"


def posted(config: Any, **others: Any) -> dict[str, Any]:
    text = config if isinstance(config, str) else json.dumps(config)
    return {"name": "Bricks", "config": text, "reason": "", **others}


def form_of(answer: Any) -> Any:
    return answer.context["adminform"].form


@pytest.fixture
def team(alice: Any) -> Any:
    return factories.team(alice)


def address(team: Any) -> str:
    return f"/admin/teams/team/{team.id}/change/"


def test_creates_version_1_with_reason_and_audit(bob: Any, signed_in: Any) -> None:
    answer = signed_in(bob).submit(ADD, posted(factories.config(), reason="a first try"))
    assert answer.status_code == 302
    with tenant(bob.tenant.id):
        team = Team.objects.get()
        entry = AuditEntry.objects.get(object_type="team")
        row = Team.history.get()
    assert (team.name, team.version, row.actor, row.history_change_reason) == ("Bricks", 1, "user:bob", "a first try")
    assert (entry.action, entry.actor, entry.reason) == ("team.create", "user:bob", "a first try")


def test_errors_are_told_at_the_fields_they_belong_to(bob: Any, signed_in: Any) -> None:
    config = factories.config("Writer", "Critic")
    config["agents"][1]["LLM_configuration"] = {"temperature": 5}
    config["max_turns"] = 0
    answer = signed_in(bob).submit(ADD, posted(config))
    assert answer.status_code == 200
    assert {"id_agents-1-temperature", "id_max_turns"} == {problem.target for problem in form_of(answer).problems}
    with tenant(bob.tenant.id):
        assert not Team.objects.exists()


def test_broken_json_names_line_and_column(bob: Any, signed_in: Any) -> None:
    answer = signed_in(bob).submit(ADD, posted('{"max_turns": }'))
    assert "line 1" in form_of(answer).errors["config"][0]


def test_what_was_typed_stays_when_refused(bob: Any, signed_in: Any) -> None:
    answer = signed_in(bob).submit(ADD, posted("[my text"))
    assert b"[my text</textarea>" in answer.content


def test_another_tenants_id_in_the_config_is_an_error_at_the_field(bob: Any, globex: Any, signed_in: Any) -> None:
    answer = signed_in(bob).submit(ADD, posted(factories.config(tenant_id="globex")))
    assert answer.status_code == 200
    assert "tenant_id must be your own" in form_of(answer).non_field_errors()[0]


def test_a_change_is_a_new_version(bob: Any, team: Any, signed_in: Any) -> None:
    config = {**team.config, "max_turns": 3}
    answer = signed_in(bob).submit(address(team), posted(config, seen_version=1, reason="more rounds"))
    assert answer.status_code == 302
    now = team_get(actor=bob.actor, team_id=team.id)
    assert (now.version, now.config["max_turns"], now.name) == (2, 3, "Bricks")


def test_another_name_is_no_new_version(bob: Any, team: Any, signed_in: Any) -> None:
    signed_in(bob).submit(address(team), posted(team.config, seen_version=1, name="Stones"))
    now = team_get(actor=bob.actor, team_id=team.id)
    assert (now.version, now.name) == (1, "Stones")


def test_saving_without_a_change_stores_nothing(bob: Any, team: Any, signed_in: Any) -> None:
    answer = signed_in(bob).submit(address(team), posted(team.config, seen_version=1, name=team.name))
    assert "nothing to save" in form_of(answer).non_field_errors()[0]
    assert team_get(actor=bob.actor, team_id=team.id).version == 1


def test_somebody_elses_change_is_shown_before_it_can_be_replaced(
    alice: Any, bob: Any, team: Any, signed_in: Any
) -> None:
    team_update(actor=alice.actor, team_id=team.id, config={**team.config, "max_turns": 9}, reason="nine is better")
    browser = signed_in(bob)
    mine = posted({**team.config, "max_turns": 2}, seen_version=1)
    refused = browser.submit(address(team), mine)
    assert refused.status_code == 409
    assert "alice saved version 2" in form_of(refused).meanwhile.saves[0]
    assert team_get(actor=bob.actor, team_id=team.id).config["max_turns"] == 9
    # The page now carries version 2, so that a second save is a decision and not an accident.
    assert b'name="seen_version" value="2"' in refused.content
    browser.submit(address(team), {**mine, "seen_version": 2})
    assert team_get(actor=bob.actor, team_id=team.id).config["max_turns"] == 2


def test_text_of_people_and_agents_is_shown_as_text(bob: Any, signed_in: Any) -> None:
    evil = '<script>alert("x")</script>'
    config = factories.config(evil, agent_team_main_goal=evil)
    browser = signed_in(bob)
    assert browser.submit(ADD, posted(config, name=evil, reason=evil)).status_code == 302
    with tenant(bob.tenant.id):
        team = Team.objects.get()
    pages = ["/admin/teams/team/", address(team), f"/admin/teams/team/{team.id}/history/",
             f"/admin/teams/team/{team.id}/versions/1/", f"/admin/teams/team/{team.id}/delete/",
             f"/admin/executions/execution/start/{team.id}/"]  # fmt: skip
    for page in pages:
        content = browser.get(page).content.decode()
        assert evil not in content, page
        assert "&lt;script&gt;" in content, page


def test_what_is_doubtful_names_the_agent_as_people_do(bob: Any, signed_in: Any, settings: Any) -> None:
    settings.LLM_PROVIDERS = {"openai": {"api_key": "", "base_url": "", "models": {}}}
    config = factories.config("Writer")
    config["agents"][0]["LLM_model"] = {"provider": "openai", "model": "gpt-5"}
    answer = signed_in(bob).submit(ADD, posted(config))
    told = [str(message) for message in answer.wsgi_request._messages]
    assert any(line.startswith("Agent 1 (Writer), LLM_model.provider: ") for line in told), told
    assert not any("agents.0" in line or "model:openai" in line for line in told)
