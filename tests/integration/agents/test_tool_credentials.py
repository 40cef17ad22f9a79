"""A tool gets a tenant's credential for the hosts it was made for, and for no other."""

from typing import Any

import pytest

from agents.accounts import credential_for
from agents.models import ToolCredential
from teams.secrets import Tampered, seal_into
from teams.tenancy import tenant

pytestmark = pytest.mark.django_db
VALUE = "ghp-alice-0123456789"


def credential(who: Any, value: str = VALUE, **fields: Any) -> ToolCredential:
    given = {"name": "tracker", "tool": "Call_Web_API", "scheme": "Bearer", "hosts": ["api.example", "b.example:8443"]}
    row = ToolCredential(tenant=who.tenant, **given | fields)
    seal_into(row, "value", value)
    with tenant(who.tenant.id):
        row.save()
    return row


@pytest.mark.parametrize("host", ["api.example", "API.example", "b.example:8443"])
def test_it_is_given_for_its_hosts(alice, host):
    credential(alice)
    assert credential_for(alice.tenant.id, "Call_Web_API", host) == {"Authorization": f"Bearer {VALUE}"}


@pytest.mark.parametrize("host", ["evil.example", "api.example.evil.example", "b.example", "api.example:8443", ""])
def test_it_is_given_for_no_other_host(alice, host):
    credential(alice)
    assert credential_for(alice.tenant.id, "Call_Web_API", host) is None


def test_it_is_given_to_no_other_tool_and_no_other_tenant(alice, charlie):
    credential(alice)
    assert credential_for(alice.tenant.id, "Chunk_Text", "api.example") is None
    assert credential_for(charlie.tenant.id, "Call_Web_API", "api.example") is None


def test_one_that_is_off_is_not_given(alice):
    credential(alice, enabled=False)
    assert credential_for(alice.tenant.id, "Call_Web_API", "api.example") is None


def test_several_headers_of_one_host_go_together(alice):
    credential(alice)
    credential(alice, "k-2", name="second", header="X-Api-Key", scheme="", hosts=["api.example"])
    found = credential_for(alice.tenant.id, "Call_Web_API", "api.example")
    assert found == {"Authorization": f"Bearer {VALUE}", "X-Api-Key": "k-2"}


def test_a_value_copied_from_another_row_is_not_given(alice):
    first = credential(alice)
    second = credential(alice, "k-2", name="second", hosts=["other.example"])
    second.value = first.value
    with tenant(alice.tenant.id):
        second.save()
    with pytest.raises(Tampered):
        credential_for(alice.tenant.id, "Call_Web_API", "other.example")
