"""/api/v1/tools: the catalogue, and each tenant's switches."""

from typing import Any

import pytest

from agents.models import TenantTool
from agents.registry import enabled_tools
from agents.services import tool_set
from agents.tools import Switch
from agents.tools.switches import switch_of
from teams.errors import Forbidden
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


def test_what_a_model_is_told_and_who_is_asked_is_shown(api: Any, alice: Person) -> None:
    tools = {tool["name"]: tool for tool in api(alice).get(URL).json()["results"]}

    assert tools["Chunk_Text"]["parameters"]["required"] == ["text"]
    assert (tools["Chunk_Text"]["asks"], tools["Call_Web_API"]["asks"]) == ("no call", "by its arguments")
    assert (tools["Search_Graph_DB"]["available"], tools["Call_Web_API"]["available"]) == (False, True)


def test_hosts_and_approval_are_set_and_hold(api: Any, alice: Person, charlie: Person) -> None:
    hosts = {"allowed_hosts": ["API.example.com", "*.example.org", "10.0.0.5:8080"]}
    answer = api(alice).patch(f"{URL}/Call_Web_API", {"settings": hosts, "approval": "always", "reason": "crm"})

    listed = {"allowed_hosts": ["api.example.com", "*.example.org", "10.0.0.5:8080"], "idempotent_hosts": []}
    assert answer.json()["settings"] == listed
    assert (answer.json()["asks"], answer.json()["enabled"]) == ("each call", True)
    assert switch_of(alice.tenant.id, "Call_Web_API").approval == "always"
    assert switch_of(charlie.tenant.id, "Call_Web_API") == Switch()
    with tenant(alice.tenant.id):
        entry = AuditEntry.objects.get(action="tool.set")
        row = TenantTool.history.get()
    assert (entry.before["settings"], entry.after["approval"], entry.reason) == ({}, "always", "crm")
    assert (row.approval, row.history_change_reason) == ("always", "crm")


def test_what_is_left_out_stays(api: Any, alice: Person) -> None:
    client, hosts = api(alice), {"allowed_hosts": ["a.example"], "idempotent_hosts": ["a.example"]}
    client.patch(f"{URL}/Call_Web_API", {"settings": hosts})

    assert switch(client, False).json()["settings"] == hosts
    assert client.patch(f"{URL}/Call_Web_API", {"approval": "never"}).json()["enabled"] is False


def test_hosts_that_do_a_write_once_are_of_the_allowed_ones(api: Any, alice: Person) -> None:
    hosts = {"allowed_hosts": ["a.example", "*.b.example"], "idempotent_hosts": ["A.example", "crm.b.example"]}
    answer = api(alice).patch(f"{URL}/Call_Web_API", {"settings": hosts, "reason": "keys are kept"})

    assert answer.json()["settings"]["idempotent_hosts"] == ["a.example", "crm.b.example"]
    assert switch_of(alice.tenant.id, "Call_Web_API").settings == answer.json()["settings"]
    with tenant(alice.tenant.id):
        entry, row = AuditEntry.objects.get(action="tool.set"), TenantTool.history.get()
    assert entry.after["settings"]["idempotent_hosts"] == row.settings["idempotent_hosts"]
    assert row.history_change_reason == "keys are kept"
    refused = api(alice).patch(f"{URL}/Call_Web_API", {"settings": {**hosts, "allowed_hosts": ["a.example"]}})
    (problem,) = refused.json()["errors"]
    assert (problem["loc"], "allowed_hosts" in problem["msg"]) == ("settings.idempotent_hosts.1", True)


@pytest.mark.parametrize(
    ("name", "body", "loc"),
    [
        (
            "Call_Web_API",
            {"settings": {"allowed_hosts": ["a.example", "https://b.example"]}},
            "settings.allowed_hosts.1",
        ),
        ("Call_Web_API", {"settings": {"allowed_hosts": "a.example"}}, "settings.allowed_hosts"),
        ("Call_Web_API", {"settings": {"allowed_hosts": ["*"]}}, "settings.allowed_hosts.0"),
        ("Call_Web_API", {"settings": {"idempotent_hosts": ["a.example"]}}, "settings.idempotent_hosts.0"),
        ("Call_Web_API", {"settings": {"hosts": []}}, "settings.hosts"),
        ("Chunk_Text", {"settings": {"size": 5}}, "settings"),
        ("Call_Web_API", {"approval": "sometimes"}, "approval"),
        ("Call_Web_API", {"allowed_hosts": []}, "allowed_hosts"),
    ],
)
def test_settings_that_a_tool_does_not_have_are_refused(
    api: Any, alice: Person, name: str, body: dict[str, Any], loc: str
) -> None:
    answer = api(alice).patch(f"{URL}/{name}", body)

    assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (400, [loc])


def test_operators_do_not_change_tools(bob: Person) -> None:
    with pytest.raises(Forbidden, match="tools:write"):
        tool_set(actor=bob.actor, name="Call_Web_API", approval="never")


def test_an_unknown_tool_is_not_found(api: Any, alice: Person) -> None:
    assert switch(api(alice), False, "Search_Everything").status_code == 404


def test_scopes_are_needed(api: Any, alice: Person) -> None:
    reader = api(alice, "teams:read")

    assert reader.get(URL).status_code == 200
    assert switch(reader, False).status_code == 403
    assert api().get(URL).status_code == 401
