"""Every operation of the OpenAPI document with requests that Schemathesis makes of it, good ones and bad ones.

Whatever is sent: no 5xx, no status and no content type that the document does not name, headers and bodies as it
describes them. The requests reach the application in this process, as a tenant that is made for it; each is undone, so
that one cannot spoil the next. The seed is fixed: the same document makes the same requests.

`REQUESTS` sets how many are made up for an operation, besides the document's examples and the values at the edges of
what it allows (`REQUESTS=500 pytest tests/contracts/test_schemathesis.py` looks more closely).
"""

import os
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import requests
import schemathesis
from asgiref.sync import async_to_sync
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction
from django.test import AsyncClient
from django.utils import timezone
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi import checks

from teams.models import ApiKey
from teams.tenancy import tenant
from tests.conftest import _empty_tables
from tests.contracts.document import document
from tests.contracts.world import OWN, Rows, build

pytestmark = pytest.mark.slow

CONFIG = f"""
suppress-health-check = ["all"]
[generation]
max-examples = {os.environ.get("REQUESTS", "10")}
deterministic = true
no-shrink = true
[phases.coverage]
unexpected-methods = []
[phases.stateful]
enabled = false
"""

ALIKE = {"/api/v1/teams/{team_id}", "/teams", "/update_team", "/execute"}
"""They read a config as POST /api/v1/teams, /validate and /build do, where its hundreds of edges are tried."""

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def _schema() -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_dict(document(), config=schemathesis.Config.from_str(CONFIG))


live = _schema().include(path_regex="/events$")
plain = _schema().exclude(path_regex="/events$")
plain.app = WSGIHandler()

answered: Counter[int] = Counter()


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[Rows]:
    """A tenant with a row of everything, committed once for all requests."""
    # As Django's test client does: what ends a request must not close the connection of the transaction around it.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    with django_db_blocker.unblock():
        rows = build("schemathesis", OWN)
        with tenant(rows.who.tenant.id):  # else each request would note anew that the key was used, and be undone
            ApiKey.objects.update(last_used_at=timezone.now() + timedelta(hours=1))
        yield rows
        _empty_tables()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def _quick(settings: Any) -> None:
    settings.EXECUTE_WAIT_SECONDS = 0


@plain.parametrize()
def test_every_answer_is_as_documented(case: schemathesis.Case, world: Rows) -> None:
    if case.operation.path in ALIKE and case.meta and case.meta.phase.name is TestPhase.COVERAGE:
        return
    _name_rows(case, world)
    with transaction.atomic():
        response = case.call(headers={"Authorization": f"Bearer {world.key}"})
        if response.status_code < 400:
            connection.check_constraints()  # what a commit would refuse
        transaction.set_rollback(True)
    answered[response.status_code] += 1
    case.validate_response(response, checks=CHECKS)


@live.parametrize()
def test_live_events_are_as_documented(case: schemathesis.Case, world: Rows) -> None:
    _name_rows(case, world)
    sent = requests.Request(**case.as_transport_kwargs(base_url="http://testserver")).prepare()
    sent.headers["Authorization"] = f"Bearer {world.key}"
    response = async_to_sync(_streamed)(sent)
    assert response.status_code != 501
    # OpenAPI 3.1 has no words for the events of a stream, only for its text.
    case.validate_response(
        response, checks=[check for check in CHECKS if check is not checks.response_schema_conformance]
    )


def test_good_requests_were_among_them() -> None:
    """Sharpness: were the key or the ids wrong, every answer would be a documented 401 or 404."""
    if answered.total() < 1000 and not os.environ.get("CI"):
        pytest.skip("only some operations were asked")
    assert answered[200] > 100
    assert answered[201] > 20
    assert answered[400] > 100


def _name_rows(case: schemathesis.Case, rows: Rows) -> None:
    """Put ids of rows that are there where a request names one: two times of three, else most would be 404."""
    for values in (case.path_parameters, case.query, case.body):
        if isinstance(values, dict):
            for name in values.keys() & rows.by_parameter.keys():
                if _is_id(values[name]) and zlib.crc32(repr(case.body).encode() + repr(case.query).encode()) % 3:
                    values[name] = rows.by_parameter[name]


def _is_id(value: object) -> bool:
    if isinstance(value, int):
        return True
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True


async def _streamed(sent: requests.PreparedRequest) -> httpx.Response:
    """The whole answer of the live view: the run has ended, so its stream ends."""
    answer = await AsyncClient().generic(sent.method, sent.path_url, headers=dict(sent.headers))
    content = b"".join([part async for part in answer]) if answer.streaming else answer.content
    request = httpx.Request(sent.method or "", sent.url or "")
    response = httpx.Response(answer.status_code, headers=dict(answer.headers), content=content, request=request)
    response.elapsed = timedelta()
    return response
