"""Role templates and the tool catalogue in the admin."""

from typing import Any

from agents.models import RoleTemplate, TenantTool
from agents.services import template_get
from teams.tenancy import tenant

TEMPLATES = "/admin/agents/roletemplate/"
TOOLS = "/admin/agents/tenanttool/"


def test_defaults_are_where_one_starts_from(bob: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    assert f"{TEMPLATES}add/?role=Critic" in browser.get(TEMPLATES).content.decode()
    prompt = template_get(actor=bob.actor, role="Critic").template.prompt
    form = browser.get(f"{TEMPLATES}add/?role=Critic").context["adminform"].form
    assert form.initial["prompt"] == prompt


def test_a_template_is_stored_changed_and_dropped(bob: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    form = {"role": "Critic", "name": "Carla", "personality": "", "prompt": "Find the flaw.", "reason": "ours"}
    assert browser.submit(f"{TEMPLATES}add/", form).status_code == 302
    with tenant(bob.tenant.id):
        row = RoleTemplate.objects.get()
    changed = {**form, "prompt": "Find two flaws.", "tools": ["Chunk_Text"]}
    assert browser.submit(f"{TEMPLATES}{row.pk}/change/", changed).status_code == 302
    now = template_get(actor=bob.actor, role="Critic").template
    assert (now.name, now.prompt, now.tools) == ("Carla", "Find two flaws.", ("Chunk_Text",))
    assert "Find two flaws." in browser.get(f"{TEMPLATES}{row.pk}/history/").content.decode()
    assert browser.submit(f"{TEMPLATES}{row.pk}/delete/", {"reason": ""}).status_code == 302
    assert template_get(actor=bob.actor, role="Critic").changed_at is None


def test_what_the_service_refuses_is_at_its_field(bob: Any, signed_in: Any) -> None:
    form = {"role": "A->B", "name": "", "personality": "", "prompt": "p", "reason": ""}
    answer = signed_in(bob).submit(f"{TEMPLATES}add/", form)
    assert "role" in answer.context["adminform"].form.errors


def test_viewers_change_no_template(vera: Any, signed_in: Any) -> None:
    assert signed_in(vera).get(f"{TEMPLATES}add/").status_code == 403


def test_tools_are_switched_off_and_on(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    assert "Search_Vector_DB" in browser.get(TOOLS).content.decode()
    for enabled in ("0", "1"):
        assert browser.submit(TOOLS, {"name": "Chunk_Text", "enabled": enabled}).status_code == 302
        with tenant(alice.tenant.id):
            assert TenantTool.objects.get(name="Chunk_Text").enabled is (enabled == "1")


def test_the_hosts_a_tool_may_call_are_set(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    hosts = {"hosts": "api.example.com\n*.example.org", "once": "crm.example.org"}
    form = {"name": "Call_Web_API", "approval": "always", **hosts, "reason": "crm"}
    assert browser.submit(TOOLS, form).status_code == 302
    with tenant(alice.tenant.id):
        row = TenantTool.objects.get(name="Call_Web_API")
    settings = {"allowed_hosts": ["api.example.com", "*.example.org"], "idempotent_hosts": ["crm.example.org"]}
    assert (row.settings, row.approval) == (settings, "always")
    page = browser.get(TOOLS).content.decode()
    assert "api.example.com\n*.example.org</textarea>" in page
    assert "crm.example.org</textarea>" in page
    assert "not available yet" in page


def test_a_host_that_is_none_is_told_and_kept_in_the_form(alice: Any, signed_in: Any) -> None:
    form = {"name": "Call_Web_API", "approval": "default", "hosts": "https://api.example.com", "once": "b.example"}
    page = signed_in(alice).submit(TOOLS, form).content.decode()
    assert "without https://" in page
    assert "https://api.example.com</textarea>" in page
    assert "b.example</textarea>" in page


def test_an_unknown_tool_is_a_message(alice: Any, signed_in: Any) -> None:
    answer = signed_in(alice).submit(TOOLS, {"name": "Format_Disk", "enabled": "0"})
    assert "no such tool" in str(next(iter(answer.wsgi_request._messages)))
