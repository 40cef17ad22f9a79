"""/api/v1/tools: the catalogue, and each tenant's switches."""

from typing import Any

import pytest

from agents.models import TenantTool
from agents.registry import enabled_tools
from teams.models import AuditEntry
from teams.tenancy import tenant
from tests.factories import Person

URL = "/api/v1/tools"


def switch(client: Any, enabled: Any, name: str = "Call_Web_API", **body: Any) -> Any:
    return client.patch(f"{URL}/{name}", {"enabled": enabled, **body}, format="json")


def test_all_tools_are_enabled_at_first(api: Any, alice: Person) -> None:
    results = api(alice).get(URL).json()["results"]

    assert [tool["name"] for tool in results] == [
        "Search_Vector_DB",
        "Search_Graph_DB",
        "Call_Web_API",
        "Embedding_Service",
        "Chunk_Text",
    ]
    assert all(tool["enabled"] and tool["title"] and tool["description"] for tool in results)


def test_a_tool_is_switched_off_and_on_for_one_tenant(api: Any, alice: Person, charlie: Person) -> None:
    client = api(alice)

    assert switch(client, False, reason="not yet").json()["enabled"] is False
    assert "Call_Web_API" not in enabled_tools(alice.tenant.id)
    assert len(enabled_tools(charlie.tenant.id)) == 5
    assert switch(client, True).json()["enabled"] is True
    assert len(enabled_tools(alice.tenant.id)) == 5
    with tenant(alice.tenant.id):
        assert [row.enabled for row in TenantTool.history.order_by("history_id")] == [False, True]
        first = AuditEntry.objects.filter(action="tool.switch").earliest("id")
    assert (first.reason, first.after) == ("not yet", {"name": "Call_Web_API", "enabled": False})


def test_what_is_so_already_changes_nothing(api: Any, alice: Person) -> None:
    assert switch(api(alice), True).status_code == 200
    with tenant(alice.tenant.id):
        assert not TenantTool.objects.exists()
        assert not AuditEntry.objects.filter(action="tool.switch").exists()


@pytest.mark.parametrize("body", [{"enabled": "yes"}, {"enabled": 1}, {"enabled": None}])
def test_only_true_or_false_is_taken(api: Any, alice: Person, body: dict[str, Any]) -> None:
    answer = switch(api(alice), body["enabled"])

    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (400, "enabled")


def test_an_unknown_tool_is_not_found(api: Any, alice: Person) -> None:
    assert switch(api(alice), False, "Search_Everything").status_code == 404


def test_scopes_are_needed(api: Any, alice: Person) -> None:
    reader = api(alice, "teams:read")

    assert reader.get(URL).status_code == 200
    assert switch(reader, False).status_code == 403
    assert api().get(URL).status_code == 401
