"""POST /execute: run a team and wait for the answer. A worker runs beside the request, as it does in a deployment."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from console import compat
from executions import runtime
from executions.models import Execution, Status
from executions.worker import Worker
from teams.models import Team
from teams.services import team_upsert
from teams.tenancy import tenant
from tests import factories
from tests.fakes import FakeLLMServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fake_model(settings: Any) -> Iterator[FakeLLMServer]:
    """An OpenAI-compatible server on loopback, set as the provider `openai`."""
    with FakeLLMServer() as server:
        settings.LLM_PROVIDERS = {"openai": {"base_url": server.base_url, "api_key": "test", "models": {}}}
        yield server


@contextmanager
def a_worker() -> Iterator[None]:
    """Runs what is queued, in a thread of its own."""
    stopped = threading.Event()

    def work() -> None:
        worker = Worker(slots=1)
        while not stopped.is_set():
            if not runtime.run_next(worker):
                time.sleep(0.02)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def runs(owner: Any) -> list[Execution]:
    with tenant(owner.tenant.id):
        return list(Execution.objects.all())


def test_answered(api: Any, alice: Any, fake_model: Any) -> None:
    team = factories.team(alice, "Writer", "Critic")
    with a_worker():
        answer = api(alice).post(f"/execute?team_id={team.id}")

    assert answer.status_code == 200
    body = answer.json()
    (run,) = runs(alice)
    assert (body["team_id"], body["execution_id"]) == (str(team.id), str(run.id))
    assert [agent["role"] for agent in body["agent_team"]] == ["Writer", "Critic"]
    assert [turn["role"] for turn in body["conversation_log"]] == ["Writer", "Critic"]
    assert body["final_answer"] == body["conversation_log"][-1]["message"]
    assert (run.status, run.source, run.version) == (Status.SUCCEEDED, "api", 1)


def test_a_config_is_stored_first(api: Any, alice: Any, fake_model: Any) -> None:
    team = factories.team(alice, "Writer", "Critic")
    with a_worker():
        body = api(alice).post(f"/execute?team_id={team.id}", factories.config("Editor")).json()

    assert [turn["role"] for turn in body["conversation_log"]] == ["Editor"]
    with tenant(alice.tenant.id):
        assert Team.objects.get(id=team.id).version == 2
    assert runs(alice)[0].version == 2


def test_the_config_that_was_sent_runs_whoever_stores_another_meanwhile(
    api: Any, alice: Any, fake_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = factories.team(alice, "Writer")

    def overtaken(**asked: Any) -> Any:
        saved = team_upsert(**asked)
        team_upsert(**asked | {"config": factories.config("Intruder")})
        return saved

    monkeypatch.setattr(compat, "team_upsert", overtaken)
    with a_worker():
        body = api(alice).post(f"/execute?team_id={team.id}", factories.config("Editor")).json()

    assert [turn["role"] for turn in body["conversation_log"]] == ["Editor"]
    assert runs(alice)[0].version == 2


def test_a_config_for_a_new_id(api: Any, alice: Any, fake_model: Any) -> None:
    team_id = uuid4()
    with a_worker():
        answer = api(alice).post(f"/execute?team_id={team_id}", factories.config("Editor"))
    assert answer.status_code == 200
    with tenant(alice.tenant.id):
        assert Team.objects.get(id=team_id).version == 1


def test_longer_than_the_server_waits(api: Any, alice: Any, fake_model: Any, settings: Any) -> None:
    settings.EXECUTE_WAIT_SECONDS = 0.1
    team = factories.team(alice)
    answer = api(alice).post(f"/execute?team_id={team.id}")

    assert answer.status_code == 202
    (run,) = runs(alice)
    url = f"/api/v1/executions/{run.id}"
    assert answer.json() == {"execution_id": str(run.id), "status": "queued", "status_url": url}
    assert answer["Location"] == url
    assert api(alice).get(url).status_code == 200


@pytest.mark.parametrize(("model", "code"), [("fake+401", "bad_credentials"), ("fake+404", "not_found")])
def test_the_provider_refuses(api: Any, alice: Any, fake_model: Any, model: str, code: str) -> None:
    ref = {"provider": "openai", "model": model}
    team = factories.team(alice, agents=[{"agent_role": "Writer", "LLM_model": ref}])
    with a_worker():
        answer = api(alice).post(f"/execute?team_id={team.id}")

    assert answer.status_code == 502
    (run,) = runs(alice)
    assert answer.json()["execution_id"] == str(run.id)
    assert answer.json()["error"]["code"] == code
    assert run.status == Status.FAILED


def test_every_error_of_a_provider_is_known_as_one() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "providers.md").read_text()
    told = re.search(r"- errors are typed: (.*?)\n\n", page, re.DOTALL)
    assert told
    assert set(re.findall(r"`(\w+)`", told[1])) <= compat.CODES_OF_PROVIDERS


def test_a_missing_team(api: Any, alice: Any) -> None:
    team_id = uuid4()
    answer = api(alice).post(f"/execute?team_id={team_id}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"Team ID {team_id} not found or is deleted"
    assert runs(alice) == []


def test_a_stored_config_that_no_longer_parses(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    with tenant(alice.tenant.id), connection.cursor() as cursor:
        cursor.execute("""UPDATE teams_team SET config = '{"agents": 5}' WHERE id = %s""", [team.id])
    answer = api(alice).post(f"/execute?team_id={team.id}")
    assert answer.status_code == 500
    assert answer.json()["detail"].startswith("Stored configuration is invalid: ")
    assert runs(alice) == []


def test_an_empty_object_is_a_config_and_not_a_valid_one(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    answer = api(alice).post(f"/execute?team_id={team.id}", {})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == "agent_team_main_goal"
    assert runs(alice) == []


def test_the_first_versions_flow(api: Any, alice: Any, fake_model: Any) -> None:
    """Build, execute, update, roll back, delete: as its documents list them."""
    client = api(alice)
    with a_worker():
        team_id = client.post("/build", factories.config("Writer")).json()["team_id"]
        assert client.post(f"/execute?team_id={team_id}").json()["final_answer"]
        assert client.post(f"/update_team?team_id={team_id}", factories.config("Editor")).json()["new_version"] == 2
        spoke = client.post(f"/execute?team_id={team_id}").json()["conversation_log"]
        assert [turn["role"] for turn in spoke] == ["Editor"]
        back = client.post(f"/rollback_team?team_id={team_id}&target_version=1").json()
        assert (back["restored_version"], back["new_version"]) == (1, 3)
        spoke = client.post(f"/execute?team_id={team_id}").json()["conversation_log"]
        assert [turn["role"] for turn in spoke] == ["Writer"]
        assert client.delete(f"/delete_team?team_id={team_id}").json()["deleted"] is True
        assert client.post(f"/execute?team_id={team_id}").status_code == 404
