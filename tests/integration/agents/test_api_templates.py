"""/api/v1/templates: the tenant's own wording of a role, and the way back to the default."""

from typing import Any

import pytest

from agents.models import RoleTemplate
from teams.models import AuditEntry
from teams.services import team_create
from teams.tenancy import tenant
from tests.factories import Person

URL = "/api/v1/templates"


def put(client: Any, role: str = "Critic", **body: Any) -> Any:
    return client.put(f"{URL}/{role}", {"prompt": "Doubt every number.", **body}, format="json")


def test_without_own_wording_the_four_defaults_hold(api: Any, bob: Person) -> None:
    answer = api(bob).get(URL)

    assert answer.status_code == 200
    roles = [(one["role"], one["is_default"], one["changed_at"]) for one in answer.json()["results"]]
    assert roles == [(role, True, None) for role in ("DecisionMaker", "Retriever", "Critic", "Refiner")]


def test_own_wording_replaces_the_default_and_new_teams_get_it(api: Any, bob: Person) -> None:
    answer = put(api(bob), tools=["Chunk_Text", "Chunk_Text"], name="Nora", reason="wrong twice")

    assert answer.status_code == 200
    assert answer.json() == api(bob).get(f"{URL}/Critic").json()
    assert (answer.json()["tools"], answer.json()["is_default"], answer.json()["has_default"]) == (
        ["Chunk_Text"],
        False,
        True,
    )
    agents = team_create(actor=bob.actor, config={"agent_team_main_goal": "x"}).team.config["agents"]
    assert agents[2]["agent_goal_based_prompt"] == "Doubt every number."


def test_a_change_leaves_history_and_audit_and_repeating_it_does_not(api: Any, bob: Person) -> None:
    client = api(bob)
    for _ in range(2):
        put(client, reason="wrong twice")

    with tenant(bob.tenant.id):
        (history,) = RoleTemplate.history.all()
        (entry,) = AuditEntry.objects.filter(action="template.set")
    assert history.actor == entry.actor
    assert history.actor.startswith("key:")
    assert (history.history_change_reason, entry.reason) == ("wrong twice", "wrong twice")
    assert (entry.before, entry.after["prompt"]) == (None, "Doubt every number.")


def test_delete_goes_back_to_the_default(api: Any, bob: Person) -> None:
    client = api(bob)
    put(client)

    for _ in range(2):  # a default that holds already stays
        answer = client.delete(f"{URL}/Critic?reason=too%20strict")
        assert answer.status_code == 200
        assert answer.json()["template"]["is_default"] is True
    with tenant(bob.tenant.id):
        assert AuditEntry.objects.get(action="template.reset").reason == "too strict"
        assert [row.history_type for row in RoleTemplate.history.all()] == ["-", "+"]


def test_a_role_of_ones_own_can_be_made_and_dropped(api: Any, bob: Person) -> None:
    client = api(bob)
    assert put(client, "Tax%2FLaw").json()["role"] == "Tax/Law"

    assert [one["role"] for one in client.get(URL).json()["results"]][-1] == "Tax/Law"
    assert client.delete(f"{URL}/Tax%2FLaw").json() == {"role": "Tax/Law", "template": None}
    assert client.get(f"{URL}/Tax%2FLaw").status_code == client.delete(f"{URL}/Tax%2FLaw").status_code == 404


def test_another_tenants_template_answers_like_a_missing_one(api: Any, bob: Person, charlie: Person) -> None:
    put(api(charlie), "Lawyer")
    client = api(bob)

    for method in (client.get, client.delete):
        foreign, missing = method(f"{URL}/Lawyer"), method(f"{URL}/Nobody")
        assert (foreign.status_code, foreign.json()) == (missing.status_code, missing.json()) == (404, missing.json())
    assert put(client, "Lawyer", prompt="Mine.").status_code == 200
    assert api(charlie).get(f"{URL}/Lawyer").json()["prompt"] == "Doubt every number."


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"prompt": " "}, "prompt"),
        ({"prompt": "x\0"}, "prompt"),
        ({"prompt": "x" * 50_001}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"name": "x" * 201}, "name"),
        ({"personality": "x" * 50_001}, "personality"),
        ({"tools": ["Search_Vektor_DB"]}, "tools.0"),
        ({"tools": ["Chunk_Text", "\0"]}, "tools.1"),
        ({"tools": "Chunk_Text"}, "tools"),
        ({"tools": ["Chunk_Text", "Chunk_Text", "t"]}, "tools.2"),
        ({"reason": "x" * 2001}, "reason"),
        ({"wording": "x"}, "wording"),
    ],
)
def test_bad_bodies_are_refused_at_their_place(api: Any, bob: Person, body: dict[str, Any], loc: str) -> None:
    answer = put(api(bob), **body)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert [error["loc"] for error in answer.json()["errors"]] == [loc]
    with tenant(bob.tenant.id):
        assert not RoleTemplate.objects.exists()


@pytest.mark.parametrize("role", ["A->B", "x" * 101, "a%00b", "Critic%232"])
def test_bad_roles_are_refused(api: Any, bob: Person, role: str) -> None:
    answer = put(api(bob), role)

    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (400, "role")
    assert api(bob).get(f"{URL}/{role}").status_code == 404


def test_scopes_are_needed(api: Any, bob: Person) -> None:
    reader = api(bob, "teams:read")

    assert reader.get(URL).status_code == 200
    assert (put(reader).status_code, reader.delete(f"{URL}/Critic").status_code) == (403, 403)
    assert api(bob, "audit:read").get(URL).status_code == 403
    assert api().get(URL).status_code == 401


def test_there_is_a_limit(api: Any, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.services.MAX_TEMPLATES", 1)
    client = api(bob)

    assert [put(client, role).status_code for role in ("A", "B", "A")] == [200, 409, 200]
