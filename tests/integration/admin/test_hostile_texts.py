"""Every page of the admin in a world where each text that an agent, a tool, a user or a client writes is hostile."""

import re
from typing import Any

import pytest
from django.http import QueryDict

from executions.models import Worker
from tests import xss
from tests.admin_places import Place, places
from tests.admin_world import build

LONG = {
    "first goal", "goal", "prompt", "personality", "prompt one", "prompt two", "run input", "answer", "run error",
    "said", "tool result", "value", "lost value", "note", "step error", "asked value", "asked", "approval note",
    "payload", "webhook note", "delivery answer", "delivery error", "schedule input", "schedule error",
    "template prompt", "template personality", "audit before", "audit after", "audit reason",
    "proposal", "proposed prompt", "run goal",
    "reason one", "reason two",
}  # fmt: skip
"""Fields without a narrow limit: they hold all of the texts."""


def hostile(field: str) -> str:
    if field == "ends":
        return xss.TINY
    if "address" in field:
        return f"javascript:window.xss=1//{xss.MARK}"
    return xss.ALL if field in LONG else xss.BREAKS_OUT


def harmless(field: str) -> str:
    return "ends" if field == "ends" else f"https://{field}" if "address" in field else f"Some {field}"


QUERIES = {
    "changelist": ["?q={}", "?state={}", "?who={}", "?from={}", "?object_type={}&verb={}", "?o={}&p=1&e=1"],
    "search": ["?s={}&extended=1", "?s={}"], "history": ["?before={}"], "compare": ["?a={}"], "start": ["?again={}"],
    "add": ["?role={}&name={}&provider={}&_changelist_filters={}"],
}  # fmt: skip
"""What an address says that a page may echo."""


def asked(rows: dict[str, Any]) -> list[Place]:
    found = [place for place in places(rows, "s") if place.name != "logout"]
    text = QueryDict(mutable=True)
    text["x"] = xss.BREAKS_OUT
    encoded = text.urlencode().removeprefix("x=")
    plain = [place for place in found if "?" not in place.path]
    return found + [
        place._replace(path=place.path + query.replace("{}", encoded))
        for place in plain
        for query in QUERIES.get(place.name.rpartition("_")[2], ())
    ]


@pytest.fixture
def boss(acme: Any) -> Any:
    """Superuser and admin of acme: sees every page."""
    from teams.models import Role
    from tests import factories

    found = factories.person("boss", acme, Role.ADMIN)
    found.user.is_superuser = True
    found.user.save()
    return found


def spoil(person: Any) -> None:
    """What superusers write: names of tenants and users."""
    person.tenant.name = xss.BREAKS_OUT
    person.tenant.default_model = xss.BREAKS_OUT
    person.tenant.save()
    person.user.email, person.user.first_name = xss.BREAKS_OUT, xss.BREAKS_OUT
    person.user.username = xss.BREAKS_OUT
    person.user.save()


def test_nothing_anybody_wrote_is_more_than_text(boss: Any, globex: Any, signed_in: Any) -> None:
    rows = build(boss, hostile)
    browser = signed_in(boss)
    spoil(boss)
    seen, faults = "", {}
    for place in asked(rows):
        answer = browser.get(place.path)
        if "html" in answer.get("Content-Type", ""):
            page = xss.Page(answer.content.decode())
            seen += page.text
            if page.faults:
                faults[place.path] = page.faults[:3]
    assert not faults
    for text in xss.TEXTS:
        assert " ".join(text.split()) in " ".join(seen.split()), text


def test_scripts_read_the_same_attributes_as_in_a_harmless_world(alice: Any, charlie: Any, signed_in: Any) -> None:
    read: list[dict[str, set[tuple[str, str]]]] = []
    for who, say in ((charlie, harmless), (alice, hostile)):
        rows, browser = build(who, say), signed_in(who)
        pages = {place.name + place.model: browser.get(place.path) for place in places(rows) if place.name != "logout"}
        pages = {name: page for name, page in pages.items() if "html" in page.get("Content-Type", "")}
        read.append({name: xss.Page(page.content.decode()).read_by_scripts for name, page in pages.items()})
        Worker.objects.all().delete()
    assert read[0] == read[1]


def test_what_is_typed_comes_back_as_text(boss: Any, signed_in: Any) -> None:
    rows = build(boss, harmless)
    browser = signed_in(boss)
    faults, echoed = {}, 0
    for place in places(rows):
        page = browser.get(place.path)
        if page.status_code != 200 or not page.context or "<form" not in page.content.decode():
            continue
        html = page.content.decode()
        field = page.context["tenant_token"]
        names = set(re.findall(r'<(?:input|textarea|select)[^>]*\bname="([^"]+)"', html))
        for text in (xss.BREAKS_OUT, xss.ALL):
            data = dict.fromkeys(names - {"csrfmiddlewaretoken", "_tenant"}, text)
            counts = {name: value for name, value in _hidden(html).items() if "FORMS" in name}
            answer = browser.post(place.path, {**data, **counts, "_tenant": field})
            if "html" in answer["Content-Type"]:
                shown = xss.Page(answer.content.decode())
                echoed += xss.MARK in shown.text
                if shown.faults:
                    faults[place.path] = shown.faults[:3]
    assert not faults
    assert echoed > 20


def _hidden(html: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html))
